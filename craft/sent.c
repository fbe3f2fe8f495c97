#include "craft/sent.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/dissect.h"

/* A ring of records in the order of sending, and over it a hash table whose chains are in the same order: the
 * record that leaves the ring is the first of its chain, so that forgetting costs nothing. Records with the
 * same bytes (a packet sent again and again) share the pointer to them, and are compared with an answer
 * once. */

#define NONE UINT32_MAX
#define BUCKETS (SENT_KEPT * 2)
#define NEXT_LOOKS 64 /* packets behind an answered one that may wait for the same answer */

struct chain {
    uint32_t head, tail;
    uint32_t open; /* no record before it in the chain waits for its first answer */
};

struct sent {
    struct hash_key key;
    struct sent_record *ring; /* grows by doubling, up to SENT_KEPT */
    size_t room;
    uint64_t count, first;    /* numbers [first, count) are remembered */
    size_t held;              /* bytes of the copies */
    uint64_t unseen;          /* none before it is to be seen leaving */
    struct chain *chains;     /* BUCKETS of them */
    struct craft_packet mine; /* the record that is compared; too large for the stack to be free of thought */
    struct craft_room room_of_mine;
};

struct sent *sent_new(const struct hash_key *key)
{
    struct sent *sent = calloc(1, sizeof *sent);
    if (sent == NULL)
        return NULL;
    sent->key = *key;
    sent->chains = malloc(BUCKETS * sizeof *sent->chains);
    if (sent->chains == NULL) {
        free(sent);
        return NULL;
    }
    memset(sent->chains, 0xff, BUCKETS * sizeof *sent->chains); /* NONE everywhere */
    return sent;
}

static struct sent_record *record_at(struct sent *sent, uint32_t slot)
{
    return &sent->ring[slot];
}

void sent_free(struct sent *sent)
{
    if (sent == NULL)
        return;
    for (uint64_t n = sent->first; n < sent->count; n++) {
        const struct sent_record *r = record_at(sent, (uint32_t)(n % sent->room));
        if (r->own)
            free((void *)(uintptr_t)r->bytes);
    }
    free(sent->ring);
    free(sent->chains);
    free(sent);
}

/* ---- adding ---- */

/* While it grows it never was full, so that number and slot are the same. */
static bool grow(struct sent *sent)
{
    const size_t room = sent->room == 0 ? 64 : sent->room * 2;
    struct sent_record *ring = realloc(sent->ring, room * sizeof *ring);
    if (ring == NULL)
        return false;
    sent->ring = ring;
    sent->room = room;
    return true;
}

static void forget_first(struct sent *sent)
{
    const uint32_t slot = (uint32_t)(sent->first % sent->room);
    struct sent_record *r = record_at(sent, slot);
    struct chain *chain = &sent->chains[r->hash % BUCKETS];
    chain->head = r->next;
    if (chain->tail == slot)
        chain->tail = NONE;
    if (chain->open == slot)
        chain->open = r->next;
    if (r->own) {
        sent->held -= r->len;
        free((void *)(uintptr_t)r->bytes);
    }
    sent->first++;
}

static void append(struct sent *sent, uint32_t slot)
{
    struct chain *chain = &sent->chains[record_at(sent, slot)->hash % BUCKETS];
    if (chain->tail == NONE)
        chain->head = slot;
    else
        record_at(sent, chain->tail)->next = slot;
    chain->tail = slot;
    if (chain->open == NONE)
        chain->open = slot;
}

/* The hash of the record before, where the bytes are the same: it need not be computed anew. */
static uint64_t hash_of(struct sent *sent, const struct sent_packet *packet)
{
    if (sent->count > sent->first && !packet->copy) {
        const struct sent_record *before = record_at(sent, (uint32_t)((sent->count - 1) % sent->room));
        if (before->bytes == packet->bytes && before->len == packet->len)
            return before->hash;
    }
    craft_dissect(&sent->mine, &sent->room_of_mine, packet->first, packet->bytes, packet->len);
    return craft_answer_hash(&sent->key, &sent->mine, CRAFT_ANSWER_SENT, packet->to_many);
}

