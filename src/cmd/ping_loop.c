#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/ping.h"

/* The loop: send what is due, take what came, give up what is past its time, print, wait.
 *
 * When it ends: with all answers that -c asks for; at -w; at a signal; and when all is sent, after a wait for
 * the last answers. That wait is ping's for one host: twice the longest round-trip time (but an interval at
 * least), or -W where nothing came at all. */

enum {
    SEND_MOST = 4 * RAWSOCK_BATCH, /* before the next look at what came */
    LOOK_NS = NS_PER_MS,
};

/* ---- the end ---- */

static uint64_t last_wait(const struct ping *ping)
{
    const struct ping_options *o = &ping->options;
    if (o->timeout.given || ping->target_count > 1 || ping->received == 0)
        return ping->timeout_ns;
    const uint64_t twice = 2 * ping->longest_rtt_ns;
    return twice > ping->pace.gap_ns ? twice : ping->pace.gap_ns;
}

/* When the last answers are no longer waited for; UINT64_MAX while there are more to send. */
static uint64_t end_of_waiting(const struct ping *ping)
{
    return ping_has_more(ping) ? UINT64_MAX : ping->last_sent_ns + last_wait(ping);
}

static bool is_over(const struct ping *ping, uint64_t now_ns)
{
    const struct ping_options *o = &ping->options;
    if (ping->stopped || ping->reader_gone || ping->undone == 0 || now_ns >= ping->end_ns)
        return true;
    if (o->deadline.given && ping->errors > 0 && ping->target_count == 1)
        return true; /* as ping: an error is an answer, too */
    return !ping_has_more(ping) && (ping->waiting == 0 || now_ns >= end_of_waiting(ping));
}

/* ---- waiting ---- */

static void take_signals(struct ping *ping)
{
    struct signalfd_siginfo info;
    while (read(ping->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGQUIT)
            ping_say_counts(ping);
        else
            ping->stopped = true;
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_event(const struct ping *ping)
{
    uint64_t next = least(ping->end_ns, ping_flight_deadline(ping));
    if (ping_has_more(ping))
        return least(next, ping_pace_next(&ping->pace, ping->flying));
    return least(next, end_of_waiting(ping));
}

enum {
    POLLED = PING_RECEIVERS + 1
};

/* Until something came or is to be done. 0, or a negative errno. */
static int wait_for(struct ping *ping, uint64_t until_ns)
{
    struct pollfd fds[POLLED] = {{.fd = ping->signal_fd, .events = POLLIN}};
    const uint64_t now = clock_mono_ns(), ns = until_ns > now ? until_ns - now : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    for (uint32_t i = 0; i < ping->receiver_count; i++)
        fds[1 + i] = (struct pollfd){.fd = ping->receiver[i].raw->fd, .events = POLLIN};
    if (ppoll(fds, 1 + ping->receiver_count, &timeout, NULL) < 0 && errno != EINTR)
        return sd_fail_errno(&ping->err, errno, "cannot wait for answers");
    if (fds[0].revents != 0)
        take_signals(ping);
    for (uint32_t i = 0; i < ping->receiver_count; i++) {
        if ((fds[1 + i].revents & POLLERR) != 0) {
            ping_take_times(ping); /* or poll would return at once from now on */
            break;
        }
    }
    return 0;
}

/* Where nothing is waited for (--busy, a flood), signals and times of sending are looked for now and then. */
static void look_around(struct ping *ping, uint64_t now_ns)
{
    if (now_ns - ping->looked_ns < LOOK_NS)
        return;
    ping->looked_ns = now_ns;
    take_signals(ping);
    ping_take_times(ping);
}

/* ---- a turn ---- */

/* Several hosts: a round of all, then what is left of the interval. */
static void end_round(struct ping *ping)
{
    struct ping_pace *pace = &ping->pace;
    if (ping->cursor != 0)
        return;
    const uint64_t next = ping->round_began_ns + ping->round_ns;
    if (pace->due_ns < next)
        pace->due_ns = next;
    ping->round_began_ns = pace->due_ns;
}

static int send_due(struct ping *ping, uint64_t now_ns)
{
    uint32_t most = SEND_MOST;
    if (!ping_has_more(ping))
        return 0;
    if (ping->round_ns != 0 && ping->target_count - ping->cursor < most)
        most = ping->target_count - ping->cursor;
    const uint32_t count = ping_pace_take(&ping->pace, now_ns, ping->flying, most);
    const int failed = count > 0 ? ping_send(ping, count, now_ns) : 0;
    if (ping->round_ns != 0 && count > 0)
        end_round(ping);
    return failed;
}

static int turn(struct ping *ping)
{
    uint64_t now = clock_mono_ns();
    ping_flight_age(ping, now);
    int failed = send_due(ping, now);
    if (failed != 0)
        return failed;
    ping_headers_look(ping);
    const int came = ping_receive(ping);
    if (came < 0)
        return came;
    now = clock_mono_ns();
    ping_flight_give_up(ping, now);
    if (is_over(ping, now))
        return 0;
    if (ping->out.len > 0)
        ping_flush(ping);
    const uint64_t next = next_event(ping);
    if (!ping->options.busy && next > now)
        return wait_for(ping, next);
    look_around(ping, now);
    return 0;
}

static void begin(struct ping *ping)
{
    ping->start_ns = ping->last_sent_ns = clock_mono_ns();
    ping->end_ns = ping->options.deadline.given ? ping->start_ns + ping->options.deadline.ns : UINT64_MAX;
    ping->pace.due_ns = ping->round_began_ns = ping->start_ns;
    ping->undone = ping->target_count;
}

int ping_loop(struct ping *ping)
{
    int failed = 0;
    begin(ping);
    ping->view->head(ping);
    while (failed == 0 && !is_over(ping, clock_mono_ns()))
        failed = turn(ping);
    ping->stop_ns = clock_mono_ns();
    ping_flight_give_up(ping, UINT64_MAX);
    return failed;
}
