#ifndef SOCKDIAG_BASE_DIGITS_H
#define SOCKDIAG_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* Decimal digits, for those who write millions of numbers. */

#define DIGITS_MOST 20 /* of a number of 64 bits */

static inline unsigned digits_count(uint64_t value)
{
    unsigned count = 1;
    for (; value >= 10000; value /= 10000)
        count += 4;
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* At `p`, without an end; returns the place behind them. Two at a time: a division takes longer than all
 * else. */
static inline char *digits_put(char *p, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char *const end = p + digits_count(value);
    char *at = end;
    for (; value >= 100; value /= 100)
        memcpy(at -= 2, pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(at - 2, pairs + value * 2, 2);
    else
        at[-1] = (char)('0' + value);
    return end;
}

#endif
