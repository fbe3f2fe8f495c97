#include <netinet/in.h>
#include <string.h>

#include "craft/checksum.h"
#include "craft/probe_private.h"

/* What an ICMP error carries behind its header: the beginning of the datagram that it is about, and
 * extensions (RFC 4884), of which MPLS label stacks are read (RFC 4950). */

enum {
    QUOTE_WITH_EXTENSION = 128, /* at least, where extensions follow; routers of before RFC 4884: exactly */
    EXTENSION_HEADER = 4,
    EXTENSION_VERSION = 2,
    OBJECT_HEADER = 4,
    CLASS_MPLS = 1,
    TYPE_INCOMING_STACK = 1,
    LABEL_LEN = 4,
};

static void take_labels(struct bytes object, struct probe_answer *out)
{
    uint32_t entry;
    while (out->label_count < PROBE_MPLS_LABELS && bytes_be32(&object, &entry)) {
        out->label[out->label_count++] = (struct probe_label){
            .label = entry >> 12,
            .traffic_class = entry >> 9 & 7,
            .bottom = (entry >> 8 & 1) != 0,
            .ttl = (uint8_t)entry,
        };
    }
}

/* Objects with a length under their header's or over what is left end the list; what stood before counts. */
static void take_objects(struct bytes objects, struct probe_answer *out)
{
    struct bytes object;
    while (objects.left >= OBJECT_HEADER) {
        uint16_t len = load_be16(objects.at);
        if (len < OBJECT_HEADER || !bytes_sub(&objects, len, &object))
            return;
        const uint8_t *header = bytes_take(&object, OBJECT_HEADER);
        if (header[2] == CLASS_MPLS && header[3] == TYPE_INCOMING_STACK && object.left % LABEL_LEN == 0)
            take_labels(object, out);
    }
}

/* A checksum of 0: the router computed none, which only one that tells the length is believed. */
static bool take_extension(struct bytes extension, bool may_lack_checksum, struct probe_answer *out)
{
    if (extension.left < EXTENSION_HEADER + OBJECT_HEADER || extension.at[0] >> 4 != EXTENSION_VERSION)
        return false;
    bool has_checksum = load_be16(extension.at + 2) != 0;
    if (has_checksum ? craft_sum_end(craft_sum(0, extension.at, extension.left)) != 0 : !may_lack_checksum)
        return false;
    bytes_take(&extension, EXTENSION_HEADER);
    take_objects(extension, out);
    return true;
}

/* Bytes that the message says its quote has; 0: it does not say (RFC 4884, 4). */
static size_t told_len(int family, const uint8_t *icmp)
{
    if (family == 6)
        return icmp[0] == 1 || icmp[0] == 3 ? (size_t)icmp[4] * 8 : 0;
    return icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 ? (size_t)icmp[5] * 4 : 0;
}

static bool may_be_extended(int family, uint8_t type)
{
    return family == 6 ? type == 1 || type == 3 : type == 3 || type == 11 || type == 12;
}

struct bytes probe_quote(int family, struct bytes icmp, struct probe_answer *out)
{
    out->label_count = 0;
    const uint8_t *header = bytes_take(&icmp, PROBE_ICMP_LEN);
    struct bytes quote = icmp;
    if (header == NULL || !may_be_extended(family, header[0]))
        return icmp;
    const size_t told = told_len(family, header);
    const size_t len = told != 0 ? told : QUOTE_WITH_EXTENSION;
    if (len < QUOTE_WITH_EXTENSION || !bytes_sub(&icmp, len, &quote))
        return quote;
    /* Without a length it is only a guess that an extension stands there, and the quote goes on if not. */
    if (!take_extension(icmp, told != 0, out) && told == 0)
        quote.left += icmp.left;
    return quote;
}
