#include "cmd/send_text.h"

#include "craft/build.h"
#include "craft/expr.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PAYLOAD 64

static bool is_list(enum craft_kind kind)
{
    return kind == CRAFT_OPTIONS || kind == CRAFT_BYTES;
}

void send_text_full(struct craft_packet *packet, struct buf *out)
{
    for (size_t i = 0; i < packet->count; i++) {
        struct craft_layer *layer = &packet->layer[i];
        for (int f = 0; f < layer->type->field_count; f++) {
            struct craft_value *value = &layer->value[f];
            const bool empty = is_list(layer->type->fields[f].kind) && value->len == 0;
            value->given = value->given || (craft_field_is_there(layer, f) && !empty);
        }
    }
    craft_packet_print(packet, 0, out);
}

/* Would the build fill this field in? Addresses are always worth telling. */
static bool is_filled(const struct craft_field *field)
{
    return !is_list(field->kind) && field->fill != CRAFT_FILL_SOURCE &&
           field->fill != CRAFT_FILL_TARGET_MAC && field->kind != CRAFT_IP4 && field->kind != CRAFT_IP6 &&
           field->kind != CRAFT_MAC;
}

static bool same_value(const struct craft_field *field, const struct craft_value *a,
                       const struct craft_value *b)
{
    return is_list(field->kind) || a->number == b->number;
}

static void leave_out(struct craft_layer *layer, const struct craft_layer *built)
{
    for (int f = 0; f < layer->type->field_count; f++) {
        const struct craft_field *field = &layer->type->fields[f];
        if (is_filled(field) && craft_field_is_there(built, f) &&
            same_value(field, &layer->value[f], &built->value[f]))
            layer->value[f].given = false;
        else if (is_list(field->kind) && layer->value[f].len == 0)
            layer->value[f].given = false;
    }
}

/* What selects the other fields (a type) is told: the packet is read by people. */
static bool selects(const struct craft_layer_type *type, int field)
{
    return type->select == field;
}

void send_text_short(struct craft_packet *packet, struct buf *room, struct buf *out)
{
    struct craft_packet *built = malloc(sizeof *built);
    if (built != NULL) {
        *built = *packet;
        for (size_t i = 0; i < built->count; i++) {
            struct craft_layer *layer = &built->layer[i];
            for (int f = 0; f < layer->type->field_count; f++)
                layer->value[f].given &= !is_filled(&layer->type->fields[f]) || selects(layer->type, f);
        }
        room->len = 0;
        const struct craft_env env = {0};
        if (craft_build(built, &env, room, NULL) == 0) {
            for (size_t i = 0; i < packet->count; i++) {
                const int select = packet->layer[i].type->select;
                leave_out(&packet->layer[i], &built->layer[i]);
                if (select >= 0 && packet->layer[i].whole)
                    packet->layer[i].value[select].given = true;
            }
        }
        free(built);
    }
    craft_packet_print(packet, MOST_PAYLOAD, out);
}

void send_json_bytes(struct json *j, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(len * 2 + 1);
    if (text == NULL) {
        j->out->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_text_len(j, "bytes", text, len * 2);
    free(text);
}
