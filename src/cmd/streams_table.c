/* The table for people. Each cell is made once to be measured, where all rows are there before the first is
 * printed, and once to be printed. */

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/digits.h"
#include "base/i18n.h"
#include "base/text.h"
#include "cmd/streams.h"
#include "view/glyphs.h"
#include "view/prose.h"

enum {
    CELL = 64,
    EXACT_BYTES = 10000000, /* less are told exactly */
    DURATION_WIDTH = 6,     /* 61.3ms */
    START_WIDTH = 12,
    START_WIDTH_DAYS = 18, /* 03-10 05:13:50.194 */
    GAP = 2,
    NOTES_LEAST = 16, /* columns below which all notes stand on lines of their own */
    DEAR = 5,         /* columns that are dearer than notes on the same line: up to this first_out */
    DEARER = 2,       /* than whole addresses */
    ADDRESS_LEAST = 12,
    QUARTER_S = 900, /* time zones change their clocks at quarters of an hour */
    DAY_S = 86400,
    LINE_ROOM = STREAMS_COLUMN_COUNT * (CELL + GAP),
};

/* A text and how many columns it takes; all but the notes is ASCII. */
struct cell {
    char text[CELL];
    unsigned len;
};

static const struct {
    const char *name, *brief;
    bool right;
    unsigned first_out; /* left out where the table does not fit otherwise, the greatest first; 0: never */
} heads[STREAMS_COLUMN_COUNT] = {
    [STREAMS_COLUMN_NUMBER] = {N_("stream"), "#", true, 0},
    [STREAMS_COLUMN_CLIENT] = {N_("client"), N_("client"), false, 0},
    [STREAMS_COLUMN_SERVER] = {N_("server"), N_("server"), false, 0},
    [STREAMS_COLUMN_START] = {N_("start"), N_("start"), true, 9},
    [STREAMS_COLUMN_DURATION] = {N_("time"), N_("time"), true, 5},
    [STREAMS_COLUMN_SENT] = {N_("B sent"), N_("sent"), true, 4},
    [STREAMS_COLUMN_BACK] = {N_("B back"), N_("back"), true, 4},
    [STREAMS_COLUMN_TOTAL] = {N_("bytes"), N_("bytes"), true, 1},
    [STREAMS_COLUMN_PACKETS] = {N_("packets"), N_("pkts"), true, 8},
    [STREAMS_COLUMN_RESENT] = {N_("resent"), N_("again"), true, 6},
    [STREAMS_COLUMN_MISSING] = {N_("B missing"), N_("missing"), true, 7},
    [STREAMS_COLUMN_RTT] = {N_("RTT"), N_("RTT"), true, 3},
    [STREAMS_COLUMN_END] = {N_("end"), N_("end"), false, 2},
    [STREAMS_COLUMN_NOTES] = {N_("what was wrong"), N_("wrong"), false, 0},
};

/* ---- cells ---- */

static void cell_char(struct cell *cell, char c)
{
    if (cell->len < CELL)
        cell->text[cell->len++] = c;
}

static void cell_text(struct cell *cell, const char *text)
{
    while (*text != '\0')
        cell_char(cell, *text++);
}

static void cell_u64(struct cell *cell, uint64_t value)
{
    if (cell->len + DIGITS_MOST <= CELL)
        cell->len = (unsigned)(digits_put(cell->text + cell->len, value) - cell->text);
}

static void cell_two(struct cell *cell, int value)
{
    cell_char(cell, (char)('0' + value / 10 % 10));
    cell_char(cell, (char)('0' + value % 10));
}

/* Three digits of value / unit, with a point where they are less: 1.23, 45.6, 789. */
static void cell_three(struct cell *cell, uint64_t value, uint64_t unit)
{
    const uint64_t whole = value / unit;
    cell_u64(cell, whole);
    if (whole >= 100)
        return;
    const uint64_t tenths = value % unit / (unit / 10);
    cell_char(cell, '.');
    cell_char(cell, (char)('0' + tenths));
    if (whole < 10)
        cell_char(cell, (char)('0' + value % unit % (unit / 10) / (unit / 100)));
}

struct unit {
    const char *name;
    uint64_t size;
};

static void cell_in_units(struct cell *cell, uint64_t value, const struct unit *units, size_t count)
{
    size_t i = 0;
    while (i + 1 < count && value < units[i].size)
        i++;
    cell_three(cell, value, units[i].size);
    cell_text(cell, units[i].name);
}

