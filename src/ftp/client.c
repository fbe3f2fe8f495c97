#include "ftp/ftp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hostport.h"
#include "base/io.h"
#include "base/text.h"
#include "ftp/message.h"

struct ftp_client {
    const struct ftp_client_config *config;
    struct ftp_peer peer;
};

struct ftp_client *ftp_client_new(const struct ftp_client_config *config)
{
    struct ftp_client *client = calloc(1, sizeof *client);
    if (client != NULL)
        *client = (struct ftp_client){.config = config, .peer = {.fd = -1, .manner = &config->manner}};
    return client;
}

void ftp_client_free(struct ftp_client *client)
{
    if (client != NULL)
        ftp_peer_close(&client->peer);
    free(client);
}

/* ---- the connection ---- */

static int connect_failure(const struct ftp_client_config *config, int code, struct sd_err *err)
{
    if (code == ECONNREFUSED)
        return sd_fail(err, code, "nothing listens at %s: is `sockdiag ftp serve` running there?",
                       config->server);
    if (code == EINPROGRESS || code == EAGAIN || code == ETIMEDOUT)
        return sd_fail(err, ETIMEDOUT, "%s does not answer: no connection within %" PRIu64 " s",
                       config->server, config->manner.timeout_ns / NS_PER_S);
    return sd_fail_errno(err, code, "cannot connect to %s", config->server);
}

static int connect_one(const struct addrinfo *at, const struct ftp_manner *manner)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int failed = ftp_peer_prepare(fd, manner);
    if (failed == 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0)
        failed = -errno;
    if (failed == 0)
        return fd;
    close(fd);
    return failed;
}

static int ensure_connected(struct ftp_client *client, struct sd_err *err)
{
    const struct ftp_client_config *config = client->config;
    struct hostport place;
    if (client->peer.fd >= 0)
        return 0;
    int failed = hostport_parse(&place, config->server, FTP_PORT, err);
    if (failed != 0)
        return failed;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int unresolved = getaddrinfo(place.host[0] != '\0' ? place.host : NULL, place.port, &hints, &list);
    if (unresolved != 0)
        return sd_fail(err, EINVAL, "cannot find %s: %s", config->server, sd_resolve_text(unresolved));
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
        fd = connect_one(at, &config->manner);
    freeaddrinfo(list);
    if (fd < 0)
        return connect_failure(config, -fd, err);
    client->peer = (struct ftp_peer){.fd = fd, .manner = &config->manner};
    return 0;
}

/* After the last answer the server only ends its side, too. What comes instead is told: a body that was
 * counted wrong shows here. */
static int expect_end(struct ftp_peer *peer, struct sd_err *err)
{
    uint8_t kept[1024];
    const uint64_t begin = peer->received;
    const uint64_t more = ftp_peer_drain(peer, kept, sizeof kept);
    if (more == 0)
        return 0;
    return sd_fail(err, EPROTO,
                   "%" PRIu64 " bytes came after the end of the last message, at byte %" PRIu64
                   " of the stream: what was counted is not what was sent",
                   more, begin);
}

/* End a request that came to `result`: keep the connection, or end it. */
static int finish(struct ftp_client *client, int result, bool last, struct sd_err *err)
{
    struct ftp_peer *peer = &client->peer;
    if (peer->fd < 0 || (result == 0 && !last))
        return result;
    ftp_peer_end(peer);
    if (result == 0)
        result = expect_end(peer, err);
    else if (result == -EPROTO || result == -EREMOTEIO)
        ftp_peer_drain(peer, NULL, 0);
    ftp_peer_close(peer);
    return result;
}

/* Whether this request is the connection's last: where the end of the stream ends a body, each one is. */
static bool ends_here(const struct ftp_client *client, bool last)
{
    return last || !client->config->manner.framing->body_sized;
}

