#include "view/columns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "view/glyphs.h"
#include "view/prose.h"

#define HEADS SIZE_MAX   /* in the place of a row */
#define WRAPPED_LEAST 10 /* columns of a text that goes on below */

void columns_init(struct columns *table, const struct columns_head *heads, size_t head_count,
                  const struct view_style *style)
{
    *table = (struct columns){.heads = heads, .head_count = head_count, .style = style};
}

char (*columns_add(struct columns *table))[COLUMNS_CELL]
{
    if (table->rows == table->cap) {
        const size_t cap = table->cap == 0 ? 8 : table->cap * 2;
        void *moved = reallocarray(table->cells, cap, table->head_count * COLUMNS_CELL);
        if (moved == NULL) {
            table->failed = true;
            return NULL;
        }
        table->cells = moved;
        table->cap = cap;
    }
    char(*cells)[COLUMNS_CELL] = &table->cells[table->rows++ * table->head_count];
    memset(cells, 0, table->head_count * COLUMNS_CELL);
    return cells;
}

/* How a table is made to fit: which heads it has, and which columns. */
struct fit {
    bool brief;
    bool left_out[COLUMNS_MAX];
    unsigned width[COLUMNS_MAX]; /* 0: left out */
};

static const char *head_text(const struct columns *table, const struct fit *fit, size_t column)
{
    return _(fit->brief ? table->heads[column].brief : table->heads[column].name);
}

static const char *cell_text(const struct columns *table, size_t row, size_t column)
{
    const char *text = table->cells[row * table->head_count + column];
    return text[0] != '\0' ? text : glyphs_of(table->style->ascii)->nothing;
}

/* Widths by content; the columns of the whole line. */
static unsigned measure(const struct columns *table, struct fit *fit)
{
    unsigned sum = 0;
    for (size_t c = 0; c < table->head_count; c++) {
        fit->width[c] = 0;
        if (fit->left_out[c])
            continue;
        const char *head = head_text(table, fit, c);
        unsigned width = (unsigned)text_width(head, strlen(head));
        for (size_t r = 0; r < table->rows; r++) {
            const char *text = cell_text(table, r, c);
            const unsigned w = (unsigned)text_width(text, strlen(text));
            width = w > width ? w : width;
        }
        fit->width[c] = width;
        sum += width + (sum == 0 ? 1 : 2);
    }
    return sum;
}

/* Leave out the column that is missed least. False: none may be. */
static bool leave_one_out(const struct columns *table, struct fit *fit)
{
    size_t least = table->head_count;
    for (size_t c = 0; c < table->head_count; c++) {
        const unsigned first_out = table->heads[c].first_out;
        if (!fit->left_out[c] && first_out > 0 &&
            (least == table->head_count || first_out > table->heads[least].first_out))
            least = c;
    }
    if (least < table->head_count)
        fit->left_out[least] = true;
    return least < table->head_count;
}

static void narrow_widest(const struct columns *table, struct fit *fit, unsigned too_much)
{
    size_t widest = 0;
    for (size_t c = 0; c < table->head_count; c++) {
        if (!table->heads[c].right && fit->width[c] > fit->width[widest])
            widest = c;
    }
    fit->width[widest] = fit->width[widest] > too_much + 4 ? fit->width[widest] - too_much : 4;
}

/* A cut word misleads, a shorter head and a missing column do not: in this order they give way. */
static struct fit fit_table(const struct columns *table)
{
    struct fit fit = {0};
    const unsigned room = table->style->columns;
    unsigned sum = measure(table, &fit);
    if (sum > room) {
        fit.brief = true;
        sum = measure(table, &fit);
    }
    while (sum > room && leave_one_out(table, &fit))
        sum = measure(table, &fit);
    if (sum > room)
        narrow_widest(table, &fit, sum - room);
    return fit;
}

/* Cut to `width`, with a sign that it was. */
static void put_cut(struct buf *out, const char *text, unsigned width, bool ascii)
{
    const char *dots = ascii ? "..." : "…";
    const unsigned taken = (unsigned)text_width(dots, strlen(dots));
    const size_t len = text_fit(text, strlen(text), width - taken);
    buf_append(out, text, len);
    prose_pad(out, dots, width - (unsigned)text_width(text, len));
}

static void put_cell(struct buf *out, const char *text, bool right, unsigned width, bool ascii)
{
    const unsigned used = (unsigned)text_width(text, strlen(text));
    for (unsigned i = used; right && i < width; i++)
        buf_char(out, ' ');
    if (used > width)
        put_cut(out, text, width, ascii);
    else
        prose_pad(out, text, right ? used : width);
}

static size_t last_shown(const struct columns *table, const struct fit *fit)
{
    size_t last = table->head_count - 1;
    while (last > 0 && fit->width[last] == 0)
        last--;
    return last;
}

static void end_row(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_char(out, '\n');
}

/* Put the heads, or the cells of a row. What stands last goes on below itself, if it has room to be read. */
static void put_row(const struct columns *table, const struct fit *fit, struct buf *out, size_t row)
{
    const size_t last = last_shown(table, fit);
    const bool goes_on = !table->heads[last].right && fit->width[last] >= WRAPPED_LEAST;
    unsigned at = 1;
    buf_char(out, ' ');
    for (size_t c = 0; c <= last; c++) {
        const char *text = row == HEADS ? head_text(table, fit, c) : cell_text(table, row, c);
        if (fit->width[c] == 0)
            continue;
        if (c == last && goes_on) {
            prose_wrap(out, text, at, at, at + fit->width[c]);
            return;
        }
        put_cell(out, text, table->heads[c].right, fit->width[c], table->style->ascii);
        if (c < last)
            buf_text(out, "  ");
        at += fit->width[c] + 2;
    }
    end_row(out);
}

void columns_print(const struct columns *table, struct buf *out)
{
    const struct fit fit = fit_table(table);
    out->failed = out->failed || table->failed;
    if (table->style->color)
        buf_text(out, "\x1b[1m");
    put_row(table, &fit, out, HEADS);
    if (table->style->color && !out->failed) {
        out->len--;
        buf_text(out, "\x1b[0m\n");
    }
    for (size_t r = 0; r < table->rows; r++)
        put_row(table, &fit, out, r);
}

void columns_fini(struct columns *table)
{
    free(table->cells);
    *table = (struct columns){0};
}
