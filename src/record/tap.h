#ifndef SOCKDIAG_RECORD_TAP_H
#define SOCKDIAG_RECORD_TAP_H

#include "base/err.h"
#include "capture/source.h"
#include "record/recording.h"

/* A process that puts the packets of a live source into a recording. It drops every privilege before it looks
 * at the first of them. */
struct tap;

#define TAP_BLOCK_MS 10 /* source_live.block_ms for it: packets reach it within twice that */

/* Fork it; it captures already when this returns (the source is open). Takes the source over. */
int tap_start(struct tap **out, struct source *source, struct recording *recording, struct sd_err *err);

struct tap_result {
    uint64_t received, dropped;
    int failed; /* errno of what ended the capture early (ENETDOWN), 0: nothing */
};

/* Let what is under way arrive (until nothing came for 40 ms, at most half a second), end it, tell its
 * counts. Frees. */
void tap_stop(struct tap *tap, struct tap_result *result);

#endif
