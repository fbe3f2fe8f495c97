#include "capture/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"
#include "capture/flow_index.h"
#include "capture/flow_judge.h"
#include "capture/packet_copy.h"
#include "capture/tuple.h"

/* The table: an index by the hash of the two endpoints, the same in either direction, and two lists in the
 * order of the last packets: one of the open streams, for eviction, one of those that have ended, for
 * closing.
 *
 * Time is that of packets. A stream that has ended and was silent for longer than linger_ns is over: its next
 * packet begins another one. When it is closed does not matter for that, so that no stream depends on
 * another's packets: the table closes it a little later than it must, by its own clock, which is the highest
 * time of any packet (DISORDER_NS: how far packets may stand out of order in the file). */

#define DISORDER_NS UINT64_C(1000000000)

struct entry {
    struct flow_stream stream;
    struct entry *before, *behind; /* in its list, by last packet */
    uint64_t heard_ns;             /* the table's clock then */
    uint64_t move;                 /* of the table's, that put it there */
    uint32_t hash;
    uint32_t syn_ack_seq;     /* the server's ISN, if syn_ack_seen */
    uint64_t syn_ns;          /* the last SYN of the client before the SYN-ACK; 0: none */
    bool syn_ack_seen;        /* then the client's acknowledgement of `syn_ack_seq` ends the handshake */
    bool ended;               /* is in the list of those */
    struct packet_copy *held; /* a SYN with another ISN on an open connection, kept back until a packet tells
                                 whether it begins another one */
    struct packet_copy *doubted; /* see judge_and_feed() */
};

struct list {
    struct entry *first, *last;
};

/* A packet to come, and the hash of its ends. */
struct foreseen {
    uint64_t number; /* 0: none */
    uint32_t hash;
};

enum {
    ENTRY_COST = sizeof(struct entry) + 16, /* with what an allocator adds */
    FORESEEN = 16,                          /* packets; a power of two */
    FORESEEN_STEP = 4,                      /* after so many more, what was asked for has come */
    DOUBTED_MOST = 4,                       /* packets of a side that are kept back for their checksums */
};

struct flow_table {
    struct flow_config config;
    size_t count, ended_count;
    struct flow_index index;
    struct list open, ended;
    struct tcp_scratch scratch;
    uint64_t now_ns, moves, evicted;
    struct foreseen foreseen[FORESEEN]; /* by the packet's number */
};

/* ---- the index ---- */

static bool endpoint_is(const struct flow_endpoint *endpoint, const struct packet_address *address,
                        uint16_t port)
{
    return endpoint->port == port && packet_address_equal(&endpoint->address, address);
}

static bool is_between(const void *value, const void *wanted)
{
    const struct flow_endpoint *ends = ((const struct entry *)value)->stream.endpoint;
    const struct packet *packet = wanted;
    for (int i = 0; i < 2; i++) {
        if (endpoint_is(&ends[i], &packet->source, packet->source_port) &&
            endpoint_is(&ends[1 - i], &packet->target, packet->target_port))
            return true;
    }
    return false;
}

/* With very many streams, nearly each packet is one of a stream that was not looked at for long: the time
 * goes for waiting until the memory has come. So that is asked for some packets ahead: first the place in the
 * index, and where that has come, the entry. */
void flow_table_foresee(struct flow_table *table, const struct packet *packet)
{
    enum {
        CACHE_LINE = 64,
    };
    uint64_t hash = 0;
    if (!tuple_peek(&table->config.key, packet, &hash))
        return;
    flow_index_prefetch(&table->index, (uint32_t)hash);
    table->foreseen[packet->number % FORESEEN] = (struct foreseen){packet->number, (uint32_t)hash};
    const struct foreseen *before = &table->foreseen[(packet->number - FORESEEN_STEP) % FORESEEN];
    const char *e = before->number != 0 ? flow_index_guess(&table->index, before->hash) : NULL;
    for (size_t at = 0; e != NULL && at < sizeof(struct entry); at += CACHE_LINE)
        __builtin_prefetch(e + at, 1);
}

