#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "craft/expr_private.h"

/* Values, packets and expressions as text. What is printed parses to the same again; whatever came from the
 * network is escaped. */

/* ---- numbers, flags, addresses ---- */

/* The name of a value, where that name means this value and no other. */
static const char *name_of(const struct craft_field *field, uint64_t number)
{
    const struct craft_name *found = NULL;
    for (const struct craft_name *n = field->names; n != NULL && n->name != NULL; n++) {
        if (n->value == number) {
            found = n;
            break;
        }
    }
    for (const struct craft_name *n = field->names; found != NULL && n != found; n++) {
        if (strcmp(n->name, found->name) == 0)
            return NULL;
    }
    return found != NULL ? found->name : NULL;
}

/* Checksums, and numbers whose names are of larger numbers: ethertypes. */
static bool is_hexadecimal(const struct craft_field *field)
{
    return field->fill == CRAFT_FILL_CHECKSUM || (field->names != NULL && field->names->value > UINT8_MAX);
}

void expr_print_number(const struct craft_field *field, uint64_t number, struct buf *out)
{
    if (is_hexadecimal(field))
        buf_printf(out, "0x%0*" PRIx64, field->width / 4, number);
    else
        buf_u64(out, number);
}

static void put_number(const struct craft_field *field, uint64_t number, struct buf *out)
{
    const char *name = name_of(field, number);
    if (name != NULL)
        buf_text(out, name);
    else
        expr_print_number(field, number, out);
}

static void put_flags(const struct craft_field *field, uint64_t bits, struct buf *out)
{
    uint64_t named = 0;
    bool letters = true, first = true;
    for (const struct craft_name *n = field->names; n != NULL && n->name != NULL; n++) {
        named |= (n->value & ~bits) == 0 ? n->value : 0;
        letters = letters && strlen(n->name) == 1;
    }
    if (bits == 0 || named != bits) {
        buf_printf(out, bits == 0 ? "0" : "0x%" PRIx64, bits);
        return;
    }
    for (const struct craft_name *n = field->names; n->name != NULL; n++) {
        if ((n->value & ~bits) != 0)
            continue;
        buf_printf(out, "%s%s", first || letters ? "" : "+", n->name);
        first = false;
    }
}

void expr_print_scalar(const struct craft_field *field, expr_number number, struct buf *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct craft_value value = {.given = true};
    expr_to_value(field, number, &value);
    const uint8_t *a = value.address;
    switch (field->kind) {
    case CRAFT_FLAGS:
        put_flags(field, value.number, out);
        return;
    case CRAFT_IP4:
    case CRAFT_IP6:
        inet_ntop(field->kind == CRAFT_IP4 ? AF_INET : AF_INET6, a, text, sizeof text);
        buf_text(out, text);
        return;
    case CRAFT_MAC:
        buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
        return;
    case CRAFT_NUMBER:
    case CRAFT_OPTIONS:
    case CRAFT_BYTES:
        break;
    }
    put_number(field, value.number, out);
}

/* ---- bytes ---- */

#define FILL_LEAST 24 /* equal bytes that are shorter as fill() */

static bool all_equal(const uint8_t *bytes, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (bytes[i] != bytes[0])
            return false;
    }
    return true;
}

/* Escape what is between two quotation marks. */
static void put_quoted(struct buf *out, const uint8_t *bytes, size_t len)
{
    buf_char(out, '"');
    while (len > 0) {
        const uint8_t *quote = memchr(bytes, '"', len);
        const size_t plain = quote != NULL ? (size_t)(quote - bytes) : len;
        text_escape(out, bytes, plain);
        if (quote != NULL)
            buf_text(out, "\\\"");
        bytes += plain + (quote != NULL);
        len -= plain + (quote != NULL);
    }
    buf_char(out, '"');
}

