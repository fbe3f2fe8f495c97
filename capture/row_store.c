#include "capture/row_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

/* Records stand one behind the other in chunks, each behind its length; the index has an entry for each and
 * is what gets sorted. Giving records up slides those that stay towards the first chunk, in the order in
 * which they stand there: a record never moves to a higher place, so that nothing is overwritten before it
 * moved. */

enum {
    CHUNK = 2 << 20, /* a huge page, where there are any */
    AHEAD = 8,       /* records that will be got soon */
    CACHE_LINE = 64,
    LENGTH_BYTES = 2,
    DIGIT_BITS = 11, /* of a key, a pass of the sort */
    DIGITS = 1 << DIGIT_BITS,
    LEAST_LIMIT = 4 << 20,
};

struct entry {
    uint64_t key, number;
    uint64_t at; /* chunk * CHUNK + offset in it */
};

struct row_store {
    size_t limit;
    struct pages *chunks;
    size_t chunk_count, chunk_cap;
    uint64_t end; /* where the next record goes, as entry.at */
    struct entry *entries;
    size_t count, cap;
    uint64_t given_up;
    struct entry first_given_up; /* in the order; what comes behind it is not kept either, if given_up > 0 */
};

struct row_store *row_store_new(size_t limit)
{
    struct row_store *store = calloc(1, sizeof *store);
    if (store != NULL)
        store->limit = limit > LEAST_LIMIT ? limit : LEAST_LIMIT;
    return store;
}

void row_store_free(struct row_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->chunk_count; i++)
        pages_free(&store->chunks[i]);
    free(store->chunks);
    free(store->entries);
    free(store);
}

/* ---- order ---- */

static uint64_t word_of(const struct entry *entry, bool by_number)
{
    return by_number ? entry->number : entry->key;
}

/* One stable pass by the digit at `shift`. False where all have the same digit: nothing moved. */
static bool sort_pass(const struct entry *from, struct entry *to, size_t count, bool by_number,
                      unsigned shift)
{
    size_t starts[DIGITS] = {0};
    for (size_t i = 0; i < count; i++)
        starts[word_of(&from[i], by_number) >> shift & (DIGITS - 1)]++;
    if (starts[word_of(&from[0], by_number) >> shift & (DIGITS - 1)] == count)
        return false;
    size_t sum = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t here = starts[d];
        starts[d] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[word_of(&from[i], by_number) >> shift & (DIGITS - 1)]++] = from[i];
    return true;
}

static bool is_behind(const struct entry *a, const struct entry *b)
{
    return a->key > b->key || (a->key == b->key && a->number > b->number);
}

static bool is_sorted(const struct entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (is_behind(&entries[i - 1], &entries[i]))
            return false;
    }
    return true;
}

int row_store_sort(struct row_store *store)
{
    const size_t count = store->count;
    if (is_sorted(store->entries, count))
        return 0;
    struct entry *from = store->entries, *to = malloc(store->cap * sizeof *to);
    if (to == NULL)
        return -ENOMEM;
    for (int by_number = 1; by_number >= 0 && (by_number > 0 || !is_sorted(from, count)); by_number--) {
        for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
            if (sort_pass(from, to, count, by_number, shift)) {
                struct entry *other = from;
                from = to;
                to = other;
            }
        }
    }
    store->entries = from;
    free(to);
    return 0;
}

/* ---- room ---- */

/* What it will have taken once it is sorted. */
static size_t memory_of(const struct row_store *store)
{
    return store->chunk_count * CHUNK + store->count * 2 * sizeof(struct entry);
}

/* Where a record of `len` bytes goes: records do not cross from one chunk into the next. */
static uint64_t place_for(uint64_t end, size_t len)
{
    const size_t left = CHUNK - (size_t)(end % CHUNK);
    return left < LENGTH_BYTES + len ? end + left : end;
}

static uint8_t *bytes_at(const struct row_store *store, uint64_t at)
{
    return (uint8_t *)store->chunks[at / CHUNK].at + at % CHUNK;
}

