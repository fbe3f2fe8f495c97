#ifndef SOCKDIAG_CMD_INTERFACES_H
#define SOCKDIAG_CMD_INTERFACES_H

#include <net/if.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Network interfaces, as people choose among them. */

/* The first interface that is up and not loopback. 0, or -ENODEV with `err` filled. */
int interfaces_default(char name[IF_NAMESIZE], struct sd_err *err);

/* Append one line for each: its name, whether it is up, its addresses; or one JSON object a line. 0 or a
 * negative errno with `err` filled. */
int interfaces_list(struct buf *out, bool json, struct sd_err *err);

#endif
