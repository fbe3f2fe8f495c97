#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "craft/expr_private.h"

/* The grammar: layers, fields and sets. One byte of look-ahead, no recursion. */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char expr_peek(struct expr_parse *p)
{
    while (p->at < p->len && is_blank(p->text[p->at]))
        p->at++;
    return p->at < p->len ? p->text[p->at] : '\0';
}

char expr_take_quote(struct expr_parse *p)
{
    const char c = expr_peek(p);
    if (c != '"' && c != '\'')
        return '\0';
    p->at++;
    return c;
}

int expr_close_quote(struct expr_parse *p, char quote)
{
    if (quote == '\0' || expr_take(p, quote))
        return 0;
    return expr_expected(p, quote == '"' ? N_("the closing '\"'") : N_("the closing '''"));
}

bool expr_take(struct expr_parse *p, char c)
{
    if (expr_peek(p) != c || p->at >= p->len)
        return false;
    p->at++;
    return true;
}

size_t expr_run(const struct expr_parse *p, bool dashed)
{
    size_t n = 0;
    for (; p->at + n < p->len; n++) {
        const unsigned char c = (unsigned char)p->text[p->at + n];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c >= 0x80 || c == '_' || c == '.' || c == ':' || c == '+';
        if (!letter && !(dashed && c == '-'))
            break;
    }
    return n;
}

static bool word_is(const struct expr_parse *p, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(p->text + p->at, word, len) == 0;
}

/* ---- sets ---- */

static int parse_prefix(struct expr_parse *p, const struct craft_field *field, struct expr_set *set)
{
    expr_number prefix = 0;
    const int failed = expr_plain_number(p, "the prefix", field->width, &prefix);
    if (failed != 0)
        return failed;
    const unsigned free_bits = field->width - (unsigned)prefix;
    const expr_number mask = free_bits == 0 ? 0 : expr_most(field) >> (field->width - free_bits);
    set->prefix = (uint8_t)prefix;
    set->from &= ~mask;
    set->to = set->from | mask;
    set->kind = free_bits == 0 ? EXPR_ONE : EXPR_PREFIX;
    return 0;
}

static int parse_range(struct expr_parse *p, const struct craft_field *field, size_t begin,
                       struct expr_set *set)
{
    const int failed = expr_scalar(p, field, &set->to);
    if (failed != 0)
        return failed;
    if (set->to < set->from)
        return expr_wrong(p, begin, p->at - begin, "this range of %s ends before it begins", field->name);
    set->kind = set->to > set->from ? EXPR_RANGE : EXPR_ONE;
    return 0;
}

static int parse_scalar_set(struct expr_parse *p, const struct craft_field *field, struct expr_set *set)
{
    expr_peek(p);
    const size_t begin = p->at, run = expr_run(p, true);
    if (word_is(p, run, "random")) {
        p->at += run;
        set->kind = EXPR_RANDOM;
        return 0;
    }
    const int failed = expr_scalar(p, field, &set->from);
    if (failed != 0)
        return failed;
    set->to = set->from;
    if ((field->kind == CRAFT_IP4 || field->kind == CRAFT_IP6) && expr_take(p, '/'))
        return parse_prefix(p, field, set);
    if (expr_take(p, '-'))
        return parse_range(p, field, begin, set);
    return 0;
}

/* (1,1024), Scapy's way to write a range. */
static int parse_pair(struct expr_parse *p, const struct craft_field *field, size_t begin,
                      struct expr_set *set)
{
    int failed = expr_scalar(p, field, &set->from);
    if (failed == 0 && !expr_take(p, ','))
        failed = expr_expected(p, "',' and the end of the range");
    if (failed == 0)
        failed = parse_range(p, field, begin, set);
    return failed != 0 || expr_take(p, ')') ? failed : expr_expected(p, "')'");
}

/* Values may stand in quotes: dst="10.0.0.2". */
static int parse_set(struct expr_parse *p, const struct craft_field *field, struct expr_set *set)
{
    if (field->kind == CRAFT_BYTES)
        return expr_bytes(p, &set->bytes, &set->len);
    const char quote = expr_take_quote(p);
    const size_t begin = p->at;
    const int failed = quote == '\0' && expr_take(p, '(') ? parse_pair(p, field, begin, set)
                                                          : parse_scalar_set(p, field, set);
    return failed != 0 ? failed : expr_close_quote(p, quote);
}

