#ifndef SOCKDIAG_LAB_LAB_H
#define SOCKDIAG_LAB_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "lab/rules.h"

/* Two hosts and a wire in private namespaces:
 *
 *    user namespace (only where CAP_SYS_ADMIN is missing)
 *    ┌ netns client ┐      ┌──── netns wire ────┐      ┌ netns server ┐
 *    │ e0 10.77.0.1 │──────│ c0   forwarder  s0 │──────│ e0 10.77.0.2 │   also fd77::1, fd77::2
 *    └──────────────┘      └────────────────────┘      └──────────────┘
 *
 * Nothing has a name outside: the kernel removes it all when the last process in it is gone.
 *
 * Lifecycle: lab_open() turns the calling process, which must have one thread, into the lab's supervisor: it
 * lives in the wire's namespaces from then on and cannot go back, so a command forks first. lab_wire_start()
 * … lab_wire_stop() may be repeated, with other rules. lab_close() ends every process that came out of the
 * supervisor. */

enum lab_host {
    LAB_CLIENT,
    LAB_SERVER,
    LAB_HOSTS,
};

struct lab;

struct lab_config {
    unsigned mtu; /* 0: 1500; 576 (IPv6: 1280) to 65535 */
};

/* What the forwarder does to the frames of a run. */
struct lab_wire {
    uint64_t delay_ns;  /* each way */
    uint64_t jitter_ns; /* added to the delay: 0 … jitter, by the seed; frames may overtake each other */
    uint64_t rate_bps;  /* each way, 0: no limit */
    uint64_t jitter_seed;
    struct lab_rule drop, duplicate, reorder, corrupt;
};

/* Each frame once, where it enters the wire, before anything is done to it. Runs in the forwarder's process.
 * `comment` tells what becomes of it: "delivered", "dropped", "delayed 5 ms", "delayed 5 ms, duplicated",
 * "held behind the next frame", "corrupted at byte 60". */
struct lab_tap {
    void *context;
    void (*frame)(void *context, enum lab_host from, uint64_t time_ns, const uint8_t *data,
                  uint32_t captured_len, uint32_t wire_len, const char *comment);
    /* The last word; the process does nothing more. It may let go of what it shares with others. */
    /* Or NULL. Every few milliseconds: all frames with a stamp before `time_ns` have been told. */
    void (*drained)(void *context, uint64_t time_ns);
    void (*finished)(void *context, const uint64_t received[LAB_HOSTS], const uint64_t dropped[LAB_HOSTS]);
};

/* What a command does around its lab: fork the supervisor, call `run` in it, wait. Whichever of the two
 * processes is killed, the other ends all that came out of the lab. The caller has no other children and one
 * thread; SIGTERM and SIGHUP go on to the supervisor. Returns what `run` returned (0 to 255; 128 + signal
 * when the supervisor was killed), or a negative errno with `err` filled. */
int lab_supervise(int (*run)(void *context), void *context, struct sd_err *err);

/* For a child right after its fork: die (SIGKILL) when `parent`, the process that forked it, dies. 0, or
 * -ESRCH when it is dead already. lab_enter() does it for children of the supervisor. */
int lab_tie_to_parent(pid_t parent);

/* 0, or a negative errno with `err` filled: -EPERM where the machine allows no user namespaces (err names the
 * setting that forbids it and what to do). */
int lab_open(struct lab **out, const struct lab_config *config, struct sd_err *err);

/* Fork the forwarder; returns when it forwards. `tap` may be NULL. The forwarder drops every privilege before
 * it looks at the first frame. */
int lab_wire_start(struct lab *lab, const struct lab_wire *wire, const struct lab_tap *tap,
                   struct sd_err *err);

/* Let the frames under way arrive, wait until the wire is quiet (at most one second), end the forwarder. -EIO
 * with err filled where it had died. */
int lab_wire_stop(struct lab *lab, struct sd_err *err);

/* Frames of the last run that were lost although no rule took them: this machine was too slow for the wire.
 */
uint64_t lab_wire_lost(const struct lab *lab);

/* For a forked child, before its exec: move into a host. A child of the supervisor is tied to it (a later
 * change of the user id unties: lab_tie_to_parent()). 0 or a negative errno. */
int lab_enter(const struct lab *lab, enum lab_host host, struct sd_err *err);

/* Wait until a program on `host` listens (TCP) or has bound a UDP port: by /proc/net of that namespace.
 * -ETIMEDOUT after `deadline_ms`; -ECHILD when the process `pid` ended first (it is left to be reaped). */
int lab_wait_ready(const struct lab *lab, enum lab_host host, pid_t pid, unsigned deadline_ms,
                   struct sd_err *err);

/* When the programs are gone: wait until no connection is left that still says goodbye (a lost FIN is sent
 * again after 0.2 s and more), so that a recording has it whole and the next run none of it. 0: none is left;
 * 1: some are after `deadline_ms`; or a negative errno. */
int lab_wait_closed(const struct lab *lab, unsigned deadline_ms, struct sd_err *err);

/* Wait for any child of the supervisor to end, also one that it inherited; `timeout_ms` < 0: without an end.
 * Its pid, and its status as waitpid(2) tells it; 0 after the timeout; -ECHILD when there is no child.
 * The forwarder's end, which nothing asked for, is told once, by -EIO with err filled. */
pid_t lab_wait_any(struct lab *lab, int timeout_ms, int *status, struct sd_err *err);

/* A directory on a tmpfs that is mounted nowhere and gone when the last descriptor to it is closed: the
 * demo's disk. A descriptor, or a negative errno. */
int lab_private_dir(struct sd_err *err);

/* The addresses, as text: family 4 or 6. */
const char *lab_address(enum lab_host host, int family);

/* Have the hosts IPv6 addresses? Not where the kernel has none, and not under an MTU of 1280. */
bool lab_has_ipv6(const struct lab *lab);

/* The path under which programs in the lab can open the host's network namespace ("nsenter --net=PATH CMD"),
 * for as long as the supervisor lives. Valid until lab_close(). */
const char *lab_namespace_path(const struct lab *lab, enum lab_host host);

/* Ends every descendant of the supervisor and waits for it. NULL is taken. */
void lab_close(struct lab *lab);

#endif
