#include "cmd/capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

enum {
    GATHER = 64 << 10,
    STATS_ROOM = 64, /* kept free for the statistics block of a file with a size limit */
    RECORD_HEADER = 16,
    FILE_HEADER = 24,
    SNAPLEN = 262144, /* where the source tells none */
};

struct capture_file {
    const struct capture_file_config *config;
    int fd;
    unsigned number; /* of the present file, from 1 */
    bool begun;      /* its header is written or gathered */
    struct buf gathered;
    uint64_t size;           /* of the present file, gathered blocks included */
    uint64_t file_packets;   /* in it */
    uint64_t first_ns;       /* its first packet */
    uint64_t packets;        /* written, in all files */
    uint64_t gathered_count; /* packets among the gathered blocks */
    uint32_t *map;           /* interfaces of the source, by their number in the present file */
    uint32_t map_count, map_cap;
    int linktype; /* of a classic file */
};

/* ---- opening ---- */

/* cap.pcapng, cap-2.pcapng, cap-3.pcapng … */
static int name_of(const struct capture_file *f, char *out, size_t size)
{
    const char *path = f->config->path;
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const int stem = dot != NULL && dot != base ? (int)(dot - path) : (int)strlen(path);
    int n = f->number == 1 ? snprintf(out, size, "%s", path)
                           : snprintf(out, size, "%.*s-%u%s", stem, path, f->number, path + stem);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int open_next(struct capture_file *f, struct sd_err *err)
{
    char name[4096];
    f->number++;
    f->begun = false;
    f->size = f->file_packets = 0;
    f->map_count = 0;
    if (strcmp(f->config->path, "-") == 0) {
        f->fd = STDOUT_FILENO;
        return 0;
    }
    if (name_of(f, name, sizeof name) != 0)
        return sd_fail_errno(err, ENAMETOOLONG, "%s", f->config->path);
    f->fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return f->fd < 0 ? sd_fail_errno(err, errno, "cannot create %s", name) : 0;
}

int capture_file_open(struct capture_file **out, const struct capture_file_config *config, struct sd_err *err)
{
    struct capture_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return sd_fail_errno(err, ENOMEM, "%s", config->path);
    f->config = config;
    f->fd = -1;
    int failed = open_next(f, err);
    if (failed != 0)
        capture_file_free(f);
    else
        *out = f;
    return failed;
}

/* ---- writing ---- */

/* Of `len` bytes at the front of the gathered ones, how many are whole blocks, and the packets in them. */
static size_t whole_blocks(const struct capture_file *f, size_t len, uint64_t flushed, uint64_t *packets)
{
    const uint8_t *p = f->gathered.data;
    size_t at = f->config->classic && flushed == 0 ? FILE_HEADER : 0;
    *packets = 0;
    while (at + RECORD_HEADER <= len) {
        uint32_t type, word;
        memcpy(&type, p + at, sizeof type);
        memcpy(&word, p + at + (f->config->classic ? 8 : 4), sizeof word);
        const size_t total = f->config->classic ? RECORD_HEADER + (size_t)word : word;
        if (at + total > len)
            break;
        *packets += f->config->classic || type == 6;
        at += total;
    }
    return at <= len ? at : 0;
}

/* A write failed somewhere within the gathered blocks: cut the file behind the last whole one. */
static void cut_behind_whole(struct capture_file *f, uint64_t flushed)
{
    const off_t reached = lseek(f->fd, 0, SEEK_CUR);
    if (reached < (off_t)flushed)
        return; /* no seekable file: what was written is gone */
    uint64_t packets = 0;
    const size_t whole = whole_blocks(f, (size_t)(reached - (off_t)flushed), flushed, &packets);
    if (ftruncate(f->fd, (off_t)(flushed + whole)) == 0)
        f->packets += packets;
}

/* What stood in the file stays until something else does: an input that is no capture destroys nothing. */
static int clear(const struct capture_file *f)
{
    struct stat st;
    if (f->fd == STDOUT_FILENO || fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    return ftruncate(f->fd, 0) != 0 ? -errno : 0;
}

static int write_gathered(struct capture_file *f, struct sd_err *err)
{
    if (f->gathered.failed)
        return sd_fail_errno(err, ENOMEM, "%s", f->config->path);
    const uint64_t flushed = f->size - f->gathered.len;
    int failed = flushed == 0 ? clear(f) : 0;
    if (failed == 0)
        failed = io_write_all(f->fd, f->gathered.data, f->gathered.len);
    if (failed == 0)
        f->packets += f->gathered_count;
    else
        cut_behind_whole(f, flushed);
    f->gathered.len = 0;
    f->gathered_count = 0;
    if (failed == -EPIPE)
        return sd_fail(err, EPIPE, "%s: nobody reads on", f->config->path);
    if (failed != 0 && strcmp(f->config->path, "-") == 0)
        return sd_fail_errno(err, -failed, "cannot write the packets to stdout");
    return failed == 0
               ? 0
               : sd_fail_errno(err, -failed, "cannot write on to %s; the packets before stay readable",
                               f->config->path);
}

/* The number of a source's interface in the present file; described where it is new. */
static int map_interface(struct capture_file *f, const struct source *source, uint32_t index,
                         uint32_t *number, struct sd_err *err)
{
    for (*number = 0; *number < f->map_count; ++*number) {
        if (f->map[*number] == index)
            return 0;
    }
    const struct capture_interface *interface = source_interface(source, index);
    if (interface == NULL)
        return sd_fail(err, EBADMSG, "interface %" PRIu32 " was not described", index);
    if (f->map_count == f->map_cap) {
        uint32_t cap = f->map_cap == 0 ? 4 : f->map_cap * 2;
        uint32_t *grown = realloc(f->map, cap * sizeof *grown);
        if (grown == NULL)
            return sd_fail_errno(err, ENOMEM, "%s", f->config->path);
        f->map = grown;
        f->map_cap = cap;
    }
    f->map[f->map_count++] = index;
    if (!f->config->classic)
        pcapng_build_interface(&f->gathered, interface->name, interface->linktype, interface->snaplen);
    return 0;
}

/* The file's header. A classic one needs a link type: of a file without packets any will do, and `interface`
 * may be NULL. */
static void put_header(struct capture_file *f, const char *comment, const struct capture_interface *interface)
{
    static const struct capture_interface none = {.linktype = DLT_EN10MB};
    const struct capture_interface *of = interface != NULL ? interface : &none;
    f->begun = true;
    f->linktype = of->linktype;
    if (f->config->classic)
        pcap_build_header(&f->gathered, of->linktype, of->snaplen != 0 ? of->snaplen : SNAPLEN);
    else
        pcapng_build_section(&f->gathered, "sockdiag " SOCKDIAG_VERSION, comment);
}

/* Before the first record, which is of the interface `index`. */
static int begin(struct capture_file *f, const struct source *source, uint32_t index, struct sd_err *err)
{
    if (f->begun)
        return 0;
    const struct capture_interface *interface = source_interface(source, index);
    if (f->config->classic && interface == NULL)
        return sd_fail(err, EBADMSG, "interface %" PRIu32 " was not described", index);
    put_header(f, source_comment(source), interface);
    return 0;
}

static int add_packet(struct capture_file *f, const struct source *source, const struct packet *packet,
                      struct sd_err *err)
{
    uint32_t number = 0;
    int failed = begin(f, source, packet->interface, err);
    if (failed == 0)
        failed = map_interface(f, source, packet->interface, &number, err);
    if (failed != 0)
        return failed;
    if (f->config->classic && packet->linktype != f->linktype)
        return sd_fail(err, EINVAL,
                       "%s: a pcap file holds packets of one link type; packet %" PRIu64
                       " is of another (leave --pcap out)",
                       f->config->path, packet->number);
    char *comment = NULL;
    if (packet->comment != NULL && (comment = strndup(packet->comment, packet->comment_len)) == NULL)
        return sd_fail_errno(err, ENOMEM, "%s", f->config->path);
    if (f->config->classic)
        pcap_build_packet(&f->gathered, packet->time_ns, packet->data, packet->captured_len,
                          packet->wire_len);
    else
        pcapng_build_packet(&f->gathered, number, packet->time_ns, packet->data, packet->captured_len,
                            packet->wire_len, comment);
    free(comment);
    f->gathered_count++;
    if (f->file_packets++ == 0)
        f->first_ns = packet->time_ns;
    return 0;
}

static int add_other(struct capture_file *f, const struct source *source, const struct capture_record *record,
                     struct sd_err *err)
{
    if (f->config->classic)
        return 0;
    int failed = begin(f, source, 0, err);
    if (failed == 0 && record->kind == CAPTURE_JOURNAL)
        pcapng_build_journal(&f->gathered, record->journal, record->journal_len);
    if (failed == 0 && record->kind == CAPTURE_STATS) {
        uint32_t number = 0;
        failed = map_interface(f, source, record->interface, &number, err);
        if (failed == 0)
            pcapng_build_stats(&f->gathered, number, clock_real_ns(), record->received, record->dropped);
    }
    return failed;
}

/* Is the present file full, before this record? */
static bool is_full(const struct capture_file *f, const struct capture_record *record)
{
    const struct packet *packet = &record->packet;
    if (record->kind != CAPTURE_PACKET || f->file_packets == 0)
        return false;
    const uint64_t more = packet->captured_len + packet->comment_len + 48 + STATS_ROOM;
    if (f->config->max_bytes != 0 && f->size + more > f->config->max_bytes)
        return true;
    return f->config->max_ns != 0 && packet->time_ns > f->first_ns &&
           packet->time_ns - f->first_ns >= f->config->max_ns;
}

int capture_file_add(struct capture_file *f, struct source *source, const struct capture_record *record,
                     struct sd_err *err)
{
    int failed = 0;
    if (is_full(f, record)) {
        failed = capture_file_finish(f, source, err);
        if (failed == 0)
            failed = open_next(f, err);
    }
    const size_t before = f->gathered.len;
    if (failed == 0)
        failed = record->kind == CAPTURE_PACKET ? add_packet(f, source, &record->packet, err)
                                                : add_other(f, source, record, err);
    f->size += f->gathered.len - before;
    if (failed == 0 && f->gathered.len >= GATHER)
        failed = write_gathered(f, err);
    return failed;
}

int capture_file_flush(struct capture_file *f, struct source *source, struct sd_err *err)
{
    const size_t before = f->gathered.len;
    int failed = 0;
    if (source != NULL && source_fd(source) >= 0) {
        uint32_t number;
        failed = begin(f, source, 0, err);
        if (failed == 0)
            failed = map_interface(f, source, 0, &number, err);
    }
    f->size += f->gathered.len - before;
    if (failed == 0 && f->gathered.len > 0)
        failed = write_gathered(f, err);
    return failed;
}

int capture_file_finish(struct capture_file *f, struct source *source, struct sd_err *err)
{
    if (f->fd < 0)
        return 0;
    uint64_t received = 0, dropped = 0;
    if (!f->begun) { /* a file without any record is a file all the same */
        const size_t before = f->gathered.len;
        put_header(f, source != NULL ? source_comment(source) : NULL,
                   source != NULL ? source_interface(source, 0) : NULL);
        f->size += f->gathered.len - before;
    }
    int failed = capture_file_flush(f, source, err);
    if (failed == 0 && !f->config->classic && source != NULL &&
        source_stats(source, &received, &dropped) == 0) {
        pcapng_build_stats(&f->gathered, 0, clock_real_ns(), received, dropped);
        f->size += f->gathered.len;
        failed = write_gathered(f, err);
    }
    if (f->fd == STDOUT_FILENO)
        f->fd = -1;
    else if (close(f->fd) != 0 && failed == 0)
        failed = sd_fail_errno(err, errno, "cannot finish %s", f->config->path);
    f->fd = -1;
    return failed;
}

uint64_t capture_file_packets(const struct capture_file *f)
{
    return f->packets;
}

void capture_file_free(struct capture_file *f)
{
    if (f == NULL)
        return;
    if (f->fd != STDOUT_FILENO)
        io_close(&f->fd);
    buf_free(&f->gathered);
    free(f->map);
    free(f);
}
