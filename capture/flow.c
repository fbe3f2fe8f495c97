#include "capture/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"

/* The table: a hash of chains over the two endpoints (in address order, so that both directions meet), one
 * list by number for the end, one by last packet for eviction. */

struct tuple {
    struct flow_endpoint low, high;
};

struct entry {
    struct flow_stream stream;
    struct tuple tuple;
    struct entry *chain;
    struct entry *longer_silent, *later_heard;  /* by last packet */
    struct entry *lower_number, *higher_number; /* by number */
    uint64_t good_checksums[2], bad_checksums[2];
    uint64_t syn_ns;      /* the last SYN of the client before the SYN-ACK; 0: none */
    bool syn_ack_seen;    /* then the client's acknowledgement of `syn_ack_seq` ends the handshake */
    uint32_t syn_ack_seq; /* the server's ISN */
    /* A SYN with another ISN on the open connection, kept back until the next packet tells whether it begins
     * another one: what its headers said, without bytes. */
    bool syn_held;
    struct packet held_syn;
};

struct flow_table {
    struct flow_observer observer;
    struct hash_key key;
    size_t max_streams, count, bucket_count;
    struct entry **buckets;
    struct entry *longest_silent, *last_heard;
    struct entry *first, *last;
    struct tcp_scratch scratch;
    uint64_t evicted;
};

enum {
    FIRST_BUCKETS = 256, /* a power of two, as all later sizes */
};

/* ---- the hash ---- */

static int compare_endpoints(const struct flow_endpoint *a, const struct flow_endpoint *b)
{
    int order = memcmp(&a->address.family, &b->address.family, 1);
    if (order == 0)
        order = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
    return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

static struct tuple tuple_of(const struct packet *packet)
{
    const struct flow_endpoint source = {packet->source, packet->source_port};
    const struct flow_endpoint target = {packet->target, packet->target_port};
    return compare_endpoints(&source, &target) <= 0 ? (struct tuple){source, target}
                                                    : (struct tuple){target, source};
}

static bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
    return compare_endpoints(&a->low, &b->low) == 0 && compare_endpoints(&a->high, &b->high) == 0;
}

static size_t bucket_of(const struct flow_table *table, const struct tuple *tuple)
{
    uint8_t flat[2 * (1 + 16 + 2)];
    uint8_t *p = flat;
    const struct flow_endpoint *const ends[2] = {&tuple->low, &tuple->high};
    for (int i = 0; i < 2; i++) {
        *p++ = ends[i]->address.family;
        memcpy(p, ends[i]->address.bytes, 16);
        p[16] = (uint8_t)(ends[i]->port >> 8);
        p[17] = (uint8_t)ends[i]->port;
        p += 18;
    }
    return hash_bytes(&table->key, flat, sizeof flat) & (table->bucket_count - 1);
}

static struct entry *find(const struct flow_table *table, const struct tuple *tuple)
{
    struct entry *e = table->buckets[bucket_of(table, tuple)];
    while (e != NULL && !tuple_equal(&e->tuple, tuple))
        e = e->chain;
    return e;
}

/* Twice the buckets; without memory, the chains just grow longer. */
static void grow_buckets(struct flow_table *table)
{
    struct entry **buckets = calloc(table->bucket_count * 2, sizeof *buckets);
    if (buckets == NULL)
        return;
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count *= 2;
    for (struct entry *e = table->first; e != NULL; e = e->higher_number) {
        size_t at = bucket_of(table, &e->tuple);
        e->chain = buckets[at];
        buckets[at] = e;
    }
}

/* ---- the lists ---- */

static void unlink_silent(struct flow_table *table, struct entry *e)
{
    *(e->longer_silent != NULL ? &e->longer_silent->later_heard : &table->longest_silent) = e->later_heard;
    *(e->later_heard != NULL ? &e->later_heard->longer_silent : &table->last_heard) = e->longer_silent;
}

