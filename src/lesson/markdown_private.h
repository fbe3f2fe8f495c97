#ifndef SOCKDIAG_LESSON_MARKDOWN_PRIVATE_H
#define SOCKDIAG_LESSON_MARKDOWN_PRIVATE_H

#include "base/arena.h"
#include "lesson/markdown.h"

/* What the three files of markdown share: markdown.c reads sections and blocks, markdown_inline.c the signs
 * inside a line, markdown_layout.c lays a section out. */

enum block_kind {
    BLOCK_PARAGRAPH,
    BLOCK_ITEM,
    BLOCK_CODE,
};

struct block {
    enum block_kind kind;
    const char *text;   /* lines joined; of code as they are */
    const char *mark;   /* "b" of an item "- b) …", else NULL */
    const char *bullet; /* "-", "3.", "b)" */
    bool apart;         /* an empty line before it */
};

struct mention {
    const char *fact;
    bool in_code;
};

struct section {
    const char *id, *heading;
    struct block *blocks;
    size_t block_count, block_cap;
    struct mention *mentions;
    size_t mention_count, mention_cap;
};

struct markdown {
    struct arena arena;
    const char *name, *title, *summary;
    struct section *sections;
    size_t section_count, section_cap;
};

const struct section *section_find(const struct markdown *md, const char *id); /* or NULL */

/* Text with a style for each of its bytes. */
enum inline_style {
    INLINE_PLAIN,
    INLINE_STRONG,
    INLINE_EMPHASIS,
    INLINE_CODE,
};

struct styled {
    struct buf text, styles;
};

void styled_free(struct styled *styled);

/* Append a line of Markdown. With `signs` the signs of emphasis and code stay where there is no colour to
 * show them. Returns the name of a fact that is missing, in `missing`, or leaves that as it is. */
void inline_parse(struct styled *out, const char *text, const json_t *facts, bool signs, char missing[64]);

/* The same of one line of a code block. */
void inline_code_line(struct styled *out, const char *text, size_t len, const json_t *facts);

/* Tell each {fact} of a text; `in_code`: the text is code, or stands in backticks. */
void inline_mentions(const char *text, bool code, void (*tell)(void *context, const char *name, bool in_code),
                     void *context);

#endif