struct sent_record *sent_add(struct sent *sent, const struct sent_packet *packet, uint64_t asked_ns)
{
    const uint8_t *bytes = packet->bytes;
    if (sent->count == sent->room && sent->room < SENT_KEPT && !grow(sent))
        return NULL;
    if (packet->copy) {
        uint8_t *copy = malloc(packet->len > 0 ? packet->len : 1);
        if (copy == NULL)
            return NULL;
        memcpy(copy, packet->bytes, packet->len);
        bytes = copy;
    }
    const uint64_t hash = hash_of(sent, packet);
    sent->held += packet->copy ? packet->len : 0;
    while (sent->count - sent->first == sent->room || (sent->held > SENT_BYTES && sent->count > sent->first))
        forget_first(sent);
    const uint32_t slot = (uint32_t)(sent->count % sent->room);
    struct sent_record *r = record_at(sent, slot);
    *r = (struct sent_record){
        .number = sent->count++,
        .tag = packet->tag,
        .asked_ns = asked_ns,
        .first = packet->first,
        .bytes = bytes,
        .len = (uint32_t)packet->len,
        .to_many = packet->to_many,
        .own = packet->copy,
        .hash = hash,
        .next = NONE,
    };
    append(sent, slot);
    return r;
}

struct sent_record *sent_at(struct sent *sent, uint64_t number)
{
    if (number < sent->first || number >= sent->count)
        return NULL;
    return record_at(sent, (uint32_t)(number % sent->room));
}

uint64_t sent_first(const struct sent *sent)
{
    return sent->first;
}

uint64_t sent_count(const struct sent *sent)
{
    return sent->count;
}

/* ---- matching ---- */

/* Total length, identification, checksum and source address may differ (raw(7)); all else is ours. */
static bool leaves_as(const struct sent_record *r, const uint8_t *bytes, size_t len)
{
    enum {
        LEN_AT = 2,
        ID_AT = 4,
        FLAGS_AT = 6,
        CHECKSUM_AT = 10,
        SOURCE_AT = 12,
        TARGET_AT = 16,
        SHORTEST = 20,
    };
    if (r->len != len)
        return false;
    if (r->first != &craft_ip || len < SHORTEST)
        return memcmp(r->bytes, bytes, len) == 0;
    const bool any_id = load_be16(r->bytes + ID_AT) == 0, any_source = load_be32(r->bytes + SOURCE_AT) == 0;
    return memcmp(r->bytes, bytes, LEN_AT) == 0 &&
           (any_id || memcmp(r->bytes + ID_AT, bytes + ID_AT, 2) == 0) &&
           memcmp(r->bytes + FLAGS_AT, bytes + FLAGS_AT, CHECKSUM_AT - FLAGS_AT) == 0 &&
           (any_source || memcmp(r->bytes + SOURCE_AT, bytes + SOURCE_AT, 4) == 0) &&
           memcmp(r->bytes + TARGET_AT, bytes + TARGET_AT, len - TARGET_AT) == 0;
}

/* A look through one chain: the first record that waits and fits, and the last that fits and was answered. */
struct look {
    uint64_t hash;
    const struct sent_got *got;
    const uint8_t *bytes; /* last compared */
    enum craft_answer verdict;
    struct sent_record *waiting, *answered;
    enum craft_answer waiting_verdict, answered_verdict;
};

static enum craft_answer compare(struct sent *sent, struct look *look, const struct sent_record *r)
{
    if (look->bytes != r->bytes) {
        craft_dissect(&sent->mine, &sent->room_of_mine, r->first, r->bytes, r->len);
        look->verdict = leaves_as(r, look->got->bytes, look->got->len)
                            ? CRAFT_ANSWER_NONE
                            : craft_answer(&sent->mine, look->got->packet, r->to_many, NULL);
        look->bytes = r->bytes;
    }
    return look->verdict;
}

