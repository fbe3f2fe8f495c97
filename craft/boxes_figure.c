#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "craft/boxes_private.h"

/* One header as the RFCs draw it.
 *
 * A field need not begin or end with a row (a MAC address takes one row and a half), so the drawing goes by
 * bits: `owner` says whose each bit is, a line stands wherever two neighbouring bits, to the side or above
 * and below, have different owners, and a corner is whatever the lines that meet there make of it. A field's
 * text stands in the widest piece that it has in a row. A line between two rows that nothing crosses is left
 * out: an IPv6 address is four rows, not seven lines. */

enum {
    ROW_BITS = 32,
    MAX_ROWS = 16,
    COLUMNS = 2 * ROW_BITS + 1,
    CELL_TEXT = 200,
};
/* Owners that are no field. */
enum {
    OUTSIDE = -1,
    GAP = -2, /* bits that no field of the table has */
};

struct figure {
    const struct craft_layer *layer;
    const struct boxes_checksum *checksum;
    const struct craft_style *style;
    unsigned rows;
    int8_t owner[MAX_ROWS][ROW_BITS];
    int8_t text_row[CRAFT_MAX_FIELDS];
};

static int owner_at(const struct figure *f, int row, int bit)
{
    if (row < 0 || row >= (int)f->rows || bit < 0 || bit >= ROW_BITS)
        return OUTSIDE;
    return f->owner[row][bit];
}

/* ---- whose bits ---- */

static void own(struct figure *f, int field, unsigned bit, unsigned width)
{
    for (unsigned b = bit; b < bit + width && b < MAX_ROWS * ROW_BITS; b++) {
        f->owner[b / ROW_BITS][b % ROW_BITS] = (int8_t)field;
        if (b / ROW_BITS + 1 > f->rows)
            f->rows = b / ROW_BITS + 1;
    }
}

/* The widest piece of the field; of equal ones the middle one. */
static void choose_row(struct figure *f, int field)
{
    unsigned best = 0, first = 0, last = 0;
    for (unsigned row = 0; row < f->rows; row++) {
        unsigned bits = 0;
        for (unsigned b = 0; b < ROW_BITS; b++)
            bits += f->owner[row][b] == field;
        if (bits > best) {
            best = bits;
            first = row;
        }
        if (bits == best && bits > 0)
            last = row;
    }
    f->text_row[field] = (int8_t)(best == ROW_BITS ? (first + last) / 2 : first);
}

static void lay_out(struct figure *f)
{
    const struct craft_layer_type *type = f->layer->type;
    unsigned end = 0;
    memset(f->owner, OUTSIDE, sizeof f->owner);
    for (int i = 0; i < type->field_count; i++) {
        const struct craft_field *field = &type->fields[i];
        if (field->width == 0 || !boxes_has(f->layer, i))
            continue;
        own(f, i, field->bit, field->width);
        end = field->bit + field->width > end ? field->bit + field->width : end;
    }
    const int variable = craft_layer_variable(f->layer);
    if (variable >= 0 && boxes_has(f->layer, variable) && boxes_variable_len(f->layer) > 0 &&
        f->rows < MAX_ROWS) {
        /* The rest of a row that the fixed fields leave, and one row for all that follows. */
        const unsigned fixed = (unsigned)craft_layer_fixed_len(f->layer) * 8;
        const unsigned rest = (ROW_BITS - fixed % ROW_BITS) % ROW_BITS;
        own(f, variable, fixed, boxes_variable_len(f->layer) * 8 > rest ? rest + ROW_BITS : rest);
    }
    for (unsigned b = 0; b < end && b < MAX_ROWS * ROW_BITS; b++) {
        if (f->owner[b / ROW_BITS][b % ROW_BITS] == OUTSIDE)
            f->owner[b / ROW_BITS][b % ROW_BITS] = GAP;
    }
    for (int i = 0; i < type->field_count; i++)
        choose_row(f, i);
}

/* ---- lines and corners ---- */

static bool line_above(const struct figure *f, int row, int bit)
{
    return bit >= 0 && bit < ROW_BITS && owner_at(f, row - 1, bit) != owner_at(f, row, bit);
}

