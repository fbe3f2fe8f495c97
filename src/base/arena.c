#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 65536U

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) uint8_t data[];
};

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = calloc(1, sizeof *chunk + size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->next = arena->head;
    arena->head = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) & ~(align - 1);
    struct arena_chunk *chunk = arena->head;
    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(arena, size > CHUNK_SIZE ? size : CHUNK_SIZE);
    if (chunk == NULL)
        return NULL;
    void *at = chunk->data + chunk->used;
    chunk->used += size;
    return at;
}

char *arena_text(struct arena *arena, const void *data, size_t len)
{
    char *text = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;
    if (text != NULL && len > 0)
        memcpy(text, data, len);
    return text;
}

void arena_free(struct arena *arena)
{
    while (arena->head != NULL) {
        struct arena_chunk *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
}
