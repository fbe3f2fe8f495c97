#include <string.h>

#include "base/text.h"
#include "lesson/exercise_private.h"

/* Where a program went wrong, from the files that it left and what was recorded. Pure. */

#define SHOWN 24 /* bytes of a file at the place where it is wrong */

/* ---- two files ---- */

/* Up to SHOWN bytes, whole characters, as far as their escaped form has room. Returns how many. */
static size_t show(char *text, size_t size, const uint8_t *data, size_t len)
{
    struct buf escaped = {0};
    size_t shown = len < SHOWN ? len : SHOWN;
    /* Not within a character: its first bytes alone are none. */
    while (shown < len && shown > 1 && (data[shown] & 0xC0) == 0x80)
        shown--;
    text_escape(&escaped, data, shown);
    while (escaped.len >= size && shown > 1) {
        escaped.len = 0;
        shown /= 2;
        text_escape(&escaped, data, shown);
    }
    const size_t n = escaped.len < size ? escaped.len : 0;
    memcpy(text, buf_cstr(&escaped), n);
    text[n] = '\0';
    buf_free(&escaped);
    return shown;
}

void exercise_compare(struct exercise_difference *difference, const struct buf *want, const struct buf *got)
{
    const size_t both = want->len < got->len ? want->len : got->len;
    size_t at = 0;
    while (at < both && want->data[at] == got->data[at])
        at++;
    *difference = (struct exercise_difference){.want_len = want->len, .got_len = got->len};
    if (at == want->len && at == got->len)
        return;
    difference->known = true;
    difference->offset = at;
    if (at < want->len)
        difference->want_shown =
            show(difference->want, sizeof difference->want, want->data + at, want->len - at);
    if (at < got->len)
        difference->got_shown = show(difference->got, sizeof difference->got, got->data + at, got->len - at);
}

/* ---- the recording ---- */

struct span {
    uint64_t n, offset, len, asked;
};

/* The first stream's objects, and which of its directions is looked at: that with more bytes. */
struct recording {
    json_t *objects;
    json_int_t stream;
    const char *from;
};

