#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/route.h"

/* Batches that are read before the next look at the signals and the clock, however many more come. */
#define BATCHES_AT_ONCE 16

static struct route_flight *flight_of(struct route *route, uint32_t number)
{
    return &route->flight[number % ROUTE_FLIGHTS];
}

uint32_t route_probe_len(const struct route *route)
{
    return (uint32_t)probe_len(&route->shape);
}

/* The shape of probes of a whole size; they forbid fragmentation. */
static struct probe_shape sized(const struct route *route, uint32_t size)
{
    struct probe_shape shape = route->shape;
    const uint32_t bare = route_probe_len(route) - route->shape.payload;
    shape.payload = size > bare ? size - bare : 0;
    shape.dont_fragment = true;
    return shape;
}

int route_send(struct route *route, uint8_t ttl, uint32_t size, const struct route_flight *flight)
{
    const struct probe_shape shape = size != 0 ? sized(route, size) : route->shape;
    const uint64_t now = clock_mono_ns();
    struct rawsock *sender = &route->way->sender;
    /* The number is the next one: what does not leave gets none. */
    const uint32_t number = route->track.next;
    route->packet.len = 0;
    probe_build(&shape, number, ttl, &route->packet);
    if (route->packet.failed)
        return -ENOMEM;
    const struct rawsock_out out = {
        .data = route->packet.data,
        .len = route->packet.len,
        .target = &route->target,
        .interface = route->scope,
    };
    const uint64_t asked = clock_real_ns();
    const int taken = rawsock_send(sender, &out, 1);
    if (taken < 0)
        return taken == -ENOBUFS ? -EAGAIN : taken;
    struct track_probe *probe = track_send(&route->track, asked, now + route->options.wait_ns);
    if (probe == NULL)
        return -ENOMEM;
    probe->send_id = sender->sends - 1;
    *flight_of(route, number) = *flight;
    route->number_of_send[probe->send_id % ROUTE_FLIGHTS] = number;
    route->last_sent_ns = now;
    route->shape.sent = route->track.next;
    return 0;
}

/* ---- what came ---- */

/* When the probes left, as the kernel says. What it says of errors the send call told as well. */
static void take_stamps(struct route *route)
{
    struct rawsock_sent sent[RAWSOCK_BATCH];
    int count = 1;
    for (int n = 0; n < BATCHES_AT_ONCE && count > 0; n++) {
        count = rawsock_sent(&route->way->sender, route->stamps, sent, RAWSOCK_BATCH);
        for (int i = 0; i < count; i++) {
            const uint32_t number = route->number_of_send[sent[i].id % ROUTE_FLIGHTS];
            struct track_probe *probe = track_find(&route->track, number, 32);
            if (sent[i].error == 0 && probe != NULL && probe->send_id == sent[i].id)
                probe->sent_ns = sent[i].time_ns;
        }
    }
}

static void take_for_mtu(struct route *route, const struct route_flight *flight,
                         const struct probe_answer *answer)
{
    if (answer->verdict == PROBE_TOO_BIG)
        pmtu_too_big(&route->pmtu, flight->ticket, &answer->from, answer->mtu);
    else
        pmtu_answered(&route->pmtu, flight->ticket);
}

static void take_for_hops(struct route *route, const struct route_flight *flight, struct probe_answer *answer,
                          enum hops_when when, const struct track_probe *probe, uint64_t time_ns)
{
    uint64_t rtt = 0;
    const uint64_t sent = probe->sent_ns != 0 ? probe->sent_ns : probe->asked_ns;
    const bool timed = time_ns != 0 && rtt_between(sent, time_ns, &rtt);
    /* With --size over a link's MTU, "too big" is where the path ends for IPv6. */
    if (answer->verdict == PROBE_TOO_BIG)
        answer->verdict = PROBE_UNREACHABLE;
    hops_answer(&route->hops, flight->ttl, answer, when, timed, rtt);
    if (timed && rtt > route->longest_rtt_ns)
        route->longest_rtt_ns = rtt;
    names_ask(route->names, &answer->from);
    route->news = true;
    if (answer->verdict == PROBE_REPLY)
        route->last_reply_ns = clock_mono_ns();
}

