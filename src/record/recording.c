#include "record/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "capture/pcapng.h"
#include "record/scribe.h"

#define SNAPLEN 262144
#define MAX_DATA (SCRIBE_MAX_BLOCK / 2 - 4096) /* two digits a byte, and the other fields */

enum {
    RING_CALLS,
    RING_PACKETS,
};

struct recording {
    struct scribe *scribe;
    const char *name;
    struct buf fields, block; /* scratch of this process */
};

int recording_open(struct recording **out, int fd, const struct recording_config *config, struct sd_err *err)
{
    struct buf head = {0};
    struct recording *r = calloc(1, sizeof *r);
    int ret = r == NULL ? sd_fail(err, ENOMEM, "out of memory") : 0;
    if (r != NULL)
        r->name = config->name;
    pcapng_build_section(&head, "sockdiag " SOCKDIAG_VERSION, config->comment);
    for (unsigned i = 0; i < config->interface_count; i++)
        pcapng_build_interface(&head, config->interface[i], config->linktype[i], SNAPLEN);
    if (config->interface_count == 0)
        pcapng_build_interface(&head, "none", DLT_EN10MB,
                               SNAPLEN); /* libpcap refuses a file without an interface */
    if (ret == 0 && head.failed)
        ret = sd_fail(err, ENOMEM, "out of memory");
    if (ret == 0) {
        ret = io_write_all(fd, head.data, head.len);
        if (ret != 0)
            sd_fail_errno(err, -ret, "cannot write %s", config->name);
    }
    if (ret == 0)
        ret = scribe_start(&r->scribe, fd, err);
    if (ret == 0 && config->interface_count > 0)
        recording_drained(r, clock_real_ns());
    buf_free(&head);
    if (ret != 0)
        free(r);
    else
        *out = r;
    return ret;
}

static void put(struct recording *r, unsigned ring, uint64_t time_ns)
{
    /* A block that is lost is counted by the scribe and told at the close. Fields that memory ran out for
     * make no record either: half of one would be a wrong one. */
    if (r->block.failed || r->fields.failed)
        scribe_lose(r->scribe);
    else
        scribe_put(r->scribe, ring, time_ns, r->block.data, r->block.len);
    r->block.failed = r->fields.failed = false;
    r->block.len = r->fields.len = 0;
}

void recording_call(void *recording, const struct call *call)
{
    struct recording *r = recording;
    if (call->data_len > MAX_DATA) {
        struct call without = *call;
        without.data = NULL;
        if (without.note == NULL)
            without.note = N_("too many bytes to keep in one record");
        call_build(&r->fields, &without);
    } else {
        call_build(&r->fields, call);
    }
    pcapng_build_journal(&r->block, (const char *)r->fields.data, r->fields.len);
    put(r, RING_CALLS, call->exit_ns);
}

void recording_packet(struct recording *r, unsigned interface, uint64_t time_ns, const uint8_t *data,
                      uint32_t captured_len, uint32_t wire_len, const char *comment)
{
    pcapng_build_packet(&r->block, interface, time_ns, data, captured_len, wire_len, comment);
    put(r, RING_PACKETS, time_ns);
}

void recording_stats(struct recording *r, unsigned interface, uint64_t received, uint64_t dropped)
{
    pcapng_build_stats(&r->block, interface, clock_real_ns(), received, dropped);
    put(r, RING_PACKETS, SCRIBE_LAST);
    scribe_busy(r->scribe, RING_PACKETS, false); /* no packet comes any more */
}

void recording_drained(struct recording *r, uint64_t time_ns)
{
    scribe_floor(r->scribe, RING_PACKETS, time_ns);
}

void recording_busy(void *recording, bool busy)
{
    struct recording *r = recording;
    scribe_busy(r->scribe, RING_CALLS, busy);
}

void recording_leave(struct recording *r)
{
    if (r != NULL)
        scribe_leave(r->scribe);
}

int recording_close(struct recording *r, struct sd_err *err)
{
    struct scribe_result result;
    if (r == NULL)
        return 0;
    const char *name = r->name;
    int failed = scribe_finish(r->scribe, &result);
    buf_free(&r->fields);
    buf_free(&r->block);
    free(r);
    if (result.failed != 0)
        return sd_fail_errno(err, result.failed,
                             "%s is not whole: %" PRIu64 " records were written, %" PRIu64 " were not", name,
                             result.written, result.lost);
    if (failed != 0)
        return sd_fail(err, EIO, "%s is not whole: its writer was ended from outside", name);
    if (result.lost > 0)
        return sd_fail(err, EMSGSIZE,
                       "%s is not whole: %" PRIu64 " records were too large for it or for the memory here",
                       name, result.lost);
    return 0;
}
