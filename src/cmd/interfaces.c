#include "cmd/interfaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* getifaddrs(3) gives each interface once for its link and once more for each address. */
static bool is_link(const struct ifaddrs *i)
{
    return i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_PACKET;
}

int interfaces_default(char name[IF_NAMESIZE], struct sd_err *err)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return sd_fail_errno(err, errno, "cannot list the interfaces");
    const struct ifaddrs *i = all;
    while (i != NULL && !(is_link(i) && (i->ifa_flags & IFF_UP) != 0 && (i->ifa_flags & IFF_LOOPBACK) == 0))
        i = i->ifa_next;
    if (i != NULL)
        snprintf(name, IF_NAMESIZE, "%s", i->ifa_name);
    freeifaddrs(all);
    return i != NULL
               ? 0
               : sd_fail(err, ENODEV, "no interface but loopback is up; name one with -i (-D lists them)");
}

/* "192.0.2.1"; false for what is no IP address. */
static bool address_text(const struct ifaddrs *i, char out[INET6_ADDRSTRLEN])
{
    if (i->ifa_addr == NULL)
        return false;
    const void *bytes = NULL;
    if (i->ifa_addr->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
    else if (i->ifa_addr->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
    return bytes != NULL && inet_ntop(i->ifa_addr->sa_family, bytes, out, INET6_ADDRSTRLEN) != NULL;
}

/* The addresses of an interface, separated by blanks. */
static void append_addresses(struct buf *out, const struct ifaddrs *all, const char *name)
{
    char text[INET6_ADDRSTRLEN];
    const size_t start = out->len;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (strcmp(i->ifa_name, name) == 0 && address_text(i, text))
            buf_printf(out, "%s%s", out->len > start ? " " : "", text);
    }
}

static void append_json(struct buf *out, const struct ifaddrs *all, const struct ifaddrs *i)
{
    struct buf addresses = {0};
    append_addresses(&addresses, all, i->ifa_name);
    struct json j = json_begin(out);
    json_text(&j, "type", "interface");
    json_text(&j, "name", i->ifa_name);
    json_bool(&j, "up", (i->ifa_flags & IFF_UP) != 0);
    json_bool(&j, "loopback", (i->ifa_flags & IFF_LOOPBACK) != 0);
    json_text(&j, "addresses", buf_cstr(&addresses));
    json_end_line(&j);
    out->failed = out->failed || addresses.failed;
    buf_free(&addresses);
}

int interfaces_list(struct buf *out, bool json, struct sd_err *err)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return sd_fail_errno(err, errno, "cannot list the interfaces");
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (!is_link(i))
            continue;
        if (json) {
            append_json(out, all, i);
            continue;
        }
        buf_printf(out, "%-15s %-4s %s", i->ifa_name, (i->ifa_flags & IFF_UP) != 0 ? "up" : "down",
                   (i->ifa_flags & IFF_LOOPBACK) != 0 ? "loopback " : "");
        append_addresses(out, all, i->ifa_name);
        buf_char(out, '\n');
    }
    freeifaddrs(all);
    return out->failed ? sd_fail_errno(err, ENOMEM, "cannot list the interfaces") : 0;
}
