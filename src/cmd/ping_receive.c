#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "cmd/ping.h"

/* Receiving: packets are read, then the times of sending (which are older than any answer), then each packet
 * is matched with the probes of the target that it may belong to. */

enum {
    ECHO_HEADER = 8,
    STAMPS_AT_ONCE = RAWSOCK_BATCH,
    LEAST_MTU4 = 68, /* RFC 791: less is no path's MTU, and a forger's word */
    LEAST_MTU6 = 1280,
};

/* ---- times of sending ---- */

static void take_stamp(struct ping *ping, const struct ping_sender *sender, const struct rawsock_sent *sent)
{
    const struct ping_sent *left = ping_flight_at(sender, sender->raw.sends, sent->id);
    struct track_probe *probe =
        left != NULL ? track_find(&ping->targets[left->target].track, left->number, 32) : NULL;
    if (probe != NULL && probe->send_id == sent->id)
        probe->sent_ns = sent->time_ns;
}

/* ---- answers ---- */

void ping_settle(struct ping *ping, struct ping_target *target)
{
    const struct track *track = &target->track;
    if (target->done || ping->options.count == 0 || track->answered + track->errors < ping->options.count)
        return;
    target->done = true;
    ping->undone--;
}

/* The round-trip time by the best clocks there are. A copy of a multicast that comes back to this host is
 * stamped before its sending is. Where the clock was set meanwhile, there is no time. */
static void measure(const struct ping *ping, struct ping_event *event, const struct track_probe *probe,
                    uint64_t received_ns)
{
    const uint64_t left_ns = probe->deadline_ns - ping->timeout_ns, passed_ns = clock_mono_ns() - left_ns;
    event->time_ns = received_ns != 0 ? received_ns : clock_real_ns();
    event->kernel_clock =
        probe->sent_ns != 0 && received_ns != 0 && rtt_between(probe->sent_ns, received_ns, &event->rtt_ns);
    event->rtt_known = event->kernel_clock || rtt_between(probe->asked_ns, event->time_ns, &event->rtt_ns);
    event->rtt_known = event->rtt_known && rtt_is_credible(event->rtt_ns, passed_ns);
}

static int take_reply(struct ping *ping, struct ping_event *event, struct ping_target *target,
                      struct track_probe *probe, uint64_t received_ns)
{
    measure(ping, event, probe, received_ns);
    ping->last_event_ns = clock_mono_ns();
    target->differing += event->answer->differs || event->answer->truncated;
    event->result = track_answer(&target->track, probe);
    if (event->result == TRACK_ANSWERED) {
        ping->waiting--;
        ping->received++;
        ping_flight_landed(ping, target, probe->send_id);
        ping_settle(ping, target);
    }
    if (event->result == TRACK_ANSWERED && event->rtt_known) {
        if (event->rtt_ns > ping->longest_rtt_ns)
            ping->longest_rtt_ns = event->rtt_ns;
        if (!rtt_add(&target->rtt, event->rtt_ns))
            return sd_fail_errno(&ping->err, ENOMEM, "cannot remember round-trip times");
    }
    ping->view->reply(ping, event);
    return 0;
}

/* A redirect, a source quench: a router's word about the path, and the answer may still come. */
static bool is_note(const struct ping_target *target, const struct probe_answer *answer)
{
    if (target->shape.target.family == 6)
        return answer->verdict == PROBE_OTHER_ERROR && answer->icmp_type != ICMP6_PARAM_PROB;
    return answer->verdict == PROBE_OTHER_ERROR && answer->icmp_type != ICMP_PARAMETERPROB;
}

static void learn_mtu(const struct ping *ping, struct ping_target *target, const struct probe_answer *answer)
{
    const uint32_t least = target->shape.target.family == 6 ? LEAST_MTU6 : LEAST_MTU4;
    if (answer->verdict == PROBE_TOO_BIG && answer->mtu >= least && answer->mtu < probe_len(&target->shape))
        ping_target_learn_mtu(ping, target, answer->mtu);
}

