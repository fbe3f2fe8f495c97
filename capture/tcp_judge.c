/* What a segment is.
 *
 * A segment that goes on where the axis ended needs no judgement. One that comes from before it was either
 * overtaken on the way or sent again, and its place does not tell which; what does, in this order:
 *
 * - The IP identification: most senders count it up, packet by packet (tcp_ids.c).
 * - The time stamp (RFC 7323): it never goes back.
 * - What the other side said: bytes that it had acknowledged cannot be wanted again; bytes that it asked for,
 *   by duplicate or selective acknowledgements at least a round trip ago, are sent again; before that, and
 *   with no timeout passed, nothing can have been.
 * - Else only time, and the verdict is marked `likely`. */

#include <errno.h>

#include "capture/tcp_private.h"

enum {
    COPY_NS = 100000000,     /* how late a SYN's copy may be: sooner than any timeout */
    TICK_NS = 1000000,       /* of the clock of most time stamps */
    FAST_TICK_NS = 20000000, /* no timeout passes in a tick so short */
    REORDER_NS = 3000000,    /* with nothing but time to judge by: what comes later was sent again */
    TIMEOUT_NS = 180000000,  /* no retransmission by timeout comes before: Linux waits 200 ms */
    PROMPT_NS = 20000000,    /* and a round trip: an answer to an acknowledgement comes by then */
    AHEAD_MOST = 1 << 30,    /* what is farther behind the axis is not believed */
    RUN_FAST = 3,            /* duplicate acknowledgements that ask for a retransmission (RFC 5681, 3.2) */
};

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* A later time stamp than any before: what was sent up to now was sent with others. */
static void begin_tick(const struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    uint64_t sent = c->packet->payload_len > 0 ? c->old_next : d->next;
    if (d->odd != NULL && d->odd->ahead > sent)
        sent = d->odd->ahead;
    d->tick_begin = (uint32_t)sent;
    d->has_ts = true;
    d->last_ts = c->packet->tcp.ts_value;
}

void tcp_judge_note(const struct tcp_context *c, bool advances)
{
    struct tcp_direction *d = c->d;
    const uint16_t id = tcp_id_of(c->packet);
    d->last_ns = c->packet->time_ns;
    if (c->packet->tcp.has_timestamps && (!d->has_ts || seq_lt(d->last_ts, c->packet->tcp.ts_value)))
        begin_tick(c);
    if (id != 0 && !d->ids_same && !tcp_ids_go_on(d, id, advances))
        tcp_ids_note(c, id, advances);
}

int tcp_judge_ahead(const struct tcp_context *c)
{
    const int64_t ahead = c->offset - (int64_t)c->d->next;
    if (!tcp_is_pure(c->packet) || c->d->fin_seen || ahead <= 0 || ahead > AHEAD_MOST)
        return 0;
    struct tcp_odd *odd = tcp_odd_of(c->d, c->scratch);
    if (odd == NULL)
        return -ENOMEM;
    if ((uint64_t)c->offset > odd->ahead)
        odd->ahead = (uint64_t)c->offset;
    return 0;
}

/* ---- before or after ---- */

/* Its time stamp is the latest, and bytes at its place were sent before that began: so it was sent again. */
static bool is_of_earlier_tick(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    return c->packet->tcp.has_timestamps && d->has_ts && c->packet->tcp.ts_value == d->last_ts &&
           seq_lt((uint32_t)c->offset, d->tick_begin);
}

/* Was the segment sent before (negative) or after (positive) what was captured of later bytes? 0: cannot
 * say. */
static int sent_order(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const enum tcp_ids ids = tcp_ids_verdict(c);
    if (ids != TCP_IDS_SILENT)
        return ids == TCP_IDS_AFTER || ids == TCP_IDS_MISSED_AGAIN ? 1 : -1;
    if (c->packet->tcp.has_timestamps && d->has_ts && c->packet->tcp.ts_value != d->last_ts)
        return seq_lt(c->packet->tcp.ts_value, d->last_ts) ? -1 : 1;
    return is_of_earlier_tick(c) ? 1 : 0;
}

