#include "view/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "view/glyphs.h"
#include "view/prose.h"

#define NARROW 80

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

static bool is_shown(const struct columns *table, size_t column)
{
    return table->style->columns >= table->heads[column].least;
}

static const char *head_text(const struct columns *table, size_t column)
{
    return table->style->columns < NARROW ? table->heads[column].brief : table->heads[column].name;
}

static const char *cell_text(const struct columns *table, size_t row, size_t column)
{
    const char *text = table->cells[row * table->head_count + column];
    return text[0] != '\0' ? text : glyphs_of(table->style->ascii)->nothing;
}

/* Widths by content; what is too much is taken from the widest column of text. */
static void measure(const struct columns *table, unsigned width[COLUMNS_MAX])
{
    unsigned sum = 1;
    size_t widest = 0;
    for (size_t c = 0; c < table->head_count; c++) {
        width[c] = 0;
        if (!is_shown(table, c))
            continue;
        const char *head = head_text(table, c);
        width[c] = (unsigned)text_width(head, strlen(head));
        for (size_t r = 0; r < table->rows; r++) {
            const char *text = cell_text(table, r, c);
            const unsigned w = (unsigned)text_width(text, strlen(text));
            width[c] = w > width[c] ? w : width[c];
        }
        sum += width[c] + 2;
        if (!table->heads[c].right && width[c] > width[widest])
            widest = c;
    }
    const unsigned room = table->style->columns;
    if (sum > room + 2)
        width[widest] = width[widest] > sum - room - 2 + 4 ? width[widest] - (sum - room - 2) : 4;
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
    unsigned width[COLUMNS_MAX];
    out->failed = out->failed || table->failed;
    measure(table, width);
    if (table->style->color)
        buf_text(out, "\x1b[1m");
    buf_char(out, ' ');
    for (size_t c = 0; c < table->head_count; c++) {
        if (width[c] > 0)
            put_cell(out, head_text(table, c), table->heads[c].right, width[c]);
    }
    end_row(out);
    if (table->style->color && !out->failed) {
        out->len--;
        buf_text(out, "\x1b[0m\n");
    }
    for (size_t r = 0; r < table->rows; r++) {
        buf_char(out, ' ');
        for (size_t c = 0; c < table->head_count; c++) {
            if (width[c] > 0)
                put_cell(out, cell_text(table, r, c), table->heads[c].right, width[c]);
        }
        end_row(out);
    }
}

void columns_fini(struct columns *table)
{
    free(table->cells);
    *table = (struct columns){0};
}
