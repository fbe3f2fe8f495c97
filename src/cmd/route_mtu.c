#include <inttypes.h>

#include "base/i18n.h"
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

static struct word place_of(const struct route *route, const struct pmtu_fall *fall)
{
    if (fall->hop == 0)
        return word_printf(_("between this machine and hop %u"), fall->next_hop);
    const struct word hop = route_text_hop(route, fall->hop);
    if (fall->next_hop == fall->hop + 1)
        return word_printf(_("behind %s"), hop.text);
    return word_printf(_("between %s and hop %u (those between do not answer)"), hop.text, fall->next_hop);
}

/* What a router says to packets that are too large. */
static const char *complaint(const struct route *route)
{
    return route->target.family == 6 ? _("packet too big") : _("fragmentation needed");
}

static void put_told(const struct route *route, struct buf *text, const struct pmtu_fall *fall)
{
    char address[PACKET_ADDRESS_TEXT];
    if (fall->router.family == 0) {
        buf_printf(text, _("Packets over %u bytes do not leave this machine."), fall->passes);
        return;
    }
    packet_address_text(&fall->router, address);
    const bool open = fall->told > fall->passes && fall->told < fall->refused;
    const struct word place = place_of(route, fall);
    const char *what = complaint(route);
    if (fall->told == fall->passes)
        buf_printf(text,
                   _("The MTU falls to %u %s. %s says so: \"%s\" to %u bytes, with the MTU %u, and that is "
                     "right."),
                   fall->passes, place.text, address, what, fall->refused, fall->told);
    else if (open)
        buf_printf(
            text,
            _("The MTU falls to %u %s. %s says so: \"%s\" to %u bytes, with the MTU %u, which cannot be "
              "tried: no more than %u bytes come farther."),
            fall->told, place.text, address, what, fall->refused, fall->told, fall->passes);
    else if (fall->told != 0)
        buf_printf(text,
                   _("The MTU falls to %u %s. %s says so: \"%s\" to %u bytes, with the MTU %u, and that is "
                     "wrong."),
                   fall->passes, place.text, address, what, fall->refused, fall->told);
    else
        buf_printf(text, _("The MTU falls to %u %s. %s says so: \"%s\" to %u bytes, without a usable MTU."),
                   fall->passes, place.text, address, what, fall->refused);
}

static struct word trial_words(const struct pmtu_trial *trial)
{
    if (trial == NULL)
        return word_printf("%s", "");
    return word_printf(_("%u of %u lost at %u bytes, %u of %u small ones beside them answered"),
                       trial->large_sent - trial->large_answered, trial->large_sent, trial->size,
                       trial->small_answered, trial->small_sent);
}

/* Between which hops: by the TTL at which large probes are no longer heard of. */
static void put_where_it_ends(struct buf *text, const struct pmtu_fall *fall, const struct pmtu_trial *far)
{
    if (far != NULL)
        buf_printf(
            text,
            _(" Of %u bytes, probes whose TTL ends at hop %u are answered, those that end at hop %u are "
              "not (%u of %u)."),
            fall->refused, fall->hop, fall->next_hop, far->large_sent - far->large_answered, far->large_sent);
    else
        buf_printf(
            text,
            _(" Of %u bytes, probes whose TTL ends at hop %u are answered, those that end at hop %u are "
              "not."),
            fall->refused, fall->hop, fall->next_hop);
}

