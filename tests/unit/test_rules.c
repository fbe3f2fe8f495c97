/* needs: src/lab/rules.c src/lab/scan.c src/lab/quantities.c src/base/hash.c src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "lab/rules.h"

static struct packet tcp(unsigned flags, uint32_t payload)
{
    return (struct packet){.verdict = PACKET_OK,
                           .ip_protocol = IPPROTO_TCP,
                           .tcp = {.flags = (uint8_t)flags},
                           .payload_len = payload};
}

static struct lab_rule parsed(const char *text)
{
    struct lab_rule rule;
    struct sd_err err = {0};
    if (lab_rule_parse(&rule, text, &err) != 0)
        fail_msg("'%s': %s", text, err.text);
    return rule;
}

static void good_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lab_rule_kind kind;
        unsigned ranges;
        uint32_t first, last; /* of the last range */
        uint32_t per_million;
        uint64_t seed;
    } good[] = {
        {"data:3", LAB_RULE_DATA, 1, 3, 3, 0, 1},
        {"data:3-5", LAB_RULE_DATA, 1, 3, 5, 0, 1},
        {"data:2,4-6", LAB_RULE_DATA, 2, 4, 6, 0, 1},
        {"reply:1", LAB_RULE_REPLY, 1, 1, 1, 0, 1},
        {"syn:1", LAB_RULE_SYN, 1, 1, 1, 0, 1},
        {"fin:1", LAB_RULE_FIN, 1, 1, 1, 0, 1},
        {"ack:2", LAB_RULE_ACK, 1, 2, 2, 0, 1},
        {"frame:4294967295", LAB_RULE_FRAME, 1, UINT32_MAX, UINT32_MAX, 0, 1},
        {"data:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", LAB_RULE_DATA, 16, 16, 16, 0, 1},
        {"2%", LAB_RULE_PERCENT, 0, 0, 0, 20000, 1},
        {"2.5%@7", LAB_RULE_PERCENT, 0, 0, 0, 25000, 7},
        {"0.0001%", LAB_RULE_PERCENT, 0, 0, 0, 1, 1},
        {"0%", LAB_RULE_PERCENT, 0, 0, 0, 0, 1},
        {"larger:1000", LAB_RULE_LARGER, 0, 0, 0, 0, 1},
        {"100%@18446744073709551615", LAB_RULE_PERCENT, 0, 0, 0, 1000000, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct lab_rule rule = parsed(good[i].text);
        assert_int_equal(rule.kind, good[i].kind);
        assert_int_equal(rule.range_count, good[i].ranges);
        if (rule.range_count > 0) {
            assert_int_equal(rule.range[rule.range_count - 1].first, good[i].first);
            assert_int_equal(rule.range[rule.range_count - 1].last, good[i].last);
        }
        assert_int_equal(rule.per_million, good[i].per_million);
        assert_true(rule.seed == good[i].seed);
    }
}

static void bad_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "ends too early"},
        {"data", "wrong at 'data'"},
        {"data:", "ends too early"},
        {"data:x", "wrong at 'x'"},
        {"data:0", "wrong at '0'"},
        {"data:3-", "ends too early"},
        {"data:5-3", "wrong at '5-3': the range runs backwards"},
        {"data:3,", "ends too early"},
        {"data:3;4", "wrong at ';4'"},
        {"data:4294967296", "wrong at '4294967296'"},
        {"data:99999999999999999999999999", "wrong at"},
        {"data:-1", "wrong at '-1'"},
        {"data: 1", "wrong at ' 1'"},
        {"Data:1", "no such kind"},
        {"dat:1", "no such kind"},
        {"datas:1", "no such kind"},
        {":1", "no such kind"},
        {"data:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "too many"},
        {"2", "expected %"},
        {"2.%", "wrong at '2.%'"},
        {".5%", "wrong at"},
        {"101%", "0 to 100"},
        {"100.1%", "0 to 100"},
        {"2%@", "ends too early"},
        {"2%@x", "wrong at 'x'"},
        {"2%@18446744073709551616", "wrong at"},
        {"larger:", "ends too early"},
        {"larger:x", "wrong at 'x'"},
        {"larger:1000-2000", "wrong at '-2000'"},
        {"larger:4294967296", "wrong at '4294967296'"},
        {"2%7", "wrong at '7'"},
        {"2%@7x", "wrong at 'x'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lab_rule rule;
        struct sd_err err = {0};
        assert_int_equal(lab_rule_parse(&rule, bad[i].text, &err), -EINVAL);
        assert_int_equal(err.code, EINVAL);
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("'%s' says \"%s\", not \"%s\"", bad[i].text, err.text, bad[i].says);
        assert_non_null(strstr(err.text, "data:3-5")); /* the forms are shown */
        assert_non_null(strstr(err.text, "2.5%@7"));
    }
}

