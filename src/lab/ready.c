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
    STATE_TIME_WAIT = 0x06,
    STATE_CLOSE = 0x07,
    STATE_LISTEN = 0x0a,
};

/* What is looked for in a line of a table. */
typedef bool line_test(unsigned port, unsigned state, bool tcp);

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

static bool is_ready(unsigned port, unsigned state, bool tcp)
{
    return tcp ? state == STATE_LISTEN : port != 0;
}

/* A connection whose end the other side has not confirmed yet. */
static bool is_open(unsigned port, unsigned state, bool tcp)
{
    (void)port;
    return tcp && state != STATE_LISTEN && state != STATE_TIME_WAIT && state != STATE_CLOSE;
}

/* One line: "0: 0100007F:1F90 00000000:0000 0A …", all but the first number in hexadecimal. */
static bool line_passes(const char *line, bool tcp, line_test *test)
{
    unsigned port, state;
    if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) != 2)
        return false;
    return test(port, state, tcp);
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

/* 1: a socket passes the test; 0: none; or a negative errno. */
static int look(int fd, bool tcp, line_test *test, struct buf *text, struct sd_err *err)
{
    if (fd < 0)
        return 0;
    int failed = read_table(fd, text, err);
    if (failed != 0)
        return failed;
    const char *line = buf_cstr(text);
    for (; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (line_passes(line, tcp, test))
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
            found = look(fds[i], i < TCP_TABLES, is_ready, &text, err);
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

/* 1: a host has an open connection; 0: none; or a negative errno. */
static int any_open(int fds[LAB_HOSTS][TABLES], struct buf *text, struct sd_err *err)
{
    int found = 0;
    for (int host = 0; host < LAB_HOSTS; host++) {
        for (int i = 0; i < TCP_TABLES && found == 0; i++)
            found = look(fds[host][i], true, is_open, text, err);
    }
    return found;
}

int lab_wait_closed(const struct lab *lab, unsigned deadline_ms, struct sd_err *err)
{
    const uint64_t deadline = clock_mono_ns() + (uint64_t)deadline_ms * NS_PER_MS;
    int fds[LAB_HOSTS][TABLES] = {{-1, -1, -1, -1}, {-1, -1, -1, -1}};
    struct buf text = {0};
    int found = open_tables(lab, LAB_CLIENT, fds[LAB_CLIENT], err);
    if (found == 0)
        found = open_tables(lab, LAB_SERVER, fds[LAB_SERVER], err);
    if (found == 0)
        found = any_open(fds, &text, err);
    while (found == 1 && clock_mono_ns() < deadline) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
        found = any_open(fds, &text, err);
    }
    for (int i = 0; i < LAB_HOSTS * TABLES; i++)
        io_close(&fds[i / TABLES][i % TABLES]);
    buf_free(&text);
    return found;
}
