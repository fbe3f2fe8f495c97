#ifndef SOCKDIAG_CAPTURE_ROW_STORE_H
#define SOCKDIAG_CAPTURE_ROW_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Very many small records, kept until they are wanted in order. A record is bytes of its owner's choice (see
 * capture/row.h); its place in the order is a key, the smallest first, and among equal keys its number.
 *
 * Memory is bounded: when `limit` is reached, the records that would come last are given up, and counted. So
 * what is kept is always the beginning of the order.
 *
 * Lifecycle: new, add…, sort, get…, free; records may be added again after a sort. */
struct row_store;

#define ROW_STORE_MAX_RECORD 4096

/* `limit` in bytes, book-keeping and what sorting takes included; at least a few MiB are used. NULL: out of
 * memory. */
struct row_store *row_store_new(size_t limit);
void row_store_free(struct row_store *store);

/* Keep a copy of `len` bytes (at most ROW_STORE_MAX_RECORD). 0 or -ENOMEM. */
int row_store_add(struct row_store *store, uint64_t key, uint64_t number, const void *data, size_t len);

/* Another limit from now on; records are given up for it at once. 0 or -ENOMEM. */
int row_store_set_limit(struct row_store *store, size_t limit);

/* Bring them into order. 0 or -ENOMEM. */
int row_store_sort(struct row_store *store);

size_t row_store_count(const struct row_store *store);

/* The record at `index` of the order, valid until the next add. */
const uint8_t *row_store_get(const struct row_store *store, size_t index, size_t *len);

uint64_t row_store_given_up(const struct row_store *store);

#endif
