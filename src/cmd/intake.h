#ifndef SOCKDIAG_CMD_INTAKE_H
#define SOCKDIAG_CMD_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "capture/source.h"

/* Packets of a file, a pipe or an interface for a command that looks at them: opened with the privileges at
 * hand, which are given up before the first packet byte, and read until the end or a signal. */

struct intake_config {
    const char *file;      /* "-": stdin; NULL: the interface */
    const char *interface; /* NULL: the first that is up and not loopback */
    const char *filter;    /* or NULL */
    uint64_t buffer_mb;    /* of the interface's ring; 0: 64 */
    uint32_t snaplen;      /* of an interface; 0: 262144 */
    bool immediate;        /* see struct source_live */
    unsigned privileges;   /* for privilege_filter() */
    /* Called as the caller of the program, without any right of his beyond, before the filter: the place to
     * open outputs. NULL: nothing to open. */
    int (*open_outputs)(void *context, struct sd_err *err);
    void *context;
    /* Where a file's bytes come from; NULL: from its descriptor. open_outputs() may still set it. */
    const struct pcapng_pieces *pieces;
};

struct intake {
    struct source *source; /* NULL: a signal came before a file's first bytes */
    const char *interface; /* that is captured on */
    char default_name[16];
    int input_fd, signal_fd;
    bool live;
    bool interrupted; /* a signal ended it */
    uint64_t stop_ns; /* when that signal came */
    const struct intake_config *config;
    const struct intake_handlers *handlers; /* while it runs */
    int idle_failed;                        /* what idle() answered while a file was read */
    struct sd_err idle_err;
};

/* What an intake calls; both end it by a negative errno, with `err` filled, and record() also by 1: all is
 * well, and no more is wanted. */
struct intake_handlers {
    void *context;
    int (*record)(void *context, struct capture_record *record, struct sd_err *err);
    int (*idle)(void *context, struct sd_err *err); /* nothing is there now, or for half a second; or NULL */
};

/* 0, or a negative errno with `err` filled. A signal while the file's first bytes are waited for is no
 * failure: then there is no source, and the end of the run comes at once. `config` must outlive the intake.
 */
int intake_open(struct intake *intake, const struct intake_config *config, struct sd_err *err);

/* Until the end: 0; -EBADMSG and -ENETDOWN with `err` filled where it came too early; else what a handler
 * returned. */
int intake_run(struct intake *intake, const struct intake_handlers *handlers, struct sd_err *err);

/* Did a signal ask for the end, as far as is known now? */
bool intake_is_interrupted(struct intake *intake);

/* SIGINT and SIGTERM end the program again: for what is printed when all is read. */
void intake_give_signals_back(struct intake *intake);

/* Packets that the kernel lost before an interface's source got them; 0 for a file. */
uint64_t intake_lost(const struct intake *intake);

void intake_close(struct intake *intake);

/* Is the first word of a filter rather the name of a file, one that is there? */
bool intake_is_file(const char *word);

/* The words of a filter as one expression, in `text`; NULL where there are none. 0 or -ENOMEM. */
int intake_join_filter(struct buf *text, int argc, char **argv, int first, const char **filter,
                       struct sd_err *err);

#endif
