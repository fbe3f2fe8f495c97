/* One line for each stream. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "view/columns.h"
#include "view/prose.h"

enum {
    COLUMN_NUMBER,
    COLUMN_CLIENT,
    COLUMN_SERVER,
    COLUMN_UP,
    COLUMN_DOWN,
    COLUMN_SENDS,
    COLUMN_SEGMENTS,
    COLUMN_RECVS,
    COLUMN_VERDICT,
    COLUMN_COUNT,
};

static const struct columns_head heads[COLUMN_COUNT] = {
    {N_("stream"), "#", true, 0},
    {N_("client"), N_("client"), false, 4},
    {N_("server"), N_("server"), false, 0},
    {N_("B sent"), N_("sent"), true, 1},
    {N_("B back"), N_("back"), true, 1},
    {N_("sends"), N_("sends"), true, 2},
    {N_("segments"), N_("segs"), true, 3},
    {N_("recvs"), N_("recvs"), true, 2},
    {N_("verdict"), N_("verdict"), false, 0},
};

static void put_sum(char cell[COLUMNS_CELL], bool known, uint64_t sum)
{
    if (known)
        snprintf(cell, COLUMNS_CELL, "%" PRIu64, sum);
}

static void put_verdict(char cell[COLUMNS_CELL], const struct lanes_stream *stream)
{
    size_t repeats = 0, sticky = 0;
    for (size_t i = 0; i < stream->finding_count; i++) {
        repeats += strcmp(stream->findings[i].kind, "retransmitted") == 0;
        sticky += strcmp(stream->findings[i].kind, "sticky") == 0;
        if (strcmp(stream->findings[i].kind, "lucky") == 0)
            snprintf(cell, COLUMNS_CELL, "%s", _("ok, by luck"));
    }
    if (stream->broken_at != UINT64_MAX)
        snprintf(cell, COLUMNS_CELL, _("BROKEN at byte %" PRIu64), stream->broken_at);
    else if (cell[0] == '\0' && sticky > 0)
        snprintf(cell, COLUMNS_CELL, _("%zu sticky"), sticky);
    else if (cell[0] == '\0' && repeats > 0)
        snprintf(cell, COLUMNS_CELL, _("%zu retransmitted"), repeats);
    else if (cell[0] == '\0')
        snprintf(cell, COLUMNS_CELL, "%s", stream->partial ? _("partial") : _("ok"));
}

static void put_row(struct columns *table, const struct lanes_stream *stream)
{
    const struct lanes_direction *up = &stream->direction[FLOW_CLIENT],
                                 *down = &stream->direction[FLOW_SERVER];
    char(*cell)[COLUMNS_CELL] = columns_add(table);
    if (cell == NULL)
        return;
    snprintf(cell[COLUMN_NUMBER], COLUMNS_CELL, "%" PRIu64, stream->number);
    packet_endpoint_text(&stream->endpoint[0].address, stream->endpoint[0].port, cell[COLUMN_CLIENT]);
    packet_endpoint_text(&stream->endpoint[1].address, stream->endpoint[1].port, cell[COLUMN_SERVER]);
    put_sum(cell[COLUMN_UP], true, lanes_axis_end(up));
    put_sum(cell[COLUMN_DOWN], true, lanes_axis_end(down));
    put_sum(cell[COLUMN_SENDS], up->has_sends || down->has_sends,
            up->lane[LANES_SEND].count + down->lane[LANES_SEND].count);
    put_sum(cell[COLUMN_SEGMENTS], stream->has_wire, up->segments + down->segments);
    put_sum(cell[COLUMN_RECVS], up->has_recvs || down->has_recvs,
            up->lane[LANES_RECV].count + down->lane[LANES_RECV].count);
    put_verdict(cell[COLUMN_VERDICT], stream);
}

void view_table(struct buf *out, const struct lanes *lanes, const struct view_style *style, const char *file)
{
    struct columns table;
    columns_init(&table, heads, COLUMN_COUNT, style);
    for (size_t i = 0; i < lanes->stream_count; i++)
        put_row(&table, lanes->streams[i]);
    columns_print(&table, out);
    columns_fini(&table);
    struct buf hint = {0}, safe = {0};
    text_escape(&safe, file, strlen(file));
    buf_printf(&hint,
               _("'sockdiag show %s N' draws the stream whose first packet is N; -v draws all of them."),
               buf_cstr(&safe));
    buf_free(&safe);
    buf_char(out, '\n');
    prose_wrap(out, buf_cstr(&hint), 0, 0, style->columns);
    out->failed = out->failed || hint.failed;
    buf_free(&hint);
}
