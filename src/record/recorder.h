#ifndef SOCKDIAG_RECORD_RECORDER_H
#define SOCKDIAG_RECORD_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/call.h"

/* Runs programs and tells of each of their socket calls (ptrace(2) with a seccomp filter that stops at
 * nothing else).
 *
 * Threads, children and what they exec are followed. The programs' output, exit status and death by signal
 * are their own. They end when the recorder is killed, as under a debugger: a filter whose tracer is gone
 * would answer ENOSYS to every socket call. With `survive` the recorder stops at every system call instead
 * (slower), and the programs go on without it.
 *
 * Signals: SIGINT, SIGTERM and SIGHUP that another process sends to the recorder go on to the main program;
 * one typed at the terminal has reached it already. */

struct recorder_program {
    char *const *argv;
    const char *title; /* how messages call it; NULL: argv[0] */
    /* In the child, before its exec: enter a namespace, change the directory. May be NULL. */
    int (*prepare)(void *context, struct sd_err *err);
    void *context;
    bool after_listen; /* start when a program that was started before it listens, or has bound a datagram
                          socket to a port */
};

struct recorder_config {
    const struct recorder_program *programs; /* the last is the main one */
    size_t count;
    unsigned linger_ms; /* the time that the others have to end by themselves after the main one; then
                           SIGTERM, and two seconds later SIGKILL */
    bool end_all; /* what outlives the main program, also as a descendant, is ended with the others instead of
                     being waited for */
    bool survive;
    bool no_pin;                 /* do not put the programs on the recorder's CPU */
    bool keep_bytes;             /* the records hold the bytes moved */
    unsigned listen_deadline_ms; /* 0: 30 s */
    void *context;
    void (*call)(void *context,
                 const struct call *call); /* at each call's end; the record is valid until return */
    void (*busy)(void *context,
                 bool busy); /* or NULL: before the clock is read for calls; when they are told */
    void (*notice)(void *context, const char *text); /* what cannot be seen or is not as it would be alone */
};

#define RECORDER_MAX_PROGRAMS 4

struct recorder_result {
    int status[RECORDER_MAX_PROGRAMS]; /* wait(2) status of each program; -1: never started */
    uint64_t calls;
};

/* Run to the end of all programs and their descendants. 0, or a negative errno with `err` filled when nothing
 * could be run; a program that cannot be executed is -ENOENT, -EACCES, … and err names it. */
int recorder_run(const struct recorder_config *config, struct recorder_result *result, struct sd_err *err);

#endif
