#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unilbrk.h>

#include "base/text.h"
#include "lesson/markdown_private.h"

/* A section in a terminal. Lines are broken where Unicode allows it (UAX 14), so that Chinese text breaks
 * between characters, but never before its punctuation. */

#define ITEM_INDENT 2
#define CODE_INDENT 2

struct layout {
    struct buf *out;
    const struct markdown_style *style;
    const json_t *facts;
    char missing[64];
};

static void spaces(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_char(out, ' ');
}

static const char *sgr(int style)
{
    static const char *const codes[] = {"", "\x1b[1m", "\x1b[3m", "\x1b[36m"};
    return codes[style];
}

/* The bytes [begin, end) of a styled text, in colour or without. */
static void put_styled(struct layout *l, const struct styled *s, size_t begin, size_t end)
{
    while (begin < end) {
        const uint8_t style = s->styles.data[begin];
        size_t stop = begin;
        while (stop < end && s->styles.data[stop] == style)
            stop++;
        const bool dress = l->style->color && style != INLINE_PLAIN;
        buf_text(l->out, dress ? sgr(style) : "");
        buf_append(l->out, s->text.data + begin, stop - begin);
        buf_text(l->out, dress ? "\x1b[0m" : "");
        begin = stop;
    }
}

/* Inside code only a space is a place to break a line. */
static void mark_breaks(const struct styled *s, char *breaks)
{
    u8_possible_linebreaks(s->text.data, s->text.len, "UTF-8", breaks);
    for (size_t i = 1; i < s->text.len; i++) {
        if (s->styles.data[i] == INLINE_CODE && s->styles.data[i - 1] == INLINE_CODE &&
            s->text.data[i - 1] != ' ')
            breaks[i] = UC_BREAK_PROHIBITED;
    }
}

/* Where the line that begins at `begin` ends: behind the last break that fits, or, where there is none, at
 * the last character that does. */
static size_t line_end(const struct styled *s, const char *breaks, size_t begin, size_t columns)
{
    const char *text = (const char *)s->text.data;
    const size_t len = s->text.len;
    size_t fits = begin + text_fit(text + begin, len - begin, columns);
    if (fits == len)
        return len;
    /* A space behind the last word that fits needs no room. */
    size_t end = fits;
    while (end < len && text[end] == ' ')
        end++;
    while (end > begin && breaks[end] != UC_BREAK_POSSIBLE && breaks[end] != UC_BREAK_MANDATORY)
        end--;
    if (end > begin)
        return end;
    return fits > begin ? fits : begin + text_fit(text + begin, len - begin, columns + 1);
}

/* `first` columns are taken on the first line, the others are indented as far. */
static void wrap(struct layout *l, const struct styled *s, size_t indent)
{
    const size_t columns = l->style->columns > indent + 2 ? l->style->columns - indent : 2;
    char *breaks = malloc(s->text.len + 1);
    if (breaks == NULL || s->text.failed || s->styles.failed) {
        l->out->failed = true;
        free(breaks);
        return;
    }
    mark_breaks(s, breaks);
    for (size_t begin = 0; begin < s->text.len;) {
        size_t end = line_end(s, breaks, begin, columns), next = end;
        while (next < s->text.len && s->text.data[next] == ' ')
            next++;
        while (end > begin && s->text.data[end - 1] == ' ')
            end--;
        spaces(l->out, begin > 0 ? indent : 0);
        put_styled(l, s, begin, end);
        buf_char(l->out, '\n');
        begin = next;
    }
    free(breaks);
}

static void put_text(struct layout *l, const char *text, size_t indent)
{
    struct styled s = {0};
    inline_parse(&s, text, l->facts, !l->style->color, l->missing);
    wrap(l, &s, indent);
    styled_free(&s);
}

/* Code keeps its lines; one that does not fit goes on in the next. */
static void put_code(struct layout *l, const char *text)
{
    const size_t columns = l->style->columns > CODE_INDENT + 2 ? l->style->columns - CODE_INDENT : 2;
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        struct styled s = {0};
        inline_code_line(&s, text, len, l->facts);
        size_t at = 0;
        do {
            const size_t fits = text_fit((const char *)s.text.data + at, s.text.len - at, columns);
            size_t end = at + fits;
            while (end > at && s.text.data[end - 1] == ' ')
                end--;
            spaces(l->out, end > at ? CODE_INDENT : 0);
            put_styled(l, &s, at, end);
            buf_char(l->out, '\n');
            at += fits;
        } while (at < s.text.len);
        styled_free(&s);
        text += len;
        text += *text == '\n';
    }
}

static void put_block(struct layout *l, const struct block *block)
{
    if (block->kind == BLOCK_CODE) {
        put_code(l, block->text);
    } else if (block->kind == BLOCK_ITEM) {
        spaces(l->out, ITEM_INDENT);
        buf_text(l->out, block->bullet);
        buf_char(l->out, ' ');
        put_text(l, block->text, ITEM_INDENT + strlen(block->bullet) + 1);
    } else
        put_text(l, block->text, 0);
}

/* In bold, with a line below it. */
static void put_heading(struct layout *l, const char *heading)
{
    struct styled s = {0};
    size_t width = 0;
    inline_parse(&s, heading, l->facts, true, l->missing);
    width = text_width((const char *)s.text.data, s.text.len);
    if (s.styles.len > 0)
        memset(s.styles.data, INLINE_STRONG, s.styles.len);
    wrap(l, &s, 0);
    for (size_t i = 0; i < width && i < l->style->columns; i++)
        buf_text(l->out, "─");
    buf_char(l->out, '\n');
    styled_free(&s);
}

static int finish(const struct layout *l, const struct markdown *md, const char *section, struct sd_err *err)
{
    if (l->out->failed)
        return sd_fail(err, ENOMEM, "out of memory");
    if (l->missing[0] == '\0')
        return 0;
    return sd_fail(err, ENOENT, "%s: section %s speaks of {%s}, which no step before it has found", md->name,
                   section, l->missing);
}

int markdown_section(struct buf *out, const struct markdown *md, const char *section, unsigned parts,
                     const json_t *facts, const struct markdown_style *style, struct sd_err *err)
{
    struct layout l = {.out = out, .style = style, .facts = facts};
    const struct section *s = section_find(md, section);
    bool first = true;
    if (s == NULL)
        return sd_fail(err, ENOENT, "%s has no section %s", md->name, section);
    if (parts & MARKDOWN_HEADING) {
        put_heading(&l, s->heading);
        first = false;
    }
    for (size_t i = 0; i < s->block_count; i++) {
        const struct block *block = &s->blocks[i];
        if ((parts & (block->mark != NULL ? MARKDOWN_CHOICES : MARKDOWN_BODY)) == 0)
            continue;
        if (!first &&
            (i == 0 || block->apart || block->kind != BLOCK_ITEM || s->blocks[i - 1].kind != BLOCK_ITEM))
            buf_char(out, '\n');
        put_block(&l, block);
        first = false;
    }
    return finish(&l, md, section, err);
}

int markdown_item(struct buf *out, const struct markdown *md, const char *section, const char *mark,
                  const json_t *facts, const struct markdown_style *style, struct sd_err *err)
{
    struct layout l = {.out = out, .style = style, .facts = facts};
    const struct section *s = section_find(md, section);
    for (size_t i = 0; s != NULL && i < s->block_count; i++) {
        if (s->blocks[i].mark != NULL && strcmp(s->blocks[i].mark, mark) == 0)
            put_text(&l, s->blocks[i].text, 0);
    }
    return finish(&l, md, section, err);
}
