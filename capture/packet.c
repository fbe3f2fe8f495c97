#include "capture/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Decimal digits at `out`; returns the place behind them. By hand: the recorder prints two addresses for each
 * call. */
static char *put_number(char *out, unsigned value)
{
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    memcpy(out, digits + at, sizeof digits - at);
    return out + sizeof digits - at;
}

/* The address at `out`, NUL-terminated; returns the place of the NUL. */
static char *put_address(char *out, const struct packet_address *address)
{
    if (address->family == 4) {
        for (int i = 0; i < 4; i++) {
            out = put_number(out, address->bytes[i]);
            *out++ = '.';
        }
        *--out = '\0';
        return out;
    }
    if (address->family != 6 || inet_ntop(AF_INET6, address->bytes, out, PACKET_ADDRESS_TEXT) == NULL)
        strcpy(out, "-");
    return out + strlen(out);
}

void packet_address_text(const struct packet_address *address, char out[PACKET_ADDRESS_TEXT])
{
    put_address(out, address);
}

void packet_endpoint_text(const struct packet_address *address, uint16_t port, char out[PACKET_ENDPOINT_TEXT])
{
    char *at = out;
    if (address->family == 6)
        *at++ = '[';
    at = put_address(at, address);
    if (address->family == 6)
        *at++ = ']';
    *at++ = ':';
    *put_number(at, port) = '\0';
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
