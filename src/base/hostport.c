#include "base/hostport.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_part(char *to, size_t room, const char *from, size_t len, const char *text,
                     struct sd_err *err)
{
    if (len >= room)
        return sd_fail(err, EINVAL, "'%.80s…' is too long for an address", text);
    memcpy(to, from, len);
    to[len] = '\0';
    return 0;
}

/* getaddrinfo(3) takes a number that is no port modulo 65536. */
static bool is_no_port(const char *port)
{
    const size_t digits = strspn(port, "0123456789");
    return port[digits] == '\0' && strtoul(port, NULL, 10) > UINT16_MAX;
}

int hostport_parse(struct hostport *out, const char *text, const char *default_port, struct sd_err *err)
{
    const char *host = text, *port = default_port;
    size_t host_len = strlen(text);
    const char *colon = strchr(text, ':');
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && close[1] != ':'))
            return sd_fail(err, EINVAL, "'%s' is no address; an IPv6 address with a port is [ADDR]:PORT",
                           text);
        host = text + 1;
        host_len = (size_t)(close - host);
        if (host_len == 0)
            return sd_fail(err, EINVAL, "'%s' has no address between its brackets", text);
        if (close[1] == ':')
            port = close + 2;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        host_len = (size_t)(colon - text);
        port = colon + 1;
    }
    if (port[0] == '\0')
        return sd_fail(err, EINVAL, "'%s' has no port after the colon", text);
    if (is_no_port(port))
        return sd_fail(err, EINVAL, "'%.80s': ports go from 0 to 65535", text);
    int failed = copy_part(out->host, sizeof out->host, host, host_len, text, err);
    return failed != 0 ? failed : copy_part(out->port, sizeof out->port, port, strlen(port), text, err);
}