static bool line_left(const struct figure *f, int row, int bit)
{
    return owner_at(f, row, bit - 1) != owner_at(f, row, bit);
}

static const char *corner(const struct figure *f, int row, int bit)
{
    static const char *const shapes[16] = {" ", "│", "│", "│", "─", "┘", "┐", "┤",
                                           "─", "└", "┌", "├", "─", "┴", "┬", "┼"};
    const unsigned arms = (unsigned)line_left(f, row - 1, bit) | (unsigned)line_left(f, row, bit) << 1 |
                          (unsigned)line_above(f, row, bit - 1) << 2 | (unsigned)line_above(f, row, bit) << 3;
    if (f->style->ascii)
        return arms == 0 ? " " : arms == 3 ? "|" : "+";
    return shapes[arms];
}

static void put_border(struct buf *out, const struct figure *f, int row)
{
    bool any = false;
    for (int b = 0; b < ROW_BITS; b++)
        any = any || line_above(f, row, b);
    if (!any)
        return;
    buf_char(out, ' ');
    for (int b = 0; b <= ROW_BITS; b++) {
        buf_text(out, corner(f, row, b));
        if (b < ROW_BITS)
            buf_text(out, line_above(f, row, b) ? (f->style->ascii ? "-" : "─") : " ");
    }
    boxes_end_line(out);
}

/* ---- what stands in a cell ---- */

/* Single letters, each under the number of its bit: ". . . . A . . S .". */
static bool letters(const struct figure *f, const struct craft_field *field, uint64_t bits, struct buf *out)
{
    for (const struct craft_name *n = field->names; n != NULL && n->name != NULL; n++) {
        if (n->name[1] != '\0')
            return false;
    }
    for (unsigned b = field->width; b > 0; b--) {
        const uint64_t mask = UINT64_C(1) << (b - 1);
        const struct craft_name *n = field->names;
        while (n != NULL && n->name != NULL && n->value != mask)
            n++;
        if ((bits & mask) == 0)
            buf_text(out, f->style->ascii ? "." : "·");
        else
            buf_text(out, n != NULL && n->name != NULL ? n->name : "1");
        if (b > 1)
            buf_char(out, ' ');
    }
    return true;
}

static bool is_wrong(const struct figure *f, const struct craft_field *field)
{
    return field->fill == CRAFT_FILL_CHECKSUM && f->checksum->right == 0;
}

static void note_word(struct buf *notes, const struct craft_field *field, const char *value, const char *word)
{
    buf_printf(notes, "%s %s%s%s\n", field->label, value, word != NULL ? ": " : "", word != NULL ? word : "");
}

/* The first form that fits: label, value and word; fewer letters; the value alone, and a note. */
static void fit_number(struct buf *notes, const struct craft_field *field, const char *value,
                       const char *word, const char *mark, size_t columns, char out[CELL_TEXT])
{
    const char *const labels[] = {field->label, boxes_short_label(field), field->name};
    const char *const words[] = {word, NULL};
    for (unsigned w = word == NULL; w < 2; w++) {
        for (unsigned i = 0; i < sizeof labels / sizeof labels[0]; i++) {
            snprintf(out, CELL_TEXT, "%s %s%s%s%s%s", labels[i], value, mark, words[w] != NULL ? " (" : "",
                     words[w] != NULL ? words[w] : "", words[w] != NULL ? ")" : "");
            if (text_width(out, strlen(out)) > (columns < 10 ? columns : columns - 1)) /* a blank in front */
                continue;
            if (words[w] != word)
                note_word(notes, field, value, word);
            return;
        }
    }
    note_word(notes, field, value, word);
    snprintf(out, CELL_TEXT, "%.*s", (int)text_fit(value, strlen(value), columns), value);
}

