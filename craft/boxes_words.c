#include <string.h>

#include "craft/boxes_private.h"
#include "craft/expr_private.h"

/* Labels, values and marks. */

static const struct {
    const char *label, *narrow;
} narrow_labels[] = {
    {"Version", "Ver"},
    {"Type of Service", "TOS"},
    {"Traffic Class", "Class"},
    {"Total Length", "Length"},
    {"Identification", "ID"},
    {"Identifier", "ID"},
    {"Fragment Offset", "Offset"},
    {"Time to Live", "TTL"},
    {"Protocol", "Proto"},
    {"Header Checksum", "Checksum"},
    {"Source Address", "Source"},
    {"Destination Address", "Destination"},
    {"Data Offset", "DOff"},
    {"Rsrvd", "Rsv"},
    {"Reserved", "Res"},
    {"Payload Length", "Length"},
    {"Next Header", "Next"},
    {"Hop Limit", "Hops"},
    {"Cur Hop Limit", "Hops"},
    {"Hdr Ext Len", "Ext Len"},
    {"Routing Type", "Type"},
    {"Segments Left", "Left"},
    {"Priority", "Pri"},
    {"VLAN Identifier", "VLAN"},
    {"Hardware Type", "Hardware"},
    {"Protocol Type", "Protocol"},
    {"Sender Hardware Address", "Sender"},
    {"Sender Protocol Address", "Sender"},
    {"Target Hardware Address", "Target"},
    {"Target Protocol Address", "Target"},
    {"Max Resp Time", "Max Resp"},
    {"Max Resp Code", "Max Resp"},
    {"Maximum Response Delay", "Max Delay"},
    {"Number of Sources", "Sources"},
    {"Number of Group Records", "Records"},
    {"Number of Records", "Records"},
    {"Router Lifetime", "Lifetime"},
};

const char *boxes_short_label(const struct craft_field *field)
{
    for (size_t i = 0; i < sizeof narrow_labels / sizeof narrow_labels[0]; i++) {
        if (strcmp(narrow_labels[i].label, field->label) == 0)
            return narrow_labels[i].narrow;
    }
    return field->label;
}

bool boxes_has(const struct craft_layer *layer, int field)
{
    return (layer->whole || layer->value[field].given) && craft_field_is_there(layer, field);
}

const char *boxes_word(const struct craft_field *field, const struct craft_value *value)
{
    if (field->kind != CRAFT_NUMBER)
        return NULL;
    for (const struct craft_name *n = field->names; n != NULL && n->name != NULL; n++) {
        if (n->value == value->number)
            return n->name;
    }
    return NULL;
}

void boxes_value(const struct craft_field *field, const struct craft_value *value, struct buf *out)
{
    if (field->kind == CRAFT_FLAGS && value->number == 0)
        buf_text(out, "none");
    else if (field->kind == CRAFT_NUMBER)
        expr_print_number(field, value->number, out);
    else
        craft_value_print(field, value, out);
}

size_t boxes_variable_len(const struct craft_layer *layer)
{
    const size_t fixed = craft_layer_fixed_len(layer);
    return layer->header_len > fixed ? layer->header_len - fixed : 0;
}

const char *boxes_mark(bool good, bool ascii)
{
    if (ascii)
        return good ? "ok" : "BAD";
    return good ? "✓" : "✗";
}

void boxes_text(struct buf *out, const char *text, bool ascii)
{
    for (; *text != '\0'; text++) {
        if (ascii && (unsigned char)*text >= 0x80)
            buf_printf(out, "\\x%02x", (unsigned char)*text);
        else
            buf_char(out, *text);
    }
}

void boxes_colored(struct buf *out, const struct craft_style *style, const char *color, const char *text,
                   size_t len)
{
    if (style->color)
        buf_printf(out, "\x1b[%sm", color);
    buf_append(out, text, len);
    if (style->color)
        buf_text(out, "\x1b[0m");
}

void boxes_end_line(struct buf *out)
{
    while (!out->failed && out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_char(out, '\n');
}
