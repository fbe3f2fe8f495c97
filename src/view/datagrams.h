#ifndef SOCKDIAG_VIEW_DATAGRAMS_H
#define SOCKDIAG_VIEW_DATAGRAMS_H

#include "view/view.h"

/* Datagrams: a line for each. Of many, the first and the last few are drawn, unless `verbose`. */
void datagrams_text(struct buf *out, const struct lanes_datagrams *datagrams, const struct view_style *style);

/* {"type":"datagram",…} for each. */
void datagrams_json(struct buf *out, const struct lanes_datagrams *datagrams, const struct view_style *style);

/* json.c: "delivered", "dropped", "corrupted", "duplicated", "reordered"; NULL: the capture does not tell. */
const char *json_fate_word(const char *fate);

#endif
