#include "view/draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "view/glyphs.h"
#include "view/prose.h"

/* The panel at hand. */
struct drawing {
    struct buf *out;
    const struct layout *layout;
    const struct layout_cell *cell; /* its cells: [0, count) */
    size_t count;
    unsigned columns; /* of the cells */
    const struct layout_request *request;
    const struct draw_style *style;
    const struct glyphs *glyphs;
};

static void repeat(struct buf *out, const char *glyph, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_text(out, glyph);
}

static void end_line(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_char(out, '\n');
}

static void begin_line(struct drawing *d, const char *title, const char *color)
{
    if (d->style->color && color != NULL)
        buf_printf(d->out, "\x1b[%sm", color);
    buf_char(d->out, ' ');
    prose_pad(d->out, title, d->style->gutter - 1);
}

/* The escape that ends the colour stands behind the text, so the spaces go first. */
static void finish_line(struct drawing *d, const char *color)
{
    end_line(d->out);
    if (d->style->color && color != NULL && !d->out->failed) {
        d->out->len--;
        buf_text(d->out, "\x1b[0m\n");
    }
}

/* ---- the axis ---- */

#define AXIS_MAX 512

struct axis {
    char text[AXIS_MAX];
    unsigned columns;
};

/* Write a number so that it neither touches nor covers another one. */
static void axis_put(struct axis *axis, unsigned x, uint64_t number, bool ends_here)
{
    char digits[24];
    const unsigned len = (unsigned)snprintf(digits, sizeof digits, "%" PRIu64, number);
    if (ends_here)
        x = x + 1 >= len ? x + 1 - len : 0;
    if (x + len > axis->columns)
        return;
    for (unsigned i = x > 0 ? x - 1 : 0; i < x + len + 1 && i < axis->columns; i++) {
        if (axis->text[i] != ' ')
            return;
    }
    memcpy(axis->text + x, digits, len);
}

static void draw_axis(struct drawing *d)
{
    struct axis axis = {.columns = d->columns + 1 < AXIS_MAX ? d->columns + 1 : AXIS_MAX};
    memset(axis.text, ' ', sizeof axis.text);
    axis_put(&axis, 0, d->cell[0].begin, false);
    axis_put(&axis, d->columns, d->cell[d->count - 1].end, true);
    for (size_t k = 0; k < d->request->keep_count; k++) {
        for (size_t i = 0; i < d->count; i++) {
            if (d->cell[i].begin == d->request->keep[k])
                axis_put(&axis, d->cell[i].x, d->cell[i].begin, false);
        }
    }
    for (size_t i = 0; i < d->count; i++)
        axis_put(&axis, d->cell[i].x, d->cell[i].begin, false);
    begin_line(d, _("byte"), NULL);
    buf_append(d->out, axis.text, axis.columns);
    finish_line(d, NULL);
}

/* ---- lanes ---- */

static bool ends_at(const struct layout_lane *lane, uint64_t offset)
{
    const size_t i = offset > 0 ? layout_after(lane, offset - 1) : lane->count;
    return i < lane->count && lane->items[i].end == offset;
}

static bool begins_at(const struct layout_lane *lane, uint64_t offset)
{
    const struct layout_item *item = layout_at(lane, offset);
    return item != NULL && item->begin == offset;
}

/* The first column of what begins at `offset`, then a label if it fits, then `fill`. */
static void draw_piece(struct drawing *d, const char *first, const char *label, const char *fill,
                       unsigned width)
{
    const size_t len = strlen(label);
    unsigned used = 1;
    const unsigned label_width = (unsigned)text_width(label, len);
    buf_text(d->out, first);
    if (len > 0 && width >= label_width + 2) {
        buf_char(d->out, ' ');
        buf_append(d->out, label, len);
        used += 1 + label_width;
        if (used < width) {
            buf_char(d->out, ' ');
            used++;
        }
    }
    repeat(d->out, fill, width - used);
}

/* The longest of an item's labels that fits into the width. */
static void choose_label(const struct drawing *d, const struct layout_item *item, bool whole, unsigned width,
                         char label[LAYOUT_LABEL_MAX])
{
    for (enum layout_labels level = whole ? LAYOUT_FULL : LAYOUT_BRIEF; level <= LAYOUT_NONE; level++) {
        const size_t len = layout_label(item, level, d->style->ascii, label);
        if (text_width(label, len) + 2 <= width)
            return;
    }
    label[0] = '\0';
}

static void draw_item(struct drawing *d, const struct layout_item *item, size_t i, unsigned width)
{
    char label[LAYOUT_LABEL_MAX];
    const bool starts = item->begin == d->cell[i].begin;
    const char *fill = item->mark == LAYOUT_FAINT ? d->glyphs->faint : d->glyphs->fill;
    choose_label(d, item, starts, width, label);
    /* A span that goes on says its number again only at the beginning of a line. */
    if (!starts && i > 0)
        label[0] = '\0';
    draw_piece(d, starts ? d->glyphs->bar : fill, label, fill, width);
}