/* As text where that is no longer than in hexadecimal. */
static void put_text_or_hex(struct buf *out, const uint8_t *bytes, size_t len)
{
    const size_t begin = out->len;
    put_quoted(out, bytes, len);
    if (out->failed || out->len - begin <= 2 * len + 2)
        return;
    out->len = begin;
    buf_text(out, "hex(");
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%02x", bytes[i]);
    buf_char(out, ')');
}

/* `most` > 0: at most so many of the bytes, then "…" and how many they are. */
static void put_bytes(const uint8_t *bytes, size_t len, size_t most, struct buf *out)
{
    if (len >= FILL_LEAST && all_equal(bytes, len)) {
        buf_printf(out, "fill(%zu,0x%02x)", len, bytes[0]);
        return;
    }
    if (most == 0 || len <= most) {
        put_text_or_hex(out, bytes, len);
        return;
    }
    size_t cut = most;
    while (cut > 0 && most - cut < 4 && (bytes[cut] & 0xc0) == 0x80) /* within a character */
        cut--;
    put_text_or_hex(out, bytes, cut);
    buf_printf(out, "… (%zu bytes)", len);
}

/* ---- options ---- */

static expr_number number_at(const uint8_t *data, unsigned bytes)
{
    expr_number n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | data[i];
    return n;
}

/* Does the data hold exactly what this option's arguments are? */
static bool fits(const struct craft_option_type *type, const struct craft_option *option)
{
    size_t fixed = 0, round = 0;
    bool open = false;
    if (type->kind != option->kind || type->bare != option->bare || option->length_given)
        return false;
    if (type->bare)
        return option->len == 0 || option->kind == 0;
    for (unsigned i = 0; i < type->arguments; i++) {
        fixed += type->argument[i].width / 8u;
        round += i >= type->once ? type->argument[i].width / 8u : 0;
        open = open || type->argument[i].width == 0;
    }
    if (open)
        return option->len >= fixed;
    if (!type->repeats || round == 0)
        return option->len == fixed;
    const size_t least = type->once > 0 ? fixed - round : round;
    return option->len >= least && (option->len - least) % round == 0;
}

static void put_arguments(const struct craft_option_type *type, const struct craft_option *option,
                          struct buf *out)
{
    const unsigned least = type->repeats && type->once > 0 ? type->once : type->arguments;
    size_t at = 0;
    for (unsigned i = 0; i < least || at < option->len; i++) {
        const struct craft_field field = expr_argument_field(type, expr_argument_at(type, i));
        const size_t len = field.width > 0 ? field.width / 8u : option->len - at;
        const uint8_t *data = len > 0 ? option->data + at : NULL;
        buf_char(out, i == 0 ? '(' : ',');
        if (field.kind == CRAFT_BYTES)
            put_bytes(data, len, 0, out);
        else
            expr_print_scalar(&field, number_at(data, (unsigned)len), out);
        at += len;
    }
    buf_char(out, ')');
}

static void put_any(const struct craft_option *option, struct buf *out)
{
    buf_printf(out, "opt(%u", option->kind);
    if (!option->bare) {
        buf_char(out, ',');
        put_bytes(option->data, option->len, 0, out);
    }
    if (option->length_given)
        buf_printf(out, ",%u", option->length);
    buf_char(out, ')');
}

void expr_print_option(const struct craft_field *field, const struct craft_option *option, struct buf *out)
{
    for (const struct craft_option_type *t = field->options; t != NULL && t->name != NULL; t++) {
        if (!fits(t, option))
            continue;
        buf_text(out, t->name);
        if (t->arguments > 0)
            put_arguments(t, option, out);
        else if (option->len > 0) {
            buf_char(out, '(');
            put_bytes(option->data, option->len, 0, out);
            buf_char(out, ')');
        }
        return;
    }
    put_any(option, out);
}

static void put_options(const struct craft_field *field, const struct craft_option *options, size_t count,
                        struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_char(out, ',');
        expr_print_option(field, &options[i], out);
    }
    buf_char(out, ']');
}

