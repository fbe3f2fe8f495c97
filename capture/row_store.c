#include "capture/row_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

/* Records stand one behind the other in chunks, each behind its head, and nothing else is kept of them: the
 * index, which is what gets sorted, is made when the order is asked for. Giving records up slides those that
 * stay towards the first chunk, in the order in which they stand there: a record never moves to a higher
 * place, so that nothing is overwritten before it moved. */

enum {
    CHUNK = 2 << 20, /* filled from one end to the other: small pages, a huge one takes longer to clear */
    AHEAD = 8,       /* records that will be got soon */
    CACHE_LINE = 64,
    LENGTH_BYTES = 2, /* a head */
    DIGIT_BITS = 11,  /* of a key, a pass of the sort */
    DIGITS = 1 << DIGIT_BITS,
    LEAST_LIMIT = 4 << 20,
};

struct chunk {
    uint8_t *data;
    size_t used; /* bytes */
};

struct entry {
    struct row_place place;
    uint64_t at; /* chunk * CHUNK + offset in it */
};

struct row_store {
    row_store_place *place;
    const void *context;
    size_t limit;
    struct chunk *chunks;
    size_t chunk_count, chunk_cap;
    size_t count;
    struct pages index; /* `count` entries in order, if `sorted` */
    bool sorted;
    uint64_t given_up;
    struct row_place
        first_given_up; /* in the order; what comes behind it is not kept either, if given_up > 0 */
};

struct row_store *row_store_new(size_t limit, row_store_place *place, const void *context)
{
    struct row_store *store = calloc(1, sizeof *store);
    if (store != NULL)
        *store = (struct row_store){place, context, .limit = limit > LEAST_LIMIT ? limit : LEAST_LIMIT};
    return store;
}

void row_store_free(struct row_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->chunk_count; i++)
        free(store->chunks[i].data);
    free(store->chunks);
    pages_free(&store->index);
    free(store);
}

/* ---- records ---- */

static uint8_t *bytes_at(const struct row_store *store, uint64_t at)
{
    return store->chunks[at / CHUNK].data + at % CHUNK;
}

static size_t length_at(const uint8_t *head)
{
    return (size_t)head[0] << 8 | head[1];
}

/* The record that stands at `*at` or behind it; `*at` becomes what is behind that. False: there is none. */
static bool walk(const struct row_store *store, uint64_t *at, struct entry *entry, size_t *size)
{
    while (*at / CHUNK < store->chunk_count && *at % CHUNK >= store->chunks[*at / CHUNK].used)
        *at += CHUNK - *at % CHUNK;
    if (*at / CHUNK >= store->chunk_count)
        return false;
    const uint8_t *head = bytes_at(store, *at);
    *entry = (struct entry){store->place(store->context, head + LENGTH_BYTES), *at};
    *size = LENGTH_BYTES + length_at(head);
    *at += *size;
    return true;
}

/* Where `size` bytes more go: records do not cross from one chunk into the next. 0 or -ENOMEM. */
static int reserve(struct row_store *store, size_t size, uint64_t *at)
{
    const size_t last = store->chunk_count - 1;
    if (store->chunk_count > 0 && CHUNK - store->chunks[last].used >= size) {
        *at = (uint64_t)last * CHUNK + store->chunks[last].used;
        return 0;
    }
    if (store->chunk_count == store->chunk_cap) {
        const size_t cap = store->chunk_cap == 0 ? 64 : store->chunk_cap * 2;
        struct chunk *chunks = reallocarray(store->chunks, cap, sizeof *chunks);
        if (chunks == NULL)
            return -ENOMEM;
        store->chunks = chunks;
        store->chunk_cap = cap;
    }
    const struct chunk chunk = {.data = malloc(CHUNK)};
    if (chunk.data == NULL)
        return -ENOMEM;
    *at = (uint64_t)store->chunk_count * CHUNK;
    store->chunks[store->chunk_count++] = chunk;
    return 0;
}

static void forget_order(struct row_store *store)
{
    pages_free(&store->index);
    store->sorted = false;
}

static const struct entry *entries_of(const struct row_store *store)
{
    return store->index.at;
}

/* ---- order ---- */

static uint64_t word_of(const struct entry *entry, bool by_number)
{
    return by_number ? entry->place.number : entry->place.key;
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

static bool is_behind(const struct row_place *a, const struct row_place *b)
{
    return a->key > b->key || (a->key == b->key && a->number > b->number);
}

static bool is_sorted(const struct entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (is_behind(&entries[i - 1].place, &entries[i].place))
            return false;
    }
    return true;
}

/* Sort what `from` holds, with the help of `to`, which is where it stands in the end if true is answered. */
static bool sort_entries(struct entry *from, struct entry *to, size_t count)
{
    bool changed = false;
    for (int by_number = 1; by_number >= 0 && (by_number > 0 || !is_sorted(from, count)); by_number--) {
        for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
            if (sort_pass(from, to, count, by_number, shift)) {
                struct entry *other = from;
                from = to;
                to = other;
                changed = !changed;
            }
        }
    }
    return changed;
}