/* Bytes exactly while they are few digits. */
static void cell_bytes(struct cell *cell, uint64_t bytes)
{
    static const struct unit units[] = {
        {"P", 1000000000000000U}, {"T", 1000000000000U}, {"G", 1000000000U}, {"M", 1000000U}};
    if (bytes < EXACT_BYTES)
        cell_u64(cell, bytes);
    else
        cell_in_units(cell, bytes, units, sizeof units / sizeof units[0]);
}

static void cell_duration(struct cell *cell, uint64_t ns)
{
    static const struct unit units[] = {
        {"h", 3600ULL * NS_PER_S}, {"s", NS_PER_S}, {"ms", NS_PER_MS}, {"us", NS_PER_US}};
    if (ns == 0) {
        cell_char(cell, '0');
        return;
    }
    const bool seconds = ns >= NS_PER_S && ns < 36000ULL * NS_PER_S; /* hours from ten on */
    cell_in_units(cell, ns, units + (seconds ? 1 : 0), sizeof units / sizeof units[0] - (seconds ? 1 : 0));
}

static void local_time(struct streams_table *table, uint64_t seconds)
{
    const uint64_t quarter = seconds / QUARTER_S;
    const time_t begin = (time_t)(quarter * QUARTER_S);
    if (table->quarter == quarter + 1)
        return;
    if (localtime_r(&begin, &table->local) == NULL)
        table->local = (struct tm){0};
    table->quarter = quarter + 1;
}

static void cell_start(struct streams_table *table, struct cell *cell, uint64_t ns)
{
    const uint64_t seconds = ns / NS_PER_S;
    local_time(table, seconds);
    const struct tm *local = &table->local;
    const int in_quarter = (int)(seconds % QUARTER_S);
    if (table->days) {
        cell_two(cell, local->tm_mon + 1);
        cell_char(cell, '-');
        cell_two(cell, local->tm_mday);
        cell_char(cell, ' ');
    }
    cell_two(cell, local->tm_hour);
    cell_char(cell, ':');
    cell_two(cell, local->tm_min + in_quarter / 60);
    cell_char(cell, ':');
    cell_two(cell, local->tm_sec + in_quarter % 60);
    cell_char(cell, '.');
    const int ms = (int)(ns % NS_PER_S / NS_PER_MS);
    cell_char(cell, (char)('0' + ms / 100));
    cell_two(cell, ms % 100);
}

/* All of the cell. */
static void cell_endpoint(struct cell *cell, const struct flow_endpoint *endpoint)
{
    static_assert(CELL >= PACKET_ENDPOINT_TEXT, "an endpoint fits into a cell");
    cell->len = (unsigned)packet_endpoint_text(&endpoint->address, endpoint->port, cell->text);
}

static void cell_if(struct cell *cell, uint64_t value)
{
    if (value != 0)
        cell_u64(cell, value);
}

/* Empty where there is nothing to tell. */
static void make_cell(struct streams_table *table, struct cell *cell, int column, const struct row *row)
{
    static const char *const ends[] = {[FLOW_OPEN] = "open", [FLOW_FIN] = "fin", [FLOW_RST] = "rst"};
    const struct row_side *client = &row->side[FLOW_CLIENT], *server = &row->side[FLOW_SERVER];
    cell->len = 0;
    switch (column) {
    case STREAMS_COLUMN_NUMBER:
        cell_u64(cell, row->number);
        break;
    case STREAMS_COLUMN_CLIENT:
        cell_endpoint(cell, &row->endpoint[FLOW_CLIENT]);
        break;
    case STREAMS_COLUMN_SERVER:
        cell_endpoint(cell, &row->endpoint[FLOW_SERVER]);
        break;
    case STREAMS_COLUMN_START:
        cell_start(table, cell, row->start_ns);
        break;
    case STREAMS_COLUMN_DURATION:
        cell_duration(cell, row->end_ns - row->start_ns);
        break;
    case STREAMS_COLUMN_SENT:
        cell_bytes(cell, client->bytes);
        break;
    case STREAMS_COLUMN_BACK:
        cell_bytes(cell, server->bytes);
        break;
    case STREAMS_COLUMN_TOTAL:
        cell_bytes(cell, client->bytes + server->bytes);
        break;
    case STREAMS_COLUMN_PACKETS:
        cell_u64(cell, client->packets + server->packets);
        break;
    case STREAMS_COLUMN_RESENT:
        cell_if(cell, row_retransmissions(client) + row_retransmissions(server));
        break;
    case STREAMS_COLUMN_MISSING:
        if (client->missing + server->missing != 0)
            cell_bytes(cell, client->missing + server->missing);
        break;
    case STREAMS_COLUMN_RTT:
        if (row_rtt_ns(row) != 0)
            cell_duration(cell, row_rtt_ns(row));
        break;
    default:
        cell_text(cell, ends[row->end]);
        break;
    }
}