static void which_words_look_like_rules(void **state)
{
    (void)state;
    static const char *const rules[] = {"data:2", "dta:2", "reply:1-3", "2%", "2.5%@7", "data:0"};
    static const char *const others[] = {"",     "ls", "data", "data:", "./a:1",   "C:\\x",
                                         "5000", "2",  "--",   "-o",    "10.0.0.1"};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        assert_true(lab_rule_looks_like(rules[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(lab_rule_looks_like(others[i]));
}

/* Feed the packets of one connection and write down which of them the rule hits: "..x.". */
static void expect_hits(const char *text, const char *expected)
{
    const struct {
        struct packet packet;
        int side;
    } run[] = {
        {tcp(TCP_SYN, 0), 0},           /* 0 */
        {tcp(TCP_SYN | TCP_ACK, 0), 1}, /* 1 */
        {tcp(TCP_ACK, 0), 0},           /* 2 */
        {tcp(TCP_ACK | TCP_PSH, 38), 0},
        {tcp(TCP_ACK, 0), 1}, /* 4 */
        {tcp(TCP_ACK, 1448), 0},
        {tcp(TCP_ACK, 1448), 0},
        {tcp(TCP_ACK | TCP_PSH, 5), 1}, /* 7 */
        {{.verdict = PACKET_OK, .ip_protocol = IPPROTO_UDP, .payload_len = 9}, 0},
        {{.verdict = PACKET_OK, .protocol = "ARP"}, 1},
        {tcp(TCP_ACK | TCP_FIN, 0), 0}, /* 10 */
        {tcp(TCP_ACK | TCP_FIN | TCP_PSH, 7), 1},
        {tcp(TCP_RST, 0), 0}, /* 12 */
        {{.verdict = PACKET_OK, .ip_protocol = IPPROTO_TCP, .is_fragment = true, .payload_len = 8}, 0},
        {{.verdict = PACKET_INVALID, .ip_protocol = IPPROTO_TCP, .payload_len = 8}, 0}, /* 14 */
    };
    struct lab_rule rule = parsed(text);
    char hits[sizeof run / sizeof run[0] + 1] = "";
    for (size_t i = 0; i < sizeof run / sizeof run[0]; i++)
        hits[i] = lab_rule_hits(&rule, &run[i].packet, run[i].side) ? 'x' : '.';
    assert_string_equal(hits, expected);
}

static void hits_by_kind(void **state)
{
    (void)state;
    expect_hits("data:1-99", "...x.xx........");
    expect_hits("data:2", ".....x.........");
    expect_hits("data:1,3", "...x..x........");
    expect_hits("data:4", "...............");
    expect_hits("reply:1-99", ".......x...x...");
    expect_hits("reply:2", "...........x...");
    expect_hits("syn:1-99", "xx.............");
    expect_hits("syn:2", ".x.............");
    expect_hits("fin:1-99", "..........xx...");
    expect_hits("ack:1-99", "..x.x..........");
    expect_hits("frame:1-99", "xxxxxxxxxxxxxxx");
    expect_hits("frame:7", "......x........");
    expect_hits("100%", "xxxxxxxxxxxxxxx");
    expect_hits("0%", "...............");
}

static void larger_packets_of_either_side(void **state)
{
    (void)state;
    struct lab_rule rule = parsed("larger:1000");
    struct packet packet = tcp(TCP_ACK, 960);
    packet.ip_len = 1000;
    for (int side = 0; side < 2; side++) {
        packet.ip_len = 1000;
        assert_false(lab_rule_hits(&rule, &packet, side));
        packet.ip_len = 1001;
        assert_true(lab_rule_hits(&rule, &packet, side));
    }
    packet = (struct packet){.verdict = PACKET_OK, .protocol = "ARP"};
    assert_false(lab_rule_hits(&rule, &packet, 0));
}

static void none_hits_nothing(void **state)
{
    (void)state;
    struct lab_rule rule = {0};
    const struct packet packet = tcp(TCP_ACK, 10);
    assert_false(lab_rule_hits(&rule, &packet, 0));
}

enum {
    FRAMES = 100000
};

static unsigned count_hits(const char *text, int side, uint64_t *pattern)
{
    struct lab_rule rule = parsed(text);
    const struct packet packet = tcp(TCP_ACK, 10);
    unsigned hits = 0;
    *pattern = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        if (!lab_rule_hits(&rule, &packet, side))
            continue;
        hits++;
        *pattern = *pattern * 31 + i;
    }
    return hits;
}

static void shares_have_their_frequency(void **state)
{
    (void)state;
    uint64_t pattern;
    /* Within five standard deviations of a binomial distribution, and the same in every run. */
    assert_in_range(count_hits("2%", 0, &pattern), 2000 - 222, 2000 + 222);
    assert_in_range(count_hits("2.5%@7", 1, &pattern), 2500 - 247, 2500 + 247);
    assert_in_range(count_hits("50%@3", 0, &pattern), 50000 - 791, 50000 + 791);
    assert_in_range(count_hits("0.01%@3", 0, &pattern), 1, 26);
}

static void shares_repeat_by_seed(void **state)
{
    (void)state;
    uint64_t first, again, other_seed, other_side;
    count_hits("5%@7", 0, &first);
    count_hits("5%@7", 0, &again);
    count_hits("5%@8", 0, &other_seed);
    count_hits("5%@7", 1, &other_side);
    assert_true(first == again);
    assert_true(first != other_seed);
    assert_true(first != other_side);
}

/* What the other side sends between them must not shift the choice. */
static void shares_count_each_side_alone(void **state)
{
    (void)state;
    struct lab_rule alone = parsed("30%@5"), mixed = parsed("30%@5");
    const struct packet packet = tcp(TCP_ACK, 10);
    for (unsigned i = 0; i < 1000; i++) {
        for (unsigned k = 0; k < i % 3; k++)
            lab_rule_hits(&mixed, &packet, 1);
        assert_int_equal(lab_rule_hits(&alone, &packet, 0), lab_rule_hits(&mixed, &packet, 0));
    }
}

static void rates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bps;
    } good[] = {
        {"1mbit", 1000000},   {"500kbit", 500000}, {"2Mbps", 2000000},          {"64000", 64000},
        {"1.5mbit", 1500000}, {"1g", 1000000000},  {"1000gbit", 1000000000000}, {"1k", 1000},
    };
    static const char *const bad[] = {
        "",       "x",      "mbit",  "1tbit",  "-1",       "999", "0",
        "1 mbit", "1.mbit", "1..5m", "1mbit ", "1001gbit", "1e6", "99999999999999999999"};
    uint64_t bps;
    struct sd_err err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(lab_rate_parse(&bps, good[i].text, &err), 0);
        assert_true(bps == good[i].bps);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (lab_rate_parse(&bps, bad[i], &err) != -EINVAL)
            fail_msg("'%s' is taken for a rate", bad[i]);
        assert_non_null(strstr(err.text, "1mbit"));
    }
}

