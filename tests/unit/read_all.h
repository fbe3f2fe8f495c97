#ifndef SOCKDIAG_TESTS_READ_ALL_H
#define SOCKDIAG_TESTS_READ_ALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A capture file in memory, read to its end. */

struct seen {
    int opened, last; /* what open and the last next answered */
    unsigned packets, journals, stats;
    uint64_t bytes; /* a sum over all that records point to: touched, so that a sanitizer sees bad pointers */
    struct sd_err err;
};

/* A descriptor of a file that holds these bytes, at its beginning. */
int file_of(const void *data, size_t len);

/* Read them as a capture file, with what is told ahead checked against what comes; and once more in pieces of
 * many lengths, which must tell the same. */
struct seen read_all(const void *data, size_t len);

#endif