/* The segment echoes a time stamp from before the other side said that bytes are missing: when it was sent,
 * that had not come yet. A sender whose own view of the other direction has holes may echo an old one (RFC
 * 7323, 4.3), so that only what acknowledges all of it proves this. */
static bool was_sent_untold(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    const struct packet_tcp *tcp = &c->packet->tcp;
    return odd != NULL && odd->told_ns != 0 && odd->told_has_ts && tcp->has_timestamps &&
           (tcp->flags & TCP_ACK) != 0 && tcp_offset_of(c->peer, tcp->ack) >= (int64_t)c->peer->next &&
           seq_lt(tcp->ts_echo, odd->told_ts);
}

/* Had the other side just asked for these bytes? */
static bool asked_for(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    const uint64_t prompt = PROMPT_NS + (tcp_rtt_is_known(c->d) ? c->d->rtt.min_ns : TIMEOUT_NS);
    return odd != NULL && odd->told_ns != 0 && c->offset < (int64_t)odd->recover &&
           since(c->packet->time_ns, odd->told_last_ns) <= prompt && !was_sent_untold(c);
}

/* A tick of the sender's time stamps lasts at most so long, by what was captured since the first oddity; 0:
 * cannot say. */
static uint64_t longest_tick_ns(const struct tcp_direction *d)
{
    const struct tcp_odd *odd = d->odd;
    if (odd == NULL || odd->tick_ns == 0 || !seq_lt(odd->tick_ts + 1, d->last_ts))
        return 0;
    return since(d->last_ns, odd->tick_ns) / (d->last_ts - odd->tick_ts - 1);
}

/* Is this very packet remembered? Without an identification, another one of the same tick looks the same. */
static bool is_remembered(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    for (int i = 0; odd != NULL && i < TCP_PAST; i++) {
        const struct tcp_past *past = &odd->past[i];
        if (past->begin == (uint32_t)c->offset && past->end == past->begin + c->packet->payload_len &&
            past->begin != past->end && past->ts == c->packet->tcp.ts_value &&
            (past->id == tcp_id_of(c->packet) || !tcp_ids_tell_apart(c)))
            return true;
    }
    return false;
}

/* These bytes came first by a segment that was sent after this one. */
static bool is_overtaken(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    const uint32_t begin = (uint32_t)c->offset, end = begin + c->packet->payload_len;
    const bool by_id = tcp_ids_verdict(c) != TCP_IDS_SILENT;
    for (int i = 0; i < TCP_PAST; i++) {
        const struct tcp_past *past = &odd->past[i];
        const bool later = by_id ? (int16_t)(past->id - tcp_id_of(c->packet)) > 0
                                 : seq_lt(c->packet->tcp.ts_value, past->ts);
        if (past->first && past->again && later && seq_lt(past->begin, end) && seq_lt(begin, past->end))
            return true;
    }
    return false;
}

/* The packet that brought these bytes first is remembered, and had another identification; if that was sent
 * again, it is only by the time stamps that this is not the original. */
static bool is_another(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    bool another = false;
    for (int i = 0; i < TCP_PAST && tcp_ids_tell_apart(c); i++) {
        const struct tcp_past *past = &odd->past[i];
        if (past->begin == (uint32_t)c->offset && past->begin != past->end && past->first)
            another = past->id != tcp_id_of(c->packet) &&
                      (!past->again || (c->packet->tcp.has_timestamps && !is_overtaken(c)));
    }
    return another;
}

/* More was sent again in the present tick than is remembered: perhaps this segment, too. */
static bool may_be_forgotten(const struct tcp_context *c)
{
    const struct tcp_odd *odd = c->d->odd;
    bool below = false;
    for (int i = 0; odd != NULL && i < TCP_PAST; i++) {
        if (odd->past[i].begin == odd->past[i].end || odd->past[i].ts != c->packet->tcp.ts_value)
            return false;
        below = below || seq_lt((uint32_t)c->offset, odd->past[i].end);
    }
    return below && !is_remembered(c);
}

/* By its time stamp: it was sent before the latest packet; or in the same tick of
 * the sender's clock as its bytes were, and it came at once, and nobody had asked for it; or it came ticks
 * later. */
