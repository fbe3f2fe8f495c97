/* From values to bytes in three passes. First each header is written in its place with all that it knows
 * alone: defaults, addresses, options, payload. Then lengths and protocol numbers, which need to know what
 * follows. Last, from the innermost header outwards, the checksums, which cover both. */
#include "craft/build.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/bits.h"
#include "craft/build_options.h"
#include "craft/layer_tables.h"

enum {
    NO_NEXT_HEADER = 59,
    HOPS_LINK = 1,         /* group messages never leave the link */
    HOPS_DISCOVERY = 255,  /* what did not come from this link has less (RFC 4861, 3.1) */
    ICMP6_LISTENERS = 130, /* listener query … */
    ICMP6_DISCOVERY = 133, /* … up to here; router solicitation … redirect */
    ICMP6_DISCOVERY_LAST = 137,
    ICMP6_LISTENERS2 = 143,
};

struct building {
    struct craft_packet *packet;
    const struct craft_env *env;
    struct buf *out;
    size_t base; /* of the packet in `out` */
    struct sd_err *err;
};

static bool is_address(enum craft_kind kind)
{
    return kind == CRAFT_IP4 || kind == CRAFT_IP6 || kind == CRAFT_MAC;
}

/* ---- first pass ---- */

static void number_to_address(uint64_t number, uint8_t *address, size_t len)
{
    memset(address, 0, len);
    for (size_t i = 0; i < 8 && i < len; i++)
        address[len - 1 - i] = (uint8_t)(number >> (8 * i));
}

static const uint8_t *environment(const struct craft_env *env, const struct craft_field *field)
{
    if (env == NULL)
        return NULL;
    if (field->kind == CRAFT_MAC && env->has_macs)
        return field->fill == CRAFT_FILL_SOURCE ? env->source_mac : env->target_mac;
    if (field->kind == CRAFT_IP4 && env->has_source4)
        return env->source4;
    return field->kind == CRAFT_IP6 && env->has_source6 ? env->source6 : NULL;
}

static void fill_address(const struct craft_env *env, const struct craft_field *field,
                         struct craft_value *value)
{
    const bool of_machine = field->fill == CRAFT_FILL_SOURCE || field->fill == CRAFT_FILL_TARGET_MAC;
    const uint8_t *known = of_machine ? environment(env, field) : NULL;
    if (known != NULL)
        memcpy(value->address, known, field->width / 8U);
    else
        number_to_address(field->value, value->address, field->width / 8U);
}

static uint64_t hops(const struct craft_packet *packet, size_t layer, uint64_t otherwise)
{
    for (size_t i = layer + 1; i < packet->count; i++) {
        const struct craft_layer *above = &packet->layer[i];
        if (above->type == &craft_igmp || above->type == &craft_igmp3)
            return HOPS_LINK;
        if (above->type == &craft_icmp6) {
            const struct craft_value *type = &above->value[above->type->select];
            const uint64_t number = type->given ? type->number : 0;
            if (number >= ICMP6_DISCOVERY && number <= ICMP6_DISCOVERY_LAST)
                return HOPS_DISCOVERY;
            if ((number >= ICMP6_LISTENERS && number < ICMP6_DISCOVERY) || number == ICMP6_LISTENERS2)
                return HOPS_LINK;
        }
        if (!layer_is_extension(above->type))
            break;
    }
    return otherwise;
}

/* What the field has where it is not given; lengths, checksums and numbers of what follows come later. */
static void fill(const struct building *b, size_t layer, const struct craft_field *field,
                 struct craft_value *value)
{
    if (is_address(field->kind))
        fill_address(b->env, field, value);
    else if (field->fill == CRAFT_FILL_HOPS)
        value->number = hops(b->packet, layer, field->value);
    else if (field->fill == CRAFT_FILL_LENGTH || field->fill == CRAFT_FILL_CHECKSUM)
        value->number = 0;
    else
        value->number = field->value;
}

static void write_field(uint8_t *header, const struct craft_field *field, const struct craft_value *value)
{
    uint8_t *at = header + field->bit / 8U;
    if (is_address(field->kind))
        memcpy(at, value->address, field->width / 8U);
    else if (field->bit % 8 == 0 && field->width == 16)
        store_be16(at, (uint16_t)value->number);
    else if (field->bit % 8 == 0 && field->width == 8)
        *at = (uint8_t)value->number;
    else
        bits_store(header, field->bit, field->width, value->number);
}

static void write_fixed(const struct building *b, size_t index, uint8_t *header)
{
    struct craft_layer *layer = &b->packet->layer[index];
    for (int i = 0; i < layer->type->field_count; i++) {
        const struct craft_field *field = &layer->type->fields[i];
        struct craft_value *value = &layer->value[i];
        if (field->width == 0 || !craft_field_is_there(layer, i))
            continue;
        if (!value->given)
            fill(b, index, field, value);
        write_field(header, field, value);
    }
}

/* The field that says where the header ends, or NULL. */
static const struct craft_field *header_length(const struct craft_layer_type *type)
{
    for (int i = 0; i < type->field_count; i++) {
        const struct craft_field *field = &type->fields[i];
        if (field->fill == CRAFT_FILL_LENGTH && field->counts == CRAFT_COUNTS_HEADER)
            return field;
    }
    return NULL;
}

