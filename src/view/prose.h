#ifndef SOCKDIAG_VIEW_PROSE_H
#define SOCKDIAG_VIEW_PROSE_H

#include "base/buf.h"

/* Running text in a terminal. */

/* Append `text` (UTF-8) in ASCII: the program's own signs become their ASCII forms, anything else \u{NNNN}.
 */
void prose_ascii(struct buf *out, const char *text);

/* Append words so that no line is wider than `columns`. The text begins at column `at` of the current line;
 * further lines begin with `indent` spaces. A word that fits into no line is cut. Ends the last line. */
void prose_wrap(struct buf *out, const char *text, unsigned at, unsigned indent, unsigned columns);

/* Append `text`, cut to `columns` and filled up with spaces. */
void prose_pad(struct buf *out, const char *text, unsigned columns);

#endif
