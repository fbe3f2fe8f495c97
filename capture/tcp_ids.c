/* What the IP identifications of a direction tell.
 *
 * Most senders count them up, packet by packet, some for all their connections together. While they do, the
 * order of two numbers is that in which the packets were sent. And a number that has been captured belongs to
 * that packet, whatever became of it: so it is known which were captured and which were passed over, as far
 * back as that fits into a few words. In front of all stands the run: so many numbers right before the latest
 * were captured, too. What was passed over before it is written down only once a direction is odd.
 *
 * One packet that another has overtaken is no reason to distrust them. Numbers that jump are not believed,
 * until they have counted up for long. */

#include "capture/tcp_private.h"

enum {
    IDS_ENOUGH = 3,      /* ascending identifications before they are believed */
    ID_NEAR = 256,       /* the most by which what was overtaken lies behind */
    COPY_NS = 100000000, /* while nothing is known of them, how late a copy may be: sooner than any timeout */
};

bool tcp_ids_tell_apart(const struct tcp_context *c)
{
    return tcp_id_of(c->packet) != 0 && !c->d->ids_same;
}

static bool are_believed(const struct tcp_direction *d)
{
    return d->ids >= IDS_ENOUGH && !d->ids_broken;
}

/* ---- what was passed over ---- */

static void drop_skip(struct tcp_odd *odd, int at)
{
    for (int i = at; i + 1 < odd->skip_count; i++)
        odd->skip[i] = odd->skip[i + 1];
    odd->skip_count--;
}

/* Room at `at`; the oldest goes where there is none. */
static struct tcp_skip *make_skip(struct tcp_odd *odd, int at)
{
    if (odd->skip_count == TCP_SKIPS)
        odd->skip_count--;
    for (int i = odd->skip_count; i > at; i--)
        odd->skip[i] = odd->skip[i - 1];
    odd->skip_count++;
    return &odd->skip[at];
}

/* The numbers between the latest and this one, `step` behind it, were passed over. */
static void pass_over(const struct tcp_context *c, int16_t step)
{
    struct tcp_direction *d = c->d;
    if (d->odd == NULL)
        return;
    *make_skip(d->odd, 0) = (struct tcp_skip){
        .ids = (uint16_t)(step - 1),
        .run = d->id_run,
        .place = (uint32_t)(c->packet->payload_len > 0 ? c->old_next : d->next),
    };
}

/* In which skip the number lies that is `behind` the latest one; -1: in none that is known. `captured`: it is
 * known to be none of those. `newer`: so many of the skip lie behind it. */
static int find_skip(const struct tcp_direction *d, uint32_t behind, bool *captured, uint32_t *newer)
{
    uint32_t reach = d->id_run;
    bool counted = reach < TCP_ID_STEP; /* a run that is too long to be counted ends what is known */
    *captured = behind <= reach;
    for (int i = 0; d->odd != NULL && i < d->odd->skip_count && !*captured && counted; i++) {
        const struct tcp_skip *skip = &d->odd->skip[i];
        *newer = behind - reach - 1;
        if (behind <= reach + skip->ids)
            return i;
        reach += skip->ids + 1U + skip->run;
        *captured = behind <= reach;
        counted = skip->run < TCP_ID_STEP;
    }
    return -1;
}

/* A number that had been passed over, late. */
static void take_late(struct tcp_direction *d, uint32_t behind)
{
    bool captured;
    uint32_t newer = 0;
    const int at = find_skip(d, behind, &captured, &newer);
    if (at < 0) {
        const bool adjoins = !captured && behind == d->id_run + 1U && d->id_run < TCP_ID_STEP;
        d->id_run = (uint16_t)(d->id_run + adjoins);
        d->ids_late = d->ids_late || !captured;
        return;
    }
    struct tcp_odd *odd = d->odd;
    struct tcp_skip *skip = &odd->skip[at];
    if (newer > 0) { /* in two */
        const struct tcp_skip front = {(uint16_t)newer, 0, skip->place};
        skip->ids = (uint16_t)(skip->ids - newer - 1);
        *make_skip(odd, at) = front;
        return;
    }
    uint16_t *run = at == 0 ? &d->id_run : &odd->skip[at - 1].run;
    uint32_t longer = *run + 1U;
    if (--skip->ids == 0) {
        longer += 1U + skip->run;
        drop_skip(odd, at);
    }
    *run = (uint16_t)(longer < TCP_ID_STEP ? longer : TCP_ID_STEP);
}

/* ---- belief ---- */

/* A packet that was surely sent after those before it, but for a few that it may have overtaken. */
static void weigh(struct tcp_direction *d, int16_t step)
{
    if (step == 0) {
        d->ids_same = true;
    } else if (step > 0 && step <= TCP_ID_STEP) {
        d->ids = (uint8_t)(d->ids + (d->ids < TCP_IDS_MOST));
        d->ids_broken = d->ids_broken && d->ids < TCP_IDS_MOST;
    } else if (!are_believed(d) || step <= -ID_NEAR || step > 0) {
        d->ids_broken = true;
        d->ids = 0;
    }
}

void tcp_ids_note(const struct tcp_context *c, uint16_t id, bool advances)
{
    struct tcp_direction *d = c->d;
    const int16_t step = (int16_t)(id - d->last_id);
    if (d->has_id && advances)
        weigh(d, step);
    if (d->ids_broken && d->odd != NULL)
        d->odd->skip_count = 0;
    if (!d->has_id || step > 0 || d->ids_broken) {
        const uint16_t longer = (uint16_t)(d->id_run + (step == 1 && d->id_run < TCP_ID_STEP));
        if (d->has_id && step > 1 && !d->ids_broken)
            pass_over(c, step);
        d->id_run = d->has_id && (step == 0 || step == 1) ? longer : 0;
        d->ids_late = d->ids_late && step == 1;
        d->last_id = id;
        d->has_id = true;
    } else if (step < 0) {
        take_late(d, (uint16_t)(d->last_id - id));
    }
}

enum tcp_ids tcp_ids_verdict(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const uint16_t id = tcp_id_of(c->packet);
    const int16_t step = (int16_t)(id - d->last_id);
    const uint64_t age = c->packet->time_ns > d->last_ns ? c->packet->time_ns - d->last_ns : 0;
    bool captured;
    uint32_t newer;
    if (id == 0 || d->ids_same || !d->has_id)
        return TCP_IDS_SILENT;
    if (step == 0)
        return d->ids > 0 || d->ids_broken || age < COPY_NS ? TCP_IDS_CAPTURED : TCP_IDS_SILENT;
    if (!are_believed(d) && (d->ids_broken || step > ID_NEAR || step < -ID_NEAR || age >= COPY_NS))
        return TCP_IDS_SILENT;
    if (step > 0)
        return TCP_IDS_AFTER;
    const uint32_t behind = (uint16_t)(d->last_id - id);
    const int at = find_skip(d, behind, &captured, &newer);
    if (at >= 0)
        return seq_lt((uint32_t)c->offset, d->odd->skip[at].place) ? TCP_IDS_MISSED_AGAIN
                                                                   : TCP_IDS_MISSED_FIRST;
    if (behind == d->id_run + 1U && d->id_run < TCP_ID_STEP && !d->ids_late &&
        (d->odd == NULL || d->odd->skip_count == 0))
        return TCP_IDS_MISSED;
    return captured ? TCP_IDS_CAPTURED : TCP_IDS_BEFORE;
}
