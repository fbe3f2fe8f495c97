#include "tests/unit/read_all.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/pcapng.h"
#include "tests/unit/piecemeal.h"

int file_of(const void *data, size_t len)
{
    int fd = memfd_create("capture", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static uint64_t sum_of(const struct capture_record *r)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->packet.captured_len; i++)
        sum = sum * 31 + r->packet.data[i];
    for (size_t i = 0; i < r->packet.comment_len; i++)
        sum = sum * 31 + (uint8_t)r->packet.comment[i];
    for (size_t i = 0; i < r->journal_len; i++)
        sum = sum * 31 + (uint8_t)r->journal[i];
    return sum;
}

/* The last records: while each next one stood in memory, they must stay as they are. */
enum {
    STANDING = 8,
};

struct standing {
    struct capture_record record[STANDING];
    uint64_t sum[STANDING];
    size_t count;
};

static void check_standing(struct standing *s, const struct capture_record *r, bool in_memory)
{
    s->count = in_memory ? s->count : 0;
    for (size_t i = 0; i < s->count && i < STANDING; i++)
        assert_true(s->sum[i] == sum_of(&s->record[i]));
    s->record[s->count % STANDING] = *r;
    s->sum[s->count++ % STANDING] = sum_of(r);
}

/* The next record, which is one if it stands in memory, or damage. */
static int next(struct pcapng_reader *reader, struct capture_record *r, struct standing *s,
                struct sd_err *err)
{
    const bool in_memory = pcapng_reader_has_next(reader);
    const int got = pcapng_reader_next(reader, r, err);
    assert_true(!in_memory || got > 0 || got == -EBADMSG);
    if (got > 0)
        check_standing(s, r, in_memory);
    return got;
}

static void count(struct seen *seen, const struct pcapng_reader *reader, const struct capture_record *r)
{
    seen->packets += r->kind == CAPTURE_PACKET;
    seen->journals += r->kind == CAPTURE_JOURNAL;
    seen->stats += r->kind == CAPTURE_STATS;
    for (uint32_t i = 0; i < r->packet.captured_len; i++)
        seen->bytes += r->packet.data[i];
    for (size_t i = 0; i < r->packet.comment_len; i++)
        seen->bytes += (uint8_t)r->packet.comment[i];
    for (size_t i = 0; i < r->journal_len; i++)
        seen->bytes += (uint8_t)r->journal[i];
    if (r->kind == CAPTURE_PACKET)
        assert_non_null(pcapng_reader_interface(reader, r->packet.interface));
}

static struct seen read_descriptor(const void *data, size_t len)
{
    struct seen seen = {0};
    struct standing standing = {.count = 0};
    struct pcapng_reader *reader = NULL;
    int fd = file_of(data, len);
    seen.opened = pcapng_reader_open(&reader, fd, "f", &seen.err);
    struct capture_record r;
    while (seen.opened == 0 && (seen.last = next(reader, &r, &standing, &seen.err)) > 0)
        count(&seen, reader, &r);
    if (seen.opened == 0)
        assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    return seen;
}

/* ---- the same in pieces ---- */

static struct seen read_pieces(const void *data, size_t len)
{
    struct seen seen = {0};
    struct piecemeal p = {.data = data, .len = len};
    const struct pcapng_pieces pieces = {&p, piecemeal_next};
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    seen.opened = pcapng_reader_open_pieces(&reader, &pieces, "f", &seen.err);
    p.may_defer = true;
    while (seen.opened == 0 &&
           ((seen.last = pcapng_reader_next(reader, &r, &seen.err)) > 0 || seen.last == -EAGAIN)) {
        if (seen.last > 0)
            count(&seen, reader, &r);
    }
    pcapng_reader_close(reader);
    free(p.memory);
    return seen;
}

struct seen read_all(const void *data, size_t len)
{
    const struct seen seen = read_descriptor(data, len), again = read_pieces(data, len);
    assert_true(again.opened == seen.opened && again.last == seen.last && again.bytes == seen.bytes);
    assert_true(again.packets == seen.packets && again.journals == seen.journals &&
                again.stats == seen.stats);
    assert_string_equal(again.err.text, seen.err.text);
    return seen;
}
