#ifndef SOCKDIAG_LAB_SCAN_H
#define SOCKDIAG_LAB_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers in the texts of rules, rates and delays. `*at` moves behind what was read; where nothing fits it
 * stays. */

static inline bool scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Decimal digits. False when there are none or the number is larger than `most`. */
bool scan_number(const char **at, uint64_t most, uint64_t *value);

/* "2" or "2.5", multiplied by `scale` (a power of ten): digits that are worth less than one are ignored.
 * False when there is no number or the product is larger than `most`. */
bool scan_decimal(const char **at, uint64_t scale, uint64_t most, uint64_t *value);

struct scan_unit {
    const char *word;
    uint64_t scale;
};

/* As scan_decimal, with the scale told by the unit that follows the number and ends at one of `ends` or with
 * the text. Case does not matter. False also when the unit is none of `units`. */
bool scan_quantity(const char **at, const char *ends, const struct scan_unit *units, size_t count,
                   uint64_t most, uint64_t *value);

#endif
