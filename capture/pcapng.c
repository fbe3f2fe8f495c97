#include "capture/pcapng.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/pcapng_reader.h"

/* The reader of pcapng files. A block is first fetched whole and its two length fields compared; then its
 * body is a cursor that nothing leaves. The block that a record points into is consumed by the next call. */

enum {
    BLOCK_SECTION = 0x0a0d0d0a, /* the same in both byte orders */
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE = 3,
    BLOCK_STATS = 5,
    BLOCK_ENHANCED = 6,
    BLOCK_JOURNAL = 9,

    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_IF_TSOFFSET = 14,
    OPTION_ISB_IFRECV = 4,
    OPTION_ISB_IFDROP = 5,
    OPTION_ISB_OSDROP = 7,

    BLOCK_FRAME = 12,      /* type, length, …, length */
    SECTION_MIN = 28,      /* a Section Header Block without options */
    MAX_INTERFACES = 65536 /* of a file */
};

#define ORDER_MAGIC 0x1a2b3c4dU
#define NOT_TOLD UINT64_MAX

struct block {
    uint32_t type;
    size_t total;
    struct bytes body;
};

struct option {
    uint16_t code, len;
    const uint8_t *value;
};

__attribute__((format(printf, 3, 4))) static int damaged(const struct pcapng_reader *r, struct sd_err *err,
                                                         const char *format, ...)
{
    char how[160];
    va_list args;
    va_start(args, format);
    vsnprintf(how, sizeof how, format, args);
    va_end(args);
    return sd_fail(err, EBADMSG, "%s: damaged at byte %" PRIu64 ": %s; everything before it was read",
                   r->name, r->input.position, how);
}

int reader_cut_short(const struct pcapng_reader *r, const char *what, size_t len, struct sd_err *err)
{
    return sd_fail(err, EBADMSG,
                   "%s: cut short at byte %" PRIu64
                   ", in the middle of %s of %zu bytes; everything before it was read",
                   r->name, r->input.position + input_left(&r->input), what, len);
}

int reader_add_interface(struct pcapng_reader *r, struct reader_interface **out, struct sd_err *err)
{
    if (r->interface_count == MAX_INTERFACES)
        return damaged(r, err, "more than %d interfaces", MAX_INTERFACES);
    if (r->interface_count == r->interface_cap) {
        size_t cap = r->interface_cap == 0 ? 4 : r->interface_cap * 2;
        struct reader_interface *grown = realloc(r->interfaces, cap * sizeof *grown);
        if (grown == NULL)
            return sd_fail_errno(err, ENOMEM, "%s", r->name);
        r->interfaces = grown;
        r->interface_cap = cap;
    }
    *out = &r->interfaces[r->interface_count++];
    **out = (struct reader_interface){.resolution = 6};
    return 0;
}

/* ---- blocks ---- */

/* Learn the byte order from a section header at the front of the input. */
static int take_byte_order(struct pcapng_reader *r, struct sd_err *err)
{
    const uint8_t *p = r->input.data + r->input.begin + 8;
    if (load_be32(p) != ORDER_MAGIC && load_le32(p) != ORDER_MAGIC)
        return damaged(r, err, "a section header without byte-order magic");
    r->big_endian = load_be32(p) == ORDER_MAGIC;
    return 0;
}

/* Fetch one block. 1; 0: the end; a negative errno with err filled (but for -EINTR). */
static int fetch_block(struct pcapng_reader *r, struct block *block, struct sd_err *err)
{
    struct pcapng_input *in = &r->input;
    int got = input_need(in, BLOCK_FRAME);
    if (got == 0 && input_left(in) == 0)
        return 0;
    if (got == 0)
        return reader_cut_short(r, "the first fields of a block", BLOCK_FRAME, err);
    if (got < 0)
        return got;
    const uint8_t *p = in->data + in->begin;
    if (load_le32(p) == BLOCK_SECTION && take_byte_order(r, err) != 0)
        return -EBADMSG;
    block->type = reader_u32(r, p);
    block->total = reader_u32(r, p + 4);
    if (block->total < BLOCK_FRAME || block->total % 4 != 0)
        return damaged(r, err, "a block cannot be %zu bytes long", block->total);
    if (block->total > PCAPNG_MAX_BLOCK)
        return damaged(r, err, "a block of %zu bytes (the limit is %u)", block->total, PCAPNG_MAX_BLOCK);
    got = input_need(in, block->total);
    if (got <= 0)
        return got < 0 ? got : reader_cut_short(r, "a block", block->total, err);
    p = in->data + in->begin;
    uint32_t again = reader_u32(r, p + block->total - 4);
    if (again != block->total)
        return damaged(r, err, "a block says %zu bytes at its head and %" PRIu32 " at its end", block->total,
                       again);
    block->body = bytes_of(p + 8, block->total - BLOCK_FRAME);
    return 1;
}

