#include "craft/boxes.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "craft/boxes_private.h"
#include "craft/dissect.h"
#include "craft/expr_private.h"
#include "craft/probe.h"

/* A packet's layers one below the other: title, drawing (or list, in a narrow terminal), options, and what is
 * to be said. */

#define PAYLOAD_SHOWN 64
#define OPTION_BYTES_SHOWN 16
#define OPTION_COLUMNS 30

struct boxes {
    struct buf *out;
    const struct craft_packet *packet;
    const uint8_t *bytes;
    size_t len;
    const struct craft_style *style;
};

static const char *ellipsis(const struct boxes *b)
{
    return b->style->ascii ? "..." : "…";
}

/* A line of text under a drawing, cut where the terminal ends. */
static void put_note(const struct boxes *b, const char *color, const char *text, size_t len)
{
    const size_t room = b->style->columns - 1;
    buf_char(b->out, ' ');
    if (text_width(text, len) > room)
        len = text_fit(text, len, room);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (color != NULL)
        boxes_colored(b->out, b->style, color, text, len);
    else
        buf_append(b->out, text, len);
    boxes_end_line(b->out);
}

/* ---- the title ---- */

/* Behind an ICMP header that quotes stands the datagram that the error is about. */
static bool is_quoted(const struct craft_packet *packet, size_t layer)
{
    for (size_t i = 0; i < layer; i++) {
        const struct craft_layer *l = &packet->layer[i];
        const bool icmp = l->type == &craft_icmp || l->type == &craft_icmp6;
        if (icmp && (packet->layer[i + 1].type == &craft_ip || packet->layer[i + 1].type == &craft_ipv6))
            return true;
    }
    return false;
}

static void put_title(const struct boxes *b, size_t layer)
{
    const struct craft_layer *l = &b->packet->layer[layer];
    const size_t len = l->type == &craft_raw ? l->value[0].len : l->header_len;
    const char *title = l->type->title;
    char more[120];
    const bool quoted = is_quoted(b->packet, layer);
    if (l->whole && quoted)
        snprintf(more, sizeof more, ngettext("quoted, %zu byte", "quoted, %zu bytes", len), len);
    else if (l->whole)
        snprintf(more, sizeof more, ngettext("%zu byte", "%zu bytes", len), len);
    else
        snprintf(more, sizeof more, "%s", quoted ? _("quoted, cut short") : _("cut short"));
    const bool fits = strlen(title) + 2 + text_width(more, strlen(more)) <= b->style->columns;
    boxes_colored(b->out, b->style, "1", title, strlen(title));
    buf_printf(b->out, "%s%s\n", fits ? ", " : "\n ", more);
}

/* ---- options ---- */

static void put_raw_option(const struct craft_field *field, const struct craft_option *option,
                           struct buf *out)
{
    const unsigned kind = option->kind & 0xff;
    unsigned said = (unsigned)option->len;
    if (option->bare)
        buf_printf(out, "%02x", kind);
    else if (field->option_style == CRAFT_OPTIONS_GROUPS)
        buf_printf(out, "%02x %02x", kind, option->length_given ? option->length : 0);
    else if (field->option_style != CRAFT_OPTIONS_LIST) {
        if (field->option_style == CRAFT_OPTIONS_IP)
            said += 2;
        else if (field->option_style == CRAFT_OPTIONS_ND)
            said = (said + 2 + 7) / 8;
        buf_printf(out, "%02x %02x", kind, option->length_given ? option->length : said & 0xff);
    }
    for (size_t i = 0; i < option->len && i < OPTION_BYTES_SHOWN; i++)
        buf_printf(out, "%s%02x", out->len > 0 ? " " : "", option->data[i]);
}

/* One option: what it says, and its bytes where they stand in the header. */
static void put_option(const struct boxes *b, const struct craft_field *field,
                       const struct craft_option *option)
{
    struct buf text = {0}, raw = {0};
    buf_text(&text, "  ");
    expr_print_option(field, option, &raw);
    boxes_text(&text, buf_cstr(&raw), b->style->ascii);
    raw.len = 0;
    const char *words = buf_cstr(&text);
    const size_t columns = b->style->columns - 1, width = text_width(words, text.len);
    put_raw_option(field, option, &raw);
    if (option->len > OPTION_BYTES_SHOWN)
        buf_printf(&raw, " %s", ellipsis(b));
    const char *bytes = buf_cstr(&raw);
    const bool below = width >= OPTION_COLUMNS || OPTION_COLUMNS + text_width(bytes, raw.len) > columns;
    if (below) {
        put_note(b, NULL, words, text.len);
        text.len = 0;
        buf_printf(&text, "      %s", bytes);
    } else
        buf_printf(&text, "%*s%s", (int)(OPTION_COLUMNS - width), "", bytes);
    words = buf_cstr(&text);
    put_note(b, NULL, words, text.len);
    buf_free(&text);
    buf_free(&raw);
}

static void put_variable(const struct boxes *b, const struct craft_layer *layer)
{
    const int index = craft_layer_variable(layer);
    if (index < 0 || !boxes_has(layer, index))
        return;
    const struct craft_field *field = &layer->type->fields[index];
    const struct craft_value *value = &layer->value[index];
    if (field->kind == CRAFT_OPTIONS) {
        for (size_t i = 0; i < value->len; i++)
            put_option(b, field, &value->options[i]);
    } else if (value->len > 0)
        craft_hex(b->out, value->bytes, value->len < PAYLOAD_SHOWN ? value->len : PAYLOAD_SHOWN, b->style);
}

/* ---- the list of a narrow terminal ---- */

