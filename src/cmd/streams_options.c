/* The options of `streams`. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "capture/batch.h"
#include "cmd/streams.h"

enum {
    MEMORY_MB = 256,
    MEMORY_LEAST_MB = 16,
    MEMORY_MOST_MB = 1 << 20,
    MOST_SHARDS = 65536,
    DEFAULT_SHARD_KEY = 0x736f636b, /* any number, the same for all shards */
};

static const struct command_help help = {
    .name = "streams",
    .usage = N_("streams [options] FILE|- [FILTER…]\nstreams [options] -i IF [FILTER…]"),
    .summary = N_("one line for each TCP connection: who, how much, how it ended, what was wrong"),
    .examples = N_("sockdiag streams f.pcapng\tthe connections of a capture file\n"
                   "sockdiag streams --sort bytes --top 20 f.pcapng\tthe 20 largest\n"
                   "sockdiag streams --problem gap,reset f.pcapng\tthose with that trouble\n"
                   "sockdiag streams -i eth0 port 443\tlive, refreshed\n"
                   "zstdcat f.pcap.zst | sockdiag streams --json -\ta pipe; for programs"),
    .notes =
        N_("FILTER is an expression of pcap-filter(7). A stream's number is that of its first packet.\n"
           "With -i a row comes about 3 seconds after the end of its stream: until then, more packets may "
           "come.\n"
           "Exit status: 0 done; 1 a stream that --stream names is not there, or none is as --problem "
           "asks; 2 usage or system "
           "error; 3 done in part: the input is damaged, packets were lost, or streams were evicted "
           "from memory."),
};

/* ---- sort ---- */

static const char *const sort_names[STREAMS_SORT_COUNT] = {
    [STREAMS_SORT_START] = "start",
    [STREAMS_SORT_DURATION] = "duration",
    [STREAMS_SORT_BYTES] = "bytes",
    [STREAMS_SORT_PACKETS] = "packets",
    [STREAMS_SORT_RETRANSMISSIONS] = "retransmissions",
    [STREAMS_SORT_GAPS] = "gaps",
    [STREAMS_SORT_RTT] = "rtt",
};

uint64_t streams_sort_key(enum streams_sort sort, const struct row *row)
{
    const struct row_side *a = &row->side[0], *b = &row->side[1];
    switch (sort) {
    case STREAMS_SORT_DURATION:
        return UINT64_MAX - (row->end_ns - row->start_ns);
    case STREAMS_SORT_BYTES:
        return UINT64_MAX - (a->bytes + b->bytes);
    case STREAMS_SORT_PACKETS:
        return UINT64_MAX - (a->packets + b->packets);
    case STREAMS_SORT_RETRANSMISSIONS:
        return UINT64_MAX - (row_retransmissions(a) + row_retransmissions(b));
    case STREAMS_SORT_GAPS:
        return UINT64_MAX - (a->missing + b->missing);
    case STREAMS_SORT_RTT:
        return UINT64_MAX - row_rtt_ns(row);
    default:
        return row->start_ns;
    }
}

static int parse_sort(void *target, const char *argument, struct sd_err *err)
{
    struct streams_options *o = target;
    for (int sort = 0; sort < STREAMS_SORT_COUNT; sort++) {
        if (strcmp(argument, sort_names[sort]) == 0) {
            o->sort = (enum streams_sort)sort;
            o->sort_name = sort_names[sort];
            return 0;
        }
    }
    return sd_fail(err, EINVAL,
                   "there is no order '%s'; there are start, duration, bytes, packets, retransmissions, gaps "
                   "and rtt",
                   argument);
}

/* ---- what is asked for ---- */

static const char *parse_number(const char *text, uint64_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return NULL;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 ? end : NULL;
}

static int parse_streams(void *target, const char *argument, struct sd_err *err)
{
    struct streams_options *o = target;
    const char *at = argument;
    for (;;) {
        uint64_t number = 0;
        at = parse_number(at, &number);
        if (at == NULL || number == 0 || (*at != ',' && *at != '\0'))
            return sd_fail(err, EINVAL, "'%s' is no stream number, nor a list of some: 12 or 12,40",
                           argument);
        if (o->number_count == STREAMS_MAX_NUMBERS)
            return sd_fail(err, EINVAL, "no more than %d streams can be asked for at once",
                           STREAMS_MAX_NUMBERS);
        o->numbers[o->number_count++] = number;
        if (*at++ == '\0')
            return 0;
    }
}

static int parse_problems(void *target, const char *argument, struct sd_err *err)
{
    struct streams_options *o = target;
    const int failed = streams_problems_parse(argument, &o->problems, err);
    o->unknown_problem = failed != 0;
    return failed;
}

static int parse_shard(void *target, const char *argument, struct sd_err *err)
{
    struct engine_shard *shard = target;
    uint64_t index = 0, count = 0;
    const char *at = parse_number(argument, &index);
    if (at != NULL && *at == '/')
        at = parse_number(at + 1, &count);
    else
        at = NULL;
    if (at == NULL || *at != '\0' || index < 1 || index > count || count > MOST_SHARDS)
        return sd_fail(err, EINVAL, "'%s' is no shard: 1/4 is the first of four, 4/4 the last", argument);
    shard->index = (unsigned)index - 1;
    shard->count = (unsigned)count;
    return 0;
}

