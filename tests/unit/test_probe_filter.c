/* needs: craft/probe.c craft/probe_cookie.c craft/probe_take.c craft/probe_quote.c craft/probe_error.c
 * craft/probe_match.c craft/probe_filter.c craft/checksum.c craft/layer.c craft/layer_control.c
 * craft/layer_ip.c craft/layer_link.c craft/layer_transport.c src/base/buf.c src/base/hash.c
 * capture/packet.c tests/unit/answers.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "craft/probe_private.h"
#include "tests/unit/answers.h"

/* The kernel itself runs the filters: on a pair of local datagram sockets, which takes no privilege. */

struct sieve {
    int in, out;
    bool has_ip_header;
};

static struct sieve sieve_of(const struct probe_shape *shape, int protocol, bool has_ip_header)
{
    struct sock_filter code[PROBE_FILTER_MAX];
    const size_t len = probe_filter(shape, protocol, has_ip_header, code);
    assert_in_range(len, 1, PROBE_FILTER_MAX);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    const struct sock_fprog program = {.len = (unsigned short)len, .filter = code};
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    return (struct sieve){.in = fds[0], .out = fds[1], .has_ip_header = has_ip_header};
}

static void sieve_close(struct sieve *sieve)
{
    close(sieve->in);
    close(sieve->out);
}

/* Does the datagram come through? Delivery between these sockets is done when send() returns. */
static bool passes(const struct sieve *sieve, const uint8_t *data, size_t len)
{
    uint8_t got[4096];
    if (!sieve->has_ip_header) {
        const size_t ip_len = answer_ip_len(data);
        data += ip_len;
        len -= ip_len;
    }
    (void)send(sieve->in, data, len, 0); /* EPERM: the filter's no */
    const ssize_t n = recv(sieve->out, got, sizeof got, 0);
    assert_true(n < 0 || (size_t)n == len);
    return n >= 0;
}

static int icmp_of(const struct probe_shape *shape)
{
    return shape->target.family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

/* Each shape with the filter for its answers and with that for ICMP, with and without IP header. */
static void for_all(void (*check)(struct probe_shape *shape, const struct sieve *replies,
                                  const struct sieve *errors))
{
    for (int i = 0; i < 24; i++) {
        struct probe_shape shape = answer_shape(i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3),
                                                (enum probe_flow)(i / 6 % 2), 40);
        if (i % 5 == 0)
            shape.ident = 65500; /* the ports go on at 0 */
        struct sieve replies = sieve_of(&shape, probe_protocol(&shape), i / 12 == 0);
        struct sieve errors = sieve_of(&shape, icmp_of(&shape), i / 12 == 0);
        check(&shape, &replies, &errors);
        sieve_close(&replies);
        sieve_close(&errors);
    }
}

static void check_answers(struct probe_shape *shape, const struct sieve *replies, const struct sieve *errors)
{
    const bool v6 = shape->target.family == 6;
    struct buf probe = {0}, answer = {0};
    for (uint32_t number = 0; number < 3000; number += 371) {
        probe.len = 0;
        probe_build(shape, number, 64, &probe);
        answer_reply(&answer, &probe, number % 2 == 0);
        assert_true(passes(replies, answer.data, answer.len));
        for (unsigned type = 0; type < 256; type++) {
            answer_error(&answer, &probe, &(struct answer_error){.type = (uint8_t)type, .quoted = 8});
            assert_int_equal(passes(errors, answer.data, answer.len),
                             probe_is_error(v6 ? 6 : 4, (uint8_t)type));
        }
        /* The probe itself, as the loopback interface shows it. */
        if (shape->method == PROBE_ICMP)
            assert_false(passes(replies, probe.data, probe.len));
    }
    buf_free(&probe);
    buf_free(&answer);
}

static void answers_pass(void **state)
{
    (void)state;
    for_all(check_answers);
}

static void check_others(struct probe_shape *shape, const struct sieve *replies, const struct sieve *errors)
{
    struct buf probe = {0}, answer = {0};
    const struct probe_shape ours = *shape;
    for (int i = 0; i < 3; i++) {
        struct probe_shape others = ours;
        if (i == 0)
            others.ident ^= 0x4000;
        if (i == 1)
            others.port ^= 1;
        if (i == 2)
            others.method = (enum probe_method)((ours.method + 1) % 3);
        if (i == 1 && ours.method == PROBE_ICMP)
            continue;
        probe.len = 0;
        probe_build(&others, 5, 64, &probe);
        answer_reply(&answer, &probe, false);
        /* Without an IP header the socket has but one protocol. */
        if (i < 2 || replies->has_ip_header)
            assert_false(passes(replies, answer.data, answer.len));
        const bool v6 = ours.target.family == 6;
        answer_error(&answer, &probe, &(struct answer_error){.type = v6 ? 3 : 11, .quoted = SIZE_MAX});
        assert_false(passes(errors, answer.data, answer.len));
    }
    buf_free(&probe);
    buf_free(&answer);
}

static void others_do_not(void **state)
{
    (void)state;
    for_all(check_others);
}