/* "gap 9→": with how often, by the side whose packets it is about. */
static void put_note(const struct streams_table *table, struct buf *out, const struct row *row, size_t n)
{
    const char *const arrows[2] = {table->style.ascii ? ">" : "→", table->style.ascii ? "<" : "←"};
    if (out->len > 0)
        buf_text(out, ", ");
    buf_text(out, streams_problem(n).name);
    for (int side = 0; side < 2; side++) {
        const uint64_t times = streams_problem_times(row, n, side);
        if (times == 0)
            continue;
        buf_char(out, ' ');
        if (times > 1)
            buf_u64(out, times);
        buf_text(out, arrows[side]);
    }
}

/* "gap 9→, reset ←": what was asked for, whatever it is, then what is notable. */
static void make_notes(const struct streams_table *table, struct buf *out, const struct row *row)
{
    const uint64_t problems = streams_problems_of(row), asked = problems & table->asked,
                   others = problems & ~table->asked;
    for (size_t n = 0; asked >> n != 0; n++) {
        if ((asked >> n & 1) != 0)
            put_note(table, out, row, n);
    }
    for (size_t n = 0; others >> n != 0; n++) {
        if ((others >> n & 1) != 0 && streams_problem(n).notable)
            put_note(table, out, row, n);
    }
}

/* ---- widths ---- */

void streams_table_init(struct streams_table *table, const struct view_style *style, uint64_t asked)
{
    *table = (struct streams_table){.style = *style, .asked = asked};
}

static unsigned bytes_width(uint64_t bytes)
{
    return bytes < EXACT_BYTES ? digits_count(bytes) : 5; /* 12.3M */
}

static unsigned endpoint_width(const struct flow_endpoint *endpoint)
{
    const uint8_t *byte = endpoint->address.bytes;
    struct cell cell;
    if (endpoint->address.family == 4)
        return digits_count(byte[0]) + digits_count(byte[1]) + digits_count(byte[2]) + digits_count(byte[3]) +
               4 + digits_count(endpoint->port);
    cell_endpoint(&cell, endpoint);
    return cell.len;
}

static void need(struct streams_table *table, int column, unsigned width)
{
    if (width > table->need[column])
        table->need[column] = width;
}

static void measure_notes(struct streams_table *table, const struct row *row)
{
    struct buf notes = {0};
    if (table->need[STREAMS_COLUMN_NOTES] >= table->style.columns || streams_problems_of(row) == 0)
        return;
    make_notes(table, &notes, row);
    need(table, STREAMS_COLUMN_NOTES, (unsigned)text_width((const char *)notes.data, notes.len));
    buf_free(&notes);
}

/* By arithmetic where that is enough: there may be a million rows. */
void streams_table_measure(struct streams_table *table, const struct row *row)
{
    const struct row_side *client = &row->side[FLOW_CLIENT], *server = &row->side[FLOW_SERVER];
    const uint64_t resent = row_retransmissions(client) + row_retransmissions(server),
                   missing = client->missing + server->missing;
    local_time(table, row->start_ns / NS_PER_S);
    const unsigned day = (unsigned)table->local.tm_year * 366 + (unsigned)table->local.tm_yday + 1;
    if (table->day == 0)
        table->day = day;
    table->days = table->days || day != table->day;
    need(table, STREAMS_COLUMN_NUMBER, digits_count(row->number));
    need(table, STREAMS_COLUMN_CLIENT, endpoint_width(&row->endpoint[FLOW_CLIENT]));
    need(table, STREAMS_COLUMN_SERVER, endpoint_width(&row->endpoint[FLOW_SERVER]));
    need(table, STREAMS_COLUMN_START, table->days ? START_WIDTH_DAYS : START_WIDTH);
    need(table, STREAMS_COLUMN_DURATION, row->end_ns > row->start_ns ? DURATION_WIDTH : 1);
    need(table, STREAMS_COLUMN_SENT, bytes_width(client->bytes));
    need(table, STREAMS_COLUMN_BACK, bytes_width(server->bytes));
    need(table, STREAMS_COLUMN_TOTAL, bytes_width(client->bytes + server->bytes));
    need(table, STREAMS_COLUMN_PACKETS, digits_count(client->packets + server->packets));
    need(table, STREAMS_COLUMN_RESENT, resent > 0 ? digits_count(resent) : 0);
    need(table, STREAMS_COLUMN_MISSING, missing > 0 ? bytes_width(missing) : 0);
    need(table, STREAMS_COLUMN_RTT, row_rtt_ns(row) != 0 ? DURATION_WIDTH : 0);
    need(table, STREAMS_COLUMN_END, row->end == FLOW_OPEN ? 4 : 3);
    measure_notes(table, row);
}