static void link_heard(struct flow_table *table, struct entry *e)
{
    e->longer_silent = table->last_heard;
    e->later_heard = NULL;
    *(table->last_heard != NULL ? &table->last_heard->later_heard : &table->longest_silent) = e;
    table->last_heard = e;
}

/* Behind all lower numbers: last, but for a SYN that was kept back while others opened. */
static void link_number(struct flow_table *table, struct entry *e)
{
    struct entry *lower = table->last;
    while (lower != NULL && lower->stream.number > e->stream.number)
        lower = lower->lower_number;
    e->lower_number = lower;
    e->higher_number = lower != NULL ? lower->higher_number : table->first;
    *(lower != NULL ? &lower->higher_number : &table->first) = e;
    *(e->higher_number != NULL ? &e->higher_number->lower_number : &table->last) = e;
}

static void unlink_number(struct flow_table *table, struct entry *e)
{
    *(e->lower_number != NULL ? &e->lower_number->higher_number : &table->first) = e->higher_number;
    *(e->higher_number != NULL ? &e->higher_number->lower_number : &table->last) = e->lower_number;
}

/* Who is the client: the sender of a SYN, the receiver of a SYN-ACK, else the higher port. */
static bool source_is_client(const struct packet *packet)
{
    if (packet->tcp.flags & TCP_SYN)
        return (packet->tcp.flags & TCP_ACK) == 0;
    return packet->source_port >= packet->target_port;
}

static struct entry *open_entry(struct flow_table *table, const struct packet *packet,
                                const struct tuple *tuple)
{
    struct entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    const struct flow_endpoint source = {packet->source, packet->source_port};
    const struct flow_endpoint target = {packet->target, packet->target_port};
    const bool forward = source_is_client(packet);
    e->tuple = *tuple;
    e->stream.endpoint[FLOW_CLIENT] = forward ? source : target;
    e->stream.endpoint[FLOW_SERVER] = forward ? target : source;
    e->stream.number = packet->number;
    e->stream.start_ns = e->stream.end_ns = packet->time_ns;
    tcp_direction_init(&e->stream.direction[0]);
    tcp_direction_init(&e->stream.direction[1]);
    if (++table->count > table->bucket_count)
        grow_buckets(table);
    size_t at = bucket_of(table, tuple);
    e->chain = table->buckets[at];
    table->buckets[at] = e;
    link_number(table, e);
    link_heard(table, e);
    if (table->observer.opened != NULL)
        table->observer.opened(table->observer.context, &e->stream);
    return e;
}

static enum flow_side side_of(const struct entry *e, const struct packet *packet)
{
    const struct flow_endpoint *client = &e->stream.endpoint[FLOW_CLIENT];
    bool from_client =
        packet->source_port == client->port && packet_address_equal(&packet->source, &client->address);
    return from_client ? FLOW_CLIENT : FLOW_SERVER;
}

static enum flow_side other(enum flow_side side)
{
    return side == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;
}

/* ---- packets ---- */

static bool has_bad_checksum(const struct packet *packet)
{
    return packet->transport_checksum == CHECKSUM_BAD || packet->ip_checksum == CHECKSUM_BAD;
}

/* Is the packet's bad checksum the network's doing? Not in a direction where (nearly) all are bad: one in
 * 65536 wrong checksums is right by chance. */
static bool is_corrupted(const struct entry *e, enum flow_side from, const struct packet *packet)
{
    return has_bad_checksum(packet) && e->good_checksums[from] * 16 > e->bad_checksums[from];
}

