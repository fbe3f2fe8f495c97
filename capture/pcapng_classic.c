#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "capture/pcapng_reader.h"

/* Classic pcap: a header of 24 bytes, then records of a header and data, no marks between them. And snoop
 * (RFC 1761), which is the same with other headers, always big-endian, and pads its records. */

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    MODIFIED_RECORD_HEADER = 24, /* with interface index, protocol and packet type behind the lengths */
    SNOOP_HEADER = 16,
    SNOOP_RECORD_HEADER = 24,
};

#define MAGIC_MICRO 0xa1b2c3d4U
#define MAGIC_NANO 0xa1b23c4dU
#define MAGIC_MODIFIED 0xa1b2cd34U

static const uint8_t snoop_magic[8] = {'s', 'n', 'o', 'o', 'p'};

bool snoop_is_magic(const uint8_t magic[8])
{
    return memcmp(magic, snoop_magic, sizeof snoop_magic) == 0;
}

static bool is_magic(uint32_t value)
{
    return value == MAGIC_MICRO || value == MAGIC_NANO || value == MAGIC_MODIFIED;
}

bool classic_is_magic(const uint8_t magic[4])
{
    return is_magic(load_be32(magic)) || is_magic(load_le32(magic));
}

static int need_header(struct pcapng_reader *r, size_t len, struct sd_err *err)
{
    const int got = input_need(&r->input, len);
    if (got < 0)
        return sd_fail_errno(err, -got, "%s: cannot read", r->name);
    if (got == 0)
        return sd_fail(err, EINVAL, "%s: holds no packets: it ends within the file header, after %zu bytes",
                       r->name, input_left(&r->input));
    return 0;
}

/* The lengths of a record changed places with version 2.3, which some wrote that had not yet changed them.
 * 543.0 is DG/UX's. */
static enum reader_lengths order_of_lengths(uint16_t major, uint16_t minor)
{
    if ((major == 2 && minor < 3) || (major == 543 && minor == 0))
        return LENGTHS_WIRE_FIRST;
    return major == 2 && minor == 3 ? LENGTHS_SMALLER_CAPTURED : LENGTHS_CAPTURED_FIRST;
}

int classic_open(struct pcapng_reader *r, struct sd_err *err)
{
    int failed = need_header(r, FILE_HEADER, err);
    if (failed != 0)
        return failed;
    const uint8_t *p = r->input.data + r->input.begin;
    r->classic = true;
    r->big_endian = is_magic(load_be32(p));
    uint32_t magic = reader_u32(r, p);
    r->nanoseconds = magic == MAGIC_NANO;
    r->record_header = magic == MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER : RECORD_HEADER;
    r->lengths = order_of_lengths(reader_u16(r, p + 4), reader_u16(r, p + 6));
    struct reader_interface *interface = NULL;
    failed = reader_add_interface(r, &interface, err);
    if (failed != 0)
        return failed;
    interface->public.snaplen = reader_u32(r, p + 16);
    interface->public.linktype = (int)(reader_u32(r, p + 20) & 0xffff); /* above: length of the FCS */
    r->consume = FILE_HEADER;
    return 0;
}

/* By RFC 1761; 0: none that is known here, where it is no number of a link type of pcap. */
static int snoop_linktype(uint32_t datalink)
{
    switch (datalink) {
    case 0: /* IEEE 802.3 */
    case 4: /* Ethernet */
        return 1;
    case 2: /* IEEE 802.5 */
        return 6;
    case 8:
        return 10; /* FDDI */
    default:
        return 0;
    }
}

int snoop_open(struct pcapng_reader *r, struct sd_err *err)
{
    int failed = need_header(r, SNOOP_HEADER, err);
    if (failed != 0)
        return failed;
    const uint8_t *p = r->input.data + r->input.begin;
    const uint32_t datalink = load_be32(p + 12);
    if (snoop_linktype(datalink) == 0)
        return sd_fail(err, EINVAL, "%s: a snoop file of packets of a kind that is not known (%" PRIu32 ")",
                       r->name, datalink);
    r->classic = r->snoop = r->big_endian = true;
    r->record_header = SNOOP_RECORD_HEADER;
    struct reader_interface *interface = NULL;
    failed = reader_add_interface(r, &interface, err);
    if (failed != 0)
        return failed;
    interface->public.linktype = snoop_linktype(datalink);
    r->consume = SNOOP_HEADER;
    return 0;
}

/* What a record's header says. */
struct head {
    uint32_t captured, wire;
    size_t total; /* bytes of the whole record; 0: it contradicts itself, or is too long */
    uint64_t time_ns;
};

static struct head read_head(const struct pcapng_reader *r, const uint8_t *p)
{
    const size_t at = r->snoop ? 16 : 0;
    const uint64_t fraction = reader_u32(r, p + at + 4);
    struct head head = {
        .captured = reader_u32(r, p + (r->snoop ? 4 : 8)),
        .wire = reader_u32(r, p + (r->snoop ? 0 : 12)),
        .time_ns = (uint64_t)reader_u32(r, p + at) * NS_PER_S + fraction * (r->nanoseconds ? 1 : NS_PER_US),
    };
    if (r->lengths == LENGTHS_WIRE_FIRST ||
        (r->lengths == LENGTHS_SMALLER_CAPTURED && head.captured > head.wire)) {
        const uint32_t first = head.captured;
        head.captured = head.wire;
        head.wire = first;
    }
    const size_t least = r->record_header + (size_t)head.captured;
    const size_t told = r->snoop ? reader_u32(r, p + 8) : least;
    if (head.captured <= PCAPNG_MAX_BLOCK && told >= least && told <= 2 * (size_t)PCAPNG_MAX_BLOCK)
        head.total = told;
    return head;
}

size_t classic_look(const struct pcapng_reader *r, const uint8_t *p, size_t left)
{
    return left >= r->record_header ? read_head(r, p).total : 0;
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
    const struct head head = read_head(r, in->data + in->begin);
    if (head.total == 0)
        return sd_fail(err, EBADMSG,
                       "%s: damaged at byte %" PRIu64 ": a packet of %" PRIu32
                       " bytes; everything before it was read",
                       r->name, in->position, head.captured);
    got = input_need(in, head.total);
    if (got <= 0)
        return got < 0 ? got : reader_cut_short(r, "a record", head.total, err);
    r->consume = head.total;
    record->kind = CAPTURE_PACKET;
    packet_captured(&record->packet, r->interfaces[0].public.linktype, head.time_ns,
                    in->data + in->begin + r->record_header, head.captured, head.wire);
    record->packet.number = ++r->packets;
    return 1;
}
