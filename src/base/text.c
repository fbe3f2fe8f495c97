#include "base/text.h"

#include <stdbool.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

/* Decode one character; returns its length in bytes, or 0 with *uc = the byte where it is no UTF-8. */
static size_t next_char(const char *text, size_t len, ucs4_t *uc)
{
    *uc = (uint8_t)text[0];
    if (*uc < 0x80)
        return 1;
    int n = u8_mbtoucr(uc, (const uint8_t *)text, len);
    if (n > 0)
        return (size_t)n;
    *uc = (uint8_t)text[0];
    return 0;
}

static size_t char_width(ucs4_t uc)
{
    if (uc >= 0x20 && uc < 0x7f)
        return 1;
    int width = uc_width(uc, "UTF-8");
    return width < 0 ? 0 : (size_t)width;
}

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len;) {
        ucs4_t uc;
        size_t n = next_char(text + i, len - i, &uc);
        width += n == 0 ? 1 : char_width(uc);
        i += n == 0 ? 1 : n;
    }
    return width;
}

size_t text_fit(const char *text, size_t len, size_t columns)
{
    size_t i = 0;
    while (i < len) {
        ucs4_t uc;
        size_t n = next_char(text + i, len - i, &uc);
        size_t width = n == 0 ? 1 : char_width(uc);
        if (width > columns)
            break;
        columns -= width;
        i += n == 0 ? 1 : n;
    }
    return i;
}

/* Characters that move the cursor, end a line or turn the reading direction: C0, DEL, C1, line and paragraph
 * separators, the bidirectional controls (Unicode TR9) and invisible tags. */
static bool is_unsafe(ucs4_t uc)
{
    return uc < 0x20 || (uc >= 0x7f && uc < 0xa0) || (uc >= 0x200b && uc <= 0x200f) ||
           (uc >= 0x2028 && uc <= 0x202e) || (uc >= 0x2060 && uc <= 0x206f) || uc == 0x061c || uc == 0xfeff ||
           (uc >= 0xe0000 && uc <= 0xe007f);
}

static void escape_char(struct buf *out, ucs4_t uc)
{
    if (uc == '\n')
        buf_text(out, "\\n");
    else if (uc == '\t')
        buf_text(out, "\\t");
    else if (uc == '\r')
        buf_text(out, "\\r");
    else if (uc < 0x80)
        buf_printf(out, "\\x%02x", (unsigned)uc);
    else
        buf_printf(out, "\\u{%04x}", (unsigned)uc);
}

/* Length of the printable ASCII that begins a text: most of what there is. */
static size_t plain_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] >= ' ' && text[n] <= '~' && text[n] != '\\')
        n++;
    return n;
}

static void escape(struct buf *out, const char *text, size_t len, const char *backslash)
{
    for (size_t i = 0; i < len;) {
        ucs4_t uc;
        size_t plain = plain_len(text + i, len - i);
        buf_append(out, text + i, plain);
        i += plain;
        if (i == len)
            return;
        size_t n = next_char(text + i, len - i, &uc);
        if (n == 0)
            buf_printf(out, "\\x%02x", (unsigned)uc);
        else if (uc == '\\')
            buf_text(out, backslash);
        else if (is_unsafe(uc))
            escape_char(out, uc);
        else
            buf_append(out, text + i, n);
        i += n == 0 ? 1 : n;
    }
}

void text_escape(struct buf *out, const void *data, size_t len)
{
    escape(out, data, len, "\\\\");
}

void text_escape_message(struct buf *out, const void *data, size_t len)
{
    escape(out, data, len, "\\");
}

size_t text_distance(const char *word, size_t len, const char *other)
{
    size_t row[3][TEXT_DISTANCE_MOST + 1]; /* of the last three letters of `word` */
    const size_t other_len = strlen(other);
    if (len > TEXT_DISTANCE_MOST || other_len > TEXT_DISTANCE_MOST)
        return TEXT_DISTANCE_MOST;
    for (size_t j = 0; j <= other_len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= len; i++) {
        const size_t *above = row[(i - 1) % 3], *above_that = row[(i + 1) % 3];
        size_t *now = row[i % 3];
        now[0] = i;
        for (size_t j = 1; j <= other_len; j++) {
            size_t best = above[j - 1] + (word[i - 1] != other[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1] &&
                above_that[j - 2] + 1 < best)
                best = above_that[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[len % 3][other_len];
}
