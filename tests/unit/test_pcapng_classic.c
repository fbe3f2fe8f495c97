/* needs: tests/unit/read_all.c tests/unit/piecemeal.c capture/pcapng.c capture/pcapng_input.c
 * capture/pcapng_classic.c capture/pcapng_build.c src/base/buf.c src/base/err.c src/base/io.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "capture/pcapng.h"
#include "tests/unit/read_all.h"

static void be32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];
    store_be32(raw, v);
    buf_append(b, raw, 4);
}

/* ---- classic pcap ---- */

static void le32(struct buf *b, uint32_t value)
{
    const uint8_t raw[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                            (uint8_t)(value >> 24)};
    buf_append(b, raw, sizeof raw);
}

static void check_classic(bool big, uint32_t magic, size_t extra, uint64_t ns)
{
    struct buf b = {0};
    const uint32_t words[] = {magic, 0, 0, 0, 65535, 0x14000001, /* record: */ 100, 7, 3, 60};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        (big ? be32 : le32)(&b, words[i]);
    buf_zeros(&b, extra);
    buf_append(&b, "abc", 3);
    int fd = file_of(b.data, b.len);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_true(r.packet.time_ns == 100000000000U + ns);
    assert_int_equal(r.packet.linktype, 1);
    assert_int_equal(r.packet.wire_len, 60);
    assert_memory_equal(r.packet.data, "abc", 3);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    for (size_t len = 0; len < b.len; len++) {
        struct seen seen = read_all(b.data, len);
        assert_int_equal(seen.opened, len < 24 ? -EINVAL : 0);
        assert_int_equal(seen.packets, 0);
        assert_int_equal(seen.last, len > 24 ? -EBADMSG : 0);
    }
    buf_free(&b);
}

static void classic(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        check_classic(big, 0xa1b2c3d4, 0, 7000);
        check_classic(big, 0xa1b23c4d, 0, 7);
        check_classic(big, 0xa1b2cd34, 8, 7000);
    }
    struct buf b = {0};
    pcap_build_header(&b, 12, 65535);
    pcap_build_packet(&b, 1700000000123456789U, "abcd", 4, 90);
    assert_int_equal(load_le32(b.data + 20), 101); /* DLT_RAW has another number in files */
    struct seen seen = read_all(b.data, b.len);
    assert_int_equal(seen.packets, 1);
    assert_int_equal(seen.last, 0);
    buf_free(&b);
}

/* Before version 2.3 the length on the wire stood first; of 2.3 there are files of both kinds, and 543.0 is
 * what DG/UX wrote. */
static void old_versions(void **state)
{
    (void)state;
    static const struct {
        uint16_t major, minor;
        uint32_t first, second; /* lengths */
    } rows[] = {
        {2, 2, 60, 3}, {2, 0, 60, 3}, {2, 3, 60, 3}, {2, 3, 3, 60}, {543, 0, 60, 3}, {2, 4, 3, 60},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const bool big = i % 2 == 0;
        const uint32_t major = rows[i / 2].major, minor = rows[i / 2].minor;
        const uint32_t words[] = {0xa1b2c3d4,
                                  big ? major << 16 | minor : minor << 16 | major,
                                  0,
                                  0,
                                  65535,
                                  1,
                                  100,
                                  7,
                                  rows[i / 2].first,
                                  rows[i / 2].second};
        struct buf b = {0};
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            (big ? be32 : le32)(&b, words[j]);
        buf_append(&b, "abc", 3);
        int fd = file_of(b.data, b.len);
        struct pcapng_reader *reader = NULL;
        struct capture_record r;
        assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
        assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
        assert_int_equal(r.packet.captured_len, 3);
        assert_int_equal(r.packet.wire_len, 60);
        assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
        pcapng_reader_close(reader);
        close(fd);
        buf_free(&b);
    }
}

/* ---- snoop ---- */

static void build_snoop(struct buf *b, uint32_t datalink, uint32_t record)
{
    const uint32_t words[] = {2, datalink, /* record: */ 60, 3, record, 0, 100, 7};
    buf_append(b, "snoop\0\0", 8);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        be32(b, words[i]);
    buf_append(b, "abc\0", 4);
}

static void snoop(void **state)
{
    (void)state;
    struct buf b = {0};
    build_snoop(&b, 4, 28);
    int fd = file_of(b.data, b.len);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_true(r.packet.time_ns == 100000007000U);
    assert_int_equal(r.packet.linktype, 1);
    assert_int_equal(r.packet.captured_len, 3);
    assert_int_equal(r.packet.wire_len, 60);
    assert_memory_equal(r.packet.data, "abc", 3);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    for (size_t len = 0; len < b.len; len++) {
        struct seen seen = read_all(b.data, len);
        assert_int_equal(seen.opened, len < 16 ? -EINVAL : 0);
        assert_int_equal(seen.packets, 0);
        assert_int_equal(seen.last, len > 16 ? -EBADMSG : 0);
    }
    static const uint32_t wrong[] = {0, 24, 26, 0x7fffffff,
                                     UINT32_MAX}; /* shorter than what it holds, or too long */
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        b.len = 0;
        build_snoop(&b, 4, wrong[i]);
        assert_int_equal(read_all(b.data, b.len).last, -EBADMSG);
    }
    b.len = 0;
    build_snoop(&b, 77, 28);
    struct seen seen = read_all(b.data, b.len);
    assert_int_equal(seen.opened, -EINVAL);
    assert_non_null(strstr(seen.err.text, "77"));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic),
        cmocka_unit_test(old_versions),
        cmocka_unit_test(snoop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
