#include "capture/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_SOURCES = 32, /* packets whose place is known */
    LEAST_BYTES = 128,
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Most directions are short: what is kept of them grows from little. Room for twice the window in the end:
 * its bytes stay in one piece, and are moved to the front seldom. */
static int reserve(struct recent *recent, size_t more, size_t most)
{
    size_t cap = recent->cap > 0 ? recent->cap : LEAST_BYTES;
    if (recent->len + more <= recent->cap || recent->cap == most)
        return 0;
    while (cap < recent->len + more)
        cap *= 2;
    uint8_t *grown = realloc(recent->bytes, least(cap, most));
    if (grown == NULL)
        return -ENOMEM;
    recent->bytes = grown;
    recent->cap = least(cap, most);
    return 0;
}

static int grow_sources(struct recent *recent)
{
    const size_t cap = recent->source_cap > 0 ? recent->source_cap * 4 : RECENT_FEW;
    if (cap > RECENT_FEW) {
        struct recent_source *grown = reallocarray(recent->sources, cap, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        if (recent->sources == NULL)
            memcpy(grown, recent->few, sizeof recent->few);
        recent->sources = grown;
    }
    recent->source_cap = cap;
    return 0;
}

static int remember_source(struct recent *recent, uint64_t begin, uint64_t packet)
{
    if (recent->source_at >= recent->source_cap && recent->source_cap < MOST_SOURCES &&
        grow_sources(recent) != 0)
        return -ENOMEM;
    struct recent_source *sources = recent->sources != NULL ? recent->sources : recent->few;
    sources[recent->source_at++ % recent->source_cap] = (struct recent_source){begin, packet};
    return 0;
}

int recent_take(struct recent *recent, size_t window, uint64_t begin, const uint8_t *bytes, size_t len,
                uint64_t packet)
{
    if (window == 0)
        return 0;
    if (remember_source(recent, begin, packet) != 0)
        return -ENOMEM;
    if (len > window) {
        bytes += len - window;
        len = window;
        recent->len = 0;
    }
    if (reserve(recent, len, window * 2) != 0)
        return -ENOMEM;
    if (recent->len + len > recent->cap) {
        const size_t keep = least(window - len, recent->len);
        memmove(recent->bytes, recent->bytes + recent->len - keep, keep);
        recent->len = keep;
    }
    memcpy(recent->bytes + recent->len, bytes, len);
    recent->len += len;
    return 0;
}

void recent_forget(struct recent *recent)
{
    recent->len = 0;
}

uint64_t recent_source(const struct recent *recent, uint64_t offset)
{
    const size_t count = least(recent->source_at, MOST_SOURCES);
    const struct recent_source *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct recent_source *source = &(recent->sources != NULL ? recent->sources : recent->few)[i];
        if (source->begin <= offset && (best == NULL || source->begin > best->begin))
            best = source;
    }
    return best != NULL ? best->packet : 0;
}

size_t recent_memory(const struct recent *recent)
{
    return recent->cap + (recent->sources != NULL ? recent->source_cap * sizeof *recent->sources : 0);
}

void recent_fini(struct recent *recent)
{
    free(recent->bytes);
    free(recent->sources);
    *recent = (struct recent){0};
}
