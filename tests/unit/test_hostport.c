/* needs: src/base/hostport.c src/base/err.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hostport.h"

static void expect(const char *text, const char *host, const char *port)
{
    struct hostport place;
    struct sd_err err = {0};
    assert_int_equal(hostport_parse(&place, text, "2121", &err), 0);
    assert_string_equal(place.host, host);
    assert_string_equal(place.port, port);
}

static void expect_refused(const char *text, const char *part)
{
    struct hostport place;
    struct sd_err err = {0};
    assert_true(hostport_parse(&place, text, "2121", &err) < 0);
    assert_non_null(strstr(err.text, part));
}

static void test_forms(void **state)
{
    (void)state;
    expect("example.org", "example.org", "2121");
    expect("10.0.0.1:80", "10.0.0.1", "80");
    expect("host:http", "host", "http");
    expect("host:65535", "host", "65535");
    expect(":2121", "", "2121");
    expect("", "", "2121");
    expect("::1", "::1", "2121");
    expect("fe80::1%eth0", "fe80::1%eth0", "2121");
    expect("[::1]", "::1", "2121");
    expect("[fd77::2]:80", "fd77::2", "80");
}

static void test_refused(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    expect_refused("[::1", "is no address");
    expect_refused("[::1]80", "is no address");
    expect_refused("[]:80", "no address between");
    expect_refused("host:", "no port");
    expect_refused("[::1]:", "no port");
    expect_refused("host:65536", "ports go from 0 to 65535");
    expect_refused("[::1]:99999", "ports go from 0 to 65535");
    expect_refused("host:99999999999999999999999", "ports go from 0 to 65535");
    expect_refused(longest, "too long");
    expect_refused("host:name-of-a-service-that-nobody-would-have", "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
