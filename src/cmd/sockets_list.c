/* The open sockets: a table, or one JSON object a line. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/privilege.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/labelled.h"
#include "cmd/sockets.h"
#include "lanes/words.h"
#include "view/columns.h"
#include "view/glyphs.h"
#include "view/prose.h"

enum column {
    PROTOCOL,
    STATE,
    RECEIVE,
    SEND,
    LOCAL,
    PEER,
    TIMER,
    RTT,
    CWND,
    RESENT,
    PROCESS,
    COLUMNS,
};

enum {
    BRIEF = 100,    /* columns: below, states and kinds have short names */
    LONG_NAME = 30, /* of a unix socket: more of it would push the other columns out */
};

static const struct columns_head heads[COLUMNS] = {
    [PROTOCOL] = {N_("socket"), N_("socket"), false, 0},  [STATE] = {N_("state"), N_("state"), false, 0},
    [RECEIVE] = {N_("recv-q"), N_("recv-q"), true, 0},    [SEND] = {N_("send-q"), N_("send-q"), true, 0},
    [LOCAL] = {N_("local"), N_("local"), false, 0},       [PEER] = {N_("peer"), N_("peer"), false, 2},
    [TIMER] = {N_("timer"), N_("timer"), false, 3},       [RTT] = {N_("RTT"), N_("RTT"), true, 4},
    [CWND] = {N_("cwnd"), N_("cwnd"), true, 6},           [RESENT] = {N_("resent"), N_("resent"), true, 5},
    [PROCESS] = {N_("process"), N_("process"), false, 1},
};

/* ---- cells ---- */

static const char *brief_state(const struct open_socket *socket)
{
    static const char *const names[STATES] = {
        [STATE_ESTABLISHED] = "ESTAB",  [STATE_SYN_SENT] = "SYN-SENT",  [STATE_SYN_RECEIVED] = "SYN-RCVD",
        [STATE_FIN_WAIT_1] = "FIN-W-1", [STATE_FIN_WAIT_2] = "FIN-W-2", [STATE_TIME_WAIT] = "TIME-W",
        [STATE_CLOSED] = "CLOSED",      [STATE_CLOSE_WAIT] = "CLOSE-W", [STATE_LAST_ACK] = "LAST-ACK",
        [STATE_LISTEN] = "LISTEN",      [STATE_CLOSING] = "CLOSING",    [STATE_NEW_SYN_RECEIVED] = "SYN-RCVD",
    };
    if (socket->transport != SOCKET_TCP && socket->state == STATE_ESTABLISHED)
        return "conn.";
    if (socket->transport != SOCKET_TCP && socket->state == STATE_CLOSED)
        return "unconn.";
    return socket->state < STATES && names[socket->state] != NULL ? names[socket->state] : "?";
}

/* What stands in the buffer becomes the cell; at most `most` columns of its end. */
static void set_cell(char cell[COLUMNS_CELL], struct buf *text, const struct view_style *style, size_t most)
{
    struct buf plain = {0};
    const char *shown = buf_cstr(text);
    if (style->ascii) {
        prose_ascii(&plain, shown);
        shown = buf_cstr(&plain);
    }
    const size_t len = strlen(shown), columns = text_width(shown, len);
    const size_t cut = columns > most ? text_fit(shown, len, columns - most + 1) : 0;
    snprintf(cell, COLUMNS_CELL, "%s%s", cut > 0 ? glyphs_of(style->ascii)->more : "", shown + cut);
    buf_free(&plain);
    text->len = 0;
}

static void put_timer(struct buf *out, const struct open_socket *socket)
{
    if (socket->timer == TIMER_NONE)
        return;
    buf_printf(out, "%s ", socket_timer_name(socket->timer));
    words_time(out, (uint64_t)(socket->timer_ms > 0 ? socket->timer_ms : 0) * NS_PER_MS);
    if (socket->timer_repeats > 0)
        buf_printf(out, " #%" PRId64, socket->timer_repeats);
}

static void put_process(struct buf *out, const struct open_socket *socket, const struct sockets_look *look)
{
    size_t count;
    const struct socket_owner *owner = socket_owners_find(&look->owners, socket->inode, &count);
    if (owner == NULL) {
        if (socket->inode != 0 && socket->uid >= 0)
            buf_printf(out, "(uid %" PRId64 ")", socket->uid);
        return;
    }
    text_escape(out, owner->comm, strlen(owner->comm));
    buf_printf(out, " %d", (int)owner->pid);
    if (count > 1)
        buf_printf(out, " +%zu", count - 1);
    else
        buf_printf(out, " fd %d", owner->fd);
}

static void put_number(char cell[COLUMNS_CELL], bool known, int64_t value)
{
    if (known && value >= 0)
        snprintf(cell, COLUMNS_CELL, "%" PRId64, value);
}

static bool is_connection(const struct open_socket *socket)
{
    return socket->has_tcp && socket->state != STATE_LISTEN;
}

