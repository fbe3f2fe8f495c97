#include "capture/framing.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "base/bytes.h"
#include "base/i18n.h"

const struct framing framings[] = {
    {
        .name = "naive",
        .id = FRAMING_NAIVE,
        .reader_buffer = 1024,
        .sender = N_("sends the header and the body, one send each, nothing between"),
        .reader = N_("takes what one recv(1024) returns for one header; the end of the stream ends the body"),
        .breaks =
            N_("breaks when the body waits behind the header as recv is called: one recv returns both, and "
               "the JSON has extra data"),
    },
    {
        .name = "sleep",
        .id = FRAMING_SLEEP,
        .pauses = true,
        .reader_buffer = 1024,
        .sender = N_("waits a moment after each send"),
        .reader = N_("takes what one recv(1024) returns for one header; the end of the stream ends the body"),
        .breaks =
            N_("breaks when the wire or the reader is late by more than the pause: header and body stick "
               "together again"),
    },
    {
        .name = "lockstep",
        .id = FRAMING_LOCKSTEP,
        .answers = true,
        .reader_buffer = 1024,
        .sender = N_("waits for the other side's answer after each send"),
        .reader =
            N_("answers each recv(1024); takes what one returns for one header; the end of the stream ends "
               "the body"),
        .breaks =
            N_("breaks on a message that one recv does not return whole, as each one over 1024 bytes; costs "
               "a round trip for each send"),
    },
    {
        .name = "size",
        .id = FRAMING_SIZE,
        .body_sized = true,
        .reader_buffer = 1024,
        .sender = N_("tells the body's size in the header"),
        .reader = N_("takes what one recv(1024) returns for one header; loops until the body's size came"),
        .breaks = N_("breaks when header and body stick: the body is counted, the header still is not"),
    },
    {
        .name = "length",
        .id = FRAMING_LENGTH,
        .header_prefix = true,
        .body_sized = true,
        .sender = N_("sends a 4-byte big-endian length before each header, and the body's size in it"),
        .reader = N_("reads exactly: 4 bytes, as many as they say, as many as the header says"),
        .breaks = NULL,
    },
};
static_assert(sizeof framings / sizeof framings[0] == FRAMING_COUNT, "a row for each framing");

const struct framing *framing_find(const char *name, size_t len)
{
    for (size_t i = 0; i < FRAMING_COUNT; i++) {
        if (strlen(framings[i].name) == len && memcmp(framings[i].name, name, len) == 0)
            return &framings[i];
    }
    return NULL;
}

static bool is_json_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t spaces(const uint8_t *data, size_t len)
{
    size_t n = 0;
    while (n < len && is_json_space(data[n]))
        n++;
    return n;
}

/* Whether the parser may have failed only because the bytes end: a token, an escape or a UTF-8 character that
 * is cut is an error of syntax to it, at the place of the cut. */
static bool may_go_on(const json_error_t *error, size_t len)
{
    const size_t at = error->position < 0 ? 0 : (size_t)error->position;
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return true;
    case json_error_invalid_utf8:
        return at + 4 >= len;
    default:
        return at >= len;
    }
}

