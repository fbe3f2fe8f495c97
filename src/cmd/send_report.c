#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/send_live.h"
#include "cmd/send_text.h"
#include "lanes/words.h"

/* What `send` says: on stdout answers, what had none, and with -v the headers; on stderr what it is going to
 * do, what it could not, and the sums. */

#define MOST_UNANSWERED 1000 /* lines; the rest is counted */
#define NAMED_TARGETS 3

static struct word packets(uint64_t n)
{
    return word_printf(ngettext("%" PRIu64 " packet", "%" PRIu64 " packets", (unsigned long)n), n);
}

/* ---- before ---- */

/* Does what goes there stay on this machine? */
static bool stays_here(const struct send_target *target)
{
    return target->path.local || target->path.lab || strcmp(target->path.name, "lo") == 0;
}

static void put_targets(struct buf *out, const struct send_plan *plan)
{
    char text[PACKET_ADDRESS_TEXT];
    uint64_t named = 0, others = 0;
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct send_target *t = &plan->targets[i];
        if (stays_here(t))
            continue;
        if (named == NAMED_TARGETS) {
            others++;
            continue;
        }
        buf_text(out, named++ > 0 ? _(", ") : "");
        if (t->address.family != 0) {
            packet_address_text(&t->address, text);
            buf_printf(out, "%s ", text);
        }
        buf_printf(out, _("by %s"), t->path.name);
        if (t->path.gateway.family != 0) {
            packet_address_text(&t->path.gateway, text);
            buf_printf(out, _(" and router %s"), text);
        }
    }
    if (others > 0)
        buf_printf(out,
                   ngettext(", and %" PRIu64 " more target", ", and %" PRIu64 " more targets",
                            (unsigned long)others),
                   others);
}

int send_report_leave(struct send_live *live)
{
    const struct send_options *o = &live->send->options;
    const struct send_plan *plan = &live->send->plan;
    struct buf text = {0}, targets = {0};
    bool leaves = false;
    for (size_t i = 0; i < plan->target_count; i++)
        leaves |= !stays_here(&plan->targets[i]);
    if (!leaves || (o->rate != 0 && o->rate <= SEND_POLITE))
        return CMD_OK;
    const struct word what = o->count == 0 || plan->total > UINT64_MAX / o->count
                                 ? word_printf("%s", _("packets without end"))
                                 : packets(plan->total * o->count);
    put_targets(&targets, plan);
    if (o->rate == 0)
        buf_printf(&text, _("%s, as fast as possible, to %s"), what.text, buf_cstr(&targets));
    else
        buf_printf(&text, _("%s, %" PRIu64 " a second, to %s"), what.text, o->rate, buf_cstr(&targets));
    int status = CMD_OK;
    if (o->i_may)
        cmd_say(_("sockdiag send: sends %s\n"), buf_cstr(&text));
    else
        status =
            cmd_fail("send",
                     "this would send %s: more than %d packets a second to other machines takes --i-may, "
                     "and that they are yours, or their owner agrees",
                     buf_cstr(&text), SEND_POLITE);
    buf_free(&targets);
    buf_free(&text);
    return status;
}

/* Is who has an address asked where nobody tells? */
void send_report_arp(const struct send_live *live)
{
    const struct send_plan *plan = &live->send->plan;
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct send_target *t = &plan->targets[i];
        if (!t->by_link || t->needs_mac || t->address.family != 4 || !t->path.no_arp ||
            live->send->options.common.quiet)
            continue;
        cmd_say(
            t->path.lab
                ? _("sockdiag send: %s does no ARP, the hosts of a lab know each other: likely nobody "
                    "answers; 'ip link set dev %s arp on' on both hosts has it done\n")
                : _("sockdiag send: %s does no ARP: likely nobody answers; 'ip link set dev %s arp on' on "
                    "both hosts has it done\n"),
            t->path.name, t->path.name);
        return;
    }
}

/* An identification of 0 stays where fragments are forbidden. */
static bool keeps_id(const struct craft_layer *ip)
{
    enum {
        DONT_FRAGMENT = 2
    };
    const int flags = craft_field_find(ip->type, "flags", strlen("flags"));
    return flags >= 0 && ip->value[flags].given && (ip->value[flags].number & DONT_FRAGMENT) != 0;
}

