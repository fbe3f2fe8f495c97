/* The wire lanes: one span for each piece of each segment with payload, and the bytes themselves. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "lanes/model.h"
#include "lanes/spans.h"

/* What a stream needs while packets still come. */
struct wire_build {
    struct lanes_stream *stream;
    bool skipped; /* another stream was asked for: no spans */
    struct wire_side {
        uint64_t uncaptured;  /* lowest offset whose byte the capture cut off */
        uint64_t payload_end; /* bytes of `payload` that were allotted */
        size_t payload_cap;
        uint32_t longest;
        uint32_t segments;
    } side[2];
};

static void wire_failed(struct lanes *lanes)
{
    lanes->store->failed = -ENOMEM;
}

static void on_opened(void *context, struct flow_stream *flow)
{
    struct lanes *lanes = context;
    struct lanes_store *store = lanes->store;
    flow->user = NULL;
    struct wire_build *build = calloc(1, sizeof *build);
    struct lanes_stream *stream = build != NULL ? model_add_stream(lanes) : NULL;
    if (stream == NULL) {
        free(build);
        wire_failed(lanes);
        return;
    }
    stream->number = flow->number;
    stream->has_wire = true;
    stream->direction[0].has_wire = stream->direction[1].has_wire = true;
    build->stream = stream;
    build->skipped = store->only_stream != 0 && flow->number != store->only_stream;
    build->side[0].uncaptured = build->side[1].uncaptured = UINT64_MAX;
    flow->user = build;
}

#define FATE_MAX 120

/* Only what the lab's wire writes is a fate; a comment that somebody else wrote on a packet is not. */
const char *wire_fate(struct lanes *lanes, const struct packet *packet)
{
    static const char *const words[] = {"delivered", "dropped", "delayed", "duplicated", "corrupted", "held"};
    struct lanes_store *store = lanes->store;
    bool known = false;
    for (size_t i = 0; i < sizeof words / sizeof words[0] && packet->comment != NULL; i++) {
        size_t len = strlen(words[i]);
        known = known || (packet->comment_len >= len && memcmp(packet->comment, words[i], len) == 0);
    }
    if (!known)
        return NULL;
    struct buf safe = {0};
    text_escape(&safe, packet->comment, packet->comment_len < FATE_MAX ? packet->comment_len : FATE_MAX);
    const char *fate = buf_cstr(&safe);
    if (store->last_fate == NULL || strcmp(store->last_fate, fate) != 0)
        store->last_fate = arena_text(&store->arena, fate, strlen(fate));
    if (safe.failed || store->last_fate == NULL)
        wire_failed(lanes);
    buf_free(&safe);
    return store->last_fate;
}

/* Make `payload` reach to `end`; false where the bounds or memory forbid it. What no segment brings stays
 * untouched, so that a byte far ahead costs no memory but its own page; nobody reads behind `payload_len`. */
static bool payload_reach(struct lanes *lanes, struct lanes_direction *d, struct wire_side *side,
                          uint64_t end)
{
    if (end <= side->payload_end)
        return true;
    if (end > LANES_MAX_PAYLOAD)
        return false;
    if (end > side->payload_cap) {
        size_t cap = side->payload_cap < 128 ? 256 : side->payload_cap * 2;
        if (cap < end)
            cap = (size_t)end;
        if (lanes->store->payload_sum + (cap - side->payload_cap) > LANES_MAX_PAYLOAD_SUM)
            return false;
        uint8_t *moved = realloc(d->payload, cap);
        if (moved == NULL)
            return false;
        lanes->store->payload_sum += cap - side->payload_cap;
        d->payload = moved;
        side->payload_cap = cap;
    }
    side->payload_end = end;
    return true;
}

static void keep_payload(struct lanes *lanes, struct lanes_direction *d, struct wire_side *side,
                         const struct packet *packet, const struct tcp_piece *piece)
{
    uint64_t captured = 0;
    if (packet->payload_captured > piece->at)
        captured = packet->payload_captured - piece->at;
    if (captured > piece->length)
        captured = piece->length;
    if (captured > 0 && !payload_reach(lanes, d, side, piece->offset + captured))
        captured = 0;
    if (captured > 0)
        memcpy(d->payload + piece->offset, packet->payload + piece->at, captured);
    if (captured < piece->length && piece->offset + captured < side->uncaptured)
        side->uncaptured = piece->offset + captured;
}

static void add_span(struct lanes *lanes, struct lanes_direction *d, uint32_t n,
                     const struct tcp_segment *segment, const struct tcp_piece *piece)
{
    const struct packet *packet = segment->packet;
    struct lanes_span *span = spans_add(&d->lane[LANES_WIRE]);
    if (span == NULL) {
        wire_failed(lanes);
        return;
    }
    span->n = n;
    span->offset = piece->offset;
    span->length = piece->length;
    span->time_ns = packet->time_ns;
    span->packet = packet->number;
    span->seq = packet->tcp.seq + piece->at;
    span->flags = packet->tcp.flags;
    span->retransmission = !piece->is_new;
    span->out_of_order = (segment->marks & TCP_BIT(TCP_MARK_OUT_OF_ORDER)) != 0;
    span->fate = wire_fate(lanes, packet);
}

