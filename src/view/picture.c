/* From the model's spans to the layout's items. */

#include "view/picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/spans.h"
#include "view/draw.h"
#include "view/layout.h"
#include "view/prose.h"

#define REPEAT_ROWS 4 /* lanes for retransmissions that overlap each other */
#define LANES_MAX (4 + REPEAT_ROWS)
#define KEEP_MAX 128
#define GUTTER 11
#define GUTTER_NARROW 10
#define PANELS_MAX 6

struct picture {
    const struct lanes_stream *stream;
    const struct lanes_direction *d;
    struct layout_lane lane[LANES_MAX];
    size_t lane_count;
    uint64_t keep[KEEP_MAX];
    size_t keep_count;
    size_t undrawn; /* retransmissions for which there was no row */
    bool failed;
};

static struct layout_lane *add_lane(struct picture *p, const char *title, const char *color)
{
    struct layout_lane *lane = &p->lane[p->lane_count++];
    *lane = (struct layout_lane){.title = title, .color = color};
    return lane;
}

static void add_item(struct picture *p, struct layout_lane *lane, struct layout_item item)
{
    if (item.end <= item.begin)
        return;
    if (lane->count == lane->cap) {
        const size_t cap = lane->cap == 0 ? 16 : lane->cap * 2;
        struct layout_item *moved = reallocarray(lane->items, cap, sizeof *moved);
        if (moved == NULL) {
            p->failed = true;
            return;
        }
        lane->items = moved;
        lane->cap = cap;
    }
    lane->items[lane->count++] = item;
}

static void add_faint(struct picture *p, struct layout_lane *lane, const char *name, uint64_t begin,
                      uint64_t end)
{
    add_item(p, lane,
             (struct layout_item){
                 .begin = begin, .end = end, .name = name, .amount = end - begin, .mark = LAYOUT_FAINT});
}

static void add_messages(struct picture *p)
{
    const struct lanes_spans *messages = &p->d->lane[LANES_MESSAGE];
    if (messages->count == 0)
        return;
    struct layout_lane *lane = add_lane(p, _("message"), "36");
    for (size_t i = 0; i < messages->count; i++) {
        const struct lanes_span *span = &messages->at[i];
        add_item(p, lane,
                 (struct layout_item){
                     .begin = span->offset, .end = span_end(span), .name = _(span->name), .n = span->n});
    }
}

static void add_calls(struct picture *p, enum lanes_lane from, const char *title, const char *color)
{
    const struct lanes_spans *calls = &p->d->lane[from];
    struct layout_lane *lane = add_lane(p, title, color);
    for (size_t i = 0; i < calls->count; i++) {
        const struct lanes_span *span = &calls->at[i];
        const uint64_t asked = span->call->asked;
        /* A recv that got all it asked for, and a send that did not get rid of all, say so. */
        const bool tell = from == LANES_RECV ? asked == span->length : asked > span->length;
        add_item(p, lane,
                 (struct layout_item){.begin = span->offset,
                                      .end = span_end(span),
                                      .n = span->n,
                                      .amount = span->length,
                                      .asked = tell ? asked : 0});
    }
    if (from == LANES_RECV && p->d->has_wire)
        add_faint(p, lane, _("unread"), p->d->received, p->d->bytes);
}

static void add_wire(struct picture *p)
{
    struct layout_lane *lane = add_lane(p, _("wire"), "33");
    uint64_t at = 0;
    for (size_t i = 0; i < p->d->unique; i++) {
        const struct lanes_span *span = &p->d->lane[LANES_WIRE].at[i];
        add_faint(p, lane, _("not captured"), at, span->offset);
        add_item(p, lane,
                 (struct layout_item){.begin = span->offset,
                                      .end = span_end(span),
                                      .n = span->n,
                                      .amount = span->length,
                                      .mark = span_lost(span) ? LAYOUT_LOST : LAYOUT_PLAIN});
        at = span_end(span);
    }
    const uint64_t carried = p->d->bytes + p->d->uncaptured;
    add_faint(p, lane, _("not captured"), p->d->bytes, carried);
    if (p->d->has_sends)
        add_faint(p, lane, _("unsent"), carried, p->d->sent);
}

static int compare_offset(const void *a, const void *b)
{
    const struct lanes_span *left = *(const struct lanes_span *const *)a;
    const struct lanes_span *right = *(const struct lanes_span *const *)b;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return left->n < right->n ? -1 : left->n > right->n;
}

/* Each retransmission into the first row whose last one has ended. */
static void add_repeat(struct picture *p, size_t first_row, const struct lanes_span *span)
{
    size_t row = first_row;
    while (row < p->lane_count && p->lane[row].items[p->lane[row].count - 1].end > span->offset)
        row++;
    if (row >= first_row + REPEAT_ROWS) {
        p->undrawn++;
        return;
    }
    struct layout_lane *lane = row < p->lane_count ? &p->lane[row] : add_lane(p, _("  again"), "33");
    add_item(p, lane,
             (struct layout_item){.begin = span->offset,
                                  .end = span_end(span),
                                  .n = span->n,
                                  .amount = span->length,
                                  .mark = span_lost(span) ? LAYOUT_LOST : LAYOUT_AGAIN});
    if (lane->count == 0)
        p->lane_count--;
}

