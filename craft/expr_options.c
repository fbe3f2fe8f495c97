#include <errno.h>
#include <string.h>
#include <strings.h>

#include "craft/expr_private.h"

/* Options of TCP, IPv4, IPv6 and neighbour discovery: written by name and arguments, or as opt(kind, bytes).
 */

struct craft_field expr_argument_field(const struct craft_option_type *type, unsigned argument)
{
    return (struct craft_field){.name = type->argument[argument].name,
                                .label = type->argument[argument].name,
                                .width = type->argument[argument].width,
                                .kind = type->argument[argument].kind};
}

unsigned expr_argument_at(const struct craft_option_type *type, unsigned nth)
{
    return nth < type->arguments ? nth : type->once + (nth - type->once) % (type->arguments - type->once);
}

/* Data that the length byte can count. */
static size_t most_data(const struct craft_field *field)
{
    switch (field->option_style) {
    case CRAFT_OPTIONS_IP:
        return UINT8_MAX - 2;
    case CRAFT_OPTIONS_IP6:
        return UINT8_MAX;
    case CRAFT_OPTIONS_ND:
        return UINT8_MAX * 8 - 2;
    case CRAFT_OPTIONS_LIST:
    case CRAFT_OPTIONS_GROUPS:
    case CRAFT_OPTIONS_NONE:
        break;
    }
    return CRAFT_EXPR_BYTES;
}

static void put_number(struct buf *out, expr_number number, unsigned width)
{
    for (unsigned shift = width; shift > 0; shift -= 8)
        buf_char(out, (char)(uint8_t)(number >> (shift - 8)));
}

static int parse_argument(struct expr_parse *p, const struct craft_option_type *type, unsigned argument,
                          struct buf *data)
{
    const struct craft_field field = expr_argument_field(type, argument);
    const uint8_t *bytes = NULL;
    expr_number number = 0;
    size_t len = 0;
    expr_peek(p);
    const size_t begin = p->at;
    if (field.kind != CRAFT_BYTES) {
        const char quote = expr_take_quote(p);
        const int failed = expr_scalar(p, &field, &number);
        put_number(data, number, field.width);
        return failed != 0 ? failed : expr_close_quote(p, quote);
    }
    const int failed = expr_bytes(p, &bytes, &len);
    if (failed != 0)
        return failed;
    if (field.width > 0 && len != field.width / 8u)
        return expr_wrong(p, begin, p->at - begin, "%s of %s has %u bytes, not %zu", field.name, type->name,
                          field.width / 8u, len);
    buf_append(data, bytes, len);
    return 0;
}

/* "mss takes (value)": what an option wants. */
static int wrong_arguments(struct expr_parse *p, const struct craft_option_type *type, size_t begin)
{
    struct buf names = {0};
    for (unsigned i = 0; i < type->arguments; i++)
        buf_printf(&names, "%s%s", i > 0 ? "," : "", type->argument[i].name);
    if (type->repeats)
        buf_text(&names, ",…");
    const size_t len = p->at > begin ? p->at - begin : 1;
    const int failed = type->arguments == 0 ? expr_wrong(p, begin, len, "%s takes no arguments", type->name)
                                            : expr_wrong(p, begin, len, "%s takes these: %s(%s)", type->name,
                                                         type->name, buf_cstr(&names));
    buf_free(&names);
    return failed;
}

/* Are so many arguments some whole number of rounds? */
static bool is_complete(const struct craft_option_type *type, unsigned count)
{
    if (!type->repeats)
        return count == type->arguments;
    return count >= (type->once > 0 ? type->once : 1u) &&
           (count - type->once) % (type->arguments - type->once) == 0;
}

static int parse_arguments(struct expr_parse *p, const struct craft_option_type *type, size_t begin,
                           struct buf *data)
{
    unsigned count = 0;
    if (!expr_take(p, '(') || expr_take(p, ')'))
        return type->arguments == 0 ? 0 : wrong_arguments(p, type, begin);
    do {
        if (count >= type->arguments && !type->repeats)
            return wrong_arguments(p, type, begin);
        const int failed = parse_argument(p, type, expr_argument_at(type, count), data);
        if (failed != 0)
            return failed;
        count++;
    } while (expr_take(p, ','));
    if (!expr_take(p, ')'))
        return expr_expected(p, "',' or ')'");
    return is_complete(type, count) ? 0 : wrong_arguments(p, type, begin);
}

/* eol, eol(bytes): what stands in the header behind the end of the list. */
static int parse_bare(struct expr_parse *p, const struct craft_option_type *type, size_t begin,
                      struct buf *data)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    if (!expr_take(p, '(') || expr_take(p, ')'))
        return 0;
    if (type->kind != 0)
        return wrong_arguments(p, type, begin);
    const int failed = expr_bytes(p, &bytes, &len);
    if (failed != 0)
        return failed;
    buf_append(data, bytes, len);
    return expr_take(p, ')') ? 0 : expr_expected(p, "')'");
}

