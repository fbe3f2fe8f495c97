/* needs: craft/expr.c craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c craft/expr_parse.c
 * craft/expr_print.c craft/expr_value.c craft/layer.c craft/layer_control.c craft/layer_ip.c
 * craft/layer_link.c craft/layer_transport.c craft/build.c craft/build_options.c craft/checksum.c
 * craft/dissect.c craft/dissect_options.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c
 * src/base/text.c tests/unit/expr_random.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "craft/build.h"
#include "craft/dissect.h"
#include "craft/expr.h"
#include "expr_random.h"

/* Expressions and bytes: what a packet is printed as builds to its bytes again. */

static const struct craft_parse config = {.seed = 1};
static const struct craft_env env = {.has_source4 = true,
                                     .has_source6 = true,
                                     .has_macs = true,
                                     .source4 = {10, 0, 0, 1},
                                     .source6 = {0xfd, 0x77, [15] = 1},
                                     .source_mac = {2, 0, 0, 0, 0, 1},
                                     .target_mac = {2, 0, 0, 0, 0, 2}};

/* Parse and build; false where it cannot be built (options over their room, lengths over their fields). */
static bool built(const char *text, size_t len, struct craft_packet *packet, struct craft_expr **expr,
                  struct buf *out)
{
    struct craft_mistake mistake = {0};
    out->len = 0;
    if (craft_parse(expr, text, len, &config, &mistake) != 0) {
        fprintf(stderr, "%.*s\nat %zu: %s\n", (int)len, text, mistake.at, mistake.text);
        fail();
    }
    craft_expr_packet(*expr, 0, packet);
    return craft_build(packet, &env, out, NULL) == 0;
}

static void same_bytes(const struct buf *a, const struct buf *b, const char *text)
{
    if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0) {
        fprintf(stderr, "%s\n", text);
        for (size_t i = 0; i < a->len || i < b->len; i++) {
            if (i >= a->len || i >= b->len || a->data[i] != b->data[i])
                fprintf(stderr, "  %zu: %02x %02x\n", i, i < a->len ? a->data[i] : 0u,
                        i < b->len ? b->data[i] : 0u);
        }
        fail();
    }
}

/* A packet of random layers, in any order that can be written. */
static void printed_builds_the_same(void **state)
{
    (void)state;
    uint64_t random = 3;
    struct buf text = {0}, once = {0}, again = {0}, printed = {0};
    unsigned good = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct craft_packet packet, second;
        struct craft_expr *expr = NULL, *reparsed = NULL;
        text.len = printed.len = 0;
        expr_random(&random, false, &text);
        if (built((const char *)text.data, text.len, &packet, &expr, &once)) {
            craft_packet_print(&packet, 0, &printed);
            const char *words = buf_cstr(&printed);
            assert_true(built(words, printed.len, &second, &reparsed, &again));
            same_bytes(&once, &again, words);
            good++;
        }
        craft_expr_free(expr);
        craft_expr_free(reparsed);
    }
    assert_true(good > 10000);
    buf_free(&text);
    buf_free(&once);
    buf_free(&again);
    buf_free(&printed);
}

static bool is_whole(const struct craft_packet *packet)
{
    for (size_t i = 0; i < packet->count; i++) {
        if (!packet->layer[i].whole)
            return false;
    }
    return true;
}

/* Bytes, some of them damaged, as a capture gives them: dissected, printed, parsed and built they are the
 * same again. What is damaged is safe to print, and parses. */
static void bytes_come_back(const struct buf *bytes, const struct craft_layer_type *first, unsigned *whole)
{
    struct craft_room room = {.used = 0};
    struct craft_packet packet, second;
    struct craft_expr *expr = NULL;
    struct buf printed = {0}, again = {0};
    craft_dissect(&packet, &room, first, bytes->data, bytes->len);
    craft_packet_print(&packet, 0, &printed);
    for (size_t i = 0; i < printed.len; i++)
        assert_true(printed.data[i] >= ' ' && printed.data[i] != 0x7f);
    const char *words = buf_cstr(&printed);
    const bool can = built(words, printed.len, &second, &expr, &again);
    const struct craft_layer *last = &packet.layer[packet.count - 1];
    const size_t end = last->start + (last->type == &craft_raw ? last->value[0].len : last->header_len);
    if (is_whole(&packet) && end == bytes->len) {
        assert_true(can);
        same_bytes(bytes, &again, words);
        (*whole)++;
    }
    craft_expr_free(expr);
    buf_free(&printed);
    buf_free(&again);
}

static void dissected_builds_the_same(void **state)
{
    (void)state;
    uint64_t random = 4;
    struct buf text = {0}, bytes = {0};
    unsigned whole = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct craft_packet packet;
        struct craft_expr *expr = NULL;
        text.len = 0;
        expr_random(&random, false, &text);
        if (built((const char *)text.data, text.len, &packet, &expr, &bytes) && bytes.len > 0) {
            for (unsigned n = random_below(&random, 3); n > 0; n--)
                bytes.data[random_below(&random, (unsigned)bytes.len)] = (uint8_t)random_next(&random);
            if (random_below(&random, 4) == 0)
                bytes.len = 1 + random_below(&random, (unsigned)bytes.len);
            bytes_come_back(&bytes, packet.layer[0].type, &whole);
        }
        craft_expr_free(expr);
    }
    assert_true(whole > 5000);
    buf_free(&text);
    buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printed_builds_the_same),
        cmocka_unit_test(dissected_builds_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
