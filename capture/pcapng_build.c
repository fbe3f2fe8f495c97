#include <string.h>

#include "base/clock.h"
#include "capture/pcapng.h"

/* Blocks in the order of this machine's bytes. A block is appended with its length left open, which is
 * written at both ends when it is complete. */

enum {
    NO_OPTION = 0,
    OPTION_COMMENT = 1,
    SHB_USERAPPL = 4,
    IF_NAME = 2,
    IF_TSRESOL = 9,
    ISB_IFRECV = 4,
    ISB_IFDROP = 5,
    LINKTYPE_RAW_IP = 101,
    DLT_RAW_IP = 12, /* what libpcap calls it in memory */
    COMMENT_MAX = 65532,
};

static void put16(struct buf *b, uint16_t value)
{
    buf_append(b, &value, sizeof value);
}

static void put32(struct buf *b, uint32_t value)
{
    buf_append(b, &value, sizeof value);
}

static void put_time(struct buf *b, uint64_t ns)
{
    put32(b, (uint32_t)(ns >> 32));
    put32(b, (uint32_t)ns);
}

static void pad(struct buf *b, size_t len)
{
    buf_zeros(b, (4 - len % 4) % 4);
}

/* Returns where the block begins. */
static size_t begin_block(struct buf *b, uint32_t type)
{
    size_t start = b->len;
    put32(b, type);
    put32(b, 0);
    return start;
}

static void end_block(struct buf *b, size_t start)
{
    uint32_t total = (uint32_t)(b->len - start + 4);
    put32(b, total);
    if (!b->failed)
        memcpy(b->data + start + 4, &total, sizeof total);
}

static void option(struct buf *b, uint16_t code, const void *value, size_t len)
{
    put16(b, code);
    put16(b, (uint16_t)len);
    buf_append(b, value, len);
    pad(b, len);
}

static void text_option(struct buf *b, uint16_t code, const char *text)
{
    size_t len = strlen(text);
    option(b, code, text, len < COMMENT_MAX ? len : COMMENT_MAX);
}

static void end_options(struct buf *b)
{
    put32(b, NO_OPTION);
}

static uint32_t link_type_in_files(int linktype)
{
    return (uint32_t)(linktype == DLT_RAW_IP ? LINKTYPE_RAW_IP : linktype);
}

void pcapng_build_section(struct buf *out, const char *application, const char *comment)
{
    size_t start = begin_block(out, 0x0a0d0d0a);
    put32(out, 0x1a2b3c4d);
    put16(out, 1); /* version 1.0 */
    put16(out, 0);
    put32(out, UINT32_MAX); /* length of the section: not told */
    put32(out, UINT32_MAX);
    if (comment != NULL)
        text_option(out, OPTION_COMMENT, comment);
    text_option(out, SHB_USERAPPL, application);
    end_options(out);
    end_block(out, start);
}

void pcapng_build_interface(struct buf *out, const char *name, int linktype, uint32_t snaplen)
{
    size_t start = begin_block(out, 1);
    put16(out, (uint16_t)link_type_in_files(linktype));
    put16(out, 0);
    put32(out, snaplen);
    if (name != NULL && name[0] != '\0')
        text_option(out, IF_NAME, name);
    const uint8_t nanoseconds = 9;
    option(out, IF_TSRESOL, &nanoseconds, 1);
    end_options(out);
    end_block(out, start);
}

void pcapng_build_packet(struct buf *out, uint32_t interface, uint64_t time_ns, const void *data,
                         uint32_t captured_len, uint32_t wire_len, const char *comment)
{
    const uint32_t head[] = {
        6, 0, interface, (uint32_t)(time_ns >> 32), (uint32_t)time_ns, captured_len, wire_len};
    const size_t start = out->len, padded = ((size_t)captured_len + 3) & ~(size_t)3;
    if (!buf_reserve(out, sizeof head + padded))
        return;
    uint8_t *p = out->data + start;
    memset(p + sizeof head + padded - 4, 0, 4); /* the padding; the rest is written over */
    memcpy(p, head, sizeof head);
    if (captured_len > 0)
        memcpy(p + sizeof head, data, captured_len);
    out->len += sizeof head + padded;
    if (comment != NULL) {
        text_option(out, OPTION_COMMENT, comment);
        end_options(out);
    }
    end_block(out, start);
}

void pcapng_build_journal(struct buf *out, const char *fields, size_t len)
{
    size_t start = begin_block(out, 9);
    buf_append(out, fields, len);
    pad(out, len);
    end_block(out, start);
}

void pcapng_build_stats(struct buf *out, uint32_t interface, uint64_t time_ns, uint64_t received,
                        uint64_t dropped)
{
    size_t start = begin_block(out, 5);
    put32(out, interface);
    put_time(out, time_ns);
    if (received != UINT64_MAX)
        option(out, ISB_IFRECV, &received, sizeof received);
    if (dropped != UINT64_MAX)
        option(out, ISB_IFDROP, &dropped, sizeof dropped);
    end_options(out);
    end_block(out, start);
}

void pcap_build_header(struct buf *out, int linktype, uint32_t snaplen)
{
    put32(out, 0xa1b23c4d); /* nanoseconds */
    put16(out, 2);          /* version 2.4 */
    put16(out, 4);
    put32(out, 0);
    put32(out, 0);
    put32(out, snaplen);
    put32(out, link_type_in_files(linktype));
}

void pcap_build_packet(struct buf *out, uint64_t time_ns, const void *data, uint32_t captured_len,
                       uint32_t wire_len)
{
    const uint32_t head[] = {(uint32_t)(time_ns / NS_PER_S), (uint32_t)(time_ns % NS_PER_S), captured_len,
                             wire_len};
    buf_append(out, head, sizeof head);
    buf_append(out, data, captured_len);
}
