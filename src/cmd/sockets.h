#ifndef SOCKDIAG_CMD_SOCKETS_H
#define SOCKDIAG_CMD_SOCKETS_H

#include "base/json.h"
#include "cmd/options.h"
#include "cmd/screen.h"
#include "sockets/dump.h"
#include "sockets/owners.h"

/* What the files of `sockets` share. */

struct sockets_options {
    bool list, problems;
    bool tcp, udp, unix_domain, raw; /* none of them: all */
    bool listen;
    uint64_t port;     /* 0: any */
    uint64_t watch_ns; /* --problems: between two looks; 0: one look */
    struct screen_options screen;
    struct options_common common;
};

/* Parse them; --help is printed. 0 or -EINVAL with `err` filled. */
int sockets_options_parse(struct sockets_options *options, int argc, char **argv, struct sd_err *err);

/* The three things that the command does. Each returns the exit status. */
int sockets_kinds_run(const struct sockets_options *options);
int sockets_list_run(const struct sockets_options *options);
int sockets_problems_run(const struct sockets_options *options);

/* ---- a look at the open sockets ---- */

struct sockets_look {
    struct socket_dump dump; /* of the transports that are asked for, in the order in which they are told */
    struct socket_owners owners;
    struct sd_err owners_err; /* code 0: the processes are known, as far as they may be looked into */
    size_t matching;          /* sockets that the options ask for */
    size_t ownerless;         /* of them, those of processes that are not seen */
};

/* 0, or a negative errno with `err` filled. sockets_look_free() in any case. */
int sockets_look_take(struct sockets_look *look, const struct sockets_options *options, struct sd_err *err);
void sockets_look_free(struct sockets_look *look);

/* Do the options ask for this socket? */
bool sockets_wanted(const struct open_socket *socket, const struct sockets_options *options);

/* What could not be seen: lines of text, or JSON with the summary. */
void sockets_look_notes(const struct sockets_look *look, struct buf *out, const struct view_style *style);
void sockets_look_gaps_json(const struct sockets_look *look, struct buf *out);

/* CMD_OK; CMD_PARTIAL where a transport could not be had at all. */
int sockets_look_status(const struct sockets_look *look);

/* ---- words and fields of a socket ---- */

/* "10.0.0.1:80", "[::]:80", "*:80", "raw icmp", the name of a unix socket; escaped, "" where there is none.
 */
void sockets_put_local(struct buf *out, const struct open_socket *socket);
void sockets_put_peer(struct buf *out, const struct open_socket *socket, const struct sockets_look *look);

/* "python3 (pid 123, fd 4)", or who is not seen: "a process of uid 33", "no process". */
void sockets_put_owner(struct buf *out, const struct open_socket *socket, const struct sockets_look *look);

/* transport … state, local, peer, process: keys that --list and --problems have in common. */
void sockets_put_identity_json(struct json *j, const struct open_socket *socket,
                               const struct sockets_look *look);

/* Write out and free; returns `status`, or CMD_ERROR where it could not be written. */
int sockets_write(struct buf *out, int status);

extern const char sockets_name[];

#endif
