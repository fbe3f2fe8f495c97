#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "craft/boxes_private.h"
#include "craft/expr.h"

/* The comparison of what was asked for with what was sent and what came back.
 *
 * Layers are put side by side by their types: first those asked for, then those that only came back, then the
 * headers that an ICMP error quotes. Each field is a row. The table is as wide as its cells; the notes stand
 * in a column of their own where that fits, else below their rows; where the cells do not fit (IPv6
 * addresses), each row becomes a few lines. */

enum {
    ASKED,
    SENT,
    GOT,
    COLUMNS,
};
#define CELL_MOST 40 /* columns; only lists of options are longer */
#define NOTE_INDENT 4

struct row {
    char label[40];
    char cell[COLUMNS][200];
    char note[400];
};

/* Three layers side by side; NULL where there is none. */
struct group {
    const struct craft_layer *layer[COLUMNS];
    bool quoted;
};

struct table {
    const struct craft_diff *diff;
    const struct craft_style *style;
    struct buf *out;
    bool with[COLUMNS]; /* there is such a packet */
    size_t label_width, width[COLUMNS], note_width;
    bool stacked, notes_below, filled; /* filled: a value stands in brackets */
    size_t rows;
};

static const char *const column_titles[COLUMNS] = {N_("asked"), N_("sent"), N_("came back")};

/* ---- rows ---- */

/* What was asked for is known also where the build has filled it in. */
static bool knows(const struct craft_layer *layer, int column, int field)
{
    if (layer == NULL || !craft_field_is_there(layer, field))
        return false;
    return layer->value[field].given || (column == ASKED ? layer->header_len > 0 : layer->whole);
}

static void value_text(const struct craft_layer *layer, int field, struct buf *out)
{
    out->len = 0;
    craft_value_print(&layer->type->fields[field], &layer->value[field], out);
}

static bool differ(const struct group *g, int a, int b, int field)
{
    struct buf one = {0}, two = {0};
    if (!knows(g->layer[a], a, field) || !knows(g->layer[b], b, field))
        return false;
    value_text(g->layer[a], field, &one);
    value_text(g->layer[b], field, &two);
    const bool different = one.len != two.len || memcmp(buf_cstr(&one), buf_cstr(&two), one.len) != 0;
    buf_free(&one);
    buf_free(&two);
    return different;
}

static const struct craft_layer *any_layer(const struct group *g)
{
    for (int c = 0; c < COLUMNS; c++) {
        if (g->layer[c] != NULL)
            return g->layer[c];
    }
    return NULL;
}

static const struct craft_rewrite *rewrite_of(const struct craft_diff *diff, const struct group *g, int field)
{
    const struct craft_layer_type *type = any_layer(g)->type;
    for (size_t i = 0; i < diff->rewrite_count; i++) {
        const struct craft_rewrite *r = &diff->rewrites[i];
        if (strcmp(r->layer, type->name) == 0 && strcmp(r->field, type->fields[field].name) == 0)
            return r;
    }
    return NULL;
}

static bool is_zero(const struct craft_field *field, const struct craft_value *value)
{
    static const uint8_t zero[16];
    if (field->kind == CRAFT_IP4 || field->kind == CRAFT_IP6)
        return memcmp(value->address, zero, field->width / 8u) == 0;
    return field->kind == CRAFT_NUMBER && value->number == 0;
}

/* What the kernel did to the field, or, where the packet was not seen, will have done; NULL: nothing. */
static const char *change(const struct craft_diff *diff, const struct group *g, int field)
{
    const struct craft_rewrite *rewrite = g->quoted ? NULL : rewrite_of(diff, g, field);
    const struct craft_layer *asked = g->layer[ASKED];
    if (differ(g, ASKED, SENT, field))
        return rewrite != NULL ? rewrite->what : g->quoted ? NULL : N_("changed on its way out");
    if (rewrite == NULL || g->layer[SENT] != NULL || asked == NULL)
        return NULL;
    const bool zero = is_zero(&asked->type->fields[field], &asked->value[field]);
    return !rewrite->only_zero || zero ? rewrite->what : NULL;
}

/* What the kernel writes in any case, also where it is the value that was asked for. */
static const char *own_word(const struct craft_diff *diff, const struct group *g, int field)
{
    const struct craft_rewrite *rewrite = g->quoted ? NULL : rewrite_of(diff, g, field);
    return rewrite != NULL && !rewrite->only_zero && g->layer[ASKED] != NULL ? rewrite->what : NULL;
}

