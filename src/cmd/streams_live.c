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
    USUAL_WIDTH = 80,
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

static struct winsize terminal_size(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    if (size.ws_row == 0)
        size.ws_row = USUAL_HEIGHT;
    if (size.ws_col == 0)
        size.ws_col = USUAL_WIDTH;
    return size;
}

/* Lines of the terminal that a line of so many columns takes. */
static unsigned height(unsigned width, unsigned columns)
{
    return width <= columns ? 1 : (width + columns - 1) / columns;
}

void streams_live_erase(struct streams_live *live, struct buf *out)
{
    const unsigned columns = live->lines > 0 ? terminal_size().ws_col : 0;
    unsigned up = 0;
    if (live->lines == 0)
        return;
    for (unsigned i = 0; i < live->lines; i++)
        up += height(live->widths[i], columns);
    buf_printf(out, "\r\x1b[%uA\x1b[J", up);
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

static size_t rows_that_fit(unsigned lines)
{
    const unsigned rows = lines > LINES_AROUND + LEAST_ROWS ? lines - LINES_AROUND : LEAST_ROWS;
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}

static void put_open(const struct streams_live *live, struct buf *out, const struct largest *largest,
                     size_t count)
{
    struct streams_table table;
    struct row row;
    streams_table_init(&table, &live->style, live->asked);
    for (size_t i = 0; i < count; i++) {
        row_of_stream(&row, largest->entries[i].stream);
        streams_table_measure(&table, &row);
    }
    streams_table_fit(&table);
    streams_table_head(&table, out);
    for (size_t i = 0; i < count; i++) {
        row_of_stream(&row, largest->entries[i].stream);
        streams_table_row(&table, out, &row);
    }
}

/* The totals, and so many of the largest streams. */
static void put_area(const struct streams_live *live, struct buf *area, const struct largest *largest,
                     size_t count, const struct streams_totals *totals)
{
    struct buf text = {0};
    buf_printf(&text, _("%llu open"), (unsigned long long)largest->all);
    if (count > 0 && largest->all > count)
        buf_printf(&text, _(", the largest %zu"), count);
    buf_text(&text, _("; "));
    streams_totals_text(&text, totals);
    prose_wrap(area, buf_cstr(&text), 0, 0, live->style.columns);
    if (count > 0)
        put_open(live, area, largest, count);
    area->failed = area->failed || text.failed;
    buf_free(&text);
}

/* Columns that a line takes, its colours aside. */
static unsigned line_width(const char *line, size_t len)
{
    size_t width = 0;
    while (len > 0) {
        const char *escape = memchr(line, '\x1b', len);
        const size_t plain = escape != NULL ? (size_t)(escape - line) : len;
        const char *end = memchr(line + plain, 'm', len - plain);
        const size_t done = end != NULL ? (size_t)(end - line) + 1 : len;
        width += text_width(line, plain);
        line += done;
        len -= done;
    }
    return (unsigned)width;
}

/* Note how wide the lines of the area are: of those that the terminal has room for, the rest goes. True where
 * all of them have room. */
static bool measure_area(struct streams_live *live, struct buf *area, const struct winsize *size)
{
    unsigned room = size->ws_row > 1 ? size->ws_row - 1U : 1; /* below is the cursor */
    size_t at = 0;
    live->lines = 0;
    while (at < area->len && live->lines < STREAMS_LIVE_LINES) {
        const char *line = (const char *)area->data + at;
        const size_t len = (size_t)((const char *)memchr(line, '\n', area->len - at) - line);
        const unsigned width = line_width(line, len), lines = height(width, size->ws_col);
        if (lines > room)
            break;
        room -= lines;
        live->widths[live->lines++] = width;
        at += len + 1;
    }
    const bool fits = at == area->len;
    area->len = at;
    return fits;
}

void streams_live_draw(struct streams_live *live, struct buf *out, const struct flow_table *streams,
                       const struct streams_totals *totals, uint64_t now_ns)
{
    const struct winsize size = terminal_size();
    struct largest largest = {.most = rows_that_fit(size.ws_row)};
    struct buf area = {0};
    flow_table_each_open(streams, consider, &largest);
    streams_live_erase(live, out);
    size_t count = largest.count;
    for (bool fits = false; !fits && !area.failed; count -= count > 0) {
        area.len = 0;
        if (count > 0 || size.ws_row > LINES_AROUND)
            buf_char(&area, '\n');
        put_area(live, &area, &largest, count, totals);
        fits = area.failed || measure_area(live, &area, &size) || count == 0;
    }
    buf_append(out, area.data, area.len);
    out->failed = out->failed || area.failed;
    live->drawn_ns = now_ns;
    buf_free(&area);
}
