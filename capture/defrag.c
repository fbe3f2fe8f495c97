#include "capture/defrag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "capture/decode.h"

/* Datagrams that wait for fragments stand in a hash of chains and, for each version of IP, in a list by
 * arrival: there the oldest leave first, by age or when memory is short. A datagram holds its bytes in one
 * buffer that grows to the highest end seen; behind them, in the same buffer, two rows of bits, one bit for
 * each eight bytes (all fragments but the last are multiples of eight): what came, and where a run begins. So
 * a fragment costs no more than its own length, however many came before.
 *
 * A run is what Linux keeps as one node of its tree (inet_frag_queue_insert()): a fragment that goes on where
 * the highest run ends lengthens that, any other begins a run of its own, though it fill a hole exactly. */

enum {
    BUCKETS = 1024,
    MAX_DATAGRAM = 65535,
    UNIT = 8,
    FIRST_CAP = 2048, /* a multiple of 64 units, as all capacities: the bits are whole words */
    MAX_CAP = 65536,
    FAMILIES = 2,
};

/* A layer around a datagram: what it is, and between whom. */
struct outer {
    uint8_t source[16], target[16]; /* of the IP header that it is carried by */
    uint32_t id;
    uint8_t kind;
    uint8_t family; /* 0: not carried by IP */
    uint8_t zero[2];
};

/* Zeroed before it is filled: it is compared and hashed as bytes, of which none is padding. Fragments come by
 * the same way as their datagram's others, so all that is told of the way belongs to it. */
struct identity {
    uint8_t source[16], target[16];
    struct outer outer[PACKET_MAX_OUTER];
    uint32_t id;
    uint16_t vlan[PACKET_MAX_VLANS]; /* a tag of VLAN 0 is as none: it tells a priority (IEEE 802.1Q) */
    uint8_t outer_count;
    uint8_t family;
    uint8_t protocol; /* IPv4 only: RFC 8200 leaves it out */
    uint8_t zero;
};
static_assert(sizeof(struct outer) == 32 + 4 + 4, "it is compared as bytes");
static_assert(sizeof(struct identity) ==
                  32 + PACKET_MAX_OUTER * sizeof(struct outer) + 4 + 2 * PACKET_MAX_VLANS + 4,
              "it is compared as bytes");

struct datagram {
    struct identity identity;
    struct datagram *chain, *older, *newer;
    uint64_t first_ns;
    size_t memory; /* counted against the limit */
    uint8_t *data; /* `cap` bytes, then the rows of bits */
    uint32_t cap;
    uint32_t end, total; /* the highest end seen; the length, once the last fragment came, 0 before */
    uint32_t have;       /* bytes that came */
    uint32_t headers;    /* bytes before them that the datagram's length counts, of the first fragment */
    uint8_t protocol;    /* by the first fragment, as the target */
    struct checksum_target target;
    uint8_t congestion; /* what the fragments say of it: congestion_bit() of each */
};

struct list {
    struct datagram *oldest, *newest;
};

struct defrag {
    size_t limit, used;
    struct hash_key key;
    struct datagram *buckets[BUCKETS];
    struct list lists[FAMILIES];
    struct datagram *done; /* completed; their bytes are the caller's until the next call */
    struct defrag_counts counts;
};

enum outcome {
    WAITS,
    REPEATED,
    CONTRADICTS,
    COMPLETE,
    NO_MEMORY,
};

struct defrag *defrag_new(size_t limit)
{
    struct defrag *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->limit = limit;
    d->key = hash_key_random();
    return d;
}

static void take_outer(struct outer *outer, const struct packet *packet, unsigned layer)
{
    const uint8_t *const header = packet->outer_header[layer];
    outer->kind = packet->outer_kind[layer];
    outer->id = packet->outer_id[layer];
    if (header == NULL)
        return;
    const bool v6 = header[0] >> 4 == 6;
    outer->family = v6 ? 6 : 4;
    memcpy(outer->source, header + (v6 ? 8 : 12), v6 ? 16 : 4);
    memcpy(outer->target, header + (v6 ? 24 : 16), v6 ? 16 : 4);
}

