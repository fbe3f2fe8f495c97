/* The model as NDJSON: objects and key order as documented for programs that read them. */

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "view/datagrams.h"
#include "view/view.h"

static const char *side_name(enum flow_side side)
{
    return side == FLOW_CLIENT ? "client" : "server";
}

static const char *end_name(const struct lanes_stream *stream)
{
    if (!stream->has_wire)
        return NULL;
    switch (stream->end) {
    case FLOW_FIN:
        return "fin";
    case FLOW_RST:
        return "rst";
    case FLOW_OPEN:
        break;
    }
    return "open";
}

static void put_endpoint(struct json *j, const char *key, const struct flow_endpoint *endpoint)
{
    char text[PACKET_ENDPOINT_TEXT];
    packet_endpoint_text(&endpoint->address, endpoint->port, text);
    json_text(j, key, text);
}

static void put_stream(struct buf *out, const struct lanes_stream *stream)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "stream");
    json_u64(&j, "stream", stream->number);
    json_text(&j, "protocol", "tcp");
    put_endpoint(&j, "client", &stream->endpoint[FLOW_CLIENT]);
    put_endpoint(&j, "server", &stream->endpoint[FLOW_SERVER]);
    json_ns(&j, "start_ns", stream->start_ns);
    json_ns(&j, "end_ns", stream->end_ns);
    json_text(&j, "end", end_name(stream));
    json_bool(&j, "partial", stream->partial);
    json_text(&j, "framing", stream->framing != NULL ? stream->framing->name : NULL);
    json_u64_if(&j, "broken_at", stream->broken_at != UINT64_MAX, stream->broken_at);
    json_text(&j, "broken_from", stream->broken_at != UINT64_MAX ? side_name(stream->broken_from) : NULL);
    json_end_line(&j);
}

static void put_direction(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d)
{
    const bool messages = stream->framing != NULL && d->has_wire && !d->partial;
    struct json j = json_begin(out);
    json_text(&j, "type", "direction");
    json_u64(&j, "stream", stream->number);
    json_text(&j, "from", side_name(d->from));
    json_u64_if(&j, "bytes", d->has_wire, d->bytes);
    json_u64_if(&j, "packets", d->has_wire, d->packets);
    json_u64_if(&j, "segments", d->has_wire, d->segments);
    json_u64_if(&j, "sends", d->has_sends, d->lane[LANES_SEND].count);
    json_u64_if(&j, "recvs", d->has_recvs, d->lane[LANES_RECV].count);
    json_u64_if(&j, "messages", messages, d->lane[LANES_MESSAGE].count);
    json_u64_if(&j, "mss", d->mss != 0, d->mss);
    /* Where the capture missed the end, what was not on the wire cannot be told from what was. */
    json_u64_if(&j, "unsent", d->has_sends && d->has_wire && (d->uncaptured == 0 || d->unsent == 0),
                d->unsent);
    json_u64_if(&j, "unread", d->has_recvs && d->has_wire, d->unread);
    json_u64_if(&j, "gaps", d->has_wire, d->gaps);
    json_end_line(&j);
}

static void put_flags(struct json *j, uint8_t flags)
{
    static const char letters[] = "FSRPAUEC";
    char text[9];
    size_t len = 0;
    /* PSH before ACK, as people write "PA". */
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        if ((flags >> i & 1) != 0)
            text[len++] = letters[i];
    }
    json_text_len(j, "flags", text, len);
}

static const char *const lane_names[LANES_LANE_COUNT] = {"send", "wire", "recv", "message"};

static void put_call(struct json *j, const struct lanes_span *span)
{
    json_ns(j, "time_ns", span->time_ns);
    json_text(j, "call", span->call->name);
    json_i64(j, "pid", span->call->pid);
    json_i64(j, "fd", span->call->fd);
    json_u64(j, "asked", span->call->asked);
    json_ns(j, "exit_ns", span->exit_ns);
    if (span->call->ambiguous)
        json_bool(j, "ambiguous", true);
}

/* What became of a segment in one word, for programs: a delay alone is a delivery. NULL where the capture
 * does not tell. */
const char *json_fate_word(const char *fate)
{
    static const struct {
        const char *part, *word;
    } words[] = {
        {"dropped", "dropped"},
        {"corrupted", "corrupted"},
        {"duplicated", "duplicated"},
        {"held behind", "reordered"},
    };
    for (size_t i = 0; fate != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strstr(fate, words[i].part) != NULL)
            return words[i].word;
    }
    return fate != NULL ? "delivered" : NULL;
}

static void put_segment(struct json *j, const struct lanes_span *span)
{
    json_ns(j, "time_ns", span->time_ns);
    json_u64(j, "packet", span->packet);
    json_u64(j, "seq", span->seq);
    put_flags(j, span->flags);
    json_bool(j, "retransmission", span->retransmission);
    json_text(j, "fate", json_fate_word(span->fate));
    json_bool(j, "out_of_order", span->out_of_order);
    json_text(j, "wire", span->fate); /* in full: "delayed 5 ms, duplicated" */
}

