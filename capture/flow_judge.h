#ifndef SOCKDIAG_CAPTURE_FLOW_JUDGE_H
#define SOCKDIAG_CAPTURE_FLOW_JUDGE_H

#include "capture/flow.h"

/* Inside the flow table: what can be said of a packet without looking at the table. */

/* Who is the client: the sender of a SYN, the receiver of a SYN-ACK, else the higher port. */
bool flow_source_is_client(const struct packet *packet);

bool flow_bad_checksum(const struct packet *packet);

/* Is the packet's bad checksum the network's doing? Not in a direction where (nearly) all are bad: one in
 * 65536 wrong checksums is right by chance. */
bool flow_is_corrupted(const struct flow_stream *stream, enum flow_side from, const struct packet *packet);

/* Does the packet acknowledge all of `doubted`, which its other side sent? Then that was whole when it came
 * there. */
bool flow_confirms(const struct packet *packet, const struct packet *doubted);

/* Do the packet's numbers go on from those of the stream, as far as both are known? */
bool flow_may_be_of(const struct flow_stream *stream, enum flow_side from, const struct packet *packet);

/* A SYN-ACK: does it acknowledge the SYN that began the other side, as far as that is known? */
bool flow_answers_syn(const struct flow_stream *stream, enum flow_side from, const struct packet *packet);

/* After this packet of `from`: has the connection ended? */
void flow_note_end(struct flow_stream *stream, enum flow_side from, const struct packet *packet);

#endif