static void time_handshake(struct entry *e, enum flow_side from, const struct packet *packet)
{
    const struct packet_tcp *tcp = &packet->tcp;
    const uint8_t syn_ack = tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST);
    if (from == FLOW_CLIENT && syn_ack == TCP_SYN && !e->syn_ack_seen) {
        e->syn_ns = packet->time_ns;
    } else if (from == FLOW_SERVER && syn_ack == (TCP_SYN | TCP_ACK)) {
        e->syn_ack_seen = true;
        e->syn_ack_seq = tcp->seq;
    } else if (from == FLOW_CLIENT && syn_ack == TCP_ACK && e->syn_ack_seen && e->syn_ns != 0 &&
               e->stream.handshake_rtt_ns == 0 && !seq_lt(tcp->ack, e->syn_ack_seq + 1) &&
               packet->time_ns > e->syn_ns) {
        e->stream.handshake_rtt_ns = packet->time_ns - e->syn_ns;
    }
}

static void update_end(struct flow_stream *stream, enum flow_side from)
{
    const struct tcp_direction *d = stream->direction;
    if (stream->end != FLOW_OPEN)
        return;
    if (d[from].rst_seen)
        stream->end = FLOW_RST;
    else if (d[0].fin_seen && d[1].fin_seen)
        stream->end = FLOW_FIN;
}

/* Give a packet to its stream, and the segment to the observer. */
static int feed_entry(struct flow_table *table, struct entry *e, const struct packet *packet)
{
    struct flow_stream *stream = &e->stream;
    const enum flow_side from = side_of(e, packet);
    struct tcp_segment segment;
    if (has_bad_checksum(packet))
        e->bad_checksums[from]++;
    else
        e->good_checksums[from] += packet->transport_checksum == CHECKSUM_GOOD;
    const bool corrupted = is_corrupted(e, from, packet);
    int failed = tcp_direction_feed(&stream->direction[from], packet, corrupted, &table->scratch, &segment);
    if (failed != 0)
        return failed;
    if (packet->time_ns > stream->end_ns)
        stream->end_ns = packet->time_ns;
    if (!corrupted) {
        tcp_direction_acked(&stream->direction[other(from)], packet);
        time_handshake(e, from, packet);
        update_end(stream, from);
    }
    stream->partial = stream->direction[0].partial || stream->direction[1].partial;
    if (table->observer.segment != NULL)
        table->observer.segment(table->observer.context, stream, from, &segment);
    return 0;
}

/* ---- the end of a stream, and another on its ports ---- */

/* The SYN that was kept back belongs to the stream after all. Without payload, this needs no memory. */
static int release_syn(struct flow_table *table, struct entry *e)
{
    if (!e->syn_held)
        return 0;
    e->syn_held = false;
    return feed_entry(table, e, &e->held_syn);
}

/* Tell the observer that the stream is final, and free it. */
static void close_entry(struct flow_table *table, struct entry *e)
{
    (void)release_syn(table, e); /* cannot fail: see there */
    struct entry **link = &table->buckets[bucket_of(table, &e->tuple)];
    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    unlink_silent(table, e);
    unlink_number(table, e);
    table->count--;
    if (table->observer.closed != NULL)
        table->observer.closed(table->observer.context, &e->stream);
    tcp_direction_fini(&e->stream.direction[0]);
    tcp_direction_fini(&e->stream.direction[1]);
    free(e);
}

static void hold_syn(struct entry *e, const struct packet *packet)
{
    e->syn_held = true;
    e->held_syn = *packet;
    e->held_syn.data = NULL;
    e->held_syn.captured_len = 0;
    e->held_syn.comment = NULL;
    e->held_syn.ip_header = e->held_syn.ip_payload = e->held_syn.payload = NULL;
    e->held_syn.ip_payload_len = e->held_syn.payload_len = e->held_syn.payload_captured = 0;
}

