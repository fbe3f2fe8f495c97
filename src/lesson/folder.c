#include "lesson/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define DEEPEST 64 /* folders inside each other that are copied */

int folder_make(char **path, struct sd_err *err)
{
    const char *place = getenv("TMPDIR");
    if (place == NULL || place[0] != '/')
        place = "/tmp";
    *path = NULL;
    if (asprintf(path, "%s/sockdiag-lesson-XXXXXX", place) < 0) {
        *path = NULL;
        return sd_fail(err, ENOMEM, "out of memory");
    }
    if (mkdtemp(*path) != NULL)
        return 0;
    const int code = errno;
    free(*path);
    *path = NULL;
    return sd_fail_errno(err, code, "cannot make a folder in %s", place);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* `flags`: O_TRUNC or O_EXCL. */
static int copy_bytes(int from, int to, const char *name, int flags)
{
    char piece[65536];
    struct stat info;
    int failed = 0, target = -1;
    int source = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (source < 0 || fstat(source, &info) != 0)
        failed = -errno;
    else
        target = openat(to, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags,
                        0600 | (info.st_mode & 0111));
    if (failed == 0 && target < 0)
        failed = -errno;
    while (failed == 0) {
        const ssize_t n = io_read_full(source, piece, sizeof piece);
        if (n <= 0) {
            failed = (int)n;
            break;
        }
        failed = io_write_all(target, piece, (size_t)n);
    }
    io_close(&source);
    if (target >= 0 && close(target) != 0 && failed == 0)
        failed = -errno;
    return failed;
}

static int copy_file(int from, int to, const char *name, struct sd_err *err)
{
    const int failed = copy_bytes(from, to, name, O_TRUNC);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot copy the lesson's file %s", name);
}

int folder_copy_file(const char *from, const char *to, struct sd_err *err)
{
    const char *slash = strrchr(from, '/');
    char *folder = strndup(from, slash != NULL ? (size_t)(slash - from) + 1 : 0);
    int source =
        folder != NULL ? open(folder[0] != '\0' ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = folder == NULL ? -ENOMEM : source < 0 || target < 0 ? -errno : 0;
    if (failed == 0)
        failed = copy_bytes(source, target, slash != NULL ? slash + 1 : from, O_EXCL);
    io_close(&source);
    io_close(&target);
    free(folder);
    if (failed != 0 && failed != -EEXIST)
        sd_fail_errno(err, -failed, "cannot copy %s to %s", from, to);
    return failed;
}

static int copy_all(int from, int to, const char *except, unsigned depth, struct sd_err *err);

static int copy_folder(int from, int to, const char *name, unsigned depth, struct sd_err *err)
{
    int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), target = -1;
    int failed = source < 0 || (mkdirat(to, name, 0700) != 0 && errno != EEXIST) ? -errno : 0;
    if (failed == 0) {
        target = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        failed = target < 0 ? -errno : 0;
    }
    if (failed != 0)
        failed = sd_fail_errno(err, -failed, "cannot copy the lesson's folder %s", name);
    else if (depth >= DEEPEST)
        failed = sd_fail(err, ELOOP, "the lesson's folder %s is too deep", name);
    else
        failed = copy_all(source, target, NULL, depth + 1, err);
    io_close(&source);
    io_close(&target);
    return failed;
}

/* What is neither a file nor a folder has no place in a lesson, and is left out. */
static int copy_entry(int from, int to, const char *name, unsigned depth, struct sd_err *err)
{
    struct stat info;
    if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return sd_fail_errno(err, errno, "cannot copy %s", name);
    if (S_ISDIR(info.st_mode))
        return copy_folder(from, to, name, depth, err);
    return S_ISREG(info.st_mode) ? copy_file(from, to, name, err) : 0;
}

static int copy_all(int from, int to, const char *except, unsigned depth, struct sd_err *err)
{
    const int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again >= 0 ? fdopendir(again) : NULL;
    const struct dirent *entry;
    int failed = 0;
    if (list == NULL) {
        failed = sd_fail_errno(err, errno, "cannot list a lesson's folder");
        if (again >= 0)
            close(again);
        return failed;
    }
    while (failed == 0 && (errno = 0, entry = readdir(list)) != NULL) {
        if (!is_dots(entry->d_name) && (except == NULL || strcmp(entry->d_name, except) != 0))
            failed = copy_entry(from, to, entry->d_name, depth, err);
    }
    if (failed == 0 && errno != 0)
        failed = sd_fail_errno(err, errno, "cannot list a lesson's folder");
    closedir(list);
    return failed;
}

int folder_copy(const char *from, const char *to, const char *except, struct sd_err *err)
{
    int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), target = -1, failed = 0;
    if (source < 0)
        return sd_fail_errno(err, errno, "cannot open %s", from);
    target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        failed = sd_fail_errno(err, errno, "cannot open %s", to);
    else
        failed = copy_all(source, target, except, 0, err);
    io_close(&source);
    io_close(&target);
    return failed;
}

/* ---- removing ---- */

static int remove_all(int parent, const char *name);

static int remove_entries(int folder)
{
    DIR *list = fdopendir(folder); /* takes the descriptor */
    const struct dirent *entry;
    int failed = 0;
    if (list == NULL) {
        failed = -errno;
        close(folder);
        return failed;
    }
    while ((errno = 0, entry = readdir(list)) != NULL) {
        const int one = is_dots(entry->d_name) ? 0 : remove_all(dirfd(list), entry->d_name);
        failed = failed != 0 ? failed : one;
    }
    closedir(list);
    return failed;
}

/* A folder that a program took its own rights from gets them back first. */
static int remove_all(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return -errno;
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return -errno;
    fchmod(folder, 0700);
    const int failed = remove_entries(folder);
    if (failed != 0)
        return failed;
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

int folder_remove(const char *path, struct sd_err *err)
{
    const int failed = remove_all(AT_FDCWD, path);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot remove %s", path);
}
