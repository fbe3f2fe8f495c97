#ifndef SOCKDIAG_CAPTURE_PCAPNG_READER_H
#define SOCKDIAG_CAPTURE_PCAPNG_READER_H

#include "base/bytes.h"
#include "capture/pcapng.h"

/* What the files of the reader share: pcapng_input.c fetches bytes, pcapng.c takes pcapng blocks apart,
 * pcapng_classic.c the records of classic pcap. */

/* A window over the input: data[begin, end) was read and not yet consumed. */
struct pcapng_input {
    int fd;
    struct pcapng_wait wait;
    struct pcapng_pieces pieces; /* where the bytes come from; next == NULL: from `fd` */
    const uint8_t *data;         /* `own`, or what pieces.next() gave */
    size_t begin, end;
    uint8_t *own;
    size_t cap;        /* of that */
    uint64_t position; /* in the file, of data[begin] */
};

/* What an Interface Description Block says, in the reader's terms. */
struct reader_interface {
    struct capture_interface public;
    bool power_of_two;  /* if_tsresol's upper bit */
    uint8_t resolution; /* its exponent */
    int64_t offset_s;   /* if_tsoffset */
};

/* How a record of classic pcap has its two lengths. */
enum reader_lengths {
    LENGTHS_CAPTURED_FIRST,
    LENGTHS_WIRE_FIRST,
    LENGTHS_SMALLER_CAPTURED,
};

struct pcapng_reader {
    struct pcapng_input input;
    char *name;
    size_t consume; /* length of the block that the last record points into */
    bool ended;
    bool big_endian;
    bool classic; /* or snoop */
    uint64_t packets;
    struct buf comment;
    bool has_comment;

    /* pcapng */
    struct reader_interface *interfaces; /* of all sections */
    size_t interface_count, interface_cap;
    size_t section_first; /* index of the present section's first interface */

    /* classic pcap */
    bool snoop, nanoseconds;
    enum reader_lengths lengths;
    size_t record_header; /* bytes before a packet's data */
};

static inline uint16_t reader_u16(const struct pcapng_reader *r, const uint8_t *p)
{
    return r->big_endian ? load_be16(p) : load_le16(p);
}

static inline uint32_t reader_u32(const struct pcapng_reader *r, const uint8_t *p)
{
    return r->big_endian ? load_be32(p) : load_le32(p);
}

static inline uint64_t reader_u64(const struct pcapng_reader *r, const uint8_t *p)
{
    uint64_t first = reader_u32(r, p), second = reader_u32(r, p + 4);
    return r->big_endian ? first << 32 | second : second << 32 | first;
}

static inline size_t input_left(const struct pcapng_input *input)
{
    return input->end - input->begin;
}

/* Have `len` bytes at data + begin. 1; 0: the input ended before; -EINTR: the stop descriptor became
 * readable; another negative errno: the read failed, or what pieces.next() tells. */
int input_read(struct pcapng_input *input, size_t len);

void input_fini(struct pcapng_input *input);

static inline int input_need(struct pcapng_input *input, size_t len)
{
    return input_left(input) >= len ? 1 : input_read(input, len);
}

/* The bytes at hand end within something that is `len` bytes long: -EBADMSG with the message. */
int reader_cut_short(const struct pcapng_reader *r, const char *what, size_t len, struct sd_err *err);

/* A new interface at the end of the list. 0; -ENOMEM, or -EBADMSG for too many, with err filled. */
int reader_add_interface(struct pcapng_reader *r, struct reader_interface **out, struct sd_err *err);

/* pcapng_classic.c: the file header of classic pcap or of snoop (0, or a negative errno with err filled), and
 * the next record of either as pcapng_reader_next() has it. */
bool classic_is_magic(const uint8_t magic[4]);
int classic_open(struct pcapng_reader *r, struct sd_err *err);
bool snoop_is_magic(const uint8_t magic[8]);
int snoop_open(struct pcapng_reader *r, struct sd_err *err);
int classic_next(struct pcapng_reader *r, struct capture_record *record, struct sd_err *err);

/* The length of the record in the bytes at `p`; 0: not one that can be told. */
size_t classic_look(const struct pcapng_reader *r, const uint8_t *p, size_t left);

#endif