static void put_black_hole(const struct route *route, struct buf *text, const struct pmtu_fall *fall)
{
    const struct pmtu *pmtu = &route->pmtu;
    const uint8_t end = pmtu->config.end;
    const struct word place = place_of(route, fall);
    const struct word proof = trial_words(pmtu_find_trial(pmtu, fall->refused, end));
    if (fall->passes == pmtu->mtu)
        buf_printf(text,
                   _("Black hole %s: packets over %u bytes vanish, and nobody says so. Proof: %s; %u bytes "
                     "arrive."),
                   place.text, fall->passes, proof.text, fall->passes);
    else
        buf_printf(
            text,
            _("Black hole %s: packets over %u bytes vanish, and nobody says so. Proof: %s; %u bytes are "
              "heard of (another hop refuses them)."),
            place.text, fall->passes, proof.text, fall->passes);
    if (fall->hop > 0 && fall->next_hop <= end)
        put_where_it_ends(text, fall, pmtu_find_trial(pmtu, fall->refused, fall->next_hop));
    if (route->options.method == PROBE_ICMP && fall->next_hop == end && route->hops.target == end)
        buf_text(text, _(" (An answer to echo is as large as its question: the hole may be on the way back. "
                         "--udp tells.)"));
    const unsigned headers = route->target.family == 6 ? 60 : 40;
    buf_printf(text,
               _(" Connections hang there as soon as they send much. Cure: let ICMP \"%s\" pass the filters, "
                 "or limit the TCP MSS to %u."),
               complaint(route), fall->passes > headers ? fall->passes - headers : 0);
}

static void say_found(const struct route *route, struct buf *out, struct buf *text)
{
    const struct pmtu *pmtu = &route->pmtu;
    const struct word end = route->hops.target == pmtu->config.end ? word_printf("%s", route->target_text)
                                                                   : route_text_hop(route, pmtu->config.end);
    if (pmtu->fall_count == 0)
        buf_printf(text, _("Path MTU %u to %s, as on %s: it does not fall on the way."), pmtu->mtu, end.text,
                   route->path.name);
    else
        buf_printf(text, _("Path MTU %u to %s; %u on %s."), pmtu->mtu, end.text, pmtu->config.local,
                   route->path.name);
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
        _("Somebody said \"too big\" to packets that arrived all the same: forged, or a broken router. "
          "Such messages were not believed."));
}

void route_mtu_text(const struct route *route, struct buf *out)
{
    const struct pmtu *pmtu = &route->pmtu;
    struct buf text = {0};
    if (!route->mtu_begun || pmtu->config.end == 0)
        return; /* nothing answered: there is no path to speak of */
    if (!route->mtu_done)
        route_text_say(route, out, ROUTE_NOTE,
                       route->stopped ? _("Path MTU: the search was not at its end.")
                                      : _("Path MTU: being searched."));
    else if (pmtu->verdict == PMTU_FOUND)
        say_found(route, out, &text);
    else if (pmtu->verdict == PMTU_UNKNOWN) {
        buf_printf(&text,
                   _("Path MTU unknown, at least %u: %s no longer answers small probes either, so that large "
                     "ones prove nothing."),
                   pmtu->passes, route_text_hop(route, pmtu->config.end).text);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    } else {
        buf_printf(
            &text,
            _("Path MTU unknown, at least %u: the answers contradict each other. Packets take more than one "
              "path, or many are lost."),
            pmtu->passes);
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}

void route_mtu_trials(const struct route *route, struct buf *out)
{
    static const char *const words[] = {[PMTU_TRYING] = N_("under way"),
                                        [PMTU_PASSES] = N_("passes"),
                                        [PMTU_REFUSED] = N_("too big, says a router"),
                                        [PMTU_VANISHES] = N_("vanishes"),
                                        [PMTU_UNCLEAR] = N_("unclear")};
    struct buf text = {0};
    for (unsigned i = 0; route->mtu_begun && i < route->pmtu.trial_count; i++) {
        const struct pmtu_trial *t = &route->pmtu.trial[i];
        text.len = 0;
        buf_printf(&text, _("%u bytes to hop %u: %s"), t->size, t->ttl, _(words[t->outcome]));
        /* Of the others an answer settled it, and the small ones were not waited for. */
        if (t->outcome == PMTU_VANISHES || t->outcome == PMTU_UNCLEAR)
            buf_printf(&text, _("; %u of %u large probes were answered, %u of %u small ones"),
                       t->large_answered, t->large_sent, t->small_answered, t->small_sent);
        buf_text(&text, _("."));
        route_text_say(route, out, ROUTE_NOTE, buf_cstr(&text));
    }
    buf_free(&text);
}
