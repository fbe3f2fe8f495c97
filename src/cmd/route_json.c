#include "base/json.h"
#include "cmd/route.h"

static const char *method_word(enum probe_method method)
{
    static const char *const words[] = {[PROBE_ICMP] = "icmp", [PROBE_UDP] = "udp", [PROBE_TCP] = "tcp"};
    return words[method];
}

static const char *kind_word(enum hop_kind kind)
{
    static const char *const words[] = {[HOP_SILENT] = NULL,
                                        [HOP_ROUTER] = "expired",
                                        [HOP_REFUSED] = "unreachable",
                                        [HOP_TARGET] = "target"};
    return words[kind];
}

static void put_address(struct json *j, const struct route *route, const struct packet_address *address)
{
    char text[PACKET_ADDRESS_TEXT];
    const bool known = address->family != 0;
    if (known)
        packet_address_text(address, text);
    json_text(j, "address", known ? text : NULL);
    json_text(j, "name", known ? names_find(route->names, address) : NULL);
}

static void put_times(struct json *j, const struct hop *hop)
{
    const double half = 50;
    uint64_t median = 0;
    const bool known = hop->rtt.count > 0;
    const bool has_median = known && rtt_percentiles(&hop->rtt, &half, &median, 1);
    json_u64_if(j, "rtt_last_ns", known, hop->last_ns);
    json_u64_if(j, "rtt_min_ns", known, hop->rtt.min_ns);
    json_u64_if(j, "rtt_mean_ns", known, rtt_mean(&hop->rtt));
    json_u64_if(j, "rtt_p50_ns", has_median, median);
    json_u64_if(j, "rtt_max_ns", known, hop->rtt.max_ns);
}

static void put_labels(struct json *j, const struct hop_address *address)
{
    uint32_t labels[PROBE_MPLS_LABELS];
    for (unsigned i = 0; i < address->label_count; i++)
        labels[i] = address->label[i].label;
    json_numbers(j, "mpls", labels, address->label_count);
}

static void put_loss(struct json *j, const struct hops *hops, unsigned ttl)
{
    static const char *const words[] = {[HOPS_LOSS_NONE] = "none",
                                        [HOPS_LOSS_OWN] = "own",
                                        [HOPS_LOSS_PARTLY] = "partly",
                                        [HOPS_LOSS_STAYS] = "stays"};
    unsigned witness = 0;
    json_text(j, "loss", words[hops_loss(hops, ttl, &witness)]);
    json_u64_if(j, "loss_witness", witness != 0, witness);
}

static void put_hop(const struct route *route, struct buf *out, unsigned ttl)
{
    static const struct hop_address nobody = {.reply_ttl = -1};
    const struct hop *hop = &route->hops.hop[ttl];
    const struct hop_address *first = hop->address_count > 0 ? &hop->address[0] : &nobody;
    const bool icmp = hop->kind != HOP_SILENT && hop->tcp_flags == 0;
    struct json j = json_begin(out);
    json_text(&j, "type", "hop");
    json_u64(&j, "hop", ttl);
    put_address(&j, route, &first->address);
    json_u64(&j, "sent", hop->sent);
    json_u64(&j, "received", hop->received);
    json_u64(&j, "lost", hop->lost);
    json_u64(&j, "late", hop->late);
    json_u64(&j, "duplicates", hop->duplicates);
    put_times(&j, hop);
    json_text(&j, "answer", kind_word(hop->kind));
    json_u64_if(&j, "icmp_type", icmp, hop->icmp_type);
    json_u64_if(&j, "icmp_code", icmp, hop->icmp_code);
    json_u64_if(&j, "reply_ttl", first->reply_ttl >= 0, (uint64_t)first->reply_ttl);
    put_labels(&j, first);
    put_loss(&j, &route->hops, ttl);
    json_u64(&j, "addresses", hop->address_count);
    json_u64(&j, "round", route->round);
    json_end_line(&j);
    for (unsigned i = 1; i < hop->address_count; i++) {
        j = json_begin(out);
        json_text(&j, "type", "hop_address");
        json_u64(&j, "hop", ttl);
        put_address(&j, route, &hop->address[i].address);
        json_u64(&j, "received", hop->address[i].answers);
        put_labels(&j, &hop->address[i]);
        json_end_line(&j);
    }
}