/* Keep the sets in the expression and count their values. */
static int keep_sets(struct expr_parse *p, struct expr_field *out, const struct buf *sets)
{
    const size_t count = sets->len / sizeof(struct expr_set);
    out->sets = sets->failed ? NULL : arena_alloc(&p->expr->arena, sets->len);
    if (out->sets == NULL)
        return -ENOMEM;
    memcpy(out->sets, sets->data, sets->len);
    out->set_count = count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t values = expr_set_count(&out->sets[i]);
        out->sets[i].before = out->count;
        out->count = out->count > UINT64_MAX - values ? UINT64_MAX : out->count + values;
    }
    out->given = true;
    return 0;
}

static int parse_list(struct expr_parse *p, const struct craft_field *field, struct buf *sets)
{
    do {
        struct expr_set set = {.kind = EXPR_ONE};
        if (sets->len / sizeof set == CRAFT_EXPR_LIST)
            return expr_wrong(p, p->at, 1, "a list has at most %d values; ranges count as one",
                              CRAFT_EXPR_LIST);
        const int failed = parse_set(p, field, &set);
        if (failed != 0)
            return failed;
        buf_append(sets, &set, sizeof set);
    } while (expr_take(p, ','));
    return expr_take(p, ']') ? 0 : expr_expected(p, "',' or ']'");
}

static int parse_values(struct expr_parse *p, const struct craft_field *field, struct buf *sets)
{
    struct expr_set set = {.kind = EXPR_ONE};
    if (field->kind != CRAFT_OPTIONS && expr_take(p, '['))
        return parse_list(p, field, sets);
    const int failed =
        field->kind == CRAFT_OPTIONS ? expr_options(p, field, &set) : parse_set(p, field, &set);
    buf_append(sets, &set, sizeof set);
    return failed;
}

/* ---- fields ---- */

static int unknown_field(struct expr_parse *p, const struct craft_layer_type *type, size_t len)
{
    char quote[EXPR_QUOTE];
    struct expr_nearest nearest = {.word = p->text + p->at, .len = len};
    expr_wrong(p, p->at, len, "%s has no field '%s'", type->name, expr_quote(quote, p->text + p->at, len));
    for (size_t i = 0; i < type->field_count; i++) {
        expr_allow(p, type->fields[i].name);
        expr_offer(&nearest, type->fields[i].name);
    }
    expr_suggest(p, &nearest);
    return -EINVAL;
}

/* What was written of a layer, to be checked when it is complete. */
struct places {
    size_t at[CRAFT_MAX_FIELDS], len[CRAFT_MAX_FIELDS];
};

static int parse_field(struct expr_parse *p, struct expr_layer *layer, struct places *places)
{
    const struct craft_layer_type *type = layer->type;
    const bool bare = type == &craft_raw && expr_begins_bytes(p); /* raw("text") */
    expr_peek(p);
    const size_t at = p->at, len = bare ? 0 : expr_run(p, true);
    if (len == 0 && !bare)
        return expr_expected(p, type->field_count > 0 ? N_("a field") : "')'");
    const int index = bare ? 0 : craft_field_find(type, p->text + at, len);
    if (index < 0)
        return unknown_field(p, type, len);
    if (layer->field[index].given)
        return expr_wrong(p, at, len, "%s stands twice in one layer; several values are a list: %s=[…,…]",
                          type->fields[index].name, type->fields[index].name);
    places->at[index] = at;
    places->len[index] = len;
    p->at += len;
    if (!bare && !expr_take(p, '='))
        return expr_expected(p, "'='");
    struct buf sets = {0};
    int failed = parse_values(p, &type->fields[index], &sets);
    if (failed == 0)
        failed = keep_sets(p, &layer->field[index], &sets);
    buf_free(&sets);
    return failed;
}