/* As framing_header(); `object` is set where one was found, and the caller's. */
static enum framing_found find_object(const uint8_t *data, size_t len, json_t **object, size_t *end)
{
    const size_t window = len < FRAMING_HEADER_MAX ? len : FRAMING_HEADER_MAX;
    const size_t blank = spaces(data, window);
    *object = NULL;
    if (blank == window)
        return len < FRAMING_HEADER_MAX ? FRAMING_CUT : FRAMING_NONE;
    if (data[blank] != '{')
        return FRAMING_NONE;
    json_error_t error;
    *object = json_loadb((const char *)data, window, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    if (*object != NULL) {
        *end = (size_t)error.position;
        return FRAMING_WHOLE;
    }
    return len < FRAMING_HEADER_MAX && may_go_on(&error, len) ? FRAMING_CUT : FRAMING_NONE;
}

enum framing_found framing_header(const uint8_t *data, size_t len, size_t *end)
{
    json_t *object;
    enum framing_found found = find_object(data, len, &object, end);
    json_decref(object);
    return found;
}

/* A walk over one direction. */
struct cutter {
    const struct framing *framing;
    const uint8_t *data;
    size_t len, at;
    bool ended;
    struct buf *out;
    size_t count;
};

static size_t rest(const struct cutter *c)
{
    return c->len - c->at;
}

/* Append a message of the next `length` bytes and step over them. None is empty. */
static void emit(struct cutter *c, enum framing_part part, size_t length, uint64_t announced, bool complete)
{
    const struct framing_message message = {
        .part = part,
        .offset = c->at,
        .length = length,
        .announced = announced,
        .complete = complete,
    };
    if (length == 0)
        return;
    buf_append(c->out, &message, sizeof message);
    c->at += length;
    c->count++;
}

static void emit_garbage(struct cutter *c)
{
    emit(c, FRAMING_GARBAGE, rest(c), 0, false);
}

/* The "size" of a header: false where it has none, or none that counts bytes. */
static bool header_size(const json_t *object, uint64_t *size)
{
    const json_t *value = json_object_get(object, "size");
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (uint64_t)json_integer_value(value);
    return true;
}

static void cut_body(struct cutter *c, uint64_t size)
{
    if (!c->framing->body_sized) {
        emit(c, FRAMING_BODY, rest(c), 0, c->ended);
        return;
    }
    const size_t length = size < rest(c) ? (size_t)size : rest(c);
    emit(c, FRAMING_BODY, length, size, length == size);
}

/* A header whose length stood before it: JSON and nothing else in `announced` bytes. The object, or NULL
 * where the walk ends. */
static json_t *cut_counted_header(struct cutter *c, size_t announced)
{
    const size_t have = announced < rest(c) ? announced : rest(c);
    json_t *object;
    size_t end = 0;
    enum framing_found found = find_object(c->data + c->at, have, &object, &end);
    if (found == FRAMING_WHOLE && end + spaces(c->data + c->at + end, have - end) != have)
        found = FRAMING_NONE;
    if (found == FRAMING_NONE || (found == FRAMING_CUT && have == announced)) {
        emit_garbage(c);
        json_decref(object);
        return NULL;
    }
    emit(c, FRAMING_HEADER, have, announced, have == announced);
    return object;
}

static json_t *cut_prefixed_header(struct cutter *c)
{
    if (rest(c) < FRAMING_PREFIX_LEN) {
        emit(c, FRAMING_PREFIX, rest(c), FRAMING_PREFIX_LEN, false);
        return NULL;
    }
    const uint32_t announced = load_be32(c->data + c->at);
    if (announced == 0 || announced > FRAMING_HEADER_MAX) {
        emit_garbage(c);
        return NULL;
    }
    emit(c, FRAMING_PREFIX, FRAMING_PREFIX_LEN, FRAMING_PREFIX_LEN, true);
    return rest(c) == 0 ? NULL : cut_counted_header(c, announced);
}

/* A header that ends where its JSON does. White space after it is its sender's line end, unless a body
 * follows. */
static json_t *cut_bare_header(struct cutter *c)
{
    json_t *object;
    uint64_t size;
    size_t end = 0;
    switch (find_object(c->data + c->at, rest(c), &object, &end)) {
    case FRAMING_WHOLE:
        if (!header_size(object, &size))
            end += spaces(c->data + c->at + end, rest(c) - end);
        emit(c, FRAMING_HEADER, end, 0, true);
        return object;
    case FRAMING_CUT:
        emit(c, FRAMING_HEADER, rest(c), 0, false);
        return NULL;
    case FRAMING_NONE:
        emit_garbage(c);
        return NULL;
    }
    return NULL;
}

void framing_parse(const struct framing *framing, const uint8_t *data, size_t len, bool ended,
                   struct buf *out)
{
    struct cutter c = {.framing = framing, .data = data, .len = len, .ended = ended, .out = out};
    while (c.at < c.len && c.count < FRAMING_MESSAGES_MAX && !out->failed) {
        uint64_t size;
        json_t *object = framing->header_prefix ? cut_prefixed_header(&c) : cut_bare_header(&c);
        if (object != NULL && header_size(object, &size))
            cut_body(&c, size);
        json_decref(object);
    }
}