/* Is it a SYN (without ACK) that is not the stream's own? */
static bool is_foreign_syn(const struct entry *e, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &e->stream.direction[from];
    if ((packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
        return false;
    if (d->started)
        return packet->tcp.seq + 1 != d->base_seq;
    /* The first packet of its side: late, or half of a simultaneous open. */
    return d->packets > 0 || e->stream.end != FLOW_OPEN;
}

/* Both sides have agreed on this side's ISN, and the connection has not ended. */
static bool is_established(const struct entry *e, enum flow_side from)
{
    const struct tcp_direction *d = &e->stream.direction[from], *peer = &e->stream.direction[other(from)];
    return e->stream.end == FLOW_OPEN && d->started && peer->packets > 0 && (d->acked > 0 || peer->started);
}

static bool answers_held_syn(const struct entry *e, const struct packet *packet)
{
    return packet->source_port == e->held_syn.target_port &&
           packet_address_equal(&packet->source, &e->held_syn.target) &&
           (packet->tcp.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
           packet->tcp.ack == e->held_syn.tcp.seq + 1;
}

/* A new stream; the one that was silent longest makes room. */
static struct entry *open_stream(struct flow_table *table, const struct packet *packet)
{
    const struct tuple tuple = tuple_of(packet);
    if (table->count >= table->max_streams) {
        table->evicted++;
        close_entry(table, table->longest_silent);
    }
    return open_entry(table, packet, &tuple);
}

/* The SYN that was kept back began another connection. */
static struct entry *replace_by_held(struct flow_table *table, struct entry *e)
{
    const struct packet syn = e->held_syn;
    e->syn_held = false;
    close_entry(table, e);
    e = open_stream(table, &syn);
    return e == NULL || feed_entry(table, e, &syn) != 0 ? NULL : e;
}

/* The stream that the packet belongs to. 1: kept back; 0 with *out; -ENOMEM. */
static int choose_stream(struct flow_table *table, const struct packet *packet, struct entry **out)
{
    const struct tuple tuple = tuple_of(packet);
    struct entry *e = find(table, &tuple);
    if (e != NULL && !is_corrupted(e, side_of(e, packet), packet)) {
        const enum flow_side from = side_of(e, packet);
        if (e->syn_held && answers_held_syn(e, packet)) {
            e = replace_by_held(table, e);
        } else if (release_syn(table, e) != 0) {
            return -ENOMEM;
        } else if (is_foreign_syn(e, from, packet)) {
            if (is_established(e, from)) {
                hold_syn(e, packet);
                return 1;
            }
            close_entry(table, e);
            e = open_stream(table, packet);
        }
    } else if (e == NULL) {
        e = open_stream(table, packet);
    }
    *out = e;
    return e != NULL ? 0 : -ENOMEM;
}

int flow_table_feed(struct flow_table *table, const struct packet *packet)
{
    if (packet->ip_protocol != IPPROTO_TCP || packet->payload == NULL || packet->is_fragment)
        return 0;
    struct entry *e = NULL;
    int kept = choose_stream(table, packet, &e);
    if (kept != 0)
        return kept < 0 ? kept : 0;
    unlink_silent(table, e);
    link_heard(table, e);
    return feed_entry(table, e, packet);
}

/* ---- the table ---- */

struct flow_table *flow_table_new(const struct flow_observer *observer, struct hash_key key,
                                  size_t max_streams)
{
    struct flow_table *table = calloc(1, sizeof *table);
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
    if (table == NULL || buckets == NULL) {
        free(table);
        free(buckets);
        return NULL;
    }
    table->observer = *observer;
    table->key = key;
    table->max_streams = max_streams > 0 ? max_streams : 1;
    table->buckets = buckets;
    table->bucket_count = FIRST_BUCKETS;
    return table;
}

void flow_table_finish(struct flow_table *table)
{
    while (table->first != NULL)
        close_entry(table, table->first);
}

void flow_table_free(struct flow_table *table)
{
    if (table == NULL)
        return;
    table->observer = (struct flow_observer){0};
    flow_table_finish(table);
    tcp_scratch_fini(&table->scratch);
    free(table->buckets);
    free(table);
}

uint64_t flow_table_evicted(const struct flow_table *table)
{
    return table->evicted;
}
