#ifndef SOCKDIAG_VIEW_DRAW_H
#define SOCKDIAG_VIEW_DRAW_H

#include "base/buf.h"
#include "view/layout.h"

/* Lines of a layout. */

/* Points at a byte under the last lane. */
struct draw_mark {
    uint64_t at;
    const char *text;
    const char *color; /* an SGR parameter */
};

struct draw_style {
    unsigned gutter; /* columns for the lanes' titles */
    bool ascii, color;
    const struct draw_mark *marks; /* a line each */
    size_t mark_count;
};

/* Append the panel: the byte axis, each lane, and the marks that stand in this panel. No line is wider
 * than gutter + request->columns; none ends with a space. */
void draw_panel(struct buf *out, const struct layout *layout, size_t panel,
                const struct layout_request *request, const struct draw_style *style);

#endif
