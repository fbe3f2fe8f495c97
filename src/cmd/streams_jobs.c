/* streams -j: the jobs, and how what they have found becomes one answer. */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/streams_crowd.h"

enum {
    MAX_CONVERSATIONS = 1 << 20, /* that are put in order; more are printed as they come */
    JOB_MB = 16,                 /* of --memory, at least */
    JOBS_UNASKED = 8,            /* at most, where nobody said how many: each more brings less */
};

#define FILE_LARGE (64 << 20) /* less is read before threads pay */

/* ---- in a job ---- */

int streams_write_lines(struct streams *s)
{
    struct crowd *crowd = s->crowd;
    pthread_mutex_lock(&crowd->turn);
    if (crowd->write_failed == 0)
        crowd->write_failed = cmd_write_stdout(s->out.data, s->out.len);
    const int failed = crowd->write_failed;
    pthread_mutex_unlock(&crowd->turn);
    return failed;
}

void streams_job_end(struct streams *s, int ended)
{
    if ((ended != 0 && ended != -EBADMSG) || s->failed != 0)
        shared_input_stop(s->crowd->input);
    streams_close_all(s, ended);
    engine_finish_conversations(s->engine);
    s->totals.conversations_evicted = conversation_table_evicted(engine_conversations(s->engine));
    if (s->failed == 0 && s->rows != NULL)
        s->failed = row_store_sort(s->rows);
    if (s->failed == 0)
        s->failed = streams_flush(s);
}

int streams_keep_conversation(struct streams *s, const struct conversation *conversation)
{
    if (s->kept_count == MAX_CONVERSATIONS / s->crowd->count) {
        streams_print_conversation(s, conversation);
        return s->failed;
    }
    if (s->kept_count == s->kept_cap) {
        const size_t cap = s->kept_cap == 0 ? 64 : s->kept_cap * 2;
        struct conversation *kept = reallocarray(s->kept_conversations, cap, sizeof *kept);
        if (kept == NULL)
            return -ENOMEM;
        s->kept_conversations = kept;
        s->kept_cap = cap;
    }
    s->kept_conversations[s->kept_count++] = *conversation;
    return 0;
}

/* ---- the beginning ---- */