/* The next option. 1; 0: none left; -EBADMSG when it does not fit into its block. */
static int next_option(const struct pcapng_reader *r, struct bytes *options, struct option *option)
{
    const uint8_t *head = bytes_take(options, 4);
    if (head == NULL)
        return options->left == 0 ? 0 : -EBADMSG;
    option->code = reader_u16(r, head);
    option->len = reader_u16(r, head + 2);
    if (option->code == OPTION_END)
        return 0;
    option->value = bytes_take(options, ((size_t)option->len + 3) & ~(size_t)3);
    return option->value != NULL ? 1 : -EBADMSG;
}

static int bad_option(const struct pcapng_reader *r, struct sd_err *err)
{
    return damaged(r, err, "an option that does not fit into its block");
}

static int take_section(struct pcapng_reader *r, struct bytes body, struct sd_err *err)
{
    const uint8_t *p = bytes_take(&body, SECTION_MIN - BLOCK_FRAME);
    if (p == NULL)
        return damaged(r, err, "a section header of %zu bytes", body.left + BLOCK_FRAME);
    uint16_t major = reader_u16(r, p + 4), minor = reader_u16(r, p + 6);
    if (major != 1)
        return damaged(r, err, "pcapng version %u.%u is not known", major, minor);
    r->section_first = r->interface_count;
    struct option option;
    int got;
    while ((got = next_option(r, &body, &option)) > 0) {
        if (option.code != OPTION_COMMENT)
            continue;
        if (r->has_comment)
            buf_char(&r->comment, '\n');
        buf_append(&r->comment, option.value, option.len);
        r->has_comment = true;
    }
    buf_cstr(&r->comment);
    if (r->comment.failed)
        return sd_fail_errno(err, ENOMEM, "%s", r->name);
    return got < 0 ? bad_option(r, err) : 0;
}

static int take_interface(struct pcapng_reader *r, struct bytes body, struct sd_err *err)
{
    const uint8_t *p = bytes_take(&body, 8);
    if (p == NULL)
        return damaged(r, err, "an interface description of %zu bytes", body.left + BLOCK_FRAME);
    struct reader_interface *interface = NULL;
    int failed = reader_add_interface(r, &interface, err);
    if (failed != 0)
        return failed;
    interface->public.linktype = reader_u16(r, p);
    interface->public.snaplen = reader_u32(r, p + 4);
    struct option option;
    int got;
    while ((got = next_option(r, &body, &option)) > 0) {
        if (option.code == OPTION_IF_NAME)
            snprintf(interface->public.name, sizeof interface->public.name, "%.*s", option.len,
                     (const char *)option.value);
        if (option.code == OPTION_IF_TSRESOL && option.len >= 1) {
            interface->power_of_two = (option.value[0] & 0x80) != 0;
            interface->resolution = option.value[0] & 0x7f;
        }
        if (option.code == OPTION_IF_TSOFFSET && option.len >= 8)
            interface->offset_s = (int64_t)reader_u64(r, option.value);
    }
    return got < 0 ? bad_option(r, err) : 0;
}

/* ---- time stamps ---- */

__extension__ typedef unsigned __int128 u128;

/* `units` of the interface's resolution and offset as nanoseconds since the epoch; what does not fit becomes
 * the nearest number that does. */
