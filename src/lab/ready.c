#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "lab/lab_private.h"
#include "lab/net.h"

/* The host's socket tables. An open file of /proc/net shows the namespace in which it was opened, from
 * wherever it is read: the supervisor goes to the host once, opens them, and comes back. */

enum {
    TABLES = 4,
    TCP_TABLES = 2, /* the first of them */
    STATE_LISTEN = 0x0a,
};

static int open_tables(const struct lab *lab, enum lab_host host, int fds[TABLES], struct sd_err *err)
{
    static const char *const paths[TABLES] = {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6",
                                              "/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"};
    int failed = net_enter(lab->host_ns[host], err);
    if (failed != 0)
        return failed;
    for (int i = 0; i < TABLES && failed == 0; i++) {
        fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0 && errno != ENOENT) /* no tcp6 in a kernel without IPv6 */
            failed = sd_fail_errno(err, errno, "cannot open %s", paths[i]);
    }
    int back = net_enter(lab->wire_ns, failed == 0 ? err : NULL);
    if (failed == 0 && back == 0 && fds[0] < 0 && fds[1] < 0)
        failed = sd_fail(err, ENOENT, "/proc/net has no table of TCP sockets; is /proc mounted?");
    return failed != 0 ? failed : back;
}

/* One line: "0: 0100007F:1F90 00000000:0000 0A …", all but the first number in hexadecimal. */
static bool is_ready(const char *line, bool tcp)
{
    unsigned port, state;
    if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) != 2)
        return false;
    return tcp ? state == STATE_LISTEN : port != 0;
}

static int read_table(int fd, struct buf *text, struct sd_err *err)
{
    text->len = 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sd_fail_errno(err, errno, "cannot read a table of /proc/net");
    for (;;) {
        if (!buf_reserve(text, 4096))
            return sd_fail(err, ENOMEM, "no memory for a table of /proc/net");
        ssize_t n = io_read_full(fd, text->data + text->len, text->cap - text->len);
        if (n < 0)
            return sd_fail_errno(err, (int)-n, "cannot read a table of /proc/net");
        if (n == 0)
            return 0;
        text->len += (size_t)n;
    }
}

/* 1: a socket is ready; 0: none; or a negative errno. */
static int look(int fd, bool tcp, struct buf *text, struct sd_err *err)
{
    if (fd < 0)
        return 0;
    int failed = read_table(fd, text, err);
    if (failed != 0)
        return failed;
    const char *line = buf_cstr(text);
    for (; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (is_ready(line, tcp))
            return 1;
    }
    return 0;
}

/* Has the child ended? It stays to be reaped. */
static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static int wait_tables(const int fds[TABLES], pid_t pid, unsigned deadline_ms, struct sd_err *err)
{
    const uint64_t deadline = clock_mono_ns() + (uint64_t)deadline_ms * NS_PER_MS;
    struct buf text = {0};
    int found = 0;
    while (found == 0) {
        for (int i = 0; i < TABLES && found == 0; i++)
            found = look(fds[i], i < TCP_TABLES, &text, err);
        if (found != 0)
            break;
        if (has_ended(pid))
            found = sd_fail(err, ECHILD, "the program ended before it listened");
        else if (clock_mono_ns() >= deadline)
            found = sd_fail(err, ETIMEDOUT, "the program did not listen within %u ms", deadline_ms);
        else
            (void)nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
    }
    buf_free(&text);
    return found == 1 ? 0 : found;
}

int lab_wait_ready(const struct lab *lab, enum lab_host host, pid_t pid, unsigned deadline_ms,
                   struct sd_err *err)
{
    int fds[TABLES] = {-1, -1, -1, -1};
    int failed = open_tables(lab, host, fds, err);
    if (failed == 0)
        failed = wait_tables(fds, pid, deadline_ms, err);
    for (int i = 0; i < TABLES; i++)
        io_close(&fds[i]);
    return failed;
}
