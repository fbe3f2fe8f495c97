/* needs: capture/call.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c capture/defrag.c capture/flow.c capture/flow_entry.c
 * capture/flow_gone.c capture/flow_index.c capture/flow_pool.c src/base/pages.c capture/flow_judge.c
 * capture/tuple.c capture/framing.c capture/journal.c capture/packet.c capture/packet_copy.c capture/pcapng.c
 * capture/pcapng_build.c capture/pcapng_classic.c capture/pcapng_input.c capture/source.c src/base/missing.c
 * capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c
 * capture/tcp_rtt.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c src/base/io.c
 * src/base/json.c src/base/text.c src/lanes/datagrams.c src/lanes/datagrams_join.c src/lanes/findings.c
 * src/lanes/findings_framing.c src/lanes/findings_reader.c src/lanes/findings_repeats.c
 * src/lanes/findings_wire.c src/lanes/join.c src/lanes/lanes.c src/lanes/match.c src/lanes/messages.c
 * src/lanes/order.c src/lanes/sockets.c src/lanes/spans.c src/lanes/streams.c src/lanes/wire.c
 * src/lanes/words.c src/view/columns.c src/view/datagrams.c src/view/draw.c src/view/json.c src/view/layout.c
 * src/view/layout_cells.c src/view/picture.c src/view/prose.c src/view/table.c src/view/text.c
 * src/view/view.c */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <unistr.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "capture/pcapng.h"
#include "view/view.h"

/* The whole way from a capture file to what is printed of it. The input is a byte that names the framing,
 * then records: a kind, two bytes of length, so many bytes. They are packed into a good file (the file's own
 * format is another target's matter), so that what is varied is packets, call records and fates. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KIND_JOURNAL = 1,
    KIND_DROPPED = 2,
    KIND_ETHERNET = 4,
    KIND_CLOCK = 0xf0, /* milliseconds since the record before */
};

static void pack(struct buf *file, const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), record;
    uint64_t time_ns = NS_PER_S;
    uint8_t kind;
    uint16_t len;
    pcapng_build_section(file, "fuzz", NULL);
    pcapng_build_interface(file, "raw", 101, 0);
    pcapng_build_interface(file, "ethernet", 1, 0);
    while (bytes_u8(&rest, &kind) && bytes_be16(&rest, &len)) {
        const size_t take = len < rest.left ? len : rest.left;
        if (!bytes_sub(&rest, take, &record))
            abort();
        time_ns += (kind & KIND_CLOCK) * (NS_PER_MS / 16);
        if (kind & KIND_JOURNAL)
            pcapng_build_journal(file, (const char *)record.at, record.left);
        else
            pcapng_build_packet(file, (kind & KIND_ETHERNET) != 0, time_ns, record.at, (uint32_t)record.left,
                                (uint32_t)record.left, (kind & KIND_DROPPED) != 0 ? "dropped" : NULL);
    }
}

/* Nothing but text: valid UTF-8 and no control character but the line's end. */
static void check_text(const struct buf *out)
{
    if (u8_check(out->data, out->len) != NULL)
        abort();
    for (size_t i = 0; i < out->len; i++) {
        if ((out->data[i] < 0x20 && out->data[i] != '\n') || out->data[i] == 0x7f)
            abort();
    }
}

/* Each line is one object, and its first key is "type". */
static void check_json(const struct buf *out)
{
    for (size_t at = 0; at < out->len;) {
        const uint8_t *line = out->data + at;
        const uint8_t *end = memchr(line, '\n', out->len - at);
        json_error_t error;
        if (end == NULL || end - line < 8 || memcmp(line, "{\"type\":", 8) != 0)
            abort();
        json_t *object = json_loadb((const char *)line, (size_t)(end - line),
                                    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (object == NULL)
            abort();
        json_decref(object);
        at += (size_t)(end - line) + 1;
    }
}

/* In every direction, calls and the wire's first carriers stand side by side on the axis. */
static void check_lanes(const struct lanes_stream *stream)
{
    for (int side = 0; side < 2; side++) {
        const struct lanes_direction *d = &stream->direction[side];
        for (int lane = 0; lane < LANES_LANE_COUNT; lane++) {
            const size_t count = lane == LANES_WIRE ? d->unique : d->lane[lane].count;
            uint64_t at = 0;
            for (size_t i = 0; i < count; i++) {
                const struct lanes_span *span = &d->lane[lane].at[i];
                if (span->offset < at || span->length == 0)
                    abort();
                at = span->offset + span->length;
            }
            if (lane != LANES_MESSAGE && at > lanes_axis_end(d))
                abort();
        }
    }
}

static void render_all(const struct lanes *lanes)
{
    const struct view_style styles[] = {{.columns = 40, .verbose = true}, {.columns = 132, .ascii = true}};
    struct buf out = {0};
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        view_render(&view_text, lanes, &styles[i], &out);
        view_table(&out, lanes, &styles[i], "file");
    }
    if (out.failed)
        abort();
    check_text(&out);
    out.len = 0;
    view_render(&view_json, lanes, &styles[0], &out);
    check_text(&out);
    check_json(&out);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = {0};
    struct source *source = NULL;
    struct lanes *lanes = NULL;
    struct sd_err err = {0};
    if (size == 0)
        return 0;
    const struct lanes_options options = {.framing = data[0] < FRAMING_COUNT ? &framings[data[0]] : NULL};
    pack(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (file.failed || fd < 0 || io_write_all(fd, file.data, file.len) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
        source_open_fd(&source, fd, "fuzz", NULL, &err) != 0 ||
        lanes_read(&lanes, source, &options, &err) != 0)
        abort();
    for (size_t i = 0; i < lanes->stream_count; i++)
        check_lanes(lanes->streams[i]);
    render_all(lanes);
    lanes_free(lanes);
    source_close(source);
    io_close(&fd);
    buf_free(&file);
    return 0;
}
