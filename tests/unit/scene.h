#ifndef SOCKDIAG_UNIT_SCENE_H
#define SOCKDIAG_UNIT_SCENE_H

#include "lanes/findings.h"
#include "lanes/model.h"
#include "lanes/spans.h"

/* Streams made by hand, one for each cause. Times are milliseconds; everything goes from the client. */

#define MS UINT64_C(1000000)

struct scene {
    struct lanes_stream *stream;
    struct lanes_direction *d;
    struct lanes lanes;
    struct arena arena;
};

void open_scene(struct scene *s, const char *framing);
void close_scene(struct scene *s);
struct lanes_span *add(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length, unsigned ms);
struct call *add_call(struct scene *s, enum lanes_lane lane, uint64_t offset, uint64_t length, unsigned ms,
                      uint64_t asked);
struct call *add_send(struct scene *s, uint64_t offset, uint64_t length, unsigned ms);
struct call *add_recv(struct scene *s, uint64_t offset, uint64_t length, unsigned ms, uint64_t asked);
void knew(struct call *call, int64_t inq);
struct lanes_span *add_segment(struct scene *s, uint64_t offset, uint64_t length, unsigned ms);
struct lanes_span *add_again(struct scene *s, uint64_t offset, uint64_t length, unsigned ms);
void add_message(struct scene *s, const char *name, uint64_t offset, uint64_t length, uint64_t announced);
void set_payload(struct scene *s, const char *text);
void make(struct scene *s);
const struct lanes_finding *find(const struct scene *s, const char *kind);
void expect(struct scene *s, const char *kind, const char *cause, bool likely, const char *words);
void expect_none(struct scene *s, const char *kind);
struct call *stuck(struct scene *s, bool one_segment);

#endif
