#include "capture/flow_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "capture/flow_judge.h"

enum {
    FIRST_WINDOW = 65535, /* bytes behind a SYN, at most: its window is not scaled */
    DOUBTED_MOST = 4,     /* packets of a side that are kept back for their checksums */
    GONE_PART = 8,        /* of the memory, at most, for streams that are gone */
    LATE_NS = 500000000,  /* behind the end of its connection, a SYN captured twice comes no later */
};

static enum flow_side other(enum flow_side side)
{
    return side == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;
}

/* ---- packets ---- */

/* A SYN, or a SYN-ACK, was sent `again`. What answers it answers the last one only where time stamps say so
 * (Karn; RFC 7323). */
static uint8_t after_another(const struct packet_tcp *again, uint32_t ts_before)
{
    return again->has_timestamps && again->ts_value != ts_before ? FLOW_SYNS_STAMPED : FLOW_SYNS_ALIKE;
}

static bool answers_the_last(const struct packet_tcp *answer, uint8_t sent, uint32_t ts)
{
    return sent == FLOW_SYNS_ONE ||
           (sent == FLOW_SYNS_STAMPED && answer->has_timestamps && answer->ts_echo == ts);
}

static void take_syn_time(struct flow_entry *e, const struct packet *packet)
{
    e->syns = e->syn_ns == 0 ? FLOW_SYNS_ONE : after_another(&packet->tcp, e->syn_ts);
    e->syn_ns = packet->time_ns;
    e->syn_ts = packet->tcp.ts_value;
}

/* Of several SYN-ACKs the first one ends the first half of the way round; the second half begins with the
 * last one: what is between them is left out. */
static void take_syn_ack_time(struct flow_entry *e, const struct packet *packet)
{
    const struct packet_tcp *tcp = &packet->tcp;
    if (!e->syn_ack_seen) {
        e->syn_acks = FLOW_SYNS_ONE;
        e->syn_ns = answers_the_last(tcp, e->syns, e->syn_ts) ? e->syn_ns : 0;
    } else {
        e->syn_acks = after_another(tcp, e->syn_ack_ts);
        e->syn_ns += e->syn_ns != 0 && packet->time_ns > e->syn_ack_ns ? packet->time_ns - e->syn_ack_ns : 0;
    }
    e->syn_ack_seen = true;
    e->syn_ack_seq = tcp->seq;
    e->syn_ack_ns = packet->time_ns;
    e->syn_ack_ts = tcp->ts_value;
}

static void time_handshake(struct flow_entry *e, enum flow_side from, const struct packet *packet)
{
    const struct packet_tcp *tcp = &packet->tcp;
    const uint8_t syn_ack = tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST);
    if (from == FLOW_CLIENT && syn_ack == TCP_SYN && !e->syn_ack_seen) {
        take_syn_time(e, packet);
    } else if (from == FLOW_SERVER && syn_ack == (TCP_SYN | TCP_ACK)) {
        take_syn_ack_time(e, packet);
    } else if (from == FLOW_CLIENT && syn_ack == TCP_ACK && e->syn_ack_seen && e->syn_ns != 0 &&
               !seq_lt(tcp->ack, e->syn_ack_seq + 1)) {
        if (packet->time_ns > e->syn_ns && answers_the_last(tcp, e->syn_acks, e->syn_ack_ts))
            e->stream.handshake_rtt_ns = packet->time_ns - e->syn_ns;
        e->syn_ns = 0;
    }
}

/* Give a packet to its stream, and the segment to the observer. */
static int feed_entry(struct flow_table *table, struct flow_entry *e, const struct packet *packet)
{
    struct flow_stream *stream = &e->stream;
    const enum flow_side from = flow_entry_side(e, packet);
    struct tcp_direction *d = &stream->direction[from], *peer = &stream->direction[other(from)];
    struct tcp_segment segment;
    const bool corrupted = flow_is_corrupted(&e->stream, from, packet);
    int failed = tcp_feed(d, peer, packet, corrupted, &table->scratch, &segment);
    if (failed != 0)
        return failed;
    if (packet->time_ns > stream->end_ns)
        stream->end_ns = packet->time_ns;
    if (!corrupted) {
        if (stream->handshake_rtt_ns == 0)
            time_handshake(e, from, packet);
        if (stream->end == FLOW_OPEN)
            flow_note_end(stream, from, packet);
    }
    stream->partial = (d->partial && d->segments > 0) || (peer->partial && peer->segments > 0);
    flow_entry_heard(table, e);
    if (table->config.observer.segment != NULL)
        table->config.observer.segment(table->config.observer.context, stream, from, &segment);
    return 0;
}

