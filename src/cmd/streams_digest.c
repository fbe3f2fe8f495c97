#include "cmd/streams_digest.h"

#include <assert.h>
#include <errno.h>
#include <md5.h>
#include <stdlib.h>
#include <string.h>

#include "capture/reassembly.h"

enum {
    WAITING = 1 << 20,   /* bytes that may wait for others, a direction */
    WINDOW = 16 << 10,   /* bytes back to which versions are compared */
    FREE_OF_CARE = 4096, /* what a direction may take, however many there are */
};

struct digest {
    struct reassembly *reassembly; /* NULL: no payload yet, or given up */
    MD5_CTX md5;
    uint64_t bytes;
    uint32_t conflicts;
    bool incomplete, wanted;
};

struct digest_stream {
    struct digest side[2];
};

enum {
    STREAM_COST = sizeof(struct digest_stream) + 16, /* with what an allocator adds */
};

static_assert(MD5_DIGEST_LENGTH == ROW_MD5, "a row has room for a digest");

static void take_data(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct digest *digest = context;
    (void)offset;
    if (digest->wanted)
        MD5Update(&digest->md5, bytes, len);
    digest->bytes += len;
}

static void take_gap(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why)
{
    struct digest *digest = context;
    (void)offset;
    (void)len;
    (void)why;
    digest->incomplete = true;
}

static void take_conflict(void *context, const struct reassembly_conflict *conflict)
{
    struct digest *digest = context;
    (void)conflict;
    digest->conflicts += digest->conflicts < UINT32_MAX;
}

static int begin(struct digest *digest, bool wanted)
{
    const struct reassembly_config config = {
        .context = digest,
        .data = take_data,
        .gap = take_gap,
        .conflict = take_conflict,
        .limit = WAITING,
        .window = WINDOW,
    };
    MD5Init(&digest->md5);
    digest->wanted = wanted;
    digest->reassembly = reassembly_new(&config);
    return digest->reassembly != NULL ? 0 : -ENOMEM;
}

static void end(struct digests *digests, struct digest *digest)
{
    if (digest->reassembly == NULL)
        return;
    digests->held -= reassembly_memory(digest->reassembly);
    reassembly_free(digest->reassembly);
    digest->reassembly = NULL;
}

int digests_feed(struct digests *digests, struct flow_stream *stream, enum flow_side from,
                 const struct tcp_segment *segment)
{
    if (stream->user == NULL) {
        if (segment->piece_count == 0 && segment->doubted == 0)
            return 0;
        stream->user = calloc(1, sizeof(struct digest_stream));
        if (stream->user == NULL)
            return -ENOMEM;
        digests->held += STREAM_COST;
    }
    struct digest *digest = &((struct digest_stream *)stream->user)->side[from];
    if (digest->reassembly == NULL) {
        if ((segment->piece_count == 0 && segment->doubted == 0) || digest->incomplete)
            return 0;
        int failed = begin(digest, digests->md5s);
        if (failed != 0)
            return failed;
        digests->held += reassembly_memory(digest->reassembly);
    }
    const size_t before = reassembly_memory(digest->reassembly);
    int failed = reassembly_feed(digest->reassembly, &stream->direction[from], segment);
    const size_t now = reassembly_memory(digest->reassembly);
    digests->held += now - before;
    if (failed == 0 && digests->held > digests->limit && now > FREE_OF_CARE) {
        end(digests, digest);
        digest->incomplete = true;
        digests->given_up++;
    }
    return failed;
}

void digests_close(struct digests *digests, struct flow_stream *stream, struct digest_results *results)
{
    struct digest_stream *d = stream->user;
    memset(results, 0, sizeof *results);
    for (int side = 0; side < 2 && d != NULL; side++) {
        struct digest *digest = &d->side[side];
        if (digest->reassembly != NULL) {
            const size_t before = reassembly_memory(digest->reassembly);
            reassembly_finish(digest->reassembly, &stream->direction[side]);
            digests->held -= before - reassembly_memory(digest->reassembly);
            results->has[side] = digest->wanted && !digest->incomplete && digest->bytes > 0 &&
                                 reassembly_too_early(digest->reassembly, &stream->direction[side]) == 0;
            if (results->has[side])
                MD5Final(results->md5[side], &digest->md5);
        }
        results->conflicts[side] = digest->conflicts;
        end(digests, digest);
    }
    digests->held -= d != NULL ? STREAM_COST : 0;
    free(d);
    stream->user = NULL;
}

void digests_put(const struct digest_results *results, struct row *row)
{
    for (int side = 0; side < 2; side++) {
        row->side[side].has_md5 = results->has[side];
        memcpy(row->side[side].md5, results->md5[side], ROW_MD5);
        row_mark(&row->side[side], TCP_MARK_CONFLICT, results->conflicts[side]);
    }
}
