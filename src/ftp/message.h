#ifndef SOCKDIAG_FTP_MESSAGE_H
#define SOCKDIAG_FTP_MESSAGE_H

#include <jansson.h>

#include "ftp/peer.h"
#include "ftp/store.h"

/* Messages over a connection, as its framing has them: the five readers and senders are here.
 *
 * All return 0 (or what is said) or a negative errno with `err` filled; -EPROTO: the framing broke, and where
 * the next message begins is not known any more; -EREMOTEIO: the other side answered {"ok":false}. */

/* Read a header. 1: *header is the caller's; 0: the stream ended instead. `about` (may be NULL) gets "put
 * NAME", safe to print, as far as the bytes tell it, also where the framing broke. */
int ftp_message_read(struct ftp_peer *peer, json_t **header, struct buf *about, struct sd_err *err);

/* Send a header; not the caller's any more, NULL is an out of memory. `ask_answer`: in a framing that
 * answers, wait for it. */
int ftp_message_send(struct ftp_peer *peer, json_t *header, bool ask_answer, struct sd_err *err);

/* Send `size` bytes of a file as a body. */
int ftp_message_send_body(struct ftp_peer *peer, int fd, uint64_t size, struct sd_err *err);

/* Receive a body that its header announced as `size` bytes. */
int ftp_message_receive_body(struct ftp_peer *peer, uint64_t size, struct ftp_store_file *file,
                             struct sd_err *err);

/* Answer {"ok":true}, in a framing that answers. */
int ftp_message_answer(struct ftp_peer *peer, struct sd_err *err);

/* Read a header that must be {"ok":true,…}: *reply is the caller's (NULL: not wanted). The end of the stream
 * is -EPROTO here. */
int ftp_message_read_reply(struct ftp_peer *peer, json_t **reply, struct sd_err *err);

/* {"ok":false,"error":text}, or NULL when memory is out. */
json_t *ftp_message_error(const char *text);

/* What the header's "size" says of `fd`, `size` bytes long: with FTP_BUG_SIZE_CHARS its characters. */
int ftp_message_announce(const struct ftp_manner *manner, int fd, uint64_t size, uint64_t *announced,
                         struct sd_err *err);

/* The "size" of a header; false where there is none that counts bytes. */
bool ftp_message_size(const json_t *header, const char *key, uint64_t *size);

#endif
