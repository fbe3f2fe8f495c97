#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/route.h"

enum {
    SPACING_MS =
        4,        /* between the probes of a round: no burst, and the first round ends where the path does */
    RETRY_MS = 5, /* the queue of this machine is full */
    EXPLAINED_MS = 300, /* the least that a silent hop is waited for when all behind it have answered */
    EXPLAINED_RTTS = 4,
    HALF_OPEN_MS = 1000, /* no SYN-ACK for so long: TCP itself repeats its SYN then (RFC 6298, 2.1) */
    MTU_ROUNDS = 3,      /* --watch: rounds before the path MTU is looked for */
    REDRAW_MS = 100,
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t under_way(const struct hop *hop)
{
    return hop->sent - hop->received - hop->lost;
}

/* ---- rounds ---- */

static unsigned last_ttl(const struct route *route)
{
    const unsigned end = hops_end(&route->hops);
    return end != 0 ? end : (unsigned)route->options.max_hops;
}

static bool rounds_left(const struct route *route)
{
    return route->next_ttl != 0 || route->rounds == 0 || route->round < route->rounds;
}

static void begin_round(struct route *route, uint64_t now)
{
    route->round++;
    route->round_ns = now;
    route->next_ttl = 1;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The next probe's TTL, or the next round's beginning. */
static void step_round(struct route *route, uint64_t now)
{
    const uint64_t spaced = now + (uint64_t)SPACING_MS * NS_PER_MS;
    if (route->next_ttl < last_ttl(route)) {
        route->next_ttl++;
        route->next_send_ns = spaced;
        return;
    }
    route->next_ttl = 0;
    route->next_send_ns = later(route->round_ns + route->options.interval_ns, spaced);
}

/* When the next probe is due. All SYNs are one flow: one that meets the half-open connection of the last
 * round gets no SYN-ACK and would count as lost. This kernel's RST, which ends that connection, follows the
 * SYN-ACK at once: so a round begins when the target has answered the one before. */
static uint64_t due_ns(const struct route *route)
{
    const unsigned end = hops_end(&route->hops);
    const bool between = route->next_ttl == 0 && route->round > 0;
    if (!between || route->shape.method != PROBE_TCP)
        return route->next_send_ns;
    const bool answered = end != 0 && under_way(&route->hops.hop[end]) == 0;
    return later(route->next_send_ns, answered ? route->last_reply_ns + (uint64_t)SPACING_MS * NS_PER_MS
                                               : route->last_sent_ns + (uint64_t)HALF_OPEN_MS * NS_PER_MS);
}

static int send_due(struct route *route, uint64_t now)
{
    if (!rounds_left(route) || now < due_ns(route))
        return 0;
    if (route->next_ttl == 0)
        begin_round(route, now);
    if (route->next_ttl > last_ttl(route)) { /* the end became known since */
        step_round(route, now);
        return 0;
    }
    const unsigned ttl = route->next_ttl;
    const struct route_flight flight = {.ttl = (uint8_t)ttl};
    const int failed = route_send(route, (uint8_t)ttl, 0, &flight);
    if (failed == -ENOMEM)
        return sd_fail_errno(&route->err, ENOMEM, "cannot send");
    if (failed == -EAGAIN) {
        route->next_send_ns = now + (uint64_t)RETRY_MS * NS_PER_MS;
        return 0;
    }
    if (failed != 0) {
        route->send_failed = -failed;
        route->not_sent++;
    } else
        hops_sent(&route->hops, ttl);
    step_round(route, now);
    return 0;
}

static void expire(struct route *route, uint64_t now)
{
    const struct track_probe *probe = NULL;
    while ((probe = track_expire(&route->track, now)) != NULL) {
        const struct route_flight *flight = &route->flight[probe->number % ROUTE_FLIGHTS];
        if (flight->for_mtu || flight->given_up || route->track.next - probe->number > ROUTE_FLIGHTS)
            continue;
        hops_lost(&route->hops, flight->ttl);
        route->news = true;
    }
}

/* ---- is all known? ---- */

static uint64_t patience_of(const struct route *route)
{
    const uint64_t least = (uint64_t)EXPLAINED_MS * NS_PER_MS;
    const uint64_t patience = route->longest_rtt_ns * EXPLAINED_RTTS;
    return patience > least ? patience : least;
}

/* Nothing more can be expected of the hops: every probe up to the path's end is answered or given up. Where
 * the end has answered all, a hop before it that did not in several times the longest round trip will not. */
static bool hops_are_known(const struct route *route, uint64_t now)
{
    const unsigned end = hops_end(&route->hops);
    uint64_t waiting = 0;
    for (unsigned ttl = 1; ttl <= last_ttl(route); ttl++)
        waiting += under_way(&route->hops.hop[ttl]);
    if (waiting == 0)
        return true;
    if (end == 0 || under_way(&route->hops.hop[end]) > 0)
        return false;
    return now >= route->last_sent_ns + patience_of(route);
}

/* When that may become true although nothing comes; UINT64_MAX: it will not. */
static uint64_t patience_ends(const struct route *route, uint64_t now)
{
    const uint64_t end = route->last_sent_ns + patience_of(route);
    return hops_end(&route->hops) != 0 && end > now ? end : UINT64_MAX;
}

static void give_up_rest(struct route *route)
{
    const uint32_t next = route->track.next;
    for (uint32_t n = next > ROUTE_FLIGHTS ? next - ROUTE_FLIGHTS : 0; n != next; n++) {
        const struct track_probe *probe = track_find(&route->track, n, 32);
        struct route_flight *flight = &route->flight[n % ROUTE_FLIGHTS];
        if (probe == NULL || probe->answered || probe->lost || flight->for_mtu || flight->given_up)
            continue;
        flight->given_up = true;
        hops_lost(&route->hops, flight->ttl);
    }
}

/* ---- the path MTU ---- */

static unsigned hop_of(void *context, const struct packet_address *address)
{
    const struct route *route = context;
    return hops_find(&route->hops, address);
}

/* How far large probes are sent: to the target, else to the last router that forwarded to nobody we hear. A
 * refusal comes from the hop before it, mostly late. */
static unsigned mtu_end(const struct route *route)
{
    unsigned end = hops_last_answering(&route->hops);
    while (end > 1 && route->hops.hop[end].kind != HOP_TARGET && route->hops.hop[end].kind != HOP_ROUTER)
        end--;
    return end;
}

static void begin_mtu(struct route *route)
{
    const unsigned end = mtu_end(route);
    const uint32_t most = UINT16_MAX + (route->target.family == 6 ? 40U : 0);
    const uint64_t gap = 50 * (uint64_t)NS_PER_MS, least = 300 * (uint64_t)NS_PER_MS;
    const uint64_t rtt = end != 0 ? route->hops.hop[end].rtt.max_ns : 0;
    struct pmtu_config config = {
        .local = route->path.interface_mtu < most ? route->path.interface_mtu : most,
        .small = route_probe_len(route),
        .least = route->target.family == 6 ? 1280 : 68,
        .end = (uint8_t)end,
        .wait_ns = earlier(rtt * EXPLAINED_RTTS + least, route->options.wait_ns),
        .hop_of = hop_of,
        .context = route,
    };
    if (!route->options.watch)
        give_up_rest(route);
    route->mtu_begun = true;
    route->mtu_done = end == 0;
    config.gap_ns = earlier(rtt + rtt / 2 > gap ? rtt + rtt / 2 : gap, config.wait_ns / 2);
    for (unsigned ttl = 1; ttl <= end; ttl++)
        config.answers[ttl] = route->hops.hop[ttl].received > 0;
    pmtu_begin(&route->pmtu, &config);
}

static int step_mtu(struct route *route, uint64_t now, uint64_t *until)
{
    const struct packet_address here = {0};
    struct pmtu_probe probe;
    while (route->mtu_begun && !route->mtu_done) {
        uint64_t wait = 0;
        const enum pmtu_step step = pmtu_next(&route->pmtu, now, &probe, &wait);
        if (step == PMTU_DONE) {
            route->mtu_done = route->news = true;
            return 0;
        }
        if (step == PMTU_WAIT) {
            *until = earlier(*until, wait);
            return 0;
        }
        const struct route_flight flight = {.ttl = probe.ttl, .for_mtu = true, .ticket = probe.ticket};
        const int failed = route_send(route, probe.ttl, probe.size, &flight);
        if (failed == -ENOMEM)
            return sd_fail_errno(&route->err, ENOMEM, "cannot send");
        if (failed == -EMSGSIZE)
            pmtu_too_big(&route->pmtu, probe.ticket, &here, 0);
        else if (failed != 0 && failed != -EAGAIN)
            route->send_failed = -failed; /* counts as lost */
    }
    return 0;
}

static bool mtu_is_due(const struct route *route, uint64_t now)
{
    if (route->mtu_begun || route->options.no_mtu)
        return false;
    return route->options.watch ? route->round > MTU_ROUNDS
                                : !rounds_left(route) && hops_are_known(route, now);
}

/* ---- waiting ---- */

static void take_signal(struct route *route)
{
    struct signalfd_siginfo info;
    while (read(route->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH)
            route_watch_resize(route);
        else if (info.ssi_signo == SIGTSTP)
            route_watch_suspend(route);
        else
            route->stopped = true;
    }
}

static int wait_for(struct route *route, uint64_t now, uint64_t until)
{
    enum {
        SIGNALS,
        KEYS,
        NAMES,
        FIRST_SOCKET,
        COUNT = FIRST_SOCKET + ROUTE_RECEIVERS
    };
    struct pollfd fds[COUNT] = {
        [SIGNALS] = {.fd = route->signal_fd, .events = POLLIN},
        [KEYS] = {.fd = route_watch_has_keys(route) ? STDIN_FILENO : -1, .events = POLLIN},
        [NAMES] = {.fd = names_fd(route->names), .events = POLLIN},
    };
    for (unsigned i = 0; i < ROUTE_RECEIVERS; i++) {
        const struct route_receiver *receiver = &route->way->receiver[i];
        fds[FIRST_SOCKET + i] =
            (struct pollfd){.fd = receiver->open ? receiver->raw.fd : -1, .events = POLLIN};
    }
    const uint64_t ns = until > now ? until - now : 0;
    const struct timespec timeout = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    if (ppoll(fds, COUNT, until == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
        return sd_fail_errno(&route->err, errno, "cannot wait for packets");
    if (fds[SIGNALS].revents != 0)
        take_signal(route);
    if (fds[KEYS].revents != 0)
        route_watch_key(route);
    if (fds[NAMES].revents != 0 && names_take(route->names))
        route->news = true;
    return route_receive(route);
}

/* What was drawn is old, or a round without a terminal is over. */
static int show(struct route *route, uint64_t now, uint64_t *until, uint64_t *shown_ns, uint64_t *shown_round)
{
    if (route->screen != NULL) {
        if (route->news && now >= *shown_ns + (uint64_t)REDRAW_MS * NS_PER_MS) {
            route_watch_draw(route);
            *shown_ns = now;
            route->news = false;
        }
        if (route->news)
            *until = earlier(*until, *shown_ns + (uint64_t)REDRAW_MS * NS_PER_MS);
        return 0;
    }
    /* Before the next round begins, so that nearly all of this one's answers are there. */
    if (!route->options.watch || route->next_ttl != 0 || route->round == *shown_round ||
        now < due_ns(route) || !rounds_left(route))
        return 0;
    struct buf out = {0};
    *shown_round = route->round;
    if (route->options.common.json)
        route_json(route, &out);
    else
        route_text_table(route, &out);
    return route_print(route, &out);
}

static bool is_done(struct route *route, uint64_t now)
{
    if (rounds_left(route) || !hops_are_known(route, now))
        return false;
    return route->options.no_mtu || (route->mtu_begun && route->mtu_done);
}

int route_loop(struct route *route)
{
    uint64_t shown_ns = 0, shown_round = 0;
    route->rounds = route->options.probes;
    if (route->rounds == 0 && !route->options.watch)
        route->rounds = 3;
    while (!route->stopped) {
        const uint64_t now = clock_mono_ns();
        uint64_t until = UINT64_MAX;
        expire(route, now);
        int failed = show(route, now, &until, &shown_ns, &shown_round);
        if (failed == 0)
            failed = send_due(route, now);
        if (failed == 0 && mtu_is_due(route, now))
            begin_mtu(route);
        if (failed == 0)
            failed = step_mtu(route, now, &until);
        if (failed != 0)
            return failed;
        if (is_done(route, now))
            break;
        if (rounds_left(route))
            until = earlier(until, due_ns(route));
        else
            until = earlier(until, patience_ends(route, now));
        until = earlier(until, track_deadline(&route->track));
        failed = wait_for(route, now, until);
        if (failed != 0)
            return failed;
    }
    if (!route->stopped)
        give_up_rest(route); /* else they are under way, not lost */
    return 0;
}
