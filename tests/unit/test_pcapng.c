/* needs: tests/unit/read_all.c tests/unit/piecemeal.c capture/pcapng.c capture/pcapng_input.c
 * capture/pcapng_classic.c capture/pcapng_build.c src/base/buf.c src/base/err.c src/base/io.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "capture/pcapng.h"
#include "tests/unit/read_all.h"

/* A descriptor of a file with these bytes. */
static void build_sample(struct buf *b)
{
    pcapng_build_section(b, "test", "framing=naive");
    pcapng_build_interface(b, "e0", 1, 65535);
    pcapng_build_packet(b, 0, 1700000000123456789U, "abcde", 5, 60, "delayed 5 ms");
    pcapng_build_journal(b, "MESSAGE=x\nA=1\n", 14);
    pcapng_build_packet(b, 0, 1700000000123456790U, "", 0, 0, NULL);
    pcapng_build_stats(b, 0, 1700000001000000000U, 7, 2);
    assert_false(b->failed);
}

static void what_is_built_is_read(void **state)
{
    (void)state;
    struct buf b = {0};
    build_sample(&b);
    int fd = file_of(b.data, b.len);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_string_equal(pcapng_reader_comment(reader), "framing=naive");
    assert_string_equal(pcapng_reader_interface(reader, 0)->name, "e0");
    assert_null(pcapng_reader_interface(reader, 1));
    assert_int_equal(r.kind, CAPTURE_PACKET);
    assert_int_equal(r.packet.number, 1);
    assert_true(r.packet.time_ns == 1700000000123456789U);
    assert_int_equal(r.packet.captured_len, 5);
    assert_int_equal(r.packet.wire_len, 60);
    assert_int_equal(r.packet.linktype, 1);
    assert_memory_equal(r.packet.data, "abcde", 5);
    assert_int_equal(r.packet.comment_len, 12);
    assert_memory_equal(r.packet.comment, "delayed 5 ms", 12);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.kind, CAPTURE_JOURNAL);
    assert_int_equal(r.journal_len, 14);
    assert_memory_equal(r.journal, "MESSAGE=x\nA=1\n", 14);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.packet.number, 2);
    assert_int_equal(r.packet.captured_len, 0);
    assert_null(r.packet.comment);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.kind, CAPTURE_STATS);
    assert_int_equal(r.received, 7);
    assert_int_equal(r.dropped, 2);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    buf_free(&b);
}

/* Where blocks end, from the lengths in the file. */
static bool is_boundary(const struct buf *b, size_t at)
{
    size_t end = 0;
    while (end < at && end + 8 <= b->len) {
        uint32_t total;
        memcpy(&total, b->data + end + 4, 4);
        end += total;
    }
    return end == at;
}

static void every_prefix(void **state)
{
    (void)state;
    struct buf b = {0};
    build_sample(&b);
    for (size_t len = 0; len <= b.len; len++) {
        struct seen seen = read_all(b.data, len);
        if (len < 4) {
            assert_int_equal(seen.opened, -EINVAL);
        } else {
            assert_int_equal(seen.opened, 0);
            assert_int_equal(seen.last, is_boundary(&b, len) ? 0 : -EBADMSG);
        }
        if (seen.last == -EBADMSG)
            assert_non_null(strstr(seen.err.text, "cut short at byte"));
    }
    struct seen whole = read_all(b.data, b.len);
    assert_int_equal(whole.packets, 2);
    assert_int_equal(whole.journals, 1);
    assert_int_equal(whole.stats, 1);
    struct seen cut = read_all(b.data, b.len - 1);
    assert_int_equal(cut.packets, 2);
    assert_int_equal(cut.stats, 0);
    buf_free(&b);
}

