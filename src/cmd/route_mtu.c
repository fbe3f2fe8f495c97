#include <inttypes.h>

#include "cmd/route.h"

/* What is said of the path MTU, each time with what proves it. */

bool route_has_black_hole(const struct route *route)
{
    for (unsigned i = 0; route->mtu_done && i < route->pmtu.fall_count; i++) {
        if (route->pmtu.fall[i].vanished && route->pmtu.verdict == PMTU_FOUND)
            return true;
    }
    return false;
}

static void put_place(const struct route *route, struct buf *text, const struct pmtu_fall *fall)
{
    if (fall->hop == 0)
        buf_printf(text, "between this machine and hop %u", fall->next_hop);
    else if (fall->next_hop == fall->hop + 1) {
        buf_text(text, "behind ");
        route_text_hop(route, text, fall->hop);
    } else {
        buf_text(text, "between ");
        route_text_hop(route, text, fall->hop);
        buf_printf(text, " and hop %u (those between do not answer)", fall->next_hop);
    }
}

static void put_told(const struct route *route, struct buf *text, const struct pmtu_fall *fall)
{
    char address[PACKET_ADDRESS_TEXT];
    if (fall->router.family == 0) {
        buf_printf(text, "Packets over %u bytes do not leave this machine.", fall->passes);
        return;
    }
    packet_address_text(&fall->router, address);
    const bool open = fall->told > fall->passes && fall->told < fall->refused;
    buf_printf(text, "The MTU falls to %u ", open ? fall->told : fall->passes);
    put_place(route, text, fall);
    buf_printf(text, ". %s says so: \"%s\" to %u bytes", address,
               route->target.family == 6 ? "packet too big" : "fragmentation needed", fall->refused);
    if (fall->told == fall->passes)
        buf_printf(text, ", with the MTU %u, and that is right", fall->told);
    else if (open)
        buf_printf(text, ", with the MTU %u, which cannot be tried: no more than %u bytes come farther",
                   fall->told, fall->passes);
    else if (fall->told != 0)
        buf_printf(text, ", with the MTU %u, and that is wrong", fall->told);
    else
        buf_text(text, ", without a usable MTU");
    buf_char(text, '.');
}

static void put_trial(struct buf *text, const struct pmtu_trial *trial)
{
    if (trial != NULL)
        buf_printf(text, "%u of %u lost at %u bytes, %u of %u small ones beside them answered",
                   trial->large_sent - trial->large_answered, trial->large_sent, trial->size,
                   trial->small_answered, trial->small_sent);
}

static void put_black_hole(const struct route *route, struct buf *text, const struct pmtu_fall *fall)
{
    const struct pmtu *pmtu = &route->pmtu;
    const uint8_t end = pmtu->config.end;
    buf_printf(text, "Black hole ");
    put_place(route, text, fall);
    buf_printf(text, ": packets over %u bytes vanish, and nobody says so. Proof: ", fall->passes);
    put_trial(text, pmtu_find_trial(pmtu, fall->refused, end));
    buf_printf(text, "; %u bytes %s.", fall->passes,
               fall->passes == pmtu->mtu ? "arrive" : "are heard of (another hop refuses them)");
    if (fall->hop > 0 && fall->next_hop <= end) {
        buf_printf(text,
                   " Of %u bytes, probes whose TTL ends at hop %u are answered, those that end at hop %u ",
                   fall->refused, fall->hop, fall->next_hop);
        const struct pmtu_trial *far = pmtu_find_trial(pmtu, fall->refused, fall->next_hop);
        if (far != NULL)
            buf_printf(text, "are not (%u of %u).", far->large_sent - far->large_answered, far->large_sent);
        else
            buf_text(text, "are not.");
    }
    if (route->options.method == PROBE_ICMP && fall->next_hop == end && route->hops.target == end)
        buf_text(text,
                 " (An answer to echo is as large as its question: the hole may be on the way back. --udp "
                 "tells.)");
    const unsigned headers = route->target.family == 6 ? 60 : 40;
    buf_printf(
        text,
        " Connections hang there as soon as they send much. Cure: let ICMP \"%s\" pass the filters, or "
        "limit the TCP MSS to %u.",
        route->target.family == 6 ? "packet too big" : "fragmentation needed",
        fall->passes > headers ? fall->passes - headers : 0);
}

