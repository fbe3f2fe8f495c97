#include "tests/unit/read_all.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/pcapng.h"

int file_of(const void *data, size_t len)
{
    int fd = memfd_create("capture", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Packets that were told ahead and are still to come: their lengths and sums. */
struct ahead {
    size_t count;
    uint32_t len[PCAPNG_AHEAD];
    uint64_t sum[PCAPNG_AHEAD], number[PCAPNG_AHEAD];
};

static uint64_t sum_of(const struct packet *packet)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < packet->captured_len; i++)
        sum = sum * 31 + packet->data[i];
    return sum;
}

/* What comes is what was told ahead; then see what is told now. */
static void check_ahead(struct ahead *ahead, struct pcapng_reader *reader, const struct capture_record *r)
{
    struct packet packet;
    if (r->kind == CAPTURE_PACKET && ahead->count > 0) {
        assert_int_equal(ahead->len[0], r->packet.captured_len);
        assert_true(ahead->sum[0] == sum_of(&r->packet));
        assert_true(ahead->number[0] == r->packet.number);
        ahead->count--;
        memmove(ahead->len, ahead->len + 1, ahead->count * sizeof ahead->len[0]);
        memmove(ahead->sum, ahead->sum + 1, ahead->count * sizeof ahead->sum[0]);
        memmove(ahead->number, ahead->number + 1, ahead->count * sizeof ahead->number[0]);
    }
    while (pcapng_reader_ahead(reader, &packet)) {
        assert_true(ahead->count < PCAPNG_AHEAD);
        ahead->len[ahead->count] = packet.captured_len;
        ahead->number[ahead->count] = packet.number;
        ahead->sum[ahead->count++] = sum_of(&packet);
    }
}

struct seen read_all(const void *data, size_t len)
{
    struct seen seen = {0};
    struct ahead ahead = {0};
    struct pcapng_reader *reader = NULL;
    int fd = file_of(data, len);
    seen.opened = pcapng_reader_open(&reader, fd, "f", &seen.err);
    struct capture_record r;
    while (seen.opened == 0 && (seen.last = pcapng_reader_next(reader, &r, &seen.err)) > 0) {
        check_ahead(&ahead, reader, &r);
        seen.packets += r.kind == CAPTURE_PACKET;
        seen.journals += r.kind == CAPTURE_JOURNAL;
        seen.stats += r.kind == CAPTURE_STATS;
        for (uint32_t i = 0; i < r.packet.captured_len; i++)
            seen.bytes += r.packet.data[i];
        for (size_t i = 0; i < r.packet.comment_len; i++)
            seen.bytes += (uint8_t)r.packet.comment[i];
        for (size_t i = 0; i < r.journal_len; i++)
            seen.bytes += (uint8_t)r.journal[i];
        if (r.kind == CAPTURE_PACKET)
            assert_non_null(pcapng_reader_interface(reader, r.packet.interface));
    }
    if (seen.opened == 0)
        assert_int_equal(pcapng_reader_next(reader, &r, NULL), 0);
    pcapng_reader_close(reader);
    close(fd);
    return seen;
}