/* Header lengths vary: of the answer and of what it quotes. */
static void header_lengths(void **state)
{
    (void)state;
    const struct probe_shape shape = answer_shape(4, PROBE_UDP, PROBE_FLOW_CONSTANT, 40);
    struct sieve errors = sieve_of(&shape, IPPROTO_ICMP, true);
    struct buf probe = {0}, longer = {0};
    probe_build(&shape, 3, 64, &probe);
    for (uint8_t words = 5; words < 16; words++) {
        for (uint8_t inner = 5; inner < 16; inner++) {
            uint8_t outer_ip[60] = {(uint8_t)(0x40 | words)}, inner_ip[60] = {(uint8_t)(0x40 | inner)};
            outer_ip[9] = IPPROTO_ICMP;
            inner_ip[9] = IPPROTO_UDP;
            longer.len = 0;
            buf_append(&longer, outer_ip, (size_t)words * 4);
            buf_append(&longer, "\x0b\0\0\0\0\0\0\0", 8);
            buf_append(&longer, inner_ip, (size_t)inner * 4);
            buf_append(&longer, probe.data + 20, 8);
            assert_true(passes(&errors, longer.data, longer.len));
            longer.data[longer.len - 5] ^= 1; /* target port */
            assert_false(passes(&errors, longer.data, longer.len));
        }
    }
    sieve_close(&errors);
    buf_free(&probe);
    buf_free(&longer);
}

/* Whatever is made of an answer: what is taken for one came through the filter. */
static void check_mutations(struct probe_shape *shape, const struct sieve *replies,
                            const struct sieve *errors)
{
    struct buf probe = {0}, answer = {0};
    uint64_t random = shape->ident;
    unsigned taken = 0;
    probe_build(shape, 77, 64, &probe);
    for (int i = 0; i < 3000; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        const bool is_error = i % 2 == 0;
        if (is_error)
            answer_error(
                &answer, &probe,
                &(struct answer_error){.type = (uint8_t)(random >> 60), .quoted = random >> 54 & 63});
        else
            answer_reply(&answer, &probe, i % 4 == 1);
        const size_t ip_len = answer_ip_len(answer.data);
        if (i % 8 > 3) {
            answer.data[ip_len + (random >> 20) % (answer.len - ip_len)] ^=
                (uint8_t)(1U << (random >> 40) % 8);
            answer_seal(answer.data, answer.len);
        }
        const struct probe_answer a = answer_match(shape, answer.data, answer.len);
        if (a.verdict == PROBE_STRANGE || a.verdict == PROBE_FORGED)
            continue;
        assert_true(passes(is_error ? errors : replies, answer.data, answer.len));
        taken++;
    }
    assert_in_range(taken, 500, 3000);
    buf_free(&probe);
    buf_free(&answer);
}

static void what_matches_passes(void **state)
{
    (void)state;
    for_all(check_mutations);
}

/* IPv6 extension headers are for probe_match() to walk, not for a filter. */
static void extension_headers(void **state)
{
    (void)state;
    const struct probe_shape shape = answer_shape(6, PROBE_ICMP, PROBE_FLOW_VARIES, 40);
    struct sieve with = sieve_of(&shape, IPPROTO_ICMPV6, true),
                 without = sieve_of(&shape, IPPROTO_ICMPV6, false);
    struct buf probe = {0}, error = {0};
    probe_build(&shape, 3, 64, &probe);
    answer_error(&error, &probe, &(struct answer_error){.type = 3, .quoted = SIZE_MAX});
    static const uint8_t known[] = {0, 43, 44, 51, 60};
    for (size_t i = 0; i < sizeof known; i++) {
        error.data[40 + 8 + 6] = known[i];
        assert_true(passes(&with, error.data, error.len));
        assert_true(passes(&without, error.data, error.len));
    }
    error.data[40 + 8 + 6] = IPPROTO_TCP;
    assert_false(passes(&with, error.data, error.len));
    assert_false(passes(&without, error.data, error.len));
    error.data[6] = 60;
    assert_true(passes(&with, error.data, error.len));
    error.data[6] = IPPROTO_TCP;
    assert_false(passes(&with, error.data, error.len));
    sieve_close(&with);
    sieve_close(&without);
    buf_free(&probe);
    buf_free(&error);
}

/* A socket of another protocol has no answers. */
static void another_protocol(void **state)
{
    (void)state;
    const struct probe_shape shape = answer_shape(4, PROBE_UDP, PROBE_FLOW_VARIES, 40);
    struct sieve none = sieve_of(&shape, IPPROTO_TCP, true);
    struct buf probe = {0}, answer = {0};
    probe_build(&shape, 3, 64, &probe);
    answer_reply(&answer, &probe, false);
    assert_false(passes(&none, answer.data, answer.len));
    sieve_close(&none);
    buf_free(&probe);
    buf_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_pass),      cmocka_unit_test(others_do_not),
        cmocka_unit_test(header_lengths),    cmocka_unit_test(what_matches_passes),
        cmocka_unit_test(extension_headers), cmocka_unit_test(another_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
