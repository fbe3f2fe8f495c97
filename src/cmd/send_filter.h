#ifndef SOCKDIAG_CMD_SEND_FILTER_H
#define SOCKDIAG_CMD_SEND_FILTER_H

#include <linux/filter.h>

#include "cmd/send_plan.h"

/* A classic BPF program for packet sockets: passes what may be one of the plan's packets or an answer to it.
 * How many instructions it has. */
#define SEND_FILTER_MOST 512
size_t send_filter(const struct send_plan *plan, struct sock_filter program[SEND_FILTER_MOST]);

#endif
