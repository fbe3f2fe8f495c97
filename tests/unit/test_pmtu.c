/* needs: craft/pmtu.c capture/packet.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "craft/pmtu.h"

/* A path to search, without a network:
 *
 *     this machine ── hop 1 ── hop 2 ── … ── hop `end`
 *                  link[0]  link[1]
 */

#define RTT (10 * UINT64_C(1000000))
#define MOST_PROBES 4000

struct link {
    uint32_t mtu;    /* 0: no limit */
    bool silent;     /* what is too big vanishes */
    uint32_t tells;  /* instead of its MTU, where not 0 */
    bool tells_zero; /* as routers before RFC 1191 */
};

struct path {
    unsigned end;
    uint32_t local;
    struct link link[16];
    bool mute[16];        /* by TTL: a router that does not answer */
    bool unknown_routers; /* their "too big" comes from an address that no hop has */
    unsigned lose_every;  /* every so many-th probe is lost; 0: none */
    bool forged;          /* "too big" for every large probe, which arrives all the same */
    bool far_routers;     /* … or from one that is farther than any TTL reaches */
    unsigned limit;       /* "too big" messages, then none for a second */
    bool once;            /* … or for ever */
    unsigned told;
    uint64_t told_ns;
    unsigned probes, larges;
};

static struct packet_address address_of(unsigned hop)
{
    return (struct packet_address){4, {10, 0, 0, (uint8_t)hop}};
}

static unsigned hop_of(void *context, const struct packet_address *address)
{
    const struct path *path = context;
    return path->unknown_routers ? 0 : path->far_routers ? 255 : address->bytes[3];
}

static bool may_tell(struct path *path, uint64_t now)
{
    if (path->limit == 0)
        return true;
    if (!path->once && now - path->told_ns >= NS_PER_S)
        path->told = 0;
    path->told_ns = now;
    return path->told++ < path->limit;
}

/* What becomes of a probe. */
static void carry(struct path *path, struct pmtu *pmtu, const struct pmtu_probe *probe, uint64_t now)
{
    path->probes++;
    if (path->lose_every != 0 && path->probes % path->lose_every == 0)
        return;
    if (path->forged && probe->size > 1200) {
        const struct packet_address liar = address_of(1);
        pmtu_too_big(pmtu, probe->ticket, &liar, 600);
    }
    for (unsigned hop = 0; hop < probe->ttl && hop < path->end; hop++) {
        const struct link *link = &path->link[hop];
        if (link->mtu == 0 || probe->size <= link->mtu)
            continue;
        if (link->silent || !may_tell(path, now))
            return;
        const struct packet_address router = address_of(hop);
        pmtu_too_big(pmtu, probe->ticket, &router,
                     link->tells_zero ? 0
                     : link->tells    ? link->tells
                                      : link->mtu);
        return;
    }
    if (!path->mute[probe->ttl])
        pmtu_answered(pmtu, probe->ticket);
}

/* Search to the end. Answers come a round trip later. */
static void search(struct path *path, struct pmtu *pmtu)
{
    struct {
        struct pmtu_probe probe;
        uint64_t due;
    } way[64];
    unsigned under_way = 0;
    struct pmtu_config config = {.local = path->local,
                                 .small = 60,
                                 .least = 68,
                                 .end = (uint8_t)path->end,
                                 .wait_ns = 300 * UINT64_C(1000000),
                                 .gap_ns = 50 * UINT64_C(1000000),
                                 .hop_of = hop_of,
                                 .context = path};
    for (unsigned ttl = 1; ttl <= path->end; ttl++)
        config.answers[ttl] = !path->mute[ttl];
    pmtu_begin(pmtu, &config);
    uint64_t now = NS_PER_S;
    for (;;) {
        struct pmtu_probe probe;
        uint64_t until = 0;
        const enum pmtu_step step = pmtu_next(pmtu, now, &probe, &until);
        if (step == PMTU_DONE)
            return;
        if (step == PMTU_SEND) {
            assert_true(under_way < 64 && path->probes < MOST_PROBES);
            assert_in_range(probe.size, 1, path->local);
            assert_in_range(probe.ttl, 1, path->end);
            path->larges += probe.size > 60;
            way[under_way].probe = probe;
            way[under_way++].due = now + RTT;
            continue;
        }
        assert_true(until > now);
        if (under_way > 0 && way[0].due <= until) {
            now = way[0].due > now ? way[0].due : now;
            const struct pmtu_probe first = way[0].probe;
            memmove(way, way + 1, --under_way * sizeof way[0]);
            carry(path, pmtu, &first, now);
        } else
            now = until;
    }
}

