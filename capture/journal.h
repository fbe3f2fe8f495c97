#ifndef SOCKDIAG_CAPTURE_JOURNAL_H
#define SOCKDIAG_CAPTURE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of a systemd Journal Export block: lines "KEY=value", or for values with other bytes "KEY", a
 * line end, 8 bytes of little-endian length, the value, a line end. */

/* The first value of `key`, not NUL-terminated; false where there is none or the block is malformed before
 * it. */
bool journal_field(const char *fields, size_t len, const char *key, const char **value, size_t *value_len);

/* When it happened, in ns since the epoch: SOCKDIAG_EXIT_NS (a call stands in the file where it ended), else
 * __REALTIME_TIMESTAMP; 0 if not told. */
uint64_t journal_time_ns(const char *fields, size_t len);

#endif