static void take_answer(struct route *route, struct probe_answer *answer, uint64_t time_ns)
{
    route->forged += answer->verdict == PROBE_FORGED;
    if (!answer->number_known || answer->verdict == PROBE_STRANGE || answer->verdict == PROBE_FORGED ||
        answer->verdict == PROBE_OTHER_ERROR)
        return;
    struct track_probe *probe = track_find(&route->track, answer->number, answer->number_bits);
    if (probe == NULL || route->track.next - probe->number > ROUTE_FLIGHTS)
        return;
    const struct route_flight *flight = flight_of(route, probe->number);
    if (flight->for_mtu) {
        /* "Too big" leaves the probe open: that it arrives after all is worth to be known. */
        if (answer->verdict == PROBE_TOO_BIG || track_answer(&route->track, probe) != TRACK_DUPLICATE)
            take_for_mtu(route, flight, answer);
        return;
    }
    const enum track_result result = track_answer(&route->track, probe);
    const enum hops_when when = result == TRACK_DUPLICATE                  ? HOPS_AGAIN
                                : result == TRACK_LATE || flight->given_up ? HOPS_LATE
                                                                           : HOPS_IN_TIME;
    take_for_hops(route, flight, answer, when, probe, time_ns);
}

/* A probe for the path MTU has another length, and its answer may tell that (a TCP reset acknowledges it): so
 * it is also looked at with the sizes that were tried last. */
static void match(const struct route *route, const struct probe_input *input, struct probe_answer *answer)
{
    enum {
        SIZES = 4
    };
    const struct pmtu *pmtu = &route->pmtu;
    probe_match(&route->shape, input, answer);
    for (unsigned i = 0; answer->verdict == PROBE_FORGED && i < SIZES && i < pmtu->trial_count; i++) {
        const struct probe_shape shape = sized(route, pmtu->trial[pmtu->trial_count - 1 - i].size);
        struct probe_answer other;
        probe_match(&shape, input, &other);
        if (other.verdict != PROBE_FORGED && other.verdict != PROBE_STRANGE)
            *answer = other;
    }
}

static void take_packet(struct route *route, const struct route_receiver *receiver,
                        const struct rawsock_in *in)
{
    const struct probe_input input = {
        .data = in->data,
        .len = in->len,
        .has_ip_header = receiver->has_ip_header,
        .protocol = receiver->protocol,
        .source = in->source,
        .target = in->target,
        .ttl = in->ttl,
    };
    struct probe_answer answer;
    match(route, &input, &answer);
    take_answer(route, &answer, in->time_ns != 0 ? in->time_ns : clock_real_ns());
}

static int receive_from(struct route *route, struct route_receiver *receiver)
{
    int count = RAWSOCK_BATCH;
    for (int n = 0; n < BATCHES_AT_ONCE && count == RAWSOCK_BATCH; n++) {
        count = rawsock_recv(&receiver->raw, route->packets);
        /* The kernel stamps a probe before it leaves: what was answered is stamped by now. */
        take_stamps(route);
        for (int i = 0; i < count; i++)
            take_packet(route, receiver, rawsock_batch_at(route->packets, (size_t)i));
    }
    return count >= 0 ? 0 : sd_fail_errno(&route->err, -count, "cannot receive");
}

int route_receive(struct route *route)
{
    int failed = 0;
    take_stamps(route);
    for (unsigned i = 0; i < ROUTE_RECEIVERS && failed == 0; i++) {
        if (route->way->receiver[i].open)
            failed = receive_from(route, &route->way->receiver[i]);
    }
    return failed;
}
