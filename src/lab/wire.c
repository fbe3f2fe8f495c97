#include "lab/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/privilege.h"
#include "capture/decode.h"
#include "capture/source.h"
#include "lab/net.h"
#include "lab/schedule.h"

/* One loop: deliver what is due, read what has come, sleep until the next of either. A frame's time begins
 * with the kernel's stamp on it, not when this process came to read it, so that a delay is exact although the
 * machine is busy.
 *
 * The forwarder lives as long as its control pipe: the supervisor holds the other end, and its death, however
 * it comes, closes it. */

enum {
    BURST = 64, /* frames read of one side before the other gets its turn */
    RING_BYTES = 8 << 20,
    LINK_EXTRA = 64, /* link-layer header and tags above the MTU */
    QUIET_NS = 10 * 1000000,
    DRAINED_NS = 10 * 1000000, /* how often the tap hears that all frames were told */
    STAMP_NS = 1000000,        /* from the kernel's stamp until a frame can be read, at the most */
    RETRY_NS = 100 * 1000,
    RETRIES = 1000,
};

struct wire {
    const struct lab_tap *tap;
    struct source *source[LAB_HOSTS];
    struct schedule *schedule;
    struct buf comment;
    int control;
    bool stopping;
    uint64_t quiet_ns;     /* how long nothing may come before the wire counts as quiet */
    uint64_t stop_ns;      /* when it was told to stop */
    uint64_t last_seen_ns; /* when the last frame came */
};

