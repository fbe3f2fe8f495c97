#ifndef SOCKDIAG_CMD_SEND_TEXT_H
#define SOCKDIAG_CMD_SEND_TEXT_H

#include "base/json.h"
#include "craft/layer.h"

/* Packets as `send` prints them. */

/* A built packet as an expression with all that the build filled in. */
void send_text_full(struct craft_packet *packet, struct buf *out);

/* A dissected packet as the shortest expression that builds these bytes: what is as it would be anyway is
 * left out, but for addresses and types. A long payload is cut. `room` is for the comparison. */
void send_text_short(struct craft_packet *packet, const uint8_t *bytes, size_t len, struct buf *room,
                     struct buf *out);

/* "bytes":"4500…" */
void send_json_bytes(struct json *j, const uint8_t *bytes, size_t len);

#endif