static void put_cell(const struct table *t, const struct group *g, int column, int field, char out[200])
{
    const struct craft_layer *layer = g->layer[column];
    const char *more = t->style->ascii ? "..." : "…";
    struct buf value = {0}, text = {0};
    if (!knows(layer, column, field)) {
        snprintf(out, 200, "-");
        return;
    }
    value_text(layer, field, &value);
    boxes_text(&text, buf_cstr(&value), t->style->ascii);
    buf_free(&value);
    const char *words = buf_cstr(&text);
    const bool filled = column == ASKED && !layer->value[field].given;
    size_t fit = text_fit(words, text.len, CELL_MOST);
    if (fit < text.len)
        fit = text_fit(words, text.len, CELL_MOST - 3);
    snprintf(out, 200, "%s%.*s%s%s", filled ? "(" : "", (int)fit, words, fit < text.len ? more : "",
             filled ? ")" : "");
    buf_free(&text);
}

/* Fill the row; false: there is nothing to be said. */
static bool fill_row(const struct table *t, const struct group *g, int field, struct row *row)
{
    const struct craft_diff *diff = t->diff;
    const struct craft_layer *got = g->layer[GOT];
    const char *kernel = change(diff, g, field), *reason = NULL;
    bool there = false;
    if (diff->reason != NULL && knows(got, GOT, field))
        reason = diff->reason(diff->context, got, field);
    for (int c = 0; c < COLUMNS; c++)
        there = there || (t->with[c] && knows(g->layer[c], c, field));
    if (!there)
        return false;
    const bool alone = g->layer[ASKED] == NULL && g->layer[SENT] == NULL;
    if (!diff->all && !alone && kernel == NULL && reason == NULL && !differ(g, SENT, GOT, field) &&
        !(g->layer[SENT] == NULL && differ(g, ASKED, GOT, field)))
        return false;
    snprintf(row->label, sizeof row->label, "%s", boxes_short_label(&any_layer(g)->type->fields[field]));
    for (int c = 0; c < COLUMNS; c++)
        put_cell(t, g, c, field, row->cell[c]);
    if (kernel == NULL)
        kernel = own_word(diff, g, field);
    if (kernel != NULL && reason != NULL)
        snprintf(row->note, sizeof row->note, _("kernel: %s; %s"), _(kernel), _(reason));
    else if (kernel != NULL)
        snprintf(row->note, sizeof row->note, _("kernel: %s"), _(kernel));
    else
        snprintf(row->note, sizeof row->note, "%s", reason != NULL ? _(reason) : "");
    return true;
}

/* ---- groups ---- */

static bool quotes(const struct craft_packet *packet, size_t layer)
{
    const struct craft_layer_type *type = packet->layer[layer].type;
    return (type == &craft_icmp || type == &craft_icmp6) && layer + 1 < packet->count &&
           (packet->layer[layer + 1].type == &craft_ip || packet->layer[layer + 1].type == &craft_ipv6);
}

/* Layers up to the header that quotes. */
static size_t own_layers(const struct craft_packet *packet)
{
    for (size_t i = 0; packet != NULL && i < packet->count; i++) {
        if (quotes(packet, i))
            return i + 1;
    }
    return packet != NULL ? packet->count : 0;
}

static const struct craft_layer *find(const struct craft_packet *packet, const struct craft_layer_type *type)
{
    const size_t count = own_layers(packet);
    for (size_t i = 0; i < count; i++) {
        if (packet->layer[i].type == type)
            return &packet->layer[i];
    }
    return NULL;
}

typedef void (*group_visit)(struct table *t, const struct group *g);

static void each_group(struct table *t, group_visit visit)
{
    const struct craft_diff *d = t->diff;
    const size_t own = own_layers(d->got), asked = own_layers(d->asked);
    for (size_t i = 0; i < asked; i++) {
        const struct craft_layer_type *type = d->asked->layer[i].type;
        if (type == &craft_raw || find(d->asked, type) != &d->asked->layer[i])
            continue;
        visit(t, &(struct group){.layer = {&d->asked->layer[i], find(d->sent, type), find(d->got, type)}});
    }
    for (size_t i = 0; i < (d->got != NULL ? d->got->count : 0); i++) {
        const struct craft_layer *got = &d->got->layer[i];
        const struct craft_layer *sent = find(d->sent, got->type);
        if (got->type == &craft_raw || (i < own && find(d->asked, got->type) != NULL))
            continue;
        if (i < own)
            visit(t, &(struct group){.layer = {NULL, sent, got}});
        else
            visit(t, &(struct group){.layer = {find(d->asked, got->type), sent, got}, .quoted = true});
    }
}

/* ---- measuring ---- */

static void widen(size_t *width, const char *text)
{
    const size_t have = text_width(text, strlen(text));
    *width = have > *width ? have : *width;
}

static void measure(struct table *t, const struct group *g)
{
    struct row row;
    for (int f = 0; f < any_layer(g)->type->field_count; f++) {
        if (!fill_row(t, g, f, &row))
            continue;
        t->rows++;
        t->filled = t->filled || row.cell[ASKED][0] == '(';
        widen(&t->label_width, row.label);
        widen(&t->note_width, row.note);
        for (int c = 0; c < COLUMNS; c++)
            widen(&t->width[c], row.cell[c]);
    }
}

