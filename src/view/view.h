#ifndef SOCKDIAG_VIEW_VIEW_H
#define SOCKDIAG_VIEW_VIEW_H

#include "base/buf.h"
#include "lanes/lanes.h"

/* Renderers of the model, one vtable each. They append to a buffer and print nothing. */

/* A place that the reader's eye is led to. */
struct view_mark {
    uint64_t stream;
    enum flow_side from;
    uint64_t at;      /* byte; of datagrams: which one */
    const char *text; /* what stands beside the sign */
};

struct view_style {
    unsigned columns;             /* terminal width, >= 40 */
    bool ascii;                   /* | and - instead of box drawing, x instead of a cross */
    bool color;                   /* ANSI colours; never the only carrier of meaning */
    bool verbose;                 /* every span, unfolded; findings that are not problems too */
    bool brief;                   /* lanes only, no findings */
    const struct view_mark *mark; /* or NULL */
};

struct view {
    const char *name;
    void (*head)(struct buf *out, const struct lanes *lanes, const struct view_style *style);
    void (*stream)(struct buf *out, const struct lanes_stream *stream, const struct view_style *style);
    void (*datagrams)(struct buf *out, const struct lanes_datagrams *datagrams,
                      const struct view_style *style);
    void (*tail)(struct buf *out, const struct lanes *lanes, const struct view_style *style);
};

extern const struct view view_text;
extern const struct view view_json; /* NDJSON, as the design's section JSON has it */

/* One line for each stream, for captures of many. `file` is for the hint how to see one of them. */
void view_table(struct buf *out, const struct lanes *lanes, const struct view_style *style, const char *file);

/* That there are too many conversations of datagrams to draw them all, and how to see one. */
void view_datagrams_left_out(struct buf *out, const struct lanes *lanes, const struct view_style *style);

/* head, each stream, tail. */
void view_render(const struct view *view, const struct lanes *lanes, const struct view_style *style,
                 struct buf *out);

#endif