static uint32_t hash_of(const struct flow_table *table, const struct packet *packet)
{
    const struct foreseen *f = &table->foreseen[packet->number % FORESEEN];
    return f->number == packet->number && f->number != 0 ? f->hash
                                                         : (uint32_t)tuple_hash(&table->config.key, packet);
}

/* ---- the lists ---- */

static struct list *list_of(struct flow_table *table, const struct entry *e)
{
    return e->ended ? &table->ended : &table->open;
}

static void unlink_heard(struct flow_table *table, struct entry *e)
{
    struct list *list = list_of(table, e);
    *(e->before != NULL ? &e->before->behind : &list->first) = e->behind;
    *(e->behind != NULL ? &e->behind->before : &list->last) = e->before;
}

static void link_heard(struct flow_table *table, struct entry *e)
{
    struct list *list = list_of(table, e);
    e->heard_ns = table->now_ns;
    e->move = ++table->moves;
    e->before = list->last;
    e->behind = NULL;
    *(list->last != NULL ? &list->last->behind : &list->first) = e;
    list->last = e;
}

/* The entry was heard, and may have ended: last in its list. Where few others were put behind it since, an
 * open one stays where it is: to move it touches its neighbours, which are not in the cache. */
static void note_heard(struct flow_table *table, struct entry *e)
{
    const bool ended = e->stream.end != FLOW_OPEN;
    const bool near_end =
        list_of(table, e)->last == e || (!ended && table->moves - e->move < table->count / 8);
    if (e->ended == ended && near_end) {
        e->heard_ns = table->now_ns;
        return;
    }
    unlink_heard(table, e);
    table->ended_count += ended;
    table->ended_count -= e->ended;
    e->ended = ended;
    link_heard(table, e);
}

/* ---- opening and closing ---- */

static enum flow_side side_of(const struct entry *e, const struct packet *packet)
{
    return endpoint_is(&e->stream.endpoint[FLOW_CLIENT], &packet->source, packet->source_port) ? FLOW_CLIENT
                                                                                               : FLOW_SERVER;
}

static enum flow_side other(enum flow_side side)
{
    return side == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;
}

/* Take a packet that was kept back out of its place; it is the caller's to free. */
static struct packet_copy *take_copy(struct flow_table *table, struct packet_copy **place)
{
    struct packet_copy *copy = *place;
    *place = copy->next;
    table->scratch.held -= copy->size;
    return copy;
}

static int release_doubted(struct flow_table *table, struct entry *e, enum flow_side from);

/* Tell the observer that the stream is final, and free it. What memory does not suffice for is left out: a
 * packet that was kept back, bytes that were not verified. */
static void close_entry(struct flow_table *table, struct entry *e, enum flow_reason reason)
{
    for (int side = 0; side < 2; side++)
        (void)release_doubted(table, e, (enum flow_side)side);
    for (int side = 0; side < 2; side++)
        (void)tcp_direction_settle(&e->stream.direction[side], &table->scratch);
    flow_index_remove(&table->index, e->hash, e);
    unlink_heard(table, e);
    table->count--;
    table->ended_count -= e->ended;
    e->stream.reason = reason;
    if (table->config.observer.closed != NULL)
        table->config.observer.closed(table->config.observer.context, &e->stream);
    for (int side = 0; side < 2; side++)
        tcp_direction_fini(&e->stream.direction[side], &table->scratch);
    if (e->held != NULL)
        free(take_copy(table, &e->held));
    free(e);
}

static bool is_full(const struct flow_table *table, size_t more)
{
    const size_t most = table->config.max_memory;
    return table->count > 0 && (table->count + more > table->config.max_streams ||
                                (most > 0 && flow_table_memory(table) + more * ENTRY_COST > most));
}

/* Room for `more` streams. */
static void make_room(struct flow_table *table, size_t more)
{
    while (is_full(table, more)) {
        if (table->ended.first != NULL) {
            close_entry(table, table->ended.first, FLOW_LINGERED);
        } else {
            table->evicted++;
            close_entry(table, table->open.first, FLOW_EVICTED);
        }
    }
}

