#ifndef SOCKDIAG_BASE_LAB_ALIAS_H
#define SOCKDIAG_BASE_LAB_ALIAS_H

#include <assert.h>

/* The alias (ip-link(8), ifalias) that a lab gives its interfaces, and by which commands that run in it know
 * that no packet leaves this machine. */
#define LAB_ALIAS "sockdiag lab"

static_assert(sizeof LAB_ALIAS <= 256, "IFALIASZ of linux/if.h");

#endif
