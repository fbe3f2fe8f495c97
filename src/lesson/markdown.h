#ifndef SOCKDIAG_LESSON_MARKDOWN_H
#define SOCKDIAG_LESSON_MARKDOWN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* The texts of a lesson: sections with an id, of paragraphs, lists and code, with facts in braces. Of
 * Markdown only what docs/lessons/README.md lists. Pure: no I/O. */

struct markdown;

/* Parse a file's text, which is copied. 0, or a negative errno and `err` says "NAME:LINE: …". */
int markdown_parse(struct markdown **md, const char *text, size_t len, const char *name, struct sd_err *err);
void markdown_free(struct markdown *md); /* NULL is fine */

const char *markdown_name(const struct markdown *md);    /* the file's, for messages */
const char *markdown_title(const struct markdown *md);   /* without its "# " */
const char *markdown_summary(const struct markdown *md); /* the first paragraph */

size_t markdown_section_count(const struct markdown *md);
const char *markdown_section_id(const struct markdown *md, size_t index);
bool markdown_has(const struct markdown *md, const char *section);

/* Does the section have an item "- MARK) …"? */
bool markdown_has_item(const struct markdown *md, const char *section, const char *mark);

/* The facts that a section speaks of, one after the other from index 0; NULL behind the last. A name in code
 * may be no fact: then `in_code`. */
const char *markdown_fact(const struct markdown *md, const char *section, size_t index, bool *in_code);

struct markdown_style {
    unsigned columns; /* no line is wider */
    bool color;       /* else emphasis is seen by its * and code by its ` */
};

enum markdown_part {
    MARKDOWN_HEADING = 1,
    MARKDOWN_BODY = 2,    /* all but the marked items */
    MARKDOWN_CHOICES = 4, /* the marked items, "a) …" */
    MARKDOWN_ALL = 7,
};

/* Append a section, laid out for a terminal; facts (an object, name: value) take the place of their names.
 * -ENOENT, and `err` tells which fact is missing: it stands there by its name. */
int markdown_section(struct buf *out, const struct markdown *md, const char *section, unsigned parts,
                     const json_t *facts, const struct markdown_style *style, struct sd_err *err);

/* The same of one marked item's text, without its mark. Appends nothing where there is no such item. */
int markdown_item(struct buf *out, const struct markdown *md, const char *section, const char *mark,
                  const json_t *facts, const struct markdown_style *style, struct sd_err *err);

#endif
