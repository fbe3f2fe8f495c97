#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool buf_grow(struct buf *b, size_t extra)
{
    if (b->failed || extra > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap < 256 ? 256 : b->cap * 2;
    if (cap < b->len + extra)
        cap = b->len + extra;
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_zeros(struct buf *b, size_t len)
{
    if (len == 0 || !buf_reserve(b, len))
        return;
    memset(b->data + b->len, 0, len);
    b->len += len;
}

enum {
    MAX_DIGITS = 20,
};

/* Decimal digits at the end of `digits`; returns where they begin. Two at a time, which halves the divisions.
 */
static size_t to_digits(uint64_t value, char digits[MAX_DIGITS])
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    size_t at = MAX_DIGITS;
    for (; value >= 10; value /= 100) {
        at -= 2;
        memcpy(digits + at, pairs + value % 100 * 2, 2);
    }
    if (value > 0 || at == MAX_DIGITS)
        digits[--at] = (char)('0' + value);
    return at;
}

void buf_u64(struct buf *b, uint64_t value)
{
    char digits[MAX_DIGITS];
    const size_t at = to_digits(value, digits);
    buf_append(b, digits + at, sizeof digits - at);
}

void buf_u64_padded(struct buf *b, uint64_t value, size_t width, char padding)
{
    char digits[MAX_DIGITS];
    const size_t at = to_digits(value, digits);
    for (size_t n = sizeof digits - at; n < width; n++)
        buf_char(b, padding);
    buf_append(b, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *b, int64_t value)
{
    if (value < 0) {
        buf_char(b, '-');
        buf_u64(b, 0 - (uint64_t)value);
    } else {
        buf_u64(b, (uint64_t)value);
    }
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)len + 1)) {
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

const char *buf_cstr(struct buf *b)
{
    if (!buf_reserve(b, 1))
        return "";
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