static void put_row(struct columns *table, const struct open_socket *socket, const struct sockets_look *look)
{
    const struct view_style *style = table->style;
    const bool brief = style->columns < BRIEF, connection = is_connection(socket);
    char(*cells)[COLUMNS_CELL] = columns_add(table);
    struct buf text = {0};
    if (cells == NULL)
        return;
    buf_text(&text, brief && socket->transport == SOCKET_UNIX ? "unix" : socket_transport_name(socket));
    set_cell(cells[PROTOCOL], &text, style, COLUMNS_CELL);
    snprintf(cells[STATE], COLUMNS_CELL, "%s", brief ? brief_state(socket) : socket_state_name(socket));
    put_number(cells[RECEIVE], true, socket->receive_queue);
    put_number(cells[SEND], true, socket->send_queue);
    sockets_put_local(&text, socket);
    set_cell(cells[LOCAL], &text, style, socket->transport == SOCKET_UNIX ? LONG_NAME : COLUMNS_CELL);
    sockets_put_peer(&text, socket, look);
    set_cell(cells[PEER], &text, style, COLUMNS_CELL);
    put_timer(&text, socket);
    set_cell(cells[TIMER], &text, style, COLUMNS_CELL);
    if (connection && socket->tcp.rtt_us > 0)
        words_time(&text, (uint64_t)socket->tcp.rtt_us * NS_PER_US);
    set_cell(cells[RTT], &text, style, COLUMNS_CELL);
    put_number(cells[CWND], connection, socket->tcp.cwnd);
    put_number(cells[RESENT], connection && socket->tcp.total_retransmits > 0, socket->tcp.total_retransmits);
    put_process(&text, socket, look);
    set_cell(cells[PROCESS], &text, style, COLUMNS_CELL);
    table->failed = table->failed || text.failed;
    buf_free(&text);
}

/* ---- all of a socket, with -v ---- */

/* Numbers of a socket by name: what JSON has, and -v. */
static const struct {
    const char *name;
    size_t from;
} tcp_numbers[] =
    {
        {"retransmits", offsetof(struct socket_tcp, retransmits)},
        {"probes", offsetof(struct socket_tcp, probes)},
        {"backoff", offsetof(struct socket_tcp, backoff)},
        {"rto_us", offsetof(struct socket_tcp, rto_us)},
        {"rtt_us", offsetof(struct socket_tcp, rtt_us)},
        {"rttvar_us", offsetof(struct socket_tcp, rttvar_us)},
        {"mss", offsetof(struct socket_tcp, mss)},
        {"cwnd", offsetof(struct socket_tcp, cwnd)},
        {"ssthresh", offsetof(struct socket_tcp, ssthresh)},
        {"unacked", offsetof(struct socket_tcp, unacked)},
        {"lost", offsetof(struct socket_tcp, lost)},
        {"total_retransmits", offsetof(struct socket_tcp, total_retransmits)},
        {"bytes_acked", offsetof(struct socket_tcp, bytes_acked)},
        {"bytes_received", offsetof(struct socket_tcp, bytes_received)},
        {"not_sent", offsetof(struct socket_tcp, not_sent)},
        {"sent_ms_ago", offsetof(struct socket_tcp, sent_ms_ago)},
        {"received_ms_ago", offsetof(struct socket_tcp, received_ms_ago)},
        {"acked_ms_ago", offsetof(struct socket_tcp, acked_ms_ago)},
        {"window_limited_us", offsetof(struct socket_tcp, window_limited_us)},
        {"peer_window", offsetof(struct socket_tcp, peer_window)},
        {"own_window", offsetof(struct socket_tcp, own_window)},
},
  memory_numbers[] = {
      {"received", offsetof(struct socket_memory, received)},
      {"receive_limit", offsetof(struct socket_memory, receive_limit)},
      {"queued", offsetof(struct socket_memory, queued)},
      {"sent", offsetof(struct socket_memory, sent)},
      {"send_limit", offsetof(struct socket_memory, send_limit)},
      {"drops", offsetof(struct socket_memory, drops)},
};

#define TCP_NUMBERS (sizeof tcp_numbers / sizeof tcp_numbers[0])
#define MEMORY_NUMBERS (sizeof memory_numbers / sizeof memory_numbers[0])

static int64_t number_at(const void *of, size_t from)
{
    int64_t value;
    memcpy(&value, (const uint8_t *)of + from, sizeof value);
    return value;
}

