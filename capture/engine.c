#include "capture/engine.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "capture/decode.h"
#include "capture/tuple.h"

enum {
    DEFRAG_LIMIT = 4 << 20,
    MAX_CONVERSATIONS = 65536,
    MAX_ENDED = 16384, /* some 12 MiB */
};

struct engine {
    struct flow_table *streams;
    struct conversation_table *conversations;
    struct defrag *defrag;
    struct engine_shard shard;
    struct engine_counts counts;
    struct engine_undecoded undecoded[ENGINE_UNDECODED];
};

struct engine *engine_new(const struct engine_config *config)
{
    static const struct conversation_observer nobody;
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    const struct hash_key key = hash_key_random();
    engine->shard = config->shard;
    const struct flow_config streams = {
        .observer = *config->streams,
        .key = key,
        .max_streams = SIZE_MAX,
        .max_memory = config->max_memory,
        .linger_ns = config->linger_ns != 0 ? config->linger_ns : FLOW_LINGER_NS,
        .max_ended = MAX_ENDED,
    };
    engine->streams = flow_table_new(&streams);
    engine->conversations = conversation_table_new(
        config->conversations != NULL ? config->conversations : &nobody, key, MAX_CONVERSATIONS);
    engine->defrag = defrag_new(DEFRAG_LIMIT);
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

static bool is_elsewhere(const struct engine_shard *shard, const struct packet *packet)
{
    return shard->count > 1 && tuple_hash(&shard->key, packet) % shard->count != shard->index;
}

/* Before it is decoded; false where only that can tell. */
static bool is_surely_elsewhere(const struct engine_shard *shard, const struct packet *packet)
{
    uint64_t hash;
    return shard->count > 1 && tuple_peek(&shard->key, packet, &hash) && hash % shard->count != shard->index;
}

void engine_undecoded_add(struct engine_undecoded *table, struct engine_undecoded kind)
{
    for (size_t i = 0; i < ENGINE_UNDECODED; i++) {
        struct engine_undecoded *u = &table[i];
        const bool same =
            u->linktype == kind.linktype && u->protocol == kind.protocol && u->problem == kind.problem;
        if (!same && u->packets != 0)
            continue;
        const uint64_t before = u->packets;
        *u = kind;
        u->packets += before;
        return;
    }
}

static void note_undecoded(struct engine *engine, const struct packet *packet)
{
    engine->counts.undecoded++;
    engine_undecoded_add(engine->undecoded,
                         (struct engine_undecoded){packet->linktype, packet->protocol, packet->problem, 1});
}

int engine_feed(struct engine *engine, struct packet *packet)
{
    struct engine_counts *counts = &engine->counts;
    counts->packets++;
    /* By every packet, so that streams close at the same one whatever part of them is followed. */
    flow_table_tick(engine->streams, packet->time_ns);
    if (is_surely_elsewhere(&engine->shard, packet)) {
        counts->elsewhere++;
        return 0;
    }
    decode_packet(packet);
    /* Which stream a fragment belongs to is known only when its datagram is whole: each shard does that. */
    if (packet->is_fragment && !defrag_feed(engine->defrag, packet)) {
        counts->fragments++;
        return 0;
    }
    if (is_elsewhere(&engine->shard, packet)) {
        counts->elsewhere++;
        return 0;
    }
    if (packet->source.family == 0 || packet->payload == NULL || packet->ip_protocol == 0) {
        counts->other++;
        if (packet->verdict != PACKET_OK)
            note_undecoded(engine, packet);
        return 0;
    }
    if (packet->ip_protocol == IPPROTO_TCP) {
        counts->tcp++;
        return flow_table_feed(engine->streams, packet);
    }
    counts->conversations++;
    return conversation_table_feed(engine->conversations, packet);
}

void engine_foresee(struct engine *engine, const struct packet *packet)
{
    if (!is_surely_elsewhere(&engine->shard, packet))
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