static void put_fall(const struct route *route, struct buf *out, const struct pmtu_fall *fall)
{
    const struct pmtu_trial *trial = pmtu_find_trial(&route->pmtu, fall->refused, route->pmtu.config.end);
    struct json j = json_begin(out);
    json_text(&j, "type", "mtu_fall");
    json_u64(&j, "mtu", fall->passes);
    json_u64(&j, "refused", fall->refused);
    json_bool(&j, "black_hole", fall->vanished);
    json_u64_if(&j, "hop", fall->placed, fall->hop);
    json_u64_if(&j, "next_hop", fall->placed, fall->next_hop);
    put_address(&j, route, &fall->router);
    json_u64_if(&j, "told", fall->told != 0, fall->told);
    json_u64_if(&j, "large_sent", trial != NULL, trial != NULL ? trial->large_sent : 0);
    json_u64_if(&j, "large_answered", trial != NULL, trial != NULL ? trial->large_answered : 0);
    json_u64_if(&j, "small_sent", trial != NULL, trial != NULL ? trial->small_sent : 0);
    json_u64_if(&j, "small_answered", trial != NULL, trial != NULL ? trial->small_answered : 0);
    json_end_line(&j);
}

static void put_mtu(const struct route *route, struct buf *out)
{
    static const char *const words[] = {[PMTU_RUNNING] = "unfinished",
                                        [PMTU_FOUND] = "found",
                                        [PMTU_UNKNOWN] = "unknown",
                                        [PMTU_UNSTABLE] = "unstable"};
    const struct pmtu *pmtu = &route->pmtu;
    const bool found = pmtu->verdict == PMTU_FOUND;
    struct json j = json_begin(out);
    json_text(&j, "type", "mtu");
    json_u64_if(&j, "mtu", found, pmtu->mtu);
    json_text(&j, "verdict", words[pmtu->verdict]);
    json_u64(&j, "passes", pmtu->passes);
    json_u64(&j, "interface_mtu", route->path.interface_mtu);
    json_u64(&j, "to_hop", pmtu->config.end);
    json_bool(&j, "forged_too_big", pmtu->mistrusts);
    json_end_line(&j);
    for (unsigned i = 0; found && i < pmtu->fall_count; i++)
        put_fall(route, out, &pmtu->fall[i]);
}

static void put_summary(const struct route *route, struct buf *out)
{
    const struct hops *hops = &route->hops;
    uint64_t sent = 0, received = 0;
    for (unsigned ttl = 1; ttl <= HOPS_MAX; ttl++) {
        sent += hops->hop[ttl].sent;
        received += hops->hop[ttl].received;
    }
    struct json j = json_begin(out);
    json_text(&j, "type", "summary");
    json_text(&j, "target", route->options.host);
    json_text(&j, "address", route->target_text);
    json_text(&j, "method", method_word(route->options.method));
    json_u64_if(&j, "port", route->options.method != PROBE_ICMP, route->options.port);
    json_bool(&j, "reached", hops->target != 0);
    json_u64_if(&j, "hops", hops_end(hops) != 0, hops_end(hops));
    json_u64_if(&j, "last_answering", hops_last_answering(hops) != 0, hops_last_answering(hops));
    json_u64(&j, "rounds", route->round);
    json_u64(&j, "sent", sent);
    json_u64(&j, "received", received);
    json_u64(&j, "not_sent", route->not_sent);
    json_u64(&j, "forged", route->forged);
    json_u64(&j, "drops", route->drops);
    json_end_line(&j);
}

void route_json(const struct route *route, struct buf *out)
{
    const unsigned end = hops_end(&route->hops);
    for (unsigned ttl = 1; ttl <= HOPS_MAX && (end == 0 || ttl <= end); ttl++) {
        if (route->hops.hop[ttl].sent > 0)
            put_hop(route, out, ttl);
    }
    if (route->mtu_begun && route->pmtu.config.end != 0)
        put_mtu(route, out);
    put_summary(route, out);
}
