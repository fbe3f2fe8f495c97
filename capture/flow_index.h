#ifndef SOCKDIAG_CAPTURE_FLOW_INDEX_H
#define SOCKDIAG_CAPTURE_FLOW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values by hash. To find one takes a look at one place of memory, besides those at the value itself: with a
 * hundred thousand streams, that is what time goes for. Zero-initialise, flow_index_fini. */
struct flow_index_slot {
    void *value; /* NULL: free */
    uint32_t hash;
};

struct flow_index {
    struct flow_index_slot *slots;
    size_t size, count; /* `size` is 0 or a power of two */
};

/* The value with this hash for which `is` holds; NULL: there is none. */
void *flow_index_find(const struct flow_index *index, uint32_t hash,
                      bool (*is)(const void *value, const void *wanted), const void *wanted);

/* A value with this hash is going to be looked for: have the place in memory brought near, and then, when
 * that has come, tell which value that would be (NULL: none). */
void flow_index_prefetch(const struct flow_index *index, uint32_t hash);
const void *flow_index_guess(const struct flow_index *index, uint32_t hash);

/* 0 or -ENOMEM. */
int flow_index_add(struct flow_index *index, uint32_t hash, void *value);

/* Take out what was added. */
void flow_index_remove(struct flow_index *index, uint32_t hash, const void *value);

/* Bytes that it takes. */
size_t flow_index_memory(const struct flow_index *index);
void flow_index_fini(struct flow_index *index);

#endif
