#ifndef SOCKDIAG_TESTS_UNIT_ITEMS_H
#define SOCKDIAG_TESTS_UNIT_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* An item of an input: its length in four bytes, then so many bytes, each told by the item's number. */
struct item {
    const uint8_t *data;
    uint32_t len, number;
};

/* Append the item. */
void put_item(struct buf *out, uint32_t number, uint32_t len);

/* Append the items from 1 on. */
void put_many(struct buf *out, uint32_t count, uint32_t len);

/* Are the bytes those of its number? */
bool is_whole(const struct item *item);

#endif
