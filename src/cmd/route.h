#ifndef SOCKDIAG_CMD_ROUTE_H
#define SOCKDIAG_CMD_ROUTE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/names.h"
#include "cmd/options.h"
#include "cmd/screen.h"
#include "craft/hops.h"
#include "craft/path.h"
#include "craft/pmtu.h"
#include "craft/probe.h"
#include "craft/rawsock.h"
#include "craft/track.h"
#include "lanes/words.h"

/* What the parts of `route` share.
 *
 *     options -> sockets (privileged) -> drop -> name, route, names helper, terminal -> filter -> loop -> end
 *
 * route_options  the command line        route_loop   when what is sent, and what came
 * route_open     sockets, name, route    route_text   table and conclusions
 * route_flight   one probe out, one in   route_mtu    what is said of the path MTU
 * route_watch    the terminal            route_json   the same for programs
 *
 * A round is one probe to each hop, a few milliseconds after each other: all hops are in flight at once. */

enum route_bounds {
    ROUTE_FLIGHTS = 4096, /* probes whose hop is remembered, a power of two */
    ROUTE_FAMILIES = 2,
    ROUTE_RECEIVERS = 2, /* ICMP; answers of the target to UDP and TCP */
};

struct route_options {
    struct options_common common;
    struct screen_options screen;
    bool ipv4, ipv6, numeric, watch, no_mtu;
    enum probe_method method;
    uint64_t port;                 /* of UDP and TCP */
    uint64_t probes;               /* rounds; 0: not given */
    uint64_t max_hops, size;       /* size: payload bytes */
    uint64_t wait_ns, interval_ns; /* interval 0: not given */
    const char *source;            /* -I: an interface or an address */
    const char *host;
};

/* 0, or -EINVAL with `err` filled. Prints the help where it was asked for. */
int route_options_parse(struct route_options *options, int argc, char **argv, struct sd_err *err);

/* What a probe was for, by the low bits of its number. */
struct route_flight {
    uint8_t ttl;
    bool for_mtu;
    bool given_up; /* before its time: what is needed has come */
    uint32_t ticket;
};

struct route_receiver {
    struct rawsock raw;
    bool open, has_ip_header;
    uint8_t protocol;
};

struct route_family {
    struct rawsock sender;
    bool open;
    int failed; /* why it is not, with `why` */
    struct sd_err why;
    struct route_receiver receiver[ROUTE_RECEIVERS];
    int port_fd; /* holds the source port of UDP and TCP probes */
    uint16_t ident;
};

struct route_screen; /* what --watch made of the terminal */

struct route {
    struct route_options options;
    struct view_style style;
    struct hash_key key;
    struct route_family family[ROUTE_FAMILIES];
    struct route_family *way; /* the family that is used */
    struct packet_address target;
    int scope; /* interface of a link-local target */
    char target_text[PACKET_ADDRESS_TEXT];
    struct path path;
    uint32_t interface_mtu;
    struct packet_address source; /* -I ADDRESS; family 0: none */
    int source_interface;         /* -I INTERFACE; 0: none */
    struct names *names;
    int signal_fd;
    struct route_screen *screen;

    struct probe_shape shape;
    struct hops hops;
    struct track track;
    struct route_flight flight[ROUTE_FLIGHTS];
    uint32_t number_of_send[ROUTE_FLIGHTS]; /* by the low bits of the socket's count */
    struct rawsock_batch *packets, *stamps;
    struct buf packet;

    /* Rounds. */
    uint64_t rounds; /* that are to be sent; 0: without an end */
    uint64_t round;  /* that were begun */
    unsigned next_ttl;
    uint64_t round_ns, next_send_ns, last_sent_ns, last_reply_ns; /* CLOCK_MONOTONIC; the target's reply */
    uint64_t longest_rtt_ns;

    struct pmtu pmtu;
    bool mtu_begun, mtu_done;

    uint64_t forged, drops;
    int send_failed; /* the errno of a probe that did not leave; 0: all did */
    uint64_t not_sent;
    bool stopped; /* by a signal, or 'q' */
    bool news;    /* since the table was drawn */
    bool reader_gone;
    struct sd_err err;
};

/* ---- opening: each returns 0, or a negative errno with route->err filled ---- */

/* What takes privileges. */
int route_open_sockets(struct route *route);
/* The target's address, the way there, the shape of the probes. */
int route_find_target(struct route *route);
void route_close_sockets(struct route *route);

/* ---- probes ---- */

/* Send one; `size` bytes in all, 0: as the options say. 0 when it left; -EAGAIN: try again soon; another
 * negative errno: it did not leave. */
int route_send(struct route *route, uint8_t ttl, uint32_t size, const struct route_flight *flight);

/* Take all that came. 0 or a negative errno with route->err filled. */
int route_receive(struct route *route);

/* Bytes of a probe of the options' size. */
uint32_t route_probe_len(const struct route *route);

/* ---- the loop ---- */

/* Until all is known, or a signal. 0 or a negative errno with route->err filled. */
int route_loop(struct route *route);

/* ---- what is said ---- */

/* The head line, the table, the conclusions. */
void route_text_head(const struct route *route, struct buf *out);
void route_text_table(const struct route *route, struct buf *out);
void route_text_end(const struct route *route, struct buf *out);

/* A conclusion: a sign, and text that is wrapped behind it. */
enum route_sign {
    ROUTE_GOOD,
    ROUTE_BAD,
    ROUTE_NOTE,
};
void route_text_say(const struct route *route, struct buf *out, enum route_sign sign, const char *text);

/* "hop 3 (10.0.3.1)". */
struct word route_text_hop(const struct route *route, unsigned ttl);

/* Conclusions about the path MTU; what was tried for it. */
void route_mtu_text(const struct route *route, struct buf *out);
void route_mtu_trials(const struct route *route, struct buf *out);

void route_json(const struct route *route, struct buf *out);

/* Is a fall of the MTU one that nobody tells of? */
bool route_has_black_hole(const struct route *route);

/* ---- the terminal ---- */

/* 0 or a negative errno with route->err filled: then nothing was changed. */
int route_watch_begin(struct route *route);
void route_watch_draw(struct route *route);
/* Is stdin the terminal, too? */
bool route_watch_has_keys(const struct route *route);
/* A key was pressed; a window has another size, or the process goes on after it was stopped. */
void route_watch_key(struct route *route);
void route_watch_resize(struct route *route);
/* Give the terminal back as it was; stop, and take it again. */
void route_watch_suspend(struct route *route);
void route_watch_end(struct route *route);

/* Print what is in `out` and empty it. 0 or a negative errno (told already). */
int route_print(struct route *route, struct buf *out);

#endif