static void cell_text(const struct figure *f, struct buf *notes, int index, size_t columns,
                      char out[CELL_TEXT])
{
    const struct craft_field *field = &f->layer->type->fields[index];
    const struct craft_value *value = &f->layer->value[index];
    struct buf text = {0};
    char mark[8] = "";
    if (field->width == 0) {
        snprintf(out, CELL_TEXT, ngettext("%s, %zu byte", "%s, %zu bytes", boxes_variable_len(f->layer)),
                 field->label, boxes_variable_len(f->layer));
        return;
    }
    if (field->kind == CRAFT_FLAGS && letters(f, field, value->number, &text) && text.len > 0) {
        snprintf(out, CELL_TEXT, "%s", buf_cstr(&text));
        buf_free(&text);
        return;
    }
    text.len = 0;
    boxes_value(field, value, &text);
    const char *words = buf_cstr(&text);
    if (field->fill == CRAFT_FILL_CHECKSUM && f->checksum->right >= 0)
        snprintf(mark, sizeof mark, " %s", boxes_mark(f->checksum->right > 0, f->style->ascii));
    if (field->kind == CRAFT_FLAGS && text_width(words, text.len) <= columns && columns < 10)
        snprintf(out, CELL_TEXT, "%s", words);
    else
        fit_number(notes, field, words, boxes_word(field, value), mark, columns, out);
    buf_free(&text);
}

/* A piece of a field that does not touch the one with its text says whose it is. */
static void piece_text(const struct figure *f, struct buf *notes, int row, int bit, unsigned bits,
                       char out[CELL_TEXT])
{
    const int field = owner_at(f, row, bit), text_row = field >= 0 ? f->text_row[field] : 0;
    const size_t columns = 2 * bits - 1;
    out[0] = '\0';
    if (field < 0)
        return;
    if (row == text_row) {
        cell_text(f, notes, field, columns, out);
        return;
    }
    const int toward = row > text_row ? row - 1 : row + 1;
    for (int b = bit; b < bit + (int)bits; b++) {
        if (owner_at(f, toward, b) == field)
            return;
    }
    const struct craft_field *type = &f->layer->type->fields[field];
    const char *label =
        text_width(type->label, strlen(type->label)) + 4 <= columns ? type->label : boxes_short_label(type);
    snprintf(out, CELL_TEXT, "%s %s", f->style->ascii ? "..." : "…", label);
}

static void put_row(struct buf *out, struct buf *notes, const struct figure *f, int row)
{
    char text[CELL_TEXT];
    buf_char(out, ' ');
    for (int b = 0; b < ROW_BITS;) {
        unsigned bits = 1;
        while (b + (int)bits < ROW_BITS && !line_left(f, row, b + (int)bits))
            bits++;
        buf_text(out, line_left(f, row, b) ? (f->style->ascii ? "|" : "│") : " ");
        piece_text(f, notes, row, b, bits, text);
        const size_t columns = 2 * bits - 1, width = text_width(text, strlen(text));
        const size_t lead = width > 0 && width < columns ? 1 : 0;
        const int field = owner_at(f, row, b);
        buf_printf(out, "%*s", (int)lead, "");
        if (field >= 0 && is_wrong(f, &f->layer->type->fields[field]))
            boxes_colored(out, f->style, "31", text, strlen(text));
        else
            buf_text(out, text);
        if (width + lead < columns)
            buf_printf(out, "%*s", (int)(columns - width - lead), "");
        b += (int)bits;
    }
    buf_text(out, line_left(f, row, ROW_BITS) ? (f->style->ascii ? "|" : "│") : " ");
    boxes_end_line(out);
}

/* Bit b stands in column 2 + 2b, counted from 0. */
static void put_ruler(struct buf *out)
{
    for (unsigned ten = 0; ten < ROW_BITS; ten += 10)
        buf_printf(out, "%*u", ten == 0 ? 3 : 20, ten / 10);
    buf_text(out, "\n ");
    for (unsigned b = 0; b < ROW_BITS; b++)
        buf_printf(out, "%2u", b % 10);
    buf_char(out, '\n');
}

void boxes_figure(struct buf *out, struct buf *notes, const struct craft_layer *layer,
                  const struct boxes_checksum *checksum, const struct craft_style *style)
{
    struct figure f = {.layer = layer, .checksum = checksum, .style = style};
    lay_out(&f);
    if (f.rows == 0)
        return;
    put_ruler(out);
    for (int row = 0; row <= (int)f.rows; row++) {
        put_border(out, &f, row);
        if (row < (int)f.rows)
            put_row(out, notes, &f, row);
    }
}
