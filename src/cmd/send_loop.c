#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/send_live.h"

/* The sending: packets are handed over as fast as --rate lets them, many at once where they are due; between
 * two calls whatever came is taken. Where nothing is awaited, only signals are looked for. */

enum {
    MOST_AT_ONCE = 512,
    LOOK_EVERY = 64, /* calls between looks at the signals, in a flood that awaits nothing */
    FULL_US = 1000,  /* to wait where the socket has no room, which poll(2) tells of */
    QUEUE_US = 100,  /* … where the interface's queue has none, which it does not */
    SEEN_MS = 200,   /* for the witness to see the last packet leave */
};

/* The packets that are due since `since_ns`; it moves on, second by second, so that nothing overflows. */
struct pace {
    uint64_t rate; /* 0: all are due */
    uint64_t since_ns, taken;
};

/* How many are due; 0: `next_ns` tells when the next one is. Who was late (a busy machine) does not catch up
 * by more than a hundredth of a second. */
static uint64_t due(struct pace *pace, uint64_t now_ns, uint64_t *next_ns)
{
    if (pace->rate == 0)
        return UINT64_MAX;
    while (now_ns - pace->since_ns >= NS_PER_S) {
        pace->since_ns += NS_PER_S;
        pace->taken -= pace->taken < pace->rate ? pace->taken : pace->rate;
    }
    const uint64_t allowed = (now_ns - pace->since_ns) * pace->rate / NS_PER_S + 1;
    const uint64_t burst = pace->rate / 100 + 1;
    if (allowed > pace->taken + burst)
        pace->taken = allowed - burst;
    if (allowed > pace->taken)
        return allowed - pace->taken;
    *next_ns = pace->since_ns + (pace->taken * NS_PER_S + pace->rate - 1) / pace->rate;
    return 0;
}

bool send_loop_write(struct send_live *live)
{
    const int failed = send_flush(live->send);
    if (failed == 0)
        return true;
    live->no_reader = live->stop = true;
    live->write_failed = failed != -EPIPE;
    return false;
}

/* ---- waiting ---- */

