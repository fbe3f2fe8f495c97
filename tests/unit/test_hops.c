/* needs: craft/hops.c craft/rtt.c capture/packet.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "craft/hops.h"

static struct packet_address router(uint8_t last)
{
    return (struct packet_address){4, {10, 0, 0, last}};
}

static struct probe_answer answer(enum probe_verdict verdict, uint8_t last)
{
    return (struct probe_answer){.verdict = verdict, .from = router(last), .ttl = 60};
}

/* `sent` probes to a hop, the first `received` of them answered. */
static void probe_hop(struct hops *hops, unsigned ttl, unsigned sent, unsigned received,
                      enum probe_verdict verdict)
{
    const struct probe_answer from = answer(verdict, (uint8_t)ttl);
    for (unsigned i = 0; i < sent; i++) {
        hops_sent(hops, ttl);
        if (i < received)
            hops_answer(hops, ttl, &from, HOPS_IN_TIME, true, 1000 * (i + 1));
        else
            hops_lost(hops, ttl);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static struct hops hops;
    probe_hop(&hops, 1, 3, 3, PROBE_EXPIRED);
    probe_hop(&hops, 2, 3, 2, PROBE_EXPIRED);
    assert_int_equal(hops_end(&hops), 0);
    assert_int_equal(hops_last_answering(&hops), 2);
    probe_hop(&hops, 5, 3, 3, PROBE_REPLY);
    probe_hop(&hops, 4, 3, 3, PROBE_REPLY);
    probe_hop(&hops, 6, 3, 3, PROBE_REPLY);
    assert_int_equal(hops_end(&hops), 4);
    assert_int_equal(hops_last_answering(&hops), 4);
    assert_int_equal(hops.hop[2].sent, 3);
    assert_int_equal(hops.hop[2].received, 2);
    assert_int_equal(hops.hop[2].lost, 1);
    assert_int_equal(hops.hop[2].last_ns, 2000);
    assert_int_equal(hops.hop[2].rtt.count, 2);
    assert_int_equal(hops.hop[1].kind, HOP_ROUTER);
    assert_int_equal(hops.hop[4].kind, HOP_TARGET);
    const struct packet_address second = router(2), nobody = router(99);
    assert_int_equal(hops_find(&hops, &second), 2);
    assert_int_equal(hops_find(&hops, &nobody), 0);
    hops_free(&hops);
}

static void test_late_and_again(void **state)
{
    (void)state;
    static struct hops hops;
    const struct probe_answer from = answer(PROBE_EXPIRED, 1);
    probe_hop(&hops, 1, 2, 1, PROBE_EXPIRED);
    hops_answer(&hops, 1, &from, HOPS_LATE, true, 9000);
    assert_int_equal(hops.hop[1].received, 2);
    assert_int_equal(hops.hop[1].lost, 0);
    assert_int_equal(hops.hop[1].late, 1);
    hops_answer(&hops, 1, &from, HOPS_AGAIN, true, 9000);
    assert_int_equal(hops.hop[1].received, 2);
    assert_int_equal(hops.hop[1].duplicates, 1);
    assert_int_equal(hops.hop[1].rtt.count, 2);
    hops_free(&hops);
}

/* Neither a TTL that does not exist nor a verdict that is no answer leaves a trace. */
static void test_nonsense(void **state)
{
    (void)state;
    static struct hops hops;
    struct probe_answer from = answer(PROBE_EXPIRED, 1);
    hops_answer(&hops, 0, &from, HOPS_IN_TIME, true, 1);
    hops_answer(&hops, HOPS_MAX + 1, &from, HOPS_IN_TIME, true, 1);
    hops_sent(&hops, HOPS_MAX + 1);
    hops_lost(&hops, HOPS_MAX + 1);
    from.verdict = PROBE_FORGED;
    hops_answer(&hops, 1, &from, HOPS_IN_TIME, true, 1);
    from.verdict = PROBE_TOO_BIG;
    hops_answer(&hops, 1, &from, HOPS_IN_TIME, true, 1);
    static const struct hops empty;
    assert_memory_equal(&hops, &empty, sizeof hops);
}

static void test_addresses(void **state)
{
    (void)state;
    static struct hops hops;
    for (unsigned i = 0; i < HOPS_ADDRESSES + 3; i++) {
        struct probe_answer from = answer(PROBE_EXPIRED, (uint8_t)(i + 1));
        from.label_count = 1;
        from.label[0].label = 1000 + i;
        hops_sent(&hops, 3);
        hops_answer(&hops, 3, &from, HOPS_IN_TIME, false, 0);
    }
    assert_int_equal(hops.hop[3].address_count, HOPS_ADDRESSES);
    assert_int_equal(hops.hop[3].other_addresses, 3);
    assert_int_equal(hops.hop[3].received, HOPS_ADDRESSES + 3);
    assert_int_equal(hops.hop[3].rtt.count, 0);
    assert_int_equal(hops.hop[3].address[2].label[0].label, 1002);
    assert_int_equal(hops.hop[3].address[2].reply_ttl, 60);
    hops_free(&hops);
}

static void test_refused(void **state)
{
    (void)state;
    static struct hops hops;
    struct probe_answer from = answer(PROBE_UNREACHABLE, 2);
    from.icmp_type = 3;
    from.icmp_code = 13;
    probe_hop(&hops, 1, 1, 1, PROBE_EXPIRED);
    probe_hop(&hops, 2, 1, 1, PROBE_EXPIRED);
    hops_sent(&hops, 4);
    hops_answer(&hops, 4, &from, HOPS_IN_TIME, false, 0);
    hops_sent(&hops, 3);
    hops_answer(&hops, 3, &from, HOPS_IN_TIME, false, 0);
    assert_int_equal(hops_end(&hops), 3);
    assert_int_equal(hops.hop[3].kind, HOP_REFUSED);
    assert_int_equal(hops.hop[3].icmp_code, 13);
    from.icmp_code = 1; /* the answer that set the kind is told, not the last */
    hops_sent(&hops, 3);
    hops_answer(&hops, 3, &from, HOPS_IN_TIME, false, 0);
    assert_int_equal(hops.hop[3].icmp_code, 13);
    probe_hop(&hops, 7, 1, 1, PROBE_REPLY); /* the target answers after all */
    assert_int_equal(hops_end(&hops), 7);
    hops_free(&hops);
}

static void check_loss(const struct hops *hops, unsigned ttl, enum hops_loss expected,
                       unsigned expected_witness)
{
    unsigned witness = 77;
    assert_int_equal(hops_loss(hops, ttl, &witness), expected);
    assert_int_equal(witness, expected_witness);
}

static void test_loss(void **state)
{
    (void)state;
    static struct hops hops;
    probe_hop(&hops, 1, 10, 10, PROBE_EXPIRED);
    probe_hop(&hops, 2, 10, 4, PROBE_EXPIRED); /* its own answers are missing: hop 4 has all */
    probe_hop(&hops, 3, 10, 0, PROBE_EXPIRED); /* silent: no loss that could be told */
    probe_hop(&hops, 4, 10, 10, PROBE_EXPIRED);
    probe_hop(&hops, 5, 10, 2, PROBE_EXPIRED); /* behind it one loses, but much less */
    probe_hop(&hops, 6, 10, 7, PROBE_EXPIRED);
    probe_hop(&hops, 7, 10, 8, PROBE_REPLY);
    probe_hop(&hops, 8, 10, 10, PROBE_REPLY); /* behind the end: tells nothing */
    check_loss(&hops, 1, HOPS_LOSS_NONE, 0);
    check_loss(&hops, 2, HOPS_LOSS_OWN, 4);
    check_loss(&hops, 3, HOPS_LOSS_NONE, 0);
    check_loss(&hops, 4, HOPS_LOSS_NONE, 0);
    check_loss(&hops, 5, HOPS_LOSS_PARTLY, 7);
    check_loss(&hops, 6, HOPS_LOSS_STAYS, 0);
    check_loss(&hops, 7, HOPS_LOSS_STAYS, 0);
    hops_free(&hops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),   cmocka_unit_test(test_late_and_again),
        cmocka_unit_test(test_nonsense), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
