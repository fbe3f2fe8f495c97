/* As hostile.py: what needs a system call of its own. got.txt is "safe", or tells what was not refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *got;
static int harm;

static void refused(const char *what, long result)
{
    if (result < 0)
        return;
    fprintf(got, "%s\n", what);
    harm++;
}

#define REFUSED(call) refused(#call, (long)(call))

static void calls(void)
{
    int loud = 1 << 30, fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    REFUSED(mount("tmpfs", "/tmp", "tmpfs", 0, ""));
    REFUSED(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
    REFUSED(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    REFUSED(mount("/usr", "/tmp", NULL, MS_BIND, NULL));
    REFUSED(umount2("/lesson", MNT_DETACH));
    REFUSED(umount2("/proc", MNT_DETACH));
    REFUSED(syscall(SYS_pivot_root, "/tmp", "/tmp"));
    REFUSED(syscall(SYS_fsopen, "tmpfs", 0));
    REFUSED(syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
    REFUSED(syscall(SYS_clone3, NULL, 0));
    REFUSED(syscall(SYS_memfd_create, "memory", 0));
    REFUSED(syscall(SYS_shmget, 0, 1 << 20, 0600));
    REFUSED(syscall(SYS_msgget, 0, 0600));
    REFUSED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
    REFUSED(syscall(SYS_add_key, "user", "hostile", "x", 1, KEY_SPEC_USER_KEYRING));
    REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
    REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
    REFUSED(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
    REFUSED(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
    REFUSED(open("/proc/1/mem", O_RDWR));
    REFUSED(open("/proc/1/root", O_RDONLY));
    REFUSED(open("/proc/1/ns/mnt", O_RDONLY));
    REFUSED(mknod("device", S_IFBLK | 0600, 0x0801));
    REFUSED(sethostname("hostile", 7));
    REFUSED(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &loud, sizeof loud));
    REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
    REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    for (int family = AF_PACKET + 1; family < 64; family++)
        REFUSED(socket(family, SOCK_DGRAM, 0));
}

/* init has the user of this process outside: its limits may be set, and that harms only this sandbox. */
static void starve_init(void)
{
    struct rlimit none = {0, 0};
    prlimit(1, RLIMIT_CPU, &none, NULL);
    prlimit(1, RLIMIT_NOFILE, &none, NULL);
    prlimit(1, RLIMIT_NPROC, &none, NULL);
}

/* Memory that no process is seen to have. */
static void hidden(void)
{
    for (;;) {
        const size_t size = 64 << 20;
        char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
            return;
        memset(shared, 1, size);
        madvise(shared, size, MADV_DONTNEED);
    }
}

static void bomb(void)
{
    for (;;)
        fork();
}

static void crash(void)
{
    fclose(got);
    raise(SIGSEGV);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"calls", calls}, {"starve", starve_init}, {"hidden", hidden}, {"bomb", bomb}, {"crash", crash}};
    got = fopen("got.txt", "w");
    for (size_t i = 0; got != NULL && argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name) == 0)
            modes[i].run();
    }
    if (got == NULL || (harm == 0 && fputs("safe", got) < 0))
        return 3;
    return fclose(got) == 0 ? 0 : 3;
}
