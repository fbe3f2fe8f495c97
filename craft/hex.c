#include "craft/boxes.h"

/* "0000  48 65 6c 6c 6f 20 77 6f  72 6c 64  Hello world" */

#define WIDE_COLUMNS 74 /* what sixteen bytes take */

static void put_line(struct buf *out, const uint8_t *bytes, size_t offset, size_t count, size_t per_line)
{
    buf_printf(out, "%04zx ", offset);
    for (size_t i = 0; i < per_line; i++) {
        if (i % 8 == 0)
            buf_char(out, ' ');
        if (i < count)
            buf_printf(out, "%02x ", bytes[i]);
        else
            buf_text(out, "   ");
    }
    buf_char(out, ' ');
    for (size_t i = 0; i < count; i++)
        buf_char(out, bytes[i] > ' ' && bytes[i] <= '~'  ? (char)bytes[i]
                      : bytes[i] == ' ' && i + 1 < count ? ' '
                                                         : '.');
    buf_char(out, '\n');
}

void craft_hex(struct buf *out, const void *bytes, size_t len, const struct craft_style *style)
{
    const size_t per_line = style->columns >= WIDE_COLUMNS ? 16 : 8;
    const uint8_t *at = bytes;
    for (size_t offset = 0; offset < len; offset += per_line)
        put_line(out, at + offset, offset, len - offset < per_line ? len - offset : per_line, per_line);
}
