#ifndef SOCKDIAG_CAPTURE_SHARED_INPUT_H
#define SOCKDIAG_CAPTURE_SHARED_INPUT_H

#include "capture/pcapng.h"

/* A file, or a pipe, that several threads work on. Every byte is read once, in pieces, by the thread that
 * first lacks something to do, and swept once: taken apart, so that all threads find what was
 * found. The thread that read a piece sweeps it, in whose cache the bytes are, into which it will read again.
 * Pieces of a file are read at the same time, swept one after the other. What was found
 * stays until every thread has looked at it, so that none gets further ahead than there is room; and all see
 * the same, up to the same end, whatever is written on to a file in the meantime and whenever a signal comes.
 *
 * Lifecycle: new; open a source of shared_input_pieces(); in each thread next… until it ends, and leave; free
 * when no thread is in it any more. */
struct shared_input;

struct shared_input_config {
    int fd; /* stays the caller's; from where it is now, a regular file as long as it is now (pread(2)) */
    int stop_fd;      /* when it becomes readable, the input ends with -EINTR; -1: none */
    const char *name; /* for messages */
    unsigned threads;
    void *context;
    /* Take apart what pieces.next() gives until that answers -EAGAIN, and keep what is found under the number
     * `slot`. Called by one thread at a time. -EAGAIN, or how the input ended, 0 or a negative errno. */
    int (*sweep)(void *context, size_t slot);
    /* Before a thread waits for a pipe that has nothing, in that thread; false: as shared_input_stop(). */
    bool (*before)(void *context, unsigned thread);
};

/* 0, or a negative errno with `err` filled. */
int shared_input_new(struct shared_input **out, const struct shared_input_config *config, struct sd_err *err);

/* What sweeps read; before the first of them, bytes are waited for. */
struct pcapng_pieces shared_input_pieces(struct shared_input *input);

/* How many numbers of slots there are, from 0. */
size_t shared_input_slots(const struct shared_input *input);

/* What was found behind what thread number `thread` got last, which it looks at no more: 1 and the slot; or
 * how the input ended: what the last sweep returned, or -ECANCELED. */
int shared_input_next(struct shared_input *input, unsigned thread, size_t *slot);

/* The thread wants no more: nobody waits for it. */
void shared_input_leave(struct shared_input *input, unsigned thread);

/* From any thread: none gets more than was swept; then -ECANCELED. */
void shared_input_stop(struct shared_input *input);

void shared_input_free(struct shared_input *input);

#endif
