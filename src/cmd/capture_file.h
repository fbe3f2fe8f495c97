#ifndef SOCKDIAG_CMD_CAPTURE_FILE_H
#define SOCKDIAG_CMD_CAPTURE_FILE_H

#include "base/err.h"
#include "capture/source.h"

/* The files that `capture -w` writes: pcapng or classic pcap, rotated by size and time (cap.pcapng,
 * cap-2.pcapng, …), each complete in itself. Blocks are gathered until nothing waits or 64 KiB are there, and
 * written whole; when the disk is full, the file is cut behind the last whole block. */
struct capture_file;

struct capture_file_config {
    const char *path; /* "-": stdout */
    bool classic;
    uint64_t max_bytes; /* 0: no limit */
    uint64_t max_ns;    /* 0: no limit; packet time of a file */
};

/* Create the first file. 0, or a negative errno with `err` filled. `config` outlives the file. */
int capture_file_open(struct capture_file **out, const struct capture_file_config *config,
                      struct sd_err *err);

/* Append a record of `source` (whose interfaces and section comment are written when they are needed).
 * Classic pcap has no place for journal records and statistics: they are left out. 0, or a negative errno
 * with `err` filled. */
int capture_file_add(struct capture_file *file, struct source *source, const struct capture_record *record,
                     struct sd_err *err);

/* Write what was gathered, and for a live source also the headers of a file without packets. */
int capture_file_flush(struct capture_file *file, struct source *source, struct sd_err *err);

/* Finish the present file: statistics of a live source, flush. `source` may be NULL where no record came.
 * Then capture_file_free(). */
int capture_file_finish(struct capture_file *file, struct source *source, struct sd_err *err);

/* Packets that are in the files. */
uint64_t capture_file_packets(const struct capture_file *file);
void capture_file_free(struct capture_file *file);

#endif
