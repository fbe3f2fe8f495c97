#include "capture/defrag.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "capture/decode.h"

/* Datagrams that wait for fragments stand in a hash of chains and in one list by arrival: the oldest leave
 * first, by age or when memory is short. A datagram holds its bytes in one buffer that grows to the highest
 * end seen, and the ranges that came. Once two fragments disagreed about a byte, all of the datagram is
 * refused until it is forgotten (RFC 5722). */

#define LIFETIME_NS (30 * (uint64_t)NS_PER_S)

enum {
    BUCKETS = 1024,
    MAX_DATAGRAM = 65535,
    MAX_PIECES = 8192, /* each fragment but the last brings at least 8 bytes */
};

struct piece {
    uint32_t begin, end;
};

struct identity {
    struct packet_address source, target;
    uint32_t id;
    uint8_t protocol; /* IPv4 only: RFC 8200 leaves it out */
};

struct datagram {
    struct identity identity;
    struct datagram *chain, *older, *newer;
    uint64_t first_ns;
    size_t memory; /* counted against the limit */
    uint8_t *data;
    uint32_t data_cap;
    uint32_t total; /* length, once the last fragment came; 0 before */
    struct piece *pieces;
    uint32_t piece_count, piece_cap;
    bool has_first;
    uint8_t protocol; /* by the first fragment */
    bool refused;
};

struct defrag {
    size_t limit, used;
    struct hash_key key;
    struct datagram *buckets[BUCKETS];
    struct datagram *oldest, *newest;
    struct datagram *done; /* completed; its bytes are the caller's until the next call */
    struct defrag_counts counts;
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

static struct datagram **bucket_of(struct defrag *d, const struct identity *identity)
{
    uint8_t flat[2 * 16 + 4 + 2];
    memcpy(flat, identity->source.bytes, 16);
    memcpy(flat + 16, identity->target.bytes, 16);
    memcpy(flat + 32, &identity->id, 4);
    flat[36] = identity->source.family;
    flat[37] = identity->protocol;
    return &d->buckets[hash_bytes(&d->key, flat, sizeof flat) % BUCKETS];
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
    return a->id == b->id && a->protocol == b->protocol && packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->target, &b->target);
}

static void free_datagram(struct datagram *g)
{
    if (g == NULL)
        return;
    free(g->data);
    free(g->pieces);
    free(g);
}

/* Take a datagram out of the table; it is the caller's then. */
static void unlink_datagram(struct defrag *d, struct datagram *g)
{
    struct datagram **link = bucket_of(d, &g->identity);
    while (*link != g)
        link = &(*link)->chain;
    *link = g->chain;
    *(g->older != NULL ? &g->older->newer : &d->oldest) = g->newer;
    *(g->newer != NULL ? &g->newer->older : &d->newest) = g->older;
    d->used -= g->memory;
}

static void forget(struct defrag *d, struct datagram *g)
{
    unlink_datagram(d, g);
    free_datagram(g);
}

void defrag_free(struct defrag *d)
{
    if (d == NULL)
        return;
    while (d->oldest != NULL)
        forget(d, d->oldest);
    free_datagram(d->done);
    free(d);
}

/* ---- memory ---- */

/* Count `more` bytes for `g`; older datagrams make room. False where even that is not enough. */
static bool charge(struct defrag *d, struct datagram *g, size_t more)
{
    while (d->used + more > d->limit && d->oldest != NULL && d->oldest != g) {
        d->counts.evicted++;
        forget(d, d->oldest);
    }
    if (d->used + more > d->limit)
        return false;
    d->used += more;
    g->memory += more;
    return true;
}

static bool grow_data(struct defrag *d, struct datagram *g, uint32_t end)
{
    if (end <= g->data_cap)
        return true;
    uint32_t cap = g->data_cap < 2048 ? 2048 : g->data_cap * 2;
    cap = cap < end ? end : cap;
    cap = cap > MAX_DATAGRAM ? MAX_DATAGRAM : cap;
    if (!charge(d, g, cap - g->data_cap))
        return false;
    uint8_t *data = realloc(g->data, cap);
    if (data == NULL)
        return false;
    g->data = data;
    g->data_cap = cap;
    return true;
}

static bool grow_pieces(struct defrag *d, struct datagram *g)
{
    if (g->piece_count < g->piece_cap)
        return true;
    uint32_t cap = g->piece_cap == 0 ? 8 : g->piece_cap * 2;
    if (cap > 2 * MAX_PIECES || !charge(d, g, (cap - g->piece_cap) * sizeof *g->pieces))
        return false;
    struct piece *pieces = realloc(g->pieces, cap * sizeof *pieces);
    if (pieces == NULL)
        return false;
    g->pieces = pieces;
    g->piece_cap = cap;
    return true;
}

/* ---- fragments ---- */

