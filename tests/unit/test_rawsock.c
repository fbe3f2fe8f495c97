/* needs: craft/rawsock.c craft/rawsock_header.c craft/rawsock_receive.c craft/rawsock_send.c capture/packet.c
 * src/base/buf.c src/base/clock.c src/base/err.c src/base/io.c src/base/missing.c tests/unit/netns.c
 * tests/unit/rawsock_world.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <netinet/in.h>

#include <cmocka.h>

#include <linux/filter.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "craft/rawsock_private.h"
#include "tests/unit/rawsock_world.h"

static struct world *w;

/* ---- time stamps ---- */

static uint64_t stamp_of(struct rawsock *s, uint32_t id)
{
    uint64_t time_ns = 0;
    const uint64_t deadline = clock_mono_ns() + 5 * (uint64_t)NS_PER_S;
    while (time_ns == 0 && clock_mono_ns() < deadline) {
        struct rawsock_sent sent[4];
        const int n = rawsock_sent(s, w->batch, sent, 4);
        for (int i = 0; i < n; i++) {
            if (sent[i].error == 0 && sent[i].id == id)
                time_ns = sent[i].time_ns;
        }
    }
    return time_ns;
}

/* The time of asking, of leaving, of coming back: in this order, for each kind that makes the other side
 * answer. */
static void stamps_are_ordered(const struct rawsock_config *config, bool ip6)
{
    struct rawsock s;
    struct world_echo echo;
    struct rawsock_in in;
    world_open(&s, config);
    world_echo(&echo, config->kind, 1);
    const struct rawsock_out out = {
        .data = echo.bytes, .len = echo.len, .target = ip6 ? &w->there6 : &w->there4};
    const uint64_t asked = clock_real_ns();
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    assert_int_equal(s.sends, 1);
    assert_true(world_receive(w, &s, &in));
    const uint64_t left = stamp_of(&s, 0);
    assert_true(asked <= left);
    assert_true(left <= in.time_ns);
    assert_true(in.time_ns <= clock_real_ns());
    assert_true(packet_address_equal(&in.source, ip6 ? &w->there6 : &w->there4));
    assert_true(packet_address_equal(&in.target, ip6 ? &w->here6 : &w->here4));
    assert_int_equal(in.ttl, 64);
    assert_int_equal(in.tos, 0);
    assert_int_equal(in.interface, WORLD_HERE_INDEX);
    assert_false(in.cut);
    rawsock_close(&s);
}

static void stamps_ip4(void **state)
{
    (void)state;
    stamps_are_ordered(
        &(struct rawsock_config){
            .kind = RAWSOCK_IP4, .protocol = IPPROTO_ICMP, .tx_stamps = true, .rx_stamps = true},
        false);
}

static void stamps_icmp6(void **state)
{
    (void)state;
    struct sock_filter replies[8];
    const size_t len = world_icmp6_filter(replies, 129);
    stamps_are_ordered(&(struct rawsock_config){.kind = RAWSOCK_ICMP6,
                                                .tx_stamps = true,
                                                .rx_stamps = true,
                                                .filter = replies,
                                                .filter_len = len},
                       true);
}

static void stamps_ping4(void **state)
{
    (void)state;
    assert_int_equal(netns_run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"), 0);
    stamps_are_ordered(&(struct rawsock_config){.kind = RAWSOCK_PING4, .tx_stamps = true, .rx_stamps = true},
                       false);
}

static void stamps_ping6(void **state)
{
    (void)state;
    stamps_are_ordered(&(struct rawsock_config){.kind = RAWSOCK_PING6, .tx_stamps = true, .rx_stamps = true},
                       true);
}

static void no_stamps_unless_asked_for(void **state)
{
    (void)state;
    struct rawsock s;
    struct world_echo echo;
    struct rawsock_in in;
    struct rawsock_sent sent[4];
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_ICMP});
    world_echo(&echo, RAWSOCK_IP4, 1);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there4};
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    assert_true(world_receive(w, &s, &in));
    assert_int_equal(in.time_ns, 0);
    assert_int_equal(rawsock_sent(&s, w->batch, sent, 4), 0);
    rawsock_close(&s);
}

/* ---- which stamp is whose ---- */