/* A new stream; others make room. */
static struct entry *open_stream(struct flow_table *table, const struct packet *packet, uint32_t hash)
{
    make_room(table, 1);
    struct entry *e = calloc(1, sizeof *e);
    if (e == NULL || flow_index_add(&table->index, hash, e) != 0) {
        free(e);
        return NULL;
    }
    const struct flow_endpoint source = {packet->source, packet->source_port};
    const struct flow_endpoint target = {packet->target, packet->target_port};
    const bool forward = flow_source_is_client(packet);
    e->stream.endpoint[FLOW_CLIENT] = forward ? source : target;
    e->stream.endpoint[FLOW_SERVER] = forward ? target : source;
    e->stream.number = packet->number;
    e->stream.start_ns = e->stream.end_ns = packet->time_ns;
    tcp_direction_init(&e->stream.direction[0]);
    tcp_direction_init(&e->stream.direction[1]);
    e->hash = hash;
    table->count++;
    link_heard(table, e);
    if (table->config.observer.opened != NULL)
        table->config.observer.opened(table->config.observer.context, &e->stream);
    return e;
}

/* ---- packets ---- */

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

/* Give a packet to its stream, and the segment to the observer. */
static int feed_entry(struct flow_table *table, struct entry *e, const struct packet *packet)
{
    struct flow_stream *stream = &e->stream;
    const enum flow_side from = side_of(e, packet);
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
            flow_note_end(stream, from);
    }
    stream->partial = (d->partial && d->segments > 0) || (peer->partial && peer->segments > 0);
    note_heard(table, e);
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

/* The packets of one side that were kept back: to be believed, or corrupted, by what is known now. */
static int release_doubted(struct flow_table *table, struct entry *e, enum flow_side from)
{
    int failed = 0;
    for (struct packet_copy **place = &e->doubted; *place != NULL;) {
        if (side_of(e, &(*place)->packet) != from) {
            place = &(*place)->next;
            continue;
        }
        struct packet_copy *copy = take_copy(table, place);
        const int now = feed_entry(table, e, &copy->packet);
        failed = failed != 0 ? failed : now;
        free(copy);
    }
    return failed;
}

/* What this packet tells about those of the other side that are kept back. */
static int confirm_doubted(struct flow_table *table, struct entry *e, enum flow_side from,
                           const struct packet *packet)
{
    for (const struct packet_copy *copy = e->doubted; copy != NULL; copy = copy->next) {
        const enum flow_side sender = side_of(e, &copy->packet);
        if (sender != from && flow_confirms(packet, &copy->packet)) {
            e->stream.direction[sender].checksums_trusted = true;
            return release_doubted(table, e, sender);
        }
    }
    return 0;
}

/* Take a packet. The first ones of a side whose checksums are wrong may have been damaged, or captured before
 * the network card filled them in: they are kept back until a right one comes, the other side acknowledges
 * one, or so many are wrong that it is the rule. */
static int judge_and_feed(struct flow_table *table, struct entry *e, const struct packet *packet)
{
    const enum flow_side from = side_of(e, packet);
    struct tcp_direction *d = &e->stream.direction[from];
    const bool wrong = flow_bad_checksum(packet);
    const bool right = !wrong && packet->transport_checksum != CHECKSUM_NONE;
    int failed = e->doubted != NULL ? confirm_doubted(table, e, from, packet) : 0;
    d->bad_checksums += wrong;
    d->good_checksums += right && packet->transport_checksum == CHECKSUM_GOOD;
    if (wrong && d->good_checksums == 0 && !d->checksums_trusted && d->bad_checksums <= DOUBTED_MOST) {
        note_heard(table, e);
        return failed == 0 ? hold(table, &e->doubted, packet) : failed;
    }
    if (failed == 0 && e->doubted != NULL && (wrong || right))
        failed = release_doubted(table, e, from);
    return failed == 0 ? feed_entry(table, e, packet) : failed;
}

/* ---- another connection on the same ports ---- */