/* `select` fields have eight bits. Is a value of it one with which the field is there? */
static bool set_allows(const struct craft_layer_type *type, int field, const struct expr_set *set)
{
    struct craft_layer layer = {.type = type};
    struct craft_value *select = &layer.value[type->select];
    const expr_number span = set->to - set->from;
    if (set->kind == EXPR_RANDOM)
        return true;
    select->given = true;
    for (expr_number i = 0; i <= span; i++) {
        select->number = (uint64_t)(set->from + i);
        if (craft_field_is_there(&layer, field))
            return true;
    }
    return false;
}

/* Is the field there with one of the values that the expression gives the layer's type? */
static bool can_be_there(const struct expr_layer *layer, int field)
{
    const struct craft_layer empty = {.type = layer->type};
    if (layer->type->fields[field].only == NULL || layer->type->select < 0)
        return true;
    const struct expr_field *select = &layer->field[layer->type->select];
    for (size_t s = 0; s < select->set_count; s++) {
        if (set_allows(layer->type, field, &select->sets[s]))
            return true;
    }
    return !select->given && craft_field_is_there(&empty, field);
}

/* "type=redirect": with what the field is there. */
static void allow_only(struct expr_parse *p, const struct craft_layer_type *type, int field)
{
    const struct craft_field *select = &type->fields[type->select];
    const int16_t *only = type->fields[field].only;
    const bool except = only[0] == CRAFT_EXCEPT;
    struct buf name = {0};
    for (only += except; *only != -1; only++) {
        name.len = 0;
        buf_printf(&name, "%s%s=", except ? "not " : "", select->name);
        expr_print_scalar(select, (expr_number)(uint64_t)*only, &name);
        expr_allow(p, buf_cstr(&name));
    }
    buf_free(&name);
}

/* A value that no packet would have is a mistake, not something to pass over. */
static int check_there(struct expr_parse *p, const struct expr_layer *layer, const struct places *places)
{
    const struct craft_layer_type *type = layer->type;
    for (int i = 0; i < type->field_count; i++) {
        if (!layer->field[i].given || can_be_there(layer, i))
            continue;
        expr_wrong(p, places->at[i], places->len[i], "%s has no field %s with this %s", type->name,
                   type->fields[i].name, type->fields[type->select].name);
        allow_only(p, type, i);
        return -EINVAL;
    }
    return 0;
}

/* ---- layers ---- */

/* What Scapy has a name for and this language says in another way. */
static const struct {
    const char *name, *here;
} elsewhere[] = {
    {"ICMPv6EchoRequest", N_("here it is icmp6(type=echo-request)")},
    {"ICMPv6EchoReply", N_("here it is icmp6(type=echo-reply)")},
    {"ICMPv6DestUnreach", N_("here it is icmp6(type=dest-unreach)")},
    {"ICMPv6PacketTooBig", N_("here it is icmp6(type=packet-too-big,mtu=…)")},
    {"ICMPv6TimeExceeded", N_("here it is icmp6(type=time-exceeded)")},
    {"ICMPv6ParamProblem", N_("here it is icmp6(type=parameter-problem)")},
    {"ICMPv6ND_NS", N_("here it is icmp6(type=neighbor-solicitation,tgt=…)")},
    {"ICMPv6ND_NA", N_("here it is icmp6(type=neighbor-advertisement,tgt=…)")},
    {"ICMPv6ND_RS", N_("here it is icmp6(type=router-solicitation)")},
    {"ICMPv6ND_RA", N_("here it is icmp6(type=router-advertisement)")},
    {"ICMPv6MLQuery", N_("here it is icmp6(type=mld-query)")},
    {"ICMPv6MLReport", N_("here it is icmp6(type=mld-report)")},
    {"IPerror", N_("here it is ip")},
    {"ICMPerror", N_("here it is icmp")},
    {"TCPerror", N_("here it is tcp")},
    {"UDPerror", N_("here it is udp")},
    {"Padding", N_("here it is raw(load=…), or \"text\" alone")},
    {"DNS", N_("its bytes can be given: udp(dport=53)/hex(…)")},
    {"send", N_("the packet alone is the expression")},
    {"sendp", N_("the packet alone is the expression")},
    {"sr", N_("the packet alone is the expression")},
    {"sr1", N_("the packet alone is the expression")},
    {"srp", N_("the packet alone is the expression")},
    {"srp1", N_("the packet alone is the expression")},
};

