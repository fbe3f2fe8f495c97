#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/ping.h"
#include "view/columns.h"

/* The end of the text: ping's two lines, percentiles and a small picture for one host; a table for several.
 */

enum {
    PICTURE_MOST = 60,
    LEVELS = 8,
};

double ping_loss(const struct ping *ping, uint64_t drops)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < ping->target_count; i++) {
        const struct track *track = &ping->targets[i].track;
        missing += track->sent - track->answered - track->late;
    }
    missing -= drops < missing ? drops : missing;
    return ping->sent > 0 ? 100.0 * (double)missing / (double)ping->sent : 0;
}

static double ms_of(uint64_t ns)
{
    return (double)ns / NS_PER_MS;
}

/* ---- counts ---- */

struct counts {
    uint64_t sent, received, duplicates, differing, late, errors;
};

static struct counts count_all(const struct ping *ping)
{
    struct counts counts = {0};
    for (uint32_t i = 0; i < ping->target_count; i++) {
        const struct ping_target *target = &ping->targets[i];
        counts.sent += target->track.sent;
        counts.received += target->track.answered;
        counts.duplicates += target->track.duplicates;
        counts.late += target->track.late;
        counts.errors += target->track.errors;
        counts.differing += target->differing;
    }
    return counts;
}

static void put_if(struct buf *out, uint64_t count, const char *what)
{
    if (count > 0)
        buf_printf(out, _(", +%" PRIu64 " %s"), count, what);
}

static void put_counts(struct ping *ping, uint64_t drops)
{
    const struct counts counts = count_all(ping);
    struct buf *out = &ping->out;
    buf_printf(out, _("%" PRIu64 " packets transmitted, %" PRIu64 " received"), counts.sent, counts.received);
    put_if(out, counts.duplicates, _("duplicates"));
    put_if(out, counts.differing, _("with wrong data"));
    put_if(out, counts.late, _("late"));
    put_if(out, counts.errors, _("errors"));
    buf_printf(out, _(", %g%% packet loss, time %" PRIu64 "ms\n"), ping_loss(ping, drops),
               (ping->last_event_ns - ping->start_ns) / NS_PER_MS);
}

/* ---- what else was seen ---- */

static void put_notes(struct ping *ping, uint64_t drops)
{
    struct buf *out = &ping->out;
    if (drops > 0)
        buf_printf(out,
                   ngettext("the socket dropped %" PRIu64
                            " packet: this machine was too slow for what came; so many missing answers are "
                            "not counted as network loss\n",
                            "the socket dropped %" PRIu64
                            " packets: this machine was too slow for what came; so many missing answers are "
                            "not counted as network loss\n",
                            (unsigned long)drops),
                   drops);
    if (ping->forged > 0)
        buf_printf(out,
                   ngettext("%" PRIu64 " forged answer ignored\n", "%" PRIu64 " forged answers ignored\n",
                            (unsigned long)ping->forged),
                   ping->forged);
}

/* ---- one host ---- */

static void put_picture(struct ping *ping, const struct rtt *rtt)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
    uint64_t last[PICTURE_MOST], low = UINT64_MAX, high = 0;
    const unsigned room = ping->style.columns - 34 < PICTURE_MOST ? ping->style.columns - 34 : PICTURE_MOST;
    const unsigned count = rtt_last(rtt, last, room);
    if (!ping->to_terminal || count < 2)
        return;
    for (unsigned i = 0; i < count; i++) {
        low = last[i] < low ? last[i] : low;
        high = last[i] > high ? last[i] : high;
    }
    buf_text(&ping->out, "rtt ");
    for (unsigned i = 0; i < count; i++) {
        const double share = high > low ? (double)(last[i] - low) / (double)(high - low) : 0;
        const unsigned level = (unsigned)(share * (LEVELS - 1) + 0.5);
        buf_text(&ping->out, (ping->style.ascii ? letters : blocks)[level]);
    }
    buf_printf(&ping->out, _(" %.3f to %.3f ms\n"), ms_of(low), ms_of(high));
}

