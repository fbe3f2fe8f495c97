/* needs: capture/batch.c capture/source.c capture/pcapng.c capture/pcapng_input.c capture/pcapng_classic.c
 * capture/pcapng_build.c capture/engine.c capture/conversation.c capture/flow.c capture/flow_entry.c
 * capture/flow_gone.c capture/flow_pool.c src/base/pages.c capture/flow_index.c capture/flow_judge.c
 * capture/packet_copy.c capture/tuple.c capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c
 * capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c capture/defrag.c capture/packet.c
 * capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c capture/decode_ppp.c
 * capture/decode_transport.c capture/decode_tunnel.c capture/decode_udp.c capture/decode_wlan.c
 * src/base/buf.c src/base/err.c src/base/hash.c src/base/io.c src/base/missing.c tests/unit/frames.c
 * tests/unit/read_all.c tests/unit/piecemeal.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "capture/batch.h"
#include "capture/pcapng.h"
#include "tests/unit/frames.h"
#include "tests/unit/read_all.h"

enum {
    PACKETS = 5000,
    PORTS = 100, /* connections */
    PARTS = 3,
};

struct tally {
    uint64_t packets, streams, others;
};

static void count_segment(void *context, struct flow_stream *stream, enum flow_side from,
                          const struct tcp_segment *segment)
{
    (void)stream;
    (void)from;
    (void)segment;
    ((struct tally *)context)->packets++;
}

static void count_stream(void *context, struct flow_stream *stream)
{
    (void)stream;
    ((struct tally *)context)->streams++;
}

static void count_other(void *context, const struct capture_record *record)
{
    assert_int_not_equal(record->kind, CAPTURE_PACKET);
    ((struct tally *)context)->others++;
}

/* The frame in VXLAN. Whose it is does not follow from the outer ports. */
static void wrap(struct buf *out, uint16_t port, const struct buf *frame)
{
    enum {
        UDP_LEN = 8,
        VXLAN_LEN = 8,
    };
    const uint16_t udp = (uint16_t)(UDP_LEN + VXLAN_LEN + frame->len), ip = (uint16_t)(20 + udp);
    const uint8_t head[] = {2,
                            0,
                            0,
                            0,
                            0,
                            2,
                            2,
                            0,
                            0,
                            0,
                            0,
                            1,
                            8,
                            0,
                            0x45,
                            0,
                            (uint8_t)(ip >> 8),
                            (uint8_t)ip,
                            0,
                            0,
                            0,
                            0,
                            64,
                            17,
                            0,
                            0,
                            10,
                            9,
                            0,
                            1,
                            10,
                            9,
                            0,
                            2,
                            (uint8_t)(port >> 8),
                            (uint8_t)port,
                            4789 >> 8,
                            4789 & 0xff,
                            (uint8_t)(udp >> 8),
                            (uint8_t)udp,
                            0,
                            0,
                            8,
                            0,
                            0,
                            0,
                            0,
                            0,
                            7,
                            0};
    buf_append(out, head, sizeof head);
    buf_append(out, frame->data, frame->len);
}

/* RSTs of many connections, by turns, some within a tunnel, with a journal and statistics between them. */
static int file_of_packets(void)
{
    struct buf file = {0}, frame = {0}, wrapped = {0};
    pcapng_build_section(&file, "test", NULL);
    pcapng_build_interface(&file, "e0", 1, 65535);
    for (unsigned i = 0; i < PACKETS; i++) {
        const struct frame_spec spec = {
            .source_port = (uint16_t)(1000 + i % PORTS), .target_port = 80, .flags = TCP_RST, .payload = "x"};
        frame.len = wrapped.len = 0;
        frame_tcp(&frame, &spec);
        wrap(&wrapped, (uint16_t)(2000 + i), &frame);
        const struct buf *packet = i % PORTS < 10 ? &wrapped : &frame;
        pcapng_build_packet(&file, 0, 1000 * (i + UINT64_C(1)), packet->data, (uint32_t)packet->len,
                            (uint32_t)packet->len, i % 7 == 0 ? "a comment" : NULL);
        if (i % 1000 == 999) {
            pcapng_build_journal(&file, "MESSAGE=x\n", 10);
            pcapng_build_stats(&file, 0, 0, 1, 0);
        }
    }
    const int fd = file_of(file.data, file.len);
    buf_free(&file);
    buf_free(&frame);
    buf_free(&wrapped);
    return fd;
}

