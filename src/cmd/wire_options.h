#ifndef SOCKDIAG_CMD_WIRE_OPTIONS_H
#define SOCKDIAG_CMD_WIRE_OPTIONS_H

#include "cmd/options.h"
#include "lab/lab.h"

/* The options that say how the lab's wire is, shared by every command that has a lab. */

struct wire_options {
    uint64_t mtu; /* 0: not given */
    struct lab_wire wire;
};

#define WIRE_OPTION_ROWS 7

/* Write the rows --mtu, --delay, --rate, --drop, --dup, --reorder, --corrupt; their targets are in `options`.
 * `delay_help`: the help of --delay, whose default is not the same in every command. Returns how many. */
size_t wire_options_rows(struct wire_options *options, const char *delay_help,
                         struct option_row rows[WIRE_OPTION_ROWS]);

/* 0, or -EINVAL where the options contradict each other: IPv6 needs an MTU of 1280. */
int wire_options_check(const struct wire_options *options, bool ipv6, struct sd_err *err);

/* For a command's help: what a SPEC is. */
extern const char wire_options_notes[];

#endif