static void draw_fold(struct drawing *d, const struct layout_lane *lane, size_t i)
{
    char label[LAYOUT_LABEL_MAX];
    const struct layout_cell *cell = &d->cell[i];
    const struct layout_item *item = layout_at(lane, cell->begin);
    const bool bar = begins_at(lane, cell->begin) || ends_at(lane, cell->begin);
    enum layout_labels level = LAYOUT_FULL;
    size_t len = layout_fold_label(lane, cell, level, d->style->ascii, label);
    if (len > 0 && text_width(label, len) + 2 > cell->width)
        len = layout_fold_label(lane, cell, LAYOUT_BRIEF, d->style->ascii, label);
    label[len] = '\0';
    const char *fill = len > 0 || item != NULL ? d->glyphs->fill : " ";
    draw_piece(d, bar ? d->glyphs->bar : item != NULL ? fill : " ", label, fill, cell->width);
}

static void draw_closing(struct drawing *d, const struct layout_lane *lane)
{
    const uint64_t end = d->cell[d->count - 1].end;
    if (ends_at(lane, end) || begins_at(lane, end))
        buf_text(d->out, d->glyphs->bar);
    else if (layout_at(lane, end) != NULL)
        buf_text(d->out, d->glyphs->more);
}

static bool is_empty(const struct drawing *d, const struct layout_lane *lane)
{
    const size_t i = layout_after(lane, d->cell[0].begin);
    return i >= lane->count || lane->items[i].begin >= d->cell[d->count - 1].end;
}

static void draw_lane(struct drawing *d, const struct layout_lane *lane)
{
    begin_line(d, lane->title, lane->color);
    for (size_t i = 0; i < d->count;) {
        const struct layout_cell *cell = &d->cell[i];
        const struct layout_item *item = layout_at(lane, cell->begin);
        size_t end = item != NULL ? layout_run_end(d->cell, i, d->count, item) : i;
        unsigned width = 0;
        for (size_t k = i; k < end; k++)
            width += d->cell[k].width;
        if (end > i)
            draw_item(d, item, i, width);
        else if (cell->fold)
            draw_fold(d, lane, i);
        else
            draw_piece(d, ends_at(lane, cell->begin) ? d->glyphs->bar : " ", "", " ", cell->width);
        i = end > i ? end : i + 1;
    }
    draw_closing(d, lane);
    finish_line(d, lane->color);
}

/* ---- marks ---- */

/* The column of a byte; false where it stands in another panel. Inside a cell its place is by its share of
 * the cell's bytes. */
static bool mark_column(const struct drawing *d, uint64_t at, unsigned *x)
{
    const uint64_t end = d->cell[d->count - 1].end;
    for (size_t i = 0; i < d->count; i++) {
        const struct layout_cell *cell = &d->cell[i];
        if (at >= cell->begin && at < cell->end) {
            const double share = (double)(at - cell->begin) / (double)(cell->end - cell->begin);
            *x = cell->x + (unsigned)(share * cell->width);
            return true;
        }
    }
    *x = d->columns;
    return at == end && d->layout->cells + d->layout->cell_count == d->cell + d->count;
}

static void draw_mark(struct drawing *d, const struct draw_mark *mark)
{
    const char *text = mark->text;
    unsigned x;
    if (!mark_column(d, mark->at, &x))
        return;
    const unsigned width = (unsigned)text_width(text, strlen(text)), room = d->request->columns;
    begin_line(d, "", mark->color);
    if (x + 2 + width <= room) {
        repeat(d->out, " ", x);
        buf_text(d->out, d->glyphs->here);
        buf_char(d->out, ' ');
        buf_text(d->out, text);
    } else if (width + 1 <= x) {
        repeat(d->out, " ", x - width - 1);
        buf_text(d->out, text);
        buf_char(d->out, ' ');
        buf_text(d->out, d->glyphs->here);
    } else {
        repeat(d->out, " ", x);
        buf_text(d->out, d->glyphs->here);
    }
    finish_line(d, mark->color);
}

void draw_panel(struct buf *out, const struct layout *layout, size_t panel,
                const struct layout_request *request, const struct draw_style *style)
{
    const struct layout_panel *p = &layout->panels[panel];
    struct drawing d = {.out = out,
                        .layout = layout,
                        .cell = layout->cells + p->first,
                        .count = p->count,
                        .columns = p->columns,
                        .request = request,
                        .style = style,
                        .glyphs = glyphs_of(style->ascii)};
    draw_axis(&d);
    for (size_t l = 0; l < request->lane_count; l++) {
        if (!is_empty(&d, &request->lanes[l]))
            draw_lane(&d, &request->lanes[l]);
    }
    for (size_t i = 0; i < style->mark_count; i++)
        draw_mark(&d, &style->marks[i]);
}
