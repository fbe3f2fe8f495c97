#ifndef SOCKDIAG_CAPTURE_SOURCE_H
#define SOCKDIAG_CAPTURE_SOURCE_H

#include "capture/pcapng.h"

/* Where records come from: an interface, a file, or stdin, behind one iterator. Lifecycle: open, next…,
 * close. */
struct source;

struct source_live {
    const char *interface;
    const char *filter;    /* pcap-filter(7), or NULL */
    uint32_t snaplen;      /* 0: 262144 */
    uint32_t buffer_bytes; /* ring buffer, 0: 16 MiB */
    bool promiscuous;
    bool immediate; /* deliver each packet at once instead of by the block; the ring then holds few of them,
                       each takes the room of the largest */
    unsigned block_ms; /* a block is delivered after this time, twice as long at the most; 0: 50 */
    bool inbound_only; /* PCAP_D_IN: not what this machine sends on the interface */
};

/* Needs CAP_NET_RAW; afterwards none. Time stamps are nanoseconds. 0, or a negative errno with `err` filled:
 * -EPERM names the capability, -ENODEV the interfaces that there are, -EINVAL shows the filter and what is
 * wrong with it. */
int source_open_live(struct source **out, const struct source_live *config, struct sd_err *err);

/* A capture file. `name` is for messages; `filter` (may be NULL) is applied to packets of every link type in
 * the file; -EINVAL at opening where it fits none. Numbers of packets are those in the file. `fd` stays the
 * caller's. */
int source_open_fd(struct source **out, int fd, const char *name, const char *filter, struct sd_err *err);

/* What guards the reading of a descriptor. `before_reading` (may be NULL) is called when the filter is
 * compiled, for which host names may have to be looked up, and before the first byte is read: the place to
 * give up what only that needed; its failure is that of the opening. `wait` ends the opening, too. */
struct source_guard {
    int (*before_reading)(void *context, struct sd_err *err);
    void *context;
    struct pcapng_wait wait;
    const struct pcapng_pieces *pieces; /* or NULL: the bytes come from there, not from the descriptor */
};
int source_open_fd_guarded(struct source **out, int fd, const struct source_guard *guard, const char *name,
                           const char *filter, struct sd_err *err);

void source_close(struct source *source);

/* As pcapng_reader_next(); a live source also answers -EAGAIN when nothing is there now (poll source_fd()),
 * -ENETDOWN when its interface went down or away, and never 0. */
int source_next(struct source *source, struct capture_record *record, struct sd_err *err);

/* The next record of a file, if it stands in memory: see pcapng_reader_has_next(). 0: none does. */
int source_next_in_memory(struct source *source, struct capture_record *record, struct sd_err *err);

int source_fd(const struct source *source);              /* to poll; -1 for a file */
int source_linktype(const struct source *source);        /* of a live source */
const char *source_comment(const struct source *source); /* see pcapng_reader_comment() */

/* See pcapng_reader_interface(); a live source has interface 0 only. */
const struct capture_interface *source_interface(const struct source *source, uint32_t index);

/* Counts of a live source (ps_recv, ps_drop + ps_ifdrop). 0 or a negative errno. */
int source_stats(const struct source *source, uint64_t *received, uint64_t *dropped);

/* Send a frame out of a live source's interface (the lab's forwarder). 0 or a negative errno. */
int source_inject(struct source *source, const void *frame, size_t len);

#endif
