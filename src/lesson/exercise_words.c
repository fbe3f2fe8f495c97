#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "lesson/exercise.h"
#include "lesson/exercise_private.h"

/* What went wrong, in words. */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

const char *exercise_reason_word(enum exercise_reason reason)
{
    static const char *const words[] = {
        [EXERCISE_PASSED] = "passed",   [EXERCISE_NOT_COMPILED] = "not-compiled",
        [EXERCISE_TIME] = "time",       [EXERCISE_PROCESSES] = "processes",
        [EXERCISE_MEMORY] = "memory",   [EXERCISE_BROKEN] = "broken",
        [EXERCISE_STATUS] = "status",   [EXERCISE_MISSING] = "missing",
        [EXERCISE_DIFFERS] = "differs", [EXERCISE_FACTS] = "facts",
        [EXERCISE_JUDGED] = "judged",   [EXERCISE_STOPPED] = "stopped",
    };
    return words[reason];
}

/* ---- how it ended ---- */

static void put_status(struct buf *out, const struct exercise_result *r)
{
    if (r->status > 128 && r->status < 128 + 65)
        buf_printf(out, _("The run was ended by signal %d (%s).\n"), r->status - 128,
                   strsignal(r->status - 128));
    else
        buf_printf(out, _("The run ended with status %d, not 0.\n"), r->status);
}

static void put_time(struct buf *out, const struct exercise_result *r)
{
    buf_printf(out, _("It ran longer than %u s.\n"), r->seconds);
    if (r->call == NULL)
        return;
    if (r->call[0] == '\0')
        buf_text(out, _("Your program was busy then, not waiting: is there a loop without an end?\n"));
    else
        buf_printf(out, _("Your program was waiting in %s then.\n"), r->call);
}

static void put_reason(struct buf *out, const struct exercise_result *r)
{
    switch (r->reason) {
    case EXERCISE_NOT_COMPILED:
        buf_text(out, _("It does not compile.\n"));
        break;
    case EXERCISE_TIME:
        put_time(out, r);
        break;
    case EXERCISE_PROCESSES:
        buf_printf(out, _("It started more than %u processes and threads.\n"), r->processes);
        break;
    case EXERCISE_MEMORY:
        buf_text(out, _("It took too much memory.\n"));
        break;
    case EXERCISE_BROKEN:
        buf_text(out, _("It brought its sandbox down before it had ended.\n"));
        break;
    case EXERCISE_STATUS:
        put_status(out, r);
        break;
    case EXERCISE_MISSING:
        buf_printf(out, _("There is no %s that could be compared: %s.\n"), r->file, r->detail);
        break;
    case EXERCISE_FACTS:
        buf_printf(out, _("The recording cannot be judged: %s.\n"), r->detail);
        break;
    case EXERCISE_STOPPED:
        buf_text(out, _("It was stopped.\n"));
        break;
    case EXERCISE_PASSED:
    case EXERCISE_DIFFERS:
    case EXERCISE_JUDGED:
        break;
    }
}

/* ---- where the file went wrong ---- */

static void put_bytes(struct buf *out, const char *label, const char *text, size_t shown, uint64_t left)
{
    buf_printf(out, "  %s ", label);
    if (left == 0)
        buf_text(out, _("the end of the file"));
    else
        buf_printf(out, "\"%s\"%s", text, left > shown ? " …" : "");
    buf_char(out, '\n');
}

static void put_difference(struct buf *out, const struct exercise_result *r)
{
    const struct exercise_difference *d = &r->difference;
    if (!d->known || (r->reason == EXERCISE_TIME && d->got_len == 0))
        return;
    if (d->offset == d->got_len)
        buf_printf(out, _("%s ends at byte %" PRIu64 "; %s has %" PRIu64 " bytes.\n"), r->file, d->got_len,
                   r->wanted, d->want_len);
    else if (d->offset == d->want_len)
        buf_printf(out, _("%s has %" PRIu64 " bytes; only the first %" PRIu64 " should be there.\n"), r->file,
                   d->got_len, d->want_len);
    else
        buf_printf(out, _("%s is wrong from byte %" PRIu64 " on.\n"), r->file, d->offset);
    put_bytes(out, _("it is"), d->got, d->got_shown, d->got_len - d->offset);
    put_bytes(out, _("it should be"), d->want, d->want_shown, d->want_len - d->offset);
}

/* ---- why ---- */

static void put_recv(struct buf *out, const struct exercise_place *p)
{
    if (p->send_last > p->send_first)
        buf_printf(out,
                   _("recv #%" PRIu64 " returned %" PRIu64 " bytes: of sends #%" PRIu64 " to #%" PRIu64
                     " together.\n"),
                   p->recv, p->recv_len, p->send_first, p->send_last);
    else if (p->part_of != 0)
        buf_printf(out, _("recv #%" PRIu64 " returned %" PRIu64 " bytes: a part of send #%" PRIu64 ".\n"),
                   p->recv, p->recv_len, p->part_of);
    if (p->part_of != 0 && p->parts_last > p->parts_first)
        buf_printf(
            out,
            _("The %" PRIu64 " bytes of send #%" PRIu64 " came in recvs #%" PRIu64 " to #%" PRIu64 ".\n"),
            p->part_len, p->part_of, p->parts_first, p->parts_last);
    if (p->part_of != 0 && p->asked == p->recv_len)
        buf_printf(out, _("recv #%" PRIu64 " had asked for no more than %" PRIu64 " bytes.\n"), p->recv,
                   p->asked);
}

/* Causes of findings (lanes/findings.h) that say more than the numbers of the calls. */
static void put_cause(struct buf *out, const char *cause)
{
    static const char *const causes[][2] = {
        {"coalesced-on-wire", N_("One segment carried the bytes of both: no reader could have received them "
                                 "apart by being faster.\n")},
        {"queued-before-recv", N_("All of it was waiting already when recv was called.\n")},
        {"arrived-during-recv", N_("The rest came while recv was running.\n")},
        {"hole-filled", N_("A segment came late, and with it all that had come before it and waited.\n")},
        {"not-yet-arrived", N_("No more had come by then.\n")},
        {"mss", N_("A segment carries only so much: the rest was still under way.\n")},
        {"window", N_("The receiver had room for no more at once.\n")},
        {"size-chars", N_("The announced length counts characters, not bytes.\n")},
        {"short-send", N_("A send took less than it was offered, and the rest was never sent.\n")},
        {"overrun", N_("The reader took more than was left of the message.\n")},
    };
    for (size_t i = 0; cause != NULL && i < COUNT_OF(causes); i++) {
        if (strcmp(causes[i][0], cause) == 0)
            buf_text(out, _(causes[i][1]));
    }
}

static void put_place(struct buf *out, const struct exercise_result *r)
{
    const struct exercise_place *p = &r->place;
    if (p->short_send != 0) {
        buf_printf(out,
                   _("send #%" PRIu64 " took only %" PRIu64 " of the %" PRIu64 " bytes that it was given.\n"),
                   p->short_send, p->short_len, p->short_asked);
    } else if (p->recv != 0) {
        put_recv(out, p);
        put_cause(out, json_string_value(json_object_get(r->finding, "cause")));
    }
}

void exercise_describe(struct buf *out, const struct exercise_result *r)
{
    put_reason(out, r);
    put_difference(out, r);
    put_place(out, r);
}
