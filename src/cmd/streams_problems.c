/* What is wrong with a stream, in words. */

#include <errno.h>
#include <string.h>

#include "cmd/streams.h"

/* ---- of the connection ---- */

static uint64_t is_refused(const struct row *row, int side)
{
    return side == FLOW_SERVER && row->side[FLOW_CLIENT].syns > 0 && row->side[FLOW_SERVER].syns == 0 &&
           row->side[FLOW_SERVER].rsts > 0 && row->side[FLOW_CLIENT].bytes == 0;
}

static uint64_t is_unanswered(const struct row *row, int side)
{
    return side == FLOW_CLIENT && row->side[FLOW_CLIENT].syns > 0 && row->side[FLOW_SERVER].packets == 0;
}

static uint64_t is_one_sided(const struct row *row, int side)
{
    return row->side[side].packets > 0 && row->side[1 - side].packets == 0 && row->side[side].syns == 0;
}

static uint64_t was_reset(const struct row *row, int side)
{
    return is_refused(row, side) ? 0 : row->side[side].rsts;
}

static uint64_t gaps(const struct row *row, int side)
{
    return row->side[side].gaps;
}

static uint64_t is_partial(const struct row *row, int side)
{
    return row->partial && row->side[side].syns == 0 && row->side[side].bytes > 0;
}

static const struct {
    struct streams_problem problem;
    uint64_t (*times)(const struct row *row, int side);
} of_connection[] = {
    {{"refused", "the server answered the SYN with a RST", true}, is_refused},
    {{"unanswered", "nothing came back to the SYN", true}, is_unanswered},
    {{"gap", "bytes were sent and never captured", true}, gaps},
    {{"reset", "a RST ended it", true}, was_reset},
    {{"one_sided", "the packets of one side only were captured", true}, is_one_sided},
    {{"partial", "the capture began in the middle of it", true}, is_partial},
};

#define OF_CONNECTION (sizeof of_connection / sizeof of_connection[0])

/* ---- of packets ---- */

static uint64_t retransmissions(const struct row *row, int side)
{
    return row->side[side].retransmissions;
}

static uint64_t out_of_order(const struct row *row, int side)
{
    return row->side[side].out_of_order;
}

static uint64_t zero_windows(const struct row *row, int side)
{
    return row->side[side].zero_windows;
}

static uint64_t duplicate_acks(const struct row *row, int side)
{
    return row->side[side].duplicate_acks;
}

static const struct {
    struct streams_problem problem;
    uint64_t (*times)(const struct row *row, int side);
} of_packets[] = {
    {{"zero_window", "the receiver had no room", true}, zero_windows},
    {{"retransmission", "bytes were sent again", true}, retransmissions},
    {{"out_of_order", "a segment came behind a later one", true}, out_of_order},
    {{"duplicate_ack", "the same was acknowledged again", false}, duplicate_acks},
};

#define OF_PACKETS (sizeof of_packets / sizeof of_packets[0])

/* ---- all of them ---- */

size_t streams_problem_count(void)
{
    return OF_CONNECTION + OF_PACKETS;
}

struct streams_problem streams_problem(size_t number)
{
    return number < OF_CONNECTION ? of_connection[number].problem
                                  : of_packets[number - OF_CONNECTION].problem;
}

uint64_t streams_problem_times(const struct row *row, size_t number, int side)
{
    return number < OF_CONNECTION ? of_connection[number].times(row, side)
                                  : of_packets[number - OF_CONNECTION].times(row, side);
}

uint64_t streams_problems_of(const struct row *row)
{
    uint64_t bits = 0;
    for (size_t n = 0; n < streams_problem_count(); n++) {
        if (streams_problem_times(row, n, 0) != 0 || streams_problem_times(row, n, 1) != 0)
            bits |= UINT64_C(1) << n;
    }
    return bits;
}

static int unknown_problem(const char *name, size_t len, struct sd_err *err)
{
    struct buf names = {0};
    for (size_t n = 0; n < streams_problem_count(); n++)
        buf_printf(&names, "%s%s", n > 0 ? ", " : "", streams_problem(n).name);
    const int failed = sd_fail(err, EINVAL, "there is no problem '%.*s'; there are %s",
                               (int)(len < 40 ? len : 40), name, buf_cstr(&names));
    buf_free(&names);
    return failed;
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
            return unknown_problem(at, len, err);
        *bits |= UINT64_C(1) << n;
        at += len;
        if (*at == '\0')
            return 0;
    }
}
