#ifndef SOCKDIAG_CMD_STREAMS_DIGEST_H
#define SOCKDIAG_CMD_STREAMS_DIGEST_H

#include "capture/row.h"

/* The MD5 of each direction's payload, which is put in order for it; on the way, versions of a byte that
 * differ are seen and marked. Digests take no more memory than they are told: one that would is given up. */

struct digests {
    bool md5s;          /* are wanted; else only versions are compared */
    size_t limit, held; /* bytes */
    uint64_t given_up;  /* for want of memory */
};

/* A segment of the stream; what belongs to the stream hangs at stream->user, which must be NULL at first. 0
 * or -ENOMEM. */
int digests_feed(struct digests *digests, struct flow_stream *stream, enum flow_side from,
                 const struct tcp_segment *segment);

/* What came of a stream's payload. */
struct digest_results {
    bool has[2]; /* not where bytes are missing, nor where there are none */
    uint8_t md5[2][ROW_MD5];
    uint32_t conflicts[2];
};

/* The stream is closed: finish its digests and free what hangs at stream->user. */
void digests_close(struct digests *digests, struct flow_stream *stream, struct digest_results *results);

void digests_put(const struct digest_results *results, struct row *row);

#endif
