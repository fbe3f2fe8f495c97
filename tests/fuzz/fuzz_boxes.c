/* needs: craft/boxes.c craft/boxes_figure.c craft/boxes_words.c craft/hex.c craft/diff.c craft/expr.c
 * craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c craft/expr_parse.c craft/expr_print.c
 * craft/expr_value.c craft/probe_words.c craft/layer.c craft/layer_link.c craft/layer_ip.c
 * craft/layer_control.c craft/layer_transport.c craft/dissect.c craft/dissect_options.c craft/build_options.c
 * craft/checksum.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c src/base/text.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "craft/boxes.h"
#include "craft/dissect.h"
#include "craft/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Nothing that a terminal obeys; no line is wider than the terminal. */
static void check_text(struct buf *out, const struct craft_style *style, bool ascii)
{
    const char *line = buf_cstr(out);
    require(!out->failed && strlen(line) == out->len);
    for (size_t i = 0; i < out->len; i++) {
        require((uint8_t)line[i] >= ' ' || line[i] == '\n');
        require(!ascii || (uint8_t)line[i] < 0x7f);
    }
    while (*line != '\0') {
        const size_t len = strcspn(line, "\n");
        require(line[len] == '\n' && text_width(line, len) <= style->columns);
        line += len + 1;
    }
    out->len = 0;
}

static const char *reason_of(void *context, const struct craft_layer *layer, int field)
{
    const unsigned *which = context;
    return (*which + (unsigned)field + layer->type->field_count) % 3 == 0 ? "a reason" : NULL;
}

/* The first byte: what the packets begin with; the second: how it is drawn; the third: how much is what was
 * asked for, sent, and came. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct craft_packet packets[2];
    static struct craft_room rooms[2];
    static const struct craft_rewrite rewrites[] = {{"ip", "id", true, "filled in: it was 0"},
                                                    {"icmp6", "cksum", false, "always computed"}};
    size_t count;
    const struct craft_layer_type *const *types = craft_layers(&count);
    if (size < 3)
        return 0;
    const struct craft_style style = {.columns = 40 + data[1] % 100U, .ascii = data[1] >= 128};
    const struct craft_layer_type *first = types[data[0] % count];
    const size_t rest = size - 3, len = data[2] < rest ? data[2] : rest;
    const uint8_t *bytes = data + 3;
    unsigned which = data[2];
    struct buf out = {0};

    craft_dissect(&packets[0], &rooms[0], first, bytes, len);
    craft_dissect(&packets[1], &rooms[1], first, bytes + len, rest - len);
    craft_boxes(&out, &packets[0], bytes, len, &style);
    check_text(&out, &style, style.ascii);
    craft_hex(&out, bytes, len, &style);
    check_text(&out, &style, true);
    for (unsigned with = 0; with < 8; with++) {
        const struct craft_diff diff = {
            .asked = &packets[0],
            .sent = (with & 1) != 0 ? &packets[0] : NULL,
            .got = (with & 2) != 0 ? &packets[1] : NULL,
            .rewrites = rewrites,
            .rewrite_count = sizeof rewrites / sizeof rewrites[0],
            .reason = (data[1] & 1) != 0 ? reason_of : NULL,
            .context = &which,
            .all = (with & 4) != 0,
        };
        craft_diff(&out, &diff, &style);
        check_text(&out, &style, style.ascii);
    }
    buf_free(&out);
    return 0;
}