/* Rewritten fields of one expression that it gives. */
static void say_rewrites(const struct send_expr *e, const struct craft_packet *packet)
{
    size_t count = 0;
    const struct craft_rewrite *rows =
        rawsock_rewrites(e->way == SEND_RAW4 ? RAWSOCK_IP4 : RAWSOCK_IP6, &count);
    const struct craft_layer *net = &packet->layer[0];
    for (size_t i = 0; i < count; i++) {
        const int field = craft_field_find(net->type, rows[i].field, strlen(rows[i].field));
        if (strcmp(net->type->name, rows[i].layer) != 0 || field < 0 || !net->value[field].given)
            continue;
        if (strcmp(rows[i].field, "id") == 0 && keeps_id(net))
            continue;
        const struct craft_value *value = &net->value[field];
        const struct craft_field *type = &net->type->fields[field];
        struct buf text = {0};
        static const uint8_t zero[4];
        const bool is_zero =
            type->kind == CRAFT_IP4 ? memcmp(value->address, zero, 4) == 0 : value->number == 0;
        craft_value_print(type, value, &text);
        if (!rows[i].only_zero || is_zero)
            fprintf(stderr,
                    _("sockdiag send: the kernel's raw sockets do not send %s.%s=%s as it is written (%s); "
                      "--link "
                      "does\n"),
                    rows[i].layer, rows[i].field, buf_cstr(&text), _(rows[i].what));
        buf_free(&text);
    }
}

void send_report_rewrites(struct send_live *live)
{
    const struct send_plan *plan = &live->send->plan;
    for (size_t i = 0; i < plan->expr_count && !live->send->options.common.quiet; i++) {
        const struct send_expr *e = &plan->exprs[i];
        if (e->way == SEND_LINK)
            continue;
        craft_expr_packet(e->expr, 0, live->mine);
        say_rewrites(e, live->mine);
    }
}

/* ---- packets ---- */

static void put_short(struct send_live *live, const struct sent_record *record, struct buf *out)
{
    craft_dissect(live->mine, live->my_room, record->first, record->bytes, record->len);
    live->scratch.len = 0;
    send_text_short(live->mine, record->bytes, record->len, &live->scratch, out);
}

void send_report_sent(struct send_live *live, const struct sent_record *record)
{
    if (!live->tells)
        return;
    struct buf text = {0};
    put_short(live, record, &text);
    struct json j = json_begin(&live->send->out);
    json_text(&j, "type", "sent");
    json_u64(&j, "number", record->tag + 1);
    json_ns(&j, "time_ns", record->asked_ns);
    json_text_len(&j, "packet", text.data, text.len);
    send_json_bytes(&j, record->bytes, record->len);
    json_end_line(&j);
    live->send->out.failed |= text.failed;
    buf_free(&text);
}

static void put_boxes(struct send_live *live, const struct craft_layer_type *first, const uint8_t *bytes,
                      size_t len)
{
    const struct craft_style style = send_craft_style(live->send);
    craft_dissect(live->got, live->got_room, first, bytes, len);
    craft_boxes(&live->send->out, live->got, bytes, len, &style);
}

void send_report_left(struct send_live *live, const struct sent_record *record, const uint8_t *bytes,
                      size_t len)
{
    const struct craft_style style = send_craft_style(live->send);
    struct buf *out = &live->send->out;
    if (live->send->options.common.json)
        return;
    buf_printf(out, _("#%" PRIu64 " sent, %zu bytes\n"), record->tag + 1, len);
    put_boxes(live, record->first, bytes, len);
    if (len == record->len && memcmp(bytes, record->bytes, len) != 0) {
        struct craft_diff diff = {.asked = live->mine, .sent = live->got};
        craft_dissect(live->mine, live->my_room, record->first, record->bytes, record->len);
        diff.rewrites = rawsock_rewrites(RAWSOCK_IP4, &diff.rewrite_count);
        craft_diff(out, &diff, &style);
    }
    buf_char(out, '\n');
}

static void answer_json(struct send_live *live, const struct send_answer *answer)
{
    struct buf text = {0};
    send_text_short(live->got, answer->bytes, answer->len, &live->scratch, &text);
    struct json j = json_begin(&live->send->out);
    json_text(&j, "type", "answer");
    json_u64(&j, "number", answer->match->record->tag + 1);
    json_text(&j, "answer", answer->match->answer == CRAFT_ANSWER_ERROR ? "error" : "reply");
    json_bool(&j, "duplicate", answer->match->duplicate);
    json_bool(&j, "ambiguous", answer->match->ambiguous);
    json_ns(&j, "time_ns", answer->time_ns);
    json_u64_if(&j, "rtt_ns", answer->rtt_ns != UINT64_MAX, answer->rtt_ns);
    json_text(&j, "why", answer->why);
    json_text_len(&j, "packet", text.data, text.len);
    send_json_bytes(&j, answer->bytes, answer->len);
    json_end_line(&j);
    live->send->out.failed |= text.failed;
    buf_free(&text);
}

