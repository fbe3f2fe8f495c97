#include "cmd/extract_hex.h"

#include <assert.h>
#include <string.h>

enum {
    OFFSET_DIGITS = 10,
    DIGITS_AT = OFFSET_DIGITS + 2,
    TEXT_AT = DIGITS_AT + 3 * HEX_BYTES + 3,
};

static_assert(TEXT_AT + HEX_BYTES + 2 == HEX_LINE, "a line is as long as it says");

static const char digits[] = "0123456789abcdef";

void extract_hex_blank(char text[HEX_LINE], uint64_t line)
{
    uint64_t offset = line * HEX_BYTES;
    memset(text, ' ', HEX_LINE);
    for (size_t i = OFFSET_DIGITS; i > 0; i--, offset >>= 4)
        text[i - 1] = digits[offset & 15];
    text[TEXT_AT - 1] = text[TEXT_AT + HEX_BYTES] = '|';
    text[HEX_LINE - 1] = '\n';
}

void extract_hex_put(char text[HEX_LINE], size_t at, const uint8_t *data, size_t len)
{
    for (size_t i = at; i < at + len; i++) {
        const uint8_t byte = data != NULL ? data[i - at] : 0;
        char *place = text + DIGITS_AT + 3 * i + (i >= HEX_BYTES / 2);
        place[0] = digits[byte >> 4];
        place[1] = digits[byte & 15];
        text[TEXT_AT + i] = byte >= ' ' && byte <= '~' ? (char)byte : '.';
    }
}
