#ifndef SOCKDIAG_CAPTURE_PCAPNG_H
#define SOCKDIAG_CAPTURE_PCAPNG_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "capture/packet.h"

/* Capture files: pcapng (draft-ietf-opsawg-pcapng), classic pcap (draft-ietf-opsawg-pcap) and snoop (RFC
 * 1761), read in both byte orders, from anything that read(2) can read. Written: pcapng, by builders that
 * append one block to a buffer, so that who writes the buffer checks the write. */

#define PCAPNG_MAX_BLOCK (16U << 20) /* larger blocks are taken for damage */

/* ---- reading ---- */

enum capture_kind {
    CAPTURE_PACKET,
    CAPTURE_JOURNAL, /* a systemd Journal Export block */
    CAPTURE_STATS,   /* an Interface Statistics Block */
};

struct capture_record {
    enum capture_kind kind;
    struct packet packet; /* CAPTURE_PACKET: the source's fields are filled, the decoder's are not touched */
    const char *journal;  /* CAPTURE_JOURNAL: the fields, not NUL-terminated */
    size_t journal_len;
    uint32_t interface;         /* CAPTURE_STATS */
    uint64_t received, dropped; /* CAPTURE_STATS; UINT64_MAX where not told */
};

/* A packet of nothing. All of a record but the decoder's fields is set: to clear those, too, would cost more
 * than to read a packet. */
static inline void capture_record_clear(struct capture_record *record)
{
    record->kind = CAPTURE_PACKET;
    packet_captured(&record->packet, 0, 0, NULL, 0, 0);
    record->packet.number = 0;
    record->journal = NULL;
    record->journal_len = 0;
    record->interface = 0;
    record->received = record->dropped = 0;
}

/* An interface of the capture, numbered from 0 through all sections of the file. */
struct capture_interface {
    char name[64]; /* "" where not told; bytes of the file's choice */
    int linktype;
    uint32_t snaplen; /* 0: no limit */
};

struct pcapng_reader;

/* Begin to read `fd` (stays the caller's). `name` is for messages. 0, or a negative errno with `err` filled:
 * -EINVAL when it is no capture file. */
int pcapng_reader_open(struct pcapng_reader **out, int fd, const char *name, struct sd_err *err);

/* What happens where the reader would have to wait for input, as of a pipe. First before() is called (unless
 * it is NULL): what was made of the records so far can be let out. The reader gives up, with -EINTR, when
 * that answers false, and when `stop_fd` (-1: none) becomes readable, so that a signal (signalfd) ends the
 * wait. */
struct pcapng_wait {
    int stop_fd;
    bool (*before)(void *context);
    void *context;
};

/* Bytes that somebody else has read, in pieces. next() gives those `left`, which the reader has not consumed,
 * with more behind them; those before them are not looked at any more. 1; 0: the end; -EAGAIN: there will be
 * more; or another negative errno. In the last three cases, what is left stays where it is. */
struct pcapng_pieces {
    void *context;
    int (*next)(void *context, const uint8_t *left, size_t left_len, const uint8_t **data, size_t *len);
};

/* As above, with one of these. */
int pcapng_reader_open_wait(struct pcapng_reader **out, int fd, const struct pcapng_wait *wait,
                            const char *name, struct sd_err *err);
int pcapng_reader_open_pieces(struct pcapng_reader **out, const struct pcapng_pieces *pieces,
                              const char *name, struct sd_err *err);
void pcapng_reader_close(struct pcapng_reader *reader);

/* The next record. 1: filled (valid until the next call); 0: the end; -EBADMSG: damaged or cut short from
 * here on, err says at which byte and how (what came before was good); -EINTR: see struct pcapng_wait;
 * another negative errno: the read failed, or what pieces.next() told. After a negative answer, further calls
 * give 0; but after -EAGAIN of pieces.next(), which leaves `err` as it is, they go on. Unknown block types
 * are skipped. A Simple Packet Block has no time: its packet's time_ns is 0. */
int pcapng_reader_next(struct pcapng_reader *reader, struct capture_record *record, struct sd_err *err);

/* Does the next record stand in memory as a whole? Then pcapng_reader_next() reads nothing for it, and the
 * bytes of those before it stay where they are. */
bool pcapng_reader_has_next(const struct pcapng_reader *reader);

/* What packet.interface and capture_record.interface number; NULL where there is none. Valid until the next
 * call of pcapng_reader_next(). */
const struct capture_interface *pcapng_reader_interface(const struct pcapng_reader *reader, uint32_t index);

/* Section comments seen so far ("framing=naive"), or NULL. */
const char *pcapng_reader_comment(const struct pcapng_reader *reader);

/* ---- building blocks (each appends one whole block in this machine's byte order) ---- */

void pcapng_build_section(struct buf *out, const char *application, const char *comment /* or NULL */);
void pcapng_build_interface(struct buf *out, const char *name, int linktype, uint32_t snaplen);
void pcapng_build_packet(struct buf *out, uint32_t interface, uint64_t time_ns, const void *data,
                         uint32_t captured_len, uint32_t wire_len, const char *comment /* or NULL */);
void pcapng_build_journal(struct buf *out, const char *fields, size_t len);
void pcapng_build_stats(struct buf *out, uint32_t interface, uint64_t time_ns, uint64_t received,
                        uint64_t dropped);

/* Classic pcap with nanosecond stamps, for --pcap. */
void pcap_build_header(struct buf *out, int linktype, uint32_t snaplen);
void pcap_build_packet(struct buf *out, uint64_t time_ns, const void *data, uint32_t captured_len,
                       uint32_t wire_len);

#endif
