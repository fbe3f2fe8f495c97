#include "craft/build_options.h"

#include <errno.h>

#include "base/bytes.h"

enum {
    PAD1 = 0,
    PADN = 1,
    BLOCK = 8, /* what IPv6 counts headers and neighbour discovery its options in */
};

/* Pad1 or PadN (RFC 8200, 4.2) of `len` bytes in all. */
static void put_pad(struct buf *out, size_t len)
{
    if (len == 0)
        return;
    buf_char(out, len == 1 ? PAD1 : PADN);
    if (len > 1) {
        buf_char(out, (char)(len - 2));
        buf_zeros(out, len - 2);
    }
}

static int too_long(const struct craft_field *field, const struct craft_option *option, struct sd_err *err)
{
    return sd_fail(err, EINVAL, "%s: option %u has %zu bytes, more than its length can say", field->name,
                   option->kind, option->len);
}

/* Kind and length, as `shown` where that is not given. */
static void put_head(struct buf *out, const struct craft_option *option, size_t shown)
{
    const uint8_t head[2] = {(uint8_t)option->kind, option->length_given ? option->length : (uint8_t)shown};
    buf_append(out, head, sizeof head);
}

static int put_counted(struct buf *out, const struct craft_field *field, const struct craft_option *option,
                       size_t extra, struct sd_err *err)
{
    if (option->len + extra > UINT8_MAX && !option->length_given)
        return too_long(field, option, err);
    put_head(out, option, option->len + extra);
    buf_append(out, option->data, option->len);
    return 0;
}

/* RFC 4861, 4.6: padded to whole units, unless its length is given: then it is as it stands. */
static int put_discovery(struct buf *out, const struct craft_field *field, const struct craft_option *option,
                         struct sd_err *err)
{
    const size_t units = (2 + option->len + BLOCK - 1) / BLOCK;
    if (units > UINT8_MAX && !option->length_given)
        return too_long(field, option, err);
    put_head(out, option, units);
    buf_append(out, option->data, option->len);
    if (!option->length_given)
        buf_zeros(out, units * BLOCK - 2 - option->len);
    return 0;
}

static int put_group(struct buf *out, const struct craft_field *field, const struct craft_option *option,
                     struct sd_err *err)
{
    const size_t item = craft_option_item(field);
    const size_t auxiliary = option->length_given ? option->length * (size_t)4 : 0;
    const size_t addresses = option->len > auxiliary ? (option->len - auxiliary) / item : 0;
    const size_t sources = addresses > 0 ? addresses - 1 : 0;
    if (sources > UINT16_MAX)
        return too_long(field, option, err);
    put_head(out, option, 0);
    const uint8_t count[2] = {(uint8_t)(sources >> 8), (uint8_t)sources};
    buf_append(out, count, sizeof count);
    buf_append(out, option->data, option->len);
    return 0;
}

static size_t alignment(const struct craft_field *field, uint16_t kind, size_t at)
{
    for (const struct craft_option_type *type = field->options; type->name != NULL; type++) {
        if (type->kind == kind && type->align > 0)
            return (type->align_at + type->align - at % type->align) % type->align;
    }
    return 0;
}

/* Who writes padding wants it so, and gets none added in the middle. */
static bool pads_itself(const struct craft_value *value)
{
    for (size_t i = 0; i < value->len; i++) {
        if (value->options[i].kind <= PADN)
            return true;
    }
    return false;
}

static int put_one(struct buf *out, const struct craft_field *field, const struct craft_option *option,
                   struct sd_err *err)
{
    if (field->option_style == CRAFT_OPTIONS_LIST) {
        buf_append(out, option->data, option->len);
        return 0;
    }
    if (option->bare) {
        buf_char(out, (char)option->kind);
        buf_append(out, option->data, option->len);
        return 0;
    }
    switch (field->option_style) {
    case CRAFT_OPTIONS_ND:
        return put_discovery(out, field, option, err);
    case CRAFT_OPTIONS_GROUPS:
        return put_group(out, field, option, err);
    case CRAFT_OPTIONS_IP6:
        return put_counted(out, field, option, 0, err);
    default:
        return put_counted(out, field, option, 2, err);
    }
}

int craft_put_options(struct buf *out, const struct craft_field *field, const struct craft_value *value,
                      size_t start, struct sd_err *err)
{
    const bool align = field->option_style == CRAFT_OPTIONS_IP6 && !pads_itself(value);
    for (size_t i = 0; i < value->len; i++) {
        const struct craft_option *option = &value->options[i];
        if (align && !option->bare && !option->length_given)
            put_pad(out, alignment(field, option->kind, out->len - start));
        const int status = put_one(out, field, option, err);
        if (status < 0)
            return status;
    }
    if (field->option_style == CRAFT_OPTIONS_IP)
        buf_zeros(out, (4 - (out->len - start) % 4) % 4);
    else if (field->option_style == CRAFT_OPTIONS_IP6)
        put_pad(out, (BLOCK - (out->len - start) % BLOCK) % BLOCK);
    return 0;
}

size_t craft_option_item(const struct craft_field *field)
{
    return field->options[0].argument[0].width / 8U;
}
