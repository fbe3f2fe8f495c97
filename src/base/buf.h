#ifndef SOCKDIAG_BASE_BUF_H
#define SOCKDIAG_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A growing byte buffer. Zero-initialise, append, buf_free. After a failed append `failed` stays set and
 * later appends do nothing, so that a sequence of appends is checked once, at its end. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed; /* out of memory */
};

/* Make room for `extra` more bytes; false when memory is out. */
bool buf_grow(struct buf *b, size_t extra);
static inline bool buf_reserve(struct buf *b, size_t extra)
{
    return (b->cap - b->len >= extra && !b->failed) || buf_grow(b, extra);
}

/* Inline, as lines are put together from many short pieces. */
static inline void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0 || !buf_reserve(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void buf_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

static inline void buf_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_zeros(struct buf *b, size_t len);
void buf_u64(struct buf *b, uint64_t value);                                    /* decimal */
void buf_u64_padded(struct buf *b, uint64_t value, size_t width, char padding); /* to at least `width` */
void buf_i64(struct buf *b, int64_t value);                                     /* decimal */
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);
__attribute__((format(printf, 2, 0))) void buf_vprintf(struct buf *b, const char *format, va_list args);

/* NUL-terminate (the NUL is not counted in len) and return the text; "" when memory is out. */
const char *buf_cstr(struct buf *b);

void buf_free(struct buf *b);

#endif
