#include "view/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "view/layout_cells.h"

size_t layout_after(const struct layout_lane *lane, uint64_t offset)
{
    size_t low = 0, high = lane->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lane->items[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct layout_item *layout_at(const struct layout_lane *lane, uint64_t offset)
{
    const size_t i = layout_after(lane, offset);
    return i < lane->count && lane->items[i].begin <= offset ? &lane->items[i] : NULL;
}

size_t layout_run_end(const struct layout_cell *cells, size_t i, size_t count, const struct layout_item *item)
{
    while (i < count && cells[i].end <= item->end)
        i++;
    return i;
}

/* ---- labels ---- */

static size_t clip(int len)
{
    if (len < 0)
        return 0;
    return len < LAYOUT_LABEL_MAX ? (size_t)len : LAYOUT_LABEL_MAX - 1;
}

static size_t named_label(const struct layout_item *item, enum layout_labels labels,
                          char out[LAYOUT_LABEL_MAX])
{
    if (item->amount == 0 || labels == LAYOUT_BRIEF)
        return clip(snprintf(out, LAYOUT_LABEL_MAX, "%.24s", item->name));
    return clip(snprintf(out, LAYOUT_LABEL_MAX, "%.24s %" PRIu64, item->name, item->amount));
}

size_t layout_label(const struct layout_item *item, enum layout_labels labels, bool ascii,
                    char out[LAYOUT_LABEL_MAX])
{
    const char *again = item->mark != LAYOUT_AGAIN ? "" : ascii ? _("again ") : "↻";
    const char *lost = item->mark != LAYOUT_LOST ? "" : ascii ? " x" : " ✗";
    out[0] = '\0';
    if (labels == LAYOUT_NONE)
        return 0;
    if (item->name != NULL)
        return named_label(item, labels, out);
    if (labels == LAYOUT_BRIEF)
        return clip(snprintf(out, LAYOUT_LABEL_MAX, "#%" PRIu32 "%s", item->n, lost));
    if (item->asked > 0)
        return clip(snprintf(out, LAYOUT_LABEL_MAX, "#%" PRIu32 " %s%" PRIu64 "/%" PRIu64 "%s", item->n,
                             again, item->amount, item->asked, lost));
    return clip(
        snprintf(out, LAYOUT_LABEL_MAX, "#%" PRIu32 " %s%" PRIu64 "%s", item->n, again, item->amount, lost));
}

size_t layout_fold_label(const struct layout_lane *lane, const struct layout_cell *fold,
                         enum layout_labels labels, bool ascii, char out[LAYOUT_LABEL_MAX])
{
    const char *dots = ascii ? "..." : "…";
    size_t i = layout_after(lane, fold->begin), count = 0;
    uint64_t amount = 0;
    bool uniform = true;
    for (; i < lane->count && lane->items[i].begin < fold->end; i++) {
        const struct layout_item *item = &lane->items[i];
        if (item->begin < fold->begin)
            continue;
        uniform = uniform && item->name == NULL && (count == 0 || item->amount == amount);
        amount = item->amount;
        count++;
    }
    out[0] = '\0';
    if (count == 0)
        return 0;
    if (uniform && count > 1 && labels < LAYOUT_BRIEF)
        return clip(
            snprintf(out, LAYOUT_LABEL_MAX, "%s %zu %s %" PRIu64, dots, count, ascii ? "x" : "×", amount));
    /* A bare number would be read as one of bytes. */
    return clip(snprintf(out, LAYOUT_LABEL_MAX, _("%s %zu more"), dots, count));
}

/* ---- widths ---- */

static unsigned width_of(const char *text, size_t len)
{
    return (unsigned)text_width(text, len);
}

/* A boundary, a space, the label, a space. */
static unsigned room_for(const char *label, size_t len)
{
    return len == 0 ? 1 : width_of(label, len) + 3;
}

static unsigned digits_of(uint64_t number)
{
    unsigned digits = 1;
    while (number >= 10) {
        number /= 10;
        digits++;
    }
    return digits;
}

struct sizing {
    const struct layout_request *request;
    struct layout_cell *cells;
    size_t first, count;
    enum layout_labels labels;
};

static unsigned total(const struct sizing *s)
{
    unsigned sum = 0;
    for (size_t i = s->first; i < s->first + s->count; i++)
        sum += s->cells[i].width;
    return sum;
}

static void widen(struct sizing *s, size_t cell, unsigned width)
{
    if (width > s->request->columns - 1)
        width = s->request->columns - 1;
    if (s->cells[cell].width < width)
        s->cells[cell].width = width;
}

/* What an item needs beyond what its cells have goes to the one with most bytes. `begin` and `end`: its cells
 * in this panel. */
static void widen_run(struct sizing *s, size_t begin, size_t end, unsigned width)
{
    unsigned have = 0;
    size_t widest = begin;
    for (size_t i = begin; i < end; i++) {
        have += s->cells[i].width;
        if (s->cells[i].end - s->cells[i].begin > s->cells[widest].end - s->cells[widest].begin)
            widest = i;
    }
    if (have < width)
        widen(s, widest, s->cells[widest].width + width - have);
}

static void size_lane(struct sizing *s, const struct layout_lane *lane, bool single)
{
    char label[LAYOUT_LABEL_MAX];
    for (size_t i = s->first; i < s->first + s->count;) {
        const struct layout_item *item = layout_at(lane, s->cells[i].begin);
        const size_t end = item != NULL ? layout_run_end(s->cells, i, s->first + s->count, item) : i;
        if (end <= i) { /* nothing here, or a fold that the item ends in */
            if (s->cells[i].fold && single) {
                size_t len = layout_fold_label(lane, &s->cells[i], s->labels, s->request->ascii, label);
                widen(s, i, room_for(label, len));
            }
            i++;
            continue;
        }
        size_t len = layout_label(item, s->labels, s->request->ascii, label);
        if (single && end == i + 1)
            widen(s, i, room_for(label, len));
        else if (!single)
            widen_run(s, i, end, room_for(label, len));
        i = end;
    }
}

/* Give the cells of a panel the widths that they need; the sum. */
static unsigned size_panel(struct sizing *s)
{
    for (size_t i = s->first; i < s->first + s->count; i++) {
        s->cells[i].width = s->cells[i].fold ? 3 : 1;
        if (s->labels == LAYOUT_ROOMY)
            widen(s, i, digits_of(s->cells[i].begin) + 1);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t l = 0; l < s->request->lane_count; l++)
            size_lane(s, &s->request->lanes[l], pass == 0);
    }
    return total(s);
}

/* Share out what is left: each column to the cell with most bytes a column. */
static void spread(struct sizing *s, unsigned spare)
{
    for (; spare > 0; spare--) {
        struct layout_cell *most = NULL;
        for (size_t i = s->first; i < s->first + s->count; i++) {
            struct layout_cell *cell = &s->cells[i];
            if (!cell->fold && (most == NULL || (double)(cell->end - cell->begin) / cell->width >
                                                    (double)(most->end - most->begin) / most->width))
                most = cell;
        }
        if (most == NULL)
            return;
        most->width++;
    }
}

/* ---- panels ---- */

static int add_panel(struct layout *layout, size_t first, size_t count)
{
    struct layout_panel *moved = reallocarray(layout->panels, layout->panel_count + 1, sizeof *moved);
    if (moved == NULL)
        return -ENOMEM;
    layout->panels = moved;
    layout->panels[layout->panel_count++] = (struct layout_panel){.first = first, .count = count};
    return 0;
}

/* Cut the cells into panels, as many cells each as fit. */
static int paginate(struct layout *layout, const struct layout_request *request, enum layout_labels labels)
{
    struct sizing s = {.request = request, .cells = layout->cells, .labels = labels};
    layout->labels = labels;
    layout->panel_count = 0;
    while (s.first < layout->cell_count) {
        for (s.count = 1; s.first + s.count < layout->cell_count; s.count++) {
            s.count++;
            const unsigned columns = size_panel(&s);
            s.count--;
            if (columns + 1 > request->columns)
                break;
        }
        if (add_panel(layout, s.first, s.count) != 0)
            return -ENOMEM;
        s.first += s.count;
    }
    return 0;
}

/* The last of several panels is not stretched: its cells would look larger than they are. */
static void place(struct layout *layout, const struct layout_request *request)
{
    for (size_t p = 0; p < layout->panel_count; p++) {
        struct layout_panel *panel = &layout->panels[p];
        struct sizing s = {.request = request,
                           .cells = layout->cells,
                           .first = panel->first,
                           .count = panel->count,
                           .labels = layout->labels};
        const unsigned need = size_panel(&s) + 1;
        if (need < request->columns && (p + 1 < layout->panel_count || p == 0))
            spread(&s, request->columns - need);
        panel->columns = 0;
        for (size_t i = s.first; i < s.first + s.count; i++) {
            layout->cells[i].x = panel->columns;
            panel->columns += layout->cells[i].width;
        }
    }
}

/* Labels give way before the picture falls into too many panels. */
static int try_labels(struct layout *layout, const struct layout_request *request, bool *fits)
{
    static const enum layout_labels levels[] = {LAYOUT_ROOMY, LAYOUT_FULL, LAYOUT_BRIEF, LAYOUT_NONE};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        const size_t most = levels[i] == LAYOUT_ROOMY ? (request->max_panels + 1) / 2 : request->max_panels;
        int failed = paginate(layout, request, levels[i]);
        if (failed != 0)
            return failed;
        *fits = request->max_panels == 0 || layout->panel_count <= most;
        if (*fits)
            return 0;
    }
    return 0;
}

#define CELL_COLUMNS 12 /* about what a labelled cell takes */
#define ROOM_LEAST 16   /* cells that are shown in the narrowest terminal */

int layout_make(struct layout *layout, const struct layout_request *request)
{
    const size_t a_line = request->columns / CELL_COLUMNS + 1;
    struct layout_bounds bounds = {0};
    bool fits = false;
    *layout = (struct layout){0};
    int failed = layout_bounds_find(&bounds, request);
    /* Half of the panels when every cell has its label, the other half for what takes more. */
    size_t room = request->max_panels == 0 ? SIZE_MAX : (request->max_panels + 1) / 2 * a_line;
    if (room < ROOM_LEAST)
        room = ROOM_LEAST;
    while (failed == 0 && !fits) {
        failed = layout_cells_make(layout, &bounds, request, room);
        if (failed == 0)
            failed = try_labels(layout, request, &fits);
        if (room <= 4)
            break;
        room /= 2;
    }
    if (failed == 0)
        place(layout, request);
    free(bounds.at);
    return failed;
}

void layout_free(struct layout *layout)
{
    free(layout->cells);
    free(layout->panels);
    *layout = (struct layout){0};
}