static bool can_have_it(const struct look *look, const struct sent_record *r)
{
    return r->hash == look->hash && r->asked_ns <= look->got->time_ns;
}

static bool waits(const struct look *look, const struct sent_record *r)
{
    return r->answers == 0 && r->asked_ns >= look->got->given_up_ns;
}

static void look_at(struct sent *sent, struct look *look, struct sent_record *r)
{
    if (!can_have_it(look, r))
        return;
    const enum craft_answer verdict = compare(sent, look, r);
    if (verdict == CRAFT_ANSWER_NONE)
        return;
    if (waits(look, r)) {
        look->waiting = r;
        look->waiting_verdict = verdict;
    } else if (r->answers > 0) {
        look->answered = r;
        look->answered_verdict = verdict;
    }
}

static void look_through(struct sent *sent, struct look *look)
{
    struct chain *chain = &sent->chains[look->hash % BUCKETS];
    while (chain->open != NONE && (record_at(sent, chain->open)->answers > 0 ||
                                   record_at(sent, chain->open)->asked_ns < look->got->given_up_ns))
        chain->open = record_at(sent, chain->open)->next;
    uint32_t slot = chain->open;
    for (unsigned n = 0; slot != NONE && n < SENT_LOOKS && look->waiting == NULL; n++) {
        look_at(sent, look, record_at(sent, slot));
        slot = record_at(sent, slot)->next;
    }
    slot = chain->head;
    for (unsigned n = 0; slot != NONE && n < SENT_LOOKS && look->waiting == NULL; n++) {
        look_at(sent, look, record_at(sent, slot));
        slot = record_at(sent, slot)->next;
    }
}

/* Behind the packet that gets the answer: the next one of the same bytes mostly stands next to it. */
static bool another_waits(struct sent *sent, struct look *look)
{
    uint32_t slot = look->waiting != NULL ? look->waiting->next : NONE;
    for (unsigned n = 0; slot != NONE && n < NEXT_LOOKS; n++) {
        const struct sent_record *r = record_at(sent, slot);
        if (can_have_it(look, r) && waits(look, r) && compare(sent, look, r) != CRAFT_ANSWER_NONE)
            return true;
        slot = r->next;
    }
    return false;
}

struct sent_match sent_match(struct sent *sent, const struct sent_got *got, struct buf *why)
{
    struct sent_match match = {0};
    for (int to_many = 0; to_many < 2 && match.record == NULL; to_many++) {
        struct look look = {
            .hash = craft_answer_hash(&sent->key, got->packet, CRAFT_ANSWER_GOT, to_many != 0),
            .got = got,
        };
        look_through(sent, &look);
        match.duplicate = look.waiting == NULL && look.answered != NULL;
        match.ambiguous = another_waits(sent, &look);
        match.record = look.waiting != NULL ? look.waiting : look.answered;
        match.answer = look.waiting != NULL ? look.waiting_verdict : look.answered_verdict;
    }
    if (match.record == NULL)
        return match;
    if (why != NULL) {
        const struct sent_record *r = match.record;
        craft_dissect(&sent->mine, &sent->room_of_mine, r->first, r->bytes, r->len);
        (void)craft_answer(&sent->mine, got->packet, r->to_many, why);
    }
    if (match.record->answers < UINT32_MAX)
        match.record->answers++;
    return match;
}

/* ---- leaving ---- */

struct sent_record *sent_leaving(struct sent *sent, const uint8_t *bytes, size_t len)
{
    /* Packets leave in the order of sending, but for those of several sockets: the oldest unseen one is
     * nearly always the first looked at. */
    if (sent->unseen < sent->first)
        sent->unseen = sent->first;
    while (sent->unseen < sent->count && sent_at(sent, sent->unseen)->seen)
        sent->unseen++;
    for (uint64_t n = sent->unseen; n < sent->count && n - sent->unseen < SENT_LOOKS; n++) {
        struct sent_record *r = sent_at(sent, n);
        if (!r->seen && leaves_as(r, bytes, len)) {
            r->seen = true;
            return r;
        }
    }
    return NULL;
}
