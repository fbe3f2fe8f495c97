#include "view/prose.h"

#include <stdlib.h>
#include <string.h>
#include <unilbrk.h>
#include <unistr.h>

#include "base/text.h"
#include "view/glyphs.h"

const struct glyphs *glyphs_of(bool ascii)
{
    static const struct glyphs unicode = {"┃", "─", "·", "…", "▲", "✗", "✓", "•", "→", "–"};
    static const struct glyphs plain = {"|", "-", ".", ">", "^", "x", "+", "*", "->", "-"};
    return ascii ? &plain : &unicode;
}

#define NARROW_SPACE 0x202f

static const struct {
    ucs4_t uc;
    const char *ascii;
} forms[] = {
    {NARROW_SPACE, " "}, {0xb5, "u"},       {0xd7, "x"},   {0x2013, "-"}, {0x2026, "..."},
    {0x2192, "->"},      {0x21bb, "again"}, {0x2500, "-"}, {0x2503, "|"}, {0x25b2, "^"},
    {0x2713, "+"},       {0x2717, "x"},     {0x2022, "*"}, {0xb7, "."},
};

static void put_ascii(struct buf *out, ucs4_t uc)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].uc == uc) {
            buf_text(out, forms[i].ascii);
            return;
        }
    }
    buf_printf(out, "\\u{%04x}", (unsigned)uc);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The narrow space groups digits, where ASCII has nothing as good, and stands before units. */
static bool groups_digits(const char *text, size_t i, size_t next)
{
    return i > 0 && is_digit(text[i - 1]) && is_digit(text[next]);
}

void prose_ascii(struct buf *out, const char *text)
{
    const size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        ucs4_t uc;
        int n = u8_mbtoucr(&uc, (const uint8_t *)text + i, len - i);
        if (n <= 0)
            buf_printf(out, "\\x%02x", (unsigned)(uint8_t)text[i]);
        else if (uc < 0x80)
            buf_char(out, (char)uc);
        else if (uc != NARROW_SPACE || !groups_digits(text, i, i + (size_t)n))
            put_ascii(out, uc);
        i += n <= 0 ? 1 : (size_t)n;
    }
}

static void spaces(struct buf *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_char(out, ' ');
}

/* Put one word; a new line where it does not fit into this one. Returns the column behind it. */
static unsigned put_word(struct buf *out, const char *word, size_t len, unsigned at, unsigned indent,
                         unsigned columns)
{
    const size_t width = text_width(word, len);
    if (at > indent && at + width > columns) {
        buf_char(out, '\n');
        spaces(out, indent);
        at = indent;
    }
    while (at + text_width(word, len) > columns) {
        size_t fits = text_fit(word, len, columns - at);
        if (fits == 0) /* not even one character: better too wide than never done */
            break;
        buf_append(out, word, fits);
        buf_char(out, '\n');
        spaces(out, indent);
        at = indent;
        word += fits;
        len -= fits;
    }
    buf_append(out, word, len);
    return at + (unsigned)text_width(word, len);
}

/* A piece stands on one line: a word; in scripts without spaces what may not be parted there (UAX 14: no line
 * begins with a comma). Words of narrow letters are not parted, also where UAX 14 would: "--json". */
static size_t piece_len(const char *text, size_t len, const char *breaks)
{
    bool was_wide = false;
    size_t i = 0;
    while (i < len && text[i] != ' ') {
        const int n = u8_mblen((const uint8_t *)text + i, len - i);
        const size_t step = n > 0 ? (size_t)n : 1;
        const bool wide = step > 1 && text_width(text + i, step) == 2;
        if (i > 0 && (wide || was_wide) && breaks[i] == UC_BREAK_POSSIBLE)
            break;
        was_wide = wide;
        i += step;
    }
    return i;
}

void prose_wrap(struct buf *out, const char *text, unsigned at, unsigned indent, unsigned columns)
{
    const size_t len = strlen(text);
    char *breaks = malloc(len + 1);
    bool first = true, spaced = false;
    if (breaks == NULL) {
        out->failed = true;
        return;
    }
    u8_possible_linebreaks((const uint8_t *)text, len, "UTF-8", breaks);
    for (size_t i = 0; i < len;) {
        const size_t piece = piece_len(text + i, len - i, breaks + i);
        if (piece > 0) {
            const unsigned width = (unsigned)text_width(text + i, piece);
            if (!first && at + spaced + width > columns) {
                buf_char(out, '\n');
                spaces(out, indent);
                at = indent;
            } else if (!first && spaced) {
                buf_char(out, ' ');
                at++;
            }
            at = put_word(out, text + i, piece, at, indent, columns);
            first = false;
        }
        i += piece;
        spaced = i < len && text[i] == ' ';
        i += spaced;
    }
    buf_char(out, '\n');
    free(breaks);
}

void prose_pad(struct buf *out, const char *text, unsigned columns)
{
    const size_t len = text_fit(text, strlen(text), columns);
    const size_t width = text_width(text, len);
    buf_append(out, text, len);
    spaces(out, columns - (unsigned)width);
}
