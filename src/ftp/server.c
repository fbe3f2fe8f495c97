/* The server: one connection after another, each a row of requests. Whatever fails while a connection is
 * served ends that connection only: the reason goes to the log and, as far as the other side can still hear
 * it, into an answer; the next client is served.
 *
 * ftp_server_stop() may interrupt at any instant. A flag alone would be missed by a recv that is entered just
 * after it was looked at; so the sockets are shut down too, which lets a blocked call return and a later one
 * not block. */
#include "base/i18n.h"
#include "ftp/ftp.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hostport.h"
#include "base/io.h"
#include "base/text.h"
#include "ftp/message.h"

struct ftp_server {
    const struct ftp_server_config *config;
    int directory_fd;
    volatile sig_atomic_t listen_fd, connection_fd; /* -1: none; ftp_server_stop() shuts them down */
    volatile sig_atomic_t stopped;
    char address[300];
};

/* One connection, and the request that is being served on it. */
struct connection {
    struct ftp_server *server;
    struct ftp_peer peer;
    char who[300];    /* the other side's address */
    struct buf about; /* "put notes.txt", safe to print */
    bool in_body;     /* a body is being sent: nothing else may be */
    int refused;      /* the first request that was answered by a no, as a negative errno */
};

/* ---- one request ---- */

__attribute__((format(printf, 2, 3))) static void log_result(struct connection *c, const char *format, ...)
{
    const struct ftp_log *log = &c->server->config->log;
    char text[700];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct buf line = {0};
    buf_printf(&line, "%s %s: %s", c->who, c->about.len > 0 ? buf_cstr(&c->about) : "-", text);
    log->line(log->context, buf_cstr(&line));
    buf_free(&line);
}

/* The name in a request, if it is one of a file here. */
static int wanted_name(const json_t *request, const char **name, struct sd_err *err)
{
    *name = json_string_value(json_object_get(request, "name"));
    if (*name == NULL)
        return sd_fail(err, EINVAL, "the request has no \"name\"");
    const char *problem = ftp_name_problem(*name, strlen(*name));
    return problem == NULL ? 0 : sd_fail(err, EINVAL, "the name %s", _(problem));
}

/* A failure here ends the connection: the body that follows the header is not waited for. */
static int serve_put(struct connection *c, const json_t *request, struct sd_err *err)
{
    const uint64_t limit = c->server->config->manner.limit;
    const char *name;
    uint64_t size = 0;
    int failed = wanted_name(request, &name, err);
    if (failed == 0 && !ftp_message_size(request, "size", &size))
        failed = sd_fail(err, EINVAL, "the request has no \"size\" that counts bytes");
    if (failed == 0 && size > limit)
        failed = sd_fail(err, EFBIG, "%" PRIu64 " bytes are more than the limit of %" PRIu64, size, limit);
    if (failed != 0)
        return failed;
    struct ftp_store_file file;
    failed = ftp_store_create(&file, c->server->directory_fd, name, limit, err);
    if (failed == 0)
        failed = ftp_message_answer(&c->peer, err);
    if (failed == 0)
        failed = ftp_message_receive_body(&c->peer, size, &file, err);
    if (failed == 0)
        failed = ftp_store_commit(&file, err);
    ftp_store_abandon(&file);
    if (failed != 0)
        return failed;
    log_result(c, "stored %" PRIu64 " bytes", file.size);
    return ftp_message_send(&c->peer, json_pack("{s:b,s:I}", "ok", 1, "stored", (json_int_t)file.size), false,
                            err);
}

/* Answer no and stay connected: nothing follows the request. */
static int answer_no(struct connection *c, int failed, struct sd_err *err)
{
    c->refused = c->refused != 0 ? c->refused : failed;
    log_result(c, "%s", err->text);
    return ftp_message_send(&c->peer, ftp_message_error(err->text), false, err);
}

static int send_file(struct connection *c, const char *name, int fd, uint64_t size, struct sd_err *err)
{
    uint64_t announced;
    int failed = ftp_message_announce(&c->server->config->manner, fd, size, &announced, err);
    if (failed == 0)
        failed = ftp_message_send(
            &c->peer, json_pack("{s:b,s:s,s:I}", "ok", 1, "name", name, "size", (json_int_t)announced), true,
            err);
    c->in_body = failed == 0;
    if (failed == 0)
        failed = ftp_message_send_body(&c->peer, fd, size, err);
    c->in_body = c->in_body && failed != 0;
    if (failed == 0)
        log_result(c, "sent %" PRIu64 " bytes", size);
    return failed;
}

