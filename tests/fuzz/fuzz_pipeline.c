/* needs: tests/fuzz/mutate_pcap.c capture/source.c capture/pcapng.c capture/pcapng_input.c
 * capture/pcapng_classic.c capture/batch.c capture/engine.c capture/conversation.c capture/flow.c
 * capture/flow_entry.c capture/flow_gone.c capture/flow_pool.c src/base/pages.c capture/flow_index.c
 * capture/flow_judge.c capture/packet_copy.c capture/tuple.c capture/tcp.c capture/tcp_ids.c
 * capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c capture/reassembly.c
 * capture/recent.c capture/linux_queue.c capture/row.c capture/defrag.c capture/packet.c capture/decode.c
 * capture/decode_ether.c capture/decode_ip.c capture/decode_ppp.c capture/decode_transport.c
 * capture/decode_tunnel.c capture/decode_udp.c capture/decode_wlan.c src/cmd/streams_digest.c src/base/buf.c
 * src/base/err.c src/base/hash.c src/base/io.c capture/decode_linux.c src/base/missing.c */
#include <md5.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/batch.h"
#include "capture/reassembly.h"
#include "capture/source.h"
#include "cmd/streams_digest.h"

/* From the bytes of a file to rows, digests, payload in order and conversations, as `streams` and `extract`
 * go. The first byte of the input chooses how little memory the tightest run has; the rest is the file. It is
 * read five times: once as it is, in three shards, and with hardly any memory. What must hold:
 * - each packet is counted once, and each segment belongs to one stream;
 * - each byte of payload is counted once, and consumers are given each byte once, in order, or told of its
 * gap;
 * - two consumers with different memory that have all bytes have the same MD5;
 * - the shards' rows and conversations, put together, are those of one run;
 * - memory stays within its bound, whatever came. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SHARDS = 3,
    PLENTY = 64 << 20,
    SPARSE = 32 << 10,  /* and up to eight times so much */
    WAITING = 24 << 10, /* of payload that the second consumer may keep */
    WINDOW = 1 << 10,
};

/* ---- what a run leaves ---- */

struct list {
    size_t count, cap;
    uint8_t *items;
};

struct packed_row {
    uint64_t number;
    size_t len;
    uint8_t bytes[ROW_MAX_PACKED];
};

struct run {
    struct digests digests;
    struct list rows, conversations; /* struct packed_row, struct conversation */
    struct engine_counts counts;
    struct defrag_counts fragments;
    uint64_t opened, closed, segments, evicted;
    int ended; /* the source's last word */
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void *add(struct list *list, size_t item_size)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 16 : list->cap * 2;
        list->items = reallocarray(list->items, list->cap, item_size);
        must(list->items != NULL);
    }
    return list->items + list->count++ * item_size;
}

/* ---- a consumer of payload ---- */

struct side {
    struct reassembly *bytes;
    MD5_CTX md5;
    uint64_t at, data, fresh;
    bool has_gap;
};

/* What hangs at a stream: the digests' own, and ours. */
struct user {
    void *digests;
    struct side side[2];
};

static void take_data(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct side *side = context;
    must(offset == side->at && len > 0);
    side->at += len;
    side->data += len;
    MD5Update(&side->md5, bytes, len);
}

static void take_gap(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why)
{
    struct side *side = context;
    must(offset == side->at && len > 0 && why <= REASSEMBLY_GIVEN_UP);
    side->at += len;
    side->has_gap = true;
}

static void open_stream(void *context, struct flow_stream *stream)
{
    struct run *run = context;
    struct user *user = calloc(1, sizeof *user);
    must(user != NULL);
    for (int i = 0; i < 2; i++) {
        const struct reassembly_config config = {
            .context = &user->side[i],
            .data = take_data,
            .gap = take_gap,
            .limit = WAITING,
            .window = WINDOW,
        };
        MD5Init(&user->side[i].md5);
        user->side[i].bytes = reassembly_new(&config);
        must(user->side[i].bytes != NULL);
    }
    stream->user = user;
    run->opened++;
}

static void take_segment(void *context, struct flow_stream *stream, enum flow_side from,
                         const struct tcp_segment *segment)
{
    struct run *run = context;
    struct user *user = stream->user;
    struct side *side = &user->side[from];
    uint64_t told = 0;
    for (size_t i = 0; i < segment->piece_count; i++) {
        told += segment->pieces[i].length;
        side->fresh += segment->pieces[i].is_new ? segment->pieces[i].length : 0;
    }
    must(told <= segment->packet->payload_len);
    must(reassembly_feed(side->bytes, &stream->direction[from], segment) == 0);
    stream->user = user->digests;
    must(digests_feed(&run->digests, stream, from, segment) == 0);
    user->digests = stream->user;
    stream->user = user;
    run->segments++;
}