int row_store_sort(struct row_store *store)
{
    const size_t size = store->count * sizeof(struct entry);
    struct pages other = {0};
    struct entry entry;
    size_t record, i = 0;
    if (store->sorted)
        return 0;
    if (pages_reserve(&store->index, size) != 0)
        return -ENOMEM;
    struct entry *entries = store->index.at;
    for (uint64_t at = 0; walk(store, &at, &entry, &record);)
        entries[i++] = entry;
    if (!is_sorted(entries, store->count)) {
        if (pages_reserve(&other, size) != 0) {
            forget_order(store);
            return -ENOMEM;
        }
        if (sort_entries(entries, other.at, store->count)) {
            const struct pages before = store->index;
            store->index = other;
            other = before;
        }
        pages_free(&other);
    }
    store->sorted = true;
    return 0;
}

/* ---- room ---- */

/* What it will have taken once it is sorted. */
static size_t memory_of(const struct row_store *store)
{
    return store->chunk_count * CHUNK + store->count * 2 * sizeof(struct entry);
}

/* Keep only what comes before `first_given_up`. */
static void cut(struct row_store *store)
{
    const size_t had = store->count;
    struct entry entry;
    size_t size, chunk = 0, used = 0;
    store->count = 0;
    for (uint64_t at = 0; walk(store, &at, &entry, &size);) {
        if (!is_behind(&store->first_given_up, &entry.place))
            continue;
        if (used + size > CHUNK) {
            store->chunks[chunk++].used = used; /* it was walked through already */
            used = 0;
        }
        memmove(bytes_at(store, (uint64_t)chunk * CHUNK + used), bytes_at(store, entry.at), size);
        used += size;
        store->count++;
    }
    if (store->chunk_count > 0)
        store->chunks[chunk].used = used;
    while (store->chunk_count > chunk + 1)
        free(store->chunks[--store->chunk_count].data);
    store->given_up += had - store->count;
    forget_order(store);
}

/* Give up the last quarter of the order. */
static int give_up_some(struct row_store *store)
{
    const int failed = row_store_sort(store);
    if (failed != 0)
        return failed;
    store->first_given_up = entries_of(store)[store->count - (store->count + 3) / 4].place;
    cut(store);
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

/* ---- several ---- */

/* Both orders into one. False: no memory for it. */
static bool merge_orders(struct row_store *into, const struct row_store *from, uint64_t moved)
{
    const struct entry *a = entries_of(into), *b = entries_of(from);
    const struct entry *a_end = a + into->count, *b_end = b + from->count;
    struct pages index;
    if (pages_reserve(&index, (into->count + from->count) * sizeof *a) != 0)
        return false;
    for (struct entry *to = index.at; a < a_end || b < b_end; to++) {
        if (b == b_end || (a < a_end && is_behind(&b->place, &a->place))) {
            *to = *a++;
        } else {
            *to = (struct entry){b->place, b->at + moved};
            b++;
        }
    }
    pages_free(&into->index);
    into->index = index;
    return true;
}

int row_store_join(struct row_store *into, struct row_store *from)
{
    const size_t chunks = into->chunk_count + from->chunk_count;
    struct chunk *all = reallocarray(into->chunks, chunks > 0 ? chunks : 1, sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    into->chunks = all;
    into->chunk_cap = chunks;
    if (!into->sorted || !from->sorted || !merge_orders(into, from, (uint64_t)into->chunk_count * CHUNK))
        forget_order(into);
    if (from->chunk_count > 0)
        memcpy(all + into->chunk_count, from->chunks, from->chunk_count * sizeof *all);
    into->chunk_count = chunks;
    into->count += from->count;
    if (from->given_up > 0 &&
        (into->given_up == 0 || is_behind(&into->first_given_up, &from->first_given_up)))
        into->first_given_up = from->first_given_up;
    into->given_up += from->given_up;
    if (into->given_up > 0)
        cut(into);
    from->chunk_count = from->count = 0;
    forget_order(from);
    return 0;
}

/* ---- records ---- */

int row_store_add(struct row_store *store, const uint8_t *record, size_t len)
{
    uint64_t at = 0;
    if (len > ROW_STORE_MAX_RECORD)
        return -ENOMEM;
    int failed = memory_of(store) > store->limit ? give_up_some(store) : 0;
    if (failed != 0)
        return failed;
    if (store->given_up > 0) {
        const struct row_place place = store->place(store->context, record);
        if (is_behind(&place, &store->first_given_up)) {
            store->given_up++;
            return 0;
        }
    }
    failed = reserve(store, LENGTH_BYTES + len, &at);
    if (failed != 0)
        return failed;
    if (store->sorted)
        forget_order(store);
    uint8_t *to = bytes_at(store, at);
    to[0] = (uint8_t)(len >> 8);
    to[1] = (uint8_t)len;
    memcpy(to + LENGTH_BYTES, record, len);
    store->chunks[at / CHUNK].used += LENGTH_BYTES + len;
    store->count++;
    return 0;
}

size_t row_store_count(const struct row_store *store)
{
    return store->count;
}

const uint8_t *row_store_get(const struct row_store *store, size_t index, size_t *len)
{
    const struct entry *entries = entries_of(store);
    if (index + AHEAD < store->count) {
        const uint8_t *soon = bytes_at(store, entries[index + AHEAD].at);
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + CACHE_LINE);
    }
    const uint8_t *head = bytes_at(store, entries[index].at);
    *len = length_at(head);
    return head + LENGTH_BYTES;
}

uint64_t row_store_given_up(const struct row_store *store)
{
    return store->given_up;
}