static void check_fall(const struct pmtu *pmtu, unsigned index, bool vanished, unsigned hop, unsigned next,
                       uint32_t passes)
{
    assert_true(index < pmtu->fall_count);
    const struct pmtu_fall *fall = &pmtu->fall[index];
    assert_int_equal(fall->vanished, vanished);
    assert_true(fall->placed);
    assert_int_equal(fall->hop, hop);
    assert_int_equal(fall->next_hop, next);
    assert_int_equal(fall->passes, passes);
}

static void test_nothing_falls(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 4, .local = 1500};
    search(&path, &pmtu);
    assert_int_equal(pmtu.verdict, PMTU_FOUND);
    assert_int_equal(pmtu.mtu, 1500);
    assert_int_equal(pmtu.fall_count, 0);
    assert_int_equal(path.larges, 1); /* one large packet is all it takes */
}

static void test_told(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 4, .local = 1500, .link = {[2] = {.mtu = 1400}}};
    search(&path, &pmtu);
    assert_int_equal(pmtu.verdict, PMTU_FOUND);
    assert_int_equal(pmtu.mtu, 1400);
    assert_int_equal(pmtu.fall_count, 1);
    check_fall(&pmtu, 0, false, 2, 3, 1400);
    assert_int_equal(pmtu.fall[0].told, 1400);
    assert_int_equal(pmtu.fall[0].refused, 1401); /* verified: a byte more is refused */
}

static void test_told_twice(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 5, .local = 9000, .link = {[1] = {.mtu = 1500}, [3] = {.mtu = 1280}}};
    search(&path, &pmtu);
    assert_int_equal(pmtu.mtu, 1280);
    assert_int_equal(pmtu.fall_count, 2);
    check_fall(&pmtu, 0, false, 1, 2, 1500);
    check_fall(&pmtu, 1, false, 3, 4, 1280);
}

/* Every MTU that a black hole can have is found to the byte, and behind its hop. */
static void test_black_holes(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    static const uint32_t mtus[] = {61, 68, 576, 1279, 1280, 1281, 1400, 1420, 1492, 1498, 1499};
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        for (unsigned hop = 0; hop < 6; hop++) {
            struct path path = {.end = 6, .local = 1500};
            path.link[hop] = (struct link){.mtu = mtus[i], .silent = true};
            search(&path, &pmtu);
            assert_int_equal(pmtu.verdict, PMTU_FOUND);
            assert_int_equal(pmtu.mtu, mtus[i]);
            assert_int_equal(pmtu.fall_count, 1);
            check_fall(&pmtu, 0, true, hop, hop + 1, mtus[i]);
            const struct pmtu_trial *lost = pmtu_find_trial(&pmtu, mtus[i] + 1, 6);
            assert_int_equal(lost->outcome, PMTU_VANISHES);
            assert_int_equal(lost->large_sent, PMTU_PAIRS);
            assert_int_equal(lost->large_answered, 0);
            assert_int_equal(lost->small_answered, PMTU_PAIRS);
        }
    }
}

/* Hops that never answer cannot testify: the range is told. */
static void test_black_hole_among_silent_hops(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 8, .local = 1500, .link = {[4] = {.mtu = 1400, .silent = true}}};
    path.mute[4] = path.mute[5] = path.mute[6] = true;
    search(&path, &pmtu);
    assert_int_equal(pmtu.mtu, 1400);
    check_fall(&pmtu, 0, true, 3, 7, 1400);
}