static int parse_shard_key(void *target, const char *argument, struct sd_err *err)
{
    struct engine_shard *shard = target;
    const char *at = parse_number(argument, &shard->key.k0);
    return at != NULL && *at == '\0' ? 0
                                     : sd_fail(err, EINVAL, "--shard-key takes a number, not '%s'", argument);
}

/* ---- all ---- */

/* What contradicts itself; NULL if nothing does. */
static const char *contradiction(const struct streams_options *o, bool has_file)
{
    const bool live = o->intake.interface != NULL;
    if (live && (o->sort_name != NULL || o->top != 0))
        return N_("-i prints each stream as it closes: --sort and --top are for files");
    if (live && o->jobs > 1)
        return N_("-j is for files: what comes from an interface is followed by one thread");
    if (!live && o->intake.buffer_mb != 0)
        return N_("--buffer is for capturing, not for reading a file");
    if (!live && !has_file)
        return N_("which file? - is stdin; -i IF captures on an interface");
    return NULL;
}

static void print_help(const struct option_row *rows, size_t count)
{
    struct buf kinds = {0};
    options_help(&help, rows, count);
    streams_problems_list(&kinds);
    printf("\n%s", kinds.failed ? _("out of memory\n") : buf_cstr(&kinds));
    buf_free(&kinds);
}

int streams_options_parse(struct streams_options *o, int argc, char **argv, struct buf *filter,
                          struct sd_err *err)
{
    struct option_row rows[13 + SCREEN_OPTION_ROWS] = {
        {'i', "interface", N_("IF"), N_("capture on it, live, instead of reading a file"), OPTION_TEXT,
         &o->intake.interface, 0, 0, NULL, NULL},
        {0, "sort", N_("KEY"),
         N_("order of the table: start (unless told), duration, bytes, packets, retransmissions, gaps, rtt"),
         OPTION_CUSTOM, o, 0, 0, parse_sort, NULL},
        {0, "top", N_("N"), N_("only the first N of that order"), OPTION_NUMBER, &o->top, 1, 0, NULL, NULL},
        {0, "stream", N_("N"), N_("only this stream; may be a list: 12,40"), OPTION_CUSTOM, o, 0, 0,
         parse_streams, NULL},
        {0, "problem", N_("KIND"), N_("only streams with that; may be a list: gap,reset"), OPTION_CUSTOM, o,
         0, 0, parse_problems, NULL},
        {0, "md5", NULL, N_("the MD5 of each direction's payload (in --json), and conflicting bytes"),
         OPTION_FLAG, &o->md5, 0, 0, NULL, NULL},
        {0, "conversations", NULL, N_("list those of UDP, SCTP, ICMP and others, too"), OPTION_FLAG,
         &o->conversations, 0, 0, NULL, NULL},
        {0, "memory", N_("MB"), N_("take at most so much (256); what is evicted is counted"), OPTION_NUMBER,
         &o->memory_mb, MEMORY_LEAST_MB, MEMORY_MOST_MB, NULL, NULL},
        {0, "shard", N_("K/N"), N_("only part K of N; all parts together are all there is"), OPTION_CUSTOM,
         &o->shard, 0, 0, parse_shard, NULL},
        {0, "shard-key", N_("N"), N_("what the parts are cut by; the same for all of them"), OPTION_CUSTOM,
         &o->shard, 0, 0, parse_shard_key, NULL},
        {'j', "jobs", N_("N"), N_("with N threads, each for a part"), OPTION_NUMBER, &o->jobs, 1,
         BATCH_MAX_PARTS, NULL, NULL},
        {0, "buffer", N_("MB"), N_("size of the kernel's ring buffer (64)"), OPTION_NUMBER,
         &o->intake.buffer_mb, 1, 2047, NULL, NULL},
    };
    const size_t own = 12, count = own + screen_option_rows(&o->screen, rows + own);
    int first = 0;
    o->memory_mb = MEMORY_MB;
    o->shard.key.k0 = DEFAULT_SHARD_KEY;
    int failed = options_parse(argc, argv, rows, count, &o->common, false, &first, err);
    if (failed != 0)
        return failed;
    if (o->common.help) {
        print_help(rows, count);
        return 0;
    }
    o->compares = o->md5 || streams_problems_need_payload(o->problems);
    const char *wrong = contradiction(o, first < argc);
    if (wrong != NULL)
        return sd_fail(err, EINVAL, "%s", wrong);
    if (o->intake.interface == NULL)
        o->intake.file = argv[first++];
    else if (first < argc && intake_is_file(argv[first]))
        return sd_fail(err, EINVAL, "%s is a file, and -i captures on an interface: choose one", argv[first]);
    return intake_join_filter(filter, argc, argv, first, &o->intake.filter, err);
}
