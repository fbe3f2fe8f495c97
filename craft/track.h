#ifndef SOCKDIAG_CRAFT_TRACK_H
#define SOCKDIAG_CRAFT_TRACK_H

#include <stdbool.h>
#include <stdint.h>

/* The probes of one target between sending and answer, in bounded memory: which are under way, which were
 * answered, which answer is a duplicate or came late. No clock: times are arguments. Zero-initialise,
 * track_send…, track_free. */

struct track_probe {
    uint32_t number;
    uint32_t send_id;     /* of the socket: rawsock_sent().id */
    uint64_t asked_ns;    /* clock_real_ns() before the send call */
    uint64_t sent_ns;     /* by the kernel; 0: no stamp (yet) */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC: lost from then on */
    bool answered, lost;
    uint16_t answers; /* in all */
};

#define TRACK_KEPT 65536 /* probes that are remembered: an older answer cannot be told */
struct track {
    struct track_probe *ring;   /* grows by doubling up to TRACK_KEPT */
    uint32_t room, first, next; /* numbers [first, next) are remembered */
    uint32_t oldest_waiting;
    /* sent = answered (in time) + late + lost + waiting */
    uint64_t sent, answered, lost, duplicates, late, errors;
};

enum track_result {
    TRACK_ANSWERED,  /* the first answer, in time */
    TRACK_DUPLICATE, /* answered before */
    TRACK_LATE,      /* was given up: from now on counted as `late`, no longer as `lost` */
    TRACK_UNKNOWN,   /* never sent, or too long ago */
};

/* A probe goes out; numbers count up by one from 0. Probes expire in the order of their numbers: where one
 * gets an earlier deadline than the one before it, which still waits, it takes that one's. The one that is
 * forgotten for it (TRACK_KEPT) is lost if it was under way. NULL: memory is out. Pointers are good until the
 * next track_send. */
struct track_probe *track_send(struct track *track, uint64_t asked_ns, uint64_t deadline_ns);
/* The probe that the low `bits` (1 to 32) of a number mean: the latest sent that has them. NULL: none is
 * remembered. */
struct track_probe *track_find(struct track *track, uint32_t number, unsigned bits);
/* `probe` may be NULL: TRACK_UNKNOWN. */
enum track_result track_answer(struct track *track, struct track_probe *probe);
/* An error came instead of an answer: counted as one of `errors`, and the probe, if it was under way, as lost
 * (then TRACK_ANSWERED; else what it was before: TRACK_DUPLICATE answered, TRACK_LATE lost). An answer that
 * comes after all is late. */
enum track_result track_error(struct track *track, struct track_probe *probe);
/* Give up, one after the other, what is past its deadline: the next such probe, or NULL. */
struct track_probe *track_expire(struct track *track, uint64_t now_ns);
/* The earliest deadline of a probe under way; UINT64_MAX: none is. */
uint64_t track_deadline(const struct track *track);
/* Probes under way. */
uint64_t track_waiting(const struct track *track);
void track_free(struct track *track);

#endif
