#include "lab/scan.h"

#include <string.h>
#include <strings.h>

bool scan_number(const char **at, uint64_t most, uint64_t *value)
{
    const char *p = *at;
    uint64_t v = 0;
    if (!scan_is_digit(*p))
        return false;
    for (; scan_is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (digit > most || v > (most - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *at = p;
    *value = v;
    return true;
}

bool scan_decimal(const char **at, uint64_t scale, uint64_t most, uint64_t *value)
{
    const char *p = *at;
    uint64_t v;
    if (!scan_number(&p, most / scale, &v))
        return false;
    v *= scale;
    if (*p == '.') {
        if (!scan_is_digit(*++p))
            return false;
        for (uint64_t unit = scale / 10; scan_is_digit(*p); p++, unit /= 10)
            v += unit * (uint64_t)(*p - '0');
    }
    if (v > most)
        return false;
    *at = p;
    *value = v;
    return true;
}

bool scan_quantity(const char **at, const char *ends, const struct scan_unit *units, size_t count,
                   uint64_t most, uint64_t *value)
{
    const char *word = *at + strspn(*at, "0123456789.");
    size_t len = strcspn(word, ends);
    for (size_t i = 0; i < count; i++) {
        const char *p = *at;
        if (strlen(units[i].word) != len || strncasecmp(units[i].word, word, len) != 0)
            continue;
        if (!scan_decimal(&p, units[i].scale, most, value) || p != word)
            return false;
        *at = word + len;
        return true;
    }
    return false;
}
