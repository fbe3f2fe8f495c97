/* needs: craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c craft/layer_transport.c
 * craft/dissect.c craft/dissect_options.c craft/build.c craft/build_options.c craft/checksum.c
 * src/base/buf.c src/base/err.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "craft/build.h"
#include "craft/dissect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *at, size_t len, const uint8_t *data, size_t size)
{
    if (len > 0 && (at < data || len > size || at > data + size - len))
        abort();
}

static void check_values(const struct craft_layer *layer, const struct craft_room *room, const uint8_t *data,
                         size_t size)
{
    for (int i = 0; i < layer->type->field_count; i++) {
        const struct craft_field *field = &layer->type->fields[i];
        const struct craft_value *value = &layer->value[i];
        if (!value->given || !craft_field_is_there(layer, i))
            continue;
        if (field->kind == CRAFT_BYTES)
            check_inside(value->bytes, value->len, data, size);
        if (field->kind != CRAFT_OPTIONS)
            continue;
        if (value->options < room->option || value->options + value->len > room->option + room->used)
            abort();
        for (size_t n = 0; n < value->len; n++)
            check_inside(value->options[n].data, value->options[n].len, data, size);
    }
}

/* The first byte chooses where to begin. Whatever the bytes, what was taken apart lies inside them, layer
 * behind layer; and where all of it is whole, it builds to the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct craft_packet packet;
    static struct craft_room room;
    size_t count;
    const struct craft_layer_type *const *types = craft_layers(&count);
    if (size == 0)
        return 0;
    const struct craft_layer_type *first = types[*data++ % count];
    size--;

    craft_dissect(&packet, &room, first, data, size);
    size_t end = 0;
    bool whole = true;
    if (packet.count == 0 || packet.count > CRAFT_MAX_LAYERS)
        abort();
    for (size_t i = 0; i < packet.count; i++) {
        const struct craft_layer *layer = &packet.layer[i];
        if (layer->start != end || layer->header_len > size - layer->start)
            abort();
        end += layer->header_len;
        whole = whole && layer->whole;
        check_values(layer, &room, data, size);
        const int right = craft_checksum_is_right(&packet, i, data, size);
        if (right < -1 || right > 1)
            abort();
    }
    if (!whole)
        return 0;
    struct buf out = {0};
    if (craft_build(&packet, NULL, &out, NULL) != 0 || out.len != end || memcmp(out.data, data, end) != 0)
        abort();
    buf_free(&out);
    return 0;
}
