#ifndef SOCKDIAG_RECORD_RECORDING_H
#define SOCKDIAG_RECORD_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "capture/call.h"

/* One capture file that calls and packets go to, from several processes, in the order of their time stamps.
 */

#define RECORDING_MAX_INTERFACES 2

struct recording;

struct recording_config {
    const char *name;    /* of the file, for messages; must outlive the recording */
    const char *comment; /* of the section, or NULL: "framing=naive" */
    const char *interface[RECORDING_MAX_INTERFACES]; /* names of the packets' interfaces */
    int linktype[RECORDING_MAX_INTERFACES];
    unsigned interface_count;
};

/* Begin a file on `fd` (stays the caller's). Fork producers afterwards. 0 or a negative errno with `err`
 * filled. */
int recording_open(struct recording **out, int fd, const struct recording_config *config, struct sd_err *err);

/* For the recorder: a recorder_config.call with the recording as context. */
void recording_call(void *recording, const struct call *call);

/* For the one process that captures packets, of all interfaces. recording_stats() comes last. */
void recording_packet(struct recording *recording, unsigned interface, uint64_t time_ns, const uint8_t *data,
                      uint32_t captured_len, uint32_t wire_len, const char *comment);
void recording_stats(struct recording *recording, unsigned interface, uint64_t received, uint64_t dropped);

/* Around the handling of a stop of a recorded program: recorder_config.busy. The stamps of its calls are read
 * in between. */
void recording_busy(void *recording, bool busy);

/* By the process that captures: all packets with a stamp before `time_ns` are put. To be called every few
 * milliseconds, for the file waits for it. */
void recording_drained(struct recording *recording, uint64_t time_ns);
#define RECORDING_DRAIN_MS 10

/* For a forked process that is no producer. */
void recording_leave(struct recording *recording);

/* Wait until all is written; frees the recording. 0; a negative errno with `err` filled when something was
 * lost (a full disk: how much was written and how much was not). */
int recording_close(struct recording *recording, struct sd_err *err);

#endif
