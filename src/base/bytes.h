#ifndef SOCKDIAG_BASE_BYTES_H
#define SOCKDIAG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The one door to bytes that came from outside: a read either fits into what is left or fails and moves
 * nothing. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){.at = data, .left = len};
}

/* Load big- and little-endian integers from memory known to be long enough. */
static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[1] << 8 | p[0]);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    store_be16(p, (uint16_t)(v >> 16));
    store_be16(p + 2, (uint16_t)v);
}

/* Take `len` bytes: a pointer into the buffer, or NULL (and no move) when fewer are left. */
static inline const uint8_t *bytes_take(struct bytes *b, size_t len)
{
    if (b->left < len)
        return NULL;
    const uint8_t *p = b->at;
    b->at += len;
    b->left -= len;
    return p;
}

/* Split the next `len` bytes off as a cursor of their own; false (and no move) when fewer are left. */
static inline bool bytes_sub(struct bytes *b, size_t len, struct bytes *sub)
{
    const uint8_t *p = bytes_take(b, len);
    if (p == NULL)
        return false;
    *sub = bytes_of(p, len);
    return true;
}

static inline bool bytes_u8(struct bytes *b, uint8_t *v)
{
    const uint8_t *p = bytes_take(b, 1);
    if (p != NULL)
        *v = *p;
    return p != NULL;
}

static inline bool bytes_be16(struct bytes *b, uint16_t *v)
{
    const uint8_t *p = bytes_take(b, 2);
    if (p != NULL)
        *v = load_be16(p);
    return p != NULL;
}

static inline bool bytes_be32(struct bytes *b, uint32_t *v)
{
    const uint8_t *p = bytes_take(b, 4);
    if (p != NULL)
        *v = load_be32(p);
    return p != NULL;
}

#endif
