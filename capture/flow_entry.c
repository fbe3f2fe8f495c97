#include "capture/flow_private.h"

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "capture/flow_judge.h"

/* The table: records in a pool; an index of them by the hash of the two endpoints, the same in either
 * direction; and two lists in the order of the last packets: one of the open streams, for eviction, one of
 * those that have ended, for closing.
 *
 * Time is that of packets. A stream that has ended and was silent for longer than linger_ns is over: its next
 * packet begins another one; so is one behind which more than max_ends packets with FIN or RST came. When it
 * is closed does not matter for that, so that no stream depends on another's packets: the table closes it a
 * little later than it must, by its own clock, which is the highest time of any packet (DISORDER_NS: how far
 * packets may stand out of order in the file). */

#define DISORDER_NS UINT64_C(1000000000)

enum {
    MOST_ALIKE = 16,   /* streams of the same ends, each in a network of its own; more count as the last */
    FORESEEN_STEP = 4, /* after so many more of our packets, what was asked for has come */
    CLOSING_STEP = 4,  /* streams that are closed in between */
    CLOSINGS = 64,     /* after so many, the order in the list is looked at again */
    USUAL = sizeof(struct flow_entry) - FLOW_CACHE_LINE, /* what stands behind is seldom needed */
};

/* ---- the index ---- */

static bool endpoint_is(const struct flow_endpoint *endpoint, const struct packet_address *address,
                        uint16_t port)
{
    static_assert(sizeof *address == 17, "no padding: addresses are compared as bytes");
    return endpoint->port == port && memcmp(&endpoint->address, address, sizeof *address) == 0;
}

static bool is_between(const struct flow_entry *e, const struct packet *packet)
{
    const struct flow_endpoint *ends = e->stream.endpoint;
    for (int i = 0; i < 2; i++) {
        if (endpoint_is(&ends[i], &packet->source, packet->source_port) &&
            endpoint_is(&ends[1 - i], &packet->target, packet->target_port))
            return true;
    }
    return false;
}

size_t flow_table_count(const struct flow_table *table)
{
    return (size_t)table->pool.list[FLOW_POOL_OPEN].count + table->pool.list[FLOW_POOL_ENDED].count;
}

enum flow_side flow_entry_side(const struct flow_entry *e, const struct packet *packet)
{
    return endpoint_is(&e->stream.endpoint[FLOW_CLIENT], &packet->source, packet->source_port) ? FLOW_CLIENT
                                                                                               : FLOW_SERVER;
}

/* Is it one that was kept back, seen again? */
static bool is_doubted_again(const struct flow_entry *e, const struct packet *packet)
{
    const struct packet_copy *copy = e->doubted;
    while (copy != NULL && (copy->packet.tcp.seq != packet->tcp.seq ||
                            !packet_address_equal(&copy->packet.source, &packet->source)))
        copy = copy->next;
    return copy != NULL;
}

/* Two networks, each in its own tunnels, may have the same addresses and ports, but hardly the same sequence
 * numbers at the same time. What a packet is wrapped in alone does not tell them apart: labels and tunnel
 * endpoints are others in each direction, and change as a phone moves on; and one capture may see a packet
 * before it enters the tunnel and within. */
struct flow_entry *flow_entry_find(const struct flow_table *table, const struct packet *packet, uint32_t hash)
{
    const uint16_t outer = tuple_outer(packet);
    struct flow_entry *other_way = NULL;
    uint32_t place;
    size_t at = hash;
    for (unsigned met = 0;
         met < MOST_ALIKE && (place = flow_index_next(&table->index, hash, &at)) != FLOW_INDEX_NONE;) {
        struct flow_entry *e = flow_entry_at(table, place);
        if (!is_between(e, packet))
            continue;
        if ((e->outer[0] | e->outer[1] | outer) == 0)
            return e;
        const enum flow_side from = flow_entry_side(e, packet);
        if (e->outer[from] == outer)
            return e;
        met++;
        if (other_way == NULL &&
            (met == MOST_ALIKE || is_doubted_again(e, packet) || flow_may_be_of(&e->stream, from, packet)))
            other_way = e;
    }
    if (other_way != NULL)
        other_way->outer[flow_entry_side(other_way, packet)] = outer;
    return other_way;
}

