#include "capture/conversation.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "capture/tuple.h"

/* Entries stand in one array that grows to the limit and never shrinks; they are known to each other by
 * index, 32 bits, so that an entry stays small and the array can move. */

enum {
    FIRST_CAP = 64,
    NONE = -1,
};

const struct conversation_kind_info conversation_kinds[CONVERSATION_KINDS] = {
    [CONVERSATION_UDP] = {IPPROTO_UDP, "UDP", "udp"},
    [CONVERSATION_UDPLITE] = {IPPROTO_UDPLITE, "UDP-Lite", "udplite"},
    [CONVERSATION_SCTP] = {IPPROTO_SCTP, "SCTP", "sctp"},
    [CONVERSATION_DCCP] = {IPPROTO_DCCP, "DCCP", "dccp"},
    [CONVERSATION_ICMP] = {IPPROTO_ICMP, "ICMP", "icmp"},
    [CONVERSATION_ICMP6] = {IPPROTO_ICMPV6, "ICMPv6", "icmpv6"},
    [CONVERSATION_IGMP] = {IPPROTO_IGMP, "IGMP", "igmp"},
};

struct entry {
    struct conversation conversation;
    int32_t chain;
    int32_t longer_silent, later_heard;
};

struct conversation_table {
    struct conversation_observer observer;
    struct tuple_key key;
    struct entry *entries;
    int32_t *buckets; /* `cap` of them, a power of two */
    size_t count, cap, limit;
    int32_t longest_silent, last_heard;
    struct conversation_counts counts[CONVERSATION_KINDS];
    uint64_t evicted;
};

struct conversation_table *conversation_table_new(const struct conversation_observer *observer,
                                                  struct hash_key key, size_t limit)
{
    struct conversation_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->observer = *observer;
    tuple_key_make(&table->key, &key);
    table->limit = limit > 0 ? limit : 1;
    table->longest_silent = table->last_heard = NONE;
    return table;
}

void conversation_table_free(struct conversation_table *table)
{
    if (table == NULL)
        return;
    free(table->entries);
    free(table->buckets);
    free(table);
}

static int kind_of(const struct packet *packet)
{
    if (packet->source.family == 0 || packet->is_fragment || packet->payload == NULL)
        return NONE;
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        if (conversation_kinds[kind].ip_protocol == packet->ip_protocol)
            return kind;
    }
    return NONE;
}

/* ---- hash and list ---- */

static bool is_of(const struct conversation *c, int kind, const struct packet *packet, int *sender)
{
    if (c->kind != (enum conversation_kind)kind)
        return false;
    for (int from = 0; from < 2; from++) {
        if (c->port[from] == packet->source_port && c->port[1 - from] == packet->target_port &&
            packet_address_equal(&c->address[from], &packet->source) &&
            packet_address_equal(&c->address[1 - from], &packet->target)) {
            *sender = from;
            return true;
        }
    }
    return false;
}

/* The packet that a conversation's hash is that of. */
static uint64_t hash_of(const struct conversation_table *table, const struct conversation *c)
{
    const struct packet packet = {.ip_protocol = conversation_kinds[c->kind].ip_protocol,
                                  .source = c->address[0],
                                  .target = c->address[1],
                                  .source_port = c->port[0],
                                  .target_port = c->port[1]};
    return tuple_hash(&table->key, &packet);
}

static void link_hash(struct conversation_table *table, int32_t index, uint64_t hash)
{
    int32_t *bucket = &table->buckets[hash & (table->cap - 1)];
    table->entries[index].chain = *bucket;
    *bucket = index;
}

static void unlink_hash(struct conversation_table *table, int32_t index)
{
    const uint64_t hash = hash_of(table, &table->entries[index].conversation);
    int32_t *link = &table->buckets[hash & (table->cap - 1)];
    while (*link != index)
        link = &table->entries[*link].chain;
    *link = table->entries[index].chain;
}

static void unlink_silent(struct conversation_table *table, int32_t index)
{
    const struct entry *e = &table->entries[index];
    *(e->longer_silent != NONE ? &table->entries[e->longer_silent].later_heard : &table->longest_silent) =
        e->later_heard;
    *(e->later_heard != NONE ? &table->entries[e->later_heard].longer_silent : &table->last_heard) =
        e->longer_silent;
}

