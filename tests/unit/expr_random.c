#include "expr_random.h"

#include <inttypes.h>
#include <string.h>

#include "craft/layer.h"

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

unsigned random_below(uint64_t *state, unsigned bound)
{
    return (unsigned)(random_next(state) % bound);
}

static void blank(uint64_t *state, struct buf *out)
{
    static const char *const blanks[] = {"", "", "", "", "", " ", "\t", " \n "};
    buf_text(out, blanks[random_below(state, 8)]);
}

static uint64_t number_of(uint64_t *state, unsigned width)
{
    const uint64_t most = width >= 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    switch (random_below(state, 4)) {
    case 0:
        return 0;
    case 1:
        return most;
    default:
        return random_next(state) & most;
    }
}

static void put_number(uint64_t *state, uint64_t number, struct buf *out)
{
    if (random_below(state, 3) == 0)
        buf_printf(out, random_below(state, 2) == 0 ? "0x%" PRIx64 : "0X%" PRIX64, number);
    else
        buf_u64(out, number);
}

static void put_name(uint64_t *state, const struct craft_field *field, struct buf *out)
{
    unsigned count = 0;
    while (field->names[count].name != NULL)
        count++;
    buf_text(out, field->names[random_below(state, count)].name);
}

static void put_flags(uint64_t *state, const struct craft_field *field, struct buf *out)
{
    const unsigned words = 1 + random_below(state, 3);
    for (unsigned i = 0; i < words; i++) {
        if (i > 0)
            buf_char(out, '+');
        put_name(state, field, out);
    }
}

