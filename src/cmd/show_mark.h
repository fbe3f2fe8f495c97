#ifndef SOCKDIAG_CMD_SHOW_MARK_H
#define SOCKDIAG_CMD_SHOW_MARK_H

#include <stdbool.h>

#include "cmd/options.h"
#include "view/view.h"

/* show --mark [client:|server:]LANE:N|BYTE: a place in a picture. */

struct show_mark {
    bool given;
    const char *word; /* as it was given, for messages */
    bool sided;       /* `side` was given */
    enum flow_side side;
    bool of_lane; /* else of a byte */
    enum lanes_lane lane;
    uint64_t number; /* of the span, or the byte */
};

/* The option's row; parsing says what is wrong with the word. */
struct option_row show_mark_row(struct show_mark *mark);

/* Find the place in the model's only stream. `text` is for the caller to free with buf_free(), and belongs to
 * `place`. 0, or -ENOENT with a message that tells what there is. */
int show_mark_find(const struct show_mark *mark, const struct lanes *lanes, struct view_mark *place,
                   struct buf *text, struct sd_err *err);

#endif
