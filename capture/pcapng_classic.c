#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "capture/pcapng_reader.h"

/* Classic pcap: a header of 24 bytes, then records of a header and data, no marks between them. */

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    MODIFIED_RECORD_HEADER = 24, /* with interface index, protocol and packet type behind the lengths */
};

#define MAGIC_MICRO 0xa1b2c3d4U
#define MAGIC_NANO 0xa1b23c4dU
#define MAGIC_MODIFIED 0xa1b2cd34U

static bool is_magic(uint32_t value)
{
    return value == MAGIC_MICRO || value == MAGIC_NANO || value == MAGIC_MODIFIED;
}

bool classic_is_magic(const uint8_t magic[4])
{
    return is_magic(load_be32(magic)) || is_magic(load_le32(magic));
}

int classic_open(struct pcapng_reader *r, struct sd_err *err)
{
    int got = input_need(&r->input, FILE_HEADER);
    if (got < 0)
        return sd_fail_errno(err, -got, "%s: cannot read", r->name);
    if (got == 0)
        return sd_fail(err, EINVAL, "%s: holds no packets: it ends within the file header, after %zu bytes",
                       r->name, input_left(&r->input));
    const uint8_t *p = r->input.data + r->input.begin;
    r->classic = true;
    r->big_endian = is_magic(load_be32(p));
    uint32_t magic = reader_u32(r, p);
    r->nanoseconds = magic == MAGIC_NANO;
    r->record_header = magic == MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER : RECORD_HEADER;
    struct reader_interface *interface = NULL;
    int failed = reader_add_interface(r, &interface, err);
    if (failed != 0)
        return failed;
    interface->public.snaplen = reader_u32(r, p + 16);
    interface->public.linktype = (int)(reader_u32(r, p + 20) & 0xffff); /* above: length of the FCS */
    r->consume = FILE_HEADER;
    return 0;
}

size_t classic_look(const struct pcapng_reader *r, const uint8_t *p, size_t left, struct packet *packet)
{
    const uint32_t captured = left >= r->record_header ? reader_u32(r, p + 8) : PCAPNG_MAX_BLOCK;
    if (captured >= PCAPNG_MAX_BLOCK || r->record_header + captured > left)
        return 0;
    packet_captured(packet, r->interfaces[0].public.linktype, 0, p + r->record_header, captured, captured);
    return r->record_header + captured;
}

int classic_next(struct pcapng_reader *r, struct capture_record *record, struct sd_err *err)
{
    struct pcapng_input *in = &r->input;
    int got = input_need(in, r->record_header);
    if (got == 0 && input_left(in) == 0)
        return 0;
    if (got == 0)
        return reader_cut_short(r, "a record's header", r->record_header, err);
    if (got < 0)
        return got;
    uint32_t captured = reader_u32(r, in->data + in->begin + 8);
    if (captured > PCAPNG_MAX_BLOCK)
        return sd_fail(err, EBADMSG,
                       "%s: damaged at byte %" PRIu64 ": a packet of %" PRIu32
                       " bytes; everything before it was read",
                       r->name, in->position, captured);
    size_t total = r->record_header + captured;
    got = input_need(in, total);
    if (got <= 0)
        return got < 0 ? got : reader_cut_short(r, "a record", total, err);
    const uint8_t *p = in->data + in->begin;
    r->consume = total;
    uint64_t fraction = reader_u32(r, p + 4);
    record->kind = CAPTURE_PACKET;
    const uint64_t time_ns =
        (uint64_t)reader_u32(r, p) * NS_PER_S + fraction * (r->nanoseconds ? 1 : NS_PER_US);
    packet_captured(&record->packet, r->interfaces[0].public.linktype, time_ns, p + r->record_header,
                    captured, reader_u32(r, p + 12));
    record->packet.number = ++r->packets;
    return 1;
}
