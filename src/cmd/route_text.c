#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "cmd/route.h"
#include "view/columns.h"
#include "view/glyphs.h"
#include "view/prose.h"

/* The table and what it proves. Text is made with the program's own signs and turned to ASCII at the end,
 * where that is wanted: see route_text_say() and put_table(). */

enum column {
    COLUMN_HOP,
    COLUMN_ADDRESS,
    COLUMN_SENT,
    COLUMN_LOST,
    COLUMN_LAST,
    COLUMN_MIN,
    COLUMN_MEDIAN,
    COLUMN_MAX,
    COLUMN_NAME,
    COLUMN_COUNT,
};

enum {
    FEW = 10, /* probes: fewer prove little about loss */
    LEAST_NAME = 12,
};

static const struct columns_head heads[COLUMN_COUNT] = {
    [COLUMN_HOP] = {N_("hop"), N_("hop"), true, 0},
    [COLUMN_ADDRESS] = {N_("address"), N_("address"), false, 0},
    [COLUMN_SENT] = {N_("probes"), N_("sent"), true, 6},
    [COLUMN_LOST] = {N_("lost"), N_("lost"), true, 0},
    [COLUMN_LAST] = {N_("last ms"), N_("last"), true, 5},
    [COLUMN_MIN] = {N_("min ms"), N_("min"), true, 4},
    [COLUMN_MEDIAN] = {N_("median ms"), N_("med"), true, 0},
    [COLUMN_MAX] = {N_("max ms"), N_("max"), true, 3},
    [COLUMN_NAME] = {N_("name"), N_("name"), false, 1},
};

/* The table and which columns it has, in the order of the enum. */
struct table {
    struct columns columns;
    struct columns_head heads[COLUMN_COUNT];
    int place[COLUMN_COUNT]; /* -1: is not there */
    char (*row)[COLUMNS_CELL];
    unsigned name_room;
};

/* ---- words ---- */

struct word route_text_hop(const struct route *route, unsigned ttl)
{
    char address[PACKET_ADDRESS_TEXT];
    const struct hop *hop = &route->hops.hop[ttl <= HOPS_MAX ? ttl : 0];
    if (hop->address_count == 0)
        return word_printf(_("hop %u"), ttl);
    packet_address_text(&hop->address[0].address, address);
    return word_printf(hop->address_count > 1 ? _("hop %u (%s and others)") : _("hop %u (%s)"), ttl, address);
}

static struct word method_words(const struct route *route)
{
    switch (route->options.method) {
    case PROBE_UDP:
        return word_printf(_("UDP to port %" PRIu64), route->options.port);
    case PROBE_TCP:
        return word_printf(_("TCP SYN to port %" PRIu64), route->options.port);
    case PROBE_ICMP:
        break;
    }
    return word_printf("%s", route->target.family == 6 ? _("ICMPv6 echo") : _("ICMP echo"));
}

void route_text_head(const struct route *route, struct buf *out)
{
    struct buf line = {0}, host = {0};
    char source[PACKET_ADDRESS_TEXT];
    text_escape(&host, route->options.host, strlen(route->options.host));
    if (strcmp(route->options.host, route->target_text) != 0)
        buf_printf(&host, " (%s)", route->target_text);
    packet_address_text(&route->path.source, source);
    buf_printf(&line, _("route to %s, %s, %u bytes, from %s (%s)"), buf_cstr(&host), method_words(route).text,
               route_probe_len(route), source, route->path.name);
    prose_wrap(out, buf_cstr(&line), 0, 2, route->style.columns);
    buf_free(&line);
    buf_free(&host);
}

/* ---- the table ---- */

static bool has_names(const struct route *route)
{
    for (unsigned ttl = 1; ttl <= HOPS_MAX; ttl++) {
        const struct hop *hop = &route->hops.hop[ttl];
        for (unsigned i = 0; i < hop->address_count; i++) {
            if (names_find(route->names, &hop->address[i].address) != NULL)
                return true;
        }
    }
    return false;
}

