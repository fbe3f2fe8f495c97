#ifndef SOCKDIAG_CMD_SEND_LIVE_H
#define SOCKDIAG_CMD_SEND_LIVE_H

#include "cmd/send.h"
#include "cmd/send_ring.h"
#include "craft/dissect.h"
#include "craft/rawsock.h"
#include "craft/rtt.h"
#include "craft/sent.h"

/* Sending for real: what send_run, send_sockets, send_loop, send_answers and send_report share. */

#define SEND_IDS SENT_KEPT

/* Where packets come in: frames at the packet socket of --link, datagrams at the witness. */
enum send_ear {
    SEND_EAR_IP,
    SEND_EAR_LINK,
    SEND_EARS,
};

struct send_live {
    struct send *send;
    struct rawsock sockets[SEND_WAYS], witness;
    bool has[SEND_WAYS], has_witness;
    char link_name[IF_NAMESIZE]; /* the interface of SEND_LINK */
    int signal_fd;
    struct rawsock_batch *batch;
    struct send_ring ring;
    bool awaits;    /* answers are looked for */
    bool watches;   /* -v: what leaves is looked at */
    bool tells;     /* --json: each packet that was sent is told */
    bool stop;      /* a signal asked for the end */
    bool no_reader; /* nobody reads the output any more */
    bool write_failed;

    struct sent *sent[SEND_EARS];
    uint64_t *ids[SEND_WAYS]; /* SEND_IDS of them: the record of the packet that a socket sent as this id */
    struct craft_packet *got, *mine;
    struct craft_room *got_room, *my_room;
    struct buf scratch;

    uint64_t number;                 /* packets begun */
    uint64_t packets, pieces, bytes; /* that were taken */
    uint64_t failed;                 /* pieces that were not */
    uint64_t answered, errors, duplicates, ambiguous;
    uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC, of the sending */
    int told[8];               /* errno values that were told */
    struct rtt rtt;
    struct sd_err err;
};

static inline enum send_ear send_ear_of(enum send_way way)
{
    return way == SEND_LINK ? SEND_EAR_LINK : SEND_EAR_IP;
}

/* ---- send_sockets: with the privileges at hand, before anything is looked up ---- */

/* Open what the plan needs. 0 or a negative errno with live->err filled. */
int send_sockets_open(struct send_live *live);
/* --no-rst: in a lab, for the source ports of the plan's TCP. */
int send_sockets_no_rst(struct send_live *live);
/* Receive only what may be an answer. */
int send_sockets_filter(struct send_live *live);
void send_sockets_close(struct send_live *live);

/* ---- send_loop ---- */

/* Send all, receive what comes meanwhile and for --wait afterwards. 0 or a negative errno with live->err
 * filled. */
int send_loop(struct send_live *live);
/* Write what is gathered for stdout. false: it cannot be written, which ends the run. */
bool send_loop_write(struct send_live *live);

/* ---- send_answers ---- */

/* A packet was handed over as `id` of its socket: of a piece that is not its packet's first, nothing is
 * remembered but the id. 0 or -ENOMEM. */
int send_answers_sent(struct send_live *live, const struct send_piece *piece, const struct rawsock_out *out,
                      uint32_t id, uint64_t asked_ns);
/* Take what the sockets have. 0 or a negative errno with live->err filled. */
int send_answers_take(struct send_live *live);
/* Was every packet answered, and can no second answer be of interest? */
bool send_answers_complete(const struct send_live *live);
/* Packets that left, and were not seen leaving (yet). */
bool send_answers_unseen(const struct send_live *live);

/* ---- send_report ---- */

/* What leave is needed for, and what will be sent where: on stderr. CMD_OK; CMD_ERROR after a message. */
int send_report_leave(struct send_live *live);
/* That ARP leaves by an interface that does none. */
void send_report_arp(const struct send_live *live);
/* What of the expressions the kernel will not send as it is written. */
void send_report_rewrites(struct send_live *live);
void send_report_sent(struct send_live *live, const struct sent_record *record);
/* -v: as it left, `seen` by the witness. */
void send_report_left(struct send_live *live, const struct sent_record *record, const uint8_t *bytes,
                      size_t len);
struct send_answer {
    const struct sent_match *match;
    const uint8_t *bytes;
    size_t len;
    uint64_t time_ns, rtt_ns; /* rtt_ns: UINT64_MAX where there is none; the most it can be if ambiguous */
    const char *why;
};
void send_report_answer(struct send_live *live, const struct send_answer *answer);
void send_report_unanswered(struct send_live *live);
void send_report_summary(struct send_live *live);

#endif
