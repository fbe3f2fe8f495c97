#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "craft/expr_private.h"

/* Numbers, words, flags and addresses. */

/* ---- numbers ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decimal, or 0x and hexadecimal digits; what is past 64 bits becomes some number past 64 bits. */
static bool number_of(const char *text, size_t len, expr_number *out)
{
    const bool hex = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const unsigned base = hex ? 16 : 10;
    expr_number n = 0;
    if (len == 0)
        return false;
    for (size_t i = hex ? 2 : 0; i < len; i++) {
        const int digit = digit_of(text[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        if (n <= UINT64_MAX)
            n = n * base + (unsigned)digit;
    }
    *out = n;
    return true;
}

int expr_plain_number(struct expr_parse *p, const char *name, expr_number most, expr_number *out)
{
    char quote[EXPR_QUOTE];
    expr_peek(p);
    const bool minus = p->at < p->len && p->text[p->at] == '-';
    const size_t len = expr_run(p, minus);
    if (len == 0)
        return expr_expected(p, "a number");
    expr_quote(quote, p->text + p->at, len);
    const bool is_number = number_of(p->text + p->at, len, out);
    if (!is_number && !minus && (p->text[p->at] < '0' || p->text[p->at] > '9'))
        return expr_wrong(p, p->at, len, "'%s' is no number: %s takes 0 to %" PRIu64, quote, name,
                          (uint64_t)most);
    if (!is_number || *out > most)
        return expr_wrong(p, p->at, len, "%s takes 0 to %" PRIu64 ", not %s", name, (uint64_t)most, quote);
    p->at += len;
    return 0;
}

/* ---- words ---- */

static const struct craft_name *name_of(const struct craft_name *names, const char *word, size_t len)
{
    for (; names != NULL && names->name != NULL; names++) {
        if (strlen(names->name) == len && memcmp(names->name, word, len) == 0)
            return names;
    }
    return NULL;
}

static int unknown_name(struct expr_parse *p, const struct craft_field *field, size_t len)
{
    char quote[EXPR_QUOTE];
    struct expr_nearest nearest = {.word = p->text + p->at, .len = len};
    expr_wrong(p, p->at, len, "%s has no value '%s'", field->name, expr_quote(quote, p->text + p->at, len));
    for (const struct craft_name *n = field->names; n->name != NULL; n++) {
        expr_allow(p, n->name);
        expr_offer(&nearest, n->name);
    }
    expr_suggest(p, &nearest);
    return -EINVAL;
}

static int parse_number(struct expr_parse *p, const struct craft_field *field, expr_number *out)
{
    const size_t run = expr_run(p, true);
    const struct craft_name *name = name_of(field->names, p->text + p->at, run);
    if (name != NULL) {
        *out = name->value;
        p->at += run;
        return 0;
    }
    if (field->names != NULL && run > 0 && p->text[p->at] != '-' &&
        (p->text[p->at] < '0' || p->text[p->at] > '9'))
        return unknown_name(p, field, run);
    return expr_plain_number(p, field->name, expr_most(field), out);
}

/* ---- flags ---- */

/* "SA": each letter is a flag's name. */
static bool letters_of(const struct craft_name *names, const char *word, size_t len, uint64_t *bits)
{
    for (size_t i = 0; i < len; i++) {
        const struct craft_name *name = name_of(names, word + i, 1);
        if (name == NULL)
            return false;
        *bits |= name->value;
    }
    return true;
}

/* Words that "+" joins, each a flag's name or letters. */
static int parse_flags(struct expr_parse *p, const struct craft_field *field, expr_number *out)
{
    uint64_t bits = 0;
    size_t len;
    if (field->names == NULL || (p->at < p->len && p->text[p->at] >= '0' && p->text[p->at] <= '9'))
        return expr_plain_number(p, field->name, expr_most(field), out);
    do {
        const size_t run = expr_run(p, false);
        const char *plus = memchr(p->text + p->at, '+', run);
        len = plus != NULL ? (size_t)(plus - (p->text + p->at)) : run;
        if (len == 0)
            return expr_expected(p, "a flag");
        const struct craft_name *name = name_of(field->names, p->text + p->at, len);
        if (name != NULL)
            bits |= name->value;
        else if (!letters_of(field->names, p->text + p->at, len, &bits))
            return unknown_name(p, field, len);
        p->at += len;
    } while (p->at < p->len && p->text[p->at] == '+' && p->at++ < p->len);
    *out = bits;
    return 0;
}

/* ---- addresses ---- */

static expr_number number_of_bytes(const uint8_t *bytes, size_t len)
{
    expr_number n = 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | bytes[i];
    return n;
}

static bool mac_of(const char *text, size_t len, expr_number *out)
{
    size_t at = 0;
    *out = 0;
    for (unsigned group = 0; group < 6; group++) {
        unsigned octet = 0, digits = 0;
        if (group > 0 && (at >= len || text[at++] != ':'))
            return false;
        for (; at < len && digits < 2 && digit_of(text[at]) >= 0; at++, digits++)
            octet = octet << 4 | (unsigned)digit_of(text[at]);
        if (digits == 0)
            return false;
        *out = *out << 8 | octet;
    }
    return at == len;
}

static int parse_mac(struct expr_parse *p, const struct craft_field *field, expr_number *out)
{
    char quote[EXPR_QUOTE];
    const size_t len = expr_run(p, false);
    if (len == 0)
        return expr_expected(p, "a MAC address");
    if (!mac_of(p->text + p->at, len, out))
        return expr_wrong(p, p->at, len, "'%s' is no MAC address: %s takes six pairs as 02:00:00:00:00:01",
                          expr_quote(quote, p->text + p->at, len), field->name);
    p->at += len;
    return 0;
}

static bool address_of(const char *text, size_t len, int family, expr_number *out)
{
    char word[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    if (len == 0 || len >= sizeof word)
        return false;
    memcpy(word, text, len);
    word[len] = '\0';
    if (memchr(word, '\0', len) != NULL || inet_pton(family, word, bytes) != 1)
        return false;
    *out = number_of_bytes(bytes, family == AF_INET ? 4 : 16);
    return true;
}

/* Digits and points, or colons: meant as an address, so that nobody is asked for its name. */
static bool looks_numeric(const char *text, size_t len)
{
    bool letters = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':')
            return true;
        letters |= text[i] != '.' && (text[i] < '0' || text[i] > '9');
    }
    return !letters;
}

#define HOST_MOST 255 /* RFC 1035, 2.3.4 */

static int resolve(struct expr_parse *p, const struct craft_field *field, size_t len, expr_number *out)
{
    char quote[EXPR_QUOTE], name[HOST_MOST + 1];
    uint8_t address[16] = {0};
    struct sd_err err = {0};
    const bool is4 = field->kind == CRAFT_IP4;
    const char *text = p->text + p->at;
    expr_quote(quote, text, len);
    if (len > HOST_MOST || looks_numeric(text, len) || p->config->resolve == NULL)
        return expr_wrong(p, p->at, len, "'%s' is no %s address, and %s takes one", quote,
                          is4 ? "IPv4" : "IPv6", field->name);
    memcpy(name, text, len);
    name[len] = '\0';
    const int failed = p->config->resolve(p->config->context, name, is4 ? 4 : 6, address, &err);
    if (failed == -ENOMEM)
        return failed;
    if (failed != 0)
        return expr_wrong(p, p->at, len, "%s",
                          err.text[0] != '\0' ? err.text : _("this name has no address"));
    *out = number_of_bytes(address, is4 ? 4 : 16);
    p->at += len;
    return 0;
}

/* An address may be followed by a dash and another one; in a name dashes are letters. */
static int parse_address(struct expr_parse *p, const struct craft_field *field, expr_number *out)
{
    const int family = field->kind == CRAFT_IP4 ? AF_INET : AF_INET6;
    const size_t len = expr_run(p, false), dashed = expr_run(p, true);
    if (dashed == 0)
        return expr_expected(p, family == AF_INET ? N_("an IPv4 address") : N_("an IPv6 address"));
    if (!address_of(p->text + p->at, len, family, out)) {
        const bool numeric = looks_numeric(p->text + p->at, len) && len > 0;
        return resolve(p, field, numeric ? len : dashed, out);
    }
    p->at += len;
    return 0;
}

int expr_scalar(struct expr_parse *p, const struct craft_field *field, expr_number *out)
{
    expr_peek(p);
    switch (field->kind) {
    case CRAFT_NUMBER:
        return parse_number(p, field, out);
    case CRAFT_FLAGS:
        return parse_flags(p, field, out);
    case CRAFT_MAC:
        return parse_mac(p, field, out);
    case CRAFT_IP4:
    case CRAFT_IP6:
        return parse_address(p, field, out);
    case CRAFT_OPTIONS:
    case CRAFT_BYTES:
        break;
    }
    return expr_wrong(p, p->at, 1, "%s takes no number", field->name);
}
