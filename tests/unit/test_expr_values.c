/* needs: craft/expr_values.c craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c
 * craft/layer_transport.c craft/expr.c craft/expr_bytes.c craft/expr_mistake.c craft/expr_options.c
 * craft/expr_parse.c craft/expr_print.c craft/expr_value.c src/base/arena.c src/base/buf.c src/base/err.c
 * src/base/hash.c src/base/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "craft/expr.h"

static struct craft_expr *parse(const char *text)
{
    struct craft_expr *expr = NULL;
    struct craft_mistake mistake = {0};
    const struct craft_parse config = {.seed = 1};
    if (craft_parse(&expr, text, strlen(text), &config, &mistake) != 0)
        fail_msg("%s: %s", text, mistake.text);
    return expr;
}

static uint64_t value_at(const struct craft_expr *expr, uint64_t index, size_t layer, int field)
{
    static struct craft_packet packet;
    craft_expr_packet(expr, index, &packet);
    return packet.layer[layer].value[field].given ? packet.layer[layer].value[field].number : 0;
}

/* Whatever packet: its value is the one that the counting says. */
static void the_values_are_those_of_the_packets(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ip(dst=10.0.0.1)/udp()",
        "ip(dst=10.0.0.1-10.0.0.3)/udp()",
        "ip(dst=10.0.0.0/29,ttl=1-3)/udp(dport=[1,5-9])",
        "ip(ttl=1-3,dst=[10.0.0.1,10.0.0.9-10.0.0.11],id=[5,6])/udp(sport=1-4)",
        "ip(src=random,dst=10.0.0.1-10.0.0.4)/udp(dport=1-2)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct craft_expr *expr = parse(texts[i]);
        const int fields[] = {craft_field_find(&craft_ip, "dst", 3), craft_field_find(&craft_ip, "ttl", 3),
                              craft_field_find(&craft_ip, "id", 2)};
        for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            uint64_t values, stride;
            craft_expr_values(expr, 0, fields[f], &values, &stride);
            assert_int_equal(craft_expr_count(expr) % (values * stride), 0);
            for (uint64_t n = 0; n < craft_expr_count(expr); n++)
                assert_int_equal(value_at(expr, n, 0, fields[f]),
                                 value_at(expr, n / stride % values * stride, 0, fields[f]));
        }
        craft_expr_free(expr);
    }
}

static void each_value_is_counted_once(void **state)
{
    (void)state;
    struct craft_expr *expr = parse("ip(dst=10.0.0.0/24,id=1-7)/tcp(dport=1-100)");
    uint64_t values, stride;
    craft_expr_values(expr, 0, craft_field_find(&craft_ip, "dst", 3), &values, &stride);
    assert_int_equal(values, 256);
    assert_int_equal(stride, 100);
    craft_expr_values(expr, 0, craft_field_find(&craft_ip, "id", 2), &values, &stride);
    assert_int_equal(values, 7);
    assert_int_equal(stride, 25600);
    craft_expr_values(expr, 1, craft_field_find(&craft_tcp, "dport", 5), &values, &stride);
    assert_int_equal(values, 100);
    assert_int_equal(stride, 1);
    craft_expr_values(expr, 1, craft_field_find(&craft_tcp, "sport", 5), &values, &stride);
    assert_int_equal(values, 1);
    craft_expr_free(expr);
}

static void random_is_another_one_in_each_packet(void **state)
{
    (void)state;
    struct craft_expr *expr = parse("ip(dst=random,ttl=1-10)/udp(dport=1-10)");
    uint64_t values, stride;
    craft_expr_values(expr, 0, craft_field_find(&craft_ip, "dst", 3), &values, &stride);
    assert_int_equal(values, 100);
    assert_int_equal(stride, 1);
    craft_expr_free(expr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_values_are_those_of_the_packets),
        cmocka_unit_test(each_value_is_counted_once),
        cmocka_unit_test(random_is_another_one_in_each_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
