/* What is wrong with a stream, in words. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cmd/streams.h"
#include "view/prose.h"

enum {
    LIST_COLUMNS = 80, /* what every terminal has */
    LIST_COLUMN = 27,  /* at which what a kind means begins */
    WORD_SHOWN = 40,   /* columns, of one that is no kind */
};

/* ---- of the connection ---- */

static uint64_t is_refused(const struct row *row, int side)
{
    return side == FLOW_SERVER && row->side[FLOW_CLIENT].syns > 0 && row->side[FLOW_SERVER].syns == 0 &&
           row->side[FLOW_SERVER].rsts > 0 && row->side[FLOW_CLIENT].bytes == 0;
}

/* Who sends anything else than a SYN or a RST has heard from the other side (RFC 9293, 3.10.7.3). */
static uint64_t is_unanswered(const struct row *row, int side)
{
    const struct row_side *client = &row->side[FLOW_CLIENT];
    return side == FLOW_CLIENT && client->syns > 0 &&
           client->packets <= (uint64_t)client->syns + client->rsts && row->side[FLOW_SERVER].packets == 0;
}

static uint64_t is_one_sided(const struct row *row, int side)
{
    return row->side[side].packets > 0 && row->side[1 - side].packets == 0 && !is_unanswered(row, side);
}

static uint64_t was_reset(const struct row *row, int side)
{
    return row->end != FLOW_RST || is_refused(row, side) ? 0 : row->side[side].rsts;
}

static uint64_t gaps(const struct row *row, int side)
{
    return row->side[side].gaps;
}

static uint64_t is_partial(const struct row *row, int side)
{
    return row->partial && row->side[side].syns == 0 && row->side[side].bytes > 0;
}

static uint64_t continues(const struct row *row, int side)
{
    return row->continues && row->side[side].packets > 0;
}

static const struct {
    struct streams_problem problem;
    uint64_t (*times)(const struct row *row, int side);
} of_connection[] = {
    {{"refused", N_("the server answered the SYN with a RST"), true}, is_refused},
    {{"unanswered", N_("nothing came back to the SYN"), true}, is_unanswered},
    {{"gap", N_("bytes were sent and never captured"), true}, gaps},
    {{"reset", N_("a RST ended it"), true}, was_reset},
    {{"one_sided", N_("the packets of one side only were captured"), true}, is_one_sided},
    {{"partial", N_("the capture began in the middle of it"), true}, is_partial},
    {{"continues", N_("the rest of one that had ended, and was given out before this came"), true},
     continues},
};

#define OF_CONNECTION (sizeof of_connection / sizeof of_connection[0])

/* ---- of packets ---- */

/* The order in which marks are told, and which of them stand in the table: those that somebody would want to
 * look into. */
static const struct {
    enum tcp_mark mark;
    bool notable;
} of_packets[] = {
    {TCP_MARK_CONFLICT, true},
    {TCP_MARK_BAD_CHECKSUM, true},
    {TCP_MARK_RETRANSMISSION, true},
    {TCP_MARK_FAST_RETRANSMISSION, true},
    {TCP_MARK_SPURIOUS_RETRANSMISSION, true},
    {TCP_MARK_SYN_REPEATED, true},
    {TCP_MARK_FIN_REPEATED, true},
    {TCP_MARK_ZERO_WINDOW, true},
    {TCP_MARK_ZERO_WINDOW_PROBE, true},
    {TCP_MARK_WINDOW_FULL, true},
    {TCP_MARK_BEYOND_WINDOW, true},
    {TCP_MARK_OUT_OF_ORDER, true},
    {TCP_MARK_ACKED_UNSEEN, true},
    {TCP_MARK_CAPTURED_TWICE, true},
    {TCP_MARK_AFTER_FIN, true},
    {TCP_MARK_DATA_ON_RST, true},
    {TCP_MARK_LIKELY, false},
    {TCP_MARK_LOST_BEFORE, false},
    {TCP_MARK_DUPLICATE_ACK, false},
    {TCP_MARK_DSACK, false},
    {TCP_MARK_KEEP_ALIVE, false},
    {TCP_MARK_KEEP_ALIVE_ACK, false},
    {TCP_MARK_ZERO_WINDOW_PROBE_ACK, false},
    {TCP_MARK_WINDOW_UPDATE, false},
    {TCP_MARK_DATA_IN_SYN, false},
    {TCP_MARK_URGENT, false},
    {TCP_MARK_OFFLOADED, false},
};

