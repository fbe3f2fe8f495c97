/* Packets of a pipe: read once, and dealt out to those that follow them. */

#include <errno.h>

#include "cmd/streams_crowd.h"

/* ---- in a job ---- */

static void follow(void *context, unsigned index, const struct jobs_load *load)
{
    struct crowd *crowd = context;
    struct streams *s = &crowd->job[index];
    for (size_t done = 0; done < load->count && s->failed == 0;) {
        const size_t left = load->count - done, some = left < BATCH_PACKETS ? left : BATCH_PACKETS;
        const int failed = batch_feed_packets(s->engine, load->packets + done, some);
        done += some;
        s->failed = s->failed != 0 ? s->failed : failed;
        streams_look_around(s, some);
    }
    if (s->failed == 0 && load->passed.packets > 0)
        engine_pass(s->engine, load->passed.packets, load->passed.ends, load->now_ns);
    streams_look_around(s, load->passed.packets);
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

/* What a job is told of others' packets, beyond what it knows. */
static struct batch_passed tell(struct crowd *crowd, unsigned index)
{
    const struct batch_passed *told = &crowd->told[index];
    const struct batch_passed passed = {crowd->dealt.packets - told->packets, crowd->dealt.ends - told->ends};
    crowd->told[index] = crowd->dealt;
    return passed;
}

static void seal(void *context, unsigned index, struct jobs_load *load)
{
    struct crowd *crowd = context;
    load->passed = tell(crowd, index);
    load->now_ns = crowd->now_ns;
}

static int give(struct crowd *crowd, unsigned index, const struct packet *packet)
{
    const struct batch_passed passed = tell(crowd, index);
    struct batch_packet given = batch_packet_of(packet);
    given.passed = passed.packets;
    given.ends = passed.ends;
    given.now_ns = crowd->now_ns;
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
    const unsigned index = engine_part(seen.hash, crowd->parts) - crowd->first; /* before the first: huge */
    const bool mine = index < crowd->count;
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
    struct streams_totals *t = &crowd->s->totals;
    if (record->kind != CAPTURE_PACKET) {
        streams_take_other(crowd->s, record);
        return 0;
    }
    t->packets.packets++;
    t->first_ns = t->first_ns != 0 ? t->first_ns : record->packet.time_ns;
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
    return atomic_load(&crowd->stopped) ? -ECANCELED : 0;
}

int streams_deal_start(struct crowd *crowd, struct sd_err *err)
{
    const struct jobs_work work = {crowd, seal, follow, follow_idle, follow_end};
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
    crowd->s->totals.last_ns = crowd->now_ns;
    return crowd->ended;
}