/* Whatever byte is wrong: no crash, no pointer to elsewhere, never more records than there are. */
static void every_flipped_byte(void **state)
{
    (void)state;
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct buf b = {0};
    build_sample(&b);
    for (size_t at = 0; at < b.len; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            b.data[at] ^= masks[m];
            struct seen seen = read_all(b.data, b.len);
            assert_true(seen.opened == 0 || seen.opened == -EINVAL);
            assert_true(seen.last == 0 || seen.last == -EBADMSG);
            assert_true(seen.packets + seen.journals + seen.stats <= 4);
            assert_true(seen.last == 0 || seen.err.text[0] != '\0');
            b.data[at] ^= masks[m];
        }
    }
    buf_free(&b);
}

/* ---- other byte order, resolutions, sections, kinds of blocks: built by hand, big-endian ---- */

static void be16(struct buf *b, uint16_t v)
{
    uint8_t raw[2];
    store_be16(raw, v);
    buf_append(b, raw, 2);
}

static void be32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];
    store_be32(raw, v);
    buf_append(b, raw, 4);
}

static void be_block(struct buf *out, uint32_t type, const struct buf *body)
{
    be32(out, type);
    be32(out, (uint32_t)body->len + 12);
    buf_append(out, body->data, body->len);
    be32(out, (uint32_t)body->len + 12);
}

static void be_section(struct buf *out)
{
    struct buf body = {0};
    be32(&body, 0x1a2b3c4d);
    be16(&body, 1);
    be16(&body, 0);
    be32(&body, UINT32_MAX);
    be32(&body, UINT32_MAX);
    be_block(out, 0x0a0d0d0a, &body);
    buf_free(&body);
}

static void be_interface(struct buf *out, uint16_t linktype, uint8_t tsresol, int64_t offset)
{
    struct buf body = {0};
    be16(&body, linktype);
    be16(&body, 0);
    be32(&body, 4); /* snaplen */
    be16(&body, 9);
    be16(&body, 1);
    buf_char(&body, (char)tsresol);
    buf_zeros(&body, 3);
    be16(&body, 14);
    be16(&body, 8);
    be32(&body, (uint32_t)((uint64_t)offset >> 32));
    be32(&body, (uint32_t)offset);
    be_block(out, 1, &body);
    buf_free(&body);
}

static void be_packet(struct buf *out, uint32_t interface, uint64_t units)
{
    struct buf body = {0};
    be32(&body, interface);
    be32(&body, (uint32_t)(units >> 32));
    be32(&body, (uint32_t)units);
    be32(&body, 3);
    be32(&body, 9);
    buf_append(&body, "xyz", 4);
    be_block(out, 6, &body);
    buf_free(&body);
}

static uint64_t time_of(uint8_t tsresol, int64_t offset, uint64_t units)
{
    struct buf b = {0};
    be_section(&b);
    be_interface(&b, 1, tsresol, offset);
    be_packet(&b, 0, units);
    int fd = file_of(b.data, b.len);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    uint64_t ns = r.packet.time_ns;
    pcapng_reader_close(reader);
    close(fd);
    buf_free(&b);
    return ns;
}

static void resolutions(void **state)
{
    (void)state;
    assert_true(time_of(6, 0, 1700000000123456U) == 1700000000123456000U);
    assert_true(time_of(9, 0, 1700000000123456789U) == 1700000000123456789U);
    assert_true(time_of(0, 0, 1700000000U) == 1700000000000000000U);
    assert_true(time_of(12, 0, 5999U) == 5);
    assert_true(time_of(0x80 | 1, 0, 3) == 1500000000U);
    assert_true(time_of(0x80 | 10, 0, 1024 + 512) == 1500000000U);
    assert_true(time_of(0x80 | 127, 0, UINT64_MAX) == 0);
    assert_true(time_of(0x80, 0, 2) == 2000000000U);
    assert_true(time_of(127, 0, UINT64_MAX) == 0);
    assert_true(time_of(9, 10, 5) == 10000000005U);
    assert_true(time_of(9, -1, 1000000007U) == 7);
    assert_true(time_of(9, -5, 7) == 0);
    assert_true(time_of(0, 0, UINT64_MAX) == UINT64_MAX);
    assert_true(time_of(9, INT64_MAX, 0) == UINT64_MAX);
    assert_true(time_of(9, INT64_MIN, 0) == 0);
}

