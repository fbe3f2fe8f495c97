#include "craft/dissect_options.h"

#include "base/bytes.h"
#include "craft/build_options.h"

static const struct craft_option_type *find_type(const struct craft_field *field, uint16_t kind)
{
    const struct craft_option_type *type = field->options;
    while (type->name != NULL && type->kind != kind)
        type++;
    return type;
}

/* The next option, or NULL where there is no room. */
static struct craft_option *add(struct craft_room *room, struct craft_value *value, uint16_t kind)
{
    if (room->used == CRAFT_ROOM)
        return NULL;
    struct craft_option *option = &room->option[room->used++];
    *option = (struct craft_option){.kind = kind};
    value->len++;
    return option;
}

static void set_data(struct craft_option *option, struct craft_option_area *area, size_t from, size_t to)
{
    option->data = area->bytes + from;
    option->len = to - from;
    area->at = to;
}

/* Padding that a build would add again. */
static bool is_padding(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return len < 4;
}

static void take_bare(struct craft_option_area *area, const struct craft_field *field,
                      struct craft_option *option)
{
    option->bare = true;
    area->at++;
    /* The end of IPv4's and TCP's option list. */
    if (option->kind != 0 || field->option_style != CRAFT_OPTIONS_IP)
        return;
    if (is_padding(area->bytes + area->at, area->end - area->at))
        area->at = area->end;
    else
        set_data(option, area, area->at, area->end);
}

/* Bytes of a whole option whose length byte says `said`; 0: none can be so long. */
static size_t whole_len(enum craft_option_style style, uint8_t said)
{
    switch (style) {
    case CRAFT_OPTIONS_IP:
        return said < 2 ? 0 : said;
    case CRAFT_OPTIONS_IP6:
        return (size_t)said + 2;
    default:
        return (size_t)said * 8;
    }
}

static bool is_aligned(const struct craft_option_type *type, size_t at)
{
    return type->align == 0 || at % type->align == type->align_at;
}

static bool take_counted(struct craft_option_area *area, struct craft_room *room,
                         const struct craft_field *field, struct craft_value *value)
{
    while (area->at < area->end) {
        const size_t at = area->at, left = area->end - at;
        const struct craft_option_type *type = find_type(field, area->bytes[at]);
        struct craft_option *option = add(room, value, area->bytes[at]);
        if (option == NULL)
            return false;
        /* A last byte has no room for a length. */
        if (type->bare || left == 1) {
            take_bare(area, field, option);
            continue;
        }
        const uint8_t said = area->bytes[at + 1];
        const size_t len = whole_len(field->option_style, said);
        option->length_given = len == 0 || len > left || !is_aligned(type, at);
        option->length = said;
        set_data(option, area, at + 2, len == 0 || len > left ? area->end : at + len);
    }
    return true;
}

/* One option for the whole list. */
static bool take_list(struct craft_option_area *area, struct craft_room *room,
                      const struct craft_field *field, struct craft_value *value)
{
    const size_t item = craft_option_item(field), left = area->end - area->at;
    size_t len = left;
    if (!area->bounded && area->most >= 0 && (uint64_t)area->most <= left / item)
        len = (size_t)area->most * item;
    const bool short_of = !area->bounded && area->most >= 0 && (uint64_t)area->most > left / item;
    if (len == 0)
        return !short_of;
    struct craft_option *option = add(room, value, find_type(field, 0)->kind);
    if (option == NULL)
        return false;
    set_data(option, area, area->at, area->at + len);
    return !short_of;
}

static bool take_groups(struct craft_option_area *area, struct craft_room *room,
                        const struct craft_field *field, struct craft_value *value)
{
    const size_t item = craft_option_item(field);
    for (int64_t i = 0; i < area->most; i++) {
        struct bytes record = bytes_of(area->bytes + area->at, area->end - area->at);
        uint8_t kind, auxiliary;
        uint16_t sources;
        if (!bytes_u8(&record, &kind) || !bytes_u8(&record, &auxiliary) || !bytes_be16(&record, &sources))
            return false;
        const size_t len = (sources + (size_t)1) * item + auxiliary * (size_t)4;
        if (record.left < len)
            return false;
        struct craft_option *option = add(room, value, kind);
        if (option == NULL)
            return false;
        option->length_given = auxiliary > 0;
        option->length = auxiliary;
        set_data(option, area, area->at + 4, area->at + 4 + len);
    }
    return true;
}

bool craft_take_options(struct craft_option_area *area, struct craft_room *room,
                        const struct craft_field *field, struct craft_value *value)
{
    bool all;
    value->given = true;
    value->options = room->option + room->used;
    value->len = 0;
    if (field->option_style == CRAFT_OPTIONS_LIST)
        all = take_list(area, room, field, value);
    else if (field->option_style == CRAFT_OPTIONS_GROUPS)
        all = take_groups(area, room, field, value);
    else
        all = take_counted(area, room, field, value);
    if (area->bounded)
        area->at = area->end;
    return all;
}
