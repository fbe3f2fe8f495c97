#ifndef SOCKDIAG_BASE_PAGES_H
#define SOCKDIAG_BASE_PAGES_H

#include <stddef.h>

/* A large array that grows in place: its addresses are reserved at once, memory comes as they are written to,
 * in huge pages where it is large enough and the system has them: for random access, the way to a page is
 * then known to the processor, which it is not for thousands of small ones. */
struct pages {
    void *at;
    size_t size; /* reserved */
    size_t unit; /* memory comes in pieces of this size */
};

/* All of it is zero. 0 or -ENOMEM. */
int pages_reserve(struct pages *pages, size_t size);

/* The memory that the first `used` bytes take. */
size_t pages_taken(const struct pages *pages, size_t used);

/* The bytes from `used` on, up to `before`, are no longer needed: they are zero again or as they were. */
void pages_give_back(const struct pages *pages, size_t used, size_t before);

void pages_free(struct pages *pages);

#endif
