#ifndef SOCKDIAG_VIEW_LAYOUT_H
#define SOCKDIAG_VIEW_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the spans of some lanes stand in a terminal.
 *
 * Every begin and end of a span is a boundary. Between two neighbouring boundaries lies a cell; a cell is at
 * least one column wide, so that no two boundaries fall together or change places, and a boundary is drawn
 * in the first column of the cell behind it. Cells get what their labels need, then a share of what is left,
 * by their bytes. What does not fit into one line goes into further panels, as music does. Where even these
 * are too many, runs of cells far from anything of interest are folded into one.
 *
 * Pure: no I/O, nothing of the model. */

enum layout_mark {
    LAYOUT_PLAIN,
    LAYOUT_AGAIN, /* a retransmission */
    LAYOUT_LOST,  /* lost on its way */
    LAYOUT_FAINT, /* not a span: bytes that a lane does not have (unsent, unread) */
};

struct layout_item {
    uint64_t begin, end; /* end > begin */
    const char *name;    /* "header", "unsent"; NULL: "#n" stands instead */
    uint32_t n;
    uint64_t amount; /* bytes shown; 0: none */
    uint64_t asked;  /* shown behind a slash; 0: not */
    enum layout_mark mark;
};

/* Items ascending by begin, disjoint. */
struct layout_lane {
    const char *title;
    const char *color; /* an SGR parameter, or NULL */
    struct layout_item *items;
    size_t count, cap;
};

enum layout_labels {
    LAYOUT_ROOMY, /* whole labels, and room for each number on the axis */
    LAYOUT_FULL,  /* whole labels */
    LAYOUT_BRIEF, /* "#12" */
    LAYOUT_NONE,
};

struct layout_cell {
    uint64_t begin, end;
    bool fold;
    unsigned x, width; /* in its panel */
};

struct layout_panel {
    size_t first, count; /* cells */
    unsigned columns;    /* of the cells; the closing boundary takes one more */
};

struct layout {
    struct layout_cell *cells;
    size_t cell_count;
    struct layout_panel *panels;
    size_t panel_count;
    enum layout_labels labels;
};

struct layout_request {
    const struct layout_lane *lanes;
    size_t lane_count;
    uint64_t end;         /* of the axis: [0, end), end > 0 */
    unsigned columns;     /* for cells and the closing boundary, >= 20 */
    size_t max_panels;    /* 0: as many as it takes, and nothing is folded */
    const uint64_t *keep; /* places of interest, the most interesting first */
    size_t keep_count;
    bool ascii;
};

/* 0 or -ENOMEM. layout_free() in any case. */
int layout_make(struct layout *layout, const struct layout_request *request);
void layout_free(struct layout *layout);

/* Index of the first item that ends after `offset`; count where there is none. */
size_t layout_after(const struct layout_lane *lane, uint64_t offset);

/* The item that has the byte, or NULL. */
const struct layout_item *layout_at(const struct layout_lane *lane, uint64_t offset);

/* The cells [i, …) that the item, which has the first byte of cell i, covers whole; the index behind them, at
 * most `count`. i itself where cell i is a fold that the item ends in. */
size_t layout_run_end(const struct layout_cell *cells, size_t i, size_t count,
                      const struct layout_item *item);

#define LAYOUT_LABEL_MAX 64

/* An item's label, UTF-8 (ASCII if asked for), "" at LAYOUT_NONE. Returns its length. */
size_t layout_label(const struct layout_item *item, enum layout_labels labels, bool ascii,
                    char out[LAYOUT_LABEL_MAX]);

/* What a lane has in a fold: "… 690 × 1448" for items that begin there; "" where none does. */
size_t layout_fold_label(const struct layout_lane *lane, const struct layout_cell *fold,
                         enum layout_labels labels, bool ascii, char out[LAYOUT_LABEL_MAX]);

#endif