/* ---- whose checksums are wrong ---- */

/* Keep a copy of the packet in a place of its entry, the last there. */
static int hold(struct flow_table *table, struct packet_copy **place, const struct packet *packet)
{
    struct packet_copy *copy = packet_copy_new(packet);
    if (copy == NULL)
        return -ENOMEM;
    while (*place != NULL)
        place = &(*place)->next;
    *place = copy;
    table->scratch.held += copy->size;
    return 0;
}

/* To be believed, or corrupted, by what is known now. */
int flow_entry_release_doubted(struct flow_table *table, struct flow_entry *e, enum flow_side from)
{
    int failed = 0;
    for (struct packet_copy **place = &e->doubted; *place != NULL;) {
        if (flow_entry_side(e, &(*place)->packet) != from) {
            place = &(*place)->next;
            continue;
        }
        struct packet_copy *copy = flow_entry_take_copy(table, place);
        const int now = feed_entry(table, e, &copy->packet);
        failed = failed != 0 ? failed : now;
        free(copy);
    }
    return failed;
}

/* What this packet tells about those of the other side that are kept back. */
static int confirm_doubted(struct flow_table *table, struct flow_entry *e, enum flow_side from,
                           const struct packet *packet)
{
    for (const struct packet_copy *copy = e->doubted; copy != NULL; copy = copy->next) {
        const enum flow_side sender = flow_entry_side(e, &copy->packet);
        if (sender != from && flow_confirms(packet, &copy->packet)) {
            e->stream.direction[sender].checksums_trusted = true;
            return flow_entry_release_doubted(table, e, sender);
        }
    }
    return 0;
}

/* Take a packet. The first ones of a side whose checksums are wrong may have been damaged, or captured before
 * the network card filled them in: they are kept back until a right one comes, the other side acknowledges
 * one, or so many are wrong that it is the rule. */
static int judge_and_feed(struct flow_table *table, struct flow_entry *e, const struct packet *packet)
{
    const enum flow_side from = flow_entry_side(e, packet);
    struct tcp_direction *d = &e->stream.direction[from];
    const bool wrong = flow_bad_checksum(packet);
    const bool right = !wrong && packet->transport_checksum != CHECKSUM_NONE;
    int failed = e->doubted != NULL ? confirm_doubted(table, e, from, packet) : 0;
    d->bad_checksums += wrong;
    d->good_checksums += right;
    if (wrong && d->good_checksums == 0 && !d->checksums_trusted && d->bad_checksums <= DOUBTED_MOST) {
        flow_entry_heard(table, e);
        return failed == 0 ? hold(table, &e->doubted, packet) : failed;
    }
    if (failed == 0 && e->doubted != NULL && (wrong || right))
        failed = flow_entry_release_doubted(table, e, from);
    return failed == 0 ? feed_entry(table, e, packet) : failed;
}

/* ---- another connection on the same ports ---- */

/* The SYN that was kept back belongs to the stream after all. */
static int release_syn(struct flow_table *table, struct flow_entry *e)
{
    struct packet_copy *copy = flow_entry_take_copy(table, &e->held);
    const int failed = judge_and_feed(table, e, &copy->packet);
    free(copy);
    return failed;
}

/* The SYN that was kept back began another connection. */
static struct flow_entry *replace_by_held(struct flow_table *table, struct flow_entry *e)
{
    struct packet_copy *held = flow_entry_take_copy(table, &e->held);
    const uint32_t hash = e->hash;
    flow_entry_close(table, e, FLOW_REPLACED);
    e = flow_entry_open(table, &held->packet, hash);
    if (e != NULL && judge_and_feed(table, e, &held->packet) != 0)
        e = NULL;
    free(held);
    return e;
}

/* Does the packet go on from the SYN that was kept back: from its sender, the SYN again or what follows it;
 * from the other side, an answer to it, or of a SYN-ACK the acknowledgement? */
static bool follows_held(const struct flow_entry *e, const struct packet *packet)
{
    const struct packet *syn = &e->held->packet;
    const uint32_t behind = syn->tcp.seq + 1;
    const bool same_side =
        packet->source_port == syn->source_port && packet_address_equal(&packet->source, &syn->source);
    if (same_side && (packet->tcp.flags & TCP_SYN) != 0)
        return packet->tcp.seq == syn->tcp.seq;
    if (same_side)
        return packet->tcp.seq - behind <= syn->payload_len ||
               (packet->tcp.seq - behind <= FIRST_WINDOW &&
                !flow_may_be_of(&e->stream, flow_entry_side(e, packet), packet));
    return (packet->tcp.flags & TCP_ACK) != 0 && packet->tcp.ack - behind <= syn->payload_len &&
           ((packet->tcp.flags & (TCP_SYN | TCP_RST)) != 0 || (syn->tcp.flags & TCP_ACK) != 0);
}

