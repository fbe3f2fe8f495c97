#include "lanes/findings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "lanes/model.h"
#include "lanes/spans.h"

struct lanes_finding *finding_add(struct lanes_stream *stream, const struct lanes_direction *d,
                                  const char *kind, const char *cause, uint64_t offset, uint64_t length)
{
    if (model_grow((void **)&stream->findings, &stream->finding_cap, stream->finding_count,
                   sizeof *stream->findings) != 0)
        return NULL;
    struct lanes_finding *finding = &stream->findings[stream->finding_count++];
    *finding = (struct lanes_finding){
        .kind = kind, .cause = cause, .from = d->from, .offset = offset, .length = length};
    return finding;
}

static uint32_t **evidence_list(struct lanes_finding *finding, enum lanes_lane lane, size_t **count)
{
    switch (lane) {
    case LANES_SEND:
        *count = &finding->send_count;
        return &finding->sends;
    case LANES_WIRE:
        *count = &finding->segment_count;
        return &finding->segments;
    case LANES_RECV:
        *count = &finding->recv_count;
        return &finding->recvs;
    case LANES_MESSAGE:
    case LANES_LANE_COUNT:
        break;
    }
    *count = &finding->message_count;
    return &finding->messages;
}

int finding_evidence(struct lanes_finding *finding, enum lanes_lane lane, uint32_t n)
{
    size_t *count;
    uint32_t **list = evidence_list(finding, lane, &count);
    if (*count > 0 && (*list)[*count - 1] == n)
        return 0;
    if (*count == LANES_MAX_EVIDENCE) {
        (*list)[*count - 1] = n;
        return 0;
    }
    if (*list == NULL || (*count >= 4 && (*count & (*count - 1)) == 0)) {
        uint32_t *moved = reallocarray(*list, *count < 4 ? 4 : *count * 2, sizeof *moved);
        if (moved == NULL)
            return -ENOMEM;
        *list = moved;
    }
    (*list)[(*count)++] = n;
    return 0;
}

int finding_overlapping(struct lanes_finding *finding, const struct lanes_direction *d, enum lanes_lane lane,
                        uint64_t begin, uint64_t end)
{
    const struct lanes_span *at = d->lane[lane].at;
    const size_t count = lane_count(d, lane);
    for (size_t i = spans_after(at, count, begin); i < count && at[i].offset < end; i++) {
        if (finding_evidence(finding, lane, at[i].n) != 0)
            return -ENOMEM;
    }
    return 0;
}

int finding_take(char **text, struct buf *sentence)
{
    const char *words = buf_cstr(sentence);
    int failed = sentence->failed ? -ENOMEM : finding_say(text, words);
    buf_free(sentence);
    return failed;
}

int finding_say(char **text, const char *sentence)
{
    free(*text);
    *text = strdup(_(sentence));
    return *text != NULL ? 0 : -ENOMEM;
}

bool findings_full(struct lanes_stream *stream)
{
    if (stream->finding_count < LANES_MAX_FINDINGS)
        return false;
    stream->findings_beyond++;
    return true;
}

static int rank(const struct lanes_finding *finding)
{
    static const char *const order[] = {N_("framing-broken"), N_("sticky"),   N_("split"),
                                        N_("lucky"),          N_("merged"),   N_("retransmitted"),
                                        N_("coalesced"),      N_("segmented")};
    for (int i = 0; i < (int)(sizeof order / sizeof order[0]); i++) {
        if (strcmp(finding->kind, order[i]) == 0)
            return finding->is_problem ? i : i + 16;
    }
    return 32;
}

/* Problems first, then by direction and by place. */
static int compare_findings(const void *a, const void *b)
{
    const struct lanes_finding *left = a, *right = b;
    if (rank(left) != rank(right))
        return rank(left) - rank(right);
    if (left->from != right->from)
        return left->from == FLOW_CLIENT ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

int findings_make(struct lanes_stream *stream)
{
    /* What matters most comes first: the number of findings is bounded. */
    int failed = findings_framing(stream);
    for (int side = 0; side < 2 && failed == 0; side++)
        failed = findings_reader(stream, &stream->direction[side]);
    for (int side = 0; side < 2 && failed == 0; side++)
        failed = findings_repeats(stream, &stream->direction[side]);
    for (int side = 0; side < 2 && failed == 0; side++)
        failed = findings_wire(stream, &stream->direction[side]);
    for (int side = 0; side < 2 && failed == 0; side++)
        failed = findings_merged(stream, &stream->direction[side]);
    if (failed != 0)
        return failed;
    if (stream->finding_count > 1)
        qsort(stream->findings, stream->finding_count, sizeof *stream->findings, compare_findings);
    if (stream->findings_beyond == 0)
        return 0;
    return model_note(stream, "%" PRIu64 " further findings are not listed", stream->findings_beyond);
}

void findings_free(struct lanes_stream *stream)
{
    for (size_t i = 0; i < stream->finding_count; i++) {
        struct lanes_finding *finding = &stream->findings[i];
        free(finding->sends);
        free(finding->segments);
        free(finding->recvs);
        free(finding->messages);
        free(finding->what);
        free(finding->why);
        free(finding->advice);
    }
    free(stream->findings);
    stream->findings = NULL;
    stream->finding_count = stream->finding_cap = 0;
}
