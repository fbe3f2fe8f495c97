#include "cmd/capture_lines.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/decode.h"
#include "capture/journal.h"

/* False where the second has no local time. */
static bool set_clock(struct capture_clock *clock, uint64_t second)
{
    const time_t seconds = (time_t)second;
    struct tm local;
    if (clock->text[0] != '\0' && clock->second == second)
        return true;
    if (localtime_r(&seconds, &local) == NULL || strftime(clock->text, sizeof clock->text, "%T", &local) == 0)
        return false;
    clock->second = second;
    return true;
}

/* HH:MM:SS.nnnnnnnnn; dashes for a packet without a time. */
static void put_time(struct buf *out, struct capture_clock *clock, uint64_t time_ns)
{
    if (time_ns == 0 || !set_clock(clock, time_ns / NS_PER_S)) {
        buf_text(out, "--:--:--.---------");
        return;
    }
    buf_text(out, clock->text);
    buf_char(out, '.');
    buf_u64_padded(out, time_ns % NS_PER_S, 9, '0');
}

void capture_packet_line(struct buf *out, struct capture_clock *clock, const struct packet *packet)
{
    buf_u64_padded(out, packet->number, 6, ' ');
    buf_char(out, ' ');
    put_time(out, clock, packet->time_ns);
    buf_char(out, ' ');
    decode_summary(packet, out);
    buf_char(out, '\n');
}

void capture_journal_line(struct buf *out, struct capture_clock *clock, const char *fields, size_t len)
{
    const char *message = "";
    size_t message_len = 0;
    buf_text(out, "  call ");
    put_time(out, clock, journal_time_ns(fields, len));
    buf_char(out, ' ');
    if (journal_field(fields, len, "MESSAGE", &message, &message_len))
        text_escape(out, message, message_len);
    else
        buf_printf(out, _("a journal record of %zu bytes without a message"), len);
    buf_char(out, '\n');
}

void capture_journal_json(struct buf *out, const char *fields, size_t len)
{
    const char *message = NULL;
    size_t message_len = 0;
    struct json j = json_begin(out);
    json_text(&j, "type", "journal");
    json_ns(&j, "time_ns", journal_time_ns(fields, len));
    if (journal_field(fields, len, "MESSAGE", &message, &message_len))
        json_text_len(&j, "message", message, message_len);
    else
        json_none(&j, "message");
    json_end_line(&j);
}

static const char *verdict_word(enum packet_verdict verdict)
{
    switch (verdict) {
    case PACKET_OK:
        return "ok";
    case PACKET_TRUNCATED:
        return "truncated";
    case PACKET_INVALID:
        return "invalid";
    case PACKET_UNSUPPORTED:
        return "unsupported";
    }
    return "unsupported";
}

static const char *checksum_word(enum packet_checksum checksum)
{
    switch (checksum) {
    case CHECKSUM_NONE:
        return NULL;
    case CHECKSUM_GOOD:
        return "good";
    case CHECKSUM_BAD:
        return "bad";
    case CHECKSUM_PARTIAL:
        return "partial";
    }
    return NULL;
}

static void put_addresses(struct json *j, const struct packet *packet)
{
    char source[PACKET_ENDPOINT_TEXT], target[PACKET_ENDPOINT_TEXT];
    if (packet->source.family == 0) {
        json_none(j, "source");
        json_none(j, "target");
        return;
    }
    if (packet->source_port != 0 || packet->target_port != 0) {
        packet_endpoint_text(&packet->source, packet->source_port, source);
        packet_endpoint_text(&packet->target, packet->target_port, target);
    } else {
        packet_address_text(&packet->source, source);
        packet_address_text(&packet->target, target);
    }
    json_text(j, "source", source);
    json_text(j, "target", target);
}

void capture_packet_json(struct buf *out, const struct packet *packet)
{
    struct buf summary = {0}, outer = {0};
    decode_summary(packet, &summary);
    decode_outer_text(packet, &outer);
    out->failed = out->failed || summary.failed || outer.failed;
    struct json j = json_begin(out);
    json_text(&j, "type", "packet");
    json_u64(&j, "number", packet->number);
    json_ns(&j, "time_ns", packet->time_ns);
    json_u64(&j, "interface", packet->interface);
    json_u64(&j, "captured", packet->captured_len);
    json_u64(&j, "wire", packet->wire_len);
    json_text(&j, "protocol", packet->protocol);
    put_addresses(&j, packet);
    json_u64_if(&j, "payload", packet->payload != NULL, packet->payload_len);
    if (packet->ip_protocol == IPPROTO_TCP && packet->payload != NULL) {
        json_u64(&j, "seq", packet->tcp.seq);
        json_u64(&j, "ack", packet->tcp.ack);
        json_u64(&j, "flags", packet->tcp.flags);
        json_u64(&j, "window", packet->tcp.window);
    }
    json_text(&j, "ip_checksum", checksum_word(packet->ip_checksum));
    json_text(&j, "checksum", checksum_word(packet->transport_checksum));
    json_text(&j, "verdict", verdict_word(packet->verdict));
    json_text(&j, "problem", packet->problem);
    json_text_len(&j, "summary", summary.data != NULL ? (const char *)summary.data : "", summary.len);
    if (outer.len > 0)
        json_text_len(&j, "outer", (const char *)outer.data, outer.len);
    else
        json_none(&j, "outer");
    json_end_line(&j);
    buf_free(&summary);
    buf_free(&outer);
}
