#include "capture/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void packet_address_text(const struct packet_address *address, char out[PACKET_ADDRESS_TEXT])
{
    int family = address->family == 4 ? AF_INET : AF_INET6;
    if (address->family == 0 || inet_ntop(family, address->bytes, out, PACKET_ADDRESS_TEXT) == NULL)
        strcpy(out, "-");
}

void packet_endpoint_text(const struct packet_address *address, uint16_t port, char out[PACKET_ENDPOINT_TEXT])
{
    char text[PACKET_ADDRESS_TEXT];
    packet_address_text(address, text);
    snprintf(out, PACKET_ENDPOINT_TEXT, address->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
}

static int parse_port(const char *text, size_t len, uint16_t *port)
{
    uint32_t value = 0;
    if (len == 0 || len > 5)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX ? 0 : -EINVAL;
}

int packet_endpoint_parse(const char *text, size_t len, struct packet_address *address, uint16_t *port)
{
    const char *colon = memrchr(text, ':', len);
    if (colon == NULL)
        return -EINVAL;
    size_t host_len = (size_t)(colon - text);
    bool v6 = host_len > 2 && text[0] == '[' && colon[-1] == ']';
    char host[PACKET_ADDRESS_TEXT];
    if (v6) {
        text++;
        host_len -= 2;
    }
    if (host_len >= sizeof host)
        return -EINVAL;
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    struct packet_address parsed = {.family = v6 ? 6 : 4};
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host, parsed.bytes) != 1)
        return -EINVAL;
    *address = parsed;
    return parse_port(colon + 1, len - (size_t)(colon + 1 - (v6 ? text - 1 : text)), port);
}

bool packet_address_equal(const struct packet_address *a, const struct packet_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
