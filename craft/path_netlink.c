#include "craft/path_netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "base/io.h"

int path_netlink_open(struct path_netlink **out, uint32_t groups, struct sd_err *err)
{
    struct path_netlink *netlink = calloc(1, sizeof *netlink);
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (netlink == NULL)
        return sd_fail_errno(err, ENOMEM, "cannot ask for routes");
    netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink->fd < 0 || bind(netlink->fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        int failed = sd_fail_errno(err, errno, "cannot ask for routes: no netlink socket");
        path_netlink_close(netlink);
        return failed;
    }
    *out = netlink;
    return 0;
}

void path_netlink_close(struct path_netlink *netlink)
{
    if (netlink == NULL)
        return;
    io_close(&netlink->fd);
    free(netlink);
}

/* ---- requests ---- */

void path_request_begin(struct path_request *request, uint16_t type, uint16_t flags, const void *body,
                        size_t len)
{
    const struct nlmsghdr header = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(len)),
                                    .nlmsg_type = type,
                                    .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};
    memset(request, 0, sizeof *request);
    memcpy(request->bytes, &header, sizeof header);
    memcpy(request->bytes + NLMSG_HDRLEN, body, len);
}

void path_request_add(struct path_request *request, uint16_t type, const void *data, size_t len)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->bytes;
    const struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
    uint8_t *at = request->bytes + header->nlmsg_len;
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + RTA_LENGTH(0), data, len);
    header->nlmsg_len += (uint32_t)RTA_SPACE(len);
}

/* ---- attributes ---- */

static void read_attributes(const uint8_t *at, size_t left, struct path_attribute out[PATH_ATTRIBUTES])
{
    struct rtattr attribute;
    memset(out, 0, PATH_ATTRIBUTES * sizeof out[0]);
    while (left >= sizeof attribute) {
        memcpy(&attribute, at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || attribute.rta_len > left)
            return;
        const unsigned type = attribute.rta_type & (uint16_t)NLA_TYPE_MASK;
        if (type < PATH_ATTRIBUTES)
            out[type] = (struct path_attribute){at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0)};
        const size_t step = RTA_ALIGN(attribute.rta_len);
        if (step > left)
            return;
        at += step;
        left -= step;
    }
}

void path_attributes(const struct nlmsghdr *message, size_t body_len,
                     struct path_attribute out[PATH_ATTRIBUTES])
{
    const size_t front = NLMSG_HDRLEN + NLMSG_ALIGN(body_len);
    const size_t len = message->nlmsg_len;
    read_attributes((const uint8_t *)message + (len < front ? len : front), len < front ? 0 : len - front,
                    out);
}

void path_nested(const struct path_attribute *nest, struct path_attribute out[PATH_ATTRIBUTES])
{
    read_attributes(nest->data, nest->data != NULL ? nest->len : 0, out);
}

uint32_t path_attribute_u32(const struct path_attribute *attribute, uint32_t otherwise)
{
    if (attribute->data != NULL && attribute->len >= sizeof otherwise)
        memcpy(&otherwise, attribute->data, sizeof otherwise);
    return otherwise;
}

/* ---- answers ---- */

/* What a datagram of messages said of its end: 1 it goes on, 0 that was all, or a negative errno. */
static int read_messages(const struct path_netlink *netlink, size_t len,
                         void (*each)(void *context, const struct nlmsghdr *message), void *context)
{
    const uint8_t *at = netlink->answer;
    while (len >= NLMSG_HDRLEN) {
        const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)at;
        const size_t step = NLMSG_ALIGN(message->nlmsg_len);
        if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > len)
            return -EBADMSG;
        const bool answer = message->nlmsg_seq == netlink->seq;
        if (message->nlmsg_type == NLMSG_ERROR && answer) {
            int code = -EBADMSG;
            if (message->nlmsg_len >= NLMSG_LENGTH(sizeof code))
                memcpy(&code, NLMSG_DATA(message), sizeof code);
            return code;
        }
        if (message->nlmsg_type == NLMSG_DONE && answer)
            return 0;
        each(context, message);
        if (answer && (message->nlmsg_flags & NLM_F_MULTI) == 0)
            return 0;
        if (step >= len)
            break;
        at += step;
        len -= step;
    }
    return 1;
}

/* The length of a datagram from the kernel, or a negative errno. */
static ssize_t receive(struct path_netlink *netlink, int flags)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t len = sizeof from;
        const ssize_t got = recvfrom(netlink->fd, netlink->answer, sizeof netlink->answer, flags,
                                     (struct sockaddr *)&from, &len);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got >= 0 && from.nl_pid == 0) /* other processes may write to us, too */
            return got;
    }
}

int path_ask(struct path_netlink *netlink, struct path_request *request,
             void (*each)(void *context, const struct nlmsghdr *message), void *context)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->bytes;
    header->nlmsg_seq = ++netlink->seq;
    if (send(netlink->fd, request->bytes, header->nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        const ssize_t got = receive(netlink, 0);
        const int more = got < 0 ? (int)got : read_messages(netlink, (size_t)got, each, context);
        /* Notifications overflowed; the answers themselves the kernel waits with. */
        if (more == 1 || more == -ENOBUFS)
            continue;
        return more;
    }
}

void path_notifications(struct path_netlink *netlink,
                        void (*each)(void *context, const struct nlmsghdr *message), void *context)
{
    for (;;) {
        const ssize_t got = receive(netlink, MSG_DONTWAIT);
        if (got < 0 && got != -ENOBUFS)
            return;
        if (got >= 0)
            (void)read_messages(netlink, (size_t)got, each, context);
    }
}