static void on_segment(void *context, struct flow_stream *flow, enum flow_side from,
                       const struct tcp_segment *segment)
{
    struct lanes *lanes = context;
    struct wire_build *build = flow->user;
    if (build == NULL || build->skipped || lanes->store->failed != 0)
        return;
    struct wire_side *side = &build->side[from];
    struct lanes_direction *d = &build->stream->direction[from];
    const struct packet *packet = segment->packet;
    /* A keep-alive repeats a byte to be answered, not to carry it. */
    if (segment->piece_count == 0 || (segment->marks & TCP_BIT(TCP_MARK_KEEP_ALIVE)) != 0)
        return;
    side->segments++;
    if (packet->payload_len > side->longest)
        side->longest = packet->payload_len;
    for (size_t i = 0; i < segment->piece_count; i++) {
        const struct tcp_piece *piece = &segment->pieces[i];
        if (piece->length == 0)
            continue;
        /* Nobody knows what stood before the bytes of a direction that was joined midway. */
        if (piece->is_new && flow->direction[from].origin == 0)
            keep_payload(lanes, d, side, packet, piece);
        add_span(lanes, d, side->segments, segment, piece);
    }
}

/* First carriers in axis order, then the retransmissions in capture order. */
static int compare_wire(const void *a, const void *b)
{
    const struct lanes_span *left = a, *right = b;
    if (left->retransmission != right->retransmission)
        return left->retransmission ? 1 : -1;
    if (!left->retransmission && left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    if (left->n != right->n)
        return left->n < right->n ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* A stream that has ended keeps what it holds, and no room to grow: there may be very many. */
static void trim(struct lanes_store *store, struct lanes_direction *d, struct wire_side *side)
{
    spans_trim(&d->lane[LANES_WIRE]);
    if (d->payload_len == 0) {
        free(d->payload);
        d->payload = NULL;
    } else if (d->payload_len < side->payload_cap) {
        uint8_t *moved = realloc(d->payload, d->payload_len);
        if (moved != NULL)
            d->payload = moved;
    }
    store->payload_sum -= side->payload_cap - d->payload_len;
    side->payload_cap = d->payload_len;
}

/* Bytes of the payload that are there without a gap, from the start. */
static uint64_t whole_payload(const struct tcp_direction *tcp, const struct wire_side *side)
{
    uint64_t whole = tcp->range_count > 0 && tcp_ranges(tcp)[0].begin == 0 ? tcp_ranges(tcp)[0].end : 0;
    if (whole > side->uncaptured)
        whole = side->uncaptured;
    if (whole > side->payload_end)
        whole = side->payload_end;
    if (whole > tcp_direction_verified_end(tcp))
        whole = tcp_direction_verified_end(tcp);
    return tcp_direction_given_up(tcp) == 0 ? whole : 0;
}

static void finish_direction(struct lanes_store *store, const struct flow_stream *flow,
                             struct wire_build *build, enum flow_side from)
{
    const struct tcp_direction *tcp = &flow->direction[from];
    struct wire_side *side = &build->side[from];
    struct lanes_direction *d = &build->stream->direction[from];
    struct lanes_spans *wire = &d->lane[LANES_WIRE];
    for (size_t i = 0; i < wire->count; i++)
        wire->at[i].offset -= tcp->origin;
    if (wire->count > 1)
        qsort(wire->at, wire->count, sizeof *wire->at, compare_wire);
    while (d->unique < wire->count && !wire->at[d->unique].retransmission)
        d->unique++;
    d->bytes = d->unique > 0 ? span_end(&wire->at[d->unique - 1]) : 0;
    d->packets = tcp->packets;
    d->segments = side->segments;
    d->mss = tcp_mss_in_force(tcp, &flow->direction[1 - from]);
    d->partial = tcp->partial && tcp->segments > 0;
    d->gaps = tcp_direction_missing(tcp) + tcp_direction_unverified(tcp); /* no span brings those */
    d->ended = tcp->fin_seen && d->gaps == 0 && tcp->fin_offset - tcp->origin == d->bytes;
    d->payload_len = (size_t)whole_payload(tcp, side);
    d->reached = d->bytes;
    if (tcp->has_acked && tcp->acked - tcp->origin > d->reached)
        d->reached = tcp->acked - tcp->origin;
    if (tcp->fin_seen && tcp->fin_offset - tcp->origin > d->reached)
        d->reached = tcp->fin_offset - tcp->origin;
    trim(store, d, side);
}

static int note_offload(struct wire_build *build, enum flow_side from)
{
    const struct lanes_direction *d = &build->stream->direction[from];
    if (d->mss == 0 || build->side[from].longest <= d->mss)
        return 0;
    return model_note(build->stream,
                      "segments of up to %u B from the %s were captured before the network card cut them (or "
                      "after it joined them): on the cable each carried at most %u B",
                      build->side[from].longest, from == FLOW_CLIENT ? _("client") : _("server"), d->mss);
}

static void on_closed(void *context, struct flow_stream *flow)
{
    struct lanes *lanes = context;
    struct wire_build *build = flow->user;
    if (build == NULL)
        return;
    struct lanes_stream *stream = build->stream;
    stream->endpoint[0] = flow->endpoint[0];
    stream->endpoint[1] = flow->endpoint[1];
    stream->start_ns = flow->start_ns;
    stream->end_ns = flow->end_ns;
    stream->end = flow->end;
    stream->partial = flow->partial;
    stream->framing = lanes->store->framing;
    for (int side = 0; side < 2; side++) {
        finish_direction(lanes->store, flow, build, (enum flow_side)side);
        if (note_offload(build, (enum flow_side)side) != 0)
            wire_failed(lanes);
    }
    free(build);
    flow->user = NULL;
}

struct flow_observer wire_observer(struct lanes *lanes)
{
    return (struct flow_observer){
        .context = lanes, .opened = on_opened, .segment = on_segment, .closed = on_closed};
}
