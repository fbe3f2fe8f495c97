#include "ftp/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/text.h"

/* How bodies move: a file of a megabyte or less by one send, so that a picture of it shows one; a longer one
 * in pieces, so that it needs no memory. */
#define ONE_SEND_MAX (1U << 20)
#define PIECE 65536U

/* ---- headers, read ---- */

/* "put NAME" for a person, from what the header says. */
static void tell_about(struct buf *about, const json_t *header)
{
    const char *op = json_string_value(json_object_get(header, "op"));
    const char *name = json_string_value(json_object_get(header, "name"));
    if (about == NULL || op == NULL)
        return;
    text_escape(about, op, strnlen(op, 16));
    if (name != NULL) {
        buf_char(about, ' ');
        text_escape(about, name, strnlen(name, FTP_NAME_MAX));
    }
}

/* No header at the very beginning is no framing that broke. */
static const char *stranger(uint64_t begin)
{
    return begin == 0 ? _(": the other side has another --framing, or is no sockdiag ftp") : "";
}

/* Say what a one-recv reader has in its hands instead of a header. `begin`: where it stands on the axis. */
static int broken_header(const struct ftp_peer *peer, const uint8_t *data, size_t len, uint64_t begin,
                         struct buf *about, struct sd_err *err)
{
    const char *framing = peer->manner->framing->name;
    size_t end = 0;
    switch (framing_header(data, len, &end)) {
    case FRAMING_WHOLE: {
        json_t *header = json_loadb((const char *)data, end, 0, NULL);
        tell_about(about, header);
        json_decref(header);
        return sd_fail(err, EPROTO,
                       "the header is followed by %zu bytes of something else (JSON: extra data at byte "
                       "%" PRIu64 " of the stream); framing %s takes one recv for one message",
                       len - end, begin + end, framing);
    }
    case FRAMING_CUT:
        return sd_fail(
            err, EPROTO,
            "the header is not whole: recv returned %zu bytes, and the JSON does not end with them "
            "(byte %" PRIu64 " of the stream); framing %s takes one recv for one message",
            len, begin + len, framing);
    case FRAMING_NONE:
        break;
    }
    return sd_fail(err, EPROTO, "there is no header at byte %" PRIu64 " of the stream, but something else%s",
                   begin, stranger(begin));
}

/* Parse bytes that must be one JSON object and nothing else. */
static json_t *parse_header(const uint8_t *data, size_t len)
{
    json_t *header = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(header))
        return header;
    json_decref(header);
    return NULL;
}

static int read_by_one_recv(struct ftp_peer *peer, json_t **header, struct buf *about, struct sd_err *err)
{
    uint8_t data[1024];
    const uint64_t begin = peer->received;
    const size_t ask = peer->manner->framing->reader_buffer;
    ssize_t n = ftp_peer_recv(peer, data, ask < sizeof data ? ask : sizeof data, err);
    if (n <= 0)
        return (int)n;
    *header = parse_header(data, (size_t)n);
    return *header != NULL ? 1 : broken_header(peer, data, (size_t)n, begin, about, err);
}

/* Read exactly `len` bytes. 1; 0 when the stream ended before the first of them. */
static int read_exactly(struct ftp_peer *peer, uint8_t *data, size_t len, uint64_t deadline_ns,
                        struct sd_err *err)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = ftp_peer_recv(peer, data + got, len - got, err);
        if (n < 0)
            return (int)n;
        if (n == 0 && got == 0)
            return 0;
        if (n == 0)
            return sd_fail(err, EPROTO, "the stream ended after %zu of %zu bytes of a header", got, len);
        got += (size_t)n;
        if (got < len && clock_mono_ns() > deadline_ns)
            return sd_fail(err, ETIMEDOUT, "a header was not whole after %" PRIu64 " s",
                           peer->manner->timeout_ns / NS_PER_S);
    }
    return 1;
}

/* A length in readable groups: "1 869 444 210". */
static void group_digits(struct buf *out, uint32_t value)
{
    if (value >= 1000) {
        group_digits(out, value / 1000);
        buf_printf(out, " %03u", value % 1000);
    } else {
        buf_printf(out, "%u", value);
    }
}

static int wrong_length(uint32_t announced, uint64_t begin, struct sd_err *err)
{
    struct buf number = {0};
    group_digits(&number, announced);
    sd_fail(err, EPROTO, "length %s at byte %" PRIu64 " of the stream is no header length (1 to %u)%s",
            buf_cstr(&number), begin, FRAMING_HEADER_MAX, stranger(begin));
    buf_free(&number);
    return -EPROTO;
}

