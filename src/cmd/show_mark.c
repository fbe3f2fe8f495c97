#include "cmd/show_mark.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/spans.h"
#include "lanes/words.h"

#define STREAMS_NAMED 8

static const struct {
    const char *word;  /* of the option */
    const char *title; /* of the lane */
} lane_names[LANES_LANE_COUNT] = {
    [LANES_SEND] = {"send", "send()"},
    [LANES_WIRE] = {"wire", "wire"},
    [LANES_RECV] = {"recv", "recv()"},
    [LANES_MESSAGE] = {"message", "message"},
};

static const char *const side_words[2] = {[FLOW_CLIENT] = "client", [FLOW_SERVER] = "server"};

/* ---- the word ---- */

/* Take "WORD:" from the text; false where it does not begin with it. */
static bool take_word(const char **text, const char *word)
{
    const size_t len = strlen(word);
    if (strncmp(*text, word, len) != 0 || (*text)[len] != ':')
        return false;
    *text += len + 1;
    return true;
}

static int parse_mark(void *target, const char *argument, struct sd_err *err)
{
    struct show_mark mark = {.given = true, .word = argument};
    const char *text = argument;
    char *end = NULL;
    for (int side = 0; side < 2 && !mark.sided; side++) {
        mark.sided = take_word(&text, side_words[side]);
        mark.side = (enum flow_side)side;
    }
    for (int lane = 0; lane < LANES_LANE_COUNT && !mark.of_lane; lane++) {
        mark.of_lane = take_word(&text, lane_names[lane].word);
        mark.lane = (enum lanes_lane)lane;
    }
    errno = 0;
    mark.number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || (mark.of_lane && mark.number == 0))
        return sd_fail(err, EINVAL,
                       "--mark takes send:N, wire:N, recv:N, message:N or a byte's number, and before it "
                       "client: or server: for the direction, not '%s'",
                       argument);
    *(struct show_mark *)target = mark;
    return 0;
}

struct option_row show_mark_row(struct show_mark *mark)
{
    return (struct option_row){.name = "mark",
                               .argument = N_("PLACE"),
                               .help = N_("point at a place: send:N, wire:N, recv:N, message:N or a byte"),
                               .kind = OPTION_CUSTOM,
                               .target = mark,
                               .parse = parse_mark};
}

/* ---- the place ---- */

static const struct lanes_span *find_span(const struct lanes_direction *d, const struct show_mark *mark)
{
    const struct lanes_spans *spans = &d->lane[mark->lane];
    for (size_t i = 0; i < spans->count; i++) {
        if (spans->at[i].n == mark->number)
            return &spans->at[i];
    }
    return NULL;
}

/* "recv() #1: bytes 0 to 9" */
static void put_span(struct buf *text, const struct show_mark *mark, const struct lanes_span *span)
{
    const struct word name = word_printf("%s #%" PRIu64, lane_names[mark->lane].title, mark->number);
    const struct word bytes =
        span->length <= 1 ? word_printf(_("byte %" PRIu64), span->offset)
                          : word_printf(_("bytes %" PRIu64 " to %" PRIu64), span->offset, span_end(span) - 1);
    buf_printf(text, _("%s: %s"), name.text, bytes.text);
}

/* Is the place in this direction? */
static bool find_in(const struct lanes_direction *d, const struct show_mark *mark, uint64_t *at,
                    struct buf *text)
{
    if (!mark->of_lane) {
        *at = mark->number;
        buf_printf(text, _("byte %" PRIu64), mark->number);
        return mark->number < lanes_axis_end(d);
    }
    const struct lanes_span *span = find_span(d, mark);
    if (span == NULL)
        return false;
    *at = span->offset;
    put_span(text, mark, span);
    return true;
}

static uint32_t last_number(const struct lanes_spans *spans)
{
    uint32_t last = 0;
    for (size_t i = 0; i < spans->count; i++)
        last = spans->at[i].n > last ? spans->at[i].n : last;
    return last;
}