static json_t *new_request(const char *op, const char *name)
{
    json_t *request = json_pack("{s:s}", "op", op);
    if (request != NULL && name != NULL && json_object_set_new(request, "name", json_string(name)) != 0) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* A comment goes last, so that what matters of a header that is cut is still there to be seen. */
static json_t *add_comment(const struct ftp_client *client, json_t *request)
{
    const char *comment = client->config->comment;
    if (request != NULL && comment != NULL &&
        json_object_set_new(request, "comment", json_string(comment)) != 0) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* ---- put ---- */

static int open_source(const char *path, const char **name, uint64_t *size, struct sd_err *err)
{
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    const char *problem = ftp_name_problem(*name, strlen(*name));
    if (problem != NULL)
        return sd_fail(err, EINVAL, "the file's name %s", problem);
    json_t *text = json_string(*name);
    if (text == NULL)
        return sd_fail(err, EINVAL, "the file's name is no UTF-8");
    json_decref(text);
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return sd_fail(err, EINVAL, "%s is no regular file", path);
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

static int send_put(struct ftp_client *client, int fd, const char *name, uint64_t size, bool last,
                    struct sd_err *err)
{
    uint64_t announced;
    int failed = ftp_message_announce(&client->config->manner, fd, size, &announced, err);
    if (failed != 0)
        return failed;
    json_t *request = new_request("put", name);
    if (request != NULL)
        json_object_set_new(request, "size", json_integer((json_int_t)announced));
    failed = ftp_message_send(&client->peer, add_comment(client, request), true, err);
    if (failed == 0)
        failed = ftp_message_send_body(&client->peer, fd, size, err);
    if (failed == 0 && last)
        ftp_peer_end(&client->peer);
    return failed;
}

/* The server's last word on a put. Also when sending failed: the server may have said why before it closed.
 */
static int read_stored(struct ftp_client *client, uint64_t size, struct sd_err *err)
{
    json_t *reply = NULL;
    uint64_t stored;
    int failed = ftp_message_read_reply(&client->peer, &reply, err);
    if (failed != 0)
        return failed;
    if (!ftp_message_size(reply, "stored", &stored))
        failed = sd_fail(err, EPROTO, "the server's answer does not tell what it stored");
    else if (stored != size)
        failed =
            sd_fail(err, EPROTO, "the server stored %" PRIu64 " bytes; the file has %" PRIu64, stored, size);
    json_decref(reply);
    return failed;
}

static int put_open_file(struct ftp_client *client, int fd, const char *name, uint64_t size, bool last,
                         struct sd_err *err)
{
    struct sd_err answer;
    int failed = ensure_connected(client, err);
    if (failed != 0)
        return failed;
    failed = send_put(client, fd, name, size, last, err);
    if (failed == 0) {
        failed = read_stored(client, size, err);
    } else if ((failed == -EPIPE || failed == -ECONNRESET) &&
               read_stored(client, size, &answer) == -EREMOTEIO) {
        *err = answer;
        failed = -EREMOTEIO;
    }
    return finish(client, failed, last, err);
}

int ftp_put(struct ftp_client *client, const char *path, bool last, uint64_t *size, struct sd_err *err)
{
    const char *name;
    int fd = open_source(path, &name, size, err);
    if (fd < 0)
        return fd;
    int failed = put_open_file(client, fd, name, *size, ends_here(client, last), err);
    io_close(&fd);
    return failed;
}

/* ---- get ---- */

static int receive_file(struct ftp_client *client, const char *name, int directory_fd, uint64_t announced,
                        uint64_t *size, struct sd_err *err)
{
    struct ftp_store_file file;
    int failed = ftp_store_create(&file, directory_fd, name, client->config->manner.limit, err);
    if (failed == 0)
        failed = ftp_message_answer(&client->peer, err);
    if (failed == 0)
        failed = ftp_message_receive_body(&client->peer, announced, &file, err);
    if (failed == 0)
        failed = ftp_store_commit(&file, err);
    ftp_store_abandon(&file);
    *size = file.size;
    return failed;
}

static int get_into(struct ftp_client *client, const char *name, int directory_fd, bool last, uint64_t *size,
                    struct sd_err *err)
{
    json_t *reply = NULL;
    uint64_t announced;
    int failed = ensure_connected(client, err);
    if (failed != 0)
        return failed;
    failed = ftp_message_send(&client->peer, add_comment(client, new_request("get", name)), false, err);
    /* In lockstep this side still has answers to send. */
    if (failed == 0 && last && !client->config->manner.framing->answers)
        ftp_peer_end(&client->peer);
    if (failed == 0)
        failed = ftp_message_read_reply(&client->peer, &reply, err);
    if (failed == 0 && !ftp_message_size(reply, "size", &announced))
        failed = sd_fail(err, EPROTO, "the server's answer has no \"size\"");
    if (failed == 0)
        failed = receive_file(client, name, directory_fd, announced, size, err);
    json_decref(reply);
    return finish(client, failed, last, err);
}

int ftp_get(struct ftp_client *client, const char *name, bool last, uint64_t *size, struct sd_err *err)
{
    const char *directory = client->config->directory;
    const char *problem = ftp_name_problem(name, strlen(name));
    if (problem != NULL)
        return sd_fail(err, EINVAL, "the name %s", problem);
    int directory_fd = ftp_store_open(directory != NULL ? directory : ".", err);
    if (directory_fd < 0)
        return directory_fd;
    int failed = get_into(client, name, directory_fd, ends_here(client, last), size, err);
    io_close(&directory_fd);
    return failed;
}

/* ---- ls ---- */

int ftp_ls(struct ftp_client *client, json_t **reply, struct sd_err *err)
{
    *reply = NULL;
    int failed = ensure_connected(client, err);
    if (failed != 0)
        return failed;
    failed = ftp_message_send(&client->peer, add_comment(client, new_request("ls", NULL)), false, err);
    if (failed == 0)
        ftp_peer_end(&client->peer);
    if (failed == 0)
        failed = ftp_message_read_reply(&client->peer, reply, err);
    if (failed == 0 && !json_is_array(json_object_get(*reply, "files")))
        failed = sd_fail(err, EPROTO, "the server's answer has no list of files");
    failed = finish(client, failed, true, err);
    if (failed != 0) {
        json_decref(*reply);
        *reply = NULL;
    }
    return failed;
}