static void close_side(struct side *side, const struct tcp_direction *d, const struct digest_results *digest,
                       int from)
{
    uint8_t md5[MD5_DIGEST_LENGTH];
    reassembly_finish(side->bytes, d);
    const uint64_t too_early = reassembly_too_early(side->bytes, d);
    must(side->fresh + tcp_direction_unverified(d) == d->unique_bytes && d->unique_bytes <= d->wire_bytes);
    must(side->data <= d->unique_bytes && side->at + too_early == d->next - d->origin);
    if (!side->has_gap && too_early == 0)
        must(side->data == d->unique_bytes);
    if (digest->has[from])
        must(d->unique_bytes > 0 && (tcp_direction_missing(d) == 0 || tcp_direction_given_up(d) > 0));
    if (digest->has[from] && !side->has_gap && too_early == 0) {
        MD5Final(md5, &side->md5);
        must(memcmp(md5, digest->md5[from], sizeof md5) == 0);
    }
    reassembly_free(side->bytes);
}

static void keep_row(struct run *run, const struct flow_stream *stream, const struct digest_results *digest)
{
    struct row row, again;
    uint8_t packed[ROW_MAX_PACKED];
    struct packed_row *kept = add(&run->rows, sizeof *kept);
    row_of_stream(&row, stream);
    digests_put(digest, &row);
    must(row.start_ns <= row.end_ns && row.number > 0);
    must(row.side[0].packets + row.side[1].packets > 0);
    kept->number = row.number;
    kept->len = row_pack(&row, ROW_WHOLE, kept->bytes);
    must(kept->len <= ROW_MAX_PACKED);
    row_unpack(&again, kept->bytes);
    must(row_pack(&again, ROW_WHOLE, packed) == kept->len && memcmp(packed, kept->bytes, kept->len) == 0);
}

static void close_stream(void *context, struct flow_stream *stream)
{
    struct run *run = context;
    struct user *user = stream->user;
    struct digest_results digest;
    stream->user = user->digests;
    digests_close(&run->digests, stream, &digest);
    for (int i = 0; i < 2; i++)
        close_side(&user->side[i], &stream->direction[i], &digest, i);
    keep_row(run, stream, &digest);
    free(user);
    run->closed++;
}

static void close_conversation(void *context, const struct conversation *conversation)
{
    struct run *run = context;
    struct conversation *kept = add(&run->conversations, sizeof *kept);
    memcpy(kept, conversation, sizeof *kept);
}

/* ---- a run ---- */

static void check_counts(const struct run *run, const struct engine *engine)
{
    const struct engine_counts *c = &run->counts;
    uint64_t conversations = 0, packets = 0, told = 0;
    must(c->packets == c->elsewhere + c->tcp + c->conversations + c->fragments + c->other);
    must(c->undecoded <= c->other && run->opened == run->closed);
    /* A SYN that was kept back goes with a stream that is evicted. */
    must(run->segments == c->tcp || (run->segments < c->tcp && run->evicted > 0));
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        const struct conversation_counts counts =
            conversation_table_counts(engine_conversations(engine), (enum conversation_kind)kind);
        conversations += counts.conversations;
        packets += counts.packets;
    }
    for (size_t i = 0; i < run->conversations.count; i++) {
        const struct conversation *one = &((const struct conversation *)run->conversations.items)[i];
        must(one->packets[0] > 0 && one->start_ns <= one->end_ns);
        told += one->packets[0] + one->packets[1];
    }
    must(conversations == run->conversations.count && packets == told && packets <= c->conversations);
    must(run->digests.held == 0);
}

static void take_other(void *context, const struct capture_record *record)
{
    must(context == NULL && record->kind != CAPTURE_PACKET);
}

static void feed_all(struct source *source, struct engine *engine, struct run *run, size_t memory,
                     const struct engine_shard *shard)
{
    struct batch batch = {0};
    struct batch_parts parts;
    const struct batch_others others = {NULL, take_other};
    struct capture_record record;
    batch_parts_init(&parts, shard, 1);
    while (run->ended >= 0 && (run->ended = source_next(source, &record, NULL)) > 0) {
        const int swept = batch_sweep(&batch, &parts, source, &record, &others, NULL);
        must(batch_feed(&batch, 0, engine) == 0);
        run->ended = swept < 0 ? swept : run->ended;
        const struct flow_table *streams = engine_streams(engine);
        must(flow_table_memory(streams) <= memory || flow_table_count(streams) <= 1);
    }
    must(parts.packets == engine_counts(engine).packets);
    batch_free(&batch);
}

