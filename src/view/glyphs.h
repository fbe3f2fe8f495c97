#ifndef SOCKDIAG_VIEW_GLYPHS_H
#define SOCKDIAG_VIEW_GLYPHS_H

#include <stdbool.h>

/* The characters of the pictures, each one column wide. */
struct glyphs {
    const char *bar, *fill, *faint,
        *more;                     /* boundary; span; bytes that are not there; goes on in the next panel */
    const char *here;              /* points up at a place */
    const char *bad, *good, *note; /* in front of findings */
    const char *arrow;
    const char *nothing; /* an empty cell of a table */
};

const struct glyphs *glyphs_of(bool ascii);

#endif