static void put_one(struct ping *ping, uint64_t drops)
{
    const struct ping_target *target = &ping->targets[0];
    const struct rtt *rtt = &target->rtt;
    static const double wanted[] = {50, 90, 99};
    uint64_t p[3];
    buf_printf(&ping->out, _("\n--- %s ping statistics ---\n"),
               ping->options.numeric ? target->address : target->name);
    put_counts(ping, drops);
    if (rtt->count > 0)
        buf_printf(&ping->out, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", ms_of(rtt->min_ns),
                   ms_of(rtt_mean(rtt)), ms_of(rtt->max_ns), ms_of(rtt_deviation(rtt)));
    if (rtt_percentiles(rtt, wanted, p, 3))
        buf_printf(&ping->out, "rtt p50/p90/p99 = %.3f/%.3f/%.3f ms\n", ms_of(p[0]), ms_of(p[1]),
                   ms_of(p[2]));
    put_picture(ping, rtt);
}

/* ---- several ---- */

enum {
    COLUMN_HOST,
    COLUMN_SENT,
    COLUMN_RECEIVED,
    COLUMN_LOSS,
    COLUMN_TIMES,
    COLUMN_MEDIAN,
    COLUMN_COUNT,
};

static const struct columns_head heads[COLUMN_COUNT] = {
    {N_("host"), N_("host"), false, 0},
    {N_("sent"), N_("sent"), true, 2},
    {N_("received"), N_("recv"), true, 0},
    {N_("loss"), N_("loss"), true, 0},
    {"min/avg/max ms", "min/avg/max ms", true, 1},
    {"p50 ms", "p50", true, 0},
};

static void put_row(struct columns *table, const struct ping_target *target)
{
    const struct track *track = &target->track;
    const struct rtt *rtt = &target->rtt;
    const double half = 50;
    const uint64_t missing = track->sent - track->answered - track->late;
    uint64_t median;
    char(*cell)[COLUMNS_CELL] = columns_add(table);
    if (cell == NULL)
        return;
    snprintf(cell[COLUMN_HOST], COLUMNS_CELL, "%s", target->named ? target->name : target->address);
    snprintf(cell[COLUMN_SENT], COLUMNS_CELL, "%" PRIu64, track->sent);
    snprintf(cell[COLUMN_RECEIVED], COLUMNS_CELL, "%" PRIu64, track->answered);
    if (track->sent > 0)
        snprintf(cell[COLUMN_LOSS], COLUMNS_CELL, "%.3g%%", 100.0 * (double)missing / (double)track->sent);
    if (rtt->count > 0)
        snprintf(cell[COLUMN_TIMES], COLUMNS_CELL, "%.3f/%.3f/%.3f", ms_of(rtt->min_ns), ms_of(rtt_mean(rtt)),
                 ms_of(rtt->max_ns));
    if (rtt_percentiles(rtt, &half, &median, 1))
        snprintf(cell[COLUMN_MEDIAN], COLUMNS_CELL, "%.3f", ms_of(median));
}

static void put_table(struct ping *ping, uint64_t drops)
{
    struct columns table;
    uint32_t answered = 0;
    columns_init(&table, heads, COLUMN_COUNT, &ping->style);
    for (uint32_t i = 0; i < ping->target_count; i++) {
        put_row(&table, &ping->targets[i]);
        answered += ping->targets[i].track.answered > 0;
    }
    buf_char(&ping->out, '\n');
    columns_print(&table, &ping->out);
    columns_fini(&table);
    buf_printf(&ping->out, _("\n%" PRIu32 " of %" PRIu32 " hosts answered"), answered,
               ping->target_count + ping->unresolved);
    if (ping->unresolved > 0)
        buf_printf(&ping->out, _(", %" PRIu32 " could not be asked"), ping->unresolved);
    buf_text(&ping->out, _("; "));
    put_counts(ping, drops);
}

void ping_summary_text(struct ping *ping)
{
    const uint64_t drops = ping_sockets_drops(ping);
    if (ping->target_count == 1 && ping->unresolved == 0)
        put_one(ping, drops);
    else
        put_table(ping, drops);
    put_notes(ping, drops);
}

/* ---- at any time ---- */

void ping_say_counts(struct ping *ping)
{
    const struct rtt *rtt = ping->target_count == 1 ? &ping->targets[0].rtt : NULL;
    ping_flush(ping);
    fprintf(stderr, _("%" PRIu64 "/%" PRIu64 " packets, %.0f%% loss"), ping->received, ping->sent,
            ping_loss(ping, ping_sockets_drops(ping)));
    if (rtt != NULL && rtt->count > 0)
        fprintf(stderr, _(", min/avg/max = %.3f/%.3f/%.3f ms"), ms_of(rtt->min_ns), ms_of(rtt_mean(rtt)),
                ms_of(rtt->max_ns));
    fputc('\n', stderr);
}