static int serve_get(struct connection *c, const json_t *request, struct sd_err *err)
{
    const char *name;
    uint64_t size = 0;
    int fd = -1;
    int failed = wanted_name(request, &name, err);
    if (failed == 0) {
        fd = ftp_store_read(c->server->directory_fd, name, &size, err);
        failed = fd < 0 ? fd : 0;
    }
    failed = failed != 0 ? answer_no(c, failed, err) : send_file(c, name, fd, size, err);
    io_close(&fd);
    return failed;
}

static int serve_ls(struct connection *c, struct sd_err *err)
{
    const size_t around = 64; /* {"ok":true,"files":[],"more":18446744073709551615} */
    json_t *files;
    uint64_t more;
    int failed = ftp_store_list(c->server->directory_fd, FRAMING_HEADER_MAX - around, &files, &more, err);
    if (failed != 0)
        return answer_no(c, failed, err);
    log_result(c, "listed %zu files", json_array_size(files));
    json_t *reply = json_pack("{s:b,s:o}", "ok", 1, "files", files);
    if (reply != NULL && more > 0)
        json_object_set_new(reply, "more", json_integer((json_int_t)more));
    return ftp_message_send(&c->peer, reply, false, err);
}

static int serve_request(struct connection *c, const json_t *request, struct sd_err *err)
{
    const char *op = json_string_value(json_object_get(request, "op"));
    if (op != NULL && strcmp(op, "put") == 0)
        return serve_put(c, request, err);
    if (op != NULL && strcmp(op, "get") == 0)
        return serve_get(c, request, err);
    if (op != NULL && strcmp(op, "ls") == 0)
        return serve_ls(c, err);
    return sd_fail(err, EOPNOTSUPP, "the request's \"op\" is not put, get or ls");
}

/* ---- one connection ---- */

/* Read a request and serve it. 1: another may follow; 0: the other side has ended; or a negative errno. */
static int serve_next(struct connection *c, struct sd_err *err)
{
    json_t *request;
    c->about.len = 0;
    int got = ftp_message_read(&c->peer, &request, &c->about, err);
    if (got <= 0)
        return got;
    int failed = serve_request(c, request, err);
    json_decref(request);
    if (failed != 0)
        return failed;
    return c->peer.manner->framing->body_sized;
}

/* Serve until the end, the first failure, or where the framing allows only one request. */
static int serve_requests(struct connection *c, struct sd_err *err)
{
    struct sd_err ignored;
    int got;
    do {
        got = serve_next(c, err);
    } while (got > 0);
    if (got == 0)
        return 0;
    if (got == -ECANCELED) {
        log_result(c, "stopped in the middle; nothing of it was stored");
        return 0;
    }
    log_result(c, "%s", err->text);
    /* The other side may be gone: it is told as far as it can be, but never in the place of a file's bytes.
     */
    if (!c->in_body)
        (void)ftp_message_send(&c->peer, ftp_message_error(err->text), false, &ignored);
    return got;
}

static void name_peer(const struct sockaddr_storage *address, socklen_t len, char *text, size_t room)
{
    char host[256], port[32];
    if (getnameinfo((const struct sockaddr *)address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(text, room, "?");
    else if (address->ss_family == AF_INET6)
        snprintf(text, room, "[%s]:%s", host, port);
    else
        snprintf(text, room, "%s:%s", host, port);
}

static int serve_connection(struct ftp_server *server, int fd, const char *who, struct sd_err *err)
{
    struct connection c = {
        .server = server,
        .peer = {.fd = fd,
                 .manner = &server->config->manner,
                 .work_ns = server->config->work_ns,
                 .stop = &server->stopped},
    };
    snprintf(c.who, sizeof c.who, "%s", who);
    int failed = ftp_peer_prepare(fd, c.peer.manner);
    failed = failed == 0 ? serve_requests(&c, err) : sd_fail_errno(err, -failed, "cannot set a timeout");
    ftp_peer_end(&c.peer);
    ftp_peer_drain(&c.peer, NULL, 0);
    server->connection_fd = -1;
    ftp_peer_close(&c.peer);
    if (failed == 0 && c.refused != 0)
        failed = sd_fail(err, -c.refused, "a request was refused");
    buf_free(&c.about);
    return failed;
}

/* ---- the listening socket ---- */

static int listen_on(const struct addrinfo *at)
{
    const int on = 1, off = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (at->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 16) != 0) {
        int failed = -errno;
        close(fd);
        return failed;
    }
    return fd;
}

/* Listen on the first of the list that works, `family` first: [::] takes IPv4 too where there is IPv6. */
static int listen_first(const struct addrinfo *list, int family)
{
    int result = -EADDRNOTAVAIL;
    for (int pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
            if ((at->ai_family == family) != (pass == 0))
                continue;
            result = listen_on(at);
            if (result >= 0 || result == -EADDRINUSE || result == -EACCES)
                return result;
        }
    }
    return result;
}