/* A router tells of its link, and farther on large packets vanish. */
static void test_told_and_black_hole(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {
        .end = 5, .local = 1500, .link = {[1] = {.mtu = 1450}, [3] = {.mtu = 1350, .silent = true}}};
    search(&path, &pmtu);
    assert_int_equal(pmtu.mtu, 1350);
    assert_int_equal(pmtu.fall_count, 2);
    check_fall(&pmtu, 0, false, 1, 2, 1450); /* verified at hop 2 */
    check_fall(&pmtu, 1, true, 3, 4, 1350);
}

/* The black hole comes first: what is small enough for it is refused farther on. */
static void test_black_hole_and_told(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {
        .end = 5, .local = 1500, .link = {[1] = {.mtu = 1450, .silent = true}, [3] = {.mtu = 1350}}};
    search(&path, &pmtu);
    assert_int_equal(pmtu.mtu, 1350);
    assert_int_equal(pmtu.fall_count, 2);
    check_fall(&pmtu, 0, false, 3, 4, 1350);
    check_fall(&pmtu, 1, true, 1, 2, 1450);
}

/* No MTU told, an insane one, one too small, one too large: none of them is the answer. */
static void test_wrong_words(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    static const struct link links[] = {{.mtu = 1400, .tells_zero = true}, {.mtu = 1400, .tells = 20},
                                        {.mtu = 1400, .tells = 1000},      {.mtu = 1400, .tells = 1450},
                                        {.mtu = 1400, .tells = 1500},      {.mtu = 1400, .tells = 65535},
                                        {.mtu = 1400, .tells = UINT32_MAX}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct path path = {.end = 4, .local = 1500, .link = {[2] = links[i]}};
        search(&path, &pmtu);
        assert_int_equal(pmtu.verdict, PMTU_FOUND);
        assert_int_equal(pmtu.mtu, 1400);
        assert_int_equal(pmtu.fall_count, 1);
        check_fall(&pmtu, 0, false, 2, 3, 1400);
    }
}

/* "Too big" from an address that no hop has: placed by probes whose TTL ends on the way. */
static void test_placed_by_probes(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 6, .local = 1500, .link = {[4] = {.mtu = 1400}}, .unknown_routers = true};
    search(&path, &pmtu);
    assert_int_equal(pmtu.fall_count, 1);
    check_fall(&pmtu, 0, false, 4, 5, 1400);
    path = (struct path){.end = 6, .local = 1500, .link = {[4] = {.mtu = 1400}}, .far_routers = true};
    search(&path, &pmtu);
    assert_int_equal(pmtu.fall_count, 1);
    check_fall(&pmtu, 0, false, 4, 5, 1400);
}

static void test_local_limit(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct pmtu_probe probe;
    uint64_t until = 0;
    const struct packet_address nobody = {0};
    const struct pmtu_config config = {
        .local = 1500, .small = 60, .least = 68, .end = 1, .wait_ns = 300, .gap_ns = 50};
    pmtu_begin(&pmtu, &config);
    uint64_t now = 1;
    enum pmtu_step step;
    while ((step = pmtu_next(&pmtu, now, &probe, &until)) != PMTU_DONE) {
        if (step == PMTU_WAIT)
            now = until;
        else if (probe.size > 1480)
            pmtu_too_big(&pmtu, probe.ticket, &nobody, 1480);
        else
            pmtu_answered(&pmtu, probe.ticket);
    }
    assert_int_equal(pmtu.mtu, 1480);
    check_fall(&pmtu, 0, false, 0, 1, 1480);
}

/* Whoever forges "too big" gains nothing: the probes arrive, and what they prove counts. */
static void test_forged(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 4, .local = 1500, .forged = true};
    search(&path, &pmtu);
    assert_int_equal(pmtu.verdict, PMTU_FOUND);
    assert_int_equal(pmtu.mtu, 1500);
    assert_true(pmtu.mistrusts);
    assert_int_equal(pmtu.fall_count, 0);
}

