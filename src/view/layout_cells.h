#ifndef SOCKDIAG_VIEW_LAYOUT_CELLS_H
#define SOCKDIAG_VIEW_LAYOUT_CELLS_H

#include "view/layout.h"

/* Inside the layout: boundaries, and which cells between them are kept or folded. */

struct layout_bounds {
    uint64_t *at; /* ascending, each once; the first is 0, the last the end of the axis */
    size_t count;
};

/* 0 or -ENOMEM; free(bounds->at). */
int layout_bounds_find(struct layout_bounds *bounds, const struct layout_request *request);

/* Make the cells: all of them, or about `room` of those nearest to a place of interest, and folds for the
 * others. 0 or -ENOMEM. */
int layout_cells_make(struct layout *layout, const struct layout_bounds *bounds,
                      const struct layout_request *request, size_t room);

#endif