static void table_begin(struct table *table, const struct route *route)
{
    size_t count = 0;
    for (int column = 0; column < COLUMN_COUNT; column++) {
        const bool there = column == COLUMN_LAST   ? route->options.watch
                           : column == COLUMN_NAME ? has_names(route)
                                                   : true;
        table->place[column] = there ? (int)count : -1;
        if (there)
            table->heads[count++] = heads[column];
    }
    columns_init(&table->columns, table->heads, count, &route->style);
}

/* A row of blanks. false: memory is out. */
static bool begin_row(struct table *table)
{
    table->row = columns_add(&table->columns);
    for (size_t i = 0; table->row != NULL && i < table->columns.head_count; i++)
        snprintf(table->row[i], COLUMNS_CELL, " ");
    return table->row != NULL;
}

__attribute__((format(printf, 3, 4))) static void put(struct table *table, enum column column,
                                                      const char *format, ...)
{
    va_list args;
    if (table->place[column] < 0)
        return;
    va_start(args, format);
    vsnprintf(table->row[table->place[column]], COLUMNS_CELL, format, args);
    va_end(args);
}

static void put_ms(struct table *table, enum column column, uint64_t ns)
{
    const double ms = (double)ns / NS_PER_MS;
    put(table, column, "%.*f", ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
}

/* As much of the name as its room has. */
static void put_name(struct table *table, const struct route *route, const struct packet_address *address)
{
    const char *name = names_find(route->names, address);
    struct buf text = {0};
    if (name == NULL)
        return;
    text_escape(&text, name, strlen(name));
    const char *safe = buf_cstr(&text);
    const size_t len = strlen(safe);
    if (text_width(safe, len) <= table->name_room && len < COLUMNS_CELL)
        put(table, COLUMN_NAME, "%s", safe);
    else
        put(table, COLUMN_NAME, "%.*s%s", (int)text_fit(safe, len, table->name_room - 1), safe,
            glyphs_of(route->style.ascii)->more);
    buf_free(&text);
}

static void put_lost(struct table *table, const struct hop *hop)
{
    const uint64_t known = hop->lost + hop->received;
    if (known == 0)
        return;
    if (known < 100)
        put(table, COLUMN_LOST, "%" PRIu64 "/%" PRIu64, hop->lost, known);
    else
        put(table, COLUMN_LOST, "%.1f%%", 100.0 * (double)hop->lost / (double)known);
}

static void put_times(struct table *table, const struct hop *hop)
{
    const double half = 50;
    uint64_t median = 0;
    if (hop->rtt.count == 0)
        return;
    put_ms(table, COLUMN_LAST, hop->last_ns);
    put_ms(table, COLUMN_MIN, hop->rtt.min_ns);
    put_ms(table, COLUMN_MAX, hop->rtt.max_ns);
    if (rtt_percentiles(&hop->rtt, &half, &median, 1))
        put_ms(table, COLUMN_MEDIAN, median);
}

/* A hop that answers: a row, and one for each further address. */
static void add_hop(struct table *table, const struct route *route, unsigned ttl)
{
    const struct hop *hop = &route->hops.hop[ttl];
    for (unsigned i = 0; i < hop->address_count; i++) {
        char address[PACKET_ADDRESS_TEXT];
        if (!begin_row(table))
            return;
        packet_address_text(&hop->address[i].address, address);
        put(table, COLUMN_ADDRESS, "%s", address);
        put_name(table, route, &hop->address[i].address);
        if (i > 0)
            continue;
        put(table, COLUMN_HOP, "%u", ttl);
        put(table, COLUMN_SENT, "%" PRIu64, hop->sent);
        put_lost(table, hop);
        put_times(table, hop);
    }
}

static void add_silent(struct table *table, const struct route *route, unsigned from, unsigned to)
{
    const struct hop *hop = &route->hops.hop[from];
    const bool waits = hop->sent > hop->received + hop->lost && hop->lost == 0;
    if (!begin_row(table))
        return;
    if (to > from)
        put(table, COLUMN_HOP, "%u%s%u", from, route->style.ascii ? "-" : "–", to);
    else
        put(table, COLUMN_HOP, "%u", from);
    put(table, COLUMN_ADDRESS, "%s", waits ? "..." : _("* no answer"));
    put(table, COLUMN_SENT, "%" PRIu64, hop->sent);
}

/* How wide names may be: what the line has left beside everything else. */
static unsigned name_room(const struct route *route)
{
    unsigned others = route->options.watch ? 55 : 46, widest = 11;
    for (unsigned ttl = 1; ttl <= HOPS_MAX; ttl++) {
        const struct hop *hop = &route->hops.hop[ttl];
        for (unsigned i = 0; i < hop->address_count; i++) {
            char text[PACKET_ADDRESS_TEXT];
            packet_address_text(&hop->address[i].address, text);
            widest = strlen(text) > widest ? (unsigned)strlen(text) : widest;
        }
    }
    others += widest;
    const unsigned most = COLUMNS_CELL / 2;
    const unsigned room =
        route->style.columns > others + LEAST_NAME ? route->style.columns - others : LEAST_NAME;
    return room < most ? room : most;
}

/* The last hop that probes were sent to, and that the table has. */
static unsigned table_end(const struct route *route)
{
    const unsigned end = hops_end(&route->hops);
    unsigned sent = 0;
    for (unsigned ttl = 1; ttl <= HOPS_MAX; ttl++)
        sent = route->hops.hop[ttl].sent > 0 ? ttl : sent;
    return end != 0 ? end : sent;
}

void route_text_table(const struct route *route, struct buf *out)
{
    struct table table = {.name_room = name_room(route)};
    const unsigned end = table_end(route);
    table_begin(&table, route);
    for (unsigned ttl = 1; ttl <= end; ttl++) {
        unsigned last = ttl;
        if (route->hops.hop[ttl].received > 0) {
            add_hop(&table, route, ttl);
            continue;
        }
        while (last < end && route->hops.hop[last + 1].received == 0)
            last++;
        add_silent(&table, route, ttl, last);
        ttl = last;
    }
    columns_print(&table.columns, out);
    columns_fini(&table.columns);
}

/* ---- conclusions ---- */

void route_text_say(const struct route *route, struct buf *out, enum route_sign sign, const char *text)
{
    const struct glyphs *g = glyphs_of(route->style.ascii);
    const struct {
        const char *glyph, *color;
    } signs[] = {
        [ROUTE_GOOD] = {g->good, "32"}, [ROUTE_BAD] = {g->bad, "31"}, [ROUTE_NOTE] = {g->note, "36"}};
    struct buf plain = {0};
    if (route->style.ascii)
        prose_ascii(&plain, text);
    else
        buf_text(&plain, text);
    if (route->style.color)
        buf_printf(out, " \x1b[%sm%s\x1b[0m ", signs[sign].color, signs[sign].glyph);
    else
        buf_printf(out, " %s ", signs[sign].glyph);
    prose_wrap(out, buf_cstr(&plain), 3, 3, route->style.columns);
    out->failed = out->failed || plain.failed;
    buf_free(&plain);
}

/* Nothing listens there: the target answered by an ICMP error. */
static bool is_no_port(const struct route *route, const struct hop *hop)
{
    return route->options.method == PROBE_UDP && hop->icmp_type == (route->target.family == 6 ? 1 : 3);
}

/* The target answered, and how. */
static void say_reached(const struct route *route, struct buf *out, unsigned end)
{
    const struct hop *hop = &route->hops.hop[end];
    if (hop->tcp_flags != 0 && route->options.method == PROBE_TCP)
        buf_printf(out,
                   (hop->tcp_flags & TCP_RST) != 0
                       ? _("%s is reached at hop %u: it refuses connections to port %" PRIu64 ".")
                       : _("%s is reached at hop %u: port %" PRIu64 " is open."),
                   route->target_text, end, route->options.port);
    else if (is_no_port(route, hop))
        buf_printf(out, _("%s is reached at hop %u: nothing listens on UDP port %" PRIu64 ", it says."),
                   route->target_text, end, route->options.port);
    else if (route->options.method == PROBE_UDP)
        buf_printf(out, _("%s is reached at hop %u: UDP port %" PRIu64 " answers."), route->target_text, end,
                   route->options.port);
    else
        buf_printf(out, _("%s is reached at hop %u: it answers to echo."), route->target_text, end);
}

/* This machine refused, for nobody on the link has the next hop's address. */
static void say_no_neighbour(const struct route *route, struct buf *text, const struct hop *hop)
{
    const struct path *path = &route->path;
    const bool direct = path->gateway.family == 0;
    char gateway[PACKET_ADDRESS_TEXT] = "";
    if (!direct)
        packet_address_text(&path->gateway, gateway);
    buf_printf(
        text,
        direct
            ? _("This machine itself says \"%s\": nobody on %s answers %s for %s. Not a probe left; 'ip "
                "neigh' tells what is known of the link.")
            : _("This machine itself says \"%s\": nobody on %s answers %s for %s, the router on the way. Not "
                "a probe left; 'ip neigh' tells what is known of the link."),
        _(probe_error_text(route->target.family, hop->icmp_type, hop->icmp_code)), path->name,
        route->target.family == 6 ? _("neighbour discovery") : "ARP", direct ? route->target_text : gateway);
}

static void say_refused(const struct route *route, struct buf *text, unsigned end)
{
    const struct hop *hop = &route->hops.hop[end];
    if (end == 1 && hop->address_count == 1 &&
        packet_address_equal(&hop->address[0].address, &route->path.source)) {
        say_no_neighbour(route, text, hop);
        return;
    }
    buf_printf(
        text,
        _("%s says \"%s\": it does not pass the probes on. That is its own decision or what it knows; %s "
          "is not heard."),
        route_text_hop(route, end).text,
        _(probe_error_text(route->target.family, hop->icmp_type, hop->icmp_code)), route->target_text);
}

static void say_silent(const struct route *route, struct buf *text)
{
    const unsigned last = hops_last_answering(&route->hops);
    const char *other = route->options.method == PROBE_TCP ? _("--udp and ICMP") : "--tcp 443, --tcp 80";
    if (last == 0) {
        buf_printf(
            text,
            _("No hop answered, and %s did not. Whether the probes left %s and were lost, or answers are "
              "filtered here, this does not tell: 'sockdiag capture -i %s icmp' shows what comes."),
            route->target_text, route->path.name, route->path.name);
        if (route->options.method == PROBE_UDP)
            buf_text(text,
                     _(" Or a run just before took the ICMP errors that the target sends at once (Linux: "
                       "six, then one a second): wait some seconds."));
        return;
    }
    buf_printf(
        text,
        _("%s did not answer. The last that did is %s: so far the probes get, and answers come back. It does "
          "not prove that the fault is behind it: a hop or the target may drop just these probes, or have no "
          "way back to here. Other probes (%s) may tell more."),
        route->target_text, route_text_hop(route, last).text, other);
}

static void say_end(const struct route *route, struct buf *out)
{
    const unsigned end = hops_end(&route->hops);
    struct buf text = {0};
    if (route->hops.target != 0) {
        say_reached(route, &text, end);
    } else if (end != 0)
        say_refused(route, &text, end);
    else
        say_silent(route, &text);
    route_text_say(route, out, route->hops.target != 0 ? ROUTE_GOOD : ROUTE_BAD, buf_cstr(&text));
    buf_free(&text);
}

static struct word share_of(const struct hop *hop)
{
    return word_printf(_("%" PRIu64 " of %" PRIu64), hop->lost, hop->lost + hop->received);
}

/* Loss that what comes from farther away disproves. */
struct disproved {
    const char *hops;
    struct word witness, share;
    unsigned count;
};

static void put_loss_disproved(struct buf *text, enum hops_loss kind, bool likely, const struct disproved *l)
{
    const unsigned count = l->count;
    if (kind == HOPS_LOSS_OWN && likely)
        buf_printf(
            text,
            ngettext(
                "Loss at hop %s, but %s behind lost %s. What comes that far went through: that router does "
                "not always answer (routers limit the ICMP they send). It is likely no loss of your traffic.",
                "Loss at hop %s, but %s behind lost %s. What comes that far went through: those routers do "
                "not always answer (routers limit the ICMP they send). It is likely no loss of your traffic.",
                count),
            l->hops, l->witness.text, l->share.text);
    else if (kind == HOPS_LOSS_OWN)
        buf_printf(
            text,
            ngettext(
                "Loss at hop %s, but %s behind lost %s. What comes that far went through: that router does "
                "not always answer (routers limit the ICMP they send). It is no loss of your traffic.",
                "Loss at hop %s, but %s behind lost %s. What comes that far went through: those routers do "
                "not always answer (routers limit the ICMP they send). It is no loss of your traffic.",
                count),
            l->hops, l->witness.text, l->share.text);
    else if (likely)
        buf_printf(text,
                   ngettext("Loss at hop %s, but %s behind lost %s: the rest is that that router does not "
                            "always answer (routers limit the ICMP they send). Loss of your traffic is "
                            "likely no more than what is lost there.",
                            "Loss at hop %s, but %s behind lost %s: the rest is that those routers do not "
                            "always answer (routers limit the ICMP they send). Loss of your traffic is "
                            "likely no more than what is lost there.",
                            count),
                   l->hops, l->witness.text, l->share.text);
    else
        buf_printf(text,
                   ngettext("Loss at hop %s, but %s behind lost %s: the rest is that that router does not "
                            "always answer (routers limit the ICMP they send). Loss of your traffic is no "
                            "more than what is lost there.",
                            "Loss at hop %s, but %s behind lost %s: the rest is that those routers do not "
                            "always answer (routers limit the ICMP they send). Loss of your traffic is no "
                            "more than what is lost there.",
                            count),
                   l->hops, l->witness.text, l->share.text);
}

/* Does even the last hop that answers do so by an ICMP error, as all before it do? */
static bool only_errors(const struct route *route)
{
    const struct hop *last = &route->hops.hop[hops_last_answering(&route->hops)];
    return last->kind != HOP_TARGET || is_no_port(route, last);
}

/* Loss that nothing behind the hop `first` disproves. */
static void put_loss_stays(const struct route *route, struct buf *text, const char *hops, unsigned first)
{
    const enum probe_method method = route->options.method;
    buf_printf(
        text,
        first == hops_last_answering(&route->hops)
            ? _("Loss at hop %s: this may well be loss of your traffic, or of the answers on their way "
                "back.")
            : _("Loss at hop %s, and at every answering hop behind: this may well be loss of your "
                "traffic, or of the answers on their way back, from the first of these hops on."),
        hops);
    if (only_errors(route))
        buf_printf(text,
                   _(" But these answers are ICMP errors, of which hosts send few (Linux: six at once, then "
                     "one a second): that limit looks the same. Where the target answers %s, that tells."),
                   method == PROBE_UDP   ? _("echo (without --udp) or --tcp")
                   : method == PROBE_TCP ? _("on another port or to echo (without --tcp)")
                                         : "--tcp");
}

/* Hops of one kind of loss, in one sentence. */
static void say_loss_kind(const struct route *route, struct buf *out, enum hops_loss kind)
{
    struct buf text = {0}, hops = {0};
    unsigned count = 0, proof = 0, first = 0;
    bool few = false;
    for (unsigned ttl = 1; ttl <= hops_last_answering(&route->hops); ttl++) {
        const struct hop *hop = &route->hops.hop[ttl];
        unsigned witness = 0;
        if (hops_loss(&route->hops, ttl, &witness) != kind)
            continue;
        first = first == 0 ? ttl : first;
        buf_printf(&hops, "%s%u (%s)", count++ == 0 ? "" : _(", "), ttl, share_of(hop).text);
        proof = witness > proof ? witness : proof;
        few = few || hop->lost + hop->received < FEW;
    }
    if (count > 0 && kind == HOPS_LOSS_STAYS)
        put_loss_stays(route, &text, buf_cstr(&hops), first);
    else if (count > 0)
        put_loss_disproved(&text, kind, few,
                           &(struct disproved){.hops = buf_cstr(&hops),
                                               .witness = route_text_hop(route, proof),
                                               .share = share_of(&route->hops.hop[proof]),
                                               .count = count});
    if (count > 0 && few && (kind != HOPS_LOSS_STAYS || !only_errors(route)))
        buf_text(&text, _(" So few probes prove little: --probes 50 tells more."));
    if (count > 0)
        route_text_say(route, out, kind == HOPS_LOSS_STAYS ? ROUTE_BAD : ROUTE_NOTE, buf_cstr(&text));
    buf_free(&text);
    buf_free(&hops);
}

static void say_notes_of(const struct route *route, struct buf *out, unsigned ttl)
{
    const struct hop *hop = &route->hops.hop[ttl];
    struct buf text = {0};
    if (hop->address_count > 1) {
        buf_printf(
            &text,
            _("hop %u answered from %u addresses although all probes are one flow: the path changed, or a "
              "router spreads packets one by one."),
            ttl, hop->address_count);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    for (unsigned i = 0; i < hop->address_count; i++) {
        const struct hop_address *a = &hop->address[i];
        text.len = 0;
        if (a->label_count == 0)
            continue;
        buf_printf(&text, _("%s got the probe in MPLS, outermost first:"), route_text_hop(route, ttl).text);
        for (unsigned k = 0; k < a->label_count; k++)
            buf_printf(&text, k > 0 ? _(", label %u (class %u, TTL %u)") : _(" label %u (class %u, TTL %u)"),
                       a->label[k].label, a->label[k].traffic_class, a->label[k].ttl);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}

/* -v: how far an answer came, as far as its TTL tells: routers begin with 64, 128 or 255. */
static void say_ways_back(const struct route *route, struct buf *out)
{
    struct buf text = {0};
    for (unsigned ttl = 1; ttl <= hops_last_answering(&route->hops); ttl++) {
        const struct hop *hop = &route->hops.hop[ttl];
        const int left = hop->address_count > 0 ? hop->address[0].reply_ttl : -1;
        const int began = left <= 64 ? 64 : left <= 128 ? 128 : 255;
        if (left < 0)
            continue;
        text.len = 0;
        buf_printf(
            &text,
            _("%s: its answer came with TTL %d: hop %d on its way, if it began with %d; the probe's hop "
              "%u."),
            route_text_hop(route, ttl).text, left, began - left + 1, began, ttl);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}

static void say_own_trouble(const struct route *route, struct buf *out)
{
    struct buf text = {0};
    if (route->drops > 0)
        buf_printf(
            &text,
            _("%" PRIu64 " packets came and found this program's socket full: answers may be missing. "),
            route->drops);
    if (route->forged > 0)
        buf_printf(&text, _("%" PRIu64 " forged answers came and were left out. "), route->forged);
    if (route->not_sent > 0)
        buf_printf(&text, _("%" PRIu64 " probes could not be sent: %s. "), route->not_sent,
                   sd_errno_text(route->send_failed));
    if (text.len > 0)
        route_text_say(route, out, ROUTE_BAD, buf_cstr(&text));
    buf_free(&text);
}

void route_text_end(const struct route *route, struct buf *out)
{
    if (route->round == 0)
        return;
    buf_char(out, '\n');
    say_end(route, out);
    if (!route->options.no_mtu)
        route_mtu_text(route, out);
    say_loss_kind(route, out, HOPS_LOSS_OWN);
    say_loss_kind(route, out, HOPS_LOSS_PARTLY);
    say_loss_kind(route, out, HOPS_LOSS_STAYS);
    for (unsigned ttl = 1; ttl <= hops_last_answering(&route->hops); ttl++)
        say_notes_of(route, out, ttl);
    say_own_trouble(route, out);
    if (!route->style.verbose)
        return;
    say_ways_back(route, out);
    route_mtu_trials(route, out);
}
