#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "craft/expr_private.h"

/* What is said of a wrong expression, and how its place is shown. */

const char *expr_quote(char out[EXPR_QUOTE], const char *text, size_t len)
{
    struct buf safe = {0};
    text_escape(&safe, text, len < EXPR_QUOTE ? len : EXPR_QUOTE);
    const char *from = buf_cstr(&safe);
    const size_t room = EXPR_QUOTE - 4, fit = text_fit(from, strlen(from), 40);
    if (fit == strlen(from) && fit <= room && len < EXPR_QUOTE)
        snprintf(out, EXPR_QUOTE, "%s", from);
    else
        snprintf(out, EXPR_QUOTE, "%.*s…", (int)text_fit(from, fit < room ? fit : room, 40), from);
    buf_free(&safe);
    return out;
}

int expr_wrong(struct expr_parse *p, size_t at, size_t len, const char *format, ...)
{
    struct craft_mistake *m = p->mistake;
    m->at = at < p->len ? at : p->len;
    m->len = len > 0 ? len : 1;
    m->allowed[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->text, sizeof m->text, _(format), arguments);
    va_end(arguments);
    return -EINVAL;
}

int expr_expected(struct expr_parse *p, const char *what)
{
    expr_peek(p);
    if (p->at >= p->len)
        return expr_wrong(p, p->at, 1, "the expression ends where %s should stand", _(what));
    size_t len = expr_run(p, true);
    if (len == 0)
        len = 1; /* a sign: what is no ASCII belongs to words */
    char quote[EXPR_QUOTE];
    return expr_wrong(p, p->at, len, "%s should stand here, not '%s'", _(what),
                      expr_quote(quote, p->text + p->at, len));
}

void expr_allow(struct expr_parse *p, const char *name)
{
    char *allowed = p->mistake->allowed;
    const size_t room = sizeof p->mistake->allowed, have = strlen(allowed);
    static const char more[] = ", …";
    if (have >= strlen(more) && strcmp(allowed + have - strlen(more), more) == 0)
        return;
    if (have + strlen(name) + 2 + sizeof more > room)
        snprintf(allowed + have, room - have, "%s", more);
    else
        snprintf(allowed + have, room - have, "%s%s", have > 0 ? ", " : "", name);
}

/* A name that has nearly as many wrong letters as letters is no help. */
void expr_offer(struct expr_nearest *nearest, const char *name)
{
    const size_t d = text_distance(nearest->word, nearest->len, name);
    const size_t bound = nearest->len <= 3 ? 2 : 4;
    if (d >= bound || d >= nearest->len || (nearest->name != NULL && d >= nearest->distance))
        return;
    nearest->distance = d;
    nearest->name = name;
}

void expr_suggest(struct expr_parse *p, const struct expr_nearest *nearest)
{
    char *text = p->mistake->text;
    const size_t have = strlen(text);
    if (nearest->name != NULL)
        snprintf(text + have, sizeof p->mistake->text - have, _("; did you mean '%s'?"), nearest->name);
}

/* ---- the two lines ---- */

/* The text as it is shown: escaped, and where the wrong bytes lie in that. */
struct shown {
    struct buf text;
    size_t at, len; /* bytes of the escaped text; `at` may be its end */
};

/* As the user typed it: a backslash is no escape here. */
static void put_typed(struct buf *out, const char *text, size_t len)
{
    while (len > 0) {
        const char *slash = memchr(text, '\\', len);
        const size_t plain = slash != NULL ? (size_t)(slash - text) : len;
        text_escape(out, text, plain);
        if (slash != NULL)
            buf_char(out, '\\');
        text += plain + (slash != NULL);
        len -= plain + (slash != NULL);
    }
}

static void show(struct shown *s, const char *text, size_t len, const struct craft_mistake *mistake)
{
    const size_t at = mistake->at < len ? mistake->at : len;
    const size_t wrong = mistake->len < len - at ? mistake->len : len - at;
    put_typed(&s->text, text, at);
    s->at = s->text.len;
    put_typed(&s->text, text + at, wrong);
    s->len = s->text.len - s->at;
    put_typed(&s->text, text + at + wrong, len - at - wrong);
}

/* Bytes to leave out in front so that what follows, up to `end`, takes at most `columns`. */
static size_t cut_front(const char *text, size_t end, size_t columns)
{
    size_t from = 0, width = text_width(text, end);
    while (from < end && width > columns) {
        size_t step = text_fit(text + from, end - from, 1);
        if (step == 0)
            step = text_fit(text + from, end - from, 2);
        if (step == 0)
            step = 1;
        width -= text_width(text + from, step);
        from += step;
    }
    return from;
}

/* A third of the line may stand behind the place; the rest is in front of it. */
void craft_mistake_print(const char *text, size_t len, const struct craft_mistake *mistake, unsigned columns,
                         struct buf *out)
{
    enum {
        INDENT = 2,
        ELLIPSIS = 1
    };
    struct shown s = {.at = 0};
    show(&s, text, len, mistake);
    const char *line = buf_cstr(&s.text);
    const size_t total = s.text.failed ? 0 : s.text.len;
    /* A place behind the last byte takes a column, too. */
    const size_t room = (columns > 20 + INDENT ? columns - INDENT : 20) - (s.len == 0);
    size_t from = 0;
    if (text_width(line, total) > room) {
        const size_t wrong = text_width(line + s.at, s.len), behind = wrong < room / 2 ? room / 3 : 0;
        from = cut_front(line, s.at, room - ELLIPSIS * 2 - behind - (wrong < room / 2 ? wrong : room / 2));
    }
    const size_t lead = from > 0 ? ELLIPSIS : 0;
    size_t shown_len = total - from;
    const bool cut = text_width(line + from, shown_len) + lead > room;
    if (cut)
        shown_len = text_fit(line + from, shown_len, room - lead - ELLIPSIS);
    buf_printf(out, "%*s%s%.*s%s\n", INDENT, "", from > 0 ? "…" : "", (int)shown_len, line + from,
               cut ? "…" : "");
    const size_t column = INDENT + lead + text_width(line + from, s.at - from);
    const size_t seen = s.at - from + s.len < shown_len ? s.len : shown_len - (s.at - from);
    size_t carets = text_width(line + s.at, seen);
    buf_printf(out, "%*s", (int)column, "");
    for (carets = carets > 0 ? carets : 1; carets > 0; carets--)
        buf_char(out, '^');
    buf_char(out, '\n');
    buf_free(&s.text);
}