static void link_heard(struct conversation_table *table, int32_t index)
{
    struct entry *e = &table->entries[index];
    e->longer_silent = table->last_heard;
    e->later_heard = NONE;
    *(table->last_heard != NONE ? &table->entries[table->last_heard].later_heard : &table->longest_silent) =
        index;
    table->last_heard = index;
}

/* ---- entries ---- */

static int grow(struct conversation_table *table)
{
    const size_t cap = table->cap == 0 ? FIRST_CAP : table->cap * 2;
    struct entry *entries = reallocarray(table->entries, cap, sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    table->entries = entries;
    int32_t *buckets = malloc(cap * sizeof *buckets);
    if (buckets == NULL)
        return -ENOMEM;
    free(table->buckets);
    table->buckets = buckets;
    table->cap = cap;
    for (size_t i = 0; i < cap; i++)
        buckets[i] = NONE;
    for (size_t i = 0; i < table->count; i++)
        link_hash(table, (int32_t)i, hash_of(table, &entries[i].conversation));
    return 0;
}

static void tell(const struct conversation_table *table, int32_t index)
{
    if (table->observer.closed != NULL)
        table->observer.closed(table->observer.context, &table->entries[index].conversation);
}

/* The place of a new conversation, which may be that of another one. NONE: out of memory. */
static int32_t take_place(struct conversation_table *table)
{
    if (table->count >= table->limit) {
        const int32_t index = table->longest_silent;
        table->evicted++;
        tell(table, index);
        unlink_hash(table, index);
        unlink_silent(table, index);
        return index;
    }
    if (table->count == table->cap && grow(table) != 0)
        return NONE;
    return (int32_t)table->count++;
}

static int32_t find(const struct conversation_table *table, int kind, const struct packet *packet,
                    uint64_t hash, int *sender)
{
    int32_t index = table->cap == 0 ? NONE : table->buckets[hash & (table->cap - 1)];
    while (index != NONE && !is_of(&table->entries[index].conversation, kind, packet, sender))
        index = table->entries[index].chain;
    return index;
}

static int32_t open_conversation(struct conversation_table *table, int kind, const struct packet *packet,
                                 uint64_t hash)
{
    const int32_t index = take_place(table);
    if (index == NONE)
        return NONE;
    table->entries[index].conversation = (struct conversation){
        .number = packet->number,
        .kind = (enum conversation_kind)kind,
        .address = {packet->source, packet->target},
        .port = {packet->source_port, packet->target_port},
        .start_ns = packet->time_ns,
        .end_ns = packet->time_ns,
    };
    table->counts[kind].conversations++;
    link_hash(table, index, hash);
    link_heard(table, index);
    return index;
}

int conversation_table_feed(struct conversation_table *table, const struct packet *packet)
{
    const int kind = kind_of(packet);
    if (kind == NONE)
        return 0;
    const uint64_t hash = tuple_hash(&table->key, packet);
    int sender = 0;
    int32_t index = find(table, kind, packet, hash, &sender);
    if (index == NONE)
        index = open_conversation(table, kind, packet, hash);
    if (index == NONE)
        return -ENOMEM;
    struct conversation *c = &table->entries[index].conversation;
    c->packets[sender]++;
    c->bytes[sender] += packet->payload_len;
    if (packet->time_ns > c->end_ns)
        c->end_ns = packet->time_ns;
    table->counts[kind].packets++;
    unlink_silent(table, index);
    link_heard(table, index);
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return (left->conversation.number > right->conversation.number) -
           (left->conversation.number < right->conversation.number);
}

void conversation_table_finish(struct conversation_table *table)
{
    if (table->count > 1)
        qsort(table->entries, table->count, sizeof *table->entries, compare_numbers);
    for (size_t i = 0; i < table->count; i++)
        tell(table, (int32_t)i);
    table->count = 0;
    table->longest_silent = table->last_heard = NONE;
    for (size_t i = 0; i < table->cap; i++)
        table->buckets[i] = NONE;
}

struct conversation_counts conversation_table_counts(const struct conversation_table *table,
                                                     enum conversation_kind kind)
{
    return table->counts[kind];
}

uint64_t conversation_table_evicted(const struct conversation_table *table)
{
    return table->evicted;
}
