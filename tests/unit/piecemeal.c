#include "tests/unit/piecemeal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int piecemeal_next(void *piecemeal, const uint8_t *left, size_t left_len, const uint8_t **data, size_t *len)
{
    static const size_t sizes[] = {1, 2, 7, 30, 3, 64, 1000};
    struct piecemeal *p = piecemeal;
    size_t size = sizes[p->given++ % (sizeof sizes / sizeof sizes[0])];
    p->deferred = p->may_defer && !p->deferred;
    if (p->deferred)
        return -EAGAIN;
    if (p->at == p->len)
        return 0;
    size = size < p->len - p->at ? size : p->len - p->at;
    uint8_t *memory = malloc(left_len + size);
    if (memory == NULL)
        abort();
    if (left_len > 0)
        memcpy(memory, left, left_len);
    memcpy(memory + left_len, p->data + p->at, size);
    free(p->memory);
    p->memory = memory;
    p->at += size;
    *data = memory;
    *len = left_len + size;
    return 1;
}
