#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd/ping.h"
#include "craft/path.h"

#define MOST_TARGETS 1000000U
#define LINE_BYTES 512

enum {
    MULTICAST_TTL = 1, /* as the kernel's: not past the first router unless asked for */
    USUAL_TTL = 64,
    SMALL = 400, /* bytes of payload that all paths take: their MTU need not be asked for */
};

/* ---- one target ---- */

static struct ping_target *add_target(struct ping *ping)
{
    if (ping->target_count == ping->target_room) {
        const uint32_t room = ping->target_room == 0 ? 16 : 2 * ping->target_room;
        struct ping_target *targets = reallocarray(ping->targets, room, sizeof *targets);
        if (targets == NULL)
            return NULL;
        ping->targets = targets;
        ping->target_room = room;
    }
    struct ping_target *target = &ping->targets[ping->target_count];
    *target = (struct ping_target){.next = PING_NOBODY};
    return target;
}

static bool is_multicast(const struct packet_address *address)
{
    return address->family == 4 ? (address->bytes[0] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

static bool is_unspecified(const struct packet_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

static void fill_shape(const struct ping *ping, struct ping_target *target, bool broadcast)
{
    const struct ping_options *o = &ping->options;
    const struct packet_address source = target->shape.source, address = target->shape.target;
    const bool multicast = is_multicast(&address);
    struct probe_shape *shape = &target->shape;
    *shape = ping_shape(ping, address.family == 6);
    shape->source = source;
    shape->target = address;
    shape->ttl = (uint8_t)(o->ttl != 0 ? o->ttl : multicast ? MULTICAST_TTL : USUAL_TTL);
    shape->tos = (uint8_t)(o->tos < 0 ? 0 : o->tos);
    memcpy(shape->pattern, o->pattern, sizeof shape->pattern);
    shape->pattern_len = o->pattern_len;
    shape->any_target = broadcast || multicast;
    /* A key of its own for each, so that answers to two targets of one address are told apart. */
    shape->key = ping->key;
    shape->key.k1 ^= ping->target_count;
}

void ping_target_learn_mtu(const struct ping *ping, struct ping_target *target, uint32_t mtu)
{
    const int how = ping->options.pmtudisc;
    target->mtu = mtu;
    target->shape.dont_fragment = how == IP_PMTUDISC_DO || how == IP_PMTUDISC_PROBE ||
                                  (how != IP_PMTUDISC_DONT && (mtu == 0 || probe_len(&target->shape) <= mtu));
}

/* ---- routes: what connecting a socket tells of them ---- */

union name {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

static socklen_t name_of(union name *name, const struct packet_address *address, int scope)
{
    *name = (union name){.any.sa_family = address->family == 4 ? AF_INET : AF_INET6};
    if (address->family == 4) {
        name->ip4.sin_port = htons(1);
        memcpy(&name->ip4.sin_addr, address->bytes, 4);
        return sizeof name->ip4;
    }
    name->ip6.sin6_port = htons(1);
    name->ip6.sin6_scope_id = (uint32_t)scope;
    memcpy(&name->ip6.sin6_addr, address->bytes, 16);
    return sizeof name->ip6;
}

static void take_source(struct ping_target *target, int fd)
{
    const bool ip6 = target->shape.target.family == 6;
    union name name;
    socklen_t len = sizeof name;
    if (target->shape.source.family != 0 || getsockname(fd, &name.any, &len) != 0)
        return;
    target->shape.source.family = target->shape.target.family;
    memcpy(target->shape.source.bytes, ip6 ? (void *)&name.ip6.sin6_addr : (void *)&name.ip4.sin_addr,
           ip6 ? 16 : 4);
}

static void take_mtu(struct ping_target *target, int fd)
{
    const bool ip6 = target->shape.target.family == 6;
    int mtu = 0;
    socklen_t len = sizeof mtu;
    if (getsockopt(fd, ip6 ? IPPROTO_IPV6 : IPPROTO_IP, ip6 ? IPV6_MTU : IP_MTU, &mtu, &len) == 0 && mtu > 0)
        target->mtu = (uint32_t)mtu;
}

static int connect_to(int fd, const struct ping_target *target)
{
    /* The address that an earlier connect(2) chose would stay. */
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    union name name;
    (void)connect(fd, &nobody, sizeof nobody);
    const socklen_t len = name_of(&name, &target->shape.target, target->scope);
    return connect(fd, &name.any, len) == 0 ? 0 : -errno;
}

/* Source, path MTU, and whether it is a broadcast address (only for those who ask for it). 0 or a negative
 * errno. */
static int find_route(struct ping *ping, struct ping_target *target, bool *broadcast)
{
    const bool ip6 = target->shape.target.family == 6;
    const int fd = ping->lookup_fd[ip6], on = 1, off = 0;
    *broadcast = false;
    if (fd < 0)
        return -EAFNOSUPPORT;
    int failed = connect_to(fd, target);
    if (failed == -EACCES && ping->options.broadcast) {
        *broadcast = true;
        (void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
        failed = connect_to(fd, target);
        (void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &off, sizeof off);
    }
    if (failed != 0)
        return failed;
    take_source(target, fd);
    if (is_unspecified(&target->shape.target)) /* this host, by the address that the kernel takes for it */
        target->shape.target = target->shape.source;
    if (ping->options.size > SMALL)
        take_mtu(target, fd);
    return 0;
}

/* ---- names ---- */

static bool find_literal(const struct ping_options *o, struct ping_target *target, const char *name)
{
    struct packet_address *address = &target->shape.target;
    if (!o->ipv6 && inet_pton(AF_INET, name, address->bytes) == 1)
        address->family = 4;
    else if (!o->ipv4 && inet_pton(AF_INET6, name, address->bytes) == 1)
        address->family = 6;
    return address->family != 0;
}

static bool take_address(struct ping_target *target, const struct addrinfo *found)
{
    struct packet_address *address = &target->shape.target;
    if (found->ai_family == AF_INET) {
        address->family = 4;
        memcpy(address->bytes, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
    } else if (found->ai_family == AF_INET6) {
        const struct sockaddr_in6 *name = (const void *)found->ai_addr;
        address->family = 6;
        memcpy(address->bytes, &name->sin6_addr, 16);
        target->scope = (int)name->sin6_scope_id;
    }
    return address->family != 0;
}

/* NULL, or why the name has no address. */
static const char *resolve(const struct ping *ping, struct ping_target *target, const char *name)
{
    const struct ping_options *o = &ping->options;
    const uint8_t source = o->source.address.family;
    const struct addrinfo hints = {.ai_family = o->ipv4 || source == 4   ? AF_INET
                                                : o->ipv6 || source == 6 ? AF_INET6
                                                                         : AF_UNSPEC,
                                   .ai_socktype = SOCK_RAW};
    struct addrinfo *found = NULL;
    bool taken = false;
    if (find_literal(o, target, name))
        return NULL;
    const int failed = getaddrinfo(name, NULL, &hints, &found);
    if (failed != 0)
        return sd_resolve_text(failed);
    for (const struct addrinfo *at = found; at != NULL && !taken; at = at->ai_next)
        taken = take_address(target, at);
    freeaddrinfo(found);
    return taken ? NULL : _("no address");
}

static bool take_name(struct ping_target *target, const char *name)
{
    struct buf safe = {0};
    text_escape(&safe, name, strlen(name));
    (void)buf_cstr(&safe);
    target->name = safe.failed ? NULL : (char *)safe.data;
    return target->name != NULL;
}

static void describe_address(const struct ping *ping, struct ping_target *target)
{
    char interface[IF_NAMESIZE];
    packet_address_text(&target->shape.target, target->address);
    if (target->scope != 0 && if_indextoname((unsigned)target->scope, interface) != NULL) {
        const size_t len = strlen(target->address);
        snprintf(target->address + len, sizeof target->address - len, "%%%s", interface);
    }
    target->named = !ping->options.numeric && strcmp(target->name, target->address) != 0;
}

/* ---- adding hosts ---- */

static void cannot_have(struct ping *ping, const struct ping_target *target, const char *why)
{
    ping->unresolved++;
    const bool is_address = strcmp(target->name, target->address) == 0;
    if (is_address && strstr(why, target->name) != NULL)
        ping_say(ping, "%s", why);
    else
        ping_say(ping, "%s: %s", target->name, why);
    free(target->name);
}

/* The errno of connect(2) does not tell a blackhole, a prohibited route or a broadcast address; the route
 * does. */
static const char *no_route(const struct ping *ping, const struct ping_target *target, int failed,
                            struct sd_err *why)
{
    const struct ping_sender *sender = &ping->sender[target->shape.target.family == 6];
    const char *name = ping->options.source.interface;
    const int interface = target->scope != 0 ? target->scope : name != NULL ? (int)if_nametoindex(name) : 0;
    struct path path;
    if (!sender->open)
        return sender->why.text;
    if (failed != -EACCES && failed != -EINVAL && failed != -EHOSTUNREACH)
        return sd_errno_text(-failed);
    if (path_lookup(&path, &target->shape.target, interface, &target->shape.source, why) != 0)
        return why->text;
    return failed == -EACCES && path.broadcast ? _("this is a broadcast address; -b pings it all the same")
                                               : sd_errno_text(-failed);
}

static int find_source(const struct ping *ping, struct ping_target *target)
{
    const struct ping_source *source = &ping->options.source;
    const uint8_t *bytes = target->shape.target.bytes;
    if (source->address.family == target->shape.target.family)
        target->shape.source = source->address;
    const bool link_local = target->shape.target.family == 6 &&
                            ((bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) || bytes[0] == 0xff);
    if (link_local && target->scope == 0 && source->interface != NULL)
        target->scope = (int)if_nametoindex(source->interface);
    return ping->sender[target->shape.target.family == 6].open ? 0 : -EAFNOSUPPORT;
}

/* 0, or -ENOMEM. A host that cannot be had is told and counted. */
static int add_host(struct ping *ping, const char *name)
{
    bool broadcast = false;
    struct sd_err err = {0};
    struct ping_target *target = add_target(ping);
    if (target == NULL)
        return sd_fail_errno(&ping->err, ENOMEM, "cannot remember the hosts");
    if (!take_name(target, name))
        return sd_fail_errno(&ping->err, ENOMEM, "cannot remember the hosts");
    const char *why = resolve(ping, target, name);
    if (why == NULL) {
        int failed = find_source(ping, target);
        if (failed == 0)
            failed = find_route(ping, target, &broadcast);
        if (failed != 0)
            why = no_route(ping, target, failed, &err);
    }
    describe_address(ping, target);
    if (why != NULL) {
        cannot_have(ping, target, why);
        return 0;
    }
    fill_shape(ping, target, broadcast);
    ping_target_learn_mtu(ping, target, target->mtu);
    if (broadcast)
        ping_say(ping, "warning: %s is a broadcast address", target->name);
    ping->any_targets += target->shape.any_target;
    ping->target_count++;
    return 0;
}

static char *trim(char *line)
{
    line[strcspn(line, "#\n")] = '\0';
    line += strspn(line, " \t\r");
    line[strcspn(line, " \t\r")] = '\0';
    return line;
}

static int read_lines(struct ping *ping, FILE *file)
{
    char line[LINE_BYTES];
    int failed = 0;
    for (uint64_t number = 1; failed == 0 && fgets(line, sizeof line, file) != NULL; number++) {
        if (strchr(line, '\n') == NULL && !feof(file))
            return sd_fail(&ping->err, EINVAL, "line %llu of %s is too long for a host name",
                           (unsigned long long)number, ping->options.file);
        const char *name = trim(line);
        if (name[0] == '\0')
            continue;
        if (ping->target_count == MOST_TARGETS)
            return sd_fail(&ping->err, E2BIG, "more than %u hosts", MOST_TARGETS);
        failed = add_host(ping, name);
    }
    if (failed == 0 && ferror(file))
        failed = sd_fail_errno(&ping->err, errno, "cannot read %s", ping->options.file);
    return failed;
}

static int read_file(struct ping *ping)
{
    const bool is_stdin = strcmp(ping->options.file, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(ping->options.file, "re");
    if (file == NULL)
        return sd_fail_errno(&ping->err, errno, "cannot open %s", ping->options.file);
    int failed = read_lines(ping, file);
    if (!is_stdin)
        fclose(file);
    return failed;
}

/* ---- the table by address ---- */

static uint32_t bucket_of(const struct ping *ping, const struct packet_address *address)
{
    return (uint32_t)hash_bytes(&ping->key, address->bytes, sizeof address->bytes) & (ping->bucket_count - 1);
}

uint32_t ping_targets_at(const struct ping *ping, const struct packet_address *address)
{
    return ping->target_count == 1 ? 0 : ping->buckets[bucket_of(ping, address)];
}

static int make_table(struct ping *ping)
{
    ping->bucket_count = 16;
    while (ping->bucket_count < 2 * ping->target_count)
        ping->bucket_count *= 2;
    ping->buckets = malloc(ping->bucket_count * sizeof *ping->buckets);
    if (ping->buckets == NULL)
        return sd_fail_errno(&ping->err, ENOMEM, "cannot remember the hosts");
    memset(ping->buckets, 0xff, ping->bucket_count * sizeof *ping->buckets); /* PING_NOBODY */
    for (uint32_t i = ping->target_count; i-- > 0;) {
        struct ping_target *target = &ping->targets[i];
        uint32_t *head = &ping->buckets[bucket_of(ping, &target->shape.target)];
        target->next = *head;
        *head = i;
    }
    return 0;
}

int ping_targets_find(struct ping *ping, int argc, char **argv)
{
    int failed = 0;
    ping->key = hash_key_random();
    for (int i = 0; failed == 0 && i < argc; i++)
        failed = add_host(ping, argv[i]);
    if (failed == 0 && ping->options.file != NULL)
        failed = read_file(ping);
    if (failed != 0)
        return failed;
    if (ping->target_count == 0 && ping->unresolved == 0)
        return sd_fail(&ping->err, EINVAL, "there is no host in %s", ping->options.file);
    return make_table(ping);
}

void ping_targets_free(struct ping *ping)
{
    for (uint32_t i = 0; i < ping->target_count; i++) {
        struct ping_target *target = &ping->targets[i];
        free(target->name);
        track_free(&target->track);
        rtt_free(&target->rtt);
    }
    free(ping->targets);
    free(ping->buckets);
}