static void say_found(const struct route *route, struct buf *out, struct buf *text)
{
    const struct pmtu *pmtu = &route->pmtu;
    buf_printf(text, "Path MTU %u to ", pmtu->mtu);
    if (route->hops.target == pmtu->config.end)
        buf_text(text, route->target_text);
    else
        route_text_hop(route, text, pmtu->config.end);
    if (pmtu->fall_count == 0)
        buf_printf(text, ", as on %s: it does not fall on the way.", route->path.name);
    else
        buf_printf(text, "; %u on %s.", pmtu->config.local, route->path.name);
    route_text_say(route, out, route_has_black_hole(route) ? ROUTE_BAD : ROUTE_GOOD, buf_cstr(text));
    for (unsigned i = 0; i < pmtu->fall_count; i++) {
        text->len = 0;
        if (pmtu->fall[i].vanished)
            put_black_hole(route, text, &pmtu->fall[i]);
        else
            put_told(route, text, &pmtu->fall[i]);
        route_text_say(route, out, pmtu->fall[i].vanished ? ROUTE_BAD : ROUTE_NOTE, buf_cstr(text));
    }
    if (!pmtu->mistrusts)
        return;
    route_text_say(
        route, out, ROUTE_BAD,
        "Somebody said \"too big\" to packets that arrived all the same: forged, or a broken router. "
        "Such messages were not believed.");
}

void route_mtu_text(const struct route *route, struct buf *out)
{
    const struct pmtu *pmtu = &route->pmtu;
    struct buf text = {0};
    if (!route->mtu_begun || pmtu->config.end == 0)
        return; /* nothing answered: there is no path to speak of */
    if (!route->mtu_done)
        route_text_say(route, out, ROUTE_NOTE,
                       route->stopped ? "Path MTU: the search was not at its end."
                                      : "Path MTU: being searched.");
    else if (pmtu->verdict == PMTU_FOUND)
        say_found(route, out, &text);
    else if (pmtu->verdict == PMTU_UNKNOWN) {
        buf_printf(&text, "Path MTU unknown, at least %u: ", pmtu->passes);
        route_text_hop(route, &text, pmtu->config.end);
        buf_text(&text, " no longer answers small probes either, so that large ones prove nothing.");
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    } else {
        buf_printf(
            &text,
            "Path MTU unknown, at least %u: the answers contradict each other. Packets take more than one "
            "path, or many are lost.",
            pmtu->passes);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}

void route_mtu_trials(const struct route *route, struct buf *out)
{
    static const char *const words[] = {[PMTU_TRYING] = "under way",
                                        [PMTU_PASSES] = "passes",
                                        [PMTU_REFUSED] = "too big, says a router",
                                        [PMTU_VANISHES] = "vanishes",
                                        [PMTU_UNCLEAR] = "unclear"};
    struct buf text = {0};
    for (unsigned i = 0; route->mtu_begun && i < route->pmtu.trial_count; i++) {
        const struct pmtu_trial *t = &route->pmtu.trial[i];
        text.len = 0;
        buf_printf(&text, "%u bytes to hop %u: %s", t->size, t->ttl, words[t->outcome]);
        /* Of the others an answer settled it, and the small ones were not waited for. */
        if (t->outcome == PMTU_VANISHES || t->outcome == PMTU_UNCLEAR)
            buf_printf(&text, "; %u of %u large probes were answered, %u of %u small ones", t->large_answered,
                       t->large_sent, t->small_answered, t->small_sent);
        buf_char(&text, '.');
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}
