/* One walk from the first header on, by the tables. Three ends bound it: that of the bytes, that of the
 * datagram by its own length, and that of a quote in an ICMP error; a length is believed only where it makes
 * the end come earlier and leaves the header whole. Each step takes at least one byte or is the last. */
#include "craft/dissect.h"

#include <string.h>

#include "craft/bits.h"
#include "craft/checksum.h"
#include "craft/dissect_options.h"
#include "craft/layer_tables.h"

struct walk {
    struct craft_packet *packet;
    struct craft_room *room;
    const uint8_t *bytes;
    size_t at;   /* where the next header begins */
    size_t end;  /* of what may be read */
    size_t tail; /* end of what an ICMP error carries behind its quote; 0: it carries nothing */
    bool cut;    /* a length says more than there is */
};

static bool is_address(enum craft_kind kind)
{
    return kind == CRAFT_IP4 || kind == CRAFT_IP6 || kind == CRAFT_MAC;
}

static struct craft_layer *add_layer(struct walk *w, const struct craft_layer_type *type)
{
    struct craft_layer *layer = &w->packet->layer[w->packet->count++];
    memset(layer->value, 0, type->field_count * sizeof layer->value[0]);
    layer->type = type;
    layer->start = w->at;
    layer->header_len = 0;
    layer->whole = true;
    return layer;
}

/* ---- the header's fields ---- */

/* The fields that lie within the first `len` bytes. */
static void read_fixed(struct craft_layer *layer, const uint8_t *header, size_t len)
{
    for (int i = 0; i < layer->type->field_count; i++) {
        const struct craft_field *field = &layer->type->fields[i];
        struct craft_value *value = &layer->value[i];
        const bool fits = (size_t)field->bit + field->width <= len * 8;
        if (field->width == 0 || !fits || !craft_field_is_there(layer, i))
            continue;
        value->given = true;
        if (is_address(field->kind))
            memcpy(value->address, header + field->bit / 8U, field->width / 8U);
        else
            value->number = bits_load(header, field->bit, field->width);
    }
}

/* What the field that counts this says, or -1 where none that is there does. */
static int64_t counted(const struct craft_layer *layer, enum craft_counts counts)
{
    for (int i = 0; i < layer->type->field_count; i++) {
        const struct craft_field *field = &layer->type->fields[i];
        const struct craft_value *value = &layer->value[i];
        if (field->fill == CRAFT_FILL_LENGTH && field->counts == counts && value->given &&
            craft_field_is_there(layer, i))
            return ((int64_t)value->number + field->less) * field->unit;
    }
    return -1;
}

/* The end of the header, by its length field where it has one that does not contradict the fixed fields. */
static size_t header_end(struct craft_layer *layer, size_t fixed, size_t left)
{
    const int64_t said = counted(layer, CRAFT_COUNTS_HEADER);
    if (said < 0)
        return left;
    if ((uint64_t)said < fixed)
        return fixed;
    if ((uint64_t)said > left)
        layer->whole = false;
    return (uint64_t)said > left ? left : (size_t)said;
}

static void read_bytes(struct walk *w, struct craft_value *value, size_t at, size_t end)
{
    value->given = true;
    value->bytes = w->bytes + at;
    value->len = end - at;
}

/* Everything between the fixed fields and the end of the header. */
static void read_variable(struct walk *w, struct craft_layer *layer, size_t fixed, size_t left)
{
    const int i = craft_layer_variable(layer);
    if (i < 0)
        return;
    const size_t end = header_end(layer, fixed, left);
    const struct craft_field *field = &layer->type->fields[i];
    if (field->kind == CRAFT_BYTES) {
        read_bytes(w, &layer->value[i], layer->start + fixed, layer->start + end);
        layer->header_len = end;
        return;
    }
    struct craft_option_area area = {
        .bytes = w->bytes + layer->start,
        .at = fixed,
        .end = end,
        .most = counted(layer, CRAFT_COUNTS_OPTIONS),
        .bounded = counted(layer, CRAFT_COUNTS_HEADER) >= 0,
    };
    if (!craft_take_options(&area, w->room, field, &layer->value[i]))
        layer->whole = false;
    layer->header_len = area.at;
}

