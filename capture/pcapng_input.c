#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/pcapng_reader.h"

enum {
    FIRST_CAP = 256 << 10,
};

/* Other memory with room for `len` bytes; what was not consumed moves there. */
static int change_memory(struct pcapng_input *in, size_t len)
{
    const size_t left = input_left(in);
    size_t cap = 0;
    uint8_t *data = in->lender.lend(in->lender.context, len, &cap);
    if (data == NULL)
        return -ENOMEM;
    if (left > 0)
        memcpy(data, in->data + in->begin, left);
    in->data = data;
    in->cap = cap;
    in->begin = 0;
    in->end = left;
    return 0;
}

int input_borrow(struct pcapng_input *in, const struct pcapng_lender *lender)
{
    uint8_t *own = in->data;
    in->lender = *lender;
    const int failed = change_memory(in, input_left(in));
    if (failed == 0)
        free(own);
    else
        in->lender = (struct pcapng_lender){0};
    return failed;
}

void input_fini(struct pcapng_input *in)
{
    if (in->lender.lend == NULL)
        free(in->data);
}

/* Room for `len` bytes from data + begin on. */
static int make_room(struct pcapng_input *in, size_t len)
{
    if (in->cap - in->begin >= len)
        return 0;
    if (in->lender.lend != NULL)
        return change_memory(in, len);
    if (in->begin > 0) {
        memmove(in->data, in->data + in->begin, input_left(in));
        in->end -= in->begin;
        in->begin = 0;
    }
    if (in->cap >= len)
        return 0;
    size_t cap = in->cap == 0 ? FIRST_CAP : in->cap;
    while (cap < len)
        cap *= 2;
    uint8_t *data = realloc(in->data, cap);
    if (data == NULL)
        return -ENOMEM;
    in->data = data;
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

int input_bound(struct pcapng_input *in, off_t limit)
{
    if (!in->placed) {
        in->place = lseek(in->fd, 0, SEEK_CUR);
        if (in->place < 0)
            return -errno;
        in->placed = true;
    }
    in->limit = limit;
    const size_t over = in->place > limit ? (size_t)(in->place - limit) : 0;
    in->end -= over < input_left(in) ? over : input_left(in);
    return 0;
}

static ssize_t read_some(struct pcapng_input *in)
{
    if (!in->placed)
        return read(in->fd, in->data + in->end, in->cap - in->end);
    size_t len = in->cap - in->end;
    if (in->limit != 0 && (off_t)len > in->limit - in->place)
        len = in->place < in->limit ? (size_t)(in->limit - in->place) : 0;
    const ssize_t n = pread(in->fd, in->data + in->end, len, in->place);
    in->place += n > 0 ? n : 0;
    return n;
}

int input_read(struct pcapng_input *in, size_t len)
{
    int failed = make_room(in, len);
    while (failed == 0 && input_left(in) < len) {
        if ((in->wait.stop_fd >= 0 || in->wait.before != NULL) && (failed = wait_readable(in)) != 0)
            break;
        const ssize_t n = read_some(in);
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
