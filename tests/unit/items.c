#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/items.h"

void put_item(struct buf *out, uint32_t number, uint32_t len)
{
    assert_true(buf_reserve(out, sizeof len + len));
    buf_append(out, &len, sizeof len);
    for (uint32_t i = 0; i < len; i++)
        out->data[out->len++] = (uint8_t)(number * 31 + i);
}

void put_many(struct buf *out, uint32_t count, uint32_t len)
{
    for (uint32_t i = 1; i <= count; i++)
        put_item(out, i, len);
}

bool is_whole(const struct item *item)
{
    for (uint32_t i = 0; i < item->len; i++) {
        if (item->data[i] != (uint8_t)(item->number * 31 + i))
            return false;
    }
    return true;
}
