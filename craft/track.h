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
    uint64_t sent, answered, lost, duplicates, late, errors;
};

enum track_result {
    TRACK_ANSWERED,  /* the first answer, in time */
    TRACK_DUPLICATE, /* answered before */
    TRACK_LATE,      /* was given up; counted as `late`, no longer as lost in `answered` */
    TRACK_UNKNOWN,   /* never sent, or too long ago */
};

/* A probe goes out; numbers count up by one from 0. NULL: memory is out. */
struct track_probe *track_send(struct track *track, uint64_t asked_ns, uint64_t deadline_ns);
/* The probe that a number of 16 or 32 bits means: the latest sent that has these bits. NULL: none remembered.
 */
struct track_probe *track_find(struct track *track, uint32_t number, unsigned bits);
enum track_result track_answer(struct track *track, struct track_probe *probe);
/* Give up, one after the other, what is past its deadline: the next such probe, or NULL. */
struct track_probe *track_expire(struct track *track, uint64_t now_ns);
/* The earliest deadline of a probe under way; UINT64_MAX: none is. */
uint64_t track_deadline(const struct track *track);
/* Probes under way. */
uint64_t track_waiting(const struct track *track);
void track_free(struct track *track);

#endif