static int read_counted_json(struct ftp_peer *peer, uint32_t len, uint64_t deadline_ns, json_t **header,
                             struct sd_err *err)
{
    const uint64_t begin = peer->received;
    uint8_t *data = malloc(len);
    if (data == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    int got = read_exactly(peer, data, len, deadline_ns, err);
    if (got == 0)
        got = sd_fail(err, EPROTO, "the stream ended after a header's length");
    if (got > 0) {
        *header = parse_header(data, len);
        if (*header == NULL)
            got = sd_fail(err, EPROTO, "the %u bytes at byte %" PRIu64 " of the stream are no JSON object",
                          len, begin);
    }
    free(data);
    return got;
}

static int read_by_length(struct ftp_peer *peer, json_t **header, struct sd_err *err)
{
    uint8_t prefix[FRAMING_PREFIX_LEN];
    const uint64_t begin = peer->received;
    const uint64_t deadline_ns = clock_mono_ns() + peer->manner->timeout_ns;
    int got = read_exactly(peer, prefix, sizeof prefix, deadline_ns, err);
    if (got <= 0)
        return got;
    const uint32_t len = load_be32(prefix);
    if (len == 0 || len > FRAMING_HEADER_MAX)
        return wrong_length(len, begin, err);
    return read_counted_json(peer, len, deadline_ns, header, err);
}

int ftp_message_read(struct ftp_peer *peer, json_t **header, struct buf *about, struct sd_err *err)
{
    *header = NULL;
    int got = peer->manner->framing->header_prefix ? read_by_length(peer, header, err)
                                                   : read_by_one_recv(peer, header, about, err);
    if (got > 0)
        tell_about(about, *header);
    return got;
}

static int refused(const json_t *reply, struct sd_err *err)
{
    const char *text = json_string_value(json_object_get(reply, "error"));
    struct buf safe = {0};
    if (text != NULL)
        text_escape(&safe, text, strlen(text));
    sd_fail(err, EREMOTEIO, "the other side says: %s", _(text != NULL ? buf_cstr(&safe) : N_("no")));
    buf_free(&safe);
    return -EREMOTEIO;
}

int ftp_message_read_reply(struct ftp_peer *peer, json_t **reply, struct sd_err *err)
{
    json_t *header;
    int got = ftp_message_read(peer, &header, NULL, err);
    if (got == 0)
        return sd_fail(err, EPROTO, "the other side ended the connection without an answer");
    if (got < 0)
        return got;
    const json_t *ok = json_object_get(header, "ok");
    int failed = 0;
    if (json_is_false(ok))
        failed = refused(header, err);
    else if (!json_is_true(ok))
        failed = sd_fail(err, EPROTO, "the other side's answer has no \"ok\"");
    if (failed == 0 && reply != NULL)
        *reply = header;
    else
        json_decref(header);
    return failed;
}

bool ftp_message_size(const json_t *header, const char *key, uint64_t *size)
{
    const json_t *value = json_object_get(header, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (uint64_t)json_integer_value(value);
    return true;
}

/* ---- headers, sent ---- */

static int send_and_wait(struct ftp_peer *peer, const void *data, size_t len, bool ask_answer,
                         struct sd_err *err)
{
    int failed = ftp_peer_send(peer, data, len, err);
    if (failed == 0 && ask_answer && peer->manner->framing->answers)
        failed = ftp_message_read_reply(peer, NULL, err);
    return failed;
}

static int add_json(const char *data, size_t len, void *out)
{
    buf_append(out, data, len);
    return 0;
}

int ftp_message_send(struct ftp_peer *peer, json_t *header, bool ask_answer, struct sd_err *err)
{
    struct buf b = {0};
    const size_t prefix = peer->manner->framing->header_prefix ? FRAMING_PREFIX_LEN : 0;
    buf_zeros(&b, prefix);
    int failed = header != NULL ? json_dump_callback(header, add_json, &b, JSON_COMPACT) : -1;
    json_decref(header);
    if (failed != 0 || b.failed) {
        buf_free(&b);
        return sd_fail(err, ENOMEM, "cannot build the header: out of memory, or a text in it is no UTF-8");
    }
    if (b.len - prefix > FRAMING_HEADER_MAX) {
        failed = sd_fail(err, EMSGSIZE, "the header has %zu bytes; %u are allowed", b.len - prefix,
                         FRAMING_HEADER_MAX);
    } else {
        if (prefix != 0)
            store_be32(b.data, (uint32_t)(b.len - prefix));
        failed = send_and_wait(peer, b.data, b.len, ask_answer, err);
    }
    buf_free(&b);
    return failed;
}

int ftp_message_answer(struct ftp_peer *peer, struct sd_err *err)
{
    if (!peer->manner->framing->answers)
        return 0;
    return ftp_message_send(peer, json_pack("{s:b}", "ok", 1), false, err);
}

json_t *ftp_message_error(const char *text)
{
    json_t *value = json_string(text);
    if (value == NULL) { /* cut in the middle of a character */
        struct buf safe = {0};
        text_escape(&safe, text, strlen(text));
        value = json_string(buf_cstr(&safe));
        buf_free(&safe);
    }
    return json_pack("{s:b,s:o}", "ok", 0, "error", value);
}

/* ---- bodies ---- */

int ftp_message_announce(const struct ftp_manner *manner, int fd, uint64_t size, uint64_t *announced,
                         struct sd_err *err)
{
    *announced = size;
    if (manner->bug != FTP_BUG_SIZE_CHARS)
        return 0;
    uint8_t piece[4096];
    uint64_t bytes = 0, characters = 0;
    while (bytes < size) {
        ssize_t n = pread(fd, piece, sizeof piece, (off_t)bytes);
        if (n < 0)
            return sd_fail_errno(err, errno, "cannot read the file");
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            characters += (piece[i] & 0xc0) != 0x80; /* continuation bytes are no characters of their own */
        bytes += (uint64_t)n;
    }
    *announced = characters; /* the bug */
    return 0;
}

static size_t piece_of(const struct framing *framing, uint64_t size)
{
    if (framing->pauses || framing->answers)
        return framing->reader_buffer;
    return size <= ONE_SEND_MAX ? (size_t)size : PIECE;
}

int ftp_message_send_body(struct ftp_peer *peer, int fd, uint64_t size, struct sd_err *err)
{
    const size_t piece = piece_of(peer->manner->framing, size);
    uint8_t *data = size > 0 ? malloc(piece) : NULL;
    if (size > 0 && data == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    uint64_t left = size;
    int failed = 0;
    while (left > 0 && failed == 0) {
        const size_t ask = left < piece ? (size_t)left : piece;
        ssize_t n = io_read_full(fd, data, ask);
        if (n < 0)
            failed = sd_fail_errno(err, (int)-n, "cannot read the file");
        else if ((size_t)n < ask)
            failed = sd_fail(err, EIO, "the file got shorter while it was sent");
        else
            failed = send_and_wait(peer, data, ask, true, err);
        left -= ask;
    }
    free(data);
    return failed;
}

/* One recv of a body, stored and answered. Its bytes, 0 at the end of the stream, or a negative errno. */
static ssize_t receive_piece(struct ftp_peer *peer, uint8_t *data, size_t ask, uint64_t begin_ns,
                             struct ftp_store_file *file, struct sd_err *err)
{
    ssize_t n = ftp_peer_recv(peer, data, ask, err);
    if (n <= 0)
        return n;
    int failed = ftp_store_write(file, data, (size_t)n, err);
    if (failed == 0)
        failed = ftp_message_answer(peer, err);
    if (failed == 0 && ftp_peer_too_slow(peer, begin_ns, file->size))
        failed = sd_fail(err, ETIMEDOUT, "the other side is too slow: %" PRIu64 " bytes so far", file->size);
    return failed == 0 ? n : failed;
}

static int receive_counted(struct ftp_peer *peer, uint64_t size, uint8_t *data, size_t room,
                           struct ftp_store_file *file, struct sd_err *err)
{
    const uint64_t begin_ns = clock_mono_ns();
    uint64_t got = 0;
    while (got < size) {
        const size_t ask = size - got < room ? (size_t)(size - got) : room;
        ssize_t n = receive_piece(peer, data, ask, begin_ns, file, err);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return sd_fail(err, EPROTO,
                           "the stream ended inside the body: the reader counts %" PRIu64 " of %" PRIu64
                           " bytes (%" PRIu64 " came)",
                           got, size, file->size);
        if (peer->manner->bug == FTP_BUG_SIZE_OVERRUN)
            got = +(uint64_t)n; /* the bug, as people write it */
        else
            got += (uint64_t)n;
    }
    return 0;
}

static int receive_to_end(struct ftp_peer *peer, uint64_t size, uint8_t *data, size_t room,
                          struct ftp_store_file *file, struct sd_err *err)
{
    const uint64_t begin_ns = clock_mono_ns();
    ssize_t n;
    do {
        n = receive_piece(peer, data, room, begin_ns, file, err);
    } while (n > 0);
    if (n < 0)
        return (int)n;
    if (file->size != size)
        return sd_fail(err, EPROTO,
                       "the stream ended after %" PRIu64 " bytes of the body; the header says %" PRIu64,
                       file->size, size);
    return 0;
}

int ftp_message_receive_body(struct ftp_peer *peer, uint64_t size, struct ftp_store_file *file,
                             struct sd_err *err)
{
    const struct framing *framing = peer->manner->framing;
    const size_t room = framing->reader_buffer != 0 ? framing->reader_buffer : PIECE;
    uint8_t *data = malloc(room);
    if (data == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    int failed = framing->body_sized ? receive_counted(peer, size, data, room, file, err)
                                     : receive_to_end(peer, size, data, room, file, err);
    free(data);
    return failed;
}
