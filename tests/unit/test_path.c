/* needs: craft/path.c craft/path_neighbour.c craft/path_netlink.c capture/packet.c src/base/buf.c
 * src/base/clock.c src/base/err.c src/base/io.c src/base/missing.c tests/unit/netns.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <net/if_arp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "craft/path.h"
#include "tests/unit/netns.h"

enum {
    VA = 10
};

static struct netns net;

static struct packet_address address(const char *text)
{
    struct packet_address out = {0};
    char endpoint[64];
    uint16_t port;
    snprintf(endpoint, sizeof endpoint, strchr(text, ':') != NULL ? "[%s]:1" : "%s:1", text);
    assert_int_equal(packet_endpoint_parse(endpoint, strlen(endpoint), &out, &port), 0);
    return out;
}

/* What a lookup must say; NULL: no address. */
struct row {
    const char *target;
    int interface; /* asked for */
    int found;
    const char *source, *gateway;
    uint32_t mtu;
    enum {
        HOST,
        LOCAL,
        BROADCAST,
        MULTICAST
    } kind;
};

static void is_address(const struct packet_address *got, const char *expected)
{
    char text[PACKET_ADDRESS_TEXT] = "none";
    if (got->family != 0)
        packet_address_text(got, text);
    assert_string_equal(text, expected != NULL ? expected : "none");
}

static void routes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"127.0.0.1", 0, 1, "127.0.0.1", NULL, 65536, LOCAL},
        {"10.1.0.1", 0, 1, "10.1.0.1", NULL, 65536, LOCAL},
        {"10.1.0.2", 0, VA, "10.1.0.1", NULL, 1500, HOST},
        {"10.1.0.2", VA, VA, "10.1.0.1", NULL, 1500, HOST},
        {"10.1.0.255", 0, VA, "10.1.0.1", NULL, 1500, BROADCAST},
        {"255.255.255.255", VA, VA, "10.1.0.1", NULL, 1500, BROADCAST},
        {"224.0.0.5", VA, VA, "10.1.0.1", NULL, 1500, MULTICAST},
        {"10.8.0.1", 0, VA, "10.1.0.1", "10.1.0.2", 1300, HOST},
        {"10.8.1.1", 0, VA, "10.1.0.1", "fd01::2", 1500, HOST},
        {"10.8.2.1", 0, VA, "10.1.0.7", "10.1.0.9", 1500, HOST},
        {"::1", 0, 1, "::1", NULL, 65536, LOCAL},
        {"fd01::1", 0, 1, "fd01::1", NULL, 65536, LOCAL},
        {"fd01::2", 0, VA, "fd01::1", NULL, 1500, HOST},
        {"fd08::1", 0, VA, "fd01::1", "fd01::2", 1400, HOST},
        {"2001:db8::1", 0, VA, "fd01::1", "fe80::99", 1500, HOST},
        {"ff02::1", VA, VA, NULL, NULL, 1500, MULTICAST},
        {"fe80::5", VA, VA, NULL, NULL, 1500, HOST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        const struct packet_address target = address(r->target);
        struct path path;
        struct sd_err err = {0};
        if (path_lookup(&path, &target, r->interface, NULL, &err) != 0)
            fail_msg("%s", err.text);
        assert_int_equal(path.interface, r->found);
        assert_string_equal(path.name, r->found == 1 ? "lo" : "va");
        if (r->source != NULL) /* link-local: the interface's own, or another while that is checked */
            is_address(&path.source, r->source);
        is_address(&path.gateway, r->gateway);
        assert_int_equal(path.mtu, r->mtu);
        assert_int_equal(path.interface_mtu, r->found == 1 ? 65536 : 1500);
        assert_int_equal(path.local, r->kind == LOCAL);
        assert_int_equal(path.broadcast, r->kind == BROADCAST);
        assert_int_equal(path.multicast, r->kind == MULTICAST);
        assert_int_equal(path.link_type, r->found == 1 ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
        assert_false(path.has_macs);
        assert_false(path.lab);
        if (r->found == VA)
            assert_memory_equal(path.source_mac, net.mac_here, 6);
    }
}