static uint64_t to_ns(const struct reader_interface *interface, uint64_t units)
{
    u128 ns;
    if (interface->power_of_two) {
        ns = (u128)units * NS_PER_S >> interface->resolution;
    } else {
        u128 scale = 1;
        bool finer = interface->resolution > 9;
        unsigned power = finer ? interface->resolution - 9U : 9U - interface->resolution;
        for (unsigned i = 0; i < power && scale <= UINT64_MAX; i++)
            scale *= 10;
        ns = finer ? units / scale : units * scale;
    }
    u128 offset = interface->offset_s < 0 ? 0 - (u128)interface->offset_s : (u128)interface->offset_s;
    offset *= NS_PER_S;
    if (interface->offset_s < 0)
        ns = ns > offset ? ns - offset : 0;
    else
        ns += offset;
    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* Interface `id` of the present section, or NULL with the error told. */
static const struct reader_interface *find_interface(const struct pcapng_reader *r, uint32_t id,
                                                     struct sd_err *err)
{
    if (id < r->interface_count - r->section_first)
        return &r->interfaces[r->section_first + id];
    damaged(r, err, "a block of interface %" PRIu32 ", which was not described", id);
    return NULL;
}

/* ---- records ---- */

/* The fixed fields of a packet block are read; take data and options. */
static int fill_packet(struct pcapng_reader *r, struct packet *packet, uint32_t id, struct bytes rest,
                       struct sd_err *err)
{
    const uint8_t *data = bytes_take(&rest, ((size_t)packet->captured_len + 3) & ~(size_t)3);
    if (data == NULL)
        return damaged(r, err, "a packet of %" PRIu32 " bytes in a block that has room for %zu",
                       packet->captured_len, rest.left);
    packet->data = data;
    packet->interface = (uint32_t)r->section_first + id;
    struct option option;
    int got;
    while ((got = next_option(r, &rest, &option)) > 0) {
        if (option.code == OPTION_COMMENT && packet->comment == NULL) {
            packet->comment = (const char *)option.value;
            packet->comment_len = option.len;
        }
    }
    if (got < 0)
        return bad_option(r, err);
    packet->number = ++r->packets;
    return 1;
}

/* An Enhanced Packet Block, or the obsolete Packet Block, whose first field is split in two. */
static int take_packet(struct pcapng_reader *r, struct bytes body, bool enhanced, struct packet *packet,
                       struct sd_err *err)
{
    const uint8_t *p = bytes_take(&body, 20);
    if (p == NULL)
        return damaged(r, err, "a packet block of %zu bytes", body.left + BLOCK_FRAME);
    uint32_t id = enhanced ? reader_u32(r, p) : reader_u16(r, p);
    const struct reader_interface *interface = find_interface(r, id, err);
    if (interface == NULL)
        return -EBADMSG;
    uint64_t units = (uint64_t)reader_u32(r, p + 4) << 32 | reader_u32(r, p + 8);
    packet_captured(packet, interface->public.linktype, to_ns(interface, units), NULL, reader_u32(r, p + 12),
                    reader_u32(r, p + 16));
    return fill_packet(r, packet, id, body, err);
}

/* A Simple Packet Block: always of the section's first interface; its captured length is what the packet's
 * own length, the snapshot length and the block leave. */
static int take_simple(struct pcapng_reader *r, struct bytes body, struct packet *packet, struct sd_err *err)
{
    const uint8_t *p = bytes_take(&body, 4);
    if (p == NULL)
        return damaged(r, err, "a simple packet block without a length");
    const struct reader_interface *interface = find_interface(r, 0, err);
    if (interface == NULL)
        return -EBADMSG;
    uint32_t wire = reader_u32(r, p), snaplen = interface->public.snaplen;
    uint32_t captured = snaplen != 0 && snaplen < wire ? snaplen : wire;
    if (captured > body.left)
        captured = (uint32_t)body.left;
    packet_captured(packet, interface->public.linktype, 0, body.at, captured, wire);
    packet->interface = (uint32_t)r->section_first;
    packet->number = ++r->packets;
    return 1;
}

static int take_stats(struct pcapng_reader *r, struct bytes body, struct capture_record *record,
                      struct sd_err *err)
{
    const uint8_t *p = bytes_take(&body, 12);
    if (p == NULL)
        return damaged(r, err, "interface statistics of %zu bytes", body.left + BLOCK_FRAME);
    uint32_t id = reader_u32(r, p);
    if (find_interface(r, id, err) == NULL)
        return -EBADMSG;
    record->kind = CAPTURE_STATS;
    record->interface = (uint32_t)r->section_first + id;
    record->received = record->dropped = NOT_TOLD;
    struct option option;
    int got;
    while ((got = next_option(r, &body, &option)) > 0) {
        if (option.len < 8)
            continue;
        uint64_t value = reader_u64(r, option.value);
        if (option.code == OPTION_ISB_IFRECV)
            record->received = value;
        if (option.code == OPTION_ISB_IFDROP || option.code == OPTION_ISB_OSDROP)
            record->dropped = record->dropped == NOT_TOLD ? value : record->dropped + value;
    }
    return got < 0 ? bad_option(r, err) : 1;
}

static int take_journal(struct bytes body, struct capture_record *record)
{
    for (int pad = 0; pad < 3 && body.left > 0 && body.at[body.left - 1] == 0; pad++)
        body.left--;
    record->kind = CAPTURE_JOURNAL;
    record->journal = (const char *)body.at;
    record->journal_len = body.left;
    return 1;
}

/* 1: the block was a record; 0: it was not; negative: damage. */
static int take_block(struct pcapng_reader *r, const struct block *block, struct capture_record *record,
                      struct sd_err *err)
{
    switch (block->type) {
    case BLOCK_SECTION:
        return take_section(r, block->body, err);
    case BLOCK_INTERFACE:
        return take_interface(r, block->body, err);
    case BLOCK_ENHANCED:
    case BLOCK_PACKET:
        return take_packet(r, block->body, block->type == BLOCK_ENHANCED, &record->packet, err);
    case BLOCK_SIMPLE:
        return take_simple(r, block->body, &record->packet, err);
    case BLOCK_STATS:
        return take_stats(r, block->body, record, err);
    case BLOCK_JOURNAL:
        return take_journal(block->body, record);
    default:
        return 0;
    }
}

/* Consume what the last record pointed into. */
static void consume(struct pcapng_reader *r)
{
    r->input.begin += r->consume;
    r->input.position += r->consume;
    r->consume = 0;
}

static int next_pcapng(struct pcapng_reader *r, struct capture_record *record, struct sd_err *err)
{
    for (;;) {
        struct block block = {0};
        int got = fetch_block(r, &block, err);
        if (got <= 0)
            return got;
        r->consume = block.total;
        got = take_block(r, &block, record, err);
        if (got != 0)
            return got;
        consume(r);
    }
}

/* The length of the record in the bytes at `p`; 0: not one that can be told. */
static size_t block_look(const struct pcapng_reader *r, const uint8_t *p, size_t left)
{
    if (left < BLOCK_FRAME)
        return 0;
    switch (reader_u32(r, p)) {
    case BLOCK_ENHANCED:
    case BLOCK_PACKET:
    case BLOCK_SIMPLE:
    case BLOCK_STATS:
    case BLOCK_JOURNAL:
        return reader_u32(r, p + 4);
    default:
        return 0;
    }
}

bool pcapng_reader_has_next(const struct pcapng_reader *r)
{
    const struct pcapng_input *in = &r->input;
    if (r->ended || input_left(in) < r->consume)
        return false;
    const size_t left = input_left(in) - r->consume;
    const uint8_t *p = in->data + in->begin + r->consume;
    const size_t len = r->classic ? classic_look(r, p, left) : block_look(r, p, left);
    return len > 0 && len <= left;
}

int pcapng_reader_next(struct pcapng_reader *r, struct capture_record *record, struct sd_err *err)
{
    if (r->ended)
        return 0;
    capture_record_clear(record);
    consume(r);
    struct sd_err cause;
    cause.code = 0; /* the text is not cleared: this is done for each packet */
    int got = r->classic ? classic_next(r, record, &cause) : next_pcapng(r, record, &cause);
    if (got == -EAGAIN)
        return got;
    if (got < 0 && cause.code == 0)
        sd_fail_errno(&cause, -got, "%s: cannot read on from byte %" PRIu64, r->name, r->input.position);
    if (got < 0 && err != NULL)
        *err = cause;
    r->ended = got <= 0;
    return got;
}

/* ---- opening ---- */

static const struct {
    const char *name;
    uint8_t magic[8], magic_len;
} packers[] = {
    {"gzip", {0x1f, 0x8b}, 2},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6},
    {"lz4", {0x04, 0x22, 0x4d, 0x18}, 4},
};

