#ifndef SOCKDIAG_CRAFT_BITS_H
#define SOCKDIAG_CRAFT_BITS_H

#include <stdint.h>

/* Numbers of any width at any bit of a header, most significant bit first. The first bit of the header is bit
 * 0; the caller knows that the header is long enough. At most 57 bits, or 64 that begin at a byte. */

static inline uint64_t bits_load(const uint8_t *header, unsigned bit, unsigned width)
{
    const unsigned end = bit + width;
    uint64_t value = 0;
    for (unsigned i = bit / 8; i * 8 < end; i++)
        value = value << 8 | header[i];
    value >>= (8 - end % 8) % 8;
    return width < 64 ? value & ((UINT64_C(1) << width) - 1) : value;
}

/* The low `width` bits of the value; the bits around them stay. */
static inline void bits_store(uint8_t *header, unsigned bit, unsigned width, uint64_t value)
{
    const unsigned end = bit + width, shift = (8 - end % 8) % 8;
    uint64_t mask = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
    value = (value & mask) << shift;
    mask <<= shift;
    for (unsigned i = (end + 7) / 8; i-- > bit / 8;) {
        header[i] = (uint8_t)((header[i] & ~mask) | value);
        value >>= 8;
        mask >>= 8;
    }
}

#endif
