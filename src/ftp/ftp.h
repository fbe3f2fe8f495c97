#ifndef SOCKDIAG_FTP_FTP_H
#define SOCKDIAG_FTP_FTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/framing.h"

/* The demo file transfer: a client and a server that speak JSON headers and raw bodies over one TCP
 * connection, in any of the five framings, wrong ones included.
 *
 *   request   {"op":"put","name":"notes.txt","size":4096} and the body; {"op":"get","name":…}; {"op":"ls"}
 *   reply     put: {"ok":true,"stored":4096}
 *             get: {"ok":true,"name":…,"size":N} and the body
 *             ls:  {"ok":true,"files":[{"name":…,"size":…},…]}, with "more":N where N did not fit
 *             any: {"ok":false,"error":"…"}
 *
 * With a framing whose body has no end of its own, one connection carries one request. In lockstep the reader
 * answers each recv of a request's header, of a get's reply and of a body by {"ok":true}. */

#define FTP_PORT "2121"

/* The classic bugs, on demand. */
enum ftp_bug {
    FTP_BUG_NONE,
    FTP_BUG_SIZE_CHARS,   /* "size" counts the characters of a UTF-8 text, not its bytes */
    FTP_BUG_SIZE_OVERRUN, /* the reader counts `got = +n` for `got += n` */
    FTP_BUG_SHORT_SEND, /* a send that does not block, and nobody looks at what it returned. However small the
                           send buffer, the kernel fills the packet it has begun (up to half the peer's
                           window): it shows from about 48 KB on */
    FTP_BUG_COUNT,
};

extern const char *const ftp_bug_names[FTP_BUG_COUNT]; /* "none", "size-chars", … */

/* How a side talks. */
struct ftp_manner {
    const struct framing *framing;
    enum ftp_bug bug;
    uint64_t pause_ns;   /* after each send, in a framing that pauses */
    uint64_t timeout_ns; /* of silence, and for a header to be whole */
    uint64_t limit;      /* bytes of a file that is received */
};

/* A bug that the framing cannot show is refused: -EINVAL with `err` filled. */
int ftp_manner_check(const struct ftp_manner *manner, struct sd_err *err);

struct ftp_log {
    void *context;
    void (*line)(void *context, const char *text); /* safe to print; no newline at the end */
};

/* ---- server ---- */

struct ftp_server_config {
    struct ftp_manner manner;
    const char *directory; /* the root; nothing outside it is read or written */
    const char *listen;    /* "127.0.0.1:2121", "[::1]:2121", ":2121" for every address; port 0: any */
    uint64_t work_ns;      /* time spent before each of the first FTP_WORK_RECVS recvs of a connection */
    bool once;             /* end after one connection */
    struct ftp_log log;
};

/* The work of a server is over after so many recvs, or a file of a megabyte would take minutes. */
#define FTP_WORK_RECVS 8

/* Lifecycle: open (the server listens), run, close. `config` and what it points to must outlive it. */
struct ftp_server;

/* 0, or a negative errno with `err` filled. */
int ftp_server_open(struct ftp_server **out, const struct ftp_server_config *config, struct sd_err *err);
void ftp_server_close(struct ftp_server *server);

/* Where it listens, as "127.0.0.1:2121". */
const char *ftp_server_address(const struct ftp_server *server);

/* Serve one connection after another until ftp_server_stop(), or one if config->once: then the result is that
 * of the connection. 0, or a negative errno with `err` filled. */
int ftp_server_run(struct ftp_server *server, struct sd_err *err);

/* Make ftp_server_run() return soon, wherever it blocks: what is being received is thrown away. May be called
 * from a signal handler that was installed without SA_RESTART. */
void ftp_server_stop(struct ftp_server *server);

/* ---- client ---- */

struct ftp_client_config {
    struct ftp_manner manner;
    const char *server;    /* "ADDR[:PORT]" */
    const char *comment;   /* text for a "comment" in each request, or NULL */
    const char *directory; /* where get writes; NULL: the current one */
};

/* Lifecycle: new, any requests, free. The connection is made when it is needed, and kept between requests
 * where the framing allows it and nothing went wrong. `last`: no request follows; the client then ends its
 * side and reads to the end of the stream.
 *
 * Requests return 0 or a negative errno with `err` filled; ftp_answered_no() tells whose fault it was. */
struct ftp_client;

/* NULL: out of memory. `config` and what it points to must outlive it. */
struct ftp_client *ftp_client_new(const struct ftp_client_config *config);
void ftp_client_free(struct ftp_client *client);

/* Send the file at `path` under its last component's name. *size: its bytes. */
int ftp_put(struct ftp_client *client, const char *path, bool last, uint64_t *size, struct sd_err *err);

/* Receive a file into config->directory: under its name, when it is whole. */
int ftp_get(struct ftp_client *client, const char *name, bool last, uint64_t *size, struct sd_err *err);

/* *reply: the server's, with an array "files"; the caller's to json_decref. */
int ftp_ls(struct ftp_client *client, json_t **reply, struct sd_err *err);

/* Of a request's result: the other side refused, did not answer or broke the framing (true), or something
 * failed on this machine (false). */
bool ftp_answered_no(int failed);

#endif