static void take_signal(struct send_live *live)
{
    struct signalfd_siginfo info;
    if (read(live->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        live->stop = true;
}

/* Until `until_ns` (CLOCK_MONOTONIC), a signal, or something to take: which is taken. */
static int wait_and_take(struct send_live *live, uint64_t until_ns, bool for_room)
{
    struct pollfd fds[SEND_WAYS + 2] = {{.fd = live->signal_fd, .events = POLLIN}};
    nfds_t count = 1;
    for (int way = 0; way < SEND_WAYS; way++) {
        const short events =
            (short)((way == SEND_LINK && live->awaits ? POLLIN : 0) | (for_room ? POLLOUT : 0));
        if (live->has[way])
            fds[count++] = (struct pollfd){.fd = live->sockets[way].fd, .events = events};
    }
    if (live->has_witness)
        fds[count++] = (struct pollfd){.fd = live->witness.fd, .events = POLLIN};
    const uint64_t now = clock_mono_ns();
    const uint64_t left = until_ns > now ? until_ns - now : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
    if (!send_loop_write(live))
        return 0;
    if (ppoll(fds, count, &timeout, NULL) < 0 && errno != EINTR)
        return sd_fail_errno(&live->err, errno, "cannot wait");
    take_signal(live);
    return send_answers_take(live);
}

/* ---- handing over ---- */

/* The kernel refused the piece: say so once for each reason, and go on with the next. Where the interface is
 * gone, nothing else will leave either. */
static int refused(struct send_live *live, int code, enum send_way way)
{
    live->failed++;
    size_t i = 0;
    while (i < 8 && live->told[i] != 0 && live->told[i] != code)
        i++;
    if (i < 8 && live->told[i] == 0) {
        live->told[i] = code;
        cmd_fail("send", "a packet was refused: %s%s", sd_errno_text(code),
                 code == EMSGSIZE ? _(" (--mtu cuts it into fragments)")
                 : code == EPERM  ? _(" (a firewall of this machine?)")
                 : code == EINVAL && way == SEND_LINK
                     ? _(" (a frame has at least the 14 bytes of its header)")
                 : code == EINVAL ? _(" (the kernel does not send such a header: --link does)")
                                  : "");
    }
    return code == ENETDOWN || code == ENODEV || code == ENXIO
               ? sd_fail_errno(&live->err, code, "cannot go on")
               : 0;
}

static int account(struct send_live *live, size_t at, size_t taken, uint32_t first_id, uint64_t asked_ns)
{
    live->pieces += taken;
    for (size_t i = 0; i < taken; i++) {
        const struct send_piece *piece = &live->ring.pieces[at + i];
        live->packets += piece->first;
        live->bytes += live->ring.outs[at + i].len;
        if (!live->awaits && !live->watches && !live->tells)
            continue;
        const int failed =
            send_answers_sent(live, piece, &live->ring.outs[at + i], first_id + (uint32_t)i, asked_ns);
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* Pieces from `at` on that leave the same way, at most `most`. */
static size_t same_way(const struct send_live *live, size_t at, size_t most)
{
    const struct send_ring *ring = &live->ring;
    const enum send_way way = ring->frames[ring->pieces[at].frame].way;
    size_t count = 1;
    while (count < most && ring->frames[ring->pieces[at + count].frame].way == way)
        count++;
    return count;
}

/* Hand over `most` pieces from `at` on. How many are done with (taken or refused), 0 where the kernel has no
 * room now, `queue_full` says where; or a negative errno. */
static int hand_over(struct send_live *live, size_t at, size_t most, bool *queue_full)
{
    const struct send_ring *ring = &live->ring;
    const enum send_way way = ring->frames[ring->pieces[at].frame].way;
    struct rawsock *socket = &live->sockets[way];
    const uint64_t asked_ns = live->awaits || live->tells ? clock_real_ns() : 0;
    const uint32_t first_id = socket->sends;
    const int taken = rawsock_send(socket, ring->outs + at, most);
    if (taken > 0) {
        const int failed = account(live, at, (size_t)taken, first_id, asked_ns);
        return failed != 0 ? failed : taken;
    }
    *queue_full = taken == -ENOBUFS;
    if (taken == -EAGAIN || taken == -ENOBUFS || taken == 0)
        return 0;
    const int failed = refused(live, -taken, way);
    return failed != 0 ? failed : 1;
}

/* Send the first `count` pieces of the ring. */
static int send_pieces(struct send_live *live, struct pace *pace, size_t count)
{
    const bool quiet = !live->awaits && !live->watches && !live->tells;
    size_t at = 0;
    for (uint64_t n = 0; at < count && !live->stop; n++) {
        uint64_t next_ns = 0;
        const uint64_t now = pace->rate == 0 ? 0 : clock_mono_ns();
        const uint64_t allowed = due(pace, now, &next_ns);
        int failed = 0;
        if (allowed == 0) {
            failed = wait_and_take(live, next_ns, false);
            if (failed != 0)
                return failed;
            continue;
        }
        size_t most = count - at < MOST_AT_ONCE ? count - at : MOST_AT_ONCE;
        if (allowed < most)
            most = (size_t)allowed;
        bool queue_full = false;
        const int done = hand_over(live, at, same_way(live, at, most), &queue_full);
        if (done < 0)
            return done;
        at += (size_t)done;
        pace->taken += pace->rate != 0 ? (uint64_t)done : 0;
        if (done == 0)
            failed = wait_and_take(live, clock_mono_ns() + (queue_full ? QUEUE_US : FULL_US) * NS_PER_US,
                                   !queue_full);
        else if (quiet && n % LOOK_EVERY == 0)
            take_signal(live);
        else if (!quiet)
            failed = wait_and_take(live, 0, false);
        if (failed != 0)
            return failed;
    }
    return 0;
}

/* ---- rounds ---- */

/* The whole round is in the ring, perhaps several times. */
static int send_whole(struct send_live *live, struct pace *pace)
{
    const uint64_t count = live->send->options.count;
    const size_t once = live->ring.out_count / live->ring.copies;
    uint64_t left = count;
    int failed = 0;
    while (failed == 0 && !live->stop && (count == 0 || left > 0)) {
        const uint64_t rounds = count == 0 || left > live->ring.copies ? live->ring.copies : left;
        failed = send_pieces(live, pace, once * (size_t)rounds);
        left -= count == 0 ? 0 : rounds;
    }
    return failed;
}

/* A round is too large for the ring: it is built part by part. */
static int send_parts(struct send_live *live, struct pace *pace)
{
    const struct send_options *o = &live->send->options;
    const struct send_plan *plan = &live->send->plan;
    int failed = 0;
    uint64_t from = live->ring.frame_count; /* the first part is there */
    failed = send_pieces(live, pace, live->ring.out_count);
    for (uint64_t round = 0; failed == 0 && !live->stop && (o->count == 0 || round < o->count); round++) {
        while (failed == 0 && !live->stop && from < plan->total) {
            failed = send_ring_fill(&live->ring, plan, from, 1, o->mtu, &live->err);
            from += live->ring.frame_count;
            if (failed == 0)
                failed = send_pieces(live, pace, live->ring.out_count);
        }
        from = 0;
    }
    return failed;
}

static int await(struct send_live *live)
{
    const uint64_t wait = live->send->options.wait.ns;
    const uint64_t now = clock_mono_ns();
    const uint64_t answers = now + wait, seen = now + SEEN_MS * NS_PER_MS;
    int failed = 0;
    live->stop = false; /* the signal ended the sending; the next one ends the waiting */
    while (failed == 0 && !live->stop) {
        const uint64_t at = clock_mono_ns();
        const bool more = live->awaits && at < answers && !send_answers_complete(live);
        const bool unseen = live->watches && at < seen && send_answers_unseen(live);
        if (!more && !unseen)
            break;
        failed = wait_and_take(live, more ? answers : seen, false);
    }
    return failed;
}

int send_loop(struct send_live *live)
{
    const struct send_options *o = &live->send->options;
    live->begin_ns = clock_mono_ns();
    struct pace pace = {.rate = o->rate, .since_ns = live->begin_ns};
    int failed = live->ring.whole ? send_whole(live, &pace) : send_parts(live, &pace);
    live->end_ns = clock_mono_ns();
    if (failed == 0 && !live->no_reader)
        failed = await(live);
    return failed;
}
