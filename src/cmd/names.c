#include "cmd/names.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "lab/lab.h"

/* One lookup may wait for its resolver's whole patience: so many wait at a time. */
#define LOOKUPS 8
#define NAME_ROOM 256

/* What both processes send, one datagram each. */
struct question {
    struct packet_address address;
};
struct reply {
    struct packet_address address;
    char name[NAME_ROOM]; /* NUL-terminated, empty: it has none */
};

struct entry {
    struct packet_address address;
    bool asked;
    char *name;
};

struct names {
    int fd;
    size_t count, unasked;
    struct entry entry[NAMES_MOST];
};

/* ---- the helper process ---- */

static void look_up(struct reply *reply)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(struct sockaddr_in);
    if (reply->address.family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)&storage;
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, reply->address.bytes, sizeof in->sin_addr);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, reply->address.bytes, sizeof in6->sin6_addr);
        len = sizeof *in6;
    }
    if (getnameinfo((const struct sockaddr *)&storage, len, reply->name, sizeof reply->name, NULL, 0,
                    NI_NAMEREQD) != 0)
        reply->name[0] = '\0';
}

/* One of LOOKUPS threads; each question goes to one of them. Until the other end is closed. */
static void *serve(void *context)
{
    const int fd = *(const int *)context;
    struct question question;
    for (;;) {
        const ssize_t got = recv(fd, &question, sizeof question, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)sizeof question)
            return NULL;
        struct reply reply = {.address = question.address};
        look_up(&reply);
        if (send(fd, &reply, sizeof reply, MSG_NOSIGNAL) < 0)
            return NULL;
    }
}

/* Nothing of the parent's is left but the socket, as descriptor 3: raw sockets are not for the resolver's
 * libraries, and a pipe that the helper kept open would not end when the parent does. */
static int keep_only(int fd)
{
    const int none = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (none < 0)
        return -1;
    for (int standard = 0; standard <= 2; standard++) {
        if (dup2(none, standard) < 0)
            return -1;
    }
    if (fd != 3 && dup2(fd, 3) < 0)
        return -1;
    return close_range(4, ~0U, 0);
}

__attribute__((noreturn)) static void help(int fd, pid_t parent)
{
    pthread_t thread[LOOKUPS - 1];
    int kept = 3;
    if (lab_tie_to_parent(parent) != 0 || prctl(PR_SET_NAME, "sockdiag-names", 0, 0, 0) != 0 ||
        keep_only(fd) != 0)
        _exit(1);
    for (size_t i = 0; i < sizeof thread / sizeof thread[0]; i++) {
        if (pthread_create(&thread[i], NULL, serve, &kept) != 0)
            break; /* fewer at a time */
    }
    serve(&kept);
    _exit(0);
}

/* ---- this process ---- */

int names_start(struct names **out, struct sd_err *err)
{
    int pair[2] = {-1, -1};
    struct names *names = calloc(1, sizeof *names);
    *out = NULL;
    if (names == NULL)
        return sd_fail_errno(err, ENOMEM, "cannot look up names");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(names);
        return sd_fail_errno(err, errno, "cannot look up names");
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        help(pair[1], parent);
    const int failed = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        free(names);
        return sd_fail_errno(err, failed, "cannot look up names");
    }
    names->fd = pair[0];
    *out = names;
    return 0;
}

int names_fd(const struct names *names)
{
    return names != NULL ? names->fd : -1;
}

static struct entry *entry_of(struct names *names, const struct packet_address *address)
{
    for (size_t i = 0; i < names->count; i++) {
        if (packet_address_equal(&names->entry[i].address, address))
            return &names->entry[i];
    }
    return NULL;
}

/* What the socket has no room for is asked later. */
static void ask_all(struct names *names)
{
    for (size_t i = 0; i < names->count && names->unasked > 0 && names->fd >= 0; i++) {
        if (names->entry[i].asked)
            continue;
        const struct question question = {names->entry[i].address};
        if (send(names->fd, &question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            if (errno != EAGAIN && errno != EINTR)
                io_close(&names->fd);
            return;
        }
        names->entry[i].asked = true;
        names->unasked--;
    }
}

void names_ask(struct names *names, const struct packet_address *address)
{
    if (names == NULL || (address->family != 4 && address->family != 6) || entry_of(names, address) != NULL ||
        names->count == NAMES_MOST)
        return;
    names->entry[names->count++].address = *address;
    names->unasked++;
    ask_all(names);
}

/* One reply. True: a name is new. */
static bool take(struct names *names, const struct reply *reply)
{
    struct entry *entry = entry_of(names, &reply->address);
    if (entry == NULL || entry->name != NULL || reply->name[0] == '\0')
        return false;
    entry->name = strndup(reply->name, sizeof reply->name - 1);
    return entry->name != NULL;
}

bool names_take(struct names *names)
{
    bool news = false;
    while (names != NULL && names->fd >= 0) {
        struct reply reply;
        const ssize_t got = recv(names->fd, &reply, sizeof reply, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got != (ssize_t)sizeof reply) {
            io_close(&names->fd); /* the helper is gone */
            break;
        }
        news |= take(names, &reply);
    }
    if (names != NULL)
        ask_all(names);
    return news;
}

const char *names_find(const struct names *names, const struct packet_address *address)
{
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        if (packet_address_equal(&names->entry[i].address, address))
            return names->entry[i].name;
    }
    return NULL;
}

void names_stop(struct names *names)
{
    if (names == NULL)
        return;
    io_close(&names->fd);
    for (size_t i = 0; i < names->count; i++)
        free(names->entry[i].name);
    free(names);
}
