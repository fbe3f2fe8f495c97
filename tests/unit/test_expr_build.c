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

#include <errno.h>
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

/* ---- what is filled in ---- */

static struct buf bytes_of_text(const char *text)
{
    struct craft_packet packet;
    struct craft_expr *expr = NULL;
    struct buf out = {0};
    assert_true(built(text, strlen(text), &packet, &expr, &out));
    craft_expr_free(expr);
    return out;
}

/* RFC 3376, 4; RFC 2236, 2; RFC 2710, 3; RFC 3810, 5; RFC 4861, 3.1 */
static void hops_by_what_is_above(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        uint8_t hops;
    } rows[] = {
        {"ip()/icmp()", 8, 64},
        {"ip()/igmp()", 8, 1},
        {"ip()/igmp3()", 8, 1},
        {"ip()/udp()/igmp()", 8, 64},
        {"ipv6()/icmp6()", 7, 64},
        {"ipv6()/icmp6(type=129)", 7, 64},
        {"ipv6()/icmp6(type=130)", 7, 1},
        {"ipv6()/icmp6(type=132)", 7, 1},
        {"ipv6()/icmp6(type=133)", 7, 255},
        {"ipv6()/icmp6(type=137)", 7, 255},
        {"ipv6()/icmp6(type=138)", 7, 64},
        {"ipv6()/icmp6(type=143)", 7, 1},
        {"ipv6()/hopopts()/icmp6(type=143)", 7, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = bytes_of_text(rows[i].text);
        if (out.data[rows[i].at] != rows[i].hops)
            fail_msg("%s: %u", rows[i].text, out.data[rows[i].at]);
        buf_free(&out);
    }
}

/* A segment routing header lists the last segment first (RFC 8754, 2): that is where checksums say it goes.
 */
static void the_last_segment(void **state)
{
    (void)state;
    struct buf direct = bytes_of_text("ipv6(dst=fd77::9)/udp()");
    struct buf routed =
        bytes_of_text("ipv6(dst=fd77::5)/routing(type=4,segleft=1,data=hex(01000000"
                      "fd770000000000000000000000000009 fd770000000000000000000000000005))/udp()");
    struct buf other = bytes_of_text("ipv6(dst=fd77::9)/routing(type=3,segleft=1,data=hex(00000000))/udp()");
    assert_int_equal(routed.len, 40 + 40 + 8);
    assert_memory_equal(routed.data + 86, direct.data + 46, 2);
    assert_memory_equal(other.data + other.len - 2, direct.data + 46, 2);
    buf_free(&direct);
    buf_free(&routed);
    buf_free(&other);
}

/* What the length of an option, or the count in a record, cannot say: refused, unless the length is given. */
static void options_too_long(void **state)
{
    (void)state;
    static const uint8_t much[4 * 65538];
    struct craft_option option = {.kind = 200, .data = much, .len = 255 * 8 - 2};
    struct craft_packet packet = {.count = 1, .layer = {{.type = &craft_icmp6}}};
    struct craft_value *value = packet.layer[0].value;
    struct buf out = {0};
    struct sd_err err = {0};
    const int options = craft_field_find(&craft_icmp6, "options", strlen("options"));
    value[0] = (struct craft_value){.given = true, .number = 133};
    value[options] = (struct craft_value){.given = true, .options = &option, .len = 1};
    assert_int_equal(craft_build(&packet, NULL, &out, &err), 0);
    assert_int_equal(out.len, 8 + 255 * 8);
    option.len++;
    assert_int_equal(craft_build(&packet, NULL, &out, &err), -EINVAL);
    option.length_given = true;
    out.len = 0;
    assert_int_equal(craft_build(&packet, NULL, &out, &err), 0);
    assert_int_equal(out.len, 8 + 2 + option.len);

    const int records = craft_field_find(&craft_igmp3, "records", strlen("records"));
    packet = (struct craft_packet){.count = 1, .layer = {{.type = &craft_igmp3}}};
    value[0] = (struct craft_value){.given = true, .number = 0x22};
    option = (struct craft_option){.kind = 1, .data = much, .len = 4 * 65536};
    value[records] = (struct craft_value){.given = true, .options = &option, .len = 1};
    out.len = 0;
    assert_int_equal(craft_build(&packet, NULL, &out, &err), 0);
    option.len += 4;
    assert_int_equal(craft_build(&packet, NULL, &out, &err), -EINVAL);
    assert_string_equal(err.text, "records: option 1 has 262148 bytes, more than its length can say");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printed_builds_the_same), cmocka_unit_test(dissected_builds_the_same),
        cmocka_unit_test(hops_by_what_is_above),   cmocka_unit_test(the_last_segment),
        cmocka_unit_test(options_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
