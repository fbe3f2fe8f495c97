#include "craft/expr_private.h"

/* Which packets of an expression have the same value in a field, by the radix of the fields behind it. */

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static bool is_random(const struct expr_field *field)
{
    for (size_t i = 0; i < field->set_count; i++) {
        if (field->sets[i].kind == EXPR_RANDOM)
            return true;
    }
    return false;
}

void craft_expr_values(const struct craft_expr *expr, size_t layer, int field, uint64_t *values,
                       uint64_t *stride)
{
    const struct expr_field *wanted = &expr->layer[layer].field[field];
    *values = 1;
    *stride = 1;
    if (!wanted->given)
        return;
    if (is_random(wanted)) {
        *values = expr->packets;
        return;
    }
    *values = wanted->count;
    for (size_t i = expr->count; i > layer; i--) {
        const struct expr_layer *l = &expr->layer[i - 1];
        for (size_t f = l->type->field_count; f > (i - 1 == layer ? (size_t)field + 1 : 0); f--)
            *stride = l->field[f - 1].given ? times(*stride, l->field[f - 1].count) : *stride;
    }
}
