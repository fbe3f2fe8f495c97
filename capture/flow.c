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
    struct packet
        late_syn; /* a SYN with another ISN on an open connection; number 0: none. Its headers only */
    enum flow_side late_from;
};

struct flow_table {
    struct flow_observer observer;
    struct hash_key key;
    size_t max_streams, count, bucket_count;
    struct entry **buckets;
    struct entry *longest_silent, *last_heard;
    struct entry *first, *last;
    struct tcp_scratch scratch;
    uint64_t last_number, evicted;
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

static void link_number(struct flow_table *table, struct entry *e)
{
    e->lower_number = table->last;
    *(table->last != NULL ? &table->last->higher_number : &table->first) = e;
    table->last = e;
}

static void unlink_number(struct flow_table *table, struct entry *e)
{
    *(e->lower_number != NULL ? &e->lower_number->higher_number : &table->first) = e->higher_number;
    *(e->higher_number != NULL ? &e->higher_number->lower_number : &table->last) = e->lower_number;
}

/* Tell the observer that the stream is final, and free it. */
static void close_entry(struct flow_table *table, struct entry *e)
{
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
    if (table->count >= table->max_streams && table->longest_silent != NULL) {
        table->evicted++;
        close_entry(table, table->longest_silent);
    }
    struct entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    const struct flow_endpoint source = {packet->source, packet->source_port};
    const struct flow_endpoint target = {packet->target, packet->target_port};
    const bool forward = source_is_client(packet);
    e->tuple = *tuple;
    e->stream.endpoint[FLOW_CLIENT] = forward ? source : target;
    e->stream.endpoint[FLOW_SERVER] = forward ? target : source;
    e->stream.number = ++table->last_number;
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

/* ---- port reuse ---- */

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

/* Does this SYN (without ACK) begin another connection on the stream's ports? Sets late_syn where only its
 * answer can tell. */
static bool begins_another(struct entry *e, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &e->stream.direction[from];
    if ((packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
        return false;
    if (d->started ? packet->tcp.seq + 1 == d->base_seq : d->packets == 0 && e->stream.end == FLOW_OPEN)
        return false; /* this connection's own, again or late or the other half of a simultaneous open */
    const struct tcp_direction *peer = &e->stream.direction[other(from)];
    const bool established = d->started && peer->packets > 0 && (d->acked > 0 || peer->started);
    if (e->stream.end != FLOW_OPEN || !established)
        return true;
    e->late_syn = *packet;
    e->late_syn.data = NULL;
    e->late_syn.captured_len = 0;
    e->late_syn.comment = NULL;
    e->late_syn.ip_header = e->late_syn.ip_payload = e->late_syn.payload = NULL;
    e->late_syn.ip_payload_len = e->late_syn.payload_len = e->late_syn.payload_captured = 0;
    e->late_from = from;
    return false;
}

/* Is this the answer to a SYN that came on the open connection? */
static bool answers_late_syn(const struct entry *e, enum flow_side from, const struct packet *packet)
{
    return e->late_syn.number != 0 && from != e->late_from &&
           (packet->tcp.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
           packet->tcp.ack == e->late_syn.tcp.seq + 1;
}

/* ---- packets ---- */

/* Is the packet's bad checksum the network's doing? Not in a direction where (nearly) all are bad: one in
 * 65536 wrong checksums is right by chance. */
static bool is_corrupted(const struct entry *e, enum flow_side from, const struct packet *packet)
{
    return packet->transport_checksum == CHECKSUM_BAD &&
           e->good_checksums[from] * 16 > e->bad_checksums[from];
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

/* Give a packet to its stream. `tell`: and the segment to the observer. */
static int feed_entry(struct flow_table *table, struct entry *e, const struct packet *packet, bool tell)
{
    struct flow_stream *stream = &e->stream;
    const enum flow_side from = side_of(e, packet);
    struct tcp_segment segment;
    e->good_checksums[from] += packet->transport_checksum == CHECKSUM_GOOD;
    e->bad_checksums[from] += packet->transport_checksum == CHECKSUM_BAD;
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
    if (tell && table->observer.segment != NULL)
        table->observer.segment(table->observer.context, stream, from, &segment);
    return 0;
}

/* Replace the stream by one that begins with the SYN that came on it. */
static struct entry *replace_by_late_syn(struct flow_table *table, struct entry *e)
{
    const struct packet syn = e->late_syn;
    const struct tuple tuple = e->tuple;
    close_entry(table, e);
    e = open_entry(table, &syn, &tuple);
    return e == NULL || feed_entry(table, e, &syn, false) != 0 ? NULL : e;
}

int flow_table_feed(struct flow_table *table, const struct packet *packet)
{
    if (packet->ip_protocol != IPPROTO_TCP || packet->payload == NULL || packet->is_fragment)
        return 0;
    const struct tuple tuple = tuple_of(packet);
    struct entry *e = find(table, &tuple);
    const enum flow_side from = e != NULL ? side_of(e, packet) : FLOW_CLIENT;
    if (e != NULL && !is_corrupted(e, from, packet)) {
        if (begins_another(e, from, packet)) {
            close_entry(table, e);
            e = NULL;
        } else if (answers_late_syn(e, from, packet)) {
            e = replace_by_late_syn(table, e);
            if (e == NULL)
                return -ENOMEM;
        }
    }
    if (e == NULL)
        e = open_entry(table, packet, &tuple);
    if (e == NULL)
        return -ENOMEM;
    unlink_silent(table, e);
    link_heard(table, e);
    return feed_entry(table, e, packet, true);
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
