/* needs: capture/pcapng.c capture/pcapng_input.c capture/pcapng_classic.c capture/journal.c src/base/buf.c
 * src/base/err.c */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/journal.h"
#include "capture/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touch every byte that a record points to. */
static unsigned touch(const struct capture_record *r)
{
    unsigned sum = 0;
    for (uint32_t i = 0; i < r->packet.captured_len; i++)
        sum += r->packet.data[i];
    for (size_t i = 0; i < r->packet.comment_len; i++)
        sum += (uint8_t)r->packet.comment[i];
    for (size_t i = 0; i < r->journal_len; i++)
        sum += (uint8_t)r->journal[i];
    return sum + (unsigned)journal_time_ns(r->journal, r->journal_len);
}

/* The input is a file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    unsigned sum = 0;
    if (fd < 0 && (fd = memfd_create("fuzz", 0)) < 0)
        abort();
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    struct pcapng_reader *reader = NULL;
    struct capture_record r;
    struct sd_err err = {0};
    if (pcapng_reader_open(&reader, fd, "f", &err) != 0) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    int got;
    struct capture_record before = {0};
    for (bool stands = false;; stands = pcapng_reader_has_next(reader)) {
        if ((got = pcapng_reader_next(reader, &r, &err)) <= 0)
            break;
        sum += touch(&r);
        if (stands)
            sum += touch(&before);
        before = r;
        if (r.kind == CAPTURE_PACKET && pcapng_reader_interface(reader, r.packet.interface) == NULL)
            abort();
    }
    __asm__ volatile("" : : "r"(sum)); /* no compiler leaves the touching out */
    if (got < 0 && err.text[0] == '\0')
        abort();
    if (pcapng_reader_next(reader, &r, NULL) != 0)
        abort();
    pcapng_reader_close(reader);
    return 0;
}