static void bring_near(const void *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += FLOW_CACHE_LINE)
        __builtin_prefetch((const char *)bytes + at, 1);
}

/* The place in the index has come: have the entry brought. */
static void bring_entry(struct flow_table *table, const struct flow_foreseen *f)
{
    size_t at = f->hash;
    const uint32_t place = flow_index_next(&table->index, f->hash, &at);
    if (place == FLOW_INDEX_NONE)
        return;
    const bool rare = (f->flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0;
    bring_near(flow_entry_at(table, place), rare ? sizeof(struct flow_entry) : USUAL);
    if ((f->flags & (TCP_FIN | TCP_RST)) != 0)
        __builtin_prefetch(flow_pool_node(&table->pool, place), 1);
}

/* With very many streams, nearly each packet is one of a stream that was not looked at for long: the time
 * goes for waiting until the memory has come. So that is asked for some packets ahead: first the place in the
 * index, and where that has come, the entry. */
void flow_table_foresee(struct flow_table *table, const struct packet *packet)
{
    struct tuple_seen seen;
    if (!tuple_peek(&table->key, packet, &seen) || seen.protocol != IPPROTO_TCP)
        return;
    const uint32_t hash = (uint32_t)seen.hash;
    flow_index_prefetch(&table->index, hash);
    table->foreseen[table->asked++ % FLOW_FORESEEN] =
        (struct flow_foreseen){packet->number, hash, seen.flags};
    if (table->asked - table->brought > FORESEEN_STEP)
        bring_entry(table, &table->foreseen[table->brought++ % FLOW_FORESEEN]);
}

/* Packets come in the order in which they were foreseen, though not each one was. */
uint32_t flow_entry_hash(struct flow_table *table, const struct packet *packet)
{
    for (uint32_t i = table->asked - table->used > FLOW_FORESEEN ? table->asked - FLOW_FORESEEN : table->used;
         i != table->asked; i++) {
        const struct flow_foreseen *f = &table->foreseen[i % FLOW_FORESEEN];
        if (f->number > packet->number)
            break;
        table->used = i + 1;
        if (f->number == packet->number)
            return f->hash;
    }
    return (uint32_t)tuple_hash(&table->key, packet);
}

/* ---- the lists ---- */

/* The entry was heard, and may have ended: last in its list. Where few others were put behind it since, it
 * stays where it is: to move it touches its neighbours. */
void flow_entry_heard(struct flow_table *table, struct flow_entry *e)
{
    const enum flow_pool_list list = e->stream.end != FLOW_OPEN ? FLOW_POOL_ENDED : FLOW_POOL_OPEN;
    e->heard_ns = table->now_ns;
    e->heard_ends = table->ends;
    if (e->list == list && table->moves - e->move < flow_table_count(table) / 8)
        return;
    e->move = ++table->moves;
    flow_pool_relink(&table->pool, flow_entry_place(table, e), e->list, list);
    e->list = (uint8_t)list;
}

/* ---- opening and closing ---- */

struct packet_copy *flow_entry_take_copy(struct flow_table *table, struct packet_copy **place)
{
    struct packet_copy *copy = *place;
    *place = copy->next;
    table->scratch.held -= copy->size;
    return copy;
}

/* What memory does not suffice for is left out: a packet that was kept back, bytes that were not verified. */
void flow_entry_close(struct flow_table *table, struct flow_entry *e, enum flow_reason reason)
{
    for (int side = 0; side < 2; side++)
        (void)flow_entry_release_doubted(table, e, (enum flow_side)side);
    for (int side = 0; side < 2; side++)
        (void)tcp_direction_settle(&e->stream.direction[side], &table->scratch);
    const uint32_t place = flow_entry_place(table, e);
    flow_index_remove(&table->index, e->hash, place);
    e->stream.reason = reason;
    if (table->config.observer.closed != NULL)
        table->config.observer.closed(table->config.observer.context, &e->stream);
    for (int side = 0; side < 2; side++)
        tcp_direction_fini(&e->stream.direction[side], &table->scratch);
    if (e->held != NULL)
        free(flow_entry_take_copy(table, &e->held));
    flow_pool_release(&table->pool, place, e->list);
    e->list = FLOW_POOL_FREE;
}

/* The hash of all its ends, of which e->hash is a part. */
static uint64_t whole_hash(const struct flow_table *table, const struct flow_entry *e)
{
    const struct flow_endpoint *ends = e->stream.endpoint;
    return tuple_hash_between(&table->key, IPPROTO_TCP, &ends[0].address, ends[0].port, &ends[1].address,
                              ends[1].port);
}

/* Others will be closed soon behind this one: they come into the cache meanwhile. */
static void foresee_closing(struct flow_table *table, uint32_t place)
{
    const uint32_t next = flow_pool_node(&table->pool, place)->behind;
    if (next == FLOW_POOL_NONE)
        return;
    const struct flow_entry *e = flow_entry_at(table, next);
    flow_index_prefetch(&table->index, e->hash);
    flow_gone_prefetch(&table->gone, whole_hash(table, e));
    if (table->closing == FLOW_POOL_NONE || ++table->closings % CLOSINGS == 0) {
        table->closing = next;
        for (int i = 1; i < CLOSING_STEP && table->closing != FLOW_POOL_NONE; i++)
            table->closing = flow_pool_node(&table->pool, table->closing)->behind;
    } else {
        table->closing = flow_pool_node(&table->pool, table->closing)->behind;
    }
    if (table->closing == FLOW_POOL_NONE || table->closing >= table->pool.high)
        return;
    __builtin_prefetch(flow_pool_node(&table->pool, table->closing));
    bring_near(flow_entry_at(table, table->closing), sizeof *e);
}

void flow_entry_close_ended(struct flow_table *table, struct flow_entry *e)
{
    if (table->now_ns - e->heard_ns <= table->config.linger_ns)
        flow_gone_add(&table->gone, whole_hash(table, e), e->heard_ns);
    flow_entry_close(table, e, FLOW_LINGERED);
}

/* The one that ended longest ago, or nearly. */
static void close_first_ended(struct flow_table *table)
{
    const uint32_t place = table->pool.list[FLOW_POOL_ENDED].first;
    foresee_closing(table, place);
    flow_entry_close_ended(table, flow_entry_at(table, place));
}

/* What others than the places take. */
static size_t memory_beside(const struct flow_table *table)
{
    const size_t *observers = table->config.observer.held;
    return flow_index_memory(&table->index) + flow_gone_memory(&table->gone) + table->scratch.held +
           (observers != NULL ? *observers : 0);
}

static size_t memory_with(const struct flow_table *table, size_t places)
{
    return flow_pool_memory(&table->pool, places) + memory_beside(table);
}

size_t flow_table_memory(const struct flow_table *table)
{
    return memory_with(table, table->pool.high);
}

static bool is_full(const struct flow_table *table, size_t more)
{
    const size_t count = flow_table_count(table), most = table->config.max_memory;
    return count > 0 &&
           (count + more > table->pool.most || (most > 0 && memory_with(table, count + more) > most));
}

/* Have the streams stand in the first places, and give back what is behind them. */
static void shrink(struct flow_table *table)
{
    const uint32_t before = table->pool.high;
    while (table->pool.high > flow_table_count(table)) {
        const uint32_t last = table->pool.high - 1;
        const struct flow_entry *e = flow_entry_at(table, last);
        if (e->list == FLOW_POOL_FREE) {
            flow_pool_drop_last(&table->pool);
        } else {
            const uint32_t hash = e->hash;
            flow_index_rename(&table->index, hash, last, flow_pool_move_last(&table->pool, e->list));
        }
    }
    flow_pool_shrink(&table->pool, before);
}

/* Room for `more` streams. */
static void make_room(struct flow_table *table, size_t more)
{
    while (is_full(table, more)) {
        if (table->pool.list[FLOW_POOL_ENDED].count > 0) {
            close_first_ended(table);
        } else {
            table->evicted++;
            flow_entry_close(table, flow_entry_first(table, FLOW_POOL_OPEN), FLOW_EVICTED);
        }
        const size_t beside = memory_beside(table);
        if (beside < table->beside_before)
            table->beside_before = beside;
    }
}

/* Is the packet, which begins a stream, a straggler of one that was closed before its time? */
static bool goes_on(struct flow_table *table, const struct packet *packet)
{
    const bool begins = (packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
    return !begins && flow_gone_memory(&table->gone) > 0 &&
           flow_gone_take(&table->gone, tuple_hash(&table->key, packet), packet->time_ns);
}

struct flow_entry *flow_entry_open(struct flow_table *table, const struct packet *packet, uint32_t hash)
{
    make_room(table, 1);
    const uint32_t place = flow_pool_take(&table->pool, FLOW_POOL_OPEN);
    if (place == FLOW_POOL_NONE)
        return NULL;
    if (flow_index_add(&table->index, hash, place) != 0) {
        flow_pool_release(&table->pool, place, FLOW_POOL_OPEN);
        return NULL;
    }
    struct flow_entry *e = flow_entry_at(table, place);
    const enum flow_side from = flow_source_is_client(packet) ? FLOW_CLIENT : FLOW_SERVER;
    memset(e, 0, offsetof(struct flow_entry, stream.direction));
    e->stream.endpoint[from].address = packet->source;
    e->stream.endpoint[from].port = packet->source_port;
    e->stream.endpoint[1 - from].address = packet->target;
    e->stream.endpoint[1 - from].port = packet->target_port;
    e->stream.number = packet->number;
    e->stream.start_ns = e->stream.end_ns = packet->time_ns;
    tcp_direction_init(&e->stream.direction[0]);
    tcp_direction_init(&e->stream.direction[1]);
    e->stream.continues = goes_on(table, packet);
    e->outer[0] = e->outer[1] = tuple_outer(packet);
    e->hash = hash;
    e->list = FLOW_POOL_OPEN;
    e->heard_ns = table->now_ns;
    e->heard_ends = table->ends;
    table->continued += e->stream.continues;
    e->move = ++table->moves;
    if (table->config.observer.opened != NULL)
        table->config.observer.opened(table->config.observer.context, &e->stream);
    return e;
}

/* Did so many connections end behind it that its place is needed? By what all shards of a capture see, so
 * that a stream is the same in each. */
static bool is_crowded_out(const struct flow_table *table, uint32_t heard_ends)
{
    return table->config.max_ends > 0 && table->ends - heard_ends > table->config.max_ends;
}

static bool is_past(const struct flow_table *table, const struct flow_oldest *oldest)
{
    return table->now_ns - oldest->heard_ns > table->config.linger_ns + DISORDER_NS ||
           is_crowded_out(table, oldest->heard_ends);
}

bool flow_entry_is_over(const struct flow_table *table, const struct flow_entry *e,
                        const struct packet *packet)
{
    if (e->list != FLOW_POOL_ENDED)
        return false;
    return is_crowded_out(table, e->heard_ends) ||
           (packet->time_ns > e->stream.end_ns &&
            packet->time_ns - e->stream.end_ns > table->config.linger_ns);
}

/* The first one is looked at only where it is another than when it was looked at last, or seems to be over:
 * it was not heard for long, and is not in the cache. */
void flow_entries_close_over(struct flow_table *table)
{
    struct flow_oldest *oldest = &table->oldest;
    for (;;) {
        const uint32_t place = table->pool.list[FLOW_POOL_ENDED].first;
        if (place == FLOW_POOL_NONE || (place == oldest->place && !is_past(table, oldest)))
            return;
        const struct flow_entry *e = flow_entry_at(table, place);
        *oldest = (struct flow_oldest){e->heard_ns, e->heard_ends, place};
        if (!is_past(table, oldest))
            return;
        close_first_ended(table);
    }
}

void flow_entries_fit(struct flow_table *table)
{
    if (memory_beside(table) > table->beside_before) {
        make_room(table, 0);
        if (table->config.max_memory > 0 && flow_table_memory(table) > table->config.max_memory)
            shrink(table);
    }
    table->beside_before = memory_beside(table);
}