/* ---- what follows ---- */

static bool is_later_fragment(const struct craft_layer *layer)
{
    if (layer->type == &craft_ip)
        return layer->value[craft_field_find(&craft_ip, "frag", 4)].number != 0;
    return layer->type == &craft_fragment_header &&
           layer->value[craft_field_find(&craft_fragment_header, "offset", 6)].number != 0;
}

static const struct craft_layer_type *next_type(const struct craft_layer *layer)
{
    const struct craft_layer_type *type = layer->type;
    const int by = type->next_field >= 0 ? type->next_field : type->select;
    if (type->next == NULL || by < 0 || is_later_fragment(layer))
        return NULL;
    return type->next(layer->value[by].number);
}

/* The length of an IP datagram ends it before the padding of a frame; other lengths leave what is behind them
 * to be seen. A length of 0 is a segment that the network card will cut, or a jumbogram. */
static void believe_length(struct walk *w, const struct craft_layer *layer)
{
    int64_t all = counted(layer, CRAFT_COUNTS_ALL);
    const int64_t payload = counted(layer, CRAFT_COUNTS_PAYLOAD);
    if (payload >= 0)
        all = payload + (int64_t)layer->header_len;
    const bool jumbo = payload == 0 && layer->value[layer->type->next_field].number == 0;
    if (all < (int64_t)layer->header_len || jumbo)
        return;
    const size_t left = w->end - layer->start;
    if ((uint64_t)all > left)
        w->cut = true;
    else if (layer->type == &craft_ip || layer->type == &craft_ipv6)
        w->end = layer->start + (size_t)all;
}

/* RFC 4884: the length of the quote, in units of 4 bytes, in ICMPv6 of 8; what is behind it is another
 * thing. 0: it is not told. */
static size_t quote_len(const struct craft_layer *layer)
{
    const bool v6 = layer->type == &craft_icmp6;
    if (!v6 && layer->type != &craft_icmp)
        return 0;
    const int i = craft_field_find(layer->type, "length", 6);
    return craft_field_is_there(layer, i) ? layer->value[i].number * (v6 ? 8 : 4) : 0;
}

static void believe_quote(struct walk *w, const struct craft_layer *layer)
{
    const size_t quote = quote_len(layer);
    if (quote != 0 && quote < w->end - w->at && w->tail == 0) {
        w->tail = w->end;
        w->end = w->at + quote;
    }
}

static void raw_layer(struct walk *w, size_t end, bool whole)
{
    struct craft_layer *layer = add_layer(w, &craft_raw);
    read_bytes(w, &layer->value[0], w->at, end);
    layer->header_len = end - w->at;
    layer->whole = whole;
    w->at = end;
}

/* Take one header; what follows it, or NULL where nothing does that a table knows. */
static const struct craft_layer_type *take_header(struct walk *w, const struct craft_layer_type *type)
{
    const size_t left = w->end - w->at;
    if (type->variant != NULL)
        type = type->variant(w->bytes + w->at, left);
    struct craft_layer *layer = add_layer(w, type);
    const uint8_t *header = w->bytes + w->at;
    read_fixed(layer, header, left);
    const size_t fixed = craft_layer_fixed_len(layer);
    if (left < fixed || left < type->min_len) {
        layer->whole = false;
        layer->header_len = left;
        w->at = w->end;
        w->cut = false;
        return NULL;
    }
    layer->header_len = fixed;
    read_variable(w, layer, fixed, left);
    w->at += layer->header_len;
    if (!layer->whole)
        return NULL;
    believe_length(w, layer);
    believe_quote(w, layer);
    if (type == &craft_arp) /* what is behind it fills the frame up */
        w->end = w->at;
    return next_type(layer);
}