static void take_error(struct ping *ping, struct ping_event *event, struct ping_target *target,
                       struct track_probe *probe)
{
    if (!is_note(target, event->answer)) {
        event->result = track_error(&target->track, probe);
        ping->errors++;
        ping->waiting -= event->result == TRACK_ANSWERED;
        ping_flight_landed(ping, target, probe->send_id);
        ping_settle(ping, target);
    }
    learn_mtu(ping, target, event->answer);
    ping->view->error(ping, event);
}

/* ---- errors that a ping socket tells by its error queue, with the probe that they are about ---- */

static enum probe_verdict verdict_of(const struct ping_target *target, const struct rawsock_sent *sent)
{
    static const enum probe_verdict of6[] = {PROBE_OTHER_ERROR, PROBE_UNREACHABLE, PROBE_TOO_BIG,
                                             PROBE_EXPIRED};
    if (target->shape.target.family == 6)
        return sent->icmp_type < sizeof of6 / sizeof of6[0] ? of6[sent->icmp_type] : PROBE_OTHER_ERROR;
    if (sent->icmp_type == ICMP_DEST_UNREACH)
        return sent->icmp_code == ICMP_FRAG_NEEDED ? PROBE_TOO_BIG : PROBE_UNREACHABLE;
    return sent->icmp_type == ICMP_TIME_EXCEEDED ? PROBE_EXPIRED : PROBE_OTHER_ERROR;
}

/* Is what the queue gave back this target's probe? By its payload; the kernel changed only the header. */
static bool is_this_probe(const struct ping_target *target, uint32_t number, const struct rawsock_sent *sent)
{
    const size_t skip = probe_ip_len(&target->shape) + ECHO_HEADER;
    struct buf built = {0};
    probe_build(&target->shape, ping_wire_number(number), target->shape.ttl, &built);
    const size_t len = sent->len - ECHO_HEADER, have = built.len - skip;
    const bool same =
        !built.failed && memcmp(built.data + skip, sent->data + ECHO_HEADER, len < have ? len : have) == 0;
    buf_free(&built);
    return same;
}

static void take_queued_error(struct ping *ping, const struct ping_sender *sender,
                              const struct rawsock_sent *sent)
{
    const bool queues = sender->raw.kind == RAWSOCK_PING4 || sender->raw.kind == RAWSOCK_PING6;
    if (!queues || sent->data == NULL || sent->len < ECHO_HEADER)
        return;
    for (uint32_t i = 0; i < ping->target_count; i++) {
        struct ping_target *target = &ping->targets[i];
        struct track_probe *probe = track_find(&target->track, load_be16(sent->data + 6) - 1U, 16);
        if (&ping->sender[ping_family(target)] != sender || probe == NULL ||
            !is_this_probe(target, probe->number, sent))
            continue;
        if (sent->offender.family == 0) {
            ping_fail(ping, i, probe->number, sent->error, sent->info);
            return;
        }
        const struct probe_answer answer = {
            .verdict = verdict_of(target, sent),
            .reason = "the kernel's error queue",
            .from = sent->offender,
            .icmp_type = sent->icmp_type,
            .icmp_code = sent->icmp_code,
            .ttl = -1,
            .mtu = sent->info,
        };
        struct ping_event event = {
            .target = target, .seq = ping_wire_number(probe->number), .answer = &answer};
        take_error(ping, &event, target, probe);
        return;
    }
}

static void take_stamps(struct ping *ping, struct ping_sender *sender)
{
    struct rawsock_sent sent[STAMPS_AT_ONCE];
    int count;
    do {
        count = rawsock_sent(&sender->raw, ping->stamps, sent, STAMPS_AT_ONCE);
        for (int i = 0; i < count; i++) {
            if (sent[i].error == 0)
                take_stamp(ping, sender, &sent[i]);
            else
                take_queued_error(ping, sender, &sent[i]);
        }
    } while (count == STAMPS_AT_ONCE);
}

void ping_take_times(struct ping *ping)
{
    for (unsigned family = 0; family < PING_FAMILIES; family++) {
        struct ping_sender *sender = &ping->sender[family];
        if (sender->open && sender->oldest != sender->raw.sends)
            take_stamps(ping, sender);
    }
}

