#ifndef SOCKDIAG_CRAFT_BOXES_H
#define SOCKDIAG_CRAFT_BOXES_H

#include "base/buf.h"
#include "craft/layer.h"

/* Headers as the RFCs draw them, 32 bits a row, each field with its value. Pure: dissected packets in, text
 * out. */

struct craft_style {
    unsigned columns; /* terminal width, >= 40: below 66 the fields stand in a list instead */
    bool ascii;       /* + - | instead of box drawing characters */
    bool color;
};

/* Every layer of the packet: its title, its box, its options one a line, its payload as text and hexadecimal
 * (first 64 bytes). `bytes` are what the packet was dissected from: a wrong checksum is marked, with the
 * right one. */
void craft_boxes(struct buf *out, const struct craft_packet *packet, const void *bytes, size_t len,
                 const struct craft_style *style);

/* Offset, hexadecimal, text: 16 bytes a line (8 in narrow terminals). */
void craft_hex(struct buf *out, const void *bytes, size_t len, const struct craft_style *style);

/* What the kernel changes in a header on its way out, see raw(7): rows of rawsock_rewrites(). */
struct craft_rewrite {
    const char *layer, *field;
    bool only_zero;   /* only where the field is 0 */
    const char *what; /* "filled in: it was 0", "always computed" */
};

/* Field by field, as a table: what was asked for, what was sent (the kernel's changes named), what came back,
 * and for the fields that made the match: why. `asked` is as craft_expr_packet()/craft_build() leaves it,
 * `sent` and `got` are dissected or NULL (not seen, not come). Rows where nothing is to be said are left out
 * unless `all`. `reasons` (may be NULL): text for a field of `got` that matched, asked for by its layer and
 * field. */
struct craft_diff {
    const struct craft_packet *asked, *sent, *got;
    const struct craft_rewrite *rewrites;
    size_t rewrite_count;
    const char *(*reason)(void *context, const struct craft_layer *layer, int field);
    void *context;
    bool all;
};
void craft_diff(struct buf *out, const struct craft_diff *diff, const struct craft_style *style);

#endif
