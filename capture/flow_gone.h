#ifndef SOCKDIAG_CAPTURE_FLOW_GONE_H
#define SOCKDIAG_CAPTURE_FLOW_GONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"

/* Which streams were given out although they were still to linger: eight bytes of each, a part of the hash of
 * its ends and when it was heard last, so that a straggler is known as one. Of the last half a million, one
 * in fifty may have been forgotten. */
struct flow_gone {
    struct pages slots; /* none until something is added */
    size_t buckets;     /* a power of two */
    uint64_t unit_ns;
};

/* To take at most `bytes`, or little more where that is next to nothing. */
void flow_gone_init(struct flow_gone *gone, size_t bytes, uint64_t linger_ns);
void flow_gone_fini(struct flow_gone *gone);

/* Where there is no memory, it is not remembered. */
void flow_gone_add(struct flow_gone *gone, uint64_t hash, uint64_t time_ns);

/* Was it added, and is its time to linger not over? Then it is forgotten. */
bool flow_gone_take(struct flow_gone *gone, uint64_t hash, uint64_t time_ns);

/* One with this hash is going to be added. */
void flow_gone_prefetch(const struct flow_gone *gone, uint64_t hash);

size_t flow_gone_memory(const struct flow_gone *gone);

#endif