/* ---- answers to probes ---- */

static int take_answer(struct ping *ping, struct ping_target *target, const struct probe_answer *answer,
                       const struct rawsock_in *in)
{
    struct track_probe *probe =
        answer->number_known ? track_find(&target->track, answer->number - 1, answer->number_bits) : NULL;
    if (probe == NULL) { /* never sent, or too long ago */
        ping->strange++;
        return 0;
    }
    struct ping_event event = {
        .target = target, .seq = ping_wire_number(probe->number), .answer = answer, .time_ns = in->time_ns};
    ping_headers_answer(ping, target, probe->number, answer, in);
    if (answer->verdict == PROBE_REPLY)
        return take_reply(ping, &event, target, probe, in->time_ns);
    take_error(ping, &event, target, probe);
    return 0;
}

/* ---- whose is it? ---- */

static bool try_target(struct ping *ping, uint32_t index, const struct probe_input *input,
                       struct probe_answer *answer)
{
    struct probe_answer tried;
    probe_match(&ping->targets[index].shape, input, &tried);
    const bool better = tried.verdict != PROBE_STRANGE &&
                        (answer->verdict == PROBE_STRANGE || answer->verdict == PROBE_FORGED);
    if (better)
        *answer = tried;
    return better && tried.verdict != PROBE_FORGED;
}

/* The target whose probe this answers; else PING_NOBODY, and the answer says whether it is forged. */
static uint32_t find_target(struct ping *ping, const struct probe_input *input, struct probe_answer *answer,
                            uint32_t *suspect)
{
    struct packet_address address;
    *answer = (struct probe_answer){.verdict = PROBE_STRANGE};
    *suspect = PING_NOBODY;
    if (ping->target_count > 1 && !probe_target_of(input, &address))
        return PING_NOBODY;
    for (uint32_t i = ping_targets_at(ping, &address); i != PING_NOBODY; i = ping->targets[i].next) {
        if (try_target(ping, i, input, answer))
            return i;
        if (answer->verdict == PROBE_FORGED && *suspect == PING_NOBODY)
            *suspect = i;
    }
    for (uint32_t i = 0; i < ping->target_count && ping->any_targets > 0 && ping->target_count > 1; i++) {
        if (ping->targets[i].shape.any_target && try_target(ping, i, input, answer))
            return i;
    }
    return PING_NOBODY;
}

static void count_stranger(struct ping *ping, const struct probe_answer *answer, uint32_t suspect)
{
    if (answer->verdict != PROBE_FORGED) {
        ping->strange++;
        return;
    }
    ping->forged++;
    if (suspect != PING_NOBODY)
        ping->targets[suspect].forged++;
    if (ping->forged == 1)
        ping->view->forged(ping, answer);
}

static int take_input(struct ping *ping, const struct probe_input *input, const struct rawsock_in *in)
{
    struct probe_answer answer;
    uint32_t suspect;
    const uint32_t index = find_target(ping, input, &answer, &suspect);
    if (index != PING_NOBODY)
        return take_answer(ping, &ping->targets[index], &answer, in);
    count_stranger(ping, &answer, suspect);
    return 0;
}

static int take_packet(struct ping *ping, const struct ping_receiver *receiver, const struct rawsock_in *in)
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
    return take_input(ping, &input, in);
}

static int take_from(struct ping *ping, const struct ping_receiver *receiver)
{
    const int count = rawsock_recv(receiver->raw, ping->packets);
    if (count < 0)
        return sd_fail_errno(&ping->err, -count, "cannot receive");
    if (count > 0) {
        ping_headers_look(ping);
        ping_take_times(ping);
    }
    for (int i = 0; i < count; i++) {
        int failed = take_packet(ping, receiver, rawsock_batch_at(ping->packets, (size_t)i));
        if (failed != 0)
            return failed;
    }
    return count;
}

int ping_receive(struct ping *ping)
{
    int all = 0;
    for (uint32_t i = 0; i < ping->receiver_count; i++) {
        const int count = take_from(ping, &ping->receiver[i]);
        if (count < 0)
            return count;
        all += count;
    }
    return all;
}