/* opt(KIND), opt(KIND,bytes), opt(KIND,bytes,LENGTH) */
static int parse_any(struct expr_parse *p, struct craft_option *option, struct buf *data)
{
    const uint8_t *bytes = NULL;
    expr_number kind = 0, length = 0;
    size_t len = 0;
    if (!expr_take(p, '('))
        return expr_expected(p, "'(' and the option's kind");
    int failed = expr_plain_number(p, "the kind of an option", UINT8_MAX, &kind);
    option->kind = (uint16_t)kind;
    option->bare = true;
    if (failed == 0 && expr_take(p, ',')) {
        option->bare = false;
        failed = expr_bytes(p, &bytes, &len);
        if (failed == 0)
            buf_append(data, bytes, len);
    }
    if (failed == 0 && !option->bare && expr_take(p, ',')) {
        failed = expr_plain_number(p, "the length of an option", UINT8_MAX, &length);
        option->length_given = true;
        option->length = (uint8_t)length;
    }
    if (failed != 0)
        return failed;
    return expr_take(p, ')') ? 0 : expr_expected(p, "',' or ')'");
}

static int unknown_option(struct expr_parse *p, const struct craft_field *field, size_t len)
{
    char quote[EXPR_QUOTE];
    struct expr_nearest nearest = {.word = p->text + p->at, .len = len};
    expr_wrong(p, p->at, len, "there is no option '%s' here", expr_quote(quote, p->text + p->at, len));
    for (const struct craft_option_type *t = field->options; t != NULL && t->name != NULL; t++) {
        expr_allow(p, t->name);
        expr_offer(&nearest, t->name);
    }
    expr_allow(p, "opt(KIND,bytes)");
    expr_suggest(p, &nearest);
    return -EINVAL;
}

static const struct craft_option_type *find_option(const struct craft_field *field, const char *name,
                                                   size_t len)
{
    for (const struct craft_option_type *t = field->options; t != NULL && t->name != NULL; t++) {
        if (strlen(t->name) == len && strncasecmp(t->name, name, len) == 0)
            return t;
    }
    return NULL;
}

static int parse_option(struct expr_parse *p, const struct craft_field *field, struct craft_option *option,
                        struct buf *data)
{
    const char *name = p->text + p->at;
    const size_t begin = p->at, len = expr_run(p, true);
    if (expr_peek(p) == '(')
        return expr_wrong(p, p->at, 1,
                          "an option is written as its name and its values, not as a tuple: mss(1460), nop");
    if (len == 0)
        return expr_expected(p, "an option");
    const struct craft_option_type *type = find_option(field, name, len);
    if (type == NULL && !(len == 3 && memcmp(name, "opt", 3) == 0))
        return unknown_option(p, field, len);
    p->at += len;
    if (type == NULL)
        return parse_any(p, option, data);
    option->kind = type->kind;
    option->bare = type->bare;
    return type->bare ? parse_bare(p, type, begin, data) : parse_arguments(p, type, begin, data);
}

/* One option, its data kept in the expression. */
static int keep_option(struct expr_parse *p, const struct craft_field *field, struct craft_option *option)
{
    struct buf data = {0};
    expr_peek(p);
    const size_t begin = p->at;
    int failed = parse_option(p, field, option, &data);
    if (failed == 0 && data.len > most_data(field))
        failed = expr_wrong(p, begin, p->at - begin, "an option has at most %zu bytes of data here, not %zu",
                            most_data(field), data.len);
    if (failed == 0 && data.len > 0) {
        uint8_t *kept = data.failed ? NULL : arena_alloc(&p->expr->arena, data.len);
        if (kept != NULL)
            memcpy(kept, data.data, data.len);
        else
            failed = -ENOMEM;
        option->data = kept;
        option->len = data.len;
    }
    buf_free(&data);
    return failed;
}

int expr_options(struct expr_parse *p, const struct craft_field *field, struct expr_set *out)
{
    struct craft_option options[CRAFT_EXPR_OPTIONS] = {0};
    size_t count = 0;
    if (!expr_take(p, '['))
        return expr_expected(p, "'[' and a list of options");
    if (!expr_take(p, ']')) {
        do {
            expr_peek(p);
            if (count == CRAFT_EXPR_OPTIONS)
                return expr_wrong(p, p->at, 1, "a list has at most %d options", CRAFT_EXPR_OPTIONS);
            const int failed = keep_option(p, field, &options[count++]);
            if (failed != 0)
                return failed;
        } while (expr_take(p, ','));
        if (!expr_take(p, ']'))
            return expr_expected(p, "',' or ']'");
    }
    struct craft_option *kept = arena_alloc(&p->expr->arena, (count + 1) * sizeof *kept);
    if (kept == NULL)
        return -ENOMEM;
    memcpy(kept, options, count * sizeof *kept);
    out->options = kept;
    out->len = count;
    return 0;
}