/* In the place of a time: 13 columns. */
static void put_padded(struct buf *out, const char *text, bool right)
{
    const size_t width = text_width(text, strlen(text)), blanks = width < 11 ? 11 - width : 0;
    if (right)
        buf_printf(out, "%*s%s  ", (int)blanks, "", text);
    else
        buf_printf(out, "%s%*s  ", text, (int)blanks, "");
}

static void answer_text(struct send_live *live, const struct send_answer *answer)
{
    struct buf *out = &live->send->out, text = {0};
    buf_printf(out, "#%-3" PRIu64 " ", answer->match->record->tag + 1);
    if (answer->rtt_ns == UINT64_MAX)
        put_padded(out, _("no RTT"), true);
    else if (!answer->match->ambiguous)
        buf_printf(out, "%8.3f ms  ", (double)answer->rtt_ns / NS_PER_MS);
    else if (live->send->style.ascii)
        buf_printf(out, "<=%6.3f ms  ", (double)answer->rtt_ns / NS_PER_MS);
    else
        buf_printf(out, "≤%7.3f ms  ", (double)answer->rtt_ns / NS_PER_MS);
    if (answer->match->duplicate)
        buf_text(out, _("again: "));
    if (live->send->options.common.verbose)
        buf_printf(out, _("answered: %s\n"), answer->why);
    send_text_short(live->got, answer->bytes, answer->len, &live->scratch, &text);
    buf_append(out, text.data, text.len);
    out->failed |= text.failed;
    buf_free(&text);
    buf_char(out, '\n');
}

void send_report_answer(struct send_live *live, const struct send_answer *answer)
{
    const struct craft_layer_type *first = answer->match->record->first;
    struct send_answer kept = *answer;
    struct buf why = {0};
    buf_text(&why, answer->why); /* its buffer is used for the packet's text */
    kept.why = buf_cstr(&why);
    if (live->send->options.common.json) {
        answer_json(live, &kept);
    } else {
        answer_text(live, &kept);
        if (live->send->options.common.verbose) {
            put_boxes(live, first, answer->bytes, answer->len);
            buf_char(&live->send->out, '\n');
        }
    }
    buf_free(&why);
}

/* ---- after ---- */

static void put_unanswered(struct send_live *live, const struct sent_record *record)
{
    struct buf *out = &live->send->out, text = {0};
    put_short(live, record, &text);
    if (live->send->options.common.json) {
        struct json j = json_begin(out);
        json_text(&j, "type", "unanswered");
        json_u64(&j, "number", record->tag + 1);
        json_text_len(&j, "packet", text.data, text.len);
        json_end_line(&j);
    } else {
        buf_printf(out, "#%-3" PRIu64 " ", record->tag + 1);
        put_padded(out, _(" no answer"), false);
        buf_append(out, text.data, text.len);
        buf_char(out, '\n');
    }
    out->failed |= text.failed;
    buf_free(&text);
}

void send_report_unanswered(struct send_live *live)
{
    const bool json = live->send->options.common.json;
    uint64_t lines = 0, more = 0;
    for (int ear = 0; ear < SEND_EARS && live->awaits; ear++) {
        struct sent *sent = live->sent[ear];
        for (uint64_t n = sent_first(sent); n < sent_count(sent); n++) {
            const struct sent_record *record = sent_at(sent, n);
            if (record->answers > 0)
                continue;
            if (!json && lines == MOST_UNANSWERED) {
                more++;
                continue;
            }
            lines++;
            put_unanswered(live, record);
            if (live->send->out.len > (64U << 10) && !send_loop_write(live))
                return;
        }
    }
    if (more > 0)
        buf_printf(&live->send->out, _("… and %" PRIu64 " more without an answer\n"), more);
}

static uint64_t forgotten(const struct send_live *live)
{
    return sent_first(live->sent[SEND_EAR_IP]) + sent_first(live->sent[SEND_EAR_LINK]);
}

static uint64_t remembered(const struct send_live *live)
{
    return sent_count(live->sent[SEND_EAR_IP]) + sent_count(live->sent[SEND_EAR_LINK]) - forgotten(live);
}