/* The SYN that was kept back belongs to the stream after all. */
static int release_syn(struct flow_table *table, struct entry *e)
{
    struct packet_copy *copy = take_copy(table, &e->held);
    const int failed = judge_and_feed(table, e, &copy->packet);
    free(copy);
    return failed;
}

/* The SYN that was kept back began another connection. */
static struct entry *replace_by_held(struct flow_table *table, struct entry *e)
{
    struct packet_copy *held = take_copy(table, &e->held);
    const uint32_t hash = e->hash;
    close_entry(table, e, FLOW_REPLACED);
    e = open_stream(table, &held->packet, hash);
    if (e != NULL && judge_and_feed(table, e, &held->packet) != 0)
        e = NULL;
    free(held);
    return e;
}

/* Does the packet go on from the SYN that was kept back: from its sender, the SYN again or what follows it;
 * from the other side, an answer to it? */
static bool follows_held(const struct entry *e, const struct packet *packet)
{
    const struct packet *syn = &e->held->packet;
    const uint32_t behind = syn->tcp.seq + 1;
    const bool same_side =
        packet->source_port == syn->source_port && packet_address_equal(&packet->source, &syn->source);
    if (same_side && (packet->tcp.flags & TCP_SYN) != 0)
        return packet->tcp.seq == syn->tcp.seq;
    if (same_side)
        return packet->tcp.seq - behind <= syn->payload_len;
    return (packet->tcp.flags & (TCP_SYN | TCP_RST)) != 0 && (packet->tcp.flags & TCP_ACK) != 0 &&
           packet->tcp.ack - behind <= syn->payload_len;
}

/* Is it a SYN that is not the stream's own? A SYN-ACK is only where the connection has ended. */
static bool is_foreign_syn(const struct entry *e, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &e->stream.direction[from];
    const bool ended = e->stream.end != FLOW_OPEN;
    if ((packet->tcp.flags & (TCP_SYN | TCP_RST)) != TCP_SYN ||
        ((packet->tcp.flags & TCP_ACK) != 0 && !(ended && d->syn_seen)))
        return false;
    /* The first packet of its side: late, or half of a simultaneous open. */
    return d->started ? !tcp_is_own_syn(d, packet->tcp.seq) : ended;
}

/* Both sides have agreed on both ISNs, and the connection has not ended. */
static bool is_established(const struct entry *e, enum flow_side from)
{
    const struct tcp_direction *d = &e->stream.direction[from], *peer = &e->stream.direction[other(from)];
    return e->stream.end == FLOW_OPEN && d->started && peer->packets > 0 && d->has_acked && peer->has_acked;
}

/* The stream has ended, and its time to linger had passed when the packet came. */
static bool is_over(const struct flow_table *table, const struct entry *e, const struct packet *packet)
{
    return e->ended && packet->time_ns > e->stream.end_ns &&
           packet->time_ns - e->stream.end_ns > table->config.linger_ns;
}

/* The stream that the packet belongs to, given what there is on its ports. 1: kept back; 0 with *out;
 * -ENOMEM. */
static int choose_stream(struct flow_table *table, const struct packet *packet, struct entry *e,
                         struct entry **out)
{
    const uint32_t hash = e->hash;
    const enum flow_side from = side_of(e, packet);
    enum flow_reason reason = FLOW_REPLACED;
    *out = e;
    if (is_over(table, e, packet)) {
        reason = FLOW_LINGERED;
    } else if (flow_is_corrupted(&e->stream, from, packet)) {
        return 0;
    } else if (e->held != NULL && follows_held(e, packet)) {
        *out = replace_by_held(table, e);
        return *out != NULL ? 0 : -ENOMEM;
    } else {
        if (e->held != NULL && release_syn(table, e) != 0)
            return -ENOMEM;
        if (!is_foreign_syn(e, from, packet))
            return 0;
        if (is_established(e, from))
            return hold(table, &e->held, packet) == 0 ? 1 : -ENOMEM;
    }
    close_entry(table, e, reason);
    *out = open_stream(table, packet, hash);
    return *out != NULL ? 0 : -ENOMEM;
}

