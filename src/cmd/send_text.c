#include "cmd/send_text.h"

#include "craft/build.h"
#include "craft/dissect.h"
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

/* Is this field left out where the build fills in the same? Addresses and types are always worth telling, and
 * whether a checksum is right is asked of its bytes. */
static bool is_usual(const struct craft_layer_type *type, int index)
{
    const struct craft_field *field = &type->fields[index];
    const bool address = field->kind == CRAFT_IP4 || field->kind == CRAFT_IP6 || field->kind == CRAFT_MAC;
    return !is_list(field->kind) && !address && type->select != index && field->fill != CRAFT_FILL_CHECKSUM;
}

static void leave_out(struct craft_layer *layer, const struct craft_layer *built, bool good_checksum)
{
    for (int f = 0; f < layer->type->field_count; f++) {
        const struct craft_field *field = &layer->type->fields[f];
        struct craft_value *value = &layer->value[f];
        if (is_usual(layer->type, f))
            value->given = value->given && value->number != built->value[f].number;
        else if (field->fill == CRAFT_FILL_CHECKSUM)
            value->given = value->given && !good_checksum;
        else if (is_list(field->kind))
            value->given = value->given && value->len > 0;
    }
}

/* What the build makes of the packet without its usual fields: 0, or it cannot be built. */
static int build_again(const struct craft_packet *packet, struct craft_packet *built, struct buf *room)
{
    *built = *packet;
    for (size_t i = 0; i < built->count; i++) {
        struct craft_layer *layer = &built->layer[i];
        for (int f = 0; f < layer->type->field_count; f++)
            layer->value[f].given = layer->value[f].given && !is_usual(layer->type, f);
    }
    room->len = 0;
    return craft_build(built, NULL, room, NULL);
}

void send_text_short(struct craft_packet *packet, const uint8_t *bytes, size_t len, struct buf *room,
                     struct buf *out)
{
    struct craft_packet *built = malloc(sizeof *built);
    if (built != NULL && build_again(packet, built, room) == 0) {
        bool good[CRAFT_MAX_LAYERS];
        for (size_t i = 0; i < packet->count; i++)
            good[i] = craft_checksum_is_right(packet, i, bytes, len) == 1;
        for (size_t i = 0; i < packet->count; i++)
            leave_out(&packet->layer[i], &built->layer[i], good[i]);
    }
    free(built);
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