static uint64_t drops(struct send_live *live)
{
    uint64_t all = live->has_witness ? rawsock_drops(&live->witness) : 0;
    if (live->has[SEND_LINK] && live->awaits)
        all += rawsock_drops(&live->sockets[SEND_LINK]);
    return all;
}

static void summary_json(struct send_live *live)
{
    struct json j = json_begin(&live->send->out);
    const bool timed = live->rtt.count > 0;
    json_text(&j, "type", "summary");
    json_u64(&j, "sent", live->packets);
    json_u64(&j, "frames", live->pieces);
    json_u64(&j, "bytes", live->bytes);
    json_u64(&j, "refused", live->failed);
    json_u64_if(&j, "answered", live->awaits, live->answered);
    json_u64_if(&j, "unanswered", live->awaits, live->packets - live->answered);
    json_u64_if(&j, "errors", live->awaits, live->errors);
    json_u64_if(&j, "duplicates", live->awaits, live->duplicates);
    json_u64_if(&j, "ambiguous", live->awaits, live->ambiguous);
    json_u64_if(&j, "forgotten", live->awaits, forgotten(live));
    json_u64_if(&j, "dropped", live->awaits, drops(live));
    json_u64(&j, "sending_ns", live->end_ns - live->begin_ns);
    json_u64_if(&j, "rtt_min_ns", timed, live->rtt.min_ns);
    json_u64_if(&j, "rtt_mean_ns", timed, rtt_mean(&live->rtt));
    json_u64_if(&j, "rtt_max_ns", timed, live->rtt.max_ns);
    json_end_line(&j);
}

static void say_answers(struct send_live *live)
{
    const uint64_t unanswered = live->packets - live->answered;
    fprintf(stderr, _(", %" PRIu64 " answered"), live->answered);
    if (live->errors > 0)
        fprintf(stderr, _(" (%" PRIu64 " of them by an ICMP error)"), live->errors);
    if (unanswered > 0)
        fprintf(stderr, _(", %" PRIu64 " without an answer"), unanswered);
    if (live->duplicates > 0)
        fprintf(stderr,
                ngettext(", %" PRIu64 " answer more than one", ", %" PRIu64 " answers more than one",
                         (unsigned long)live->duplicates),
                live->duplicates);
    if (live->rtt.count > 0)
        fprintf(stderr, _("; RTT min/mean/max %.3f/%.3f/%.3f ms"), (double)live->rtt.min_ns / NS_PER_MS,
                (double)rtt_mean(&live->rtt) / NS_PER_MS, (double)live->rtt.max_ns / NS_PER_MS);
    fputc('\n', stderr);
    if (live->ambiguous > 0)
        cmd_fail(
            "send",
            ngettext("%" PRIu64 " answer may be to any of several packets that waited alike: which one is "
                     "a guess, and the RTT the most that it can be. What answers repeat tells packets "
                     "apart: icmp(seq=1-9), udp(sport=4000-4009)",
                     "%" PRIu64 " answers may be to any of several packets that waited alike: which one is "
                     "a guess, and the RTT the most that it can be. What answers repeat tells packets "
                     "apart: icmp(seq=1-9), udp(sport=4000-4009)",
                     (unsigned long)live->ambiguous),
            live->ambiguous);
    if (forgotten(live) > 0)
        cmd_fail("send",
                 "only the last %" PRIu64 " packets were remembered: answers to the %" PRIu64
                 " before them may have been missed",
                 remembered(live), forgotten(live));
    if (drops(live) > 0)
        cmd_fail("send", "%" PRIu64 " packets found no room in this program's socket: answers may be missing",
                 drops(live));
}

void send_report_summary(struct send_live *live)
{
    if (live->send->options.common.json)
        summary_json(live);
    (void)send_loop_write(live);
    if (live->send->options.common.quiet)
        return;
    const double seconds = (double)(live->end_ns - live->begin_ns) / NS_PER_S;
    fprintf(stderr,
            ngettext("%" PRIu64 " packet sent", "%" PRIu64 " packets sent", (unsigned long)live->packets),
            live->packets);
    if (live->pieces != live->packets)
        fprintf(stderr, _(" in %" PRIu64 " frames"), live->pieces);
    if (live->failed > 0)
        fprintf(stderr, _(", %" PRIu64 " refused"), live->failed);
    if (live->awaits) {
        say_answers(live);
        return;
    }
    if (live->pieces > 1 && seconds > 0)
        fprintf(stderr, _(" in %.3f s: %.0f/s"), seconds, (double)live->pieces / seconds);
    fputc('\n', stderr);
}
