#ifndef SOCKDIAG_CMD_NAMES_H
#define SOCKDIAG_CMD_NAMES_H

#include <stdbool.h>

#include "base/err.h"
#include "capture/packet.h"

/* Names of addresses (reverse lookup), that nobody waits for: a helper process asks the resolver, and its
 * answers are taken when they come. It has no descriptor of ours but its own socket, and ends with us.
 *
 * Lifecycle: names_start() after privilege_drop() and before privilege_filter(), from a process with one
 * thread; names_ask, names_take, names_find; names_stop. Every function takes NULL: then no name is known. */
struct names;

/* 0, or a negative errno with `err` filled. */
int names_start(struct names **out, struct sd_err *err);

/* To poll for POLLIN; -1 when there is none (any more). */
int names_fd(const struct names *names);

/* Ask for a name, once for each address; never waits. Of more than NAMES_MOST addresses, the later ones stay
 * without. */
#define NAMES_MOST 1024
void names_ask(struct names *names, const struct packet_address *address);

/* Take what has come; never waits. True: a name is new. */
bool names_take(struct names *names);

/* NULL: none is known (yet). The text was chosen by whoever owns the address: escape it. */
const char *names_find(const struct names *names, const struct packet_address *address);

void names_stop(struct names *names);

#endif