/* Where rows are printed as they come, one thread keeps them in order: there, several must be asked for. */
static unsigned wanted_jobs(const struct streams *s)
{
    const struct streams_options *o = &s->options;
    struct stat st;
    cpu_set_t mine;
    if (o->jobs != 0 || o->intake.file == NULL)
        return o->jobs > 1 ? (unsigned)o->jobs : 1;
    if (!streams_keeps_rows(s) || stat(o->intake.file, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size < FILE_LARGE || sched_getaffinity(0, sizeof mine, &mine) != 0)
        return 1;
    const int processors = CPU_COUNT(&mine);
    return processors < JOBS_UNASKED ? (unsigned)processors : JOBS_UNASKED;
}

/* Each takes some memory, whatever its share is. */
unsigned streams_job_count(const struct streams *s)
{
    const unsigned wanted = wanted_jobs(s);
    const uint64_t most = s->options.memory_mb / JOB_MB;
    return wanted <= most ? wanted : most > 1 ? (unsigned)most : 1;
}

static int make_job(struct crowd *crowd, unsigned index, struct sd_err *err)
{
    const struct streams *all = crowd->s;
    struct streams *s = &crowd->job[index];
    *s = (struct streams){.options = all->options, .table = all->table, .crowd = crowd, .is_job = true};
    s->intake.input_fd = s->intake.signal_fd = -1;
    s->memory = all->memory / crowd->count;
    s->options.shard = crowd->first;
    s->options.shard.index += index;
    const int failed = streams_make_engine(s, err);
    return failed == 0 ? streams_make_rows(s, err) : failed;
}

/* End the threads, and let go what the jobs have. */
static void end_jobs(struct crowd *crowd)
{
    if (crowd->input != NULL)
        shared_input_stop(crowd->input);
    streams_threads_end(crowd);
    for (unsigned i = 0; i < crowd->count; i++)
        streams_fini(&crowd->job[i]);
    crowd->count = 0;
}

void streams_crowd_free(struct crowd *crowd)
{
    if (crowd == NULL)
        return;
    end_jobs(crowd);
    pthread_mutex_destroy(&crowd->gate);
    pthread_mutex_destroy(&crowd->turn);
    free(crowd);
}

static int start_jobs(struct crowd *crowd, struct sd_err *err)
{
    struct streams *s = crowd->s;
    int failed = 0;
    for (unsigned i = 0; i < crowd->count && failed == 0; i++)
        failed = make_job(crowd, i, err);
    if (failed != 0)
        return failed;
    if (streams_keeps_rows(s))
        s->printer = streams_printer_start(crowd->count);
    return streams_threads_start(crowd, err);
}

/* Threads begin before system calls are filtered. Where they were not asked for, one can do without. */
static int start(void *context, struct sd_err *err)
{
    struct crowd *crowd = context;
    struct streams *s = crowd->s;
    const int failed = start_jobs(crowd, err);
    if (failed == 0)
        s->options.intake.pieces = &crowd->pieces;
    if (failed == 0 || s->options.jobs != 0)
        return failed;
    end_jobs(crowd);
    *err = (struct sd_err){0};
    return 0;
}

static struct crowd *new_crowd(struct streams *s, unsigned count)
{
    struct crowd *crowd = calloc(1, sizeof *crowd + count * sizeof crowd->job[0]);
    const struct engine_shard *shard = &s->options.shard;
    if (crowd == NULL)
        return NULL;
    crowd->s = s;
    crowd->count = count;
    pthread_mutex_init(&crowd->turn, NULL);
    pthread_mutex_init(&crowd->gate, NULL);
    /* Who chooses addresses shall not choose whose they are, but where other machines have the other parts.
     */
    crowd->first.key = shard->count > 1 ? shard->key : hash_key_random();
    crowd->first.index = shard->count > 1 ? shard->index * count : 0;
    crowd->first.count = shard->count > 1 ? shard->count * count : count;
    batch_parts_init(&crowd->parts, &crowd->first, count);
    return crowd;
}

/* ---- the end ---- */

/* What each job counts for itself, and all the same; and what was counted where packets were taken apart. */
static void take_common(struct streams_totals *sum, const struct streams_totals *t,
                        const struct batch_parts *parts)
{
    sum->packets.fragments = t->packets.fragments;
    sum->defrag = t->defrag;
    sum->compared = t->compared;
    sum->packets.packets = parts->packets;
    sum->first_ns = parts->first_ns;
    sum->last_ns = parts->now_ns;
}

static void add_totals(struct streams_totals *sum, const struct streams_totals *t)
{
    sum->packets.tcp += t->packets.tcp;
    sum->packets.conversations += t->packets.conversations;
    sum->packets.other += t->packets.other;
    sum->packets.undecoded += t->packets.undecoded;
    engine_undecoded_join(sum->undecoded, t->undecoded);
    for (int kind = 0; kind < CONVERSATION_KINDS; kind++) {
        sum->conversations[kind].conversations += t->conversations[kind].conversations;
        sum->conversations[kind].packets += t->conversations[kind].packets;
    }
    sum->streams += t->streams;
    sum->printed += t->printed;
    sum->evicted += t->evicted;
    sum->continued += t->continued;
    sum->conversations_evicted += t->conversations_evicted;
    sum->payload_given_up += t->payload_given_up;
    if (t->nearest[0] > sum->nearest[0])
        sum->nearest[0] = t->nearest[0];
    if (t->nearest[1] != 0 && (sum->nearest[1] == 0 || t->nearest[1] < sum->nearest[1]))
        sum->nearest[1] = t->nearest[1];
}

static int join_conversations(struct streams *s, const struct streams *job)
{
    if (job->kept_count == 0)
        return 0;
    struct conversation *all =
        reallocarray(s->kept_conversations, s->kept_count + job->kept_count, sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    memcpy(all + s->kept_count, job->kept_conversations, job->kept_count * sizeof *all);
    s->kept_conversations = all;
    s->kept_count += job->kept_count;
    return 0;
}

/* What a job has found is the whole run's now. */
static int join(struct streams *s, struct streams *job)
{
    add_totals(&s->totals, &job->totals);
    streams_table_join(&s->table, &job->table);
    for (size_t i = 0; i < s->options.number_count; i++)
        s->found[i] = s->found[i] || job->found[i];
    s->reader_gone = s->reader_gone || job->reader_gone;
    const int failed = join_conversations(s, job);
    if (failed != 0 || job->rows == NULL)
        return failed;
    if (s->rows != NULL)
        return row_store_join(s->rows, job->rows);
    s->rows = job->rows;
    job->rows = NULL;
    return 0;
}

/* What went wrong first, if anything did: jobs that were told to end for another's sake tell nothing. */
static int first_failure(struct crowd *crowd, int *ended, struct sd_err *err)
{
    int failed = 0;
    if (*ended == -ECANCELED)
        *ended = 0;
    *err = crowd->err;
    for (unsigned i = 0; i < crowd->count; i++) {
        const int code = crowd->job[i].failed;
        failed = failed == 0 && code != -ECANCELED ? code : failed;
    }
    return failed != 0 ? failed : *ended != -EBADMSG ? *ended : 0;
}

static void join_all(struct crowd *crowd, int *ended, struct sd_err *err)
{
    struct streams *s = crowd->s;
    struct streams_totals *t = &s->totals;
    s->failed = first_failure(crowd, ended, err);
    take_common(t, &crowd->job[0].totals, &crowd->parts);
    for (unsigned i = 0; i < crowd->count; i++) {
        const int failed = join(s, &crowd->job[i]);
        s->failed = s->failed != 0 ? s->failed : failed;
    }
    t->packets.elsewhere = t->packets.packets - t->packets.fragments - t->packets.tcp -
                           t->packets.conversations - t->packets.other;
    t->damaged = *ended == -EBADMSG;
    t->interrupted = s->intake.interrupted;
}

int streams_run_jobs(struct streams *s, unsigned count, struct sd_err *err)
{
    struct crowd *crowd = s->crowd = new_crowd(s, count);
    if (crowd == NULL)
        return cmd_fail(streams_name, "out of memory");
    s->options.intake.open_outputs = start;
    s->options.intake.context = crowd;
    const int failed = intake_open(&s->intake, &s->options.intake, err);
    if (failed != 0)
        return cmd_fail(streams_name, "%s", err->text);
    if (crowd->count == 0 || s->intake.source == NULL) {
        streams_crowd_free(crowd);
        s->crowd = NULL;
        return streams_run_alone(s, err);
    }
    int ended = streams_threads_run(crowd);
    join_all(crowd, &ended, err);
    return streams_finish(s, ended, err);
}
