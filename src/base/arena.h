#ifndef SOCKDIAG_BASE_ARENA_H
#define SOCKDIAG_BASE_ARENA_H

#include <stddef.h>

/* Memory that is given back all at once, so that what points into it stays valid until then. Zero-initialise,
 * arena_alloc, arena_free. */
struct arena {
    struct arena_chunk *head;
};

/* `size` zeroed bytes, aligned for any object; NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size);

/* A NUL-terminated copy of `len` bytes; NULL when memory is out. */
char *arena_text(struct arena *arena, const void *data, size_t len);

void arena_free(struct arena *arena);

#endif
