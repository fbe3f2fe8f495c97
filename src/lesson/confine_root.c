#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "lab/namespaces.h"
#include "lesson/confine_private.h"

/* The file system of a sandbox. A read-only mount keeps nobody from a socket, a FIFO or a device that stands
 * in it, so it is not the machine's tree made read-only but one of its own, with only those folders of the
 * machine in it that hold programs. */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define BASE "/tmp" /* is there on every machine; covered while the new root is made */

static int fail_mount(const char *what, struct sd_err *err)
{
    const int code = errno;
    if (code == EPERM || code == EACCES)
        return namespaces_explain(code, "cannot make the sandbox's file system", err);
    return sd_fail_errno(err, code, "cannot make the sandbox's file system (%s)", what);
}

/* ---- what is mounted ---- */

static int mount_tmpfs(const char *target, uint64_t size, unsigned inodes, mode_t mode, struct sd_err *err)
{
    char options[128];
    snprintf(options, sizeof options, "mode=%o,size=%llu,nr_inodes=%u", mode, (unsigned long long)size,
             inodes);
    if (mkdir(target, 0755) != 0 && errno != EEXIST)
        return fail_mount(target, err);
    return mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : fail_mount(target, err);
}

/* Folders of programs, and what they need. A link stays one ("/bin" is "usr/bin" on most machines). */
static int show_folder(const char *name, struct sd_err *err)
{
    char path[64], target[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "/%s", name);
    if (lstat(path, &st) != 0)
        return 0; /* this machine has none */
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            return fail_mount(path, err);
        target[n] = '\0';
        return symlink(target, name) == 0 ? 0 : fail_mount(path, err);
    }
    if (mkdir(name, 0755) != 0 || mount(path, name, NULL, MS_BIND | MS_REC, NULL) != 0)
        return fail_mount(path, err);
    return 0;
}

static const char *const shown[] = {"usr",   "bin",    "sbin", "lib", "lib32",
                                    "lib64", "libx32", "etc",  "nix", "gnu"};

static int show_folders(struct sd_err *err)
{
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(shown) && failed == 0; i++)
        failed = show_folder(shown[i], err);
    return failed;
}

static bool is_shown(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        const size_t len = strlen(shown[i]);
        if (strncmp(path + 1, shown[i], len) == 0 && path[len + 1] == '/')
            return true;
    }
    return false;
}

/* Where a search path has a program; false where it has none. */
static bool search(const char *path, const char *name, char file[PATH_MAX])
{
    while (path != NULL && *path != '\0') {
        const size_t len = strcspn(path, ":");
        int n = snprintf(file, PATH_MAX, "%.*s/%s", (int)len, path, name);
        if (len > 0 && n < PATH_MAX && access(file, X_OK) == 0)
            return true;
        path += len;
        path += *path == ':';
    }
    return false;
}

/* Some systems have their programs below /nix or /gnu, and the caller's PATH leads there. */
static int link_tools(struct sd_err *err)
{
    static const char *const tools[] = {"python3", "cc"};
    char file[PATH_MAX], real[PATH_MAX], link[64];
    if (mkdir(&CONFINE_PROGRAMS[1], 0755) != 0)
        return fail_mount(CONFINE_PROGRAMS, err);
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        if (search(CONFINE_PATH, tools[i], file) || !search(getenv("PATH"), tools[i], file) ||
            realpath(file, real) == NULL || !is_shown(real))
            continue;
        snprintf(link, sizeof link, "%s/%s", &CONFINE_PROGRAMS[1], tools[i]);
        if (symlink(real, link) != 0)
            return fail_mount(link, err);
    }
    return 0;
}

static int make_devices(struct sd_err *err)
{
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom"};
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"}};
    char source[32];
    if (mkdir("dev", 0755) != 0)
        return fail_mount("/dev", err);
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        snprintf(source, sizeof source, "/dev/%s", nodes[i]);
        int fd = open(source + 1, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail_mount(source, err);
        close(fd);
        if (mount(source, source + 1, NULL, MS_BIND, NULL) != 0)
            return fail_mount(source, err);
    }
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        if (symlink(links[i][0], links[i][1]) != 0)
            return fail_mount(links[i][1], err);
    }
    return mount_tmpfs("dev/shm", 16 << 20, 256, 01777, err);
}