void craft_dissect(struct craft_packet *packet, struct craft_room *room, const struct craft_layer_type *first,
                   const void *bytes, size_t len)
{
    struct walk w = {.packet = packet, .room = room, .bytes = bytes, .end = len};
    packet->count = 0;
    room->used = 0;
    const struct craft_layer_type *type = first;
    /* Room is left for a payload and for what is behind a quote. */
    while (type != NULL && type != &craft_raw && packet->count < CRAFT_MAX_LAYERS - 2)
        type = take_header(&w, type);
    const bool stopped = packet->count > 0 && !packet->layer[packet->count - 1].whole;
    if (w.at < w.end || (w.cut && !stopped) || packet->count == 0)
        raw_layer(&w, w.end, !w.cut);
    if (w.tail > w.at)
        raw_layer(&w, w.tail, true);
}

/* ---- checksums ---- */

/* Where the outermost quote around a layer ends, which is the one that the walk believes; else `len`. */
static size_t first_quote_end(const struct craft_packet *packet, size_t index, size_t len)
{
    for (size_t i = 0; i < index; i++) {
        const struct craft_layer *around = &packet->layer[i];
        const size_t quote = quote_len(around), from = around->start + around->header_len;
        if (quote != 0 && quote < len - from)
            return from + quote;
    }
    return len;
}

/* Where the layer and all that it carries ends: by the quote that it stands in, and by the length of the IP
 * datagram around it. false: not all of it is there, or it is a piece. */
static bool extent(const struct craft_packet *packet, size_t index, size_t len, size_t *end)
{
    len = first_quote_end(packet, index, len);
    *end = len;
    for (size_t i = index; i-- > 0;) {
        const struct craft_layer *under = &packet->layer[i];
        if (under->type == &craft_fragment_header) {
            const int m = craft_field_find(under->type, "m", 1);
            if (is_later_fragment(under) || under->value[m].number != 0)
                return false;
        }
        if (under->type != &craft_ip && under->type != &craft_ipv6)
            continue;
        if (under->type == &craft_ip &&
            (is_later_fragment(under) ||
             (under->value[craft_field_find(&craft_ip, "flags", 5)].number & 1) != 0))
            return false;
        struct walk w = {.end = len, .at = under->start};
        believe_length(&w, under);
        *end = w.end;
        return !w.cut;
    }
    return true;
}

static bool over_ipv6(const struct craft_packet *packet, size_t index)
{
    while (index-- > 0) {
        const struct craft_layer_type *type = packet->layer[index].type;
        if (type == &craft_ip || type == &craft_ipv6)
            return type == &craft_ipv6;
    }
    return false;
}

bool craft_checksum_right(const struct craft_packet *packet, size_t layer, const void *bytes, size_t len,
                          uint16_t *right)
{
    const struct craft_layer *l = &packet->layer[layer];
    const int field = craft_checksum_field(l);
    size_t end = 0;
    if (field < 0 || !l->whole || l->start + l->header_len > len)
        return false;
    const bool header_only = l->type->fields[field].counts == CRAFT_COUNTS_HEADER;
    if (!header_only && !extent(packet, layer, len, &end))
        return false;
    /* UDP has a length of its own. */
    const int64_t all = counted(l, CRAFT_COUNTS_ALL);
    if (!header_only && all >= (int64_t)l->header_len) {
        if ((uint64_t)all > end - l->start)
            return false;
        end = l->start + (size_t)all;
    }
    /* A zero for none is IPv4's alone (RFC 8200, 8.1). */
    if (l->value[field].number == 0 && l->type->fields[field].zero_is_none && !over_ipv6(packet, layer))
        return false;
    *right = craft_checksum_compute(packet, layer, field, bytes, end);
    return true;
}

int craft_checksum_is_right(const struct craft_packet *packet, size_t layer, const void *bytes, size_t len)
{
    uint16_t right;
    if (!craft_checksum_right(packet, layer, bytes, len, &right))
        return -1;
    const struct craft_layer *l = &packet->layer[layer];
    const uint64_t is = l->value[craft_checksum_field(l)].number;
    /* Both zeros of one's complement are the same number: Linux writes 0 over an echo reply of zeros. */
    return is == right || (is % 0xffff == 0 && right % 0xffff == 0);
}
