#ifndef SOCKDIAG_BASE_MISSING_H
#define SOCKDIAG_BASE_MISSING_H

#include "base/err.h"

/* What is missing, in the same words wherever it is missed. */

/* -EPERM: "DOING needs CAP_NET_RAW: …" and the three ways to get it; `in_lab` says the third, "capture in a
 * private network: sockdiag lab". */
int missing_net_raw(struct sd_err *err, const char *doing, const char *in_lab);

/* -ENODEV: there is no such interface, and which there are. */
int missing_interface(struct sd_err *err, const char *name);

#endif
