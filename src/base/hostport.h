#ifndef SOCKDIAG_BASE_HOSTPORT_H
#define SOCKDIAG_BASE_HOSTPORT_H

#include "base/err.h"

/* The place of a service as people write it: host, host:port, :port, 10.0.0.1:80, ::1, [::1], [::1]:80. */
struct hostport {
    char host[256]; /* empty: none was given */
    char port[32];  /* decimal digits or a service's name; `default_port` where none was given */
};

/* 0, or -EINVAL with `err` filled. */
int hostport_parse(struct hostport *out, const char *text, const char *default_port, struct sd_err *err);

#endif