/* Read the file for one part. */
static struct engine_counts run(int fd, const struct engine_shard *shard, struct tally *seen)
{
    struct batch batch = {0};
    struct batch_parts parts;
    const struct flow_observer observer = {seen, NULL, count_segment, count_stream, NULL};
    const struct engine_config config = {.streams = &observer, .max_memory = 64 << 20, .shard = *shard};
    const struct batch_others others = {seen, count_other};
    struct source *source = NULL;
    struct engine *engine = engine_new(&config);
    struct capture_record record;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(source_open_fd(&source, fd, "f", NULL, NULL), 0);
    batch_parts_init(&parts, shard, 1);
    while (source_next(source, &record, NULL) > 0) {
        assert_int_equal(batch_sweep(&batch, &parts, source, &record, &others, NULL), 0);
        assert_in_range(batch.count, 0, BATCH_PACKETS);
        assert_int_equal(batch_feed(&batch, 0, engine), 0);
        assert_int_equal(engine_counts(engine).packets, parts.packets);
    }
    assert_int_equal(parts.first_ns, 1000);
    assert_int_equal(parts.now_ns, 1000 * parts.packets);
    engine_finish_streams(engine);
    const struct engine_counts counts = engine_counts(engine);
    batch_free(&batch);
    engine_free(engine);
    source_close(source);
    return counts;
}

static void the_parts_are_the_whole(void **state)
{
    (void)state;
    const int fd = file_of_packets();
    const struct engine_shard whole = {0, 1, {1, 2}};
    struct tally all = {0}, sum = {0};
    assert_int_equal(run(fd, &whole, &all).elsewhere, 0);
    assert_true(all.packets == PACKETS && all.streams == PORTS && all.others == 2 * PACKETS / 1000);
    for (unsigned i = 0; i < PARTS; i++) {
        const struct engine_shard part = {i, PARTS, {1, 2}};
        struct tally seen = {0};
        const struct engine_counts counts = run(fd, &part, &seen);
        assert_int_equal(counts.packets, PACKETS);
        assert_int_equal(counts.elsewhere, PACKETS - seen.packets);
        assert_int_equal(seen.others, all.others);
        assert_true(seen.streams > 0 && seen.streams < PORTS);
        sum.packets += seen.packets;
        sum.streams += seen.streams;
    }
    assert_true(sum.packets == all.packets && sum.streams == all.streams);
    close(fd);
}

/* Several engines from one batch, which holds a whole file: those of a shard, or of all there is. */
static void one_batch_for_all(void **state)
{
    (void)state;
    static const struct engine_shard firsts[] = {{0, PARTS, {1, 2}}, {PARTS, 2 * PARTS, {3, 4}}};
    const int fd = file_of_packets();
    for (size_t shard = 0; shard < sizeof firsts / sizeof firsts[0]; shard++) {
        struct batch batch = {0};
        struct batch_parts parts;
        struct tally others_seen = {0}, sum = {0};
        const struct batch_others others = {&others_seen, count_other};
        struct source *source = NULL;
        struct capture_record record;
        struct buf bytes = {0}; /* of all packets: they must stay */
        assert_true(buf_reserve(&bytes, 1 << 20));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(source_open_fd(&source, fd, "f", NULL, NULL), 0);
        batch_parts_init(&parts, &firsts[shard], PARTS);
        while (source_next(source, &record, NULL) > 0) {
            const uint8_t *data = record.packet.data;
            record.packet.data = bytes.data + bytes.len;
            buf_append(&bytes, data, record.packet.captured_len);
            assert_in_range(bytes.len, 0, 1 << 20);
            assert_int_equal(batch_take(&batch, &parts, &record, &others), 0);
        }
        assert_int_equal(batch.count, PACKETS);
        assert_int_equal(others_seen.others, 2 * PACKETS / 1000);
        for (unsigned i = 0; i < PARTS; i++) {
            struct tally one = {0}, same = {0};
            struct engine_shard part = firsts[shard];
            part.index += i;
            const struct flow_observer observer = {&one, NULL, count_segment, count_stream, NULL};
            const struct engine_config config = {.streams = &observer, .max_memory = 64 << 20, .shard = part};
            struct engine *engine = engine_new(&config);
            assert_int_equal(batch_feed(&batch, i, engine), 0);
            engine_finish_streams(engine);
            assert_int_equal(engine_counts(engine).packets, PACKETS);
            const struct engine_counts counts = run(fd, &part, &same);
            assert_int_equal(engine_counts(engine).elsewhere, counts.elsewhere);
            assert_true(one.packets == same.packets && one.streams == same.streams && one.packets > 0);
            engine_free(engine);
            sum.packets += one.packets;
        }
        assert_true(shard == 0 ? sum.packets == PACKETS : sum.packets < PACKETS);
        batch_free(&batch);
        source_close(source);
        buf_free(&bytes);
    }
    close(fd);
}

/* A part of a part is that part's. */
static void parts_of_parts(void **state)
{
    (void)state;
    for (uint64_t hash = 0; hash < UINT32_MAX; hash += 1234577) {
        const unsigned whole = engine_part(hash << 32 | hash, 5), finer = engine_part(hash, 5 * 4);
        assert_true(whole < 5 && finer / 4 == whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_the_whole),
        cmocka_unit_test(one_batch_for_all),
        cmocka_unit_test(parts_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