static bool is_copy_by_stamp(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if (!d->has_ts || seq_lt(d->last_ts, tcp->ts_value))
        return false;
    if (is_of_earlier_tick(c) && !is_remembered(c))
        return false;
    const uint64_t at_once = (tcp->flags & TCP_SYN) != 0 ? COPY_NS : TICK_NS, tick = longest_tick_ns(d);
    const uint64_t age = since(c->packet->time_ns, d->last_ns);
    return tcp->ts_value != d->last_ts || (age < at_once && (!asked_for(c) || is_remembered(c))) ||
           (tick != 0 && age > 2 * tick + TICK_NS) || (tick != 0 && tick < FAST_TICK_NS && !asked_for(c));
}

bool tcp_judge_is_copy(const struct tcp_context *c)
{
    const struct packet_tcp *tcp = &c->packet->tcp;
    const enum tcp_ids ids = tcp_ids_verdict(c);
    if (ids == TCP_IDS_BEFORE && tcp->sack_count == 0)
        tcp_mark(c, TCP_MARK_LIKELY);
    if (ids != TCP_IDS_SILENT)
        return ids == TCP_IDS_CAPTURED || (ids == TCP_IDS_BEFORE && tcp->sack_count == 0);
    return (tcp->flags & TCP_SYN) != 0 && tcp->has_timestamps && !tcp_ids_tell_apart(c) &&
           is_copy_by_stamp(c);
}

/* Old bytes in the same tick as those before them: nobody had asked for them, and only a clock as slow as few
 * have lets a timeout pass in one tick. Nothing but time tells a copy from what was sent again. */
static bool is_unsure(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    if (c->packet->tcp.ts_value != d->last_ts)
        return false;
    if (is_of_earlier_tick(c) && !is_remembered(c))
        return may_be_forgotten(c);
    if (is_remembered(c) && asked_for(c))
        return true; /* it may have been sent again twice in a tick */
    return since(c->packet->time_ns, d->last_ns) >= TICK_NS && longest_tick_ns(d) == 0 && !asked_for(c);
}

static enum tcp_mark kind_of_retransmission(const struct tcp_context *c)
{
    const int64_t end = c->offset + (int64_t)c->packet->payload_len;
    if (c->d->has_acked && end <= (int64_t)c->d->acked)
        return TCP_MARK_SPURIOUS_RETRANSMISSION;
    return asked_for(c) ? TCP_MARK_FAST_RETRANSMISSION : TCP_MARK_RETRANSMISSION;
}

/* When the hole was made that lies at the segment's place; the oldest known where its own is forgotten. */
static uint64_t hole_opened_ns(const struct tcp_odd *odd, int64_t offset)
{
    uint64_t best = 0, oldest = UINT64_MAX, opened = 0;
    for (int i = 0; i < TCP_HOLES; i++) {
        const uint64_t begin = odd->hole[i].begin, ns = odd->hole[i].opened_ns;
        if (ns == 0)
            continue;
        oldest = ns < oldest ? ns : oldest;
        if ((int64_t)begin <= offset && begin >= best) {
            best = begin;
            opened = ns;
        }
    }
    return opened != 0 ? opened : oldest;
}

/* New bytes in a hole, and no number tells when they were sent. */
static void judge_by_signs(const struct tcp_context *c, const struct tcp_odd *odd)
{
    const struct tcp_direction *d = c->d, *peer = c->peer;
    const uint64_t now = c->packet->time_ns, age = since(now, hole_opened_ns(odd, c->offset));
    const int64_t end = c->offset + (int64_t)c->packet->payload_len;
    const bool acked = d->has_acked && end <= (int64_t)d->acked;
    const bool told = odd->told_ns != 0 && c->offset < (int64_t)odd->recover && !was_sent_untold(c);
    if (!acked && told && tcp_rtt_is_known(peer)) {
        /* From the capture to the sender and back, the least that an answer takes. */
        const bool answer = since(now, odd->told_ns) >= peer->rtt.min_ns - peer->rtt.min_ns / 8;
        tcp_mark(c, answer ? kind_of_retransmission(c) : TCP_MARK_OUT_OF_ORDER);
        if (answer && !asked_for(c))
            tcp_mark(c, TCP_MARK_LIKELY); /* so late, it may also have been held up on the way */
    } else if (!acked && !told && d->has_acked && age < TIMEOUT_NS) {
        tcp_mark(c, TCP_MARK_OUT_OF_ORDER);
    } else {
        const uint64_t rtt = tcp_rtt_is_known(d) ? d->rtt.min_ns : 0;
        const bool late = age >= (rtt > REORDER_NS ? rtt : REORDER_NS);
        tcp_mark(c, late ? kind_of_retransmission(c) : TCP_MARK_OUT_OF_ORDER);
        tcp_mark(c, TCP_MARK_LIKELY);
    }
}