/* A /proc of this pid namespace. The kernel refuses it where parts of the present one are covered, as
 * containers do. */
static int mount_proc(struct sd_err *err)
{
    if (mkdir("proc", 0755) != 0)
        return fail_mount("/proc", err);
    if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
        return 0;
    if (errno == EPERM)
        return sd_fail(err, EPERM,
                       "cannot mount a /proc for the sandbox: this container covers parts of /proc (docker: "
                       "--security-opt systempaths=unconfined), or its user namespaces are without rights");
    return fail_mount("/proc", err);
}

/* This program and its texts: copies, as the caller's files may stand where the sandbox does not reach. */
static int copy_file(int from, const char *path, mode_t mode, struct sd_err *err)
{
    ssize_t n = 1;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (to < 0)
        return fail_mount(path, err);
    off_t at = 0;
    while (n > 0)
        n = sendfile(to, from, &at, 1 << 30);
    const int code = errno;
    close(to);
    return n == 0 ? 0 : sd_fail_errno(err, code, "cannot copy this program into the sandbox");
}

/* Where the program looks first (base/i18n.c). */
static int copy_catalogue(int from, struct sd_err *err)
{
    char path[128];
    if (from < 0)
        return 0;
    const int len =
        snprintf(path, sizeof path, CONFINE_PROGRAMS "/locale/%s/LC_MESSAGES/sockdiag.mo", i18n_language());
    for (int i = (int)sizeof CONFINE_PROGRAMS; i < len; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0755) != 0)
            return fail_mount(path, err);
        path[i] = '/';
    }
    return copy_file(from, path, 0644, err);
}