/* Not promiscuous, which costs time to begin and to end: a veth interface filters nothing. */
static int open_sources(struct wire *w, unsigned mtu, struct sd_err *err)
{
    static const char *const ends[LAB_HOSTS] = {NET_CLIENT_END, NET_SERVER_END};
    for (int side = 0; side < LAB_HOSTS; side++) {
        const struct source_live config = {
            .interface = ends[side],
            .snaplen = mtu + LINK_EXTRA,
            .buffer_bytes = RING_BYTES,
            .immediate = true,
            .inbound_only = true,
        };
        int failed = source_open_live(&w->source[side], &config, err);
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* When the frame came, on the monotonic clock: its stamp is of the real-time clock, which may be set. */
static uint64_t arrival_ns(uint64_t stamp_ns)
{
    const uint64_t now = clock_mono_ns(), real = clock_real_ns();
    const uint64_t age = real > stamp_ns ? real - stamp_ns : 0;
    return age < NS_PER_S && age < now ? now - age : now;
}

static int take_frame(struct wire *w, int side, struct packet *packet, struct sd_err *err)
{
    const uint64_t now = arrival_ns(packet->time_ns);
    decode_packet(packet);
    w->comment.len = 0;
    int failed = schedule_enter(w->schedule, packet, side, now, &w->comment);
    const char *comment = failed == 0 ? buf_cstr(&w->comment) : "";
    if (failed != 0 || w->comment.failed)
        return sd_fail(err, ENOMEM, "the lab's wire has no memory left for its frames");
    w->last_seen_ns = clock_mono_ns();
    if (w->tap != NULL && w->tap->frame != NULL)
        w->tap->frame(w->tap->context, (enum lab_host)side, packet->time_ns, packet->data,
                      packet->captured_len, packet->wire_len, comment);
    return 0;
}

/* Frames read, 0 when nothing is there, or a negative errno. */
static int read_side(struct wire *w, int side, struct sd_err *err)
{
    int count = 0;
    while (count < BURST) {
        struct capture_record record = {0};
        int got = source_next(w->source[side], &record, err);
        if (got == -EAGAIN)
            break;
        if (got < 0)
            return got;
        if (got == 0 || record.kind != CAPTURE_PACKET)
            break;
        int failed = take_frame(w, side, &record.packet, err);
        if (failed != 0)
            return failed;
        count++;
    }
    return count;
}

static void sleep_ns(uint64_t ns)
{
    const struct timespec span = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    (void)nanosleep(&span, NULL); /* cut short by a signal, the caller looks again sooner */
}

/* Deliver to the other side. A receiver whose queue is full for a moment is waited for: the wire loses only
 * what a rule says. */
static int deliver(struct wire *w, const struct schedule_frame *frame, struct sd_err *err)
{
    struct source *target = w->source[frame->side == LAB_CLIENT ? LAB_SERVER : LAB_CLIENT];
    int failed = 0;
    for (int i = 0; i < RETRIES; i++) {
        failed = source_inject(target, frame->data, frame->len);
        if (failed != -ENOBUFS && failed != -EAGAIN && failed != -ENOMEM)
            break;
        sleep_ns(RETRY_NS);
    }
    if (failed == -ENETDOWN || failed == -ENXIO || failed == -ENODEV)
        return -ENETDOWN;
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "the lab's wire cannot deliver a frame");
}

static int deliver_due(struct wire *w, struct sd_err *err)
{
    struct schedule_frame *frame;
    int failed = 0;
    while (failed == 0 && (frame = schedule_take(w->schedule, clock_mono_ns())) != NULL) {
        failed = deliver(w, frame, err);
        free(frame);
    }
    return failed;
}

/* The supervisor spoke: a byte asks to stop, the end of the pipe means that it is dead. */
static void read_control(struct wire *w)
{
    char word;
    ssize_t n = read(w->control, &word, 1);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        _exit(0);
    if (n == 1 && !w->stopping) {
        w->stopping = true;
        w->stop_ns = clock_mono_ns();
    }
}

static bool finished(const struct wire *w, uint64_t now)
{
    if (!w->stopping)
        return false;
    if (now - w->stop_ns >= NS_PER_S)
        return true;
    const uint64_t since = w->last_seen_ns > w->stop_ns ? w->last_seen_ns : w->stop_ns;
    return schedule_next(w->schedule) == UINT64_MAX && now - since >= w->quiet_ns;
}

/* Sleep until a frame comes or is due, the supervisor speaks, or a stop is complete. */
static int wait_for_work(struct wire *w, struct sd_err *err)
{
    struct pollfd fds[] = {
        {.fd = source_fd(w->source[LAB_CLIENT]), .events = POLLIN},
        {.fd = source_fd(w->source[LAB_SERVER]), .events = POLLIN},
        {.fd = w->control, .events = POLLIN},
    };
    const uint64_t now = clock_mono_ns();
    uint64_t until = schedule_next(w->schedule);
    if (w->stopping && until > now + QUIET_NS / 4)
        until = now + QUIET_NS / 4;
    if (w->tap != NULL && w->tap->drained != NULL && until > now + DRAINED_NS)
        until = now + DRAINED_NS;
    const uint64_t left = until > now ? until - now : 0;
    const struct timespec span = {.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
    int ready = ppoll(fds, sizeof fds / sizeof fds[0], until == UINT64_MAX ? NULL : &span, NULL);
    if (ready < 0 && errno != EINTR)
        return sd_fail_errno(err, errno, "the lab's wire cannot wait for frames");
    if (ready > 0 && fds[2].revents != 0)
        read_control(w);
    return 0;
}

static int forward(struct wire *w, struct sd_err *err)
{
    for (;;) {
        int failed = deliver_due(w, err);
        if (failed != 0)
            return failed;
        const uint64_t begin = clock_real_ns();
        const int client = read_side(w, LAB_CLIENT, err);
        const int server = client < 0 ? 0 : read_side(w, LAB_SERVER, err);
        if (client < 0 || server < 0)
            return client < 0 ? client : server;
        if (client < BURST && server < BURST && w->tap != NULL && w->tap->drained != NULL)
            w->tap->drained(w->tap->context, begin - STAMP_NS);
        if (finished(w, clock_mono_ns()))
            return 0;
        if (client == BURST || server == BURST || schedule_next(w->schedule) <= clock_mono_ns())
            continue;
        failed = wait_for_work(w, err);
        if (failed != 0)
            return failed;
    }
}

static int report_counts(struct wire *w, struct wire_report *report)
{
    uint64_t received[LAB_HOSTS], dropped[LAB_HOSTS];
    for (int side = 0; side < LAB_HOSTS; side++) {
        int failed = source_stats(w->source[side], &received[side], &dropped[side]);
        if (failed != 0)
            return sd_fail_errno(&report->err, -failed,
                                 "cannot read how many frames the lab's wire received");
        report->lost += dropped[side];
    }
    if (w->tap != NULL && w->tap->finished != NULL)
        w->tap->finished(w->tap->context, received, dropped);
    return 0;
}

static int prepare(struct wire *w, const struct wire_process *process, struct sd_err *err)
{
    const uint64_t way = process->wire->delay_ns + process->wire->jitter_ns;
    w->quiet_ns = 2 * way + QUIET_NS / 2;
    if (w->quiet_ns < QUIET_NS)
        w->quiet_ns = QUIET_NS;
    w->schedule = schedule_new(process->wire);
    if (w->schedule == NULL)
        return sd_fail(err, ENOMEM, "no memory for the lab's wire");
    int failed = open_sources(w, process->mtu, err);
    if (failed == 0)
        failed = privilege_drop(err);
    if (failed == 0)
        failed = lab_tie_to_parent(process->parent); /* again: a change of the user id unties */
    if (failed == 0)
        failed = privilege_filter(0, err);
    /* In a kernel without filters what counts is done: nothing is left to abuse. */
    return failed == -ENOSYS ? 0 : failed;
}

static void send_report(int fd, int failed, struct wire_report *report)
{
    if (failed == 0)
        report->err.code = 0;
    else if (report->err.code == 0)
        sd_fail_errno(&report->err, -failed, "the lab's wire failed");
    /* Nobody to tell when the supervisor is dead; the control pipe ends this process then. */
    (void)io_write_all(fd, report, sizeof *report);
}

_Noreturn void wire_run(const struct wire_process *process)
{
    /* Keys on the terminal are for the programs: what they still send must arrive. */
    static const int keys[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGPIPE};
    struct wire w = {.tap = process->tap, .control = process->control};
    struct wire_report report = {0};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        signal(keys[i], SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_NAME, "sockdiag-wire", 0, 0, 0);
    int failed = lab_tie_to_parent(process->parent);
    if (failed == 0)
        failed = prepare(&w, process, &report.err);
    send_report(process->report, failed, &report);
    if (failed == 0) {
        failed = forward(&w, &report.err);
        if (failed == -ENETDOWN)
            failed = 0; /* the hosts are gone: nothing is left to carry */
        if (failed == 0)
            failed = report_counts(&w, &report);
        send_report(process->report, failed, &report);
    }
    _exit(failed == 0 ? 0 : 1);
}