#define OF_PACKETS (sizeof of_packets / sizeof of_packets[0])
static_assert(OF_PACKETS == TCP_MARK_COUNT, "each mark has its place");

/* ---- all of them ---- */

size_t streams_problem_count(void)
{
    return OF_CONNECTION + OF_PACKETS;
}

struct streams_problem streams_problem(size_t number)
{
    if (number < OF_CONNECTION)
        return of_connection[number].problem;
    const struct tcp_mark_row *mark = &tcp_mark_rows[of_packets[number - OF_CONNECTION].mark];
    return (struct streams_problem){mark->name, mark->meaning, of_packets[number - OF_CONNECTION].notable};
}

uint64_t streams_problem_times(const struct row *row, size_t number, int side)
{
    if (number < OF_CONNECTION)
        return of_connection[number].times(row, side);
    const enum tcp_mark mark = of_packets[number - OF_CONNECTION].mark;
    if (mark == TCP_MARK_BAD_CHECKSUM && row->side[side].checksums_offloaded)
        return 0; /* none of them was wrong on the wire */
    return row->side[side].marks[mark];
}

/* Most streams are sound, and a million of them are asked: none of the problems is without one of these. */
static bool is_sound(const struct row *row, bool marked)
{
    const struct row_side *a = &row->side[0], *b = &row->side[1];
    return !marked && !row->partial && !row->continues && (a->rsts | b->rsts | a->gaps | b->gaps) == 0 &&
           a->packets > 0 && b->packets > 0;
}

uint64_t streams_problems_of(const struct row *row)
{
    const bool marked = (row->side[0].marked | row->side[1].marked) != 0;
    uint64_t bits = 0;
    if (is_sound(row, marked))
        return 0;
    for (size_t n = 0; n < (marked ? OF_CONNECTION + OF_PACKETS : OF_CONNECTION); n++) {
        if (streams_problem_times(row, n, 0) != 0 || streams_problem_times(row, n, 1) != 0)
            bits |= UINT64_C(1) << n;
    }
    return bits;
}

void streams_problems_list(struct buf *out)
{
    for (size_t n = 0; n < streams_problem_count(); n++) {
        const struct streams_problem problem = streams_problem(n);
        if (n == 0)
            buf_printf(out, "%s\n", _("What --problem takes, of a connection:"));
        if (n == OF_CONNECTION)
            buf_printf(out, "%s\n", _("and of its segments:"));
        buf_printf(out, "  %-*s", LIST_COLUMN - 2, problem.name);
        prose_wrap(out, _(problem.text), LIST_COLUMN, LIST_COLUMN, LIST_COLUMNS);
    }
}

int streams_problems_parse(const char *list, uint64_t *bits, struct sd_err *err)
{
    for (const char *at = list;; at++) {
        const size_t len = strcspn(at, ",");
        size_t n = 0;
        while (n < streams_problem_count() &&
               (strlen(streams_problem(n).name) != len || memcmp(streams_problem(n).name, at, len) != 0))
            n++;
        if (n == streams_problem_count())
            return sd_fail(err, EINVAL, "there is no problem '%.*s'", (int)text_fit(at, len, WORD_SHOWN), at);
        *bits |= UINT64_C(1) << n;
        at += len;
        if (*at == '\0')
            return 0;
    }
}

bool streams_problems_need_payload(uint64_t bits)
{
    for (size_t n = 0; n < OF_PACKETS; n++) {
        if (of_packets[n].mark == TCP_MARK_CONFLICT)
            return (bits & UINT64_C(1) << (OF_CONNECTION + n)) != 0;
    }
    return false;
}