void flow_table_tick(struct flow_table *table, uint64_t time_ns)
{
    if (time_ns <= table->now_ns)
        return;
    table->now_ns = time_ns;
    while (table->ended.first != NULL &&
           time_ns - table->ended.first->heard_ns > table->config.linger_ns + DISORDER_NS)
        close_entry(table, table->ended.first, FLOW_LINGERED);
}

int flow_table_feed(struct flow_table *table, const struct packet *packet)
{
    if (packet->ip_protocol != IPPROTO_TCP || packet->payload == NULL || packet->is_fragment)
        return 0;
    flow_table_tick(table, packet->time_ns);
    const uint32_t hash = hash_of(table, packet);
    struct entry *e = flow_index_find(&table->index, hash, is_between, packet);
    int kept = 0;
    if (e == NULL)
        e = open_stream(table, packet, hash);
    else if (e->held != NULL || e->ended || (packet->tcp.flags & TCP_SYN) != 0)
        kept = choose_stream(table, packet, e, &e);
    if (kept != 0 || e == NULL)
        return kept > 0 ? 0 : -ENOMEM;
    const int failed = judge_and_feed(table, e, packet);
    if (table->config.max_memory > 0)
        make_room(table, 0);
    while (table->config.max_ended > 0 && table->ended_count > table->config.max_ended)
        close_entry(table, table->ended.first, FLOW_LINGERED);
    return failed;
}

/* ---- the table ---- */

struct flow_table *flow_table_new(const struct flow_config *config)
{
    struct flow_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->config = *config;
    if (table->config.max_streams == 0)
        table->config.max_streams = 1;
    return table;
}

/* A SYN that nobody answered before the capture ended is a connection that was tried. */
static void resolve_held(struct flow_table *table)
{
    struct entry *next = NULL;
    for (struct entry *e = table->open.first; e != NULL; e = next) {
        next = e->behind;
        if (e->held != NULL)
            (void)replace_by_held(table, e);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    const struct entry *const *left = a, *const *right = b;
    return ((*left)->stream.number > (*right)->stream.number) -
           ((*left)->stream.number < (*right)->stream.number);
}

void flow_table_finish(struct flow_table *table)
{
    resolve_held(table);
    const size_t count = table->count;
    struct entry **all = count > 0 ? calloc(count, sizeof *all) : NULL;
    size_t at = 0;
    for (struct entry *e = table->open.first; all != NULL && e != NULL; e = e->behind)
        all[at++] = e;
    for (struct entry *e = table->ended.first; all != NULL && e != NULL; e = e->behind)
        all[at++] = e;
    if (at > 1)
        qsort(all, at, sizeof *all, compare_numbers);
    for (size_t i = 0; i < at; i++)
        close_entry(table, all[i], FLOW_FINISHED);
    free(all);
    /* Without memory to sort them, in the order of their last packets. */
    while (table->open.first != NULL)
        close_entry(table, table->open.first, FLOW_FINISHED);
    while (table->ended.first != NULL)
        close_entry(table, table->ended.first, FLOW_FINISHED);
}

void flow_table_each_open(const struct flow_table *table,
                          void (*look)(void *context, const struct flow_stream *stream), void *context)
{
    for (const struct entry *e = table->open.first; e != NULL; e = e->behind)
        look(context, &e->stream);
}

void flow_table_free(struct flow_table *table)
{
    if (table == NULL)
        return;
    table->config.observer = (struct flow_observer){0};
    flow_table_finish(table);
    tcp_scratch_fini(&table->scratch);
    flow_index_fini(&table->index);
    free(table);
}

uint64_t flow_table_evicted(const struct flow_table *table)
{
    return table->evicted;
}

size_t flow_table_count(const struct flow_table *table)
{
    return table->count;
}

size_t flow_table_memory(const struct flow_table *table)
{
    return table->count * ENTRY_COST + flow_index_memory(&table->index) + table->scratch.held;
}

int flow_mark_add(struct flow_table *table, struct flow_stream *stream, enum flow_side from,
                  enum tcp_mark mark)
{
    return tcp_mark_add(&stream->direction[from], mark, &table->scratch);
}