static int no_capture(const struct pcapng_reader *r, struct sd_err *err)
{
    const uint8_t *p = r->input.data + r->input.begin;
    size_t len = input_left(&r->input) < 8 ? input_left(&r->input) : 8;
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
        if (len >= packers[i].magic_len && memcmp(p, packers[i].magic, packers[i].magic_len) == 0)
            return sd_fail(err, EINVAL, "%s: is compressed by %s; unpack it first", r->name, packers[i].name);
    }
    char text[64] = "";
    for (size_t i = 0, at = 0; i < len; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%02x", i == 0 ? "" : " ", p[i]);
    return sd_fail(err, EINVAL, "%s: is no capture file (pcapng or pcap): begins with %s", r->name, text);
}

/* Look at the first bytes: which format? */
static int recognise(struct pcapng_reader *r, struct sd_err *err)
{
    int got = input_need(&r->input, BLOCK_FRAME);
    if (got == -EISDIR)
        return sd_fail(err, EINVAL, "%s: is a directory", r->name);
    if (got == -EINTR)
        return sd_fail(err, EINTR, "%s: interrupted before it began", r->name);
    if (got < 0)
        return sd_fail_errno(err, -got, "%s: cannot read", r->name);
    size_t left = input_left(&r->input);
    const uint8_t *p = r->input.data + r->input.begin;
    if (left == 0)
        return sd_fail(err, EINVAL, "%s: is empty", r->name);
    if (left >= 4 && classic_is_magic(p))
        return classic_open(r, err);
    if (left >= 8 && snoop_is_magic(p))
        return snoop_open(r, err);
    if (left < 4 || load_le32(p) != BLOCK_SECTION)
        return no_capture(r, err);
    /* A section header that is cut short is a capture file; next() tells of the damage. */
    return got == 0 || take_byte_order(r, NULL) == 0 ? 0 : no_capture(r, err);
}

