#ifndef SOCKDIAG_CRAFT_BOXES_PRIVATE_H
#define SOCKDIAG_CRAFT_BOXES_PRIVATE_H

#include "craft/boxes.h"

/* What the parts of craft/boxes*.c and craft/diff.c share: the figure of one header, and its words. */

/* Is the checksum of a layer right? 1, 0, or -1: not told. */
struct boxes_checksum {
    int right;
    uint16_t wanted; /* where it is not */
};

/* Append the header's drawing, 32 bits a row. What found no room in its cell goes into `notes`: lines without
 * an indent, each with a newline. */
void boxes_figure(struct buf *out, struct buf *notes, const struct craft_layer *layer,
                  const struct boxes_checksum *checksum, const struct craft_style *style);

/* A width that has room for the drawing. */
#define BOXES_FIGURE_COLUMNS 66

/* Has the layer a value for this field? Of a header that was cut only the fields that fit. */
bool boxes_has(const struct craft_layer *layer, int field);

/* The label in fewer letters, or the label. */
const char *boxes_short_label(const struct craft_field *field);

/* The value for people: numbers as numbers, flags by name, addresses; a checksum in hexadecimal. */
void boxes_value(const struct craft_field *field, const struct craft_value *value, struct buf *out);

/* The word for a number, or NULL. */
const char *boxes_word(const struct craft_field *field, const struct craft_value *value);

/* "(20 bytes)" of a field of variable length. */
size_t boxes_variable_len(const struct craft_layer *layer);

const char *boxes_mark(bool good, bool ascii);

/* Append text that may hold strings from outside; in ASCII where the style says so. */
void boxes_text(struct buf *out, const char *text, bool ascii);

/* Append `text` in a colour ("31") if the style has any. */
void boxes_colored(struct buf *out, const struct craft_style *style, const char *color, const char *text,
                   size_t len);

/* Take the blanks off the end of the last line, and end it. */
void boxes_end_line(struct buf *out);

#endif
