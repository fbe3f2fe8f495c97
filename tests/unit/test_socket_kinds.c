/* needs: src/sockets/kinds.c src/sockets/kinds_table.c src/sockets/kinds_trial.c src/base/io.c src/base/err.c
 * src/base/i18n.c
 *
 * The table of kinds, the reasons for refusals, and the trials that need no network. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "sockets/kinds.h"

static const struct socket_kind *kind_of(int family, int type, int protocol)
{
    for (size_t i = 0; i < socket_kind_count; i++) {
        const struct socket_kind *kind = &socket_kinds[i];
        if (kind->family == family && kind->type == type && kind->protocol == protocol)
            return kind;
    }
    fail_msg("no kind %d %d %d", family, type, protocol);
    return NULL;
}

static void each_kind_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < socket_kind_count; i++) {
        const struct socket_kind *a = &socket_kinds[i];
        assert_true(strlen(a->meaning) > 10);
        assert_true(strchr(a->manual, '(') != NULL || strncmp(a->manual, "RFC ", 4) == 0);
        for (size_t k = 0; k < i; k++) {
            const struct socket_kind *b = &socket_kinds[k];
            assert_false(a->family == b->family && a->type == b->type && a->protocol == b->protocol);
        }
        /* A kind that there cannot be has no properties, and any other has all of them. */
        for (int p = 0; p < KIND_PROPERTIES; p++)
            assert_int_equal(a->manual_says[p] == KIND_UNKNOWN, a->calls[0] == '\0');
    }
}

static void each_refusal_has_a_reason(void **state)
{
    (void)state;
    static const int codes[] = {EPERM,  EACCES, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EAFNOSUPPORT,
                                EINVAL, EMFILE, ENFILE,          ENOBUFS,         ENOMEM};
    for (size_t i = 0; i < socket_kind_count; i++) {
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++)
            assert_string_not_equal(kind_refusal(&socket_kinds[i], codes[k]).why, "the kernel refused");
        assert_string_equal(kind_refusal(&socket_kinds[i], EDOM).why, "the kernel refused");
    }
    const struct kind_refusal raw = kind_refusal(kind_of(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
    assert_non_null(strstr(raw.why, "CAP_NET_RAW"));
    assert_non_null(strstr(raw.remedy, "setcap"));
    const struct kind_refusal packet = kind_refusal(kind_of(AF_PACKET, SOCK_DGRAM, 0), EPERM);
    assert_non_null(strstr(packet.why, "CAP_NET_RAW"));
    const struct kind_refusal ping = kind_refusal(kind_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EACCES);
    assert_non_null(strstr(ping.remedy, "ping_group_range"));
    const struct kind_refusal filtered = kind_refusal(kind_of(AF_INET, SOCK_STREAM, IPPROTO_TCP), EPERM);
    assert_null(strstr(filtered.why, "CAP_NET_RAW"));
    const struct kind_refusal sctp =
        kind_refusal(kind_of(AF_INET, SOCK_STREAM, IPPROTO_SCTP), EPROTONOSUPPORT);
    assert_non_null(strstr(sctp.remedy, "modprobe sctp"));
}

static void is(const struct kind_result *result, const enum kind_answer expected[KIND_PROPERTIES])
{
    assert_int_equal(result->refused, 0);
    for (int p = 0; p < KIND_PROPERTIES; p++) {
        assert_int_equal(result->answer[p], expected[p]);
        assert_true(result->tried[p]);
    }
}

static void unix_sockets_are_tried(void **state)
{
    (void)state;
    static const enum kind_answer stream[] = {KIND_LOST, KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_KEPT};
    static const enum kind_answer datagrams[] = {KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_LOST, KIND_LOST};
    static const enum kind_answer records[] = {KIND_KEPT, KIND_KEPT, KIND_KEPT, KIND_LOST, KIND_KEPT};
    struct kind_result result = kind_probe(kind_of(AF_UNIX, SOCK_STREAM, 0));
    is(&result, stream);
    result = kind_probe(kind_of(AF_UNIX, SOCK_DGRAM, 0));
    is(&result, datagrams);
    result = kind_probe(kind_of(AF_UNIX, SOCK_SEQPACKET, 0));
    is(&result, records);
}

static void what_there_is_not(void **state)
{
    (void)state;
    const struct kind_result result = kind_probe(kind_of(AF_UNIX, SOCK_RDM, 0));
    assert_int_equal(result.refused, ESOCKTNOSUPPORT);
    for (int p = 0; p < KIND_PROPERTIES; p++)
        assert_false(result.tried[p] || result.answer[p] != KIND_UNKNOWN);
}

/* Descriptors run out in the middle of a trial: what was not tried stays the manual's word. */
static void too_few_descriptors(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (rlim_t most = 3; most < 8; most++) {
        const struct rlimit few = {most, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        const struct socket_kind *kind = kind_of(AF_UNIX, SOCK_STREAM, 0);
        const struct kind_result result = kind_probe(kind);
        for (int p = 0; p < KIND_PROPERTIES; p++)
            assert_int_equal(result.answer[p], kind->manual_says[p]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_once),         cmocka_unit_test(each_refusal_has_a_reason),
        cmocka_unit_test(unix_sockets_are_tried), cmocka_unit_test(what_there_is_not),
        cmocka_unit_test(too_few_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