static int unknown_layer(struct expr_parse *p, size_t len)
{
    char quote[EXPR_QUOTE];
    struct expr_nearest nearest = {.word = p->text + p->at, .len = len};
    size_t count;
    const struct craft_layer_type *const *types = craft_layers(&count);
    expr_quote(quote, p->text + p->at, len);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (word_is(p, len, elsewhere[i].name))
            return expr_wrong(p, p->at, len, "there is no layer '%s': %s", quote, _(elsewhere[i].here));
    }
    expr_wrong(p, p->at, len, "there is no layer '%s'", quote);
    for (size_t i = 0; i < count; i++) {
        expr_allow(p, types[i]->name);
        expr_offer(&nearest, types[i]->name);
    }
    expr_suggest(p, &nearest);
    return -EINVAL;
}

static int parse_fields(struct expr_parse *p, struct expr_layer *layer)
{
    struct places places = {.at = {0}};
    if (!expr_take(p, '(') || expr_take(p, ')'))
        return 0;
    do {
        const int failed = parse_field(p, layer, &places);
        if (failed != 0)
            return failed;
    } while (expr_take(p, ','));
    if (!expr_take(p, ')'))
        return expr_expected(p, "',' or ')'");
    return check_there(p, layer, &places);
}

static int parse_payload(struct expr_parse *p, struct expr_layer *layer)
{
    struct buf sets = {0};
    struct expr_set set = {.kind = EXPR_ONE};
    layer->type = &craft_raw;
    int failed = expr_bytes(p, &set.bytes, &set.len);
    buf_append(&sets, &set, sizeof set);
    if (failed == 0)
        failed = keep_sets(p, &layer->field[0], &sets);
    buf_free(&sets);
    return failed;
}

static int parse_layer(struct expr_parse *p, struct expr_layer *layer)
{
    if (expr_begins_bytes(p))
        return parse_payload(p, layer);
    const size_t len = expr_run(p, true);
    if (len == 0)
        return expr_expected(p, "a layer or \"bytes\"");
    layer->type = craft_layer_find(p->text + p->at, len);
    if (layer->type == NULL)
        return unknown_layer(p, len);
    p->at += len;
    return parse_fields(p, layer);
}

static int parse_packet(struct expr_parse *p)
{
    struct craft_expr *expr = p->expr;
    if (p->len > CRAFT_EXPR_TEXT)
        return expr_wrong(p, CRAFT_EXPR_TEXT, 1, "an expression has at most %d bytes", CRAFT_EXPR_TEXT);
    do {
        expr_peek(p);
        if (expr->count == CRAFT_MAX_LAYERS)
            return expr_wrong(p, p->at, 1, "a packet has at most %d layers", CRAFT_MAX_LAYERS);
        const int failed = parse_layer(p, &expr->layer[expr->count]);
        if (failed != 0)
            return failed;
        expr->count++;
    } while (expr_take(p, '/'));
    expr_peek(p);
    return p->at == p->len ? 0 : expr_expected(p, "'/' or the end");
}

static void count_packets(struct craft_expr *expr)
{
    expr->packets = 1;
    for (size_t i = 0; i < expr->count; i++) {
        for (size_t f = 0; f < expr->layer[i].type->field_count; f++) {
            const struct expr_field *field = &expr->layer[i].field[f];
            if (field->given && __builtin_mul_overflow(expr->packets, field->count, &expr->packets))
                expr->packets = UINT64_MAX;
        }
    }
}

int craft_parse(struct craft_expr **out, const char *text, size_t len, const struct craft_parse *config,
                struct craft_mistake *mistake)
{
    static const uint64_t random_key = 0x7261776f72646572; /* any number: the seed alone decides */
    struct craft_expr *expr = calloc(1, sizeof *expr);
    *out = NULL;
    if (expr == NULL)
        return -ENOMEM;
    expr->key = (struct hash_key){.k0 = config->seed, .k1 = random_key};
    struct expr_parse p = {.text = text, .len = len, .config = config, .mistake = mistake, .expr = expr};
    const int failed = parse_packet(&p);
    if (failed != 0) {
        craft_expr_free(expr);
        return failed;
    }
    count_packets(expr);
    *out = expr;
    return 0;
}
