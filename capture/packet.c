#include "capture/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Decimal digits at `out`; returns the place behind them. By hand: two addresses are printed for each call
 * that is recorded and each packet that is shown. */
static char *put_number(char *out, uint16_t value)
{
    if (value >= 10000)
        *out++ = (char)('0' + value / 10000);
    if (value >= 1000)
        *out++ = (char)('0' + value / 1000 % 10);
    if (value >= 100)
        *out++ = (char)('0' + value / 100 % 10);
    if (value >= 10)
        *out++ = (char)('0' + value / 10 % 10);
    *out++ = (char)('0' + value % 10);
    return out;
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

size_t packet_address_text(const struct packet_address *address, char out[PACKET_ADDRESS_TEXT])
{
    return (size_t)(put_address(out, address) - out);
}

size_t packet_endpoint_text(const struct packet_address *address, uint16_t port,
                            char out[PACKET_ENDPOINT_TEXT])
{
    char *at = out;
    if (address->family == 6)
        *at++ = '[';
    at = put_address(at, address);
    if (address->family == 6)
        *at++ = ']';
    *at++ = ':';
    at = put_number(at, port);
    *at = '\0';
    return (size_t)(at - out);
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