/* Each of 1,000 packets has its own time, once, and none after the next one's. */
static void ids_of_a_burst(enum rawsock_keys keys)
{
    enum {
        BURST = 1000
    };
    static uint64_t times[BURST];
    struct rawsock s;
    struct world_echo echo;
    memset(times, 0, sizeof times);
    world_open(&s, &(struct rawsock_config){
                       .kind = RAWSOCK_IP4, .send_only = true, .tx_stamps = true, .buffer_bytes = 4 << 20});
    s.sender->keys = keys;
    world_echo(&echo, RAWSOCK_IP4, 1);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there4};
    unsigned seen = 0;
    for (unsigned i = 0; i < BURST; i++) {
        struct rawsock_sent sent[RAWSOCK_BATCH];
        assert_int_equal(rawsock_send(&s, &out, 1), 1);
        if (i % 50 != 49)
            continue;
        for (int n = rawsock_sent(&s, w->batch, sent, RAWSOCK_BATCH); n > 0;
             n = rawsock_sent(&s, w->batch, sent, RAWSOCK_BATCH)) {
            for (int k = 0; k < n; k++, seen++) {
                assert_int_equal(sent[k].error, 0);
                assert_true(sent[k].id <= i);
                assert_int_equal(times[sent[k].id], 0);
                times[sent[k].id] = sent[k].time_ns;
            }
        }
    }
    assert_int_equal(seen, BURST);
    for (unsigned i = 1; i < BURST; i++)
        assert_true(times[i - 1] <= times[i]);
    rawsock_close(&s);
}

static void ids_given(void **state)
{
    (void)state;
    ids_of_a_burst(RAWSOCK_KEYS_TRY);
}

static void ids_counted(void **state)
{
    (void)state;
    ids_of_a_burst(RAWSOCK_KEYS_COUNTED);
}

/* A queue that lets few packets through, and says so: OFFERED are offered, each with an IP identification of
 * its own. */
enum {
    OFFERED = 60
};
struct narrow {
    struct rawsock sender, witness; /* the witness is on the other side */
    uint16_t ip_id[OFFERED];        /* by the packet's number */
    uint64_t seen_ns[OFFERED + 1];  /* by its identification */
};

static bool open_narrow(struct narrow *n, enum rawsock_keys keys)
{
    *n = (struct narrow){0};
    if (netns_run("tc qdisc replace dev va root tbf rate 64kbit burst 1600 limit 1600 2>/dev/null") != 0)
        return false;
    netns_enter(w->net.there);
    world_open(&n->witness, &(struct rawsock_config){.kind = RAWSOCK_WITNESS, .rx_stamps = true});
    netns_enter(w->net.here);
    world_open(&n->sender,
               &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true, .tx_stamps = true});
    n->sender.sender->keys = keys;
    return true;
}

/* By pairs, so that packets are refused in the middle of calls, too. How often that happened. */
static unsigned offer(struct narrow *n)
{
    unsigned refused = 0;
    for (uint16_t i = 1; i <= OFFERED; i = (uint16_t)(i + 2)) {
        struct world_echo echo[2];
        struct rawsock_out out[2];
        for (uint16_t k = 0; k < 2; k++) {
            world_echo(&echo[k], RAWSOCK_IP4, (uint16_t)(i + k));
            out[k] = (struct rawsock_out){.data = echo[k].bytes, .len = echo[k].len, .target = &w->there4};
        }
        const uint32_t before = n->sender.sends;
        const int taken = rawsock_send(&n->sender, out, 2);
        assert_true(taken > 0 || taken == -ENOBUFS);
        refused += taken < 2;
        for (uint32_t id = before; id < n->sender.sends; id++)
            n->ip_id[id] = (uint16_t)(i + (id - before));
    }
    return refused;
}

/* Wait until all that was taken has come. */
static void see_all(struct narrow *n)
{
    unsigned seen = 0;
    const uint64_t deadline = clock_mono_ns() + 5 * (uint64_t)NS_PER_S;
    while (seen < n->sender.sends && clock_mono_ns() < deadline) {
        const int got = rawsock_recv(&n->witness, w->batch);
        for (int i = 0; i < got; i++) {
            const struct rawsock_in *in = rawsock_batch_at(w->batch, (size_t)i);
            if (in->outgoing || in->len < 20 || in->data[9] != IPPROTO_ICMP)
                continue;
            const uint16_t id = load_be16(in->data + 4);
            assert_in_range(id, 1, OFFERED);
            n->seen_ns[id] = in->time_ns;
            seen++;
        }
    }
    assert_int_equal(seen, n->sender.sends);
}

