#ifndef SOCKDIAG_CRAFT_SENT_H
#define SOCKDIAG_CRAFT_SENT_H

#include "base/buf.h"
#include "base/hash.h"
#include "craft/answer.h"
#include "craft/layer.h"

/* The crafted packets that were sent and may still be answered, in bounded memory: the last SENT_KEPT of
 * them, fewer where the copies of their bytes are more than SENT_BYTES. No clock: times are arguments.
 *
 * Packets of the same bytes cannot be told apart by their answers: each answer is for the oldest that has
 * none and was not given up, and said to be ambiguous where there is another one. Lifecycle: sent_new,
 * sent_add and sent_match in turn, sent_free. */

#define SENT_KEPT 65536
#define SENT_BYTES (64U << 20)
#define SENT_LOOKS 4096 /* packets with the hash of an answer that are compared with it */

struct sent_record {
    uint64_t number;   /* 0, 1, … in the order of sent_add() */
    uint64_t tag;      /* the caller's */
    uint64_t asked_ns; /* before the send call */
    uint64_t sent_ns;  /* by the kernel; 0: it told none (yet) */
    const struct craft_layer_type *first;
    const uint8_t *bytes;
    uint32_t len;
    uint32_t answers; /* replies and errors */
    bool to_many, own /* the bytes are the record's */;
    bool seen; /* leaving, by sent_leaving() */
    uint64_t hash;
    uint32_t next; /* in its chain; UINT32_MAX: the last */
};

struct sent;
struct sent *sent_new(const struct hash_key *key); /* NULL: memory is out */
void sent_free(struct sent *sent);

struct sent_packet {
    const struct craft_layer_type *first; /* what `bytes` begin with */
    const uint8_t *bytes;
    size_t len;
    bool to_many; /* see craft_answer() */
    bool copy;    /* the bytes do not stay where they are */
    uint64_t tag;
};

/* Remember a packet; valid until the next is added. NULL: memory is out. */
struct sent_record *sent_add(struct sent *sent, const struct sent_packet *packet, uint64_t asked_ns);

/* By number; NULL where it is not remembered (any more). */
struct sent_record *sent_at(struct sent *sent, uint64_t number);
uint64_t sent_first(const struct sent *sent); /* the oldest that is remembered */
uint64_t sent_count(const struct sent *sent); /* that were added, in all */

struct sent_match {
    struct sent_record *record; /* NULL: an answer to none; its `answers` counts this one */
    enum craft_answer answer;
    bool duplicate; /* it had an answer before */
    bool ambiguous; /* it may as well be the answer to a later packet, which waits, too */
};

/* A packet that came. `bytes` are what `packet` was dissected from: one to this machine itself comes in, too,
 * and is no answer to itself. */
struct sent_got {
    const struct craft_packet *packet;
    const uint8_t *bytes;
    size_t len;
    uint64_t time_ns;     /* nothing that was asked for later is answered by it */
    uint64_t given_up_ns; /* nothing that was asked for before gets its first answer by it */
};

/* What it answers; `why` as in craft_answer(). */
struct sent_match sent_match(struct sent *sent, const struct sent_got *got, struct buf *why);

/* A packet was seen leaving: the oldest not yet `seen` that has these bytes, but for the fields that raw(7)
 * lets the kernel rewrite. NULL: none. */
struct sent_record *sent_leaving(struct sent *sent, const uint8_t *bytes, size_t len);

#endif