static void list_field(const struct boxes *b, const struct craft_layer *layer, int index, int label_columns,
                       const struct boxes_checksum *checksum)
{
    const struct craft_field *field = &layer->type->fields[index];
    const struct craft_value *value = &layer->value[index];
    struct buf line = {0};
    buf_printf(&line, "%-*s ", label_columns, field->label);
    if (field->width == 0)
        buf_printf(&line, ngettext("%zu byte", "%zu bytes", boxes_variable_len(layer)),
                   boxes_variable_len(layer));
    else
        boxes_value(field, value, &line);
    if (field->width > 0 && boxes_word(field, value) != NULL)
        buf_printf(&line, " (%s)", boxes_word(field, value));
    const bool told = field->fill == CRAFT_FILL_CHECKSUM && checksum->right >= 0;
    if (told)
        buf_printf(&line, " %s", boxes_mark(checksum->right > 0, b->style->ascii));
    const char *text = buf_cstr(&line);
    put_note(b, told && checksum->right == 0 ? "31" : NULL, text, line.len);
    buf_free(&line);
}

static void put_list(const struct boxes *b, const struct craft_layer *layer,
                     const struct boxes_checksum *checksum)
{
    size_t widest = 0;
    for (int i = 0; i < layer->type->field_count; i++) {
        const size_t len = strlen(layer->type->fields[i].label);
        widest = boxes_has(layer, i) && len > widest ? len : widest;
    }
    for (int i = 0; i < layer->type->field_count; i++) {
        if (!boxes_has(layer, i) || (layer->type->fields[i].width == 0 && boxes_variable_len(layer) == 0))
            continue;
        list_field(b, layer, i, (int)widest, checksum);
    }
}

/* ---- what is to be said ---- */

static void put_lines(const struct boxes *b, const char *lines)
{
    while (*lines != '\0') {
        const size_t len = strcspn(lines, "\n");
        put_note(b, NULL, lines, len);
        lines += len + (lines[len] == '\n');
    }
}

/* What an ICMP error says by its type and code. */
static void note_error(struct buf *notes, const struct craft_layer *layer)
{
    const bool icmp = layer->type == &craft_icmp, icmp6 = layer->type == &craft_icmp6;
    if ((!icmp && !icmp6) || !boxes_has(layer, 1) || layer->type->next(layer->value[0].number) == NULL)
        return;
    buf_printf(
        notes, "%s\n",
        probe_error_text(icmp ? 4 : 6, (uint8_t)layer->value[0].number, (uint8_t)layer->value[1].number));
}

static void note_checksum(const struct boxes *b, const struct craft_layer *layer,
                          const struct boxes_checksum *checksum)
{
    char text[200];
    if (checksum->right != 0)
        return;
    for (int i = 0; i < layer->type->field_count; i++) {
        if (layer->type->fields[i].fill != CRAFT_FILL_CHECKSUM)
            continue;
        snprintf(text, sizeof text, _("%s checksum 0x%04x is wrong; right is 0x%04x"),
                 boxes_mark(false, b->style->ascii), (unsigned)layer->value[i].number, checksum->wanted);
        put_note(b, "31", text, strlen(text));
    }
}

static void note_cut(const struct boxes *b, const struct craft_layer *layer)
{
    char text[200];
    if (layer->whole)
        return;
    const size_t have = b->len > layer->start ? b->len - layer->start : 0;
    snprintf(text, sizeof text,
             ngettext("%s cut here: %zu byte of this header is there",
                      "%s cut here: %zu bytes of this header are there", have),
             ellipsis(b), have);
    put_note(b, "33", text, strlen(text));
}

/* ---- layers ---- */

static void put_payload(const struct boxes *b, const struct craft_layer *layer)
{
    const size_t len = layer->value[0].len, shown = len < PAYLOAD_SHOWN ? len : PAYLOAD_SHOWN;
    char text[120];
    craft_hex(b->out, layer->value[0].bytes, shown, b->style);
    if (len == shown)
        return;
    snprintf(text, sizeof text, _("%s and %zu more bytes"), ellipsis(b), len - shown);
    put_note(b, NULL, text, strlen(text));
}

static void put_header(const struct boxes *b, size_t index)
{
    const struct craft_layer *layer = &b->packet->layer[index];
    struct buf notes = {0};
    struct boxes_checksum checksum = {.right = craft_checksum_is_right(b->packet, index, b->bytes, b->len)};
    if (checksum.right == 0 && !craft_checksum_right(b->packet, index, b->bytes, b->len, &checksum.wanted))
        checksum.right = -1;
    if (b->style->columns >= BOXES_FIGURE_COLUMNS)
        boxes_figure(b->out, &notes, layer, &checksum, b->style);
    else
        put_list(b, layer, &checksum);
    put_variable(b, layer);
    note_error(&notes, layer);
    put_lines(b, buf_cstr(&notes));
    note_checksum(b, layer, &checksum);
    note_cut(b, layer);
    b->out->failed = b->out->failed || notes.failed;
    buf_free(&notes);
}

void craft_boxes(struct buf *out, const struct craft_packet *packet, const void *bytes, size_t len,
                 const struct craft_style *style)
{
    const struct boxes b = {.out = out, .packet = packet, .bytes = bytes, .len = len, .style = style};
    for (size_t i = 0; i < packet->count; i++) {
        if (i > 0)
            buf_char(out, '\n');
        put_title(&b, i);
        if (packet->layer[i].type == &craft_raw)
            put_payload(&b, &packet->layer[i]);
        else
            put_header(&b, i);
    }
}