static int listen_failure(int code, const char *where, struct sd_err *err)
{
    if (code == EADDRINUSE)
        return sd_fail(err, code,
                       "cannot listen on %s: another program does; choose another port by --listen", where);
    if (code == EACCES)
        return sd_fail(err, code, "cannot listen on %s: ports below 1024 need CAP_NET_BIND_SERVICE", where);
    if (code == EADDRNOTAVAIL)
        return sd_fail(err, code, "cannot listen on %s: this machine has no such address", where);
    return sd_fail_errno(err, code, "cannot listen on %s", where);
}

static int open_listener(struct ftp_server *server, struct sd_err *err)
{
    const char *where = server->config->listen;
    struct hostport place;
    int failed = hostport_parse(&place, where, FTP_PORT, err);
    if (failed != 0)
        return failed;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int unresolved = getaddrinfo(place.host[0] != '\0' ? place.host : NULL, place.port, &hints, &list);
    if (unresolved != 0)
        return sd_fail(err, EINVAL, "cannot listen on %s: %s", where, sd_resolve_text(unresolved));
    int fd = listen_first(list, place.host[0] == '\0' ? AF_INET6 : list->ai_family);
    freeaddrinfo(list);
    if (fd < 0)
        return listen_failure(-fd, where, err);
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    server->listen_fd = fd;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return sd_fail_errno(err, errno, "cannot tell where %s is", where);
    name_peer(&address, len, server->address, sizeof server->address);
    return 0;
}

int ftp_server_open(struct ftp_server **out, const struct ftp_server_config *config, struct sd_err *err)
{
    struct ftp_server *server = calloc(1, sizeof *server);
    *out = NULL;
    if (server == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    server->config = config;
    server->listen_fd = server->connection_fd = -1;
    server->directory_fd = ftp_store_open(config->directory, err);
    int failed = server->directory_fd < 0 ? server->directory_fd : open_listener(server, err);
    if (failed != 0) {
        ftp_server_close(server);
        return failed;
    }
    *out = server;
    return 0;
}

void ftp_server_close(struct ftp_server *server)
{
    if (server == NULL)
        return;
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    io_close(&server->directory_fd);
    free(server);
}

const char *ftp_server_address(const struct ftp_server *server)
{
    return server->address;
}

/* What accept(2) may return for a connection that is gone again. */
static bool is_passing(int code)
{
    return code == EINTR || code == ECONNABORTED || code == EPROTO || code == ENETDOWN ||
           code == ENOPROTOOPT || code == EHOSTDOWN || code == ENONET || code == EHOSTUNREACH ||
           code == ENETUNREACH || code == EOPNOTSUPP;
}

/* Wait for the next client. Its descriptor, or a negative errno. */
static int accept_next(struct ftp_server *server, char *who, size_t room, struct sd_err *err)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    int fd;
    do {
        fd = accept4(server->listen_fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC);
    } while (fd < 0 && is_passing(errno) && !server->stopped);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot accept a connection");
    server->connection_fd = fd;
    name_peer(&address, len, who, room);
    return fd;
}

int ftp_server_run(struct ftp_server *server, struct sd_err *err)
{
    while (!server->stopped) {
        char who[300];
        int fd = accept_next(server, who, sizeof who, err);
        if (fd < 0)
            return server->stopped ? 0 : fd;
        int failed = serve_connection(server, fd, who, err);
        if (server->config->once)
            return server->stopped ? 0 : failed;
    }
    return 0;
}

void ftp_server_stop(struct ftp_server *server)
{
    const int saved = errno;
    server->stopped = 1;
    if (server->listen_fd >= 0)
        shutdown(server->listen_fd, SHUT_RD);
    if (server->connection_fd >= 0)
        shutdown(server->connection_fd, SHUT_RDWR);
    errno = saved;
}
