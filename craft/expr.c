#include "craft/expr.h"

#include <stdlib.h>
#include <string.h>

#include "craft/expr_private.h"

/* The parsed expression: how many packets it stands for, and each of them.
 *
 * Every field that is given is a digit of a mixed-radix number, the last layer's last field the lowest digit;
 * its radix is the number of its values. A packet's index is that number, so that any packet can be had
 * without those before it. `random` is a digit of radix 1: its value is a keyed hash of the index and of the
 * place of the field, so that the same seed and index give the same packet in any order. */

void craft_expr_free(struct craft_expr *expr)
{
    if (expr == NULL)
        return;
    arena_free(&expr->arena);
    free(expr);
}

uint64_t craft_expr_count(const struct craft_expr *expr)
{
    return expr->packets;
}

/* Is it a number or an address, of fixed width? */
static bool is_scalar(enum craft_kind kind)
{
    return kind != CRAFT_OPTIONS && kind != CRAFT_BYTES;
}

uint64_t expr_set_count(const struct expr_set *set)
{
    if (set->kind != EXPR_RANGE && set->kind != EXPR_PREFIX)
        return 1;
    const expr_number span = set->to - set->from;
    return span >= UINT64_MAX ? UINT64_MAX : (uint64_t)span + 1;
}

expr_number expr_most(const struct craft_field *field)
{
    return field->width >= 128 ? ~(expr_number)0 : ((expr_number)1 << field->width) - 1;
}

static size_t address_len(enum craft_kind kind)
{
    return kind == CRAFT_IP4 ? 4 : kind == CRAFT_IP6 ? 16 : kind == CRAFT_MAC ? 6 : 0;
}

void expr_to_value(const struct craft_field *field, expr_number number, struct craft_value *value)
{
    const size_t len = address_len(field->kind);
    if (len == 0)
        value->number = (uint64_t)number;
    for (size_t i = len; i > 0; i--) {
        value->address[i - 1] = (uint8_t)number;
        number >>= 8;
    }
}

expr_number expr_of_value(const struct craft_field *field, const struct craft_value *value)
{
    const size_t len = address_len(field->kind);
    expr_number number = len == 0 ? value->number : 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | value->address[i];
    return number;
}

/* ---- one packet ---- */

/* Make random bits an address that a host can have: IPv4 1.0.0.0 to 223.255.255.255 without 127/8, IPv6
 * 2000::/3, MAC locally administered and not of a group. */
static expr_number as_unicast(enum craft_kind kind, expr_number bits)
{
    const expr_number one = 1;
    if (kind == CRAFT_IP4) {
        expr_number first = 1 + (bits >> 24) % 222;
        first += first >= 127;
        return first << 24 | (bits & 0xffffff);
    }
    if (kind == CRAFT_IP6)
        return (bits & ~((one << 127) | (one << 126))) | one << 125;
    if (kind == CRAFT_MAC)
        return (bits & ~(one << 40)) | one << 41;
    return bits;
}

static expr_number draw(const struct craft_expr *expr, uint64_t index, size_t layer, size_t field)
{
    const struct craft_field *f = &expr->layer[layer].type->fields[field];
    uint64_t place[3] = {index, layer << 8 | field, 0};
    expr_number bits = hash_bytes(&expr->key, place, sizeof place);
    place[2] = 1;
    bits = bits << 64 | hash_bytes(&expr->key, place, sizeof place);
    return as_unicast(f->kind, bits & expr_most(f));
}

/* The set that holds value `digit` of the field. */
static const struct expr_set *set_at(const struct expr_field *field, uint64_t digit)
{
    size_t low = 0, high = field->set_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (field->sets[middle].before <= digit)
            low = middle;
        else
            high = middle;
    }
    return &field->sets[low];
}

static void fill_value(const struct craft_expr *expr, uint64_t index, size_t layer, size_t field,
                       uint64_t digit, struct craft_value *value)
{
    const struct craft_field *type = &expr->layer[layer].type->fields[field];
    const struct expr_set *set = set_at(&expr->layer[layer].field[field], digit);
    value->given = true;
    if (set->kind == EXPR_RANDOM)
        expr_to_value(type, draw(expr, index, layer, field), value);
    else if (is_scalar(type->kind))
        expr_to_value(type, set->from + (digit - set->before), value);
    else {
        value->len = set->len;
        if (type->kind == CRAFT_BYTES)
            value->bytes = set->bytes;
        else
            value->options = set->options;
    }
}

void craft_expr_packet(const struct craft_expr *expr, uint64_t index, struct craft_packet *packet)
{
    uint64_t rest = index;
    packet->count = expr->count;
    for (size_t i = expr->count; i > 0; i--) {
        const struct expr_layer *layer = &expr->layer[i - 1];
        struct craft_layer *out = &packet->layer[i - 1];
        memset(out, 0, sizeof *out);
        out->type = layer->type;
        out->whole = true;
        for (size_t f = layer->type->field_count; f > 0; f--) {
            const struct expr_field *field = &layer->field[f - 1];
            if (!field->given)
                continue;
            fill_value(expr, index, i - 1, f - 1, rest % field->count, &out->value[f - 1]);
            rest /= field->count;
        }
    }
}
