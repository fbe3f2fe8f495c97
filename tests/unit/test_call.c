/* needs: capture/call.c capture/packet.c src/base/buf.c src/base/err.c src/base/text.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/call.h"

static struct call example(void)
{
    static const uint8_t bytes[] = {0x00, 0xff, '\n', '='};
    return (struct call){
        .name = "sendto",
        .comm = "evil\nname=\x1b[2J",
        .op = CALL_SEND,
        .pid = 71,
        .tid = 72,
        .fd = 5,
        .socket = 123456789,
        .family = CALL_INET,
        .type = CALL_STREAM,
        .local = {.family = 4, .bytes = {10, 77, 0, 1}},
        .local_port = 41992,
        .peer = {.family = 6, .bytes = {0xfd, 0x77, [15] = 2}},
        .peer_port = 2121,
        .enter_ns = 1795399000000000001,
        .exit_ns = 1795399000000123456,
        .asked = 38,
        .result = 38,
        .has_offset = true,
        .offset = 1ULL << 40,
        .ambiguous = true,
        .has_digest = true,
        .digest = UINT64_MAX,
        .flags = "MSG_NOSIGNAL",
        .note = "a note",
        .has_tcpi = true,
        .tcpi = {.unacked = 1,
                 .cwnd = 10,
                 .mss = 1448,
                 .rtt_us = 10250,
                 .rwnd = -1,
                 .inq = -1,
                 .outq = 0,
                 .notsent = 0,
                 .nodelay = 0,
                 .cork = 1},
        .data = bytes,
        .data_len = sizeof bytes,
    };
}

static void writes_and_reads_back(void **state)
{
    (void)state;
    struct call out = example(), in;
    struct buf fields = {0}, store = {0};
    struct sd_err err = {0};
    call_build(&fields, &out);
    assert_false(fields.failed);
    assert_int_equal(call_parse(&in, (const char *)fields.data, fields.len, &store, &err), 0);
    assert_string_equal(in.name, "sendto");
    assert_string_equal(in.comm, "evil\\nname=\\x1b[2J"); /* escaped for good: it reaches terminals */
    assert_int_equal(in.op, CALL_SEND);
    assert_int_equal(in.pid, 71);
    assert_int_equal(in.tid, 72);
    assert_int_equal(in.socket, 123456789);
    assert_int_equal(in.family, CALL_INET);
    assert_int_equal(in.type, CALL_STREAM);
    assert_true(packet_address_equal(&in.local, &out.local) && packet_address_equal(&in.peer, &out.peer));
    assert_int_equal(in.local_port, 41992);
    assert_int_equal(in.peer_port, 2121);
    assert_true(in.enter_ns == out.enter_ns && in.exit_ns == out.exit_ns);
    assert_true(in.has_offset && in.offset == out.offset);
    assert_true(in.ambiguous && in.has_digest && in.digest == UINT64_MAX);
    assert_string_equal(in.flags, "MSG_NOSIGNAL");
    assert_string_equal(in.note, "a note");
    assert_memory_equal(&in.tcpi, &out.tcpi, sizeof in.tcpi);
    assert_int_equal(in.data_len, 4);
    assert_memory_equal(in.data, out.data, 4);
    buf_free(&fields);
    buf_free(&store);
}

static void message_line(const struct call *call, const char *expected)
{
    struct buf line = {0};
    call_message(&line, call);
    assert_string_equal(buf_cstr(&line), expected);
    buf_free(&line);
}

static void says_it_in_one_line(void **state)
{
    (void)state;
    struct call call = example();
    call.peer = (struct packet_address){.family = 4, .bytes = {10, 77, 0, 2}};
    call.flags = NULL;
    call.offset = 0;
    message_line(&call, "sendto(5, 38 B) = 38  10.77.0.1:41992 > 10.77.0.2:2121 [0-38)");
    call.op = CALL_RECV;
    call.result = -ECONNRESET;
    message_line(&call, "sendto(5, 38 B) = -ECONNRESET  10.77.0.1:41992 < 10.77.0.2:2121");
    call = (struct call){.name = "socket", .fd = -1, .result = 3};
    message_line(&call, "socket() = 3");
    call.local = (struct packet_address){.family = 4}; /* not yet bound */
    message_line(&call, "socket() = 3");
    call.local_port = 80;
    message_line(&call, "socket() = 3  0.0.0.0:80");
}

/* Every prefix and every changed byte of a record: an answer, never a crash, and pointers only into `store`.
 */
static void survives_damage(void **state)
{
    (void)state;
    struct call out = example(), in;
    struct buf fields = {0}, store = {0};
    struct sd_err err = {0};
    call_build(&fields, &out);
    for (size_t len = 0; len <= fields.len; len++) {
        char *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut, fields.data, len);
        store.len = 0;
        int got = call_parse(&in, cut, len, &store, &err);
        assert_true(got == 0 || got == -ENOENT || got == -EBADMSG);
        free(cut);
    }
    for (size_t at = 0; at < fields.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            fields.data[at] ^= (uint8_t)(1 << bit);
            store.len = 0;
            int got = call_parse(&in, (const char *)fields.data, fields.len, &store, &err);
            assert_true(got == 0 || got == -ENOENT || got == -EBADMSG);
            fields.data[at] ^= (uint8_t)(1 << bit);
        }
    }
    buf_free(&fields);
    buf_free(&store);
}

static void refuses(const char *fields, int expected)
{
    struct call in;
    struct buf store = {0};
    struct sd_err err = {0};
    assert_int_equal(call_parse(&in, fields, strlen(fields), &store, &err), expected);
    buf_free(&store);
}

static void tells_foreign_and_wrong_records_apart(void **state)
{
    (void)state;
    refuses("", -ENOENT);
    refuses("MESSAGE=a line of another program\n_PID=1\n", -ENOENT);
    refuses("SOCKDIAG_CALL=re cv\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_DATA=\n", 0);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_RESULT=12x\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_OFFSET=18446744073709551616\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_KIND=inet\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_LOCAL=10.0.0.1:99999\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_DATA=0g\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_TCPI=cwnd=\n", -EBADMSG);
    refuses("SOCKDIAG_CALL=recv\nSOCKDIAG_TCPI=later=5 cwnd=10\nSOCKDIAG_LATER=x\n", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_back),
        cmocka_unit_test(says_it_in_one_line),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(tells_foreign_and_wrong_records_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
