#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void open_scene(struct scene *s, const char *framing)
{
    *s = (struct scene){0};
    s->stream = model_add_stream(&s->lanes);
    assert_non_null(s->stream);
    s->d = &s->stream->direction[FLOW_CLIENT];
    s->d->has_wire = s->d->has_sends = s->d->has_recvs = s->stream->has_wire = true;
    s->d->mss = 1000;
    s->stream->framing = framing != NULL ? framing_find(framing, strlen(framing)) : NULL;
}

void close_scene(struct scene *s)
{
    model_free_stream(s->stream);
    free(s->lanes.streams);
    arena_free(&s->arena);
}

struct lanes_span *add(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length, unsigned ms)
{
    struct lanes_spans *spans = &s->d->lane[lane];
    struct lanes_span *span = spans_add(spans);
    assert_non_null(span);
    span->n = (uint32_t)spans->count;
    span->offset = offset;
    span->length = length;
    span->time_ns = ms * MS;
    return span;
}

struct call *add_call(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length, unsigned ms,
                      uint64_t asked)
{
    struct lanes_span *span = length > 0 ? add(s, lane, offset, length, ms) : spans_add(&s->d->waits);
    struct call *call = arena_alloc(&s->arena, sizeof *call);
    assert_non_null(span);
    assert_non_null(call);
    *call = (struct call){
        .asked = asked, .result = (int64_t)length, .tcpi = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}};
    span->offset = offset;
    span->time_ns = span->exit_ns = ms * MS;
    span->call = call;
    return call;
}

struct call *add_send(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    return add_call(s, LANES_SEND, offset, length, ms, length);
}

struct call *add_recv(struct scene *s, uint64_t offset, uint64_t length, unsigned ms, uint64_t asked)
{
    return add_call(s, LANES_RECV, offset, length, ms, asked);
}

void knew(struct call *call, int64_t inq)
{
    call->has_tcpi = true;
    call->tcpi.inq = inq;
}

struct lanes_span *add_segment(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    struct lanes_span *span = add(s, LANES_WIRE, offset, length, ms);
    s->d->unique = s->d->lane[LANES_WIRE].count;
    if (span_end(span) > s->d->bytes)
        s->d->bytes = span_end(span);
    return span;
}

struct lanes_span *add_again(struct scene *s, uint64_t offset, uint64_t length, unsigned ms)
{
    struct lanes_span *span = add(s, LANES_WIRE, offset, length, ms);
    span->retransmission = true;
    return span;
}

void add_message(struct scene *s, const char *name, uint64_t offset, uint64_t length, uint64_t announced)
{
    struct lanes_span *span = add(s, LANES_MESSAGE, offset, length, 0);
    span->name = name;
    span->announced = announced;
    span->complete = announced == 0 || announced == length;
}

void set_payload(struct scene *s, const char *text)
{
    s->d->payload = (uint8_t *)strdup(text);
    s->d->payload_len = strlen(text);
    assert_non_null(s->d->payload);
}

void make(struct scene *s)
{
    assert_int_equal(findings_make(s->stream), 0);
}

const struct lanes_finding *find(const struct scene *s, const char *kind)
{
    for (size_t i = 0; i < s->stream->finding_count; i++) {
        if (strcmp(s->stream->findings[i].kind, kind) == 0)
            return &s->stream->findings[i];
    }
    return NULL;
}

/* The first finding of the kind has this cause and says these words (in what or why). Closes the scene. */
void expect(struct scene *s, const char *kind, const char *cause, bool likely, const char *words)
{
    make(s);
    const struct lanes_finding *f = find(s, kind);
    assert_non_null(f);
    assert_string_equal(f->cause, cause);
    assert_int_equal(f->likely, likely);
    assert_true(f->what[0] != '\0' && f->why[0] != '\0' && f->advice[0] != '\0');
    if (strstr(f->what, words) == NULL && strstr(f->why, words) == NULL)
        fail_msg("'%s' is not in '%s' / '%s'", words, f->what, f->why);
    close_scene(s);
}

void expect_none(struct scene *s, const char *kind)
{
    make(s);
    const struct lanes_finding *f = find(s, kind);
    if (f != NULL)
        fail_msg("unexpected: %s %s: %s", f->kind, f->cause, f->what);
    close_scene(s);
}

/* Header of 10 and body of 20 bytes, read by one recv at 50 ms. */
struct call *stuck(struct scene *s, bool one_segment)
{
    open_scene(s, NULL);
    add_message(s, "header", 0, 10, 0);
    add_message(s, "body", 10, 20, 0);
    if (one_segment) {
        add_segment(s, 0, 30, 5);
    } else {
        add_segment(s, 0, 10, 5);
        add_segment(s, 10, 20, 6);
    }
    return add_recv(s, 0, 30, 50, 1024);
}
