/* needs: craft/expr.c craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c craft/expr_parse.c
 * craft/expr_print.c craft/expr_value.c craft/layer.c craft/layer_control.c craft/layer_ip.c
 * craft/layer_link.c craft/layer_transport.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c
 * src/base/text.c */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "craft/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Printing it gives text that is safe, that parses to the same packets and that prints the same. */
static void round_trip(const struct craft_expr *expr, const struct craft_parse *config)
{
    struct craft_expr *again = NULL;
    struct craft_mistake mistake;
    struct craft_packet packet;
    struct buf once = {0}, twice = {0};
    craft_expr_print(expr, &once);
    for (size_t i = 0; i < once.len; i++)
        require(once.data[i] >= ' ' && once.data[i] != 0x7f);
    if (once.len <= CRAFT_EXPR_TEXT) { /* escapes may make it longer than what was typed */
        require(craft_parse(&again, (const char *)once.data, once.len, config, &mistake) == 0);
        craft_expr_print(again, &twice);
        require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        require(craft_expr_count(expr) == craft_expr_count(again));
        const uint64_t last = craft_expr_count(expr) - 1;
        once.len = twice.len = 0;
        craft_expr_packet(expr, last, &packet);
        craft_packet_print(&packet, 64, &once);
        craft_expr_packet(again, last, &packet);
        craft_packet_print(&packet, 64, &twice);
        require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    }
    craft_expr_free(again);
    buf_free(&once);
    buf_free(&twice);
}

/* The place of a mistake lies in the text, and its picture in the terminal. */
static void picture(const char *text, size_t len, const struct craft_mistake *mistake)
{
    struct buf out = {0};
    require(mistake->at <= len && mistake->len > 0 && mistake->text[0] != '\0');
    for (unsigned columns = 22; columns < 100; columns += 29) {
        out.len = 0;
        craft_mistake_print(text, len, mistake, columns, &out);
        const char *lines = buf_cstr(&out), *end = strchr(lines, '\n');
        require(end != NULL && text_width(lines, (size_t)(end - lines)) <= columns);
        require(strlen(end + 1) <= columns + 1 && strchr(end, '^') != NULL);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct craft_parse config = {.seed = 1};
    const char *text = (const char *)data;
    struct craft_expr *expr = NULL;
    struct craft_mistake mistake = {0};
    if (craft_parse(&expr, text, size, &config, &mistake) == 0)
        round_trip(expr, &config);
    else
        picture(text, size, &mistake);
    craft_expr_free(expr);
    return 0;
}