static void choose_layout(struct table *t)
{
    size_t total = 1 + t->label_width;
    for (int c = 0; c < COLUMNS; c++) {
        widen(&t->width[c], _(column_titles[c]));
        total += t->with[c] ? 2 + t->width[c] : 0;
    }
    t->stacked = t->style->columns < BOXES_FIGURE_COLUMNS || total > t->style->columns;
    t->notes_below = total + 2 + t->note_width > t->style->columns;
}

/* ---- printing ---- */

/* Words in lines that begin at column `indent`, the first of them where the line now stands. */
static void put_wrapped(const struct table *t, const char *text, size_t indent)
{
    const size_t room = t->style->columns > indent + 10 ? t->style->columns - indent : 10;
    while (*text != '\0') {
        size_t fit = text_fit(text, strlen(text), room);
        if (text[fit] != '\0') {
            size_t blank = fit;
            while (blank > 0 && text[blank] != ' ')
                blank--;
            fit = blank > 0 ? blank : fit;
        }
        buf_append(t->out, text, fit);
        boxes_end_line(t->out);
        text += fit + (text[fit] == ' ');
        if (*text != '\0')
            buf_printf(t->out, "%*s", (int)indent, "");
    }
}

static void pad(struct buf *out, const char *text, size_t columns)
{
    const size_t width = text_width(text, strlen(text));
    buf_text(out, text);
    buf_printf(out, "%*s", (int)(width < columns ? columns - width : 0), "");
}

static void put_stacked(const struct table *t, const struct row *row)
{
    buf_printf(t->out, " %s\n", row->label);
    for (int c = 0; c < COLUMNS; c++) {
        if (!t->with[c] || strcmp(row->cell[c], "-") == 0)
            continue;
        buf_printf(t->out, "%*s", NOTE_INDENT, "");
        pad(t->out, _(column_titles[c]), 11);
        put_wrapped(t, row->cell[c], NOTE_INDENT + 11);
    }
}

static void put_row(const struct table *t, const struct row *row)
{
    if (t->stacked)
        put_stacked(t, row);
    else {
        buf_char(t->out, ' ');
        pad(t->out, row->label, t->label_width);
        for (int c = 0; c < COLUMNS; c++) {
            if (!t->with[c])
                continue;
            buf_text(t->out, "  ");
            pad(t->out, row->cell[c], t->width[c]);
        }
        if (!t->notes_below && row->note[0] != '\0')
            buf_printf(t->out, "  %s", row->note);
        boxes_end_line(t->out);
    }
    if ((t->stacked || t->notes_below) && row->note[0] != '\0') {
        buf_printf(t->out, "%*s", NOTE_INDENT, "");
        put_wrapped(t, row->note, NOTE_INDENT);
    }
}

/* The layer's title, and the columns' where it is the first. */
static void put_heading(const struct table *t, const struct group *g, bool first)
{
    struct row titles = {0};
    snprintf(titles.note, sizeof titles.note, "%s", _("note"));
    const char *title = any_layer(g)->type->title;
    if (first && !t->stacked) {
        for (int c = 0; c < COLUMNS; c++)
            snprintf(titles.cell[c], sizeof titles.cell[c], "%s", _(column_titles[c]));
        if (t->notes_below || t->note_width == 0)
            titles.note[0] = '\0';
        put_row(t, &titles);
    }
    boxes_colored(t->out, t->style, "1", title, strlen(title));
    const bool fits = strlen(title) + 22 <= t->style->columns;
    buf_text(t->out, !g->quoted ? "\n"
                     : fits     ? _(", quoted by the answer\n")
                                : _("\n quoted by the answer\n"));
}

static void print(struct table *t, const struct group *g)
{
    struct row row;
    bool titled = false;
    for (int f = 0; f < any_layer(g)->type->field_count; f++) {
        if (!fill_row(t, g, f, &row))
            continue;
        if (!titled)
            put_heading(t, g, t->rows == 0);
        titled = true;
        t->rows++;
        put_row(t, &row);
    }
}

void craft_diff(struct buf *out, const struct craft_diff *diff, const struct craft_style *style)
{
    struct table t = {.diff = diff, .style = style, .out = out};
    t.with[ASKED] = diff->asked != NULL;
    t.with[SENT] = diff->sent != NULL;
    t.with[GOT] = diff->got != NULL;
    each_group(&t, measure);
    if (t.rows == 0) {
        buf_text(out, _(" nothing was changed\n"));
        return;
    }
    choose_layout(&t);
    t.rows = 0;
    each_group(&t, print);
    if (t.filled)
        buf_text(out, _("(in brackets: not asked for, filled in)\n"));
}
