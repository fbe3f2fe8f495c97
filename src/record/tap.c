#include "record/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/privilege.h"

/* A packet can be read when its block is delivered; the timer of that may be late by a few milliseconds. */
#define DELIVERY_NS ((2 * TAP_BLOCK_MS + 10) * (uint64_t)NS_PER_MS)
#define QUIET_MS (4 * TAP_BLOCK_MS)
#define DRAIN_MS 500

struct tap {
    pid_t pid;
    int control; /* closing it asks the tap to end */
    int report;  /* where its result comes from */
};

/* Everything that is there now. 1: something came; 0: nothing; negative: the source ended. */
static int take_packets(struct source *source, struct recording *recording)
{
    struct capture_record record;
    struct sd_err err;
    int some = 0, got;
    while ((got = source_next(source, &record, &err)) == 1) {
        const struct packet *p = &record.packet;
        if (record.kind == CAPTURE_PACKET)
            recording_packet(recording, 0, p->time_ns, p->data, p->captured_len, p->wire_len, NULL);
        some = 1;
    }
    return got == -EAGAIN ? some : got == 0 ? -ENETDOWN : got;
}

static int run(struct source *source, struct recording *recording, int control)
{
    uint64_t drain_until = 0;
    for (;;) {
        bool draining = drain_until != 0;
        struct pollfd fds[2] = {{.fd = source_fd(source), .events = POLLIN}, {.fd = draining ? -1 : control}};
        int ready = poll(fds, 2, draining ? QUIET_MS : RECORDING_DRAIN_MS);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (!draining && fds[1].revents != 0)
            drain_until = clock_mono_ns() + DRAIN_MS * (uint64_t)NS_PER_MS;
        uint64_t begin = clock_real_ns();
        int some = take_packets(source, recording);
        if (some < 0)
            return some;
        recording_drained(recording, begin - DELIVERY_NS);
        if (draining && (some == 0 || clock_mono_ns() > drain_until))
            return 0;
    }
}

static _Noreturn void tap_main(struct source *source, struct recording *recording, int control, int report)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP};
    struct tap_result result = {0};
    struct sd_err err;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    prctl(PR_SET_NAME, "sockdiag-tap", 0, 0, 0);
    int failed = privilege_drop(&err);
    if (failed == 0)
        failed = privilege_filter(0, &err);
    if (failed == 0)
        failed = run(source, recording, control);
    result.failed = -failed;
    if (source_stats(source, &result.received, &result.dropped) == 0)
        recording_stats(recording, 0, result.received, result.dropped);
    io_write_all(report, &result, sizeof result); /* nobody to tell if this fails */
    _exit(0);
}

int tap_start(struct tap **out, struct source *source, struct recording *recording, struct sd_err *err)
{
    int control[2] = {-1, -1}, report[2] = {-1, -1}, ret = 0;
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL || pipe2(control, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        ret = sd_fail_errno(err, errno, "cannot set up the capture");
        goto out;
    }
    tap->pid = fork();
    if (tap->pid < 0) {
        ret = sd_fail_errno(err, errno, "cannot start the capture");
        goto out;
    }
    if (tap->pid == 0) {
        close(control[1]);
        close(report[0]);
        tap_main(source, recording, control[0], report[1]);
    }
    tap->control = control[1];
    tap->report = report[0];
    control[1] = report[0] = -1;
    *out = tap;
    tap = NULL;
out:
    source_close(source);
    io_close(&control[0]);
    io_close(&control[1]);
    io_close(&report[0]);
    io_close(&report[1]);
    free(tap);
    return ret;
}

void tap_stop(struct tap *tap, struct tap_result *result)
{
    *result = (struct tap_result){0};
    if (tap == NULL)
        return;
    io_close(&tap->control);
    if (io_read_full(tap->report, result, sizeof *result) != (ssize_t)sizeof *result)
        *result = (struct tap_result){.failed = ECHILD};
    while (waitpid(tap->pid, NULL, __WALL) < 0 && errno == EINTR)
        ; /* ECHILD: reaped by the recorder's wait for any child */
    io_close(&tap->report);
    free(tap);
}