void streams_table_join(struct streams_table *table, const struct streams_table *other)
{
    for (int column = 0; column < STREAMS_COLUMN_COUNT; column++)
        need(table, column, other->need[column]);
    if (table->day == 0)
        table->day = other->day;
    table->days = table->days || other->days || (other->day != 0 && other->day != table->day);
    if (table->days)
        need(table, STREAMS_COLUMN_START, START_WIDTH_DAYS);
}

static const char *head_text(const struct streams_table *table, int column)
{
    return _(table->brief ? heads[column].brief : heads[column].name);
}

void streams_table_expect(struct streams_table *table)
{
    static const struct {
        int column;
        unsigned width;
    } usual[] = {
        {STREAMS_COLUMN_NUMBER, 6}, {STREAMS_COLUMN_CLIENT, 20},  {STREAMS_COLUMN_SERVER, 18},
        {STREAMS_COLUMN_START, 12}, {STREAMS_COLUMN_DURATION, 6}, {STREAMS_COLUMN_SENT, 7},
        {STREAMS_COLUMN_BACK, 7},   {STREAMS_COLUMN_TOTAL, 7},    {STREAMS_COLUMN_PACKETS, 5},
        {STREAMS_COLUMN_RTT, 6},    {STREAMS_COLUMN_END, 4},      {STREAMS_COLUMN_NOTES, NOTES_LEAST},
    };
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        need(table, usual[i].column, usual[i].width);
}

/* Which columns are left out, and how many columns of the terminal the notes may have. */
struct fit {
    bool out[STREAMS_COLUMN_COUNT];
    bool no_total; /* not even the total, which stands only where both sides' bytes do not */
    unsigned notes;
};

/* Widths by what is needed, notes aside; true where the line fits. */
static bool fits(struct streams_table *table, struct fit *fit)
{
    unsigned sum = 1 + fit->notes;
    fit->out[STREAMS_COLUMN_TOTAL] = fit->no_total || !fit->out[STREAMS_COLUMN_SENT];
    for (int column = 0; column < STREAMS_COLUMN_NOTES; column++) {
        const char *text = head_text(table, column);
        const unsigned head = (unsigned)text_width(text, strlen(text)), least = table->need[column];
        table->width[column] = fit->out[column] || least == 0 ? 0 : least > head ? least : head;
        sum += table->width[column] + (table->width[column] > 0 ? GAP : 0);
    }
    table->sum = sum - fit->notes;
    return (fit->notes > 0 ? sum : sum - GAP) <= table->style.columns;
}

/* Leave out the column that is missed least, but none that is missed more than `dearest`. */
static bool leave_one_out(const struct streams_table *table, struct fit *fit, unsigned dearest)
{
    int least = -1;
    for (int column = 0; column < STREAMS_COLUMN_NOTES; column++) {
        if (table->width[column] > 0 && heads[column].first_out > dearest &&
            (least < 0 || heads[column].first_out > heads[least].first_out))
            least = column;
    }
    if (least < 0)
        return false;
    fit->out[least] = true;
    fit->no_total = fit->no_total || least == STREAMS_COLUMN_TOTAL;
    if (least == STREAMS_COLUMN_SENT || least == STREAMS_COLUMN_BACK)
        fit->out[STREAMS_COLUMN_SENT] = fit->out[STREAMS_COLUMN_BACK] = true;
    return true;
}

/* Both as far as needed, the longer one first. True where the line fits then. */
static bool narrow_addresses(struct streams_table *table)
{
    const unsigned room = table->style.columns + GAP;
    while (table->sum > room) {
        const bool client = table->width[STREAMS_COLUMN_CLIENT] >= table->width[STREAMS_COLUMN_SERVER];
        unsigned *width = &table->width[client ? STREAMS_COLUMN_CLIENT : STREAMS_COLUMN_SERVER];
        if (*width <= ADDRESS_LEAST)
            return false;
        --*width;
        --table->sum;
    }
    return true;
}

/* With brief heads and without columns where that is needed. */
static bool try_to_fit(struct streams_table *table, struct fit *fit, unsigned dearest)
{
    table->brief = false;
    if (fits(table, fit))
        return true;
    table->brief = true;
    bool good = fits(table, fit);
    while (!good && leave_one_out(table, fit, dearest))
        good = fits(table, fit);
    return good;
}

