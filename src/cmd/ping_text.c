#include <inttypes.h>
#include <net/if.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/ping.h"
#include "lanes/words.h"

/* Lines as ping users know them. */

static bool is_silent(const struct ping *ping)
{
    return ping->options.common.quiet || ping->options.flood;
}

const char *ping_seq_word(const struct ping *ping)
{
    static const char *const words[] = {
        [PROBE_ICMP] = "icmp_seq", [PROBE_UDP] = "udp_seq", [PROBE_TCP] = "tcp_seq"};
    return words[ping_method(&ping->options)];
}

void ping_time_text(struct buf *out, uint64_t ns)
{
    const double ms = (double)ns / NS_PER_MS;
    const int decimals = ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
    buf_printf(out, "%.*f", decimals, ms);
}

static void put_stamp(struct ping *ping, uint64_t time_ns)
{
    if (!ping->options.stamps)
        return;
    if (time_ns == 0)
        time_ns = clock_real_ns();
    buf_printf(&ping->out, "[%" PRIu64 ".%06" PRIu64 "] ", time_ns / NS_PER_S,
               time_ns % NS_PER_S / NS_PER_US);
}

/* ---- head ---- */

static void put_source(struct ping *ping)
{
    const struct ping_source *source = &ping->options.source;
    char address[PACKET_ADDRESS_TEXT];
    if (source->address.family == 0 && source->interface == NULL)
        return;
    packet_address_text(&ping->targets[0].shape.source, address);
    buf_printf(&ping->out, _(" from %s %s:"), address, source->interface != NULL ? source->interface : "");
}

static void put_pattern(struct ping *ping)
{
    if (ping->options.pattern_len == 0)
        return;
    buf_text(&ping->out, "PATTERN: 0x");
    for (uint8_t i = 0; i < ping->options.pattern_len; i++)
        buf_printf(&ping->out, "%02x", ping->options.pattern[i]);
    buf_char(&ping->out, '\n');
}

static void head(struct ping *ping)
{
    const struct ping_options *o = &ping->options;
    const struct ping_target *target = &ping->targets[0];
    if (ping->target_count == 0)
        return;
    put_pattern(ping);
    if (ping->target_count == 1) {
        buf_printf(&ping->out, _("PING %s (%s)"), o->numeric ? target->address : target->name,
                   target->address);
        put_source(ping);
    } else {
        buf_printf(&ping->out,
                   target->shape.method == PROBE_ICMP ? _("PING %" PRIu32 " hosts,")
                                                      : _("PING %" PRIu32 " hosts"),
                   ping->target_count);
    }
    if (target->shape.method != PROBE_ICMP)
        buf_printf(&ping->out, _(" %s port %" PRIu64 ","), o->tcp != 0 ? "TCP" : "UDP", o->tcp + o->udp);
    buf_printf(&ping->out, _(" %" PRIu64 "(%zu) bytes of data.\n"), o->size, probe_len(&target->shape));
}

/* ---- what becomes of probes ---- */

/* A flood draws a dot for a probe, and takes it back for its answer. */
static void draw(struct ping *ping, const char *text)
{
    if (ping->options.flood && ping->to_terminal && !ping->options.common.quiet)
        buf_text(&ping->out, text);
}

static void sent(struct ping *ping, const struct ping_target *target)
{
    (void)target;
    if (ping->flying < ping->style.columns)
        draw(ping, ".");
}

/* "localhost (127.0.0.1)"; the answer's sender where that is not the target: broadcast. */
static struct word sender_of(const struct ping_event *event)
{
    const struct ping_target *target = event->target;
    char from[PACKET_ADDRESS_TEXT];
    packet_address_text(&event->answer->from, from);
    if (!packet_address_equal(&event->answer->from, &target->shape.target))
        return word_printf("%s", from);
    if (target->named)
        return word_printf("%.300s (%s)", target->name, target->address);
    return word_printf("%s", target->address);
}