static int open_input(struct pcapng_reader **out, const struct pcapng_input *input, const char *name,
                      struct sd_err *err)
{
    struct pcapng_reader *r = calloc(1, sizeof *r);
    char *copy = strdup(name);
    int failed = 0;
    if (r == NULL || copy == NULL) {
        free(r);
        free(copy);
        return sd_fail_errno(err, ENOMEM, "%s", name);
    }
    r->name = copy;
    r->input = *input;
    failed = recognise(r, err);
    if (failed != 0) {
        pcapng_reader_close(r);
        return failed;
    }
    *out = r;
    return 0;
}

int pcapng_reader_open(struct pcapng_reader **out, int fd, const char *name, struct sd_err *err)
{
    return pcapng_reader_open_wait(out, fd, &(struct pcapng_wait){.stop_fd = -1}, name, err);
}

int pcapng_reader_open_wait(struct pcapng_reader **out, int fd, const struct pcapng_wait *wait,
                            const char *name, struct sd_err *err)
{
    return open_input(out, &(struct pcapng_input){.fd = fd, .wait = *wait}, name, err);
}

int pcapng_reader_open_pieces(struct pcapng_reader **out, const struct pcapng_pieces *pieces,
                              const char *name, struct sd_err *err)
{
    static const uint8_t nothing[1];
    const struct pcapng_input input = {.fd = -1, .wait.stop_fd = -1, .pieces = *pieces, .data = nothing};
    return open_input(out, &input, name, err);
}

void pcapng_reader_close(struct pcapng_reader *r)
{
    if (r == NULL)
        return;
    buf_free(&r->comment);
    free(r->interfaces);
    input_fini(&r->input);
    free(r->name);
    free(r);
}

const char *pcapng_reader_comment(const struct pcapng_reader *r)
{
    return r->has_comment ? (const char *)r->comment.data : NULL;
}

const struct capture_interface *pcapng_reader_interface(const struct pcapng_reader *r, uint32_t index)
{
    return index < r->interface_count ? &r->interfaces[index].public : NULL;
}