static size_t length_at(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static int compare_places(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return (left->at > right->at) - (left->at < right->at);
}

/* Give up the last quarter of the order. */
static int give_up_some(struct row_store *store)
{
    int failed = row_store_sort(store);
    if (failed != 0)
        return failed;
    const size_t kept = store->count - (store->count + 3) / 4;
    store->given_up += store->count - kept;
    store->count = kept;
    store->first_given_up = store->entries[kept];
    qsort(store->entries, kept, sizeof *store->entries, compare_places);
    uint64_t end = 0;
    for (size_t i = 0; i < kept; i++) {
        struct entry *entry = &store->entries[i];
        const uint8_t *from = bytes_at(store, entry->at);
        const size_t len = length_at(from);
        entry->at = place_for(end, len);
        memmove(bytes_at(store, entry->at), from, LENGTH_BYTES + len);
        end = entry->at + LENGTH_BYTES + len;
    }
    store->end = end;
    while (store->chunk_count > end / CHUNK + 1)
        pages_free(&store->chunks[--store->chunk_count]);
    return 0;
}

static int add_chunk(struct row_store *store)
{
    if (store->chunk_count == store->chunk_cap) {
        const size_t cap = store->chunk_cap == 0 ? 64 : store->chunk_cap * 2;
        struct pages *chunks = reallocarray(store->chunks, cap, sizeof *chunks);
        if (chunks == NULL)
            return -ENOMEM;
        store->chunks = chunks;
        store->chunk_cap = cap;
    }
    const int failed = pages_reserve(&store->chunks[store->chunk_count], CHUNK);
    store->chunk_count += failed == 0;
    return failed;
}

static int add_entry(struct row_store *store)
{
    if (store->count < store->cap)
        return 0;
    const size_t cap = store->cap == 0 ? 1024 : store->cap + store->cap / 2;
    struct entry *entries = reallocarray(store->entries, cap, sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    store->entries = entries;
    store->cap = cap;
    return 0;
}

int row_store_set_limit(struct row_store *store, size_t limit)
{
    int failed = 0;
    store->limit = limit > LEAST_LIMIT ? limit : LEAST_LIMIT;
    while (failed == 0 && memory_of(store) > store->limit && store->count > 1)
        failed = give_up_some(store);
    return failed;
}

/* ---- records ---- */

int row_store_add(struct row_store *store, uint64_t key, uint64_t number, const void *data, size_t len)
{
    const struct entry entry = {.key = key, .number = number};
    if (len > ROW_STORE_MAX_RECORD)
        return -ENOMEM;
    int failed = memory_of(store) > store->limit ? give_up_some(store) : 0;
    if (failed != 0)
        return failed;
    if (store->given_up > 0 && is_behind(&entry, &store->first_given_up)) {
        store->given_up++;
        return 0;
    }
    failed = add_entry(store);
    if (failed != 0)
        return failed;
    const uint64_t at = place_for(store->end, len);
    while (failed == 0 && store->chunk_count <= at / CHUNK)
        failed = add_chunk(store);
    if (failed != 0)
        return failed;
    uint8_t *to = bytes_at(store, at);
    to[0] = (uint8_t)(len >> 8);
    to[1] = (uint8_t)len;
    memcpy(to + LENGTH_BYTES, data, len);
    store->entries[store->count++] = (struct entry){key, number, at};
    store->end = at + LENGTH_BYTES + len;
    return 0;
}

size_t row_store_count(const struct row_store *store)
{
    return store->count;
}

const uint8_t *row_store_get(const struct row_store *store, size_t index, size_t *len)
{
    const uint8_t *p = bytes_at(store, store->entries[index].at);
    if (index + AHEAD < store->count) {
        const uint8_t *soon = bytes_at(store, store->entries[index + AHEAD].at);
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + CACHE_LINE);
    }
    *len = length_at(p);
    return p + LENGTH_BYTES;
}

uint64_t row_store_given_up(const struct row_store *store)
{
    return store->given_up;
}
