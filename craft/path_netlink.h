#ifndef SOCKDIAG_CRAFT_PATH_NETLINK_H
#define SOCKDIAG_CRAFT_PATH_NETLINK_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "base/err.h"

/* rtnetlink(7) as far as path needs it: a question, its answers, their attributes. */

enum {
    PATH_REQUEST = 512,
    PATH_ANSWER = 65536,
    PATH_ATTRIBUTES = 64
};

struct path_netlink {
    int fd; /* zero-initialise, open, close */
    uint32_t seq;
    alignas(struct nlmsghdr) uint8_t answer[PATH_ANSWER];
};

/* `groups`: bits of notifications to receive as well (RTMGRP_…). 0 or a negative errno. */
int path_netlink_open(struct path_netlink **out, uint32_t groups, struct sd_err *err);
void path_netlink_close(struct path_netlink *netlink);

struct path_request {
    alignas(struct nlmsghdr) uint8_t bytes[PATH_REQUEST];
};

/* Begin a request of this type with a body (struct rtmsg, …) of `len` bytes; then add attributes. */
void path_request_begin(struct path_request *request, uint16_t type, uint16_t flags, const void *body,
                        size_t len);
void path_request_add(struct path_request *request, uint16_t type, const void *data, size_t len);

/* What an attribute holds. */
struct path_attribute {
    const void *data; /* NULL: it is not there */
    size_t len;
};

/* Attributes 0 … PATH_ATTRIBUTES - 1 behind a body of `body_len` bytes; a body that is shorter: none. */
void path_attributes(const struct nlmsghdr *message, size_t body_len,
                     struct path_attribute out[PATH_ATTRIBUTES]);
void path_nested(const struct path_attribute *nest, struct path_attribute out[PATH_ATTRIBUTES]);
uint32_t path_attribute_u32(const struct path_attribute *attribute, uint32_t otherwise);

/* Send the request and hand each answer to `each`, up to the last; notifications among them, too. 0, or the
 * negative errno that the kernel answered. */
int path_ask(struct path_netlink *netlink, struct path_request *request,
             void (*each)(void *context, const struct nlmsghdr *message), void *context);

/* Hand every notification that is there to `each`; does not wait. */
void path_notifications(struct path_netlink *netlink,
                        void (*each)(void *context, const struct nlmsghdr *message), void *context);

#endif
