#include "cmd/streams_print.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* In rounds: each thread makes the lines of one block, in memory of its own; then the caller writes them, one
 * block behind the other. */

enum {
    BLOCK = 8192, /* rows */
    MOST = 64,    /* threads */
};

struct helper {
    struct streams_printer *printer;
    pthread_t thread;
    size_t begin, end; /* its block of the round, if it has one: rows [begin, end) */
    struct buf out;
    struct streams_table table;
};

struct streams_printer {
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    uint64_t round;   /* 0: none has begun */
    unsigned working; /* threads that are not ready with this round */
    bool ending;
    const struct streams_lines *lines;
    unsigned count;
    struct helper helper[]; /* the first one is the caller itself */
};

static void make_block(struct helper *h, const struct streams_lines *lines)
{
    struct row row;
    size_t len;
    h->out.len = 0;
    for (size_t i = h->begin; i < h->end && !h->out.failed; i++) {
        row_unpack(&row, row_store_get(lines->rows, i, &len));
        if (lines->table == NULL)
            streams_json_row(&h->out, &row, lines->md5);
        else
            streams_table_row(&h->table, &h->out, &row);
    }
}

static void *serve(void *context)
{
    struct helper *h = context;
    struct streams_printer *p = h->printer;
    uint64_t done = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->round == done && !p->ending)
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->ending)
            break;
        done = p->round;
        const struct streams_lines *lines = p->lines;
        pthread_mutex_unlock(&p->lock);
        make_block(h, lines);
        pthread_mutex_lock(&p->lock);
        if (--p->working == 0)
            pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct streams_printer *streams_printer_start(unsigned threads)
{
    const unsigned most = threads < MOST ? threads : MOST;
    struct streams_printer *p = calloc(1, sizeof *p + most * sizeof p->helper[0]);
    if (p == NULL)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (p->count = 1; p->count < most; p->count++) {
        struct helper *h = &p->helper[p->count];
        h->printer = p;
        if (pthread_create(&h->thread, NULL, serve, h) != 0)
            break; /* slower without */
    }
    return p;
}

void streams_printer_end(struct streams_printer *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++) {
        if (i > 0)
            pthread_join(p->helper[i].thread, NULL);
        buf_free(&p->helper[i].out);
    }
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* One round, from row `at` on. Returns where the next one begins. */
static size_t make_round(struct streams_printer *p, const struct streams_lines *lines, size_t at)
{
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->count; i++) {
        struct helper *h = &p->helper[i];
        h->begin = at;
        at = lines->count - at < BLOCK ? lines->count : at + BLOCK;
        h->end = at;
    }
    p->lines = lines;
    p->working = p->count - 1;
    p->round++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    make_block(&p->helper[0], lines);
    pthread_mutex_lock(&p->lock);
    while (p->working > 0)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return at;
}

int streams_printer_print(struct streams_printer *p, const struct streams_lines *lines)
{
    int failed = 0;
    for (unsigned i = 0; i < p->count && lines->table != NULL; i++)
        p->helper[i].table = *lines->table;
    for (size_t at = 0; at < lines->count && failed == 0;) {
        at = make_round(p, lines, at);
        for (unsigned i = 0; i < p->count && failed == 0; i++)
            failed = p->helper[i].out.failed ? -ENOMEM : lines->write(lines->context, &p->helper[i].out);
    }
    return failed;
}
