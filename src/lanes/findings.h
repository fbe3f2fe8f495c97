#ifndef SOCKDIAG_LANES_FINDINGS_H
#define SOCKDIAG_LANES_FINDINGS_H

#include "lanes/lanes.h"

/* What the lanes prove. Pure functions on the model: they need the spans, the calls' snapshots and the
 * framing, nothing else.
 *
 * kind            cause                  proved by
 * coalesced       nagle                  no TCP_NODELAY, unacknowledged data in flight, less than a segment
 * waiting cork, more             TCP_CORK set; MSG_MORE in the flags of the earlier send queue the congestion
 * or the receive window was full autocork               (likely) TCP_NODELAY set, yet data waited in the
 * kernel's own queue retransmission-merge   the first copies were two segments, the repeated one is one
 *                 unknown                (likely) no snapshot of the socket
 * segmented       mss                    the cuts are ends of full segments
 *                 window                 cut where the peer's window or the congestion window ended
 *                 unknown                (likely)
 * sticky          coalesced-on-wire      one segment carried the boundary
 *                 queued-before-recv     all bytes were waiting when recv was entered (SIOCINQ)
 *                 hole-filled            bytes before the boundary came after bytes behind it
 *                 arrived-during-recv    neither
 * split           small-buffer           recv returned all it had asked for
 *                 not-yet-arrived        recv returned less than it asked for: no more was there
 * merged          as sticky              no framing is known, and one recv held bytes of several sends
 * retransmitted   dropped, corrupted     the fate of the earlier copy
 *                 reordered, delayed, spurious   the earlier copy was delivered all the same
 *                 loss                   (likely) the capture does not tell
 * framing-broken  the cause of the recv's sticky or split finding; or
 *                 overrun                the reader asked for more than was left of the message
 *                 short-send             a send took less than was offered, the rest was never sent
 *                 size-chars             the announced length is the number of characters, not of bytes
 *                 announced-more, announced-fewer
 *                 no-header              the stream does not begin with a header
 * lucky           luck                   the framing allows a break that did not come
 */

/* Make the findings of a stream whose lanes are complete: fills findings, broken_at, broken_from. 0 or
 * -ENOMEM. */
int findings_make(struct lanes_stream *stream);

void findings_free(struct lanes_stream *stream);

/* ---- inside: one function a file ---- */

int findings_wire(struct lanes_stream *stream, const struct lanes_direction *d);    /* coalesced, segmented */
int findings_repeats(struct lanes_stream *stream, const struct lanes_direction *d); /* retransmitted */
int findings_reader(struct lanes_stream *stream, const struct lanes_direction *d);  /* sticky, split */
int findings_merged(struct lanes_stream *stream, const struct lanes_direction *d);  /* merged */
int findings_framing(struct lanes_stream *stream); /* framing-broken, lucky */

/* Why a recv held the boundary between two messages, or ended inside one: the cause of a sticky or split
 * finding, and of the framing-broken that follows from it. `why` gets the sentence. */
struct finding_cause {
    const char *word;
    bool likely;
};
struct finding_cause sticky_cause(const struct lanes_direction *d, const struct lanes_span *recv,
                                  uint64_t boundary, struct buf *why);
struct finding_cause split_cause(const struct lanes_direction *d, const struct lanes_span *recv,
                                 struct buf *why);

/* Are there LANES_MAX_FINDINGS already? Then the one that would be made now is counted as beyond them. */
bool findings_full(struct lanes_stream *stream);

/* A new finding, zeroed but for kind, cause, side and place. NULL: memory is out. */
struct lanes_finding *finding_add(struct lanes_stream *stream, const struct lanes_direction *d,
                                  const char *kind, const char *cause, uint64_t offset, uint64_t length);

/* Add evidence: numbers of the lane's spans, no number twice in a row. At most LANES_MAX_EVIDENCE are kept:
 * the first ones, and the last. 0 or -ENOMEM. */
int finding_evidence(struct lanes_finding *finding, enum lanes_lane lane, uint32_t n);

/* Evidence: every span of the lane that overlaps [begin, end). */
int finding_overlapping(struct lanes_finding *finding, const struct lanes_direction *d, enum lanes_lane lane,
                        uint64_t begin, uint64_t end);

/* Turn a buffer into a finding's sentence; the buffer is emptied. 0 or -ENOMEM. */
int finding_take(char **text, struct buf *sentence);
int finding_say(char **text, const char *sentence);

#endif