/* "client: recv 1 to 3; server: none" */
static int tell_what_there_is(const struct show_mark *mark, const struct lanes_stream *stream,
                              struct sd_err *err)
{
    struct buf there = {0};
    for (int side = 0; side < 2; side++) {
        const struct lanes_direction *d = &stream->direction[side];
        const uint64_t count = mark->of_lane ? last_number(&d->lane[mark->lane]) : lanes_axis_end(d);
        buf_printf(&there, "%s%s ", side > 0 ? ", " : "", side_words[side]);
        if (count == 0)
            buf_text(&there, _("none"));
        else
            buf_printf(&there, mark->of_lane ? "1…%" PRIu64 : "0…%" PRIu64,
                       mark->of_lane ? count : count - 1);
    }
    const int failed = sd_fail(err, ENOENT, "--mark: there is no %s; sent by each side there are: %s",
                               mark->word, buf_cstr(&there));
    buf_free(&there);
    return failed;
}

static int tell_streams(const struct lanes *lanes, struct sd_err *err)
{
    struct buf list = {0};
    for (size_t i = 0; i < lanes->stream_count && i < STREAMS_NAMED; i++)
        buf_printf(&list, "%s%" PRIu64, i > 0 ? ", " : "", lanes->streams[i]->number);
    if (lanes->stream_count > STREAMS_NAMED)
        buf_text(&list, ", …");
    const int failed =
        lanes->stream_count == 0
            ? sd_fail(err, ENOENT, "--mark: there is no TCP stream in the file")
            : sd_fail(err, EINVAL, "--mark: the file has several streams; name one behind the file: %s",
                      buf_cstr(&list));
    buf_free(&list);
    return failed;
}

/* The datagram that the N-th send, packet or recv of its direction is. */
static const struct lanes_datagram *find_datagram(const struct lanes_datagram_list *list,
                                                  const struct show_mark *mark)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct lanes_datagram *d = &list->at[i];
        if ((mark->lane == LANES_SEND && d->send != NULL && d->send_n == mark->number) ||
            (mark->lane == LANES_WIRE && d->n == mark->number) ||
            (mark->lane == LANES_RECV && d->recv != NULL && d->recv_n == mark->number))
            return d;
    }
    return NULL;
}

static int find_among_datagrams(const struct show_mark *mark, const struct lanes_datagrams *datagrams,
                                struct view_mark *place, struct buf *text, struct sd_err *err)
{
    for (int side = 0; side < 2 && mark->of_lane; side++) {
        const struct lanes_datagram *d = find_datagram(&datagrams->direction[side], mark);
        if (d == NULL || (mark->sided && mark->side != (enum flow_side)side))
            continue;
        buf_printf(text, _("%s #%" PRIu64 ": datagram %" PRIu32), lane_names[mark->lane].title, mark->number,
                   d->n);
        *place = (struct view_mark){datagrams->number, (enum flow_side)side, d->n, buf_cstr(text)};
        return 0;
    }
    return sd_fail(err, ENOENT,
                   "--mark: there is no %s among the datagrams; send:N, wire:N or recv:N points at one",
                   mark->word);
}

int show_mark_find(const struct show_mark *mark, const struct lanes *lanes, struct view_mark *place,
                   struct buf *text, struct sd_err *err)
{
    if (lanes->stream_count == 0 && lanes->datagram_count == 1)
        return find_among_datagrams(mark, &lanes->datagrams[0], place, text, err);
    if (lanes->stream_count != 1)
        return tell_streams(lanes, err);
    const struct lanes_stream *stream = lanes->streams[0];
    for (int side = 0; side < 2; side++) {
        text->len = 0;
        if ((mark->sided && mark->side != (enum flow_side)side) ||
            !find_in(&stream->direction[side], mark, &place->at, text))
            continue;
        place->stream = stream->number;
        place->from = (enum flow_side)side;
        place->text = buf_cstr(text);
        return 0;
    }
    return tell_what_there_is(mark, stream, err);
}