/* Two sections, one in each byte order, interfaces of different link types, unknown blocks between. */
static void sections(void **state)
{
    (void)state;
    struct buf b = {0}, unknown = {0}, simple = {0}, old = {0};
    buf_append(&unknown, "12345678", 8);
    pcapng_build_section(&b, "test", NULL);
    pcapng_build_interface(&b, "a", 1, 0);
    pcapng_build_packet(&b, 0, 1, "a", 1, 1, NULL);
    be_section(&b);
    be_interface(&b, 101, 9, 0);
    be_interface(&b, 113, 9, 0);
    be_block(&b, 0x0bad, &unknown);
    be_packet(&b, 1, 42);
    be32(&simple, 9); /* 9 bytes on the wire, snaplen 4 */
    buf_append(&simple, "simp", 4);
    be_block(&b, 3, &simple);
    be16(&old, 1); /* the obsolete packet block: interface, drops */
    be16(&old, 0);
    be32(&old, 0);
    be32(&old, 77);
    be32(&old, 2);
    be32(&old, 2);
    buf_append(&old, "ol\0\0", 4);
    be_block(&b, 2, &old);

    int fd = file_of(b.data, b.len);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.packet.linktype, 1);
    assert_null(pcapng_reader_comment(reader));
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.packet.linktype, 113);
    assert_int_equal(r.packet.interface, 2);
    assert_int_equal(r.packet.time_ns, 42);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.packet.linktype, 101);
    assert_int_equal(r.packet.captured_len, 4);
    assert_int_equal(r.packet.wire_len, 9);
    assert_memory_equal(r.packet.data, "simp", 4);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(r.packet.interface, 2);
    assert_int_equal(r.packet.time_ns, 77);
    assert_memory_equal(r.packet.data, "ol", 2);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    buf_free(&b);
    buf_free(&unknown);
    buf_free(&simple);
    buf_free(&old);
}

static void damage_is_named(void **state)
{
    (void)state;
    struct buf b = {0};
    pcapng_build_section(&b, "test", NULL);
    pcapng_build_packet(&b, 0, 1, "a", 1, 1, NULL);
    struct seen seen = read_all(b.data, b.len);
    assert_int_equal(seen.last, -EBADMSG);
    assert_non_null(strstr(seen.err.text, "interface 0, which was not described"));
    b.len = 0;
    pcapng_build_section(&b, "test", NULL);
    const size_t start = b.len;
    pcapng_build_interface(&b, "a", 1, 0);
    uint32_t huge = PCAPNG_MAX_BLOCK + 4;
    memcpy(b.data + start + 4, &huge, 4);
    seen = read_all(b.data, b.len);
    assert_int_equal(seen.last, -EBADMSG);
    assert_non_null(strstr(seen.err.text, "the limit is"));
    buf_free(&b);
}

static void no_capture_files(void **state)
{
    (void)state;
    struct seen seen = read_all("", 0);
    assert_int_equal(seen.opened, -EINVAL);
    assert_string_equal(seen.err.text, "f: is empty");
    seen = read_all("\x7f\x45LF\1\2", 6);
    assert_int_equal(seen.opened, -EINVAL);
    assert_non_null(strstr(seen.err.text, "begins with 7f 45 4c 46 01 02"));
    static const struct {
        const char *name, *begins;
        size_t len;
    } packed[] = {
        {"gzip", "\x1f\x8b\x08\x00", 4},
        {"zstd", "\x28\xb5\x2f\xfd", 4},
        {"xz", "\xfd\x37\x7a\x58\x5a\x00", 6},
        {"lz4", "\x04\x22\x4d\x18", 4},
    };
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
        char text[80];
        snprintf(text, sizeof text, "f: is compressed by %s; unpack it first", packed[i].name);
        seen = read_all(packed[i].begins, packed[i].len);
        assert_string_equal(seen.err.text, text);
        seen = read_all(packed[i].begins, 1);
        assert_non_null(strstr(seen.err.text, "is no capture file"));
    }
    seen = read_all("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00nope", 12);
    assert_int_equal(seen.opened, -EINVAL);
}