static int open_hole(const struct tcp_context *c)
{
    struct tcp_odd *odd = tcp_odd_of(c->d, c->scratch);
    if (odd == NULL)
        return -ENOMEM;
    odd->hole_last = (uint8_t)((odd->hole_last + 1) % TCP_HOLES);
    odd->hole[odd->hole_last].begin = c->old_next;
    odd->hole[odd->hole_last].opened_ns = c->packet->time_ns;
    tcp_mark(c, TCP_MARK_LOST_BEFORE);
    return 0;
}

/* A segment that may be repeated, or repeats: what can be known again. `fills`: its bytes were new. */
static void remember(const struct tcp_context *c, struct tcp_odd *odd, bool fills)
{
    const uint32_t marks = c->segment->marks, begin = (uint32_t)c->offset;
    const bool again = (marks & TCP_RETRANSMISSIONS) != 0;
    const bool copy = (marks & TCP_BIT(TCP_MARK_CAPTURED_TWICE)) != 0;
    const bool sure = (marks & TCP_BIT(TCP_MARK_LIKELY)) == 0;
    if (is_remembered(c) || (copy && !sure))
        return;
    odd->past_last = (uint8_t)((odd->past_last + 1) % TCP_PAST);
    odd->past[odd->past_last] = (struct tcp_past){
        .begin = begin,
        .end = begin + c->packet->payload_len,
        .ts = c->packet->tcp.ts_value,
        .id = tcp_id_of(c->packet),
        .first = fills || copy,
        .again = again,
        .sure = sure,
    };
}

/* Old bytes, and neither identification nor time stamp. Nothing that is captured twice comes as late as a
 * timeout; what the other side asks for is sent again, if it does not come at once. And one is sent again
 * behind the other. */
static void judge_by_time(const struct tcp_context *c, const struct tcp_odd *odd)
{
    const uint64_t age = since(c->packet->time_ns, c->d->last_ns);
    const struct tcp_past *last = &odd->past[odd->past_last];
    const bool asked = asked_for(c), continues = last->again && last->end == (uint32_t)c->offset;
    const bool sure = age >= TIMEOUT_NS || (asked && (age >= TICK_NS || (continues && last->sure)));
    const bool copy = !asked && age < TICK_NS && !continues;
    tcp_mark(c, copy ? TCP_MARK_CAPTURED_TWICE : kind_of_retransmission(c));
    if (!sure)
        tcp_mark(c, TCP_MARK_LIKELY);
}

/* Old bytes, and a time stamp. */
static void judge_by_stamp(const struct tcp_context *c)
{
    if (is_unsure(c))
        tcp_mark(c, TCP_MARK_LIKELY);
    if (!is_copy_by_stamp(c)) {
        tcp_mark(c, kind_of_retransmission(c));
    } else if (c->packet->tcp.ts_value != c->d->last_ts && !is_remembered(c)) {
        const bool overtaken = is_overtaken(c);
        tcp_mark(c, overtaken ? TCP_MARK_OUT_OF_ORDER : TCP_MARK_CAPTURED_TWICE);
        if (!overtaken) /* or sent again, and overtaken */
            tcp_mark(c, TCP_MARK_LIKELY);
    } else {
        tcp_mark(c, TCP_MARK_CAPTURED_TWICE);
    }
}

/* Old bytes in a packet that was sent before others that were captured, and nobody knows whether it was, too:
 * it is captured twice, or the original of what was sent again, or was sent again itself. */
