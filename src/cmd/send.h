#ifndef SOCKDIAG_CMD_SEND_H
#define SOCKDIAG_CMD_SEND_H

#include "base/buf.h"
#include "base/err.h"
#include "cmd/options.h"
#include "cmd/screen.h"
#include "cmd/send_plan.h"
#include "craft/boxes.h"

/* What the parts of `send` share.
 *
 *     parse -> sockets (privileged) -> drop -> parse with names, targets, ways -> filter -> send, receive
 *
 * send_plan    expressions to packets and targets   send_dry    -w, --hex, --dry-run: nothing is sent
 * send_pieces  fragments                            send_ring   packets built ahead
 * send_text    packets as people and JSON see them  send_run    sockets, pacing, the loop
 * send_sockets what takes privilege                 send_answers what comes back
 * send_layers  --layers                             send_report  what is said */

#define SEND_POLITE 1000 /* packets/s that need no leave, and the default */

struct send_wait {
    bool given;
    uint64_t ns;
};

struct send_options {
    struct options_common common;
    struct screen_options screen;
    const char *interface, *write;
    uint64_t count; /* 0: without end */
    uint64_t rate;  /* packets/s; 0: as fast as possible */
    struct send_wait wait;
    uint64_t mtu, seed;
    bool raw, link, hex, dry_run, i_may, no_rst, layers;
};

/* Nothing is sent: the packets are printed, written to a file, or both. */
static inline bool send_is_dry(const struct send_options *o)
{
    return o->write != NULL || o->hex || o->dry_run;
}

/* 0, or -EINVAL with `err` filled; prints the help where it was asked for. `argv[*first…]` are the
 * expressions. */
int send_options_parse(struct send_options *options, int argc, char **argv, int *first, struct sd_err *err);

struct send {
    struct send_options options;
    struct send_plan plan;
    struct view_style style;
    char *const *texts;
    size_t text_count;
    struct buf out; /* gathered for stdout */
};

/* Parse the expressions, as send_plan_parse(); a mistake is told. CMD_OK or CMD_ERROR. */
int send_parse(struct send *send, bool names);

/* For the style of the boxes. */
struct craft_style send_craft_style(const struct send *send);

/* Write what is gathered in `out` to stdout. 0 or a negative errno; a message was printed, but for -EPIPE. */
int send_flush(struct send *send);

/* The exit status. */
int send_dry(struct send *send);
int send_run(struct send *send);
int send_layers(struct send *send);

#endif
