#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/pcapng_reader.h"

enum {
    FIRST_CAP = 256 << 10,
};

void input_fini(struct pcapng_input *in)
{
    free(in->own);
}

/* Room for `len` bytes from data + begin on. */
static int make_room(struct pcapng_input *in, size_t len)
{
    if (in->cap - in->begin >= len)
        return 0;
    if (in->begin > 0) {
        memmove(in->own, in->own + in->begin, input_left(in));
        in->end -= in->begin;
        in->begin = 0;
    }
    if (in->cap >= len)
        return 0;
    size_t cap = in->cap == 0 ? FIRST_CAP : in->cap;
    while (cap < len)
        cap *= 2;
    uint8_t *own = realloc(in->own, cap);
    if (own == NULL)
        return -ENOMEM;
    in->data = in->own = own;
    in->cap = cap;
    return 0;
}

/* Wait until there is something to read. 0, or -EINTR as struct pcapng_wait says. */
static int wait_readable(const struct pcapng_input *in)
{
    const struct pcapng_wait *wait = &in->wait;
    struct pollfd fds[2] = {{.fd = in->fd, .events = POLLIN}, {.fd = wait->stop_fd, .events = POLLIN}};
    int ready;
    while ((ready = poll(fds, 2, wait->before != NULL ? 0 : -1)) < 0 && errno == EINTR)
        continue;
    if (ready == 0 && !wait->before(wait->context))
        return -EINTR;
    while (ready == 0 && (ready = poll(fds, 2, -1)) < 0 && errno == EINTR)
        ready = 0;
    if (ready < 0)
        return -errno;
    return fds[1].revents != 0 ? -EINTR : 0;
}

static int read_descriptor(struct pcapng_input *in, size_t len)
{
    int failed = make_room(in, len);
    while (failed == 0 && input_left(in) < len) {
        if ((in->wait.stop_fd >= 0 || in->wait.before != NULL) && (failed = wait_readable(in)) != 0)
            break;
        const ssize_t n = read(in->fd, in->own + in->end, in->cap - in->end);
        if (n == 0)
            return 0;
        if (n > 0)
            in->end += (size_t)n;
        else if (errno == EAGAIN)
            failed = wait_readable(in);
        else if (errno != EINTR)
            failed = -errno;
    }
    return failed != 0 ? failed : 1;
}

static int read_pieces(struct pcapng_input *in, size_t len)
{
    while (input_left(in) < len) {
        const uint8_t *data = NULL;
        size_t more = 0;
        const int got =
            in->pieces.next(in->pieces.context, in->data + in->begin, input_left(in), &data, &more);
        if (got <= 0)
            return got;
        in->data = data;
        in->begin = 0;
        in->end = more;
    }
    return 1;
}

int input_read(struct pcapng_input *in, size_t len)
{
    return in->pieces.next != NULL ? read_pieces(in, len) : read_descriptor(in, len);
}
