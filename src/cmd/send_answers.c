#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/send_live.h"

/* What comes back: times of sending from the sockets that sent, frames and datagrams from those that listen.
 * Each packet that came is dissected, and looked for among those that were sent. */

#define LEAST_MEMORY_NS NS_PER_S /* a packet is not given up before, however short --wait is */

/* Batches that are read before the next look at the signals and the clock, however many more come. */
#define BATCHES_AT_ONCE 16

/* ---- what was sent ---- */

static int remember(struct send_live *live, const struct send_frame *frame, uint64_t asked_ns)
{
    const struct path *path = &frame->target->path;
    const struct sent_packet packet = {
        .first = send_first_layer(frame->way),
        .bytes = send_ring_bytes(&live->ring, frame),
        .len = frame->len,
        .to_many = path->broadcast || path->multicast,
        .copy = !live->ring.whole,
        .tag = live->number++,
    };
    struct sent_record *record = sent_add(live->sent[send_ear_of(frame->way)], &packet, asked_ns);
    if (record == NULL)
        return sd_fail_errno(&live->err, ENOMEM, "cannot remember what was sent");
    send_report_sent(live, record);
    return 0;
}

int send_answers_sent(struct send_live *live, const struct send_piece *piece, const struct rawsock_out *out,
                      uint32_t id, uint64_t asked_ns)
{
    const struct send_frame *frame = &live->ring.frames[piece->frame];
    struct sent *sent = live->sent[send_ear_of(frame->way)];
    int failed = piece->first ? remember(live, frame, asked_ns) : 0;
    if (failed != 0)
        return failed;
    struct sent_record *record = sent_at(sent, sent_count(sent) - 1);
    live->ids[frame->way][id % SEND_IDS] = record->number;
    /* The witness sees fragments, which are no packet of ours; and frames of ours are not shown to us. */
    const bool whole = piece->first && out->len == frame->len;
    if (live->watches && (frame->way == SEND_LINK || !whole)) {
        record->seen = true;
        send_report_left(live, record, out->data, out->len);
    }
    return 0;
}

/* The kernel's time of sending. */
static void take_stamp(struct send_live *live, enum send_way way, const struct rawsock_sent *stamp)
{
    if (stamp->error != 0 || stamp->time_ns == 0)
        return;
    struct sent_record *record = sent_at(live->sent[send_ear_of(way)], live->ids[way][stamp->id % SEND_IDS]);
    if (record != NULL)
        record->sent_ns = stamp->time_ns;
}

static int take_stamps(struct send_live *live, enum send_way way)
{
    struct rawsock_sent stamps[RAWSOCK_BATCH];
    int count = RAWSOCK_BATCH;
    for (int n = 0; n < BATCHES_AT_ONCE && count == RAWSOCK_BATCH; n++) {
        count = rawsock_sent(&live->sockets[way], live->batch, stamps, RAWSOCK_BATCH);
        for (int i = 0; i < count && live->ids[way] != NULL; i++)
            take_stamp(live, way, &stamps[i]);
    }
    return count < 0 ? sd_fail_errno(&live->err, -count, "cannot read the times of sending") : 0;
}

/* ---- what comes ---- */

static void take_leaving(struct send_live *live, const struct rawsock_in *in)
{
    struct sent_record *record = sent_leaving(live->sent[SEND_EAR_IP], in->data, in->len);
    if (record == NULL)
        return;
    if (record->sent_ns == 0)
        record->sent_ns = in->time_ns;
    if (live->watches)
        send_report_left(live, record, in->data, in->len);
}

static const struct craft_layer_type *first_of(enum send_ear ear, const struct rawsock_in *in)
{
    if (ear == SEND_EAR_LINK)
        return &craft_eth;
    return in->len > 0 && in->data[0] >> 4 == 6 ? &craft_ipv6 : &craft_ip;
}

static void take_answer(struct send_live *live, enum send_ear ear, const struct rawsock_in *in)
{
    const uint64_t time_ns = in->time_ns != 0 ? in->time_ns : clock_real_ns();
    const uint64_t wait = live->send->options.wait.ns;
    const uint64_t memory = wait > LEAST_MEMORY_NS ? wait : LEAST_MEMORY_NS;
    live->scratch.len = 0;
    craft_dissect(live->got, live->got_room, first_of(ear, in), in->data, in->len);
    const struct sent_got got = {
        .packet = live->got,
        .bytes = in->data,
        .len = in->len,
        .time_ns = time_ns,
        .given_up_ns = time_ns > memory ? time_ns - memory : 0,
    };
    const struct sent_match match = sent_match(live->sent[ear], &got, &live->scratch);
    if (match.record == NULL)
        return;
    struct send_answer answer = {
        .match = &match, .bytes = in->data, .len = in->len, .time_ns = time_ns, .rtt_ns = UINT64_MAX};
    const uint64_t sent_ns = match.record->sent_ns != 0 ? match.record->sent_ns : match.record->asked_ns;
    uint64_t rtt;
    if (rtt_between(sent_ns, time_ns, &rtt)) {
        answer.rtt_ns = rtt;
        if (!match.duplicate && !match.ambiguous)
            (void)rtt_add(&live->rtt, rtt);
    }
    live->ambiguous += match.ambiguous;
    live->answered += !match.duplicate;
    live->duplicates += match.duplicate;
    live->errors += !match.duplicate && match.answer == CRAFT_ANSWER_ERROR;
    answer.why = buf_cstr(&live->scratch);
    send_report_answer(live, &answer);
}

static int take_packets(struct send_live *live, enum send_ear ear, struct rawsock *socket)
{
    int count = RAWSOCK_BATCH;
    for (int n = 0; n < BATCHES_AT_ONCE && count == RAWSOCK_BATCH; n++) {
        count = rawsock_recv(socket, live->batch);
        for (int i = 0; i < count; i++) {
            const struct rawsock_in *in = rawsock_batch_at(live->batch, (size_t)i);
            if (!in->outgoing)
                take_answer(live, ear, in);
            else if (ear == SEND_EAR_IP)
                take_leaving(live, in);
        }
    }
    return count < 0 ? sd_fail_errno(&live->err, -count, "cannot receive") : 0;
}

int send_answers_take(struct send_live *live)
{
    int failed = 0;
    for (int way = 0; way < SEND_WAYS && failed == 0; way++) {
        if (live->has[way])
            failed = take_stamps(live, (enum send_way)way);
    }
    if (failed == 0 && live->has_witness)
        failed = take_packets(live, SEND_EAR_IP, &live->witness);
    if (failed == 0 && live->has[SEND_LINK] && live->awaits)
        failed = take_packets(live, SEND_EAR_LINK, &live->sockets[SEND_LINK]);
    return failed;
}

/* ---- the end ---- */

bool send_answers_complete(const struct send_live *live)
{
    if (live->answered < live->packets)
        return false;
    for (int ear = 0; ear < SEND_EARS; ear++) {
        struct sent *sent = live->sent[ear];
        for (uint64_t n = sent_first(sent); n < sent_count(sent); n++) {
            if (sent_at(sent, n)->to_many)
                return false;
        }
    }
    return true;
}

bool send_answers_unseen(const struct send_live *live)
{
    struct sent *sent = live->sent[SEND_EAR_IP];
    return live->watches && sent_count(sent) > 0 && !sent_at(sent, sent_count(sent) - 1)->seen;
}