static void put_ip6(uint64_t *state, struct buf *out)
{
    if (random_below(state, 3) == 0) {
        buf_printf(out, "fd77::%x", (unsigned)(random_next(state) & 0xffff));
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        buf_printf(out, "%s%x", i > 0 ? ":" : "",
                   random_below(state, 3) == 0 ? 0 : (unsigned)(random_next(state) & 0xffff));
}

static void put_scalar(uint64_t *state, const struct craft_field *field, struct buf *out)
{
    const uint64_t r = random_next(state);
    if (field->kind == CRAFT_IP4)
        buf_printf(out, "%u.%u.%u.%u", (unsigned)(r & 255), (unsigned)(r >> 8 & 255),
                   (unsigned)(r >> 16 & 255), (unsigned)(r >> 24 & 255));
    else if (field->kind == CRAFT_IP6)
        put_ip6(state, out);
    else if (field->kind == CRAFT_MAC)
        buf_printf(out, "%x:%02x:%02X:%x:00:%02x", (unsigned)(r & 255), (unsigned)(r >> 8 & 255),
                   (unsigned)(r >> 16 & 255), (unsigned)(r >> 24 & 255), (unsigned)(r >> 32 & 255));
    else if (field->names != NULL && random_below(state, 2) == 0) {
        if (field->kind == CRAFT_FLAGS)
            put_flags(state, field, out);
        else
            put_name(state, field, out);
    } else
        put_number(state, number_of(state, field->width), out);
}

static void put_string(uint64_t *state, unsigned len, struct buf *out)
{
    static const char *const parts[] = {
        "hello", "粘包", "é",         "\\n",        "\\\"", "\\\\", "\\x41",   "\\xff", "\xff",     " ",
        "\\0",   "/",    "\\u{202e}", "\\u{1f4e6}", "\\t",  ",",    "\x1b[2J", "(",     "\xe7\xb2", "'"};
    buf_char(out, '"');
    for (unsigned i = 0; i < len; i++)
        buf_text(out, parts[random_below(state, sizeof parts / sizeof parts[0])]);
    buf_char(out, '"');
}

static void put_hex(uint64_t *state, unsigned len, struct buf *out)
{
    buf_text(out, "hex(");
    for (unsigned i = 0; i < len; i++) {
        buf_printf(out, random_below(state, 2) == 0 ? "%02x" : "%02X", (unsigned)(random_next(state) & 255));
        blank(state, out);
    }
    buf_char(out, ')');
}

static void put_bytes(uint64_t *state, struct buf *out)
{
    const unsigned form = random_below(state, 4), len = random_below(state, 12);
    if (form == 0)
        put_hex(state, len, out);
    else if (form == 1)
        buf_printf(out, "fill(%u,0x%02x)", random_below(state, 40), random_below(state, 256));
    else
        put_string(state, len, out);
}

static void put_argument(uint64_t *state, const struct craft_option_type *type, unsigned i, struct buf *out)
{
    const struct craft_field field = {.width = type->argument[i].width, .kind = type->argument[i].kind};
    if (field.kind != CRAFT_BYTES)
        put_scalar(state, &field, out);
    else if (field.width > 0)
        put_hex(state, field.width / 8u, out);
    else
        put_bytes(state, out);
}

static void put_named_option(uint64_t *state, const struct craft_option_type *type, struct buf *out)
{
    const unsigned once = type->repeats ? type->once : type->arguments;
    unsigned count = once;
    if (type->repeats)
        count += (random_below(state, 3) + (once == 0 ? 1 : 0)) * (unsigned)(type->arguments - once);
    buf_text(out, type->name);
    for (unsigned i = 0; i < count; i++) {
        blank(state, out);
        buf_char(out, i == 0 ? '(' : ',');
        blank(state, out);
        put_argument(state, type, i < type->arguments ? i : once + (i - once) % (type->arguments - once),
                     out);
    }
    if (count > 0)
        buf_char(out, ')');
    else if (type->bare && type->kind == 0 && random_below(state, 4) == 0)
        buf_text(out, "(hex(0102))");
}

static void put_options(uint64_t *state, const struct craft_field *field, struct buf *out)
{
    unsigned types = 0, count = random_below(state, 5);
    while (field->options[types].name != NULL)
        types++;
    buf_char(out, '[');
    for (unsigned i = 0; i < count; i++) {
        const unsigned form = random_below(state, 6);
        buf_text(out, i > 0 ? "," : "");
        blank(state, out);
        if (form == 0) {
            buf_printf(out, "opt(%u,", random_below(state, 256));
            put_hex(state, random_below(state, 12), out);
            if (random_below(state, 2) == 0)
                buf_printf(out, ", %u", random_below(state, 256));
            buf_char(out, ')');
        } else if (form == 1)
            buf_printf(out, "opt(%u)", random_below(state, 256));
        else
            put_named_option(state, &field->options[random_below(state, types)], out);
    }
    buf_char(out, ']');
}

static void put_set(uint64_t *state, const struct craft_field *field, struct buf *out)
{
    const unsigned form = field->kind == CRAFT_BYTES ? 9 : random_below(state, 6);
    if (form == 0)
        buf_text(out, "random");
    else if (form == 1 && (field->kind == CRAFT_NUMBER || field->kind == CRAFT_FLAGS)) {
        const uint64_t a = number_of(state, field->width), b = number_of(state, field->width);
        put_number(state, a < b ? a : b, out);
        buf_text(out, random_below(state, 2) == 0 ? "-" : " - ");
        put_number(state, a < b ? b : a, out);
    } else if (form == 1 && field->kind == CRAFT_IP4)
        buf_text(out, random_below(state, 2) == 0 ? "10.0.0.1-10.0.1.9" : "10.0.0.1 - 10.0.0.1");
    else if (form == 1 && field->kind == CRAFT_IP6)
        buf_text(out, random_below(state, 2) == 0 ? "fd77::1-fd77::1:0" : "::-ffff::");
    else {
        if (field->kind == CRAFT_BYTES)
            put_bytes(state, out);
        else
            put_scalar(state, field, out);
        if (form == 2 && (field->kind == CRAFT_IP4 || field->kind == CRAFT_IP6))
            buf_printf(out, "/%u", random_below(state, field->width + 1u));
    }
}

static void put_field(uint64_t *state, const struct craft_field *field, bool sets, struct buf *out)
{
    buf_text(out, field->name);
    blank(state, out);
    buf_char(out, '=');
    blank(state, out);
    if (field->kind == CRAFT_OPTIONS)
        put_options(state, field, out);
    else if (sets && random_below(state, 4) == 0) {
        buf_char(out, '[');
        put_set(state, field, out);
        for (unsigned i = random_below(state, 4); i > 0; i--) {
            blank(state, out);
            buf_char(out, ',');
            put_set(state, field, out);
        }
        buf_char(out, ']');
    } else if (sets)
        put_set(state, field, out);
    else if (field->kind == CRAFT_BYTES)
        put_bytes(state, out);
    else
        put_scalar(state, field, out);
}

/* Fields in any order, each at most once, and only those that this type of the layer has. */
static void put_layer(uint64_t *state, const struct craft_layer_type *type, bool sets, struct buf *out)
{
    struct craft_layer layer = {.type = type};
    bool first = true;
    buf_text(out, type->name);
    blank(state, out);
    buf_char(out, '(');
    if (type->select >= 0) {
        const struct craft_field *select = &type->fields[type->select];
        unsigned count = 0;
        while (select->names[count].name != NULL)
            count++;
        const struct craft_name *name = &select->names[random_below(state, count)];
        layer.value[type->select] = (struct craft_value){.given = true, .number = name->value};
        buf_printf(out, "%s=%s", select->name, name->name);
        first = false;
    }
    const unsigned start = random_below(state, type->field_count);
    for (unsigned i = 0; i < type->field_count; i++) {
        const int f = (int)((start + i) % type->field_count);
        if (f == type->select || random_below(state, 3) == 0 || !craft_field_is_there(&layer, f))
            continue;
        if (!first)
            buf_char(out, ',');
        blank(state, out);
        put_field(state, &type->fields[f], sets, out);
        blank(state, out);
        first = false;
    }
    buf_char(out, ')');
}

void expr_random(uint64_t *state, bool sets, struct buf *out)
{
    size_t types;
    const struct craft_layer_type *const *type = craft_layers(&types);
    const unsigned count = 1 + random_below(state, 5);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buf_char(out, '/');
        blank(state, out);
        if (random_below(state, 5) == 0)
            put_bytes(state, out);
        else
            put_layer(state, type[random_below(state, (unsigned)types)], sets, out);
        blank(state, out);
    }
}