static void judge_before(const struct tcp_context *c)
{
    if (is_overtaken(c)) {
        tcp_mark(c, TCP_MARK_OUT_OF_ORDER);
    } else if (c->d->has_ts && is_of_earlier_tick(c)) {
        tcp_mark(c, kind_of_retransmission(c));
    } else {
        tcp_mark(c, TCP_MARK_CAPTURED_TWICE);
        tcp_mark(c, TCP_MARK_LIKELY);
    }
}

/* Nothing but old bytes. */
static void judge_repeated(const struct tcp_context *c, const struct tcp_odd *odd)
{
    const enum tcp_ids ids = tcp_ids_verdict(c);
    const bool unknown = ids == TCP_IDS_SILENT || ids == TCP_IDS_BEFORE;
    if (ids == TCP_IDS_CAPTURED || (tcp_ids_tell_apart(c) && is_remembered(c)))
        tcp_mark(c, TCP_MARK_CAPTURED_TWICE);
    else if (ids == TCP_IDS_MISSED_FIRST || (ids == TCP_IDS_MISSED && is_overtaken(c)))
        tcp_mark(c, TCP_MARK_OUT_OF_ORDER);
    else if (!unknown || (ids == TCP_IDS_SILENT && is_another(c)))
        tcp_mark(c, kind_of_retransmission(c));
    else if (ids == TCP_IDS_BEFORE)
        judge_before(c);
    else if (c->packet->tcp.has_timestamps && c->d->has_ts)
        judge_by_stamp(c);
    else
        judge_by_time(c, odd);
}

int tcp_judge_place(const struct tcp_context *c)
{
    bool fills = false, any_new = false;
    if (c->offset > (int64_t)c->old_next)
        return open_hole(c);
    for (size_t i = 0; i < c->segment->piece_count; i++) {
        const struct tcp_piece *piece = &c->segment->pieces[i];
        any_new = any_new || piece->is_new;
        fills = fills || (piece->is_new && piece->offset < c->old_next);
    }
    struct tcp_odd *odd = tcp_odd_of(c->d, c->scratch);
    if (odd == NULL)
        return -ENOMEM;
    const int order = fills ? sent_order(c) : 1;
    if (!any_new)
        judge_repeated(c, odd);
    else if (order == 0)
        judge_by_signs(c, odd);
    else
        tcp_mark(c, order < 0 ? TCP_MARK_OUT_OF_ORDER : kind_of_retransmission(c));
    remember(c, odd, fills);
    if (odd->tick_ns == 0 && c->d->has_ts) {
        odd->tick_ts = c->d->last_ts;
        odd->tick_ns = c->d->last_ns;
    }
    return 0;
}

/* ---- asking ---- */

/* A probe repeats the byte before the end of the axis, with that byte or without (RFC 9293, 3.8.4): Windows
 * sends one byte of garbage, Linux none. A byte that was not yet acknowledged is a retransmission. Where the
 * other side has no room, it is that which the probe asks about; BSD and Windows then send the next byte, and
 * that again and again. */