/* Each time is of a packet that the other side saw, and not after it was seen there. How many there are. */
static unsigned check_times(struct narrow *n)
{
    struct rawsock_sent sent[RAWSOCK_BATCH];
    unsigned stamped = 0;
    int got = 0;
    while ((got = rawsock_sent(&n->sender, w->batch, sent, RAWSOCK_BATCH)) > 0) {
        for (int i = 0; i < got; i++) {
            if (sent[i].error != 0)
                continue;
            assert_true(sent[i].id < n->sender.sends);
            const uint64_t arrived = n->seen_ns[n->ip_id[sent[i].id]];
            assert_true(arrived != 0);
            assert_true(sent[i].time_ns <= arrived && arrived - sent[i].time_ns < NS_PER_MS * 5);
            stamped++;
        }
    }
    return stamped;
}

/* What was refused must not shift the times. */
static void refused_packets_shift_nothing(enum rawsock_keys keys, bool all_have_times)
{
    struct narrow n;
    if (!open_narrow(&n, keys))
        skip();
    assert_true(offer(&n) > 0);
    assert_true(n.sender.sends > 2);
    see_all(&n);
    const unsigned stamped = check_times(&n);
    if (all_have_times)
        assert_int_equal(stamped, n.sender.sends);
    else
        assert_in_range(stamped, 1, n.sender.sends);
    /* Once all have left, the next packet's time is known again. */
    assert_int_equal(netns_run("tc qdisc del dev va root"), 0);
    struct world_echo echo;
    world_echo(&echo, RAWSOCK_IP4, 1);
    const struct rawsock_out out = {.data = echo.bytes, .len = echo.len, .target = &w->there4};
    const uint64_t asked = clock_real_ns();
    assert_int_equal(rawsock_send(&n.sender, &out, 1), 1);
    assert_true(stamp_of(&n.sender, n.sender.sends - 1) >= asked);
    rawsock_close(&n.sender);
    rawsock_close(&n.witness);
}

static void refused_given(void **state)
{
    (void)state;
    refused_packets_shift_nothing(RAWSOCK_KEYS_TRY, true);
}

static void refused_counted(void **state)
{
    (void)state;
    refused_packets_shift_nothing(RAWSOCK_KEYS_COUNTED, false);
}

/* ---- what does not fit ---- */

static void too_long_for_the_mtu(void **state)
{
    (void)state;
    static uint8_t bytes[1501] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP};
    struct rawsock s;
    struct rawsock_sent sent[4];
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true, .tx_stamps = true});
    memcpy(bytes + 16, w->there4.bytes, 4);
    struct rawsock_out out = {.data = bytes, .len = sizeof bytes, .target = &w->there4};
    assert_int_equal(rawsock_send(&s, &out, 1), -EMSGSIZE);
    assert_int_equal(rawsock_sent(&s, w->batch, sent, 4), 1);
    assert_int_equal(sent[0].error, EMSGSIZE);
    assert_int_equal(sent[0].info, 1500);
    assert_int_equal(sent[0].offender.family, 0);
    out.len = 1500;
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    assert_true(stamp_of(&s, 0) != 0);
    rawsock_close(&s);
}

/* Packets that find the buffer full are drops: received and dropped are what was sent. */
static void full_buffer_is_drops(void **state)
{
    (void)state;
    enum {
        PACKETS = 2000
    };
    static struct rawsock_out out[PACKETS];
    struct rawsock s, receiver;
    struct world_echo udp;
    unsigned received = 0;
    netns_enter(w->net.there);
    world_open(&receiver,
               &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_UDP, .buffer_bytes = 8192});
    netns_enter(w->net.here);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    world_udp(&udp, 9);
    for (unsigned i = 0; i < PACKETS; i++)
        out[i] = (struct rawsock_out){.data = udp.bytes, .len = udp.len, .target = &w->there4};
    assert_int_equal(rawsock_send(&s, out, PACKETS), PACKETS);
    assert_int_equal(s.sends, PACKETS);
    assert_int_equal(receiver.drops, 0);
    /* The cable may deliver after the call; the count stands still once all came. */
    const uint64_t deadline = clock_mono_ns() + 5 * (uint64_t)NS_PER_S;
    while (received + rawsock_drops(&receiver) < PACKETS && clock_mono_ns() < deadline) {
        const int n = rawsock_recv(&receiver, w->batch);
        assert_true(n >= 0 && n <= RAWSOCK_BATCH);
        received += (unsigned)n;
    }
    assert_true(received > 0);
    assert_true(receiver.drops > 0);
    assert_int_equal(received + receiver.drops, PACKETS);
    /* The next packet that comes says the same. */
    receiver.drops = 0;
    struct rawsock_in in;
    assert_int_equal(rawsock_send(&s, out, 1), 1);
    assert_true(world_receive(w, &receiver, &in));
    assert_int_equal(received + receiver.drops, PACKETS);
    rawsock_close(&s);
    rawsock_close(&receiver);
}

