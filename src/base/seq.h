#ifndef SOCKDIAG_BASE_SEQ_H
#define SOCKDIAG_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* TCP sequence numbers live on a circle of 2^32 (RFC 9293, 3.4): order and distance are defined for numbers
 * less than 2^31 apart, and only these two functions may compute them. */

/* The signed distance from `b` to `a`, in [-2^31, 2^31). */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool seq_lt(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) < 0;
}

#endif
