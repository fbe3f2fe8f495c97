#ifndef SOCKDIAG_CRAFT_PMTU_H
#define SOCKDIAG_CRAFT_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/packet.h"

/* The search for the MTU of a path, as a state machine: it says which probe is to be sent next and is told
 * what came. Pure: no I/O, no clock.
 *
 * All probes forbid fragmentation. A size is tried by pairs: a large probe and a small one of the same TTL.
 * So a large probe that is lost because of its size is told from loss: the small ones beside it are answered.
 * A size
 *
 *     passes    when a large probe is answered by what stands at the end of the path;
 *     is refused when a router says "too big": its MTU is where the search goes on, and believed only when
 *               that size passes and one byte more does not;
 *     vanishes  when PMTU_PAIRS large ones are lost and the small ones are not: a black hole.
 *
 * Passing is searched by halving between a size that passes and one that does not; if sizes vanish, so is the
 * least of them. Then large probes whose TTL ends at one hop after the other tell behind which hop a black
 * hole lies (and a refusal whose sender is no hop that is known).
 *
 * A "too big" for a size that passes after all is a forged or a broken one. Then no such message is believed
 * any more, and the search begins again.
 *
 * Lifecycle: pmtu_begin, then pmtu_next and pmtu_answer as they come, until pmtu_next says PMTU_DONE. */

#define PMTU_PAIRS 3     /* large probes of a size that must be lost */
#define PMTU_PAIRS_MAX 6 /* where the small ones are lost as well */
#define PMTU_TRIALS 96
#define PMTU_FALLS 8
#define PMTU_TICKETS 256 /* probes whose answers are still known, a power of two */

struct pmtu_config {
    uint32_t local;    /* the largest datagram that can leave this machine */
    uint32_t small;    /* size of the small probes; it passes */
    uint32_t least;    /* an MTU below it is not believed: 68 for IPv4 (RFC 791), 1280 for IPv6 (RFC 8200) */
    uint8_t end;       /* TTL of the probes: that of the last hop that answers small ones */
    bool answers[256]; /* by TTL: hops that answer small probes */
    uint64_t wait_ns;  /* an answer that is not there then is lost */
    uint64_t gap_ns;   /* between the pairs of a size; less than wait_ns */
    /* The hop of an address, or 0. */
    unsigned (*hop_of)(void *context, const struct packet_address *address);
    void *context;
};

enum pmtu_outcome {
    PMTU_TRYING,
    PMTU_PASSES,
    PMTU_REFUSED,
    PMTU_VANISHES,
    PMTU_UNCLEAR, /* the small probes were lost, too */
};

/* The evidence: what became of a size at a TTL. */
struct pmtu_trial {
    uint32_t size;
    uint8_t ttl;
    enum pmtu_outcome outcome;
    uint8_t large_sent, large_answered, small_sent, small_answered;
    int8_t fall; /* PMTU_REFUSED: whose word it was; -1 */
};

/* A place where the MTU falls. */
struct pmtu_fall {
    uint32_t refused; /* a size that does not pass it */
    uint32_t passes;  /* the largest that was seen to; for a refusal: less than `refused` - 1 where no more
                         could be tried, because it does not come much farther */
    bool vanished;    /* a black hole: nobody says so; else `router` did, `told` is its MTU (0: it did not
                         tell, or not a sane one) */
    struct packet_address router; /* family 0: this machine */
    uint32_t told;
    bool placed;      /* the hops are known: */
    uint8_t hop;      /* the last that the large probes reach (0: this machine); */
    uint8_t next_hop; /* the first that they were seen not to reach: more than hop + 1 where those between
                         do not answer */
};

enum pmtu_verdict {
    PMTU_RUNNING,
    PMTU_FOUND,
    PMTU_UNKNOWN,  /* the small probes were lost, too: nothing can be told */
    PMTU_UNSTABLE, /* answers that contradict each other: more than one path, or much loss */
};

struct pmtu {
    struct pmtu_config config;
    enum pmtu_verdict verdict;
    uint32_t mtu;   /* PMTU_FOUND: the largest size that passes */
    bool mistrusts; /* a "too big" was wrong: none is believed */
    struct pmtu_fall fall[PMTU_FALLS];
    unsigned fall_count;
    struct pmtu_trial trial[PMTU_TRIALS];
    unsigned trial_count;

    /* What is known: sizes up to `passes` pass, from `fails` on they do not (0: none known); sizes from
     * `vanishes` on vanish (0: none known). */
    uint32_t passes, fails, vanishes;
    bool confirmed; /* it vanished once more, later: it was no burst of losses, no limit of a router */
    uint32_t hint;  /* the MTU told last, 0: none to follow */
    unsigned contradictions;
    enum {
        PMTU_SIZES,  /* at the end of the path */
        PMTU_PLACES, /* a fall is being placed between the TTLs `near` and `far` */
        PMTU_WORDS,  /* an MTU that was told is tried at the hop behind who told it */
    } stage;
    uint8_t near, far;
    bool unclear[256]; /* by TTL: hops that answered no more */

    /* The trial under way: the last of `trial`. */
    bool trying, small_due;
    uint8_t pairs; /* that it is to have */
    uint64_t next_pair_ns, settled_ns;
    uint32_t ticket_count;
    struct {
        uint16_t trial;
        bool large, answered;
    } ticket[PMTU_TICKETS];
};

void pmtu_begin(struct pmtu *pmtu, const struct pmtu_config *config);

enum pmtu_step {
    PMTU_SEND, /* this probe, now */
    PMTU_WAIT, /* until *until_ns, or an answer */
    PMTU_DONE,
};

struct pmtu_probe {
    uint32_t size; /* of the whole datagram */
    uint8_t ttl;
    uint32_t ticket;
};

enum pmtu_step pmtu_next(struct pmtu *pmtu, uint64_t now_ns, struct pmtu_probe *probe, uint64_t *until_ns);

/* An answer to a probe, by its ticket: whatever came but "too big". */
void pmtu_answered(struct pmtu *pmtu, uint32_t ticket);

/* "Too big" from a router, or (family 0) from this machine itself, with the MTU that it told or 0. */
void pmtu_too_big(struct pmtu *pmtu, uint32_t ticket, const struct packet_address *router, uint32_t told);

/* The trial that tells of a size at a TTL, or NULL. */
const struct pmtu_trial *pmtu_find_trial(const struct pmtu *pmtu, uint32_t size, uint8_t ttl);

#endif
