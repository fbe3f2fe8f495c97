/* needs: capture/pcapng.c capture/pcapng_input.c capture/pcapng_classic.c capture/journal.c src/base/buf.c
 * src/base/err.c tests/unit/piecemeal.c */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/journal.h"
#include "capture/pcapng.h"
#include "tests/unit/piecemeal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(holds)                                                                                          \
    do {                                                                                                     \
        if (!(holds))                                                                                        \
            abort();                                                                                         \
    } while (0)

/* What was found; of every byte that a record points to, something. */
struct sums {
    int opened, ended;
    uint64_t records, bytes;
    struct sd_err err;
};

static uint64_t sum_of(const struct capture_record *r)
{
    uint64_t sum = r->packet.time_ns + r->packet.number + r->received + r->dropped;
    for (uint32_t i = 0; i < r->packet.captured_len; i++)
        sum = sum * 31 + r->packet.data[i];
    for (size_t i = 0; i < r->packet.comment_len; i++)
        sum = sum * 31 + (uint8_t)r->packet.comment[i];
    for (size_t i = 0; i < r->journal_len; i++)
        sum = sum * 31 + (uint8_t)r->journal[i];
    return sum + journal_time_ns(r->journal, r->journal_len);
}

static void count(struct sums *sums, const struct pcapng_reader *reader, const struct capture_record *r)
{
    must(r->kind != CAPTURE_PACKET || pcapng_reader_interface(reader, r->packet.interface) != NULL);
    sums->records++;
    sums->bytes = sums->bytes * 31 + sum_of(r);
}

static struct sums read_file(int fd)
{
    struct sums sums = {0};
    struct pcapng_reader *reader = NULL;
    struct capture_record r, before = {0};
    uint64_t sum_before = 0;
    sums.opened = pcapng_reader_open(&reader, fd, "f", &sums.err);
    if (sums.opened != 0)
        return sums;
    for (bool stands = false;; stands = pcapng_reader_has_next(reader)) {
        if ((sums.ended = pcapng_reader_next(reader, &r, &sums.err)) <= 0)
            break;
        must(!stands || sum_before == sum_of(&before));
        count(&sums, reader, &r);
        before = r;
        sum_before = sum_of(&r);
    }
    must(pcapng_reader_next(reader, &r, NULL) == 0);
    pcapng_reader_close(reader);
    return sums;
}

static struct sums read_pieces(const uint8_t *data, size_t size)
{
    struct sums sums = {0};
    struct piecemeal p = {.data = data, .len = size};
    const struct pcapng_pieces pieces = {&p, piecemeal_next};
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    sums.opened = pcapng_reader_open_pieces(&reader, &pieces, "f", &sums.err);
    p.may_defer = true;
    while (sums.opened == 0 &&
           ((sums.ended = pcapng_reader_next(reader, &r, &sums.err)) > 0 || sums.ended == -EAGAIN)) {
        if (sums.ended > 0)
            count(&sums, reader, &r);
    }
    pcapng_reader_close(reader);
    free(p.memory);
    return sums;
}

/* The input is a file; read in pieces, it tells the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    must(fd >= 0 || (fd = memfd_create("fuzz", 0)) >= 0);
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    const struct sums whole = read_file(fd), parts = read_pieces(data, size);
    must((whole.opened == 0 && whole.ended == 0) || whole.err.text[0] != '\0');
    must(parts.opened == whole.opened && parts.ended == whole.ended);
    must(parts.records == whole.records && parts.bytes == whole.bytes);
    must(strcmp(parts.err.text, whole.err.text) == 0);
    return 0;
}
