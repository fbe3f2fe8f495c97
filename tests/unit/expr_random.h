#ifndef EXPR_RANDOM_H
#define EXPR_RANDOM_H

#include "base/buf.h"

/* Random expressions that are right: layers, fields, values and forms over the whole table. `sets`: ranges,
 * lists, prefixes, random and payload lists too; else every field has one value. */
void expr_random(uint64_t *state, bool sets, struct buf *out);

/* splitmix64: the next number of a sequence that begins with the seed. */
uint64_t random_next(uint64_t *state);
unsigned random_below(uint64_t *state, unsigned bound);

#endif
