#ifndef SOCKDIAG_CAPTURE_ROW_STORE_H
#define SOCKDIAG_CAPTURE_ROW_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Very many small records, kept until they are wanted in order. A record is bytes of its owner's choice (see
 * capture/row.h), who can tell its place in the order: a key, the smallest first, and among equal keys a
 * number. Nothing but the record is kept until then.
 *
 * Memory is bounded: when `limit` is reached, the records that would come last are given up, and counted. So
 * what is kept is always the beginning of the order.
 *
 * Lifecycle: new, add…, sort, get…, free; records may be added again after a sort. */
struct row_store;

#define ROW_STORE_MAX_RECORD 4096

struct row_place {
    uint64_t key, number;
};

/* Where a record stands: the same at any time, in any thread. */
typedef struct row_place row_store_place(const void *context, const uint8_t *record);

/* `limit` in bytes, book-keeping and what sorting takes included; at least a few MiB are used. NULL: out of
 * memory. */
struct row_store *row_store_new(size_t limit, row_store_place *place, const void *context);
void row_store_free(struct row_store *store);

/* Keep a copy of `len` bytes (at most ROW_STORE_MAX_RECORD). 0 or -ENOMEM. */
int row_store_add(struct row_store *store, const uint8_t *record, size_t len);

/* Another limit from now on; records are given up for it at once. 0 or -ENOMEM. */
int row_store_set_limit(struct row_store *store, size_t limit);

/* Bring them into order. 0 or -ENOMEM. */
int row_store_sort(struct row_store *store);

/* Take the records of `from`, which is empty afterwards; both orders become one. What was given up in one of
 * them bounds the other, too. The limit is no longer kept. 0 or -ENOMEM: nothing was taken. */
int row_store_join(struct row_store *into, struct row_store *from);

size_t row_store_count(const struct row_store *store);

/* The record at `index` of the order, after a sort; valid until the next add. */
const uint8_t *row_store_get(const struct row_store *store, size_t index, size_t *len);

uint64_t row_store_given_up(const struct row_store *store);

#endif
