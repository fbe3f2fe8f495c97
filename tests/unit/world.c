#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "capture/pcapng.h"

void begin(struct world *w, const char *comment)
{
    *w = (struct world){.client_port = 40000, .isn = {0xfffffff0U, 5000}}; /* the client's numbers wrap */
    pcapng_build_section(&w->file, "test", comment);
    pcapng_build_interface(&w->file, "lo", LINKTYPE_RAW, 65535);
}

static uint32_t add_words(const uint8_t *data, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* One TCP segment. `from` 0: the client. `offset`: of its first byte on the axis. */
void segment(struct world *w, int from, unsigned ms, uint8_t flags, uint64_t offset, const void *data,
             size_t len, const char *comment)
{
    uint8_t p[2048] = {0x45};
    const bool syn = (flags & TCP_SYN) != 0;
    const size_t header = syn ? 24 : 20, total = 20 + header + len;
    assert_true(total <= sizeof p);
    store_be16(p + 2, (uint16_t)total);
    p[8] = 64;
    p[9] = 6;
    store_be32(p + 12, from == 0 ? CLIENT : SERVER);
    store_be32(p + 16, from == 0 ? SERVER : CLIENT);
    store_be16(p + 10, fold(add_words(p, 20, 0)));
    uint8_t *t = p + 20;
    store_be16(t, from == 0 ? w->client_port : 2121);
    store_be16(t + 2, from == 0 ? 2121 : w->client_port);
    store_be32(t + 4, w->isn[from] + (syn ? 0 : 1 + (uint32_t)offset));
    store_be32(t + 8, (flags & TCP_ACK) != 0 ? w->isn[1 - from] + 1 : 0);
    t[12] = (uint8_t)(header / 4 << 4);
    t[13] = flags;
    store_be16(t + 14, 65535);
    if (syn)
        memcpy(t + 20, "\x02\x04\x05\xb4", 4); /* MSS 1460 */
    if (len > 0)
        memcpy(t + header, data, len);
    uint32_t pseudo = add_words(p + 12, 8, 6 + (uint32_t)(header + len));
    store_be16(t + 16, fold(add_words(t, header + len, pseudo)));
    pcapng_build_packet(&w->file, 0, T0 + ms * MS, p, (uint32_t)total, (uint32_t)total, comment);
}

void handshake(struct world *w, unsigned ms)
{
    segment(w, 0, ms, TCP_SYN, 0, NULL, 0, NULL);
    segment(w, 1, ms, TCP_SYN | TCP_ACK, 0, NULL, 0, NULL);
    segment(w, 0, ms, TCP_ACK, 0, NULL, 0, NULL);
}

void text_segment(struct world *w, int from, unsigned ms, uint64_t offset, const char *text)
{
    segment(w, from, ms, TCP_PSH | TCP_ACK, offset, text, strlen(text), NULL);
}

struct packet_address ipv4(uint32_t address)
{
    struct packet_address a = {.family = 4};
    store_be32(a.bytes, address);
    return a;
}

struct packet_address mapped(uint32_t address)
{
    struct packet_address a = {.family = 6};
    a.bytes[10] = a.bytes[11] = 0xff;
    store_be32(a.bytes + 12, address);
    return a;
}

/* A record of the client's (end 0) or the server's socket. */
struct call make_call(const struct world *w, int end, enum call_op op, unsigned enter_ms, unsigned exit_ms,
                      int64_t result, uint64_t offset)
{
    struct call call = {.name = "sendto",
                        .comm = "program",
                        .op = op,
                        .pid = 100 + end,
                        .tid = 100 + end,
                        .fd = 3,
                        .socket = (uint64_t)(1000 + end),
                        .family = CALL_INET,
                        .type = CALL_STREAM,
                        .local = ipv4(end == 0 ? CLIENT : SERVER),
                        .peer = ipv4(end == 0 ? SERVER : CLIENT),
                        .local_port = end == 0 ? w->client_port : 2121,
                        .peer_port = end == 0 ? 2121 : w->client_port,
                        .enter_ns = T0 + enter_ms * MS,
                        .exit_ns = T0 + exit_ms * MS,
                        .asked = result > 0 ? (uint64_t)result : 1024,
                        .result = result,
                        .has_offset = result > 0,
                        .offset = offset,
                        .tcpi = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}};
    if (op == CALL_RECV)
        strcpy(call.name, "recvfrom");
    return call;
}

void put_call(struct world *w, const struct call *call)
{
    struct buf fields = {0};
    call_build(&fields, call);
    pcapng_build_journal(&w->file, (const char *)fields.data, fields.len);
    buf_free(&fields);
}

void put(struct world *w, int end, enum call_op op, unsigned ms, int64_t result, uint64_t offset)
{
    const struct call call = make_call(w, end, op, ms, ms, result, offset);
    put_call(w, &call);
}

struct lanes *read_with(struct world *w, const struct lanes_options *options)
{
    struct sd_err err = {0};
    struct source *source = NULL;
    struct lanes *lanes = NULL;
    int fd = memfd_create("capture", 0);
    assert_false(w->file.failed);
    assert_int_equal(write(fd, w->file.data, w->file.len), w->file.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(source_open_fd(&source, fd, "test", NULL, &err), 0);
    assert_int_equal(lanes_read(&lanes, source, options, &err), 0);
    source_close(source);
    close(fd);
    buf_free(&w->file);
    assert_non_null(lanes);
    return lanes;
}

struct lanes *read_world(struct world *w)
{
    const struct lanes_options options = {0};
    return read_with(w, &options);
}

bool noted(const struct lanes_stream *stream, const char *words)
{
    for (size_t i = 0; i < stream->note_count; i++) {
        if (strstr(stream->notes[i], words) != NULL)
            return true;
    }
    return false;
}

/* "0+5 5+3" */
void assert_lane(const struct lanes_direction *d, enum lanes_lane lane, const char *expected)
{
    struct buf text = {0};
    for (size_t i = 0; i < lane_count(d, lane); i++) {
        const struct lanes_span *span = &d->lane[lane].at[i];
        buf_printf(&text, "%s%llu+%llu", i > 0 ? " " : "", (unsigned long long)span->offset,
                   (unsigned long long)span->length);
    }
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
}

void both_directions(struct world *w)
{
    handshake(w, 1);
    put(w, 0, CALL_SEND, 2, 5, 0);
    text_segment(w, 0, 3, 0, "hello");
    put(w, 0, CALL_SEND, 4, 6, 5);
    text_segment(w, 0, 5, 5, "world!");
    put(w, 1, CALL_RECV, 6, 4, 0);
    put(w, 1, CALL_RECV, 7, 7, 4);
    put(w, 1, CALL_SEND, 8, 2, 0);
    text_segment(w, 1, 9, 0, "ok");
    put(w, 0, CALL_RECV, 10, 2, 0);
}
