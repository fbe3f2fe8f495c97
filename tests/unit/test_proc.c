/* needs: src/record/proc.c */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "record/proc.h"

static const char established[] =
    "   0: 0100007F:1F90 0200007F:A0B1 01 00000000:00000000 00:00000000 00000000  "
    "1000        0 723573 1 0000000000000000 20 4 30 10 -1\n";
static const char listening[] =
    "  17: 00000000000000000000000001000000:1A0A "
    "00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 "
    "    0        0 4294967296 1 0000000000000000 100 0 0 10 0\n";

static void connected(void **state)
{
    (void)state;
    struct proc_net_names names;
    assert_true(proc_net_parse(established, 723573, &names));
    assert_int_equal(names.local.family, 4);
    assert_memory_equal(names.local.bytes, ((const uint8_t[]){127, 0, 0, 1}), 4);
    assert_int_equal(names.local_port, 8080);
    assert_memory_equal(names.peer.bytes, ((const uint8_t[]){127, 0, 0, 2}), 4);
    assert_int_equal(names.peer_port, 0xa0b1);
}

static void not_connected(void **state)
{
    (void)state;
    struct proc_net_names names;
    assert_true(proc_net_parse(listening, 4294967296, &names));
    assert_int_equal(names.local.family, 6);
    assert_int_equal(names.local.bytes[15], 1);
    assert_int_equal(names.local_port, 6666);
    assert_int_equal(names.peer.family, 0);
}

static void others(void **state)
{
    (void)state;
    struct proc_net_names names;
    char cut[sizeof established];
    assert_false(proc_net_parse(established, 723574, &names));
    assert_false(proc_net_parse("  sl  local_address rem_address   st tx_queue", 0, &names));
    for (size_t len = 0; len < (size_t)(strstr(established, "723573") - established); len++) {
        memcpy(cut, established, len);
        cut[len] = '\0';
        assert_false(proc_net_parse(cut, 723573, &names));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connected),
        cmocka_unit_test(not_connected),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