/* Is it a SYN that is not the stream's own? A SYN-ACK can only be where its side has been heard of before;
 * one that answers the stream's own SYN is another machine's behind the same address, and the client will
 * choose. */
static bool is_foreign_syn(const struct flow_entry *e, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &e->stream.direction[from];
    const bool ended = e->stream.end != FLOW_OPEN, answers = (packet->tcp.flags & TCP_ACK) != 0;
    if ((packet->tcp.flags & (TCP_SYN | TCP_RST)) != TCP_SYN ||
        (answers && (!d->started || d->assumed || flow_answers_syn(&e->stream, from, packet))))
        return false;
    /* The first packet of its side: late, or half of a simultaneous open. */
    return d->started ? !tcp_is_own_syn(d, packet->tcp.seq) : ended;
}

/* Do both sides know both ISNs? */
static bool is_agreed(const struct tcp_direction *d, const struct tcp_direction *peer)
{
    return d->started && peer->packets > 0 && d->has_acked && peer->has_acked;
}

/* Is it the SYN of a connection that was agreed on and has ended, and no late copy, by its time stamp or at
 * least by the time? Then another connection begins with the same ISN. */
static bool begins_again(const struct flow_entry *e, enum flow_side from, const struct packet *packet)
{
    const struct flow_stream *stream = &e->stream;
    const struct tcp_direction *d = &stream->direction[from];
    if ((packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN || stream->end == FLOW_OPEN ||
        !is_agreed(d, &stream->direction[other(from)]))
        return false;
    if (packet->tcp.has_timestamps && d->has_ts)
        return seq_lt(d->last_ts, packet->tcp.ts_value);
    return packet->time_ns > stream->end_ns && packet->time_ns - stream->end_ns > LATE_NS;
}

/* Is it to be seen first whether another connection follows? Where both sides have agreed on both ISNs, and
 * the connection has not ended; and for a SYN-ACK, which may be a stray one, wherever its side has not ended.
 */
static bool must_wait(const struct flow_entry *e, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &e->stream.direction[from], *peer = &e->stream.direction[other(from)];
    const bool stray = (packet->tcp.flags & TCP_ACK) != 0 && !d->fin_seen;
    return e->stream.end == FLOW_OPEN && (is_agreed(d, peer) || stray);
}

/* The stream that the packet belongs to, given what there is on its ports. 1: kept back; 0 with *out;
 * -ENOMEM. */
static int choose_stream(struct flow_table *table, const struct packet *packet, struct flow_entry *e,
                         struct flow_entry **out)
{
    const uint32_t hash = e->hash;
    const enum flow_side from = flow_entry_side(e, packet);
    *out = e;
    if (flow_entry_is_over(table, e, packet)) {
        flow_entry_close_ended(table, e);
    } else if (flow_is_corrupted(&e->stream, from, packet)) {
        return 0;
    } else if (e->held != NULL && follows_held(e, packet)) {
        *out = replace_by_held(table, e);
        return *out != NULL ? 0 : -ENOMEM;
    } else {
        if (e->held != NULL && release_syn(table, e) != 0)
            return -ENOMEM;
        if (!is_foreign_syn(e, from, packet) && !begins_again(e, from, packet))
            return 0;
        if (must_wait(e, from, packet))
            return hold(table, &e->held, packet) == 0 ? 1 : -ENOMEM;
        flow_entry_close(table, e, FLOW_REPLACED);
    }
    *out = flow_entry_open(table, packet, hash);
    return *out != NULL ? 0 : -ENOMEM;
}

void flow_table_tick(struct flow_table *table, uint64_t time_ns)
{
    if (time_ns > table->now_ns)
        table->now_ns = time_ns;
    flow_entries_close_over(table);
}

void flow_table_pass(struct flow_table *table, uint64_t time_ns, uint32_t ends)
{
    table->ends += ends;
    flow_table_tick(table, time_ns);
}

int flow_table_feed(struct flow_table *table, const struct packet *packet)
{
    if (packet->ip_protocol != IPPROTO_TCP || packet->payload == NULL || packet->is_fragment)
        return 0;
    flow_table_pass(table, packet->time_ns, (packet->tcp.flags & (TCP_FIN | TCP_RST)) != 0);
    const uint32_t hash = flow_entry_hash(table, packet);
    struct flow_entry *e = flow_entry_find(table, packet, hash);
    int kept = 0;
    if (e == NULL)
        e = flow_entry_open(table, packet, hash);
    else if (e->held != NULL || e->list == FLOW_POOL_ENDED || (packet->tcp.flags & TCP_SYN) != 0)
        kept = choose_stream(table, packet, e, &e);
    if (kept != 0 || e == NULL)
        return kept > 0 ? 0 : -ENOMEM;
    const int failed = judge_and_feed(table, e, packet);
    flow_entries_fit(table);
    return failed;
}

/* ---- the table ---- */

struct flow_table *flow_table_new(const struct flow_config *config)
{
    struct flow_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->config = *config;
    table->closing = table->oldest.place = FLOW_POOL_NONE;
    tuple_key_make(&table->key, &config->key);
    size_t most = config->max_streams > 0 ? config->max_streams : 1;
    if (config->max_memory > 0 && most > config->max_memory / sizeof(struct flow_entry))
        most = config->max_memory / sizeof(struct flow_entry) + 1;
    if (flow_pool_init(&table->pool, sizeof(struct flow_entry), most) != 0) {
        free(table);
        return NULL;
    }
    flow_gone_init(&table->gone, config->max_memory > 0 ? config->max_memory / GONE_PART : SIZE_MAX,
                   config->linger_ns);
    return table;
}

/* A SYN that nobody answered before the capture ended is a connection that was tried; a SYN-ACK is a stray
 * one, unless only its side was captured. */
static void resolve_held(struct flow_table *table)
{
    uint32_t next = FLOW_POOL_NONE;
    for (uint32_t at = table->pool.list[FLOW_POOL_OPEN].first; at != FLOW_POOL_NONE; at = next) {
        next = flow_pool_node(&table->pool, at)->behind;
        struct flow_entry *e = flow_entry_at(table, at);
        if (e->held == NULL)
            continue;
        const enum flow_side from = flow_entry_side(e, &e->held->packet);
        if ((e->held->packet.tcp.flags & TCP_ACK) != 0 && e->stream.direction[other(from)].packets > 0)
            (void)release_syn(table, e);
        else
            (void)replace_by_held(table, e);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    const struct flow_entry *const *left = a, *const *right = b;
    return ((*left)->stream.number > (*right)->stream.number) -
           ((*left)->stream.number < (*right)->stream.number);
}

void flow_table_finish(struct flow_table *table)
{
    resolve_held(table);
    const size_t count = flow_table_count(table);
    struct flow_entry **all = count > 0 ? calloc(count, sizeof *all) : NULL;
    size_t filled = 0;
    for (int list = FLOW_POOL_OPEN; all != NULL && list <= FLOW_POOL_ENDED; list++) {
        for (uint32_t at = table->pool.list[list].first; at != FLOW_POOL_NONE;
             at = flow_pool_node(&table->pool, at)->behind)
            all[filled++] = flow_entry_at(table, at);
    }
    if (filled > 1)
        qsort(all, filled, sizeof *all, compare_numbers);
    for (size_t i = 0; i < filled; i++)
        flow_entry_close(table, all[i], FLOW_FINISHED);
    free(all);
    /* Without memory to sort them, in the order of their last packets. */
    for (int list = FLOW_POOL_OPEN; list <= FLOW_POOL_ENDED; list++) {
        while (table->pool.list[list].count > 0)
            flow_entry_close(table, flow_entry_first(table, (enum flow_pool_list)list), FLOW_FINISHED);
    }
    flow_pool_clear(&table->pool);
    flow_index_fini(&table->index);
}

void flow_table_each_open(const struct flow_table *table,
                          void (*look)(void *context, const struct flow_stream *stream), void *context)
{
    for (uint32_t at = table->pool.list[FLOW_POOL_OPEN].first; at != FLOW_POOL_NONE;
         at = flow_pool_node(&table->pool, at)->behind)
        look(context, &flow_entry_at(table, at)->stream);
}

void flow_table_free(struct flow_table *table)
{
    if (table == NULL)
        return;
    table->config.observer = (struct flow_observer){0};
    flow_table_finish(table);
    tcp_scratch_fini(&table->scratch);
    flow_index_fini(&table->index);
    flow_pool_fini(&table->pool);
    flow_gone_fini(&table->gone);
    free(table);
}

uint64_t flow_table_continued(const struct flow_table *table)
{
    return table->continued;
}

uint64_t flow_table_evicted(const struct flow_table *table)
{
    return table->evicted;
}

int flow_mark_add(struct flow_table *table, struct flow_stream *stream, enum flow_side from,
                  enum tcp_mark mark)
{
    return tcp_mark_add(&stream->direction[from], mark, &table->scratch);
}