/* A pipe that gives one byte at a time, and a stop descriptor. */
static void pipes(void **state)
{
    (void)state;
    int ends[2], stop[2];
    struct buf b = {0};
    build_sample(&b);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(stop), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < b.len; i++) {
            if (io_write_all(ends[1], b.data + i, 1) != 0)
                _exit(1);
        }
        for (;;) /* the pipe stays open */
            pause();
    }
    close(ends[1]);
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(
        pcapng_reader_open_wait(&reader, ends[0], &(struct pcapng_wait){.stop_fd = stop[0]}, "f", NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(io_write_all(stop[1], "s", 1), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), -EINTR);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    kill(child, SIGKILL);
    close(ends[0]);
    close(stop[0]);
    close(stop[1]);
    buf_free(&b);
}

static bool count_waits(void *context)
{
    int *waits = context;
    return ++*waits < 3;
}

/* Before each wait for a pipe that has nothing, what was read can be let out, or the reading ended. */
static void told_before_it_waits(void **state)
{
    (void)state;
    int ends[2], waits = 0;
    struct buf b = {0};
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    pcapng_build_section(&b, "test", NULL);
    pcapng_build_interface(&b, "i", 101, 0);
    pcapng_build_packet(&b, 0, 1, "abcd", 4, 4, NULL);
    assert_int_equal(io_write_all(ends[1], b.data, b.len), 0);
    const struct pcapng_wait wait = {.stop_fd = -1, .before = count_waits, .context = &waits};
    assert_int_equal(pcapng_reader_open_wait(&reader, ends[0], &wait, "f", NULL), 0);
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), 1);
    assert_int_equal(waits, 0);
    waits = 2;
    assert_int_equal(pcapng_reader_next(reader, &r, NULL), -EINTR);
    assert_int_equal(waits, 3);
    pcapng_reader_close(reader);
    close(ends[0]);
    close(ends[1]);
    buf_free(&b);
}

/* Many packets of many lengths, more than the reader's buffer holds: each but the first ones of a buffer
 * stands in memory before it is asked for. */
static void in_memory(void **state)
{
    (void)state;
    static const uint8_t data[3000] = {1, 2, 3};
    for (int format = 0; format < 2; format++) {
        struct buf b = {0};
        if (format == 0) {
            pcap_build_header(&b, 1, 65535);
        } else {
            pcapng_build_section(&b, "test", NULL);
            pcapng_build_interface(&b, "e0", 1, 65535);
        }
        for (uint32_t i = 0; i < 1000; i++) {
            const uint32_t len = i * 7919 % 3000;
            if (format == 0)
                pcap_build_packet(&b, i, data, len, len);
            else
                pcapng_build_packet(&b, 0, i, data, len, len, i % 10 == 0 ? "comment" : NULL);
        }
        assert_int_equal(read_all(b.data, b.len).packets, 1000);
        int fd = file_of(b.data, b.len);
        struct pcapng_reader *reader = NULL;
        struct capture_record r;
        unsigned told = 0;
        assert_int_equal(pcapng_reader_open(&reader, fd, "f", NULL), 0);
        while (pcapng_reader_next(reader, &r, NULL) > 0)
            told += pcapng_reader_has_next(reader);
        assert_in_range(told, 950, 1000);
        pcapng_reader_close(reader);
        close(fd);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_is_read),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_flipped_byte),
        cmocka_unit_test(resolutions),
        cmocka_unit_test(sections),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(no_capture_files),
        cmocka_unit_test(pipes),
        cmocka_unit_test(told_before_it_waits),
        cmocka_unit_test(in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