static void put_message(struct json *j, const struct lanes_span *span)
{
    json_text(j, "name", span->name);
    json_bool(j, "complete", span->complete);
    json_u64_if(j, "announced", span->announced != 0, span->announced);
}

static void put_span(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d,
                     enum lanes_lane lane, const struct lanes_span *span)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "span");
    json_u64(&j, "stream", stream->number);
    json_text(&j, "from", side_name(d->from));
    json_text(&j, "lane", lane_names[lane]);
    json_u64(&j, "n", span->n);
    json_u64(&j, "offset", span->offset);
    json_u64(&j, "length", span->length);
    if (lane == LANES_WIRE)
        put_segment(&j, span);
    else if (lane == LANES_MESSAGE)
        put_message(&j, span);
    else
        put_call(&j, span);
    json_end_line(&j);
}

/* The wire's spans in capture order: merge the first carriers, sorted by n where nothing was reordered, with
 * the retransmissions. */
static int compare_n(const void *a, const void *b)
{
    const struct lanes_span *left = *(const struct lanes_span *const *)a;
    const struct lanes_span *right = *(const struct lanes_span *const *)b;
    if (left->n != right->n)
        return left->n < right->n ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void put_wire(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d)
{
    const struct lanes_spans *wire = &d->lane[LANES_WIRE];
    const struct lanes_span **order = calloc(wire->count + 1, sizeof(struct lanes_span *));
    if (order == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < wire->count; i++)
        order[i] = &wire->at[i];
    qsort(order, wire->count, sizeof(struct lanes_span *), compare_n);
    for (size_t i = 0; i < wire->count; i++)
        put_span(out, stream, d, LANES_WIRE, order[i]);
    free(order);
}

static void put_spans(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d)
{
    static const enum lanes_lane lanes[] = {LANES_SEND, LANES_WIRE, LANES_RECV, LANES_MESSAGE};
    for (size_t l = 0; l < sizeof lanes / sizeof lanes[0]; l++) {
        if (lanes[l] == LANES_WIRE) {
            put_wire(out, stream, d);
            continue;
        }
        for (size_t i = 0; i < d->lane[lanes[l]].count; i++)
            put_span(out, stream, d, lanes[l], &d->lane[lanes[l]].at[i]);
    }
}

static void put_finding(struct buf *out, const struct lanes_stream *stream,
                        const struct lanes_finding *finding)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "finding");
    json_u64(&j, "stream", stream->number);
    json_text(&j, "from", side_name(finding->from));
    json_text(&j, "kind", finding->kind);
    json_u64(&j, "offset", finding->offset);
    json_u64(&j, "length", finding->length);
    json_text(&j, "cause", finding->cause);
    json_enter(&j, "evidence");
    json_numbers(&j, "sends", finding->sends, finding->send_count);
    json_numbers(&j, "segments", finding->segments, finding->segment_count);
    json_numbers(&j, "recvs", finding->recvs, finding->recv_count);
    json_numbers(&j, "messages", finding->messages, finding->message_count);
    json_leave(&j);
    json_text(&j, "advice", finding->advice);
    json_text(&j, "what", finding->what);
    json_text(&j, "why", finding->why);
    json_bool(&j, "likely", finding->likely);
    json_bool(&j, "problem", finding->is_problem);
    json_end_line(&j);
}

static void json_view_stream(struct buf *out, const struct lanes_stream *stream,
                             const struct view_style *style)
{
    (void)style;
    put_stream(out, stream);
    for (int side = 0; side < 2; side++) {
        put_direction(out, stream, &stream->direction[side]);
        put_spans(out, stream, &stream->direction[side]);
    }
    for (size_t i = 0; i < stream->finding_count; i++)
        put_finding(out, stream, &stream->findings[i]);
    for (size_t i = 0; i < stream->note_count; i++) {
        struct json j = json_begin(out);
        json_text(&j, "type", "note");
        json_u64(&j, "stream", stream->number);
        json_text(&j, "text", stream->notes[i]);
        json_end_line(&j);
    }
}

static void json_view_head(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    (void)out;
    (void)lanes;
    (void)style;
}

static void json_view_tail(struct buf *out, const struct lanes *lanes, const struct view_style *style)
{
    (void)style;
    struct json j = json_begin(out);
    json_text(&j, "type", "summary");
    json_u64(&j, "packets", lanes->packets);
    json_u64(&j, "calls", lanes->calls);
    json_u64(&j, "streams", lanes->stream_count);
    json_u64(&j, "findings", lanes_finding_count(lanes));
    json_u64(&j, "damaged", lanes->damaged);
    json_u64(&j, "unread_bytes", lanes->unread_bytes);
    json_u64(&j, "unjoined_calls", lanes->unjoined_calls);
    json_u64(&j, "evicted_streams", lanes->evicted);
    json_u64(&j, "lost_packets", lanes->lost);
    json_u64(&j, "datagrams_beyond", lanes->datagrams_beyond);
    json_end_line(&j);
}

const struct view view_json = {"json", json_view_head, json_view_stream, datagrams_json, json_view_tail};
