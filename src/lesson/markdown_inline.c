#include <stdio.h>
#include <string.h>

#include "lesson/facts.h"
#include "lesson/markdown_private.h"

/* The signs inside a line: `code`, **strong**, *emphasis*, \escape, {fact}. */

void styled_free(struct styled *styled)
{
    buf_free(&styled->text);
    buf_free(&styled->styles);
}

static void put(struct styled *out, const void *text, size_t len, enum inline_style style)
{
    buf_append(&out->text, text, len);
    for (size_t i = 0; i < len; i++)
        buf_char(&out->styles, (char)style);
}

/* "{name}": its length, and the name. 0 where the text does not begin with one. */
static size_t fact_len(const char *text, size_t len, char name[64])
{
    const char *close = len > 2 && text[0] == '{' ? memchr(text, '}', len) : NULL;
    const size_t n = close != NULL ? (size_t)(close - text) - 1 : 0;
    if (n == 0 || n > 63 || !facts_is_name(text + 1, n))
        return 0;
    memcpy(name, text + 1, n);
    name[n] = '\0';
    return n + 2;
}

/* Put the value of the fact that the text begins with; returns the length of its name in braces, 0 where
 * there is none. A name in code that is no fact is code. */
static size_t put_fact(struct styled *out, const char *text, size_t len, const json_t *facts,
                       enum inline_style style, char missing[64])
{
    char name[64];
    const size_t n = fact_len(text, len, name);
    if (n == 0)
        return 0;
    const json_t *value = json_object_get(facts, name);
    struct buf printed = {0};
    if (value == NULL) {
        if (style == INLINE_CODE)
            return 0;
        snprintf(missing, 64, "%s", name);
        put(out, text, n, style);
        return n;
    }
    facts_print(&printed, value);
    put(out, printed.data, printed.len, style == INLINE_PLAIN ? INLINE_STRONG : style);
    out->text.failed = out->text.failed || printed.failed;
    buf_free(&printed);
    return n;
}

static void put_code(struct styled *out, const char *text, size_t len, const json_t *facts)
{
    char unused[64];
    for (size_t i = 0; i < len;) {
        const size_t n = put_fact(out, text + i, len - i, facts, INLINE_CODE, unused);
        if (n == 0)
            put(out, text + i, 1, INLINE_CODE);
        i += n == 0 ? 1 : n;
    }
}

void inline_code_line(struct styled *out, const char *text, size_t len, const json_t *facts)
{
    put_code(out, text, len, facts);
}

/* A span of code begins and ends with the same number of backticks. Returns its length, 0 where there is
 * none; `begin` and `end` of what stands in it. */
static size_t code_span(const char *text, size_t *begin, size_t *end)
{
    const size_t ticks = strspn(text, "`");
    if (ticks == 0)
        return 0;
    for (const char *at = text + ticks; (at = strchr(at, '`')) != NULL;) {
        const size_t n = strspn(at, "`");
        if (n == ticks) {
            *begin = ticks;
            *end = (size_t)(at - text);
            return *end + ticks;
        }
        at += n;
    }
    return 0;
}

/* Does a sign of `count` stars open at `text`? It does where a word follows and such a sign closes later. */
static bool opens(const char *text, size_t count)
{
    const char *star = count == 2 ? "**" : "*";
    if (strspn(text, "*") != count || text[count] == ' ' || text[count] == '\0')
        return false;
    for (const char *at = text + count; (at = strstr(at, star)) != NULL;) {
        const size_t n = strspn(at, "*");
        if (n == count && at[-1] != ' ')
            return true;
        at += n;
    }
    return false;
}

struct line {
    struct styled *out;
    const json_t *facts;
    bool signs;
    enum inline_style style;
};

/* Stars at `text`; returns how many bytes they took, 0 where they are none. One sign of emphasis is enough
 * where there is no colour. */
static size_t take_stars(struct line *line, const char *text)
{
    const size_t count = strspn(text, "*");
    const enum inline_style wanted = count == 2 ? INLINE_STRONG : INLINE_EMPHASIS;
    if (count == 0 || count > 2 ||
        (line->style != wanted && (line->style != INLINE_PLAIN || !opens(text, count))))
        return 0;
    if (line->signs)
        put(line->out, "*", 1, wanted);
    line->style = line->style == wanted ? INLINE_PLAIN : wanted;
    return count;
}

static size_t take_code(struct line *line, const char *text)
{
    size_t begin, end;
    const size_t len = code_span(text, &begin, &end);
    if (len == 0)
        return 0;
    if (line->signs)
        put(line->out, "`", 1, INLINE_CODE);
    put_code(line->out, text + begin, end - begin, line->facts);
    if (line->signs)
        put(line->out, "`", 1, INLINE_CODE);
    return len;
}

void inline_parse(struct styled *out, const char *text, const json_t *facts, bool signs, char missing[64])
{
    struct line line = {.out = out, .facts = facts, .signs = signs};
    while (*text != '\0') {
        size_t n = take_code(&line, text);
        if (n == 0)
            n = take_stars(&line, text);
        if (n == 0)
            n = put_fact(out, text, strlen(text), facts, line.style, missing);
        if (n == 0) {
            const bool escape = text[0] == '\\' && text[1] != '\0' && strchr("\\`*{}-#", text[1]) != NULL;
            put(out, text + escape, 1, line.style);
            n = 1 + (size_t)escape;
        }
        text += n;
    }
}

void inline_mentions(const char *text, bool code, void (*tell)(void *context, const char *name, bool in_code),
                     void *context)
{
    char name[64];
    while (*text != '\0') {
        size_t begin = 0, end = 0;
        const size_t span = code ? 0 : code_span(text, &begin, &end);
        size_t n = span == 0 ? fact_len(text, strlen(text), name) : 0;
        if (n > 0)
            tell(context, name, code);
        for (size_t i = begin; i < end; i++) {
            if (fact_len(text + i, end - i, name) > 0)
                tell(context, name, true);
        }
        text += span > 0 ? span : n > 0 ? n : 1;
    }
}
