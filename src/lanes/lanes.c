/* The model, from a capture: packets become streams with wire lanes, call records become sockets; then both
 * are joined, messages are cut, and the findings are made. */

#include "lanes/lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/defrag.h"
#include "lanes/findings.h"
#include "lanes/model.h"
#include "lanes/spans.h"

#define DEFRAG_LIMIT (16U << 20)

struct reading {
    struct lanes *lanes;
    struct source *source;
    struct flow_table *table;
    struct defrag *defrag;
    struct buf strings; /* of the call record at hand */
};

static int take_packet(struct reading *r, struct packet *packet)
{
    r->lanes->packets++;
    decode_packet(packet);
    if (packet->is_fragment && !defrag_feed(r->defrag, packet))
        return 0;
    if (packet->ip_protocol == 6)
        r->lanes->tcp_packets++;
    int failed = datagrams_packet(r->lanes, packet);
    if (failed == 0)
        failed = flow_table_feed(r->table, packet);
    return failed != 0 ? failed : r->lanes->store->failed;
}

static int take_journal(struct reading *r, const struct capture_record *record, struct sd_err *err)
{
    struct call call;
    r->strings.len = 0;
    int failed = call_parse(&call, record->journal, record->journal_len, &r->strings, err);
    if (failed == -ENOENT)
        return 0;
    if (failed == -EBADMSG) {
        r->lanes->damaged++;
        return 0;
    }
    return failed != 0 ? failed : sockets_add(r->lanes, &call);
}

/* "framing=NAME" among the comments of the file's sections. */
static const struct framing *comment_framing(const char *comment)
{
    static const char key[] = "framing=";
    const char *at = comment != NULL ? strstr(comment, key) : NULL;
    if (at == NULL)
        return NULL;
    at += sizeof key - 1;
    return framing_find(at, strspn(at, "abcdefghijklmnopqrstuvwxyz-"));
}

static int read_records(struct reading *r, struct sd_err *err)
{
    struct capture_record record;
    int got;
    while ((got = source_next(r->source, &record, err)) > 0) {
        int failed = 0;
        if (record.kind == CAPTURE_PACKET)
            failed = take_packet(r, &record.packet);
        else if (record.kind == CAPTURE_JOURNAL)
            failed = take_journal(r, &record, err);
        else if (record.kind == CAPTURE_STATS && record.dropped != UINT64_MAX)
            r->lanes->lost += record.dropped;
        if (failed != 0)
            return sd_fail_errno(err, -failed, "cannot build the lanes");
    }
    /* What was read before the damage is good, and shown. */
    if (got == -EBADMSG) {
        r->lanes->damaged++;
        return 0;
    }
    return got;
}

/* Streams that were not asked for stood in the model so that no socket of theirs is taken for another's. */
static void keep_only(struct lanes *lanes, uint64_t number)
{
    size_t kept = 0;
    for (size_t i = 0; i < lanes->stream_count; i++) {
        const uint64_t this = lanes->streams[i]->number;
        if (this < number)
            lanes->nearest[0] = this;
        else if (this > number && lanes->nearest[1] == 0)
            lanes->nearest[1] = this;
        if (this == number)
            lanes->streams[kept++] = lanes->streams[i];
        else
            model_free_stream(lanes->streams[i]);
    }
    lanes->stream_count = kept;
    datagrams_keep_only(lanes, number);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct lanes_stream *const *left = a, *const *right = b;
    return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

static int build(struct reading *r, struct sd_err *err)
{
    struct lanes *lanes = r->lanes;
    int failed = read_records(r, err);
    if (failed != 0)
        return failed;
    if (lanes->store->framing == NULL)
        lanes->store->framing = comment_framing(source_comment(r->source));
    flow_table_finish(r->table);
    lanes->evicted = flow_table_evicted(r->table);
    if (lanes->stream_count > 1)
        qsort(lanes->streams, lanes->stream_count, sizeof(struct lanes_stream *), compare_numbers);
    failed = lanes->store->failed;
    if (failed == 0)
        failed = join_streams(lanes);
    if (failed == 0)
        failed = datagrams_build(lanes);
    if (failed == 0 && lanes->store->only_stream != 0)
        keep_only(lanes, lanes->store->only_stream);
    for (size_t i = 0; i < lanes->stream_count && failed == 0; i++) {
        struct lanes_stream *stream = lanes->streams[i];
        stream->framing = lanes->store->framing;
        failed = messages_cut(stream);
        if (failed == 0)
            failed = findings_make(stream);
        for (int side = 0; side < 2; side++)
            lanes->unread_bytes += stream->direction[side].unread;
    }
    return failed != 0 ? sd_fail_errno(err, -failed, "cannot build the lanes") : 0;
}

static struct lanes *new_lanes(const struct lanes_options *options)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL)
        return NULL;
    lanes->store = calloc(1, sizeof *lanes->store);
    if (lanes->store == NULL) {
        free(lanes);
        return NULL;
    }
    lanes->store->key = hash_key_random();
    lanes->store->framing = options->framing;
    lanes->store->only_stream = options->only_stream;
    return lanes;
}

int lanes_read(struct lanes **out, struct source *source, const struct lanes_options *options,
               struct sd_err *err)
{
    struct reading r = {.lanes = new_lanes(options), .source = source};
    int failed = -ENOMEM;
    *out = NULL;
    if (r.lanes != NULL) {
        const struct flow_config config = {
            .observer = wire_observer(r.lanes),
            .key = r.lanes->store->key,
            .max_streams = LANES_MAX_STREAMS,
            .linger_ns = FLOW_LINGER_NS,
        };
        r.table = flow_table_new(&config);
        r.defrag = defrag_new(DEFRAG_LIMIT);
    }
    if (r.table == NULL || r.defrag == NULL)
        sd_fail_errno(err, ENOMEM, "cannot build the lanes");
    else
        failed = build(&r, err);
    /* The table closes its streams into the model: it goes first. */
    if (r.table != NULL)
        flow_table_finish(r.table);
    flow_table_free(r.table);
    defrag_free(r.defrag);
    buf_free(&r.strings);
    if (failed == 0)
        *out = r.lanes;
    else
        lanes_free(r.lanes);
    return failed;
}

void lanes_free(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    for (size_t i = 0; i < lanes->stream_count; i++)
        model_free_stream(lanes->streams[i]);
    free(lanes->streams);
    if (lanes->store != NULL) {
        for (size_t i = 0; i < lanes->store->socket_count; i++)
            free(lanes->store->sockets[i].calls);
        free(lanes->store->sockets);
        free(lanes->store->index);
        datagrams_free(lanes);
        arena_free(&lanes->store->arena);
        free(lanes->store);
    }
    free(lanes);
}

uint64_t lanes_axis_end(const struct lanes_direction *d)
{
    uint64_t end = d->bytes;
    if (d->has_sends && d->sent > end)
        end = d->sent;
    if (d->has_recvs && d->received > end)
        end = d->received;
    return end;
}

bool lanes_has_problem(const struct lanes_stream *stream)
{
    for (size_t i = 0; i < stream->finding_count; i++) {
        if (stream->findings[i].is_problem)
            return true;
    }
    return false;
}

uint64_t lanes_finding_count(const struct lanes *lanes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < lanes->stream_count; i++)
        count += lanes->streams[i]->finding_count;
    return count;
}
