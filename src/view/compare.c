#include "view/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "view/columns.h"
#include "view/prose.h"

/* Turns from the client's bytes to the server's, by the time they were first on the wire. */
static uint64_t round_trips(const struct lanes_stream *stream)
{
    const struct lanes_direction *client = &stream->direction[FLOW_CLIENT],
                                 *server = &stream->direction[FLOW_SERVER];
    const struct lanes_span *c = client->lane[LANES_WIRE].at, *s = server->lane[LANES_WIRE].at;
    uint64_t trips = 0;
    bool asked = false;
    for (size_t i = 0, k = 0; i < client->unique || k < server->unique;) {
        if (k >= server->unique || (i < client->unique && c[i].time_ns <= s[k].time_ns)) {
            asked = true;
            i++;
        } else {
            trips += asked;
            asked = false;
            k++;
        }
    }
    return trips;
}

void compare_fill(struct compare_row *row, const struct framing *framing, const struct lanes_stream *stream,
                  const char *outcome)
{
    *row = (struct compare_row){.framing = framing->name, .outcome = outcome, .broken_at = UINT64_MAX};
    if (stream == NULL)
        return;
    row->has_stream = true;
    row->has_sends = stream->direction[0].has_sends || stream->direction[1].has_sends;
    row->has_recvs = stream->direction[0].has_recvs || stream->direction[1].has_recvs;
    for (int side = 0; side < 2; side++) {
        row->sends += stream->direction[side].lane[LANES_SEND].count;
        row->segments += stream->direction[side].segments;
        row->recvs += stream->direction[side].lane[LANES_RECV].count;
    }
    for (size_t i = 0; i < stream->finding_count; i++) {
        row->sticky += strcmp(stream->findings[i].kind, "sticky") == 0;
        row->split += strcmp(stream->findings[i].kind, "split") == 0;
    }
    row->round_trips = round_trips(stream);
    row->time_ns = stream->end_ns > stream->start_ns ? stream->end_ns - stream->start_ns : 0;
    row->broken_at = stream->broken_at;
}

static void put_count(char cell[COLUMNS_CELL], bool known, uint64_t count)
{
    if (known)
        snprintf(cell, COLUMNS_CELL, "%" PRIu64, count);
    else
        cell[0] = '\0';
}

enum {
    COLUMN_FRAMING,
    COLUMN_OUTCOME,
    COLUMN_SENDS,
    COLUMN_SEGMENTS,
    COLUMN_RECVS,
    COLUMN_STICKY,
    COLUMN_SPLIT,
    COLUMN_TRIPS,
    COLUMN_TIME,
    COLUMN_COUNT,
};

static const struct columns_head heads[COLUMN_COUNT] = {
    {N_("framing"), N_("framing"), false, 0}, {N_("outcome"), N_("outcome"), false, 0},
    {N_("sends"), N_("sends"), true, 4},      {N_("segments"), N_("segs"), true, 5},
    {N_("recvs"), N_("recvs"), true, 4},      {N_("sticky"), N_("sticky"), true, 1},
    {N_("split"), N_("split"), true, 3},      {N_("round trips"), N_("trips"), true, 2},
    {N_("time ms"), N_("ms"), true, 0},
};

void compare_text(struct buf *out, const struct compare_row *rows, size_t count,
                  const struct view_style *style)
{
    struct columns table;
    columns_init(&table, heads, COLUMN_COUNT, style);
    for (size_t i = 0; i < count; i++) {
        const struct compare_row *row = &rows[i];
        char(*cell)[COLUMNS_CELL] = columns_add(&table);
        if (cell == NULL)
            break;
        snprintf(cell[COLUMN_FRAMING], COLUMNS_CELL, "%s", row->framing);
        snprintf(cell[COLUMN_OUTCOME], COLUMNS_CELL, "%s", row->outcome);
        put_count(cell[COLUMN_SENDS], row->has_stream && row->has_sends, row->sends);
        put_count(cell[COLUMN_SEGMENTS], row->has_stream, row->segments);
        put_count(cell[COLUMN_RECVS], row->has_stream && row->has_recvs, row->recvs);
        put_count(cell[COLUMN_STICKY], row->has_stream && row->has_recvs, row->sticky);
        put_count(cell[COLUMN_SPLIT], row->has_stream && row->has_recvs, row->split);
        put_count(cell[COLUMN_TRIPS], row->has_stream, row->round_trips);
        if (row->has_stream)
            snprintf(cell[COLUMN_TIME], COLUMNS_CELL, "%.1f", (double)row->time_ns / NS_PER_MS);
    }
    columns_print(&table, out);
    columns_fini(&table);
    if (style->brief)
        return;
    buf_text(out, "\n ");
    prose_wrap(
        out,
        _("Counts are of both directions. sticky: recvs that returned more than one message; split: "
          "messages that took more than one recv; by luck: the framing allows a break that did not come."),
        1, 1, style->columns);
}

void compare_json(struct buf *out, const struct compare_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct compare_row *row = &rows[i];
        struct json j = json_begin(out);
        json_text(&j, "type", "comparison");
        json_text(&j, "framing", row->framing);
        json_text(&j, "outcome", row->outcome);
        json_u64_if(&j, "sends", row->has_stream && row->has_sends, row->sends);
        json_u64_if(&j, "segments", row->has_stream, row->segments);
        json_u64_if(&j, "recvs", row->has_stream && row->has_recvs, row->recvs);
        json_u64_if(&j, "sticky", row->has_stream && row->has_recvs, row->sticky);
        json_u64_if(&j, "split", row->has_stream && row->has_recvs, row->split);
        json_u64_if(&j, "round_trips", row->has_stream, row->round_trips);
        json_u64_if(&j, "time_ns", row->has_stream, row->time_ns);
        json_u64_if(&j, "broken_at", row->broken_at != UINT64_MAX, row->broken_at);
        json_end_line(&j);
    }
}
