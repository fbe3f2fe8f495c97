/* Packets of a pipe: read once, and dealt out to those that follow them. */

#include <errno.h>

#include "cmd/streams_crowd.h"

enum {
    AHEAD = 16, /* packets that are foreseen */
};

/* ---- in a job ---- */

static struct packet packet_of(const struct jobs_packet *from)
{
    struct packet packet = {.number = from->number};
    packet_captured(&packet, from->linktype, from->time_ns, from->data, from->captured_len, from->wire_len);
    return packet;
}

static void foresee(struct streams *s, const struct jobs_packet *packets, size_t count, size_t i)
{
    if (i >= count)
        return;
    const struct packet packet = packet_of(&packets[i]);
    engine_foresee(s->engine, &packet);
}

static void follow(void *context, unsigned index, const struct jobs_packet *packets, size_t count)
{
    struct crowd *crowd = context;
    struct streams *s = &crowd->job[index];
    for (size_t i = 0; i < AHEAD; i++)
        foresee(s, packets, count, i);
    for (size_t i = 0; i < count && s->failed == 0; i++) {
        const struct jobs_packet *p = &packets[i];
        struct packet packet = packet_of(p);
        foresee(s, packets, count, i + AHEAD);
        if (p->passed > 0)
            engine_pass(s->engine, p->passed, p->ends, p->now_ns);
        const int failed = streams_feed(s, &packet);
        s->failed = s->failed != 0 ? s->failed : failed;
    }
    if (s->failed != 0)
        atomic_store(&crowd->stopped, true);
}

static void follow_idle(void *context, unsigned index)
{
    struct crowd *crowd = context;
    struct streams *s = &crowd->job[index];
    if (s->failed == 0)
        s->failed = streams_flush(s);
    if (s->failed != 0)
        atomic_store(&crowd->stopped, true);
}

static void follow_end(void *context, unsigned index)
{
    struct crowd *crowd = context;
    streams_job_end(&crowd->job[index], crowd->ended);
}

/* ---- in the thread that reads ---- */

static int give(struct crowd *crowd, unsigned index, const struct packet *packet)
{
    const struct dealt *told = &crowd->told[index];
    const struct jobs_packet given = {
        .number = packet->number,
        .time_ns = packet->time_ns,
        .data = packet->data,
        .captured_len = packet->captured_len,
        .wire_len = packet->wire_len,
        .linktype = packet->linktype,
        .passed = crowd->dealt.packets - told->packets,
        .ends = crowd->dealt.ends - told->ends,
        .now_ns = crowd->now_ns,
    };
    crowd->told[index] = crowd->dealt;
    return jobs_give(crowd->jobs, index, &given);
}

/* A packet of which is not seen at once whose it is goes to every job. */
static int deal(struct crowd *crowd, const struct packet *packet)
{
    struct tuple_seen seen;
    int failed = 0;
    if (packet->time_ns > crowd->now_ns)
        crowd->now_ns = packet->time_ns;
    if (!tuple_peek(&crowd->key, packet, &seen)) {
        for (unsigned i = 0; i < crowd->count && failed == 0; i++)
            failed = give(crowd, i, packet);
        return failed;
    }
    const unsigned part = engine_part(seen.hash, crowd->parts), index = part / crowd->step;
    const bool mine = part % crowd->step == crowd->first;
    if (mine)
        failed = give(crowd, index, packet);
    crowd->dealt.packets++;
    crowd->dealt.ends += (seen.flags & (TCP_FIN | TCP_RST)) != 0;
    if (mine)
        crowd->told[index] = crowd->dealt;
    return failed;
}

static int take_record(void *context, struct capture_record *record, struct sd_err *err)
{
    struct crowd *crowd = context;
    streams_note_record(crowd->s, record);
    if (record->kind != CAPTURE_PACKET)
        return 0;
    crowd->s->totals.packets.packets++;
    const int failed = deal(crowd, &record->packet);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot follow the streams");
    return atomic_load_explicit(&crowd->stopped, memory_order_relaxed) ? 1 : 0;
}

static int take_idle(void *context, struct sd_err *err)
{
    struct crowd *crowd = context;
    (void)err;
    jobs_rest(crowd->jobs);
    return 0;
}

int streams_deal_start(struct crowd *crowd, struct sd_err *err)
{
    const struct jobs_work work = {crowd, follow, follow_idle, follow_end};
    return jobs_start(&crowd->jobs, crowd->count, &work, err);
}

int streams_deal(struct crowd *crowd, struct sd_err *err)
{
    const struct intake_handlers handlers = {crowd, take_record, take_idle};
    const struct pcapng_lender lender = {crowd->jobs, jobs_lend};
    struct intake *intake = &crowd->s->intake;
    crowd->ended = source_borrow(intake->source, &lender) == 0 ? intake_run(intake, &handlers, err)
                                                               : sd_fail_errno(err, ENOMEM, "streams");
    jobs_finish(crowd->jobs);
    return crowd->ended;
}