/* ---- values and packets ---- */

static void put_value(const struct craft_field *field, const struct craft_value *value, size_t most,
                      struct buf *out)
{
    if (field->kind == CRAFT_BYTES)
        put_bytes(value->bytes, value->len, most, out);
    else if (field->kind == CRAFT_OPTIONS)
        put_options(field, value->options, value->len, out);
    else
        expr_print_scalar(field, expr_of_value(field, value), out);
}

void craft_value_print(const struct craft_field *field, const struct craft_value *value, struct buf *out)
{
    put_value(field, value, 0, out);
}

static void put_layer(const struct craft_layer *layer, size_t most, struct buf *out)
{
    bool first = true;
    if (layer->type == &craft_raw && layer->value[0].given) {
        put_value(&layer->type->fields[0], &layer->value[0], most, out);
        return;
    }
    buf_printf(out, "%s(", layer->type->name);
    for (int i = 0; i < layer->type->field_count; i++) {
        if (!layer->value[i].given || !craft_field_is_there(layer, i))
            continue;
        buf_printf(out, "%s%s=", first ? "" : ",", layer->type->fields[i].name);
        put_value(&layer->type->fields[i], &layer->value[i], most, out);
        first = false;
    }
    buf_char(out, ')');
}

void craft_packet_print(const struct craft_packet *packet, size_t most, struct buf *out)
{
    for (size_t i = 0; i < packet->count; i++) {
        if (i > 0)
            buf_char(out, '/');
        put_layer(&packet->layer[i], most, out);
    }
}

/* ---- expressions ---- */

static void put_set(const struct craft_field *field, const struct expr_set *set, struct buf *out)
{
    if (set->kind == EXPR_RANDOM) {
        buf_text(out, "random");
        return;
    }
    if (field->kind == CRAFT_BYTES)
        put_bytes(set->bytes, set->len, 0, out);
    else if (field->kind == CRAFT_OPTIONS)
        put_options(field, set->options, set->len, out);
    else if (set->kind == EXPR_RANGE && !(field->kind == CRAFT_NUMBER || field->kind == CRAFT_FLAGS)) {
        expr_print_scalar(field, set->from, out);
        buf_char(out, '-');
        expr_print_scalar(field, set->to, out);
    } else if (set->kind == EXPR_RANGE)
        buf_printf(out, "%" PRIu64 "-%" PRIu64, (uint64_t)set->from, (uint64_t)set->to);
    else
        expr_print_scalar(field, set->from, out);
    if (set->kind == EXPR_PREFIX)
        buf_printf(out, "/%u", set->prefix);
}

static void put_field(const struct craft_field *field, const struct expr_field *sets, struct buf *out)
{
    if (sets->set_count > 1)
        buf_char(out, '[');
    for (size_t i = 0; i < sets->set_count; i++) {
        if (i > 0)
            buf_char(out, ',');
        put_set(field, &sets->sets[i], out);
    }
    if (sets->set_count > 1)
        buf_char(out, ']');
}

static void put_expr_layer(const struct expr_layer *layer, struct buf *out)
{
    const struct craft_layer_type *type = layer->type;
    bool first = true;
    if (type == &craft_raw && layer->field[0].given && layer->field[0].set_count == 1) {
        put_field(&type->fields[0], &layer->field[0], out);
        return;
    }
    buf_printf(out, "%s(", type->name);
    for (size_t i = 0; i < type->field_count; i++) {
        if (!layer->field[i].given)
            continue;
        buf_printf(out, "%s%s=", first ? "" : ",", type->fields[i].name);
        put_field(&type->fields[i], &layer->field[i], out);
        first = false;
    }
    buf_char(out, ')');
}

void craft_expr_print(const struct craft_expr *expr, struct buf *out)
{
    for (size_t i = 0; i < expr->count; i++) {
        if (i > 0)
            buf_char(out, '/');
        put_expr_layer(&expr->layer[i], out);
    }
}
