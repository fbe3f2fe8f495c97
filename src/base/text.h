#ifndef SOCKDIAG_BASE_TEXT_H
#define SOCKDIAG_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Text for people: display width and safe output. Independent of the locale; all strings are UTF-8
 * (libunistring). */

/* Terminal columns that the first `len` bytes take: East Asian wide characters count 2, combining ones 0,
 * each byte that is no UTF-8 counts 1. */
size_t text_width(const char *text, size_t len);

/* Bytes of the longest prefix (whole characters) that fits into `columns`. */
size_t text_fit(const char *text, size_t len, size_t columns);

/* Append bytes that came from outside so that no terminal obeys them: printable UTF-8 stays; C0 and C1
 * controls, DEL, bidirectional controls, line separators, invalid UTF-8 and the backslash itself become \n,
 * \t, \\, \xNN or \u{NNNN}. */
void text_escape(struct buf *out, const void *data, size_t len);

/* The same for a message, of which parts may be escaped already: backslashes stay. */
void text_escape_message(struct buf *out, const void *data, size_t len);

/* How unlike two short words are: how many letters of the first, `len` bytes, are to be added, left
 * out, changed or swapped with the next one to get the other (Damerau, Levenshtein; by bytes).
 * TEXT_DISTANCE_MOST where one of them is longer than that. */
#define TEXT_DISTANCE_MOST 32
size_t text_distance(const char *word, size_t len, const char *other);

#endif