static int write_variable(const struct building *b, struct craft_layer *layer)
{
    const int i = craft_layer_variable(layer);
    if (i < 0)
        return 0;
    const struct craft_field *field = &layer->type->fields[i];
    struct craft_value *value = &layer->value[i];
    if (!value->given) {
        value->options = NULL;
        value->len = 0;
    }
    if (field->kind == CRAFT_OPTIONS) {
        const int status = craft_put_options(b->out, field, value, b->base + layer->start, b->err);
        if (status < 0)
            return status;
    } else {
        buf_append(b->out, value->bytes, value->len);
    }
    const struct craft_field *length = header_length(layer->type);
    const size_t part = length != NULL ? (b->out->len - b->base - layer->start) % length->unit : 0;
    if (part > 0)
        buf_zeros(b->out, length->unit - part);
    return 0;
}

static int write_layer(const struct building *b, size_t index)
{
    struct craft_layer *layer = &b->packet->layer[index];
    const size_t fixed = craft_layer_fixed_len(layer);
    layer->start = b->out->len - b->base;
    layer->whole = true;
    buf_zeros(b->out, fixed);
    if (b->out->failed)
        return sd_fail(b->err, ENOMEM, "out of memory");
    write_fixed(b, index, b->out->data + b->base + layer->start);
    const int status = write_variable(b, layer);
    layer->header_len = b->out->len - b->base - layer->start;
    return status;
}

/* ---- second pass ---- */

static uint64_t count_items(const struct craft_layer *layer)
{
    const int i = craft_layer_variable(layer);
    if (i < 0 || layer->type->fields[i].kind != CRAFT_OPTIONS)
        return 0;
    const struct craft_value *value = &layer->value[i];
    if (layer->type->fields[i].option_style != CRAFT_OPTIONS_LIST)
        return value->len;
    size_t bytes = 0;
    for (size_t n = 0; n < value->len; n++)
        bytes += value->options[n].len;
    return bytes / craft_option_item(&layer->type->fields[i]);
}

static int fill_length(const struct building *b, const struct craft_layer *layer,
                       const struct craft_field *field, struct craft_value *value)
{
    const size_t all = b->out->len - b->base - layer->start;
    const uint64_t counted[] = {
        [CRAFT_COUNTS_HEADER] = layer->header_len,
        [CRAFT_COUNTS_ALL] = all,
        [CRAFT_COUNTS_PAYLOAD] = all - layer->header_len,
        [CRAFT_COUNTS_OPTIONS] = 0,
    };
    const bool items = field->counts == CRAFT_COUNTS_OPTIONS;
    value->number = (items ? count_items(layer) : counted[field->counts]) / field->unit - field->less;
    const uint64_t most = (UINT64_C(1) << field->width) - 1;
    if (value->number <= most)
        return 0;
    if (field->counts == CRAFT_COUNTS_HEADER) {
        const size_t room = (most + field->less) * field->unit;
        return sd_fail(b->err, EINVAL, "%s: the header has %zu bytes with its options, there is room for %zu",
                       layer->type->name, layer->header_len, room);
    }
    return sd_fail(b->err, EMSGSIZE, "%s: %" PRIu64 " does not fit into '%s', which holds at most %" PRIu64,
                   layer->type->name, value->number, field->name, most);
}

static void fill_next(const struct craft_packet *packet, size_t index, const struct craft_field *field,
                      struct craft_value *value)
{
    const struct craft_layer_type *type = packet->layer[index].type;
    const bool last = index + 1 == packet->count;
    const struct craft_layer_type *above = last ? NULL : packet->layer[index + 1].type;
    const int number = above == NULL ? -1 : field->width == 8 ? above->protocol : above->ethertype;
    if (number >= 0)
        value->number = (uint64_t)number;
    else if (last && (type == &craft_ipv6 || layer_is_extension(type)))
        value->number = NO_NEXT_HEADER;
}

static int fill_lengths(const struct building *b, size_t index)
{
    struct craft_layer *layer = &b->packet->layer[index];
    uint8_t *header = b->out->data + b->base + layer->start;
    for (int i = 0; i < layer->type->field_count; i++) {
        const struct craft_field *field = &layer->type->fields[i];
        struct craft_value *value = &layer->value[i];
        if (value->given || !craft_field_is_there(layer, i))
            continue;
        if (field->fill == CRAFT_FILL_LENGTH) {
            const int status = fill_length(b, layer, field, value);
            if (status < 0)
                return status;
        } else if (field->fill == CRAFT_FILL_NEXT) {
            fill_next(b->packet, index, field, value);
        } else {
            continue;
        }
        write_field(header, field, value);
    }
    return 0;
}

/* ---- third pass ---- */

static void fill_checksum(const struct building *b, size_t index)
{
    struct craft_layer *layer = &b->packet->layer[index];
    const int i = craft_checksum_field(layer);
    if (i < 0 || layer->value[i].given)
        return;
    uint8_t *bytes = b->out->data + b->base;
    layer->value[i].number = craft_checksum_compute(b->packet, index, i, bytes, b->out->len - b->base);
    write_field(bytes + layer->start, &layer->type->fields[i], &layer->value[i]);
}

static int build(const struct building *b)
{
    /* An empty payload alone has an address, too. */
    int status = buf_reserve(b->out, 1) ? 0 : sd_fail(b->err, ENOMEM, "out of memory");
    for (size_t i = 0; i < b->packet->count && status == 0; i++)
        status = write_layer(b, i);
    if (status == 0 && b->out->failed)
        status = sd_fail(b->err, ENOMEM, "out of memory");
    for (size_t i = 0; i < b->packet->count && status == 0; i++)
        status = fill_lengths(b, i);
    if (status < 0)
        return status;
    for (size_t i = b->packet->count; i-- > 0;)
        fill_checksum(b, i);
    return 0;
}

int craft_build(struct craft_packet *packet, const struct craft_env *env, struct buf *out, struct sd_err *err)
{
    const struct building b = {packet, env, out, out->len, err};
    const int status = build(&b);
    if (status < 0)
        out->len = b.base;
    return status;
}
