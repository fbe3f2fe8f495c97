#ifndef SOCKDIAG_CMD_SCREEN_H
#define SOCKDIAG_CMD_SCREEN_H

#include "cmd/options.h"
#include "view/view.h"

/* How wide the terminal is, and what it may be sent. */

struct screen_options {
    bool ascii;
    uint64_t width; /* 0: the terminal's */
};

#define SCREEN_OPTION_ROWS 2

/* Write the rows --ascii and --width. Returns how many. */
size_t screen_option_rows(struct screen_options *options, struct option_row rows[SCREEN_OPTION_ROWS]);

/* --width, else the terminal's as it is now, else COLUMNS, else 100; at least 40. */
unsigned screen_width(const struct screen_options *options);

/* Width: screen_width(). Colour: --color, else on a
 * terminal that is not dumb, or with CLICOLOR_FORCE, and without NO_COLOR. ASCII: --ascii, or a locale that
 * is not UTF-8. */
struct view_style screen_style(const struct screen_options *options, const struct options_common *common);

#endif