static void longer_than_its_room(void **state)
{
    (void)state;
    struct rawsock s, receiver;
    struct world_echo udp;
    struct rawsock_batch *large = w->batch, *small = rawsock_batch_new(24);
    struct rawsock_in in;
    assert_non_null(small);
    assert_null(rawsock_batch_new(SIZE_MAX / 8));
    netns_enter(w->net.there);
    world_open(&receiver, &(struct rawsock_config){.kind = RAWSOCK_IP4, .protocol = IPPROTO_UDP});
    netns_enter(w->net.here);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    world_udp(&udp, 9);
    const struct rawsock_out out = {.data = udp.bytes, .len = udp.len, .target = &w->there4};
    assert_int_equal(rawsock_send(&s, &out, 1), 1);
    w->batch = small;
    const bool came = world_receive(w, &receiver, &in);
    w->batch = large;
    rawsock_batch_free(small);
    assert_true(came);
    assert_true(in.cut);
    assert_int_equal(in.len, 24);
    rawsock_close(&s);
    rawsock_close(&receiver);
}

/* ---- batches ---- */

static void batches(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 63, 64, 65, 128, 200};
    static struct rawsock_out out[200];
    struct rawsock s, receiver;
    struct world_echo udp;
    netns_enter(w->net.there);
    world_open(&receiver, &(struct rawsock_config){
                              .kind = RAWSOCK_IP4, .protocol = IPPROTO_UDP, .buffer_bytes = 1 << 20});
    netns_enter(w->net.here);
    world_open(&s, &(struct rawsock_config){.kind = RAWSOCK_IP4, .send_only = true});
    world_udp(&udp, 9);
    for (size_t i = 0; i < 200; i++)
        out[i] = (struct rawsock_out){.data = udp.bytes, .len = udp.len, .target = &w->there4};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t received = 0;
        assert_int_equal(rawsock_send(&s, out, counts[i]), counts[i]);
        const uint64_t deadline = clock_mono_ns() + 5 * (uint64_t)NS_PER_S;
        while (received < counts[i] && clock_mono_ns() < deadline) {
            const int n = rawsock_recv(&receiver, w->batch);
            assert_in_range(n, 0, RAWSOCK_BATCH);
            received += (size_t)n;
        }
        assert_int_equal(received, counts[i]);
    }
    assert_int_equal(rawsock_drops(&receiver), 0);
    /* It stops at the first that cannot be sent, and tells why when that is the first. */
    out[100].target = &w->there6;
    assert_int_equal(rawsock_send(&s, out, 200), 100);
    assert_int_equal(rawsock_send(&s, out + 100, 100), -EAFNOSUPPORT);
    out[0].target = NULL;
    assert_int_equal(rawsock_send(&s, out, 1), -EDESTADDRREQ);
    rawsock_close(&s);
    rawsock_close(&receiver);
}

int main(void)
{
    const char *reason = world_make(&w);
    if (reason != NULL) {
        printf("skip - rawsock: %s\n", reason);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_ip4),
        cmocka_unit_test(stamps_icmp6),
        cmocka_unit_test(stamps_ping4),
        cmocka_unit_test(stamps_ping6),
        cmocka_unit_test(no_stamps_unless_asked_for),
        cmocka_unit_test(ids_given),
        cmocka_unit_test(ids_counted),
        cmocka_unit_test(refused_given),
        cmocka_unit_test(refused_counted),
        cmocka_unit_test(too_long_for_the_mtu),
        cmocka_unit_test(full_buffer_is_drops),
        cmocka_unit_test(longer_than_its_room),
        cmocka_unit_test(batches),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_free(w);
    return failed;
}