/* A router that says "too big" only now and then is no black hole. */
static void test_limited_router(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    for (unsigned limit = 1; limit < 4; limit++) {
        struct path path = {.end = 4, .local = 1500, .link = {[2] = {.mtu = 1400}}, .limit = limit};
        search(&path, &pmtu);
        assert_int_equal(pmtu.verdict, PMTU_FOUND);
        assert_int_equal(pmtu.mtu, 1400);
        assert_int_equal(pmtu.fall_count, 1);
        check_fall(&pmtu, 0, false, 2, 3, 1400);
    }
}

/* … nor one that has said it a moment ago, or says it a single time. */
static void test_silent_at_first_or_later(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path paths[] = {
        {.end = 4, .local = 1500, .link = {[2] = {.mtu = 1400}}, .limit = 1, .told = 1, .told_ns = NS_PER_S},
        {.end = 4, .local = 1500, .link = {[2] = {.mtu = 1400}}, .limit = 1, .once = true},
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        search(&paths[i], &pmtu);
        assert_int_equal(pmtu.verdict, PMTU_FOUND);
        assert_int_equal(pmtu.mtu, 1400);
        assert_int_equal(pmtu.fall_count, 1);
        check_fall(&pmtu, 0, false, 2, 3, 1400);
    }
}

/* Loss makes no black hole. */
static void test_loss(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    for (unsigned every = 2; every < 12; every++) {
        struct path path = {.end = 4, .local = 1500, .lose_every = every};
        search(&path, &pmtu);
        for (unsigned i = 0; i < pmtu.fall_count; i++)
            assert_false(pmtu.fall[i].vanished);
        if (pmtu.verdict == PMTU_FOUND)
            assert_int_equal(pmtu.mtu, 1500);
        else
            assert_int_equal(pmtu.verdict, PMTU_UNKNOWN);
        if (every > 3)
            assert_int_equal(pmtu.verdict, PMTU_FOUND);
    }
}

static void test_nobody_answers(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 4, .local = 1500};
    path.mute[4] = true;
    search(&path, &pmtu);
    assert_int_equal(pmtu.verdict, PMTU_UNKNOWN);
    assert_int_equal(path.probes, 2 * PMTU_PAIRS_MAX);
}

static void test_smallest(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    struct path path = {.end = 1, .local = 60};
    search(&path, &pmtu);
    assert_int_equal(pmtu.verdict, PMTU_FOUND);
    assert_int_equal(pmtu.mtu, 60);
    assert_int_equal(path.probes, 0);
}

/* Any answers in any order: it ends, within its bounds. */
static void test_random_answers(void **state)
{
    (void)state;
    static struct pmtu pmtu;
    uint32_t random = 12345;
    for (unsigned round = 0; round < 400; round++) {
        struct pmtu_config config = {
            .local = 1500, .small = 60, .least = 68, .end = 9, .wait_ns = 300, .gap_ns = 50};
        memset(config.answers, 1, sizeof config.answers);
        pmtu_begin(&pmtu, &config);
        uint64_t now = 1, until = 0;
        unsigned probes = 0;
        struct pmtu_probe probe;
        enum pmtu_step step;
        while ((step = pmtu_next(&pmtu, now, &probe, &until)) != PMTU_DONE) {
            if (step == PMTU_WAIT)
                now = until;
            probes += step == PMTU_SEND;
            assert_true(probes < MOST_PROBES);
            random = random * 1664525 + 1013904223;
            const struct packet_address router = address_of(random >> 8 & 15);
            if ((random >> 30) == 1)
                pmtu_answered(&pmtu, probe.ticket - (random >> 16 & 7));
            else if ((random >> 30) == 2)
                pmtu_too_big(&pmtu, probe.ticket - (random >> 16 & 3), &router, random >> 20);
        }
        assert_in_range(pmtu.fall_count, 0, PMTU_FALLS);
        assert_in_range(pmtu.mtu, 0, 1500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_falls),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_told_twice),
        cmocka_unit_test(test_black_holes),
        cmocka_unit_test(test_black_hole_among_silent_hops),
        cmocka_unit_test(test_told_and_black_hole),
        cmocka_unit_test(test_black_hole_and_told),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_placed_by_probes),
        cmocka_unit_test(test_local_limit),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_limited_router),
        cmocka_unit_test(test_silent_at_first_or_later),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_nobody_answers),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_random_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
