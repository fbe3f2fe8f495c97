#include "view/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "view/glyphs.h"
#include "view/prose.h"

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

static void put_cell(struct buf *out, const char *text, bool right, unsigned width)
{
    const unsigned used = (unsigned)text_width(text, strlen(text));
    for (unsigned i = used; right && i < width; i++)
        buf_char(out, ' ');
    prose_pad(out, text, right && used <= width ? used : width);
    buf_text(out, "  ");
}

static void end_row(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_char(out, '\n');
}

void columns_print(const struct columns *table, struct buf *out)
{
    const struct fit fit = fit_table(table);
    out->failed = out->failed || table->failed;
    if (table->style->color)
        buf_text(out, "\x1b[1m");
    buf_char(out, ' ');
    for (size_t c = 0; c < table->head_count; c++) {
        if (fit.width[c] > 0)
            put_cell(out, head_text(table, &fit, c), table->heads[c].right, fit.width[c]);
    }
    end_row(out);
    if (table->style->color && !out->failed) {
        out->len--;
        buf_text(out, "\x1b[0m\n");
    }
    for (size_t r = 0; r < table->rows; r++) {
        buf_char(out, ' ');
        for (size_t c = 0; c < table->head_count; c++) {
            if (fit.width[c] > 0)
                put_cell(out, cell_text(table, r, c), table->heads[c].right, fit.width[c]);
        }
        end_row(out);
    }
}

void columns_fini(struct columns *table)
{
    free(table->cells);
    *table = (struct columns){0};
}
