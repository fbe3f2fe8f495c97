#include "cmd/streams_live.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "view/prose.h"

enum {
    MOST_ROWS = 20,
    LEAST_ROWS = 3,
    LINES_AROUND = 6, /* of the terminal: other lines, and some closed streams */
    USUAL_HEIGHT = 24,
};

/* The streams with the most bytes, the largest first. */
struct largest {
    struct entry {
        uint64_t bytes;
        const struct flow_stream *stream;
    } entries[MOST_ROWS];
    size_t count, most;
    uint64_t all;
};

void streams_live_init(struct streams_live *live, const struct view_style *style, uint64_t asked)
{
    *live = (struct streams_live){.on = isatty(STDOUT_FILENO) != 0, .style = *style, .asked = asked};
}

bool streams_live_is_due(const struct streams_live *live, uint64_t now_ns)
{
    return live->on && now_ns - live->drawn_ns >= NS_PER_S;
}

void streams_live_erase(struct streams_live *live, struct buf *out)
{
    if (live->lines == 0)
        return;
    buf_printf(out, "\r\x1b[%uA\x1b[J", live->lines);
    live->lines = 0;
    live->drawn_ns = 0;
}

static void consider(void *context, const struct flow_stream *stream)
{
    struct largest *largest = context;
    const uint64_t bytes = stream->direction[0].wire_bytes + stream->direction[1].wire_bytes;
    largest->all++;
    if (largest->count == largest->most && bytes <= largest->entries[largest->count - 1].bytes)
        return;
    size_t at = largest->count < largest->most ? largest->count++ : largest->count - 1;
    for (; at > 0 && largest->entries[at - 1].bytes < bytes; at--)
        largest->entries[at] = largest->entries[at - 1];
    largest->entries[at] = (struct entry){bytes, stream};
}

static size_t rows_that_fit(void)
{
    struct winsize size;
    const size_t height =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : USUAL_HEIGHT;
    const size_t rows = height > LINES_AROUND + LEAST_ROWS ? height - LINES_AROUND : LEAST_ROWS;
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}

static void put_open(const struct streams_live *live, struct buf *out, const struct largest *largest)
{
    struct streams_table table;
    struct row row;
    streams_table_init(&table, &live->style, live->asked);
    for (size_t i = 0; i < largest->count; i++) {
        row_of_stream(&row, largest->entries[i].stream);
        streams_table_measure(&table, &row);
    }
    streams_table_fit(&table);
    streams_table_head(&table, out);
    for (size_t i = 0; i < largest->count; i++) {
        row_of_stream(&row, largest->entries[i].stream);
        streams_table_row(&table, out, &row);
    }
}

void streams_live_draw(struct streams_live *live, struct buf *out, const struct flow_table *streams,
                       const struct streams_totals *totals, uint64_t now_ns)
{
    struct largest largest = {.most = rows_that_fit()};
    struct buf area = {0}, text = {0};
    flow_table_each_open(streams, consider, &largest);
    streams_live_erase(live, out);
    buf_char(&area, '\n');
    buf_printf(&text, _("%llu open"), (unsigned long long)largest.all);
    if (largest.all > largest.count)
        buf_printf(&text, _(", the largest %zu"), largest.count);
    buf_text(&text, _("; "));
    streams_totals_text(&text, totals);
    prose_wrap(&area, buf_cstr(&text), 0, 0, live->style.columns);
    if (largest.count > 0)
        put_open(live, &area, &largest);
    for (size_t i = 0; i < area.len; i++)
        live->lines += area.data[i] == '\n';
    buf_append(out, area.data, area.len);
    out->failed = out->failed || area.failed || text.failed;
    live->drawn_ns = now_ns;
    buf_free(&area);
    buf_free(&text);
}
