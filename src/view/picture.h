#ifndef SOCKDIAG_VIEW_PICTURE_H
#define SOCKDIAG_VIEW_PICTURE_H

#include "view/view.h"

/* The lanes of one direction, drawn. `columns` is the terminal's width. Appends nothing where the direction
 * has no bytes. */
void picture_direction(struct buf *out, const struct lanes_stream *stream, const struct lanes_direction *d,
                       const struct view_style *style, unsigned columns);

#endif