static void put_detail(struct buf *out, const struct open_socket *socket, const struct sockets_look *look,
                       const struct view_style *style)
{
    struct buf name = {0}, text = {0};
    buf_printf(&name, "%s ", socket_transport_name(socket));
    const size_t kind = name.len;
    sockets_put_local(&name, socket);
    name.len -= name.len == kind && kind > 0; /* it has none */
    sockets_put_owner(&text, socket, look);
    buf_printf(&text, "; inode %" PRIu64, socket->inode);
    if (socket->congestion[0] != '\0') {
        buf_text(&text, _(", congestion control "));
        text_escape(&text, socket->congestion, strlen(socket->congestion));
    }
    for (size_t i = 0; is_connection(socket) && i < TCP_NUMBERS; i++) {
        const int64_t value = number_at(&socket->tcp, tcp_numbers[i].from);
        if (value >= 0)
            buf_printf(&text, ", %s %" PRId64, tcp_numbers[i].name, value);
    }
    for (size_t i = 0; socket->has_memory && i < MEMORY_NUMBERS; i++) {
        const int64_t value = number_at(&socket->memory, memory_numbers[i].from);
        if (value >= 0)
            buf_printf(&text, ", memory %s %" PRId64, memory_numbers[i].name, value);
    }
    const struct labelled front = {NULL, buf_cstr(&name), NULL, 26};
    labelled_put(out, style, &front, buf_cstr(&text));
    out->failed = out->failed || name.failed || text.failed;
    buf_free(&name);
    buf_free(&text);
}

/* ---- text ---- */

static void put_text(struct buf *out, const struct sockets_look *look, const struct sockets_options *options)
{
    const struct view_style style = screen_style(&options->screen, &options->common);
    const struct open_sockets *sockets = &look->dump.sockets;
    struct columns table;
    columns_init(&table, heads, COLUMNS, &style);
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets_wanted(&sockets->all[i], options))
            put_row(&table, &sockets->all[i], look);
    if (look->matching > 0)
        columns_print(&table, out);
    else
        labelled_paragraph(out, &style, _("No such socket is open."));
    columns_fini(&table);
    if (style.verbose) {
        buf_char(out, '\n');
        for (size_t i = 0; i < sockets->count; i++)
            if (sockets_wanted(&sockets->all[i], options))
                put_detail(out, &sockets->all[i], look, &style);
    }
    if (style.brief)
        return;
    buf_char(out, '\n');
    if (look->matching > 0)
        labelled_paragraph(
            out, &style,
            _("recv-q: bytes that came and no recv has taken; send-q: bytes that the other side has not "
              "acknowledged. Of LISTEN: connections that wait for accept(), and how many may."));
    sockets_look_notes(look, out, &style);
}

/* ---- JSON ---- */

static void number_or_null(struct json *j, const char *key, int64_t value)
{
    json_u64_if(j, key, value >= 0, (uint64_t)value);
}

static void put_json(struct buf *out, const struct open_socket *socket, const struct sockets_look *look)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "socket");
    sockets_put_identity_json(&j, socket, look);
    number_or_null(&j, "recv_queue", socket->receive_queue);
    number_or_null(&j, "send_queue", socket->send_queue);
    json_text(&j, "timer", socket->timer != TIMER_NONE ? socket_timer_name(socket->timer) : NULL);
    number_or_null(&j, "timer_ms", socket->timer_ms);
    number_or_null(&j, "timer_repeats", socket->timer_repeats);
    json_u64_if(&j, "interface", socket->interface != 0, socket->interface);
    json_u64_if(&j, "peer_inode", socket->peer_inode != 0, socket->peer_inode);
    json_text(&j, "congestion", socket->congestion[0] != '\0' ? socket->congestion : NULL);
    if (is_connection(socket)) {
        json_enter(&j, "tcp");
        for (size_t i = 0; i < TCP_NUMBERS; i++)
            number_or_null(&j, tcp_numbers[i].name, number_at(&socket->tcp, tcp_numbers[i].from));
        json_leave(&j);
    } else {
        json_none(&j, "tcp");
    }
    if (socket->has_memory) {
        json_enter(&j, "memory");
        for (size_t i = 0; i < MEMORY_NUMBERS; i++)
            number_or_null(&j, memory_numbers[i].name, number_at(&socket->memory, memory_numbers[i].from));
        json_leave(&j);
    } else {
        json_none(&j, "memory");
    }
    json_end_line(&j);
}

static void put_all_json(struct buf *out, const struct sockets_look *look,
                         const struct sockets_options *options)
{
    const struct open_sockets *sockets = &look->dump.sockets;
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets_wanted(&sockets->all[i], options))
            put_json(out, &sockets->all[i], look);
    sockets_look_gaps_json(look, out);
    struct json j = json_begin(out);
    json_text(&j, "type", "summary");
    json_u64(&j, "sockets", look->matching);
    json_u64(&j, "ownerless", look->ownerless);
    json_bool(&j, "processes_known", look->owners_err.code == 0);
    json_end_line(&j);
}

int sockets_list_run(const struct sockets_options *options)
{
    struct sockets_look look;
    struct sd_err err = {0};
    struct buf out = {0};
    int status = CMD_ERROR;
    if (sockets_look_take(&look, options, &err) != 0 || privilege_drop(&err) != 0) {
        cmd_fail(sockets_name, "%s", err.text);
    } else {
        if (options->common.json)
            put_all_json(&out, &look, options);
        else
            put_text(&out, &look, options);
        status = sockets_write(&out, sockets_look_status(&look));
    }
    sockets_look_free(&look);
    return status;
}
