#include "craft/hops.h"

#include <string.h>

void hops_sent(struct hops *hops, unsigned ttl)
{
    if (ttl <= HOPS_MAX)
        hops->hop[ttl].sent++;
}

void hops_lost(struct hops *hops, unsigned ttl)
{
    if (ttl <= HOPS_MAX)
        hops->hop[ttl].lost++;
}

/* The row of an address, a new one where there is room; NULL: there is none. */
static struct hop_address *address_of(struct hop *hop, const struct packet_address *address)
{
    for (unsigned i = 0; i < hop->address_count; i++) {
        if (packet_address_equal(&hop->address[i].address, address))
            return &hop->address[i];
    }
    if (hop->address_count == HOPS_ADDRESSES)
        return NULL;
    struct hop_address *row = &hop->address[hop->address_count++];
    *row = (struct hop_address){.address = *address, .reply_ttl = -1};
    return row;
}

static enum hop_kind kind_of(enum probe_verdict verdict)
{
    switch (verdict) {
    case PROBE_REPLY:
        return HOP_TARGET;
    case PROBE_UNREACHABLE:
        return HOP_REFUSED;
    case PROBE_EXPIRED:
        return HOP_ROUTER;
    default:
        return HOP_SILENT;
    }
}

static void take_address(struct hop *hop, const struct probe_answer *answer)
{
    struct hop_address *row = address_of(hop, &answer->from);
    if (row == NULL) {
        hop->other_addresses++;
        return;
    }
    row->answers++;
    row->reply_ttl = answer->ttl;
    row->label_count = answer->label_count;
    memcpy(row->label, answer->label, sizeof row->label);
}

static void take_kind(struct hops *hops, unsigned ttl, const struct probe_answer *answer)
{
    struct hop *hop = &hops->hop[ttl];
    const enum hop_kind kind = kind_of(answer->verdict);
    if (kind == HOP_TARGET && (hops->target == 0 || ttl < hops->target))
        hops->target = ttl;
    if (kind == HOP_REFUSED && (hops->refused == 0 || ttl < hops->refused))
        hops->refused = ttl;
    if (kind <= hop->kind)
        return;
    hop->kind = kind;
    hop->icmp_type = answer->icmp_type;
    hop->icmp_code = answer->icmp_code;
    hop->tcp_flags = answer->tcp_flags;
}

void hops_answer(struct hops *hops, unsigned ttl, const struct probe_answer *answer, enum hops_when when,
                 bool timed, uint64_t rtt_ns)
{
    if (ttl == 0 || ttl > HOPS_MAX || kind_of(answer->verdict) == HOP_SILENT)
        return;
    struct hop *hop = &hops->hop[ttl];
    if (when == HOPS_AGAIN) {
        hop->duplicates++;
        return;
    }
    if (when == HOPS_LATE) {
        hop->late++;
        hop->lost -= hop->lost > 0;
    }
    hop->received++;
    take_address(hop, answer);
    take_kind(hops, ttl, answer);
    if (!timed)
        return;
    hop->last_ns = rtt_ns;
    if (!rtt_add(&hop->rtt, rtt_ns))
        hops->failed = true;
}

/* The target counts where it answered, even if a nearer router once refused: a path that changed. */
unsigned hops_end(const struct hops *hops)
{
    return hops->target != 0 ? hops->target : hops->refused;
}

unsigned hops_last_answering(const struct hops *hops)
{
    const unsigned end = hops_end(hops);
    for (unsigned ttl = end != 0 ? end : HOPS_MAX; ttl > 0; ttl--) {
        if (hops->hop[ttl].received > 0)
            return ttl;
    }
    return 0;
}

unsigned hops_find(const struct hops *hops, const struct packet_address *address)
{
    for (unsigned ttl = 1; ttl <= HOPS_MAX; ttl++) {
        const struct hop *hop = &hops->hop[ttl];
        for (unsigned i = 0; i < hop->address_count; i++) {
            if (packet_address_equal(&hop->address[i].address, address))
                return ttl;
        }
    }
    return 0;
}

/* Is the loss of `a` less than that of `b`? Cross-multiplied: exact, and far from overflow at any count that
 * 32-bit probe numbers allow. */
static bool loses_less(const struct hop *a, const struct hop *b)
{
    return a->lost * (b->received + b->lost) < b->lost * (a->received + a->lost);
}

static bool loses_less_than_half(const struct hop *a, const struct hop *b)
{
    return 2 * a->lost * (b->received + b->lost) < b->lost * (a->received + a->lost);
}

enum hops_loss hops_loss(const struct hops *hops, unsigned ttl, unsigned *witness)
{
    const struct hop *hop = &hops->hop[ttl];
    const unsigned last = hops_last_answering(hops);
    unsigned best = 0;
    *witness = 0;
    if (hop->lost == 0 || hop->received == 0)
        return HOPS_LOSS_NONE;
    for (unsigned behind = ttl + 1; behind <= last; behind++) {
        const struct hop *other = &hops->hop[behind];
        if (other->received > 0 && (best == 0 || !loses_less(&hops->hop[best], other)))
            best = behind;
    }
    if (best == 0 || !loses_less_than_half(&hops->hop[best], hop))
        return HOPS_LOSS_STAYS;
    *witness = best;
    return hops->hop[best].lost == 0 ? HOPS_LOSS_OWN : HOPS_LOSS_PARTLY;
}

void hops_free(struct hops *hops)
{
    for (unsigned ttl = 0; ttl <= HOPS_MAX; ttl++)
        rtt_free(&hops->hop[ttl].rtt);
    *hops = (struct hops){0};
}