static void add_repeats(struct picture *p)
{
    const struct lanes_spans *wire = &p->d->lane[LANES_WIRE];
    const size_t count = wire->count - p->d->unique;
    const size_t first_row = p->lane_count;
    if (count == 0)
        return;
    const struct lanes_span **order = calloc(count, sizeof(struct lanes_span *));
    if (order == NULL) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &wire->at[p->d->unique + i];
    qsort(order, count, sizeof(struct lanes_span *), compare_offset);
    for (size_t i = 0; i < count && !p->failed; i++)
        add_repeat(p, first_row, order[i]);
    free(order);
}

static void keep(struct picture *p, uint64_t offset)
{
    if (p->keep_count < KEEP_MAX)
        p->keep[p->keep_count++] = offset;
}

static bool is_broken(const struct picture *p)
{
    return p->stream->broken_at != UINT64_MAX && p->stream->broken_from == p->d->from;
}

static bool is_marked(const struct picture *p, const struct view_style *style)
{
    const struct view_mark *mark = style->mark;
    return mark != NULL && mark->stream == p->stream->number && mark->from == p->d->from;
}

/* Places of interest: what was asked for; where it broke; the first and last messages; the findings; what was
 * lost. */
static void find_keeps(struct picture *p, uint64_t end, const struct view_style *style)
{
    const struct lanes_spans *messages = &p->d->lane[LANES_MESSAGE];
    if (is_marked(p, style))
        keep(p, style->mark->at);
    if (is_broken(p))
        keep(p, p->stream->broken_at);
    keep(p, 0);
    keep(p, end);
    for (size_t i = 0; i < messages->count && i < 24; i++)
        keep(p, messages->at[i].offset);
    for (size_t i = messages->count > 24 ? messages->count - 8 : messages->count; i < messages->count; i++)
        keep(p, messages->at[i].offset);
    for (size_t i = 0; i < p->stream->finding_count && p->keep_count < 64; i++) {
        const struct lanes_finding *finding = &p->stream->findings[i];
        if (finding->from == p->d->from &&
            (finding->is_problem || strcmp(finding->kind, "retransmitted") == 0))
            keep(p, finding->offset);
    }
}

static void draw(struct buf *out, struct picture *p, uint64_t end, const struct view_style *style,
                 unsigned columns)
{
    char broken[128];
    const unsigned gutter = columns < 60 ? GUTTER_NARROW : GUTTER;
    const struct layout_request request = {.lanes = p->lane,
                                           .lane_count = p->lane_count,
                                           .end = end,
                                           .columns = columns - gutter,
                                           .max_panels = style->verbose ? 0 : PANELS_MAX,
                                           .keep = p->keep,
                                           .keep_count = p->keep_count,
                                           .ascii = style->ascii};
    struct draw_mark marks[2];
    struct draw_style draw_style = {
        .gutter = gutter, .ascii = style->ascii, .color = style->color, .marks = marks};
    if (is_marked(p, style))
        marks[draw_style.mark_count++] =
            (struct draw_mark){.at = style->mark->at, .text = style->mark->text, .color = "36"};
    if (is_broken(p)) {
        snprintf(broken, sizeof broken, _("broken at byte %" PRIu64), p->stream->broken_at);
        marks[draw_style.mark_count++] =
            (struct draw_mark){.at = p->stream->broken_at, .text = broken, .color = "31"};
    }
    struct layout layout;
    if (layout_make(&layout, &request) != 0)
        out->failed = true;
    for (size_t i = 0; i < layout.panel_count && !out->failed; i++) {
        if (i > 0)
            buf_char(out, '\n');
        draw_panel(out, &layout, i, &request, &draw_style);
    }
    layout_free(&layout);
}

void picture_direction(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d,
                       const struct view_style *style, unsigned columns)
{
    struct picture p = {.stream = stream, .d = d};
    const uint64_t end = lanes_axis_end(d);
    if (end == 0)
        return;
    add_messages(&p);
    if (d->has_sends)
        add_calls(&p, LANES_SEND, "send()", "32");
    if (d->has_wire) {
        add_wire(&p);
        add_repeats(&p);
    }
    if (d->has_recvs)
        add_calls(&p, LANES_RECV, "recv()", "35");
    find_keeps(&p, end, style);
    if (p.failed)
        out->failed = true;
    else
        draw(out, &p, end, style, columns);
    if (p.undrawn > 0) {
        char text[160];
        snprintf(text, sizeof text, _("%zu further retransmissions are not drawn"), p.undrawn);
        buf_char(out, ' ');
        prose_wrap(out, text, 1, 1, columns);
    }
    for (size_t i = 0; i < p.lane_count; i++)
        free(p.lane[i].items);
}