static int copy_folder(const struct bundle *folder, struct sd_err *err)
{
    int dir = open(CONFINE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return fail_mount(CONFINE_FOLDER, err);
    int failed = bundle_write(folder, dir, err);
    close(dir);
    return failed;
}

/* ---- read-only ---- */

static bool may_be_written(const char *path)
{
    static const char *const writable[] = {CONFINE_FOLDER, "/tmp", "/dev/shm", "/proc"};
    for (size_t i = 0; i < COUNT_OF(writable); i++) {
        if (strcmp(path, writable[i]) == 0)
            return true;
    }
    return false;
}

/* In place: \040 is a blank (proc(5), mountinfo). */
static void unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[3] >= '0') {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* The flags that a remount has to repeat, as the mounts of another namespace are locked to them. */
static unsigned long flags_of(const char *options)
{
    static const struct {
        const char *word;
        unsigned long flag;
    } table[] = {{"noexec", MS_NOEXEC}, {"nosymfollow", 256 /* MS_NOSYMFOLLOW, Linux 5.10 */}};
    unsigned long flags = 0;
    for (const char *at = options; *at != '\0'; at += strspn(at, ",")) {
        const size_t len = strcspn(at, ",");
        for (size_t i = 0; i < COUNT_OF(table); i++) {
            if (strlen(table[i].word) == len && strncmp(at, table[i].word, len) == 0)
                flags |= table[i].flag;
        }
        at += len;
    }
    return flags;
}

/* One line of mountinfo: "36 35 98:0 /root /mount/point rw,noatime …". */
static int protect(char *line, struct sd_err *err)
{
    char *field[6];
    char *rest = line;
    for (size_t i = 0; i < COUNT_OF(field); i++) {
        field[i] = strsep(&rest, " ");
        if (field[i] == NULL)
            return sd_fail(err, EPROTO, "/proc/self/mountinfo is not as proc(5) describes it");
    }
    char *path = field[4];
    unescape(path);
    if (may_be_written(path))
        return 0;
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | flags_of(field[5]);
    if (strncmp(path, "/dev/", 5) != 0)
        flags |= MS_NODEV;
    return mount(NULL, path, NULL, flags, NULL) == 0 ? 0 : fail_mount(path, err);
}

static int read_mounts(struct buf *text, struct sd_err *err)
{
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    if (fd < 0)
        return fail_mount("/proc/self/mountinfo", err);
    while (n > 0) {
        if (!buf_reserve(text, 4096)) {
            errno = ENOMEM;
            n = -1;
            break;
        }
        n = read(fd, text->data + text->len, 4096);
        if (n > 0)
            text->len += (size_t)n;
    }
    const int code = errno;
    close(fd);
    buf_char(text, '\0');
    return n == 0 && !text->failed ? 0 : sd_fail_errno(err, code, "cannot read /proc/self/mountinfo");
}

static int protect_all(struct sd_err *err)
{
    struct buf text = {0};
    int failed = read_mounts(&text, err);
    char *rest = (char *)text.data, *line;
    while (failed == 0 && (line = strsep(&rest, "\n")) != NULL && *line != '\0')
        failed = protect(line, err);
    buf_free(&text);
    return failed;
}

/* ---- what is no file ---- */

/* Limits of this user namespace (namespaces(7), inotify(7)): what a stranger makes many of is the kernel's
 * memory. */
static int limit_kernel_objects(struct sd_err *err)
{
    static const struct {
        const char *name, *most;
    } table[] = {
        {"user_namespaces", "1"}, {"mnt_namespaces", "2"},     {"net_namespaces", "16"},
        {"pid_namespaces", "1"},  {"ipc_namespaces", "1"},     {"uts_namespaces", "1"},
        {"time_namespaces", "1"}, {"cgroup_namespaces", "1"},  {"inotify_instances", "16"},
        {"fanotify_groups", "4"}, {"inotify_watches", "1024"},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/sys/user/max_%s", table[i].name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue; /* an older kernel */
        int failed = fd < 0 ? -errno : io_write_all(fd, table[i].most, strlen(table[i].most));
        io_close(&fd);
        if (failed != 0)
            return sd_fail_errno(err, -failed, "cannot write %s", path);
    }
    return 0;
}

static int raise_loopback(struct sd_err *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failed = 0;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        failed = sd_fail_errno(err, errno, "cannot raise the sandbox's loopback");
    io_close(&fd);
    return failed;
}

/* ---- all of it ---- */

static int enter(struct sd_err *err)
{
    /* The old root on top of the new one, to be taken off (pivot_root(2)): no folder is needed for it. */
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return fail_mount("pivot_root", err);
    return 0;
}

int confine_build_root(const struct confine_place *place, struct sd_err *err)
{
    const struct confine_limits *limits = &place->config->limits;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return fail_mount("private mounts", err);
    int failed = mount_tmpfs(BASE, 256 << 20, 1024, 0755, err);
    if (failed == 0 && chdir(BASE) != 0)
        failed = fail_mount(BASE, err);
    if (failed == 0)
        failed = show_folders(err);
    if (failed == 0)
        failed = link_tools(err);
    if (failed == 0)
        failed = make_devices(err);
    if (failed == 0)
        failed = mount_proc(err);
    if (failed == 0)
        failed = mount_tmpfs("tmp", 16 << 20, 1024, 01777, err);
    if (failed == 0)
        failed = mount_tmpfs(&CONFINE_FOLDER[1], limits->folder, BUNDLE_MOST_FILES, 0755, err);
    if (failed == 0)
        failed = enter(err);
    if (failed == 0)
        failed = copy_file(place->own_program, CONFINE_PROGRAMS "/sockdiag", 0755, err);
    if (failed == 0)
        failed = copy_catalogue(place->catalogue, err);
    if (failed == 0)
        failed = copy_folder(place->config->folder, err);
    if (failed == 0)
        failed = limit_kernel_objects(err);
    if (failed == 0)
        failed = protect_all(err);
    if (failed == 0)
        failed = raise_loopback(err);
    return failed;
}