static struct run read_file(int fd, size_t memory, const struct engine_shard *shard)
{
    struct run run = {.digests.limit = memory};
    const struct flow_observer streams = {&run, open_stream, take_segment, close_stream, &run.digests.held};
    const struct conversation_observer conversations = {&run, close_conversation};
    const struct engine_config config = {
        .streams = &streams,
        .conversations = &conversations,
        .max_memory = memory,
        .shard = *shard,
    };
    struct source *source = NULL;
    struct engine *engine = engine_new(&config);
    must(engine != NULL && lseek(fd, 0, SEEK_SET) == 0);
    run.ended = source_open_fd(&source, fd, "file", NULL, NULL);
    if (run.ended == 0) {
        feed_all(source, engine, &run, memory, shard);
        engine_finish_streams(engine);
        engine_finish_conversations(engine);
    }
    run.counts = engine_counts(engine);
    run.fragments = engine_defrag_counts(engine);
    run.evicted = flow_table_evicted(engine_streams(engine));
    check_counts(&run, engine);
    source_close(source);
    engine_free(engine);
    return run;
}

static void free_run(struct run *run)
{
    free(run->rows.items);
    free(run->conversations.items);
}

/* ---- shards ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct packed_row *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static int compare_conversations(const void *a, const void *b)
{
    const struct conversation *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static bool same_conversation(const struct conversation *a, const struct conversation *b)
{
    bool same =
        a->number == b->number && a->kind == b->kind && a->start_ns == b->start_ns && a->end_ns == b->end_ns;
    for (int i = 0; i < 2; i++)
        same = same && packet_address_equal(&a->address[i], &b->address[i]) && a->port[i] == b->port[i] &&
               a->packets[i] == b->packets[i] && a->bytes[i] == b->bytes[i];
    return same;
}

static void sort(struct run *run)
{
    if (run->rows.count > 0)
        qsort(run->rows.items, run->rows.count, sizeof(struct packed_row), compare_rows);
    if (run->conversations.count > 0)
        qsort(run->conversations.items, run->conversations.count, sizeof(struct conversation),
              compare_conversations);
}

static void append(struct list *to, const struct list *from, size_t item_size)
{
    for (size_t i = 0; i < from->count; i++)
        memcpy(add(to, item_size), from->items + i * item_size, item_size);
}

static void check_same(struct run *parts, struct run *whole)
{
    sort(parts);
    sort(whole);
    must(parts->rows.count == whole->rows.count && parts->conversations.count == whole->conversations.count);
    for (size_t i = 0; i < whole->rows.count; i++) {
        const struct packed_row *a = (const struct packed_row *)parts->rows.items + i;
        const struct packed_row *b = (const struct packed_row *)whole->rows.items + i;
        must(a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
        must(i == 0 || b[-1].number < b->number);
    }
    for (size_t i = 0; i < whole->conversations.count; i++)
        must(same_conversation((const struct conversation *)parts->conversations.items + i,
                               (const struct conversation *)whole->conversations.items + i));
}

static void check_shards(int fd, struct run *whole)
{
    struct run all = {0};
    for (unsigned i = 0; i < SHARDS; i++) {
        const struct engine_shard shard = {i, SHARDS, {1, 2}};
        struct run part = read_file(fd, PLENTY, &shard);
        must(part.ended == whole->ended && part.counts.packets == whole->counts.packets);
        must(part.counts.fragments == whole->counts.fragments &&
             memcmp(&part.fragments, &whole->fragments, sizeof part.fragments) == 0);
        all.counts.tcp += part.counts.tcp;
        all.counts.conversations += part.counts.conversations;
        all.counts.other += part.counts.other;
        all.counts.undecoded += part.counts.undecoded;
        append(&all.rows, &part.rows, sizeof(struct packed_row));
        append(&all.conversations, &part.conversations, sizeof(struct conversation));
        free_run(&part);
    }
    must(all.counts.tcp == whole->counts.tcp && all.counts.conversations == whole->counts.conversations &&
         all.counts.other == whole->counts.other && all.counts.undecoded == whole->counts.undecoded);
    check_same(&all, whole);
    free_run(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct engine_shard one;
    static int fd = -1;
    if (size == 0)
        return 0;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
         io_write_all(fd, data + 1, size - 1) == 0);
    struct run whole = read_file(fd, PLENTY, &one);
    must(whole.evicted == 0 && whole.digests.given_up == 0);
    if (whole.counts.packets > 0) {
        check_shards(fd, &whole);
        struct run sparse = read_file(fd, SPARSE * (1 + data[0] % 8U), &one);
        must(sparse.ended == whole.ended);
        must(sparse.counts.tcp == whole.counts.tcp || sparse.fragments.evicted > 0);
        free_run(&sparse);
    }
    free_run(&whole);
    return 0;
}
