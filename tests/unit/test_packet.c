/* needs: capture/packet.c capture/journal.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "capture/journal.h"
#include "capture/packet.h"

static void endpoints(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.1:80", "[fd77::1]:65535", "0.0.0.0:0", "[::]:1",
                                       "255.255.255.255:9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct packet_address address;
        uint16_t port;
        char text[PACKET_ENDPOINT_TEXT];
        assert_int_equal(packet_endpoint_parse(good[i], strlen(good[i]), &address, &port), 0);
        packet_endpoint_text(&address, port, text);
        assert_string_equal(text, good[i]);
    }
    static const char *const bad[] = {
        "",           ":",    "10.0.0.1",       "10.0.0.1:", "10.0.0.1:x",  "1.2.3:4",      "[fd77::1:1",
        "fd77::1:80", "[]:1", "10.0.0.1:65536", "]:1",       "10.0.0.1:1 ", "[10.0.0.1]:1", "[fd77::1]80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct packet_address address;
        uint16_t port;
        assert_int_equal(packet_endpoint_parse(bad[i], strlen(bad[i]), &address, &port), -EINVAL);
    }
}

static void addresses(void **state)
{
    (void)state;
    char text[PACKET_ADDRESS_TEXT];
    const struct packet_address none = {0}, one = {4, {10, 0, 0, 1}}, other = {4, {10, 0, 0, 2}};
    packet_address_text(&none, text);
    assert_string_equal(text, "-");
    packet_address_text(&one, text);
    assert_string_equal(text, "10.0.0.1");
    assert_true(packet_address_equal(&one, &one));
    assert_false(packet_address_equal(&one, &other));
}

static void check_field(const char *fields, size_t len, const char *key, const char *expected)
{
    const char *value = NULL;
    size_t value_len = 0;
    bool found = journal_field(fields, len, key, &value, &value_len);
    assert_int_equal(found, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(value_len, strlen(expected));
        assert_memory_equal(value, expected, value_len);
    }
}

static void journal_fields(void **state)
{
    (void)state;
    static const char text[] = "A=1\nMESSAGE=x=y\nBIN\n\3\0\0\0\0\0\0\0a\nb\nEMPTY=\nLAST=z";
    const size_t len = sizeof text - 1;
    check_field(text, len, "A", "1");
    check_field(text, len, "MESSAGE", "x=y");
    check_field(text, len, "BIN", "a\nb");
    check_field(text, len, "EMPTY", "");
    check_field(text, len, "LAST", "z");
    check_field(text, len, "MESS", NULL);
    check_field("", 0, "A", NULL);
    check_field("B\n\xff\xff\xff\xff\xff\xff\xff\xff"
                "A=1\n",
                14, "A", NULL);
    for (size_t n = 0; n < len; n++)
        check_field(text, n, "NONE", NULL);
    assert_int_equal(journal_time_ns("__REALTIME_TIMESTAMP=5\n", 23), 5000);
    assert_int_equal(journal_time_ns("__REALTIME_TIMESTAMP=5\nSOCKDIAG_EXIT_NS=7\n", 42), 7);
    assert_int_equal(journal_time_ns("__REALTIME_TIMESTAMP=99999999999999999999\n", 42), 0);
    assert_int_equal(journal_time_ns("__REALTIME_TIMESTAMP=x\n", 23), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints),
        cmocka_unit_test(addresses),
        cmocka_unit_test(journal_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
