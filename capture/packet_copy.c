#include "capture/packet_copy.h"

#include <stdlib.h>
#include <string.h>

enum {
    IP_HEADER = 20, /* the fixed part of IPv4's, and as much of IPv6's */
};

struct packet_copy *packet_copy_new(const struct packet *packet)
{
    const size_t header = packet->ip_header != NULL ? IP_HEADER : 0, payload = packet->payload_captured;
    const size_t comment = packet->comment != NULL ? packet->comment_len : 0;
    const size_t size = sizeof(struct packet_copy) + payload + header + comment;
    struct packet_copy *copy = malloc(size);
    if (copy == NULL)
        return NULL;
    uint8_t *at = copy->bytes;
    copy->next = NULL;
    copy->size = size;
    copy->packet = *packet;
    copy->packet.data = copy->packet.payload = at;
    copy->packet.captured_len = packet->payload_captured;
    memcpy(at, packet->payload, payload);
    at += payload;
    copy->packet.ip_header = header > 0 ? memcpy(at, packet->ip_header, header) : NULL;
    at += header;
    copy->packet.comment = comment > 0 ? memcpy(at, packet->comment, comment) : NULL;
    copy->packet.comment_len = comment;
    copy->packet.outer_ip = copy->packet.ip_payload = NULL;
    memset(copy->packet.outer_header, 0, sizeof copy->packet.outer_header);
    copy->packet.ip_payload_len = 0;
    return copy;
}