static struct datagram *find_or_add(struct defrag *d, const struct packet *packet)
{
    const struct identity identity = {
        .source = packet->source,
        .target = packet->target,
        .id = packet->fragment_id,
        .protocol = packet->source.family == 4 ? packet->ip_protocol : 0,
    };
    struct datagram **bucket = bucket_of(d, &identity);
    for (struct datagram *g = *bucket; g != NULL; g = g->chain) {
        if (same_identity(&g->identity, &identity))
            return g;
    }
    struct datagram *g = calloc(1, sizeof *g);
    if (g == NULL || !charge(d, g, sizeof *g)) {
        free(g);
        return NULL;
    }
    g->identity = identity;
    g->first_ns = packet->time_ns;
    g->chain = *bucket;
    *bucket = g;
    g->older = d->newest;
    *(d->newest != NULL ? &d->newest->newer : &d->oldest) = g;
    d->newest = g;
    return g;
}

/* Do the bytes that came before agree with these, where both are there? */
static bool agrees(const struct datagram *g, const uint8_t *data, uint32_t begin, uint32_t end)
{
    for (uint32_t i = 0; i < g->piece_count; i++) {
        uint32_t from = g->pieces[i].begin > begin ? g->pieces[i].begin : begin;
        uint32_t to = g->pieces[i].end < end ? g->pieces[i].end : end;
        if (from < to && memcmp(g->data + from, data + (from - begin), to - from) != 0)
            return false;
    }
    return true;
}

/* Add [begin, end) to the ordered pieces, joining those it touches. Room for one is there. */
static void add_piece(struct datagram *g, uint32_t begin, uint32_t end)
{
    uint32_t first = 0, last;
    while (first < g->piece_count && g->pieces[first].end < begin)
        first++;
    for (last = first; last < g->piece_count && g->pieces[last].begin <= end; last++) {
        begin = g->pieces[last].begin < begin ? g->pieces[last].begin : begin;
        end = g->pieces[last].end > end ? g->pieces[last].end : end;
    }
    memmove(g->pieces + first + 1, g->pieces + last, (g->piece_count - last) * sizeof *g->pieces);
    g->piece_count = g->piece_count - (last - first) + 1;
    g->pieces[first] = (struct piece){begin, end};
}

/* The fragment's bytes, [begin, end) of the datagram. False: it contradicts what came before. */
static bool is_consistent(const struct datagram *g, const struct packet *packet, uint32_t begin, uint32_t end)
{
    const uint32_t highest = g->piece_count > 0 ? g->pieces[g->piece_count - 1].end : 0;
    if (g->total != 0 && (end > g->total || (!packet->more_fragments && end != g->total)))
        return false;
    if (!packet->more_fragments && highest > end)
        return false;
    return agrees(g, packet->ip_payload, begin, end);
}

static bool is_complete(const struct datagram *g)
{
    return g->total != 0 && g->has_first && g->piece_count == 1 && g->pieces[0].begin == 0 &&
           g->pieces[0].end == g->total;
}

static void expire(struct defrag *d, uint64_t now_ns)
{
    while (d->oldest != NULL && now_ns > d->oldest->first_ns && now_ns - d->oldest->first_ns > LIFETIME_NS) {
        d->counts.timed_out += !d->oldest->refused;
        forget(d, d->oldest);
    }
}

/* Bytes of the datagram that the fragment brings; 0 where it is invalid. */
static uint32_t fragment_len(const struct packet *packet)
{
    const uint32_t headers = (uint32_t)(packet->ip_payload - packet->ip_header);
    const uint32_t len = packet->ip_len > headers ? packet->ip_len - headers : 0;
    if (!packet->more_fragments || len % 8 == 0)
        return len;
    /* All but the last are multiples of 8. Over IPv4 receivers cut, over IPv6 they refuse (RFC 8200, 4.5). */
    return packet->source.family == 4 ? len - len % 8 : 0;
}

bool defrag_feed(struct defrag *d, struct packet *packet)
{
    free_datagram(d->done);
    d->done = NULL;
    d->counts.fragments++;
    expire(d, packet->time_ns);
    const uint32_t begin = packet->fragment_offset, len = fragment_len(packet), end = begin + len;
    if (packet->ip_payload == NULL || packet->ip_payload_len < len || len == 0 || end > MAX_DATAGRAM)
        return false; /* not captured whole, or impossible */
    struct datagram *g = find_or_add(d, packet);
    if (g == NULL || g->refused)
        return false;
    if (!is_consistent(g, packet, begin, end)) {
        d->counts.overlaps++;
        g->refused = true;
        return false;
    }
    if (!grow_data(d, g, end) || !grow_pieces(d, g))
        return false;
    memcpy(g->data + begin, packet->ip_payload, len);
    add_piece(g, begin, end);
    if (!packet->more_fragments)
        g->total = end;
    if (begin == 0) {
        g->has_first = true;
        g->protocol = packet->ip_protocol;
    }
    if (!is_complete(g))
        return false;
    unlink_datagram(d, g);
    d->done = g;
    d->counts.reassembled++;
    packet->ip_protocol = g->protocol;
    decode_transport(packet, g->data, g->total);
    return true;
}

struct defrag_counts defrag_counts(const struct defrag *d)
{
    return d->counts;
}
