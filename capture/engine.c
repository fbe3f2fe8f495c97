#include "capture/engine.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/tuple.h"

enum {
    DEFRAG_LIMIT = 4 << 20,
    MAX_CONVERSATIONS = 65536,
    MAX_ENDS = 16384, /* each stream that ends has one or two: some 6 MiB, and rows come out soon */
    CONVERSATION_COST = sizeof(struct conversation) + 32, /* with its place in the table */
};

struct engine {
    struct flow_table *streams;
    struct conversation_table *conversations;
    struct defrag *defrag;
    struct engine_shard shard;
    struct tuple_key shard_key;
    size_t reserved; /* of the memory, for fragments and conversations */
    struct engine_counts counts;
    struct engine_undecoded undecoded[ENGINE_UNDECODED];
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct engine *engine_new(const struct engine_config *config)
{
    static const struct conversation_observer nobody;
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    const struct hash_key key = hash_key_random();
    const size_t fragments = least(DEFRAG_LIMIT, config->max_memory / 4);
    const size_t conversations = least(MAX_CONVERSATIONS, config->max_memory / 8 / CONVERSATION_COST);
    engine->shard = config->shard;
    tuple_key_make(&engine->shard_key, &config->shard.key);
    engine->reserved = fragments + conversations * CONVERSATION_COST;
    const struct flow_config streams = {
        .observer = *config->streams,
        .key = key,
        .max_streams = SIZE_MAX,
        .max_memory = config->max_memory - engine->reserved,
        .linger_ns = config->linger_ns != 0 ? config->linger_ns : FLOW_LINGER_NS,
        .max_ends = MAX_ENDS,
    };
    engine->streams = flow_table_new(&streams);
    engine->conversations = conversation_table_new(
        config->conversations != NULL ? config->conversations : &nobody, key, conversations);
    engine->defrag = defrag_new(fragments);
    if (engine->streams == NULL || engine->conversations == NULL || engine->defrag == NULL) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    flow_table_free(engine->streams);
    conversation_table_free(engine->conversations);
    defrag_free(engine->defrag);
    free(engine);
}

static bool is_elsewhere(const struct engine *engine, const struct packet *packet)
{
    const struct engine_shard *shard = &engine->shard;
    return shard->count > 1 &&
           engine_part(tuple_hash(&engine->shard_key, packet), shard->count) != shard->index;
}

/* Add to the kind in a table of so many places; where there is none, nothing. */
static void add_undecoded(struct engine_undecoded *table, size_t places, const struct engine_undecoded *kind)
{
    for (size_t i = 0; i < places; i++) {
        struct engine_undecoded *u = &table[i];
        const bool same =
            u->linktype == kind->linktype && u->protocol == kind->protocol && u->problem == kind->problem;
        if (u->packets == 0)
            *u = *kind;
        else if (same)
            u->packets += kind->packets;
        else
            continue;
        u->first = kind->first < u->first ? kind->first : u->first;
        return;
    }
}

static int compare_first(const void *a, const void *b)
{
    const struct engine_undecoded *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

void engine_undecoded_join(struct engine_undecoded table[ENGINE_UNDECODED],
                           const struct engine_undecoded other[ENGINE_UNDECODED])
{
    struct engine_undecoded all[2 * ENGINE_UNDECODED] = {0};
    size_t count = 0;
    memcpy(all, table, ENGINE_UNDECODED * sizeof all[0]);
    for (size_t i = 0; i < ENGINE_UNDECODED && other[i].packets != 0; i++)
        add_undecoded(all, 2 * ENGINE_UNDECODED, &other[i]);
    while (count < 2 * ENGINE_UNDECODED && all[count].packets != 0)
        count++;
    qsort(all, count, sizeof all[0], compare_first);
    memcpy(table, all, ENGINE_UNDECODED * sizeof all[0]);
}

static void note_undecoded(struct engine *engine, const struct packet *packet)
{
    const struct engine_undecoded kind = {packet->linktype, packet->protocol, packet->problem, 1,
                                          packet->number};
    engine->counts.undecoded++;
    add_undecoded(engine->undecoded, ENGINE_UNDECODED, &kind);
}

enum taker {
    NOBODY,
    STREAMS,
    CONVERSATIONS,
};

/* Count the packet: whose is it? */
static enum taker sort_packet(struct engine *engine, struct packet *packet)
{
    struct engine_counts *counts = &engine->counts;
    /* Which stream a fragment belongs to is known only when its datagram is whole: each shard does that. */
    if (packet->is_fragment && !defrag_feed(engine->defrag, packet)) {
        counts->fragments++;
        return NOBODY;
    }
    if (is_elsewhere(engine, packet)) {
        counts->elsewhere++;
        return NOBODY;
    }
    if (packet->source.family == 0 || packet->payload == NULL || packet->ip_protocol == 0) {
        counts->other++;
        if (packet->verdict != PACKET_OK)
            note_undecoded(engine, packet);
        return NOBODY;
    }
    const bool tcp = packet->ip_protocol == IPPROTO_TCP;
    counts->tcp += tcp;
    counts->conversations += !tcp;
    return tcp ? STREAMS : CONVERSATIONS;
}

static bool is_end(uint8_t flags)
{
    return (flags & (TCP_FIN | TCP_RST)) != 0;
}

/* The table of streams is told of every packet, so that they end alike whatever part of them is followed. */
int engine_feed(struct engine *engine, struct packet *packet)
{
    engine->counts.packets++;
    decode_packet(packet);
    const enum taker taker = sort_packet(engine, packet);
    if (taker == STREAMS)
        return flow_table_feed(engine->streams, packet);
    flow_table_pass(engine->streams, packet->time_ns,
                    packet->ip_protocol == IPPROTO_TCP && is_end(packet->tcp.flags));
    return taker == CONVERSATIONS ? conversation_table_feed(engine->conversations, packet) : 0;
}

void engine_pass(struct engine *engine, uint64_t packets, uint32_t ends, uint64_t time_ns)
{
    engine->counts.packets += packets;
    engine->counts.elsewhere += packets;
    flow_table_pass(engine->streams, time_ns, ends);
}

void engine_foresee(struct engine *engine, const struct packet *packet)
{
    flow_table_foresee(engine->streams, packet);
}

void engine_tick(struct engine *engine, uint64_t time_ns)
{
    flow_table_tick(engine->streams, time_ns);
}

void engine_finish_streams(struct engine *engine)
{
    flow_table_finish(engine->streams);
}

void engine_finish_conversations(struct engine *engine)
{
    conversation_table_finish(engine->conversations);
}

const struct engine_undecoded *engine_undecoded(const struct engine *engine)
{
    return engine->undecoded;
}

struct engine_counts engine_counts(const struct engine *engine)
{
    return engine->counts;
}

size_t engine_memory(const struct engine *engine)
{
    return engine->reserved + flow_table_memory(engine->streams);
}

const struct conversation_table *engine_conversations(const struct engine *engine)
{
    return engine->conversations;
}

const struct flow_table *engine_streams(const struct engine *engine)
{
    return engine->streams;
}

struct defrag_counts engine_defrag_counts(const struct engine *engine)
{
    return defrag_counts(engine->defrag);
}