static void put_remark(struct ping *ping, const struct ping_event *event)
{
    const struct probe_answer *answer = event->answer;
    const unsigned port = event->target->shape.port;
    if (event->result == TRACK_DUPLICATE)
        buf_text(&ping->out, _(" (DUP!)"));
    if (event->result == TRACK_LATE)
        buf_text(&ping->out, _(" (late)"));
    if (answer->truncated)
        buf_text(&ping->out, _(" (truncated)"));
    if (event->target->shape.method == PROBE_TCP)
        buf_printf(&ping->out,
                   (answer->tcp_flags & TCP_RST) != 0 ? _(" (port %u is closed)") : _(" (port %u is open)"),
                   port);
    else if (event->target->shape.method == PROBE_UDP)
        buf_printf(&ping->out, answer->icmp_type != 0 ? _(" (port %u is closed)") : _(" (port %u answers)"),
                   port);
    buf_char(&ping->out, '\n');
    if (answer->differs)
        buf_printf(&ping->out, _("wrong data byte #%" PRIu32 " should be 0x%x but was 0x%x\n"),
                   answer->differs_at, answer->differs_sent, answer->differs_got);
    if (ping->options.audible)
        buf_char(&ping->out, '\a');
}

static void reply(struct ping *ping, const struct ping_event *event)
{
    if (event->result == TRACK_ANSWERED)
        draw(ping, "\b \b");
    if (is_silent(ping))
        return;
    put_stamp(ping, event->time_ns);
    buf_printf(&ping->out, _("%" PRIu32 " bytes from %s: %s=%" PRIu32), event->answer->bytes,
               sender_of(event).text, ping_seq_word(ping), event->seq);
    if (event->answer->ttl >= 0)
        buf_printf(&ping->out, " ttl=%d", event->answer->ttl);
    if (event->rtt_known) {
        buf_text(&ping->out, event->kernel_clock ? " time=" : " time~");
        ping_time_text(&ping->out, event->rtt_ns);
        buf_text(&ping->out, " ms");
    } else {
        buf_text(&ping->out, " time=?");
    }
    put_remark(ping, event);
}

static void put_target(struct ping *ping, const struct ping_target *target)
{
    if (ping->target_count > 1)
        buf_printf(&ping->out, _(" (to %s)"), target->named ? target->name : target->address);
}

static void error(struct ping *ping, const struct ping_event *event)
{
    const struct probe_answer *answer = event->answer;
    char from[PACKET_ADDRESS_TEXT];
    if (event->result == TRACK_ANSWERED)
        draw(ping, "\bE");
    if (is_silent(ping))
        return;
    packet_address_text(&answer->from, from);
    put_stamp(ping, event->time_ns);
    buf_printf(&ping->out, _("From %s %s=%" PRIu32 " %s"), from, ping_seq_word(ping), event->seq,
               _(probe_error_text(event->target->shape.target.family, answer->icmp_type, answer->icmp_code)));
    if (answer->verdict == PROBE_TOO_BIG && answer->mtu != 0)
        buf_printf(&ping->out, " (mtu = %" PRIu32 ")", answer->mtu);
    put_target(ping, event->target);
    buf_char(&ping->out, '\n');
}

static void failed(struct ping *ping, const struct ping_event *event, int code, uint32_t mtu)
{
    const struct ping_target *target = event->target;
    const char *name = target->named ? target->name : target->address;
    draw(ping, "E");
    if (is_silent(ping))
        return;
    if (mtu != 0)
        ping_say(ping, "%s: local error: message too long, mtu=%" PRIu32, name, mtu);
    else
        ping_say(ping, "%s: cannot send: %s", name, sd_errno_text(code));
}

static void forged(struct ping *ping, const struct probe_answer *answer)
{
    char from[PACKET_ADDRESS_TEXT];
    if (is_silent(ping))
        return;
    packet_address_text(&answer->from, from);
    buf_printf(&ping->out, _("From %s: not an answer: %s; any more are only counted\n"), from,
               _(answer->reason));
}

static void lost(struct ping *ping, const struct ping_event *event)
{
    (void)ping, (void)event; /* as in ping, what does not come is seen in the summary */
}

static void outstanding(struct ping *ping, const struct ping_event *event)
{
    if (is_silent(ping))
        return;
    put_stamp(ping, 0);
    buf_printf(&ping->out, _("no answer yet for %s=%" PRIu32), ping_seq_word(ping), event->seq);
    put_target(ping, event->target);
    buf_char(&ping->out, '\n');
}

const struct ping_view ping_view_text = {
    .head = head,
    .sent = sent,
    .reply = reply,
    .error = error,
    .failed = failed,
    .forged = forged,
    .lost = lost,
    .outstanding = outstanding,
    .summary = ping_summary_text,
};
