#ifndef SOCKDIAG_BASE_HASH_H
#define SOCKDIAG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash, so that whoever chooses the input cannot choose
 * the collisions. */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

/* A key from the kernel's random source (getrandom(2)). */
struct hash_key hash_key_random(void);

#endif