static uint64_t number(const json_t *object, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static bool has_text(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL && text != NULL && strcmp(value, text) == 0;
}

static bool is_of(const struct recording *r, const json_t *object, const char *type)
{
    return has_text(object, "type", type) && has_text(object, "from", r->from) &&
           json_integer_value(json_object_get(object, "stream")) == r->stream;
}

/* Lines that are no JSON are passed by: the recording may be cut. */
static json_t *parse_lines(const char *text, size_t len)
{
    json_t *objects = json_array();
    const char *end = text + len;
    while (objects != NULL && text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const size_t n = (size_t)((newline != NULL ? newline : end) - text);
        json_array_append_new(objects, json_loadb(text, n, JSON_ALLOW_NUL, NULL));
        text += n + 1;
    }
    return objects;
}

static void choose_direction(struct recording *r)
{
    uint64_t most = 0;
    size_t i;
    json_t *object;
    json_array_foreach(r->objects, i, object)
    {
        if (has_text(object, "type", "direction") && number(object, "bytes") > most) {
            most = number(object, "bytes");
            r->stream = json_integer_value(json_object_get(object, "stream"));
            r->from = json_string_value(json_object_get(object, "from"));
        }
    }
}

static bool read_span(struct span *span, const struct recording *r, const json_t *object, const char *lane)
{
    if (!is_of(r, object, "span") || !has_text(object, "lane", lane))
        return false;
    *span = (struct span){number(object, "n"), number(object, "offset"), number(object, "length"),
                          number(object, "asked")};
    return true;
}

static bool overlaps(const struct span *a, const struct span *b)
{
    return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

/* The recv that brought the byte; the last one where the byte is behind them. */
static bool find_recv(struct span *recv, const struct recording *r, uint64_t offset)
{
    struct span span;
    bool found = false;
    size_t i;
    json_t *object;
    json_array_foreach(r->objects, i, object)
    {
        if (read_span(&span, r, object, "recv") && (!found || span.offset <= offset)) {
            *recv = span;
            found = true;
        }
    }
    return found;
}

/* A send that took less than it was given, and whose program may have gone on as if it had not. */
static void find_short_send(struct exercise_place *place, const struct recording *r, uint64_t offset)
{
    struct span send;
    size_t i;
    json_t *object;
    json_array_foreach(r->objects, i, object)
    {
        if (read_span(&send, r, object, "send") && send.asked > send.len &&
            send.offset + send.len <= offset) {
            place->short_send = send.n;
            place->short_len = send.len;
            place->short_asked = send.asked;
        }
    }
}

/* The sends that it returned bytes of, and of which of them only a part. */
static void find_sends(struct exercise_place *place, struct span *part, const struct recording *r,
                       const struct span *recv)
{
    struct span send;
    size_t i;
    json_t *object;
    json_array_foreach(r->objects, i, object)
    {
        if (!read_span(&send, r, object, "send") || !overlaps(&send, recv))
            continue;
        if (place->send_first == 0)
            place->send_first = send.n;
        place->send_last = send.n;
        if (send.offset < recv->offset || send.offset + send.len > recv->offset + recv->len)
            *part = send;
    }
}

static void find_parts(struct exercise_place *place, const struct recording *r, const struct span *send)
{
    struct span recv;
    size_t i;
    json_t *object;
    place->part_of = send->n;
    place->part_len = send->len;
    json_array_foreach(r->objects, i, object)
    {
        if (!read_span(&recv, r, object, "recv") || !overlaps(&recv, send))
            continue;
        if (place->parts_first == 0)
            place->parts_first = recv.n;
        place->parts_last = recv.n;
    }
}

/* How much a finding tells a reader who went wrong: the last the most. */
static int rank(const json_t *finding)
{
    static const char *const kinds[] = {"segmented", "merged", "split", "sticky", "framing-broken"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (has_text(finding, "kind", kinds[i]))
            return (int)i + 1;
    }
    return 0;
}

static json_t *find_finding(const struct recording *r, const struct span *recv)
{
    json_t *best = NULL, *object;
    size_t i;
    json_array_foreach(r->objects, i, object)
    {
        const struct span span = {.offset = number(object, "offset"), .len = number(object, "length")};
        if (is_of(r, object, "finding") && overlaps(&span, recv) &&
            rank(object) > (best != NULL ? rank(best) : 0))
            best = object;
    }
    return json_incref(best);
}

struct exercise_role exercise_role_of(const char *run)
{
    static const char word[] = "{program}";
    const char *client = strstr(run, " -- ");
    const char *first = strstr(run, word);
    return (struct exercise_role){
        .client = client != NULL && strstr(client, word) != NULL,
        .server = client != NULL && first != NULL && first < client,
    };
}

void exercise_find_place(struct exercise_place *place, json_t **finding, struct exercise_role role,
                         const char *ndjson, size_t len, uint64_t offset)
{
    struct recording r = {.objects = parse_lines(ndjson, len)};
    struct span recv = {0}, part = {0};
    *place = (struct exercise_place){0};
    *finding = NULL;
    choose_direction(&r);
    const bool from_client = r.from != NULL && strcmp(r.from, "client") == 0;
    if (r.from != NULL && (from_client ? role.client : role.server))
        find_short_send(place, &r, offset);
    if (r.from != NULL && (from_client ? role.server : role.client) && find_recv(&recv, &r, offset)) {
        place->recv = recv.n;
        place->recv_len = recv.len;
        place->asked = recv.asked;
        find_sends(place, &part, &r, &recv);
        if (part.n != 0)
            find_parts(place, &r, &part);
        *finding = find_finding(&r, &recv);
    }
    json_decref(r.objects);
}

/* ---- commands ---- */

void exercise_fill(struct buf *out, const char *command, const char *word, const char *value)
{
    const size_t len = strlen(word);
    for (const char *at = command; *at != '\0'; at++) {
        if (at[0] == '{' && strncmp(at + 1, word, len) == 0 && at[len + 1] == '}') {
            buf_text(out, value);
            at += len + 1;
        } else {
            buf_char(out, *at);
        }
    }
}
