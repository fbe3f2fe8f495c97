#ifndef SOCKDIAG_VIEW_DRAW_H
#define SOCKDIAG_VIEW_DRAW_H

#include "base/buf.h"
#include "view/layout.h"

/* Lines of a layout. */

struct draw_style {
    unsigned gutter; /* columns for the lanes' titles */
    bool ascii, color;
    bool has_mark; /* point at this byte under the last lane */
    uint64_t mark;
    const char *mark_text;
};

/* Append the panel: the byte axis, each lane, and the mark where it stands in this panel. No line is wider
 * than gutter + request->columns; none ends with a space. */
void draw_panel(struct buf *out, const struct layout *layout, size_t panel,
                const struct layout_request *request, const struct draw_style *style);

#endif