static struct identity identity_of(const struct packet *packet)
{
    struct identity i;
    memset(&i, 0, sizeof i);
    memcpy(i.source, packet->source.bytes, sizeof i.source);
    memcpy(i.target, packet->target.bytes, sizeof i.target);
    i.id = packet->fragment_id;
    memcpy(i.vlan, packet->vlan, packet->vlan_count * sizeof i.vlan[0]);
    for (; i.outer_count < packet->outer_count; i.outer_count++)
        take_outer(&i.outer[i.outer_count], packet, i.outer_count);
    i.family = packet->source.family;
    i.protocol = i.family == 4 ? packet->ip_protocol : 0;
    return i;
}

static struct datagram **bucket_of(struct defrag *d, const struct identity *identity)
{
    return &d->buckets[hash_bytes(&d->key, identity, sizeof *identity) % BUCKETS];
}

static struct list *list_of(struct defrag *d, const struct identity *identity)
{
    return &d->lists[identity->family == 6];
}

static void free_datagram(struct datagram *g)
{
    if (g == NULL)
        return;
    free(g->data);
    free(g);
}

/* Take a datagram out of the table; it is the caller's then. */
static void unlink_datagram(struct defrag *d, struct datagram *g)
{
    struct list *list = list_of(d, &g->identity);
    struct datagram **link = bucket_of(d, &g->identity);
    while (*link != g)
        link = &(*link)->chain;
    *link = g->chain;
    *(g->older != NULL ? &g->older->newer : &list->oldest) = g->newer;
    *(g->newer != NULL ? &g->newer->older : &list->newest) = g->older;
    d->used -= g->memory;
    d->counts.waiting--;
}

static void forget(struct defrag *d, struct datagram *g)
{
    unlink_datagram(d, g);
    free_datagram(g);
}

static void free_done(struct defrag *d)
{
    while (d->done != NULL) {
        struct datagram *next = d->done->chain;
        free_datagram(d->done);
        d->done = next;
    }
}

void defrag_free(struct defrag *d)
{
    if (d == NULL)
        return;
    for (int i = 0; i < FAMILIES; i++) {
        while (d->lists[i].oldest != NULL)
            forget(d, d->lists[i].oldest);
    }
    free_done(d);
    free(d);
}

/* ---- memory and time ---- */

/* The datagram that came first of all but `but`; NULL if there is none. */
static struct datagram *find_oldest(const struct defrag *d, const struct datagram *but)
{
    struct datagram *oldest = NULL;
    for (int i = 0; i < FAMILIES; i++) {
        struct datagram *g = d->lists[i].oldest;
        if (g != NULL && g == but)
            g = g->newer;
        if (g != NULL && (oldest == NULL || g->first_ns < oldest->first_ns))
            oldest = g;
    }
    return oldest;
}

/* Count `more` bytes for `g`; older datagrams make room. False where even that is not enough. */
static bool charge(struct defrag *d, struct datagram *g, size_t more)
{
    struct datagram *oldest;
    while (d->used + more > d->limit && (oldest = find_oldest(d, g)) != NULL) {
        d->counts.evicted++;
        forget(d, oldest);
    }
    if (d->used + more > d->limit)
        return false;
    d->used += more;
    g->memory += more;
    return true;
}

/* The size of a row of bits for `cap` bytes. */
static size_t row_size(uint32_t cap)
{
    return cap / UNIT / 8;
}

static size_t buffer_size(uint32_t cap)
{
    return cap + 2 * row_size(cap);
}

/* The bits of what came. */
static uint8_t *came_row(const struct datagram *g)
{
    return g->data + g->cap;
}

/* The bits of where runs begin. */
static uint8_t *run_row(const struct datagram *g)
{
    return came_row(g) + row_size(g->cap);
}