static void several_next_hops(void **state)
{
    (void)state;
    const struct packet_address target = address("10.8.3.1");
    struct path path;
    struct sd_err err = {0};
    assert_int_equal(path_lookup(&path, &target, 0, NULL, &err), 0);
    assert_int_equal(path.gateway.family, 4);
    assert_in_range(path.gateway.bytes[3], 2, 3);
}

static void source_narrows(void **state)
{
    (void)state;
    const struct packet_address target = address("10.1.0.2"), other = address("10.1.0.7"),
                                strange = address("192.0.2.1");
    struct path path;
    struct sd_err err = {0};
    assert_int_equal(path_lookup(&path, &target, 0, &other, &err), 0);
    is_address(&path.source, "10.1.0.7");
    assert_int_equal(path_lookup(&path, &target, 0, &strange, &err), -EADDRNOTAVAIL);
    assert_non_null(strstr(err.text, "packets to 10.1.0.2 cannot leave from 192.0.2.1"));
}

static void no_route(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int interface, code;
        const char *text;
    } rows[] = {
        {"10.9.0.1", 0, EINVAL, "the route to 10.9.0.1 is a blackhole"},
        {"10.9.1.1", 0, EHOSTUNREACH, "the route to 10.9.1.1 is of type unreachable"},
        {"10.9.2.1", 0, EACCES, "the route to 10.9.2.1 is of type prohibit"},
        {"8.8.8.8", 0, ENETUNREACH, "no route to 8.8.8.8: the network is unreachable"},
        {"fd09::1", 0, EINVAL, "the route to fd09::1 is a blackhole"},
        {"fd09:0:0:1::1", 0, EHOSTUNREACH, "the route to fd09:0:0:1::1 is of type unreachable"},
        {"fd09:0:0:2::1", 0, EACCES, "the route to fd09:0:0:2::1 is of type prohibit"},
        {"fe80::1", 0, EINVAL, "say by which interface, as in fe80::1%eth0"},
        {"ff02::1", 0, EINVAL, "say by which interface, as in ff02::1%eth0"},
        {"10.1.0.2", 999, ENODEV, "there is no interface 999"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct packet_address target = address(rows[i].target);
        struct path path;
        struct sd_err err = {0};
        assert_int_equal(path_lookup(&path, &target, rows[i].interface, NULL, &err), -rows[i].code);
        if (strstr(err.text, rows[i].text) == NULL)
            fail_msg("'%s' is not in '%s'", rows[i].text, err.text);
    }
    const struct packet_address none = {0};
    struct path path;
    assert_int_equal(path_lookup(&path, &none, 0, NULL, NULL), -EAFNOSUPPORT);
}

static void interfaces(void **state)
{
    (void)state;
    const struct packet_address target = address("10.1.0.2");
    struct path path;
    struct sd_err err = {0};
    assert_int_equal(path_of_interface(&path, "va", &err), 0);
    assert_int_equal(path.interface, VA);
    assert_int_equal(path.mtu, 1500);
    assert_false(path.local);
    assert_memory_equal(path.source_mac, net.mac_here, 6);
    assert_int_equal(path_of_interface(&path, "lo", &err), 0);
    assert_true(path.local);
    assert_int_equal(path_of_interface(&path, "nosuch0", &err), -ENODEV);
    assert_non_null(strstr(err.text, "there is no interface 'nosuch0'; there are: lo, va"));
    static const char *const aliases[] = {"sockdiag", "sockdiag lab 2", PATH_LAB_ALIAS, ""};
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        const bool lab = strcmp(aliases[i], PATH_LAB_ALIAS) == 0;
        assert_int_equal(netns_run("ip link set dev va alias '%s'", aliases[i]), 0);
        assert_int_equal(path_of_interface(&path, "va", &err), 0);
        assert_int_equal(path.lab, lab);
        assert_int_equal(path_lookup(&path, &target, 0, NULL, &err), 0);
        assert_int_equal(path.lab, lab);
    }
}

/* ---- hardware addresses ---- */

static int resolve(const char *text, int interface, unsigned ms, struct path *path, struct sd_err *err)
{
    const struct packet_address target = address(text);
    assert_int_equal(path_lookup(path, &target, interface, NULL, err), 0);
    return path_resolve_mac(path, &target, ms, err);
}

