#ifndef SOCKDIAG_TESTS_PIECEMEAL_H
#define SOCKDIAG_TESTS_PIECEMEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in pieces of many lengths, as struct pcapng_pieces has them. What the reader may look at stands in
 * memory of its own each time, and what stood before it is gone, so that a sanitizer sees who still looks
 * there. Zero-initialise but for `data` and `len`; free(memory). */
struct piecemeal {
    const uint8_t *data;
    size_t len, at;
    unsigned given;
    uint8_t *memory;
    bool may_defer, deferred; /* every second time, there is nothing yet */
};

int piecemeal_next(void *piecemeal, const uint8_t *left, size_t left_len, const uint8_t **data, size_t *len);

#endif