static void delays(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t delay, jitter, seed;
    } good[] = {
        {"20", 20000000, 0, 1},
        {"20ms", 20000000, 0, 1},
        {"1.5ms", 1500000, 0, 1},
        {"300us", 300000, 0, 1},
        {"1s", 1000000000, 0, 1},
        {"0", 0, 0, 1},
        {"5ms~20ms@7", 5000000, 20000000, 7},
        {"5~1.5", 5000000, 1500000, 1},
        {"0~300us@0", 0, 300000, 0},
        {"60s", 60000000000, 0, 1},
    };
    static const char *const bad[] = {"",      "ms",   "-5",    "5m",    "5 ms",        "61s",  "5ms~",
                                      "5ms@7", "5~5@", "5~5@x", "5ms~x", "5ms~20ms@7x", "5~~5", "1e3"};
    uint64_t delay, jitter, seed;
    struct sd_err err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (lab_delay_parse(&delay, &jitter, &seed, good[i].text, &err) != 0)
            fail_msg("'%s': %s", good[i].text, err.text);
        assert_true(delay == good[i].delay && jitter == good[i].jitter && seed == good[i].seed);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (lab_delay_parse(&delay, &jitter, &seed, bad[i], &err) != -EINVAL)
            fail_msg("'%s' is taken for a delay", bad[i]);
        assert_non_null(strstr(err.text, "1.5ms"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rules),
        cmocka_unit_test(bad_rules),
        cmocka_unit_test(which_words_look_like_rules),
        cmocka_unit_test(hits_by_kind),
        cmocka_unit_test(larger_packets_of_either_side),
        cmocka_unit_test(none_hits_nothing),
        cmocka_unit_test(shares_have_their_frequency),
        cmocka_unit_test(shares_repeat_by_seed),
        cmocka_unit_test(shares_count_each_side_alone),
        cmocka_unit_test(rates),
        cmocka_unit_test(delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
