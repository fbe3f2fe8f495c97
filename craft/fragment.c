/* Fragmentation by RFC 791, 3.2 and RFC 8200, 4.5: pieces in units of eight bytes, each behind the headers
 * that every piece must have. */
#include <errno.h>

#include "base/bytes.h"
#include "craft/build.h"

enum {
    UNIT = 8,
    IP_LEN = 20,
    IP_MOST = 60,
    IP_MF = 0x2000,
    IP_OFFSET = 0x1fff,
    IP_OPTION_COPIED = 0x80,
    IP6_LEN = 40,
    IP6_HOPOPTS = 0,
    IP6_ROUTING = 43,
    IP6_FRAGMENT = 44,
    IP6_DSTOPTS = 60,
    FRAGMENT_LEN = 8,
};

static int no_room(size_t mtu, size_t headers, struct sd_err *err)
{
    return sd_fail(err, EINVAL, "an MTU of %zu has no room for eight bytes behind %zu bytes of headers", mtu,
                   headers);
}

/* How much of `left` bytes a piece carries; 0: the MTU has no room. */
static size_t piece_len(size_t left, size_t mtu, size_t headers)
{
    if (mtu < headers || mtu - headers < UNIT)
        return left > 0 && headers + left <= mtu ? left : 0;
    const size_t room = mtu - headers;
    return left <= room ? left : room / UNIT * UNIT;
}

static void end_piece(struct buf *out, struct buf *lens, size_t start)
{
    const size_t len = out->len - start;
    buf_append(lens, &len, sizeof len);
}

/* ---- IPv4 ---- */

/* The header of every piece but the first: only the options that say so are copied. Its length. */
static size_t later_header(const uint8_t *first, size_t first_len, uint8_t later[IP_MOST])
{
    size_t len = IP_LEN;
    memcpy(later, first, IP_LEN);
    for (size_t at = IP_LEN; at < first_len && first[at] != 0;) {
        const size_t left = first_len - at;
        const size_t said = first[at] == 1 || left < 2 ? 1 : first[at + 1];
        const size_t option = said == 0 || said > left ? left : said;
        if ((first[at] & IP_OPTION_COPIED) != 0) {
            memcpy(later + len, first + at, option);
            len += option;
        }
        at += option;
    }
    while (len % 4 != 0)
        later[len++] = 0;
    later[0] = (uint8_t)((first[0] & 0xf0) | len / 4);
    return len;
}

static void put_piece4(struct buf *out, const uint8_t *header, size_t header_len, const uint8_t *data,
                       size_t len, uint16_t flags_and_offset)
{
    uint8_t copy[IP_MOST];
    memcpy(copy, header, header_len);
    store_be16(copy + 2, (uint16_t)(header_len + len));
    store_be16(copy + 6, flags_and_offset);
    store_be16(copy + 10, 0);
    store_be16(copy + 10, craft_sum_end(craft_sum(0, copy, header_len)));
    buf_append(out, copy, header_len);
    buf_append(out, data, len);
}

static int fragment4(struct bytes datagram, size_t mtu, struct buf *out, struct buf *lens, struct sd_err *err)
{
    const uint8_t *first = datagram.at;
    const size_t first_len = datagram.left > 0 ? (first[0] & 0x0fU) * 4U : 0;
    if (first_len < IP_LEN || first_len > datagram.left)
        return sd_fail(err, EINVAL, "no IPv4 datagram: its header length is %zu", first_len);
    const size_t total = load_be16(first + 2);
    if (total < first_len || total > datagram.left)
        return sd_fail(err, EINVAL, "no IPv4 datagram: its length is %zu, and %zu bytes are there", total,
                       datagram.left);
    if (total == first_len)
        return no_room(mtu, first_len, err);
    uint8_t later[IP_MOST];
    const size_t later_len = later_header(first, first_len, later);
    const uint16_t was = load_be16(first + 6);
    for (size_t at = first_len; at < total;) {
        const bool is_first = at == first_len;
        const size_t headers = is_first ? first_len : later_len;
        const size_t len = piece_len(total - at, mtu, headers), start = out->len;
        if (len == 0)
            return no_room(mtu, headers, err);
        const size_t offset = (was & IP_OFFSET) + (at - first_len) / UNIT;
        if (offset > IP_OFFSET)
            return sd_fail(err, EINVAL, "the offset of a piece does not fit into its 13 bits");
        const bool more = at + len < total || (was & IP_MF) != 0;
        const unsigned flags = (was & ~(unsigned)(IP_OFFSET | IP_MF)) | (more ? IP_MF : 0U);
        put_piece4(out, is_first ? first : later, headers, first + at, len, (uint16_t)(flags | offset));
        end_piece(out, lens, start);
        at += len;
    }
    return 0;
}

