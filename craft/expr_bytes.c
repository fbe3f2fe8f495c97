#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistr.h>

#include "base/i18n.h"
#include "craft/expr_private.h"

/* Bytes in an expression: strings, hex(…), fill(…). */

static bool call_of(struct expr_parse *p, const char *name)
{
    const size_t len = strlen(name), at = p->at;
    if (expr_run(p, true) != len || memcmp(p->text + at, name, len) != 0)
        return false;
    p->at += len;
    const bool is_call = expr_take(p, '(');
    if (!is_call)
        p->at = at;
    return is_call;
}

/* "text", 'text', and Python's b"text". */
static bool begins_string(struct expr_parse *p)
{
    const char first = expr_peek(p);
    const char quote = first == 'b' && p->at + 1 < p->len ? p->text[p->at + 1] : first;
    return quote == '"' || quote == '\'';
}

bool expr_begins_bytes(struct expr_parse *p)
{
    if (begins_string(p))
        return true;
    const size_t at = p->at;
    const bool begins = call_of(p, "hex") || call_of(p, "fill");
    p->at = at;
    return begins;
}

static int too_long(struct expr_parse *p, size_t begin, uint64_t len)
{
    return expr_wrong(p, begin, p->at - begin, "these are %" PRIu64 " bytes; a packet has room for %d", len,
                      CRAFT_EXPR_BYTES);
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal digits at p->at, at least one and at most `most`. */
static bool take_hex(struct expr_parse *p, unsigned most, uint32_t *out)
{
    unsigned n = 0;
    *out = 0;
    for (; n < most && p->at < p->len && hex_digit(p->text[p->at]) >= 0; n++)
        *out = *out << 4 | (uint32_t)hex_digit(p->text[p->at++]);
    return n > 0;
}

/* \u{1f4e6}: the character, as UTF-8. */
static bool take_character(struct expr_parse *p, struct buf *out)
{
    uint32_t code;
    uint8_t utf8[6];
    if (p->at >= p->len || p->text[p->at++] != '{' || !take_hex(p, 6, &code))
        return false;
    if (p->at >= p->len || p->text[p->at++] != '}')
        return false;
    const int len = u8_uctomb(utf8, code, sizeof utf8);
    if (len > 0)
        buf_append(out, utf8, (size_t)len);
    return len > 0;
}

/* What follows a backslash. */
static bool take_escape(struct expr_parse *p, struct buf *out)
{
    static const char letters[] = "ntr0\"'\\", meant[] = "\n\t\r\0\"'\\";
    uint32_t byte;
    if (p->at >= p->len)
        return false;
    const char c = p->text[p->at++];
    if (c == 'u')
        return take_character(p, out);
    if (c == 'x') {
        const size_t begin = p->at;
        if (!take_hex(p, 2, &byte) || p->at - begin != 2)
            return false;
        buf_char(out, (char)byte);
        return true;
    }
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    if (letter != NULL)
        buf_char(out, meant[letter - letters]);
    return letter != NULL;
}

static int parse_string(struct expr_parse *p, struct buf *out)
{
    const size_t begin = p->at;
    p->at += p->text[p->at] == 'b';
    const char quote = p->text[p->at++];
    while (p->at < p->len && p->text[p->at] != quote) {
        const size_t at = p->at;
        if (p->text[p->at] != '\\') {
            buf_char(out, p->text[p->at++]);
            continue;
        }
        p->at++;
        if (!take_escape(p, out)) {
            expr_wrong(p, at, p->at - at, "this is no escape of a string");
            static const char *const escapes[] = {"\\n",  "\\t",  "\\r",   "\\0",
                                                  "\\\"", "\\\\", "\\x41", "\\u{7c98}"};
            for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
                expr_allow(p, escapes[i]);
            return -EINVAL;
        }
    }
    if (p->at >= p->len)
        return expr_wrong(p, begin, p->len - begin, "this string has no closing '%c'", quote);
    p->at++;
    return 0;
}

/* "ab"*3: the string so many times. */
static int parse_times(struct expr_parse *p, size_t begin, struct buf *out)
{
    const size_t once = out->len;
    expr_number times = 1;
    if (!expr_take(p, '*'))
        return 0;
    const int failed = expr_plain_number(p, "the count", CRAFT_EXPR_BYTES, &times);
    if (failed != 0)
        return failed;
    const uint64_t all = (uint64_t)once * (uint64_t)times;
    if (all > CRAFT_EXPR_BYTES)
        return too_long(p, begin, all);
    if (all > once && !buf_reserve(out, (size_t)all - once))
        return -ENOMEM;
    for (out->len = all > 0 ? once : 0; out->len < all; out->len += once)
        memcpy(out->data + out->len, out->data, once);
    return 0;
}

/* ---- hex(…), fill(…) ---- */

static int parse_hex(struct expr_parse *p, struct buf *out)
{
    uint32_t byte;
    const char quote = expr_take_quote(p), end = quote != '\0' ? quote : ')';
    while (!expr_take(p, end)) {
        const size_t begin = p->at;
        if (p->at >= p->len || hex_digit(p->text[p->at]) < 0)
            return expr_expected(p, end == ')'   ? N_("two hexadecimal digits or ')'")
                                    : end == '"' ? N_("two hexadecimal digits or '\"'")
                                                 : N_("two hexadecimal digits or '''"));
        take_hex(p, 2, &byte);
        if (p->at - begin != 2)
            return expr_wrong(p, begin, 1, "a byte has two hexadecimal digits");
        buf_char(out, (char)byte);
    }
    return end == ')' || expr_take(p, ')') ? 0 : expr_expected(p, "')'");
}

static int parse_fill(struct expr_parse *p, struct buf *out)
{
    expr_number count = 0, byte = 0;
    int failed = expr_plain_number(p, "the count of fill()", CRAFT_EXPR_BYTES, &count);
    if (failed == 0 && expr_take(p, ','))
        failed = expr_plain_number(p, "the byte of fill()", UINT8_MAX, &byte);
    if (failed != 0)
        return failed;
    if (!expr_take(p, ')'))
        return expr_expected(p, "',' or ')'");
    if (count > 0 && buf_reserve(out, (size_t)count)) {
        memset(out->data + out->len, (int)byte, (size_t)count);
        out->len += (size_t)count;
    }
    return 0;
}

/* ---- any of them ---- */

static int keep(struct expr_parse *p, size_t begin, const struct buf *data, const uint8_t **bytes)
{
    if (data->failed)
        return -ENOMEM;
    if (data->len > CRAFT_EXPR_BYTES)
        return too_long(p, begin, data->len);
    if (data->len > CRAFT_EXPR_HELD - p->held)
        return expr_wrong(p, begin, p->at - begin, "all bytes of an expression together are at most %d",
                          CRAFT_EXPR_HELD);
    p->held += data->len;
    uint8_t *kept = arena_alloc(&p->expr->arena, data->len + 1);
    if (kept == NULL)
        return -ENOMEM;
    if (data->len > 0)
        memcpy(kept, data->data, data->len);
    *bytes = kept;
    return 0;
}

int expr_bytes(struct expr_parse *p, const uint8_t **bytes, size_t *len)
{
    struct buf data = {0};
    const bool is_string = begins_string(p);
    const size_t begin = p->at;
    int failed;
    if (is_string)
        failed = parse_string(p, &data);
    else if (call_of(p, "hex"))
        failed = parse_hex(p, &data);
    else if (call_of(p, "fill"))
        failed = parse_fill(p, &data);
    else
        failed = expr_expected(p, "\"text\", hex(…) or fill(…)");
    if (failed == 0 && is_string)
        failed = parse_times(p, begin, &data);
    if (failed == 0)
        failed = keep(p, begin, &data, bytes);
    *len = data.len;
    buf_free(&data);
    return failed;
}