static bool grow(struct defrag *d, struct datagram *g, uint32_t end)
{
    uint32_t cap = g->cap == 0 ? FIRST_CAP : g->cap;
    while (cap < end)
        cap *= 2;
    if (cap == g->cap)
        return true;
    if (!charge(d, g, buffer_size(cap) - (g->cap == 0 ? 0 : buffer_size(g->cap))))
        return false;
    uint8_t *data = calloc(1, buffer_size(cap));
    if (data == NULL)
        return false;
    if (g->data != NULL) {
        memcpy(data, g->data, g->cap);
        memcpy(data + cap, came_row(g), row_size(g->cap));
        memcpy(data + cap + row_size(cap), run_row(g), row_size(g->cap));
        free(g->data);
    }
    g->data = data;
    g->cap = cap;
    return true;
}

static void expire(struct defrag *d, uint64_t now_ns)
{
    static const uint64_t lifetimes[FAMILIES] = {DEFRAG_SECONDS_4 * (uint64_t)NS_PER_S,
                                                 DEFRAG_SECONDS_6 * (uint64_t)NS_PER_S};
    for (int i = 0; i < FAMILIES; i++) {
        struct datagram *g;
        while ((g = d->lists[i].oldest) != NULL && now_ns > g->first_ns &&
               now_ns - g->first_ns > lifetimes[i]) {
            d->counts.timed_out++;
            forget(d, g);
        }
    }
}

/* ---- fragments ---- */

static struct datagram *find_or_add(struct defrag *d, const struct packet *packet)
{
    const struct identity identity = identity_of(packet);
    struct datagram **bucket = bucket_of(d, &identity);
    for (struct datagram *g = *bucket; g != NULL; g = g->chain) {
        if (memcmp(&g->identity, &identity, sizeof identity) == 0)
            return g;
    }
    struct datagram *g = calloc(1, sizeof *g);
    if (g == NULL || !charge(d, g, sizeof *g)) {
        free(g);
        return NULL;
    }
    struct list *list = list_of(d, &identity);
    g->identity = identity;
    g->first_ns = packet->time_ns;
    g->chain = *bucket;
    *bucket = g;
    g->older = list->newest;
    *(list->newest != NULL ? &list->newest->newer : &list->oldest) = g;
    list->newest = g;
    d->counts.waiting++;
    return g;
}

/* The bits of the units from `begin` on within one byte of bits, as many as `units` has there. */
static uint8_t bits_at(uint32_t begin, uint32_t units)
{
    const uint32_t shift = begin % 8, count = units < 8 - shift ? units : 8 - shift;
    return (uint8_t)(((1U << count) - 1) << shift);
}

/* How many bits of a row are set, those of the units from `begin` on: 0 none, 1 some, 2 all. With `take`,
 * they are now. */
static int marked(uint8_t *row, uint32_t begin, uint32_t units, bool take)
{
    bool any = false, all = true;
    while (units > 0) {
        const uint8_t mask = bits_at(begin, units), there = row[begin / 8] & mask;
        const uint32_t step = units < 8 - begin % 8 ? units : 8 - begin % 8;
        any |= there != 0;
        all &= there == mask;
        if (take)
            row[begin / 8] |= mask;
        begin += step;
        units -= step;
    }
    return all ? 2 : any;
}

/* All of these units came: in one run? */
static bool is_within_a_run(const struct datagram *g, uint32_t begin, uint32_t units)
{
    return units < 2 || marked(run_row(g), begin + 1, units - 1, false) == 0;
}

/* What a fragment says of congestion (RFC 3168, 5), as one bit of four. */
static uint8_t congestion_bit(const struct packet *packet)
{
    const uint8_t field = packet->ip_header[1];
    return (uint8_t)(1U << ((packet->source.family == 4 ? field : field >> 4) & 3));
}

/* Either all fragments of a datagram can tell of congestion or none (RFC 3168, 5.3). */
static bool is_congestion_possible(uint8_t bits)
{
    enum {
        CANNOT_TELL = 1, /* Not-ECT */
    };
    return bits == CANNOT_TELL || (bits & CANNOT_TELL) == 0;
}

/* Of the headers in front of a fragment's piece, what a length of the whole datagram counts: IPv4's is that
 * of all; IPv6's leaves out its own header, and there is no fragment header then. */
static uint32_t counted_headers(const struct packet *packet)
{
    enum {
        IPV6_LEN = 40,
        FRAGMENT_LEN = 8,
    };
    const uint32_t all = (uint32_t)(packet->ip_payload - packet->ip_header);
    return packet->source.family == 6 ? all - IPV6_LEN - FRAGMENT_LEN : all;
}