/* ---- IPv6 ---- */

/* Where the part that every piece repeats ends: behind the routing header, else behind the hop-by-hop options
 * (RFC 8200, 4.5), and where its last next header stands. */
static size_t per_fragment_end(const uint8_t *datagram, size_t total, size_t *next_at)
{
    size_t end = IP6_LEN, at = IP6_LEN, number_at = 6;
    *next_at = number_at;
    while (total - at >= UNIT) {
        const uint8_t type = datagram[number_at];
        const size_t len = (datagram[at + 1] + (size_t)1) * UNIT;
        if ((type != IP6_HOPOPTS && type != IP6_ROUTING && type != IP6_DSTOPTS) || len > total - at)
            break;
        number_at = at;
        at += len;
        if (type != IP6_DSTOPTS) {
            end = at;
            *next_at = number_at;
        }
    }
    return end;
}

static void put_piece6(struct buf *out, const uint8_t *datagram, size_t headers, size_t next_at,
                       const uint8_t fragment[FRAGMENT_LEN], const uint8_t *data, size_t len)
{
    const size_t start = out->len;
    buf_append(out, datagram, headers);
    buf_append(out, fragment, FRAGMENT_LEN);
    buf_append(out, data, len);
    if (out->failed)
        return;
    store_be16(out->data + start + 4, (uint16_t)(headers - IP6_LEN + FRAGMENT_LEN + len));
    out->data[start + next_at] = IP6_FRAGMENT;
}

static int fragment6(struct bytes datagram, size_t mtu, uint32_t id, struct buf *out, struct buf *lens,
                     struct sd_err *err)
{
    const uint8_t *first = datagram.at;
    if (datagram.left < IP6_LEN)
        return sd_fail(err, EINVAL, "no IPv6 datagram: only %zu bytes are there", datagram.left);
    const size_t total = IP6_LEN + (size_t)load_be16(first + 4);
    if (total == IP6_LEN || total > datagram.left)
        return sd_fail(err, EINVAL,
                       "no IPv6 datagram with a payload: its length is %zu, and %zu bytes are there", total,
                       datagram.left);
    size_t next_at;
    const size_t headers = per_fragment_end(first, total, &next_at);
    if (first[next_at] == IP6_FRAGMENT)
        return sd_fail(err, EINVAL, "the IPv6 datagram is a fragment: only its source cuts it");
    if (headers == total)
        return no_room(mtu, headers + FRAGMENT_LEN, err);
    for (size_t at = headers; at < total;) {
        const size_t len = piece_len(total - at, mtu, headers + FRAGMENT_LEN), start = out->len;
        if (len == 0)
            return no_room(mtu, headers + FRAGMENT_LEN, err);
        uint8_t fragment[FRAGMENT_LEN] = {first[next_at]};
        const size_t offset = at - headers;
        store_be16(fragment + 2, (uint16_t)(offset | (at + len < total)));
        store_be32(fragment + 4, id);
        put_piece6(out, first, headers, next_at, fragment, first + at, len);
        end_piece(out, lens, start);
        at += len;
    }
    return 0;
}

int craft_fragment(const uint8_t *datagram, size_t len, size_t mtu, uint32_t id6, struct buf *out,
                   struct buf *lens, struct sd_err *err)
{
    const size_t out_before = out->len, lens_before = lens->len;
    const unsigned version = len > 0 ? datagram[0] >> 4 : 0;
    int status;
    if (version != 4 && version != 6) {
        status = sd_fail(err, EINVAL, "no IP datagram: its version is %u", version);
    } else if (len <= mtu) {
        buf_append(out, datagram, len);
        end_piece(out, lens, out_before);
        status = 0;
    } else if (version == 4) {
        status = fragment4(bytes_of(datagram, len), mtu, out, lens, err);
    } else {
        status = fragment6(bytes_of(datagram, len), mtu, id6, out, lens, err);
    }
    if (status == 0 && (out->failed || lens->failed))
        status = sd_fail(err, ENOMEM, "out of memory");
    if (status < 0) {
        out->len = out_before;
        lens->len = lens_before;
    }
    return status;
}
