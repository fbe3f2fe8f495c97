#ifndef SOCKDIAG_CMD_SEND_PLAN_H
#define SOCKDIAG_CMD_SEND_PLAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "craft/build.h"
#include "craft/expr.h"
#include "craft/path.h"

/* What `send` is to send: its expressions, the packets that they stand for, which way each leaves, and to
 * where. Nothing is sent here.
 *
 * Lifecycle: send_plan_parse() without names, which tells what must be opened; after the privileges are gone
 * send_plan_parse() again, with names looked up, send_plan_targets(), send_plan_paths(); then packets by
 * send_plan_build() in any order; send_plan_free(). */

enum send_way {
    SEND_RAW4, /* SOCK_RAW, IP_HDRINCL */
    SEND_RAW6,
    SEND_LINK, /* whole frames */
    SEND_WAYS,
};

/* More targets than this at once are refused: where each goes is asked before the first packet leaves. */
#define SEND_TARGETS 65536

struct send_target {
    struct packet_address address; /* family 0: frames that no IP or ARP header is found in */
    struct path path;
    bool known;     /* `path` is filled */
    bool by_link;   /* a frame goes to it */
    bool needs_mac; /* a packet to it leaves the target's MAC to us */
};

struct send_expr {
    const char *text;
    struct buf full; /* `text`, with "eth()/" in front where that is ours to add */
    struct craft_expr *expr;
    uint64_t count; /* packets */
    enum send_way way;
    int net;   /* the layer that names the target: ip, ipv6, arp; -1: none */
    int field; /* of it: dst, pdst */
};

struct send_plan {
    /* Set by the caller. */
    bool raw, link;        /* --raw, --link */
    const char *interface; /* -i, or NULL */
    uint64_t seed;

    struct send_expr *exprs;
    size_t expr_count;
    uint64_t total; /* packets of one round, UINT64_MAX: that many or more */
    bool has_names; /* an address was a name */
    bool ways[SEND_WAYS];
    struct send_target *targets;
    size_t target_count, target_room;
    uint32_t *index; /* of the targets by their hash */
    struct hash_key key;
};

/* Parse every text. `names`: look host names up; else they stand for no address yet. 0; -EINVAL with
 * `message` saying where the text is wrong, in lines of at most `columns`; another negative errno. */
int send_plan_parse(struct send_plan *plan, char *const *texts, size_t count, bool names, unsigned columns,
                    struct buf *message);

/* The target of the first packet that leaves as a frame; false: there is none, or it names none. */
bool send_plan_link_target(const struct send_plan *plan, struct packet_address *target);

/* Set the bit of each TCP source port that the packets have. false: no packet has TCP. */
bool send_plan_tcp_ports(const struct send_plan *plan, uint8_t bits[(UINT16_MAX + 1) / 8]);

/* Find the different targets of all packets. 0 or a negative errno with `err` filled. */
int send_plan_targets(struct send_plan *plan, struct sd_err *err);

/* Ask the kernel for the way to an address, by the plan's interface where one is named. */
int send_plan_look_up(const struct send_plan *plan, const struct packet_address *target, struct path *path,
                      struct sd_err *err);

/* Ask the kernel for the way to each target. `sends`: a target that cannot be reached is an error, neighbours
 * are asked for their MAC addresses; else such a target stays not `known`. */
int send_plan_paths(struct send_plan *plan, bool sends, struct sd_err *err);

/* A packet of a round, as bytes appended to `out`. */
struct send_built {
    const struct send_expr *expr;
    const struct send_target *target;
    size_t len, net_at; /* bytes; where its IP header begins (frames without: 0) */
};
int send_plan_build(const struct send_plan *plan, uint64_t number, struct craft_packet *packet,
                    struct buf *out, struct send_built *built, struct sd_err *err);

/* What a packet begins with. */
const struct craft_layer_type *send_first_layer(enum send_way way);

void send_plan_free(struct send_plan *plan);

#endif