/* Add the fragment's bytes, [begin, end) of the datagram, `end` <= MAX_DATAGRAM. */
static enum outcome add(struct defrag *d, struct datagram *g, const struct packet *packet, uint32_t begin,
                        uint32_t end)
{
    const uint32_t units = (end - begin + UNIT - 1) / UNIT;
    const bool last = !packet->more_fragments;
    if (begin == end || (g->total != 0 && (end > g->total || (last && end != g->total))) ||
        (last && g->end > end))
        return CONTRADICTS;
    if (!grow(d, g, end))
        return NO_MEMORY;
    if (last) /* of a repeat, too */
        g->total = end;
    switch (marked(came_row(g), begin / UNIT, units, false)) {
    case 2:
        if (!is_within_a_run(g, begin / UNIT, units))
            return CONTRADICTS;
        d->counts.conflicts += memcmp(g->data + begin, packet->ip_payload, end - begin) != 0;
        return REPEATED;
    case 1:
        return CONTRADICTS;
    default:
        break;
    }
    marked(came_row(g), begin / UNIT, units, true);
    if (begin != g->end)
        marked(run_row(g), begin / UNIT, 1, true);
    memcpy(g->data + begin, packet->ip_payload, end - begin);
    g->have += end - begin;
    g->end = end > g->end ? end : g->end;
    if (begin == 0) {
        g->protocol = packet->ip_protocol;
        g->headers = counted_headers(packet);
        g->target = decode_target(packet);
    }
    g->congestion |= congestion_bit(packet);
    if (g->total == 0 || g->have != g->total)
        return WAITS;
    return is_congestion_possible(g->congestion) && g->headers + g->total <= MAX_DATAGRAM ? COMPLETE
                                                                                          : CONTRADICTS;
}

/* Bytes of the datagram that the fragment brings; false where it is invalid or was not captured whole. */
static bool fragment_len(const struct packet *packet, uint32_t *len)
{
    if (packet->ip_payload == NULL)
        return false;
    const uint32_t headers = (uint32_t)(packet->ip_payload - packet->ip_header);
    *len = packet->ip_len > headers ? packet->ip_len - headers : 0;
    if (packet->more_fragments && *len % UNIT != 0) {
        /* All but the last are multiples of 8. Over IPv4 receivers cut, over IPv6 they refuse (RFC 8200,
         * 4.5). */
        if (packet->source.family == 6)
            return false;
        *len -= *len % UNIT;
    }
    return *len <= packet->ip_payload_len && packet->fragment_offset + *len <= MAX_DATAGRAM;
}

/* Returns true when the fragment completed its datagram, whose fields the packet has then. */
static bool feed_one(struct defrag *d, struct packet *packet)
{
    uint32_t len;
    d->counts.fragments++;
    if (!fragment_len(packet, &len)) {
        d->counts.unusable++;
        return false;
    }
    struct datagram *g = find_or_add(d, packet);
    if (g == NULL) {
        d->counts.evicted++;
        return false;
    }
    switch (add(d, g, packet, packet->fragment_offset, packet->fragment_offset + len)) {
    case CONTRADICTS:
        d->counts.overlaps++;
        forget(d, g);
        return false;
    case REPEATED:
        d->counts.repeats++;
        return false;
    case NO_MEMORY:
        d->counts.evicted++;
        forget(d, g);
        return false;
    case WAITS:
        return false;
    case COMPLETE:
        break;
    }
    unlink_datagram(d, g);
    g->chain = d->done;
    d->done = g;
    d->counts.reassembled++;
    packet->ip_protocol = g->protocol;
    decode_transport(packet, g->data, g->total, &g->target);
    return true;
}

bool defrag_feed(struct defrag *d, struct packet *packet)
{
    free_done(d);
    expire(d, packet->time_ns);
    while (packet->is_fragment) {
        if (!feed_one(d, packet))
            return false;
    }
    return true;
}

struct defrag_counts defrag_counts(const struct defrag *d)
{
    return d->counts;
}