void tcp_judge_probe(const struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const uint32_t len = c->packet->payload_len;
    const bool no_room = c->peer->has_ack && c->peer->last_window == 0;
    const bool repeats = c->offset == (int64_t)d->next - 1 && (d->next > d->origin || d->syn_seen) &&
                         (len == 0 || (len == 1 && d->has_acked && d->acked >= d->next) ||
                          (len == 1 && no_room && d->odd != NULL && d->odd->probed == d->next));
    const bool goes_on = len == 1 && no_room && c->offset == (int64_t)d->next;
    if (d->fin_seen || (c->packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 || !(repeats || goes_on)) {
        if (len > 0)
            d->probing = TCP_PROBING_NOT;
        return;
    }
    struct tcp_odd *odd = goes_on ? tcp_odd_of(d, c->scratch) : NULL;
    if (odd != NULL)
        odd->probed = d->next + 1;
    d->probing = no_room ? TCP_PROBING_WINDOW : TCP_PROBING_KEEP_ALIVE;
    tcp_mark(c, no_room ? TCP_MARK_ZERO_WINDOW_PROBE : TCP_MARK_KEEP_ALIVE);
}

/* ---- acknowledgements ---- */

/* The same acknowledgement again, and nothing else in the packet. */
static void judge_same_ack(const struct tcp_context *c)
{
    struct tcp_direction *d = c->d, *peer = c->peer;
    if (c->window == d->last_window && tcp_judge_is_copy(c)) {
        tcp_mark(c, TCP_MARK_CAPTURED_TWICE);
    } else if (peer->probing != TCP_PROBING_NOT && c->window <= d->last_window) {
        tcp_mark(c, peer->probing == TCP_PROBING_WINDOW ? TCP_MARK_ZERO_WINDOW_PROBE_ACK
                                                        : TCP_MARK_KEEP_ALIVE_ACK);
        peer->probing = TCP_PROBING_NOT;
    } else if (c->window > d->last_window && c->packet->tcp.sack_count == 0) {
        tcp_mark(c, TCP_MARK_WINDOW_UPDATE);
        peer->probing = TCP_PROBING_NOT;
    } else if ((c->window == d->last_window || c->packet->tcp.sack_count > 0) && c->window != 0) {
        tcp_mark(c, TCP_MARK_DUPLICATE_ACK); /* with selective ones, the window may change (RFC 6675, 2) */
    }
}

/* Selective acknowledgements: the highest byte that they report, 0 for none; the first block may report a
 * duplicate (RFC 2883, 4). */
static uint64_t read_sack(const struct tcp_context *c)
{
    const struct packet_tcp *tcp = &c->packet->tcp;
    uint64_t high = 0;
    for (int i = 0; i < tcp->sack_count; i++) {
        const int64_t left = tcp_offset_of(c->peer, tcp->sack[i].left);
        const int64_t right = tcp_offset_of(c->peer, tcp->sack[i].right);
        const bool below = i == 0 && !seq_lt(tcp->ack, tcp->sack[0].right);
        const bool within = i == 0 && tcp->sack_count > 1 && !seq_lt(tcp->sack[0].left, tcp->sack[1].left) &&
                            !seq_lt(tcp->sack[1].right, tcp->sack[0].right);
        if (below || within)
            tcp_mark(c, TCP_MARK_DSACK);
        else if (left < right && right <= (int64_t)c->peer->next && right > (int64_t)high)
            high = (uint64_t)right;
    }
    return high;
}

/* What the other side says about bytes that it lacks. */
static int note_told(const struct tcp_context *c, bool advanced, uint64_t sack_high)
{
    struct tcp_direction *peer = c->peer;
    const bool duplicate = (c->segment->marks & TCP_BIT(TCP_MARK_DUPLICATE_ACK)) != 0;
    if (peer->odd == NULL && !duplicate && sack_high == 0)
        return 0;
    struct tcp_odd *odd = tcp_odd_of(peer, c->scratch);
    if (odd == NULL)
        return -ENOMEM;
    odd->duplicate_run = advanced ? 0 : odd->duplicate_run + duplicate;
    if (sack_high > odd->recover)
        odd->recover = sack_high;
    if (odd->duplicate_run == RUN_FAST && peer->next > odd->recover)
        odd->recover = peer->next;
    if (advanced && peer->acked >= odd->recover) {
        odd->told_ns = odd->recover = 0;
    } else if (duplicate || sack_high > 0 || (advanced && odd->told_ns != 0)) {
        odd->told_last_ns = c->packet->time_ns;
        if (odd->told_ns == 0) {
            odd->told_ns = c->packet->time_ns;
            odd->told_ts = c->packet->tcp.ts_value;
            odd->told_has_ts = c->packet->tcp.has_timestamps;
        }
    }
    return 0;
}

int tcp_judge_ack(const struct tcp_context *c, bool advanced)
{
    const struct tcp_direction *d = c->d;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if (c->window == 0 && (tcp->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0)
        tcp_mark(c, TCP_MARK_ZERO_WINDOW);
    if (tcp->ack == d->last_ack && d->has_ack && tcp_is_pure(c->packet) && c->offset >= (int64_t)d->next &&
        (c->segment->marks & (TCP_BIT(TCP_MARK_KEEP_ALIVE) | TCP_BIT(TCP_MARK_ZERO_WINDOW_PROBE))) == 0)
        judge_same_ack(c);
    const uint64_t sack_high = tcp->sack_count > 0 && c->peer->started ? read_sack(c) : 0;
    return note_told(c, advanced, sack_high);
}
