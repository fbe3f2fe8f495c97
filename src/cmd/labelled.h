#ifndef SOCKDIAG_CMD_LABELLED_H
#define SOCKDIAG_CMD_LABELLED_H

#include "view/view.h"

/* Lines with a sign and a label in front, for what a command found:
 *
 *  ✗ close-wait   the other side has closed, and the program does not
 *    proof        …
 *
 * The text is wrapped in its own column, below a label that is wider; in a narrow terminal it stands below
 * every label. */

struct labelled {
    const char *sign;  /* one column; NULL: none */
    const char *label; /* "": the text goes on with the line above */
    const char *color; /* an SGR parameter for sign and label, or NULL */
    unsigned width;    /* columns of the label */
};

void labelled_put(struct buf *out, const struct view_style *style, const struct labelled *front,
                  const char *text);

/* Running text over the whole width. */
void labelled_paragraph(struct buf *out, const struct view_style *style, const char *text);

#endif
