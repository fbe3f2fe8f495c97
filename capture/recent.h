#ifndef SOCKDIAG_CAPTURE_RECENT_H
#define SOCKDIAG_CAPTURE_RECENT_H

#include <stddef.h>
#include <stdint.h>

/* The last bytes that a reassembly gave out, to compare what comes again with, and the packets that they came
 * in, as far as that is remembered. Begins zeroed. */

#define RECENT_FEW 2

struct recent_source {
    uint64_t begin, packet;
};

struct recent {
    uint8_t *bytes; /* [end - len, end) of the axis, `end` being where the last ones ended */
    size_t len, cap;
    struct recent_source *sources; /* a ring once it is full; NULL: `few` */
    size_t source_at, source_cap;
    struct recent_source few[RECENT_FEW];
};

/* Remember `len` bytes from offset `begin` on, which follow those before, and at least `window` of all; 0:
 * nothing is remembered. 0 or -ENOMEM. */
int recent_take(struct recent *recent, size_t window, uint64_t begin, const uint8_t *bytes, size_t len,
                uint64_t packet);

/* What comes next does not follow. */
void recent_forget(struct recent *recent);

/* The packet that brought a byte; 0: no longer known. */
uint64_t recent_source(const struct recent *recent, uint64_t offset);

/* Memory held. */
size_t recent_memory(const struct recent *recent);

void recent_fini(struct recent *recent);

#endif