static void known_neighbour(void **state)
{
    (void)state;
    static const char *const targets[] = {"10.1.0.2", "10.8.0.1", "10.8.1.1", "fd01::2", "fd08::1"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct path path;
        struct sd_err err = {0};
        assert_int_equal(resolve(targets[i], 0, 5000, &path, &err), 0);
        assert_true(path.has_macs);
        assert_memory_equal(path.source_mac, net.mac_here, 6);
        assert_memory_equal(path.target_mac, net.mac_there, 6);
    }
}

/* The kernel is made to ask, then the answer is waited for; a gateway as well as a host. */
static void unknown_neighbour(void **state)
{
    (void)state;
    static const char *const targets[] = {"10.1.0.2", "10.8.0.1", "fd01::2", "fd08::1"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct path path;
        struct sd_err err = {0};
        assert_int_equal(netns_run("ip neigh flush dev va; ip neigh flush dev va nud permanent; "
                                   "! ip neigh show dev va | grep -q lladdr"),
                         0);
        if (resolve(targets[i], 0, 5000, &path, &err) != 0)
            fail_msg("%s: %s", targets[i], err.text);
        assert_true(path.has_macs);
        assert_memory_equal(path.target_mac, net.mac_there, 6);
    }
}

static void nobody_answers(void **state)
{
    (void)state;
    static const char *const targets[] = {"10.1.0.99", "fd01::99"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct path path;
        struct sd_err err = {0};
        const uint64_t before = clock_mono_ns();
        assert_int_equal(resolve(targets[i], 0, 50, &path, &err), -EHOSTUNREACH);
        assert_false(path.has_macs);
        assert_in_range(clock_mono_ns() - before, 50 * NS_PER_MS, 3000ULL * NS_PER_MS);
        assert_non_null(strstr(err.text, targets[i]));
        assert_non_null(strstr(err.text, "on va within 50 ms"));
    }
}

static void computed(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        uint8_t mac[6];
    } rows[] = {
        {"10.1.0.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {"255.255.255.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {"239.129.2.3", {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}},
        {"ff02::1:ff00:1234", {0x33, 0x33, 0xff, 0x00, 0x12, 0x34}},
    };
    struct path path;
    struct sd_err err = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(resolve(rows[i].target, VA, 0, &path, &err), 0);
        assert_true(path.has_macs);
        assert_memory_equal(path.target_mac, rows[i].mac, 6);
    }
    static const uint8_t zero[6];
    assert_int_equal(resolve("10.1.0.1", 0, 0, &path, &err), 0);
    assert_true(path.has_macs);
    assert_memory_equal(path.target_mac, zero, 6);
    assert_memory_equal(path.source_mac, zero, 6);
}

static int add_routes(void **state)
{
    (void)state;
    return netns_run(
        "set -e; ip addr add 10.1.0.7/24 dev va; "
        "ip route add 10.8.0.0/24 via 10.1.0.2 mtu 1300; ip route add 10.8.1.0/24 via inet6 fd01::2; "
        "ip route add 10.8.2.0/24 via 10.1.0.9 src 10.1.0.7; "
        "ip route add 10.8.3.0/24 nexthop via 10.1.0.2 nexthop via 10.1.0.3; "
        "ip route add blackhole 10.9.0.0/24; ip route add unreachable 10.9.1.0/24; "
        "ip route add prohibit 10.9.2.0/24; ip -6 route add blackhole fd09::/64; "
        "ip -6 route add unreachable fd09:0:0:1::/64; ip -6 route add prohibit fd09:0:0:2::/64; "
        "ip -6 route add fd08::/64 via fd01::2 mtu 1400; ip -6 route add default via fe80::99 dev va");
}

int main(void)
{
    const char *reason = netns_make(&net);
    if (reason != NULL) {
        printf("skip - path: %s\n", reason);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes),   cmocka_unit_test(several_next_hops), cmocka_unit_test(source_narrows),
        cmocka_unit_test(no_route), cmocka_unit_test(interfaces),        cmocka_unit_test(known_neighbour),
        cmocka_unit_test(computed), cmocka_unit_test(unknown_neighbour), cmocka_unit_test(nobody_answers),
    };
    return cmocka_run_group_tests(tests, add_routes, NULL);
}