/* A cut word misleads, a shorter head, a missing column and a second line do not: in this order they give
 * way. Only how much it was and how it ended is worth more than a whole address, whose end is kept. */
bool streams_table_fit(struct streams_table *table)
{
    unsigned before[STREAMS_COLUMN_COUNT];
    const unsigned needed = table->need[STREAMS_COLUMN_NOTES];
    struct fit beside = {.notes = needed < NOTES_LEAST ? needed : NOTES_LEAST}, below = {.notes = 0};
    memcpy(before, table->width, sizeof before);
    table->notes_below = needed > 0 && !try_to_fit(table, &beside, DEAR);
    if ((needed == 0 || table->notes_below) && !try_to_fit(table, &below, DEARER) &&
        !narrow_addresses(table) && !try_to_fit(table, &below, 0))
        (void)narrow_addresses(table);
    table->width[STREAMS_COLUMN_NOTES] =
        needed > 0 && !table->notes_below ? table->style.columns - table->sum : 0;
    return memcmp(before, table->width, sizeof before) != 0;
}

/* ---- lines ---- */

/* Of what is too long (an address), the end stays: its port tells streams apart. `out` has room. */
static void put_cell(struct buf *out, const char *text, unsigned len, unsigned width, bool right)
{
    char *p = (char *)out->data + out->len;
    out->len += width + GAP;
    memset(p, ' ', width + GAP);
    if (len <= width) {
        memcpy(p + (right ? width - len : 0), text, len);
        return;
    }
    const char *port = memrchr(text, ':', len);
    const unsigned end = port != NULL ? len - (unsigned)(port - text) : 0, tail = end < width ? end : 0;
    memcpy(p, text, width - tail);
    p[width - 1 - tail] = '~';
    memcpy(p + width - tail, text + len - tail, tail);
}

static void end_line(struct buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_char(out, '\n');
}

/* No wider than its column, or as wide as it is where that is 0. */
static void put_head(struct buf *out, const char *text, unsigned width, bool right)
{
    const size_t len = strlen(text), fit = width > 0 ? text_fit(text, len, width) : len;
    const unsigned shown = (unsigned)text_width(text, fit), blanks = width > shown ? width - shown : 0;
    buf_printf(out, "%*s", right ? (int)blanks : 0, "");
    buf_append(out, text, fit);
    buf_printf(out, "%*s", (int)((right ? 0 : blanks) + GAP), "");
}

void streams_table_head(const struct streams_table *table, struct buf *out)
{
    if (table->style.color)
        buf_text(out, "\x1b[1m");
    buf_char(out, ' ');
    if (!buf_reserve(out, LINE_ROOM))
        return;
    for (int column = 0; column < STREAMS_COLUMN_COUNT; column++) {
        const char *text = head_text(table, column);
        const bool notes = column == STREAMS_COLUMN_NOTES;
        if (table->width[column] > 0)
            put_head(out, text, notes ? 0 : table->width[column], heads[column].right);
    }
    end_line(out);
    if (table->style.color && !out->failed) {
        out->len--;
        buf_text(out, "\x1b[0m\n");
    }
}

/* Whole: beside the row, or below it where they do not fit. */
static void put_notes(const struct streams_table *table, struct buf *out, const struct row *row)
{
    struct buf notes = {0};
    if (streams_problems_of(row) == 0)
        return;
    make_notes(table, &notes, row);
    const char *text = (const char *)notes.data;
    const unsigned room = table->width[STREAMS_COLUMN_NOTES];
    if (notes.len > 0 && text_width(text, notes.len) <= room) {
        buf_append(out, text, notes.len);
    } else if (notes.len > 0) {
        end_line(out);
        buf_text(out, "    ");
        prose_wrap(out, buf_cstr(&notes), 4, 4, table->style.columns);
        out->len--;
    }
    out->failed = out->failed || notes.failed;
    buf_free(&notes);
}

void streams_table_row(struct streams_table *table, struct buf *out, const struct row *row)
{
    buf_char(out, ' ');
    if (!buf_reserve(out, LINE_ROOM))
        return;
    for (int column = 0; column < STREAMS_COLUMN_NOTES; column++) {
        struct cell cell;
        if (table->width[column] == 0)
            continue;
        make_cell(table, &cell, column, row);
        put_cell(out, cell.text, cell.len, table->width[column], heads[column].right);
    }
    if (table->notes_below || table->width[STREAMS_COLUMN_NOTES] > 0)
        put_notes(table, out, row);
    end_line(out);
}
