#include <string.h>

#include "base/json.h"
#include "cmd/ping.h"

/* One object a line: reply, lost, error for each probe as it goes, a summary for each host, a total. */

static struct json begin(struct ping *ping, const char *type, const struct ping_target *target)
{
    struct json j = json_begin(&ping->out);
    json_text(&j, "type", type);
    if (target != NULL) {
        json_text(&j, "target", target->name);
        json_text(&j, "address", target->address);
    }
    return j;
}

static bool is_silent(const struct ping *ping)
{
    return ping->options.common.quiet;
}

static void head(struct ping *ping)
{
    (void)ping;
}

static void sent(struct ping *ping, const struct ping_target *target)
{
    (void)ping, (void)target;
}

static void put_from(struct json *j, const struct probe_answer *answer)
{
    char from[PACKET_ADDRESS_TEXT];
    packet_address_text(&answer->from, from);
    json_text(j, "from", from);
}

static void reply(struct ping *ping, const struct ping_event *event)
{
    static const char *const results[] = {
        [TRACK_ANSWERED] = "reply", [TRACK_DUPLICATE] = "duplicate", [TRACK_LATE] = "late"};
    const struct probe_answer *answer = event->answer;
    if (is_silent(ping))
        return;
    struct json j = begin(ping, results[event->result], event->target);
    json_u64(&j, "seq", event->seq);
    json_u64(&j, "bytes", answer->bytes);
    if (answer->ttl >= 0)
        json_u64(&j, "ttl", (uint64_t)answer->ttl);
    else
        json_none(&j, "ttl");
    json_u64_if(&j, "rtt_ns", event->rtt_known, event->rtt_ns);
    json_text(&j, "clock", event->kernel_clock ? "kernel" : "user");
    json_ns(&j, "time_ns", event->time_ns);
    put_from(&j, answer);
    if (event->target->shape.method == PROBE_TCP)
        json_text(&j, "port", (answer->tcp_flags & TCP_RST) != 0 ? "closed" : "open");
    else if (event->target->shape.method == PROBE_UDP)
        json_text(&j, "port", answer->icmp_type != 0 ? "closed" : "answers");
    json_bool(&j, "differs", answer->differs || answer->truncated);
    json_end_line(&j);
}

static void error(struct ping *ping, const struct ping_event *event)
{
    const struct probe_answer *answer = event->answer;
    if (is_silent(ping))
        return;
    struct json j = begin(ping, "error", event->target);
    json_u64(&j, "seq", event->seq);
    put_from(&j, answer);
    json_u64(&j, "icmp_type", answer->icmp_type);
    json_u64(&j, "icmp_code", answer->icmp_code);
    json_text(&j, "text",
              probe_error_text(event->target->shape.target.family, answer->icmp_type, answer->icmp_code));
    json_u64_if(&j, "mtu", answer->verdict == PROBE_TOO_BIG && answer->mtu != 0, answer->mtu);
    json_end_line(&j);
}

static void failed(struct ping *ping, const struct ping_event *event, int code, uint32_t mtu)
{
    if (is_silent(ping))
        return;
    struct json j = begin(ping, "error", event->target);
    json_u64(&j, "seq", event->seq);
    json_none(&j, "from");
    json_none(&j, "icmp_type");
    json_none(&j, "icmp_code");
    json_text(&j, "text", sd_errno_text(code));
    json_u64_if(&j, "mtu", mtu != 0, mtu);
    json_end_line(&j);
}

static void forged(struct ping *ping, const struct probe_answer *answer)
{
    if (is_silent(ping))
        return;
    struct json j = begin(ping, "forged", NULL);
    put_from(&j, answer);
    json_text(&j, "text", answer->reason);
    json_end_line(&j);
}

static void put_seq(struct ping *ping, const char *type, const struct ping_event *event)
{
    if (is_silent(ping))
        return;
    struct json j = begin(ping, type, event->target);
    json_u64(&j, "seq", event->seq);
    json_end_line(&j);
}

static void lost(struct ping *ping, const struct ping_event *event)
{
    put_seq(ping, "lost", event);
}

static void outstanding(struct ping *ping, const struct ping_event *event)
{
    put_seq(ping, "outstanding", event);
}

static void put_summary(struct ping *ping, const struct ping_target *target)
{
    static const double wanted[] = {50, 99, 90};
    const struct track *track = &target->track;
    const struct rtt *rtt = &target->rtt;
    uint64_t p[3] = {0};
    const bool some = rtt->count > 0, ranked = rtt_percentiles(rtt, wanted, p, 3);
    struct json j = json_begin(&ping->out);
    json_text(&j, "type", "summary");
    json_text(&j, "target", target->name);
    json_u64(&j, "sent", track->sent);
    json_u64(&j, "received", track->answered);
    json_u64(&j, "duplicates", track->duplicates);
    json_u64(&j, "late", track->late);
    json_u64_if(&j, "rtt_min_ns", some, rtt->min_ns);
    json_u64_if(&j, "rtt_mean_ns", some, rtt_mean(rtt));
    json_u64_if(&j, "rtt_p50_ns", ranked, p[0]);
    json_u64_if(&j, "rtt_p99_ns", ranked, p[1]);
    json_u64_if(&j, "rtt_max_ns", some, rtt->max_ns);
    json_u64_if(&j, "rtt_p90_ns", ranked, p[2]);
    json_u64_if(&j, "rtt_mdev_ns", some, rtt_deviation(rtt));
    json_text(&j, "address", target->address);
    json_u64(&j, "lost", track->sent - track->answered - track->late);
    json_u64(&j, "errors", track->errors);
    json_u64(&j, "differing", target->differing);
    json_u64(&j, "forged", target->forged);
    json_end_line(&j);
}

static void summary(struct ping *ping)
{
    uint64_t answered = 0;
    for (uint32_t i = 0; i < ping->target_count; i++) {
        put_summary(ping, &ping->targets[i]);
        answered += ping->targets[i].track.answered > 0;
    }
    struct json j = json_begin(&ping->out);
    json_text(&j, "type", "total");
    json_u64(&j, "hosts", (uint64_t)ping->target_count + ping->unresolved);
    json_u64(&j, "answered", answered);
    json_u64(&j, "unresolved", ping->unresolved);
    json_u64(&j, "sent", ping->sent);
    json_u64(&j, "received", ping->received);
    json_u64(&j, "forged", ping->forged);
    json_u64(&j, "strange", ping->strange);
    json_u64(&j, "dropped", ping_sockets_drops(ping));
    json_u64(&j, "duration_ns", ping->last_event_ns - ping->start_ns);
    json_end_line(&j);
}

const struct ping_view ping_view_json = {
    .head = head,
    .sent = sent,
    .reply = reply,
    .error = error,
    .failed = failed,
    .forged = forged,
    .lost = lost,
    .outstanding = outstanding,
    .summary = summary,
};
