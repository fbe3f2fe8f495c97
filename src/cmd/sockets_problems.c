/* What is wrong with the open sockets: each problem with its proof and advice. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/labelled.h"
#include "cmd/sockets.h"
#include "sockets/problems.h"
#include "view/glyphs.h"

enum {
    LABEL = 12,
    SHOWN_OF_A_KIND = 3,
};

/* ---- text ---- */

/* "tcp 10.0.0.1:80 → 10.0.0.2:4000, python3 (pid 123, fd 4)" */
static void put_who(struct buf *out, const struct problem *problem, const struct sockets_look *look)
{
    const size_t before = out->len;
    if (problem->sockets > 1)
        buf_printf(out, _("%zu sockets, the first: "), problem->sockets);
    buf_printf(out, "%s %s ", socket_transport_name(problem->socket), socket_state_name(problem->socket));
    sockets_put_local(out, problem->socket);
    const size_t local = out->len;
    buf_text(out, " → ");
    const size_t arrow = out->len;
    sockets_put_peer(out, problem->socket, look);
    if (out->len == arrow && out->len > before)
        out->len = local;
    buf_text(out, _("; "));
    sockets_put_owner(out, problem->socket, look);
}

static void put_proof(struct buf *out, const struct problem *problem)
{
    for (size_t i = 0; i < problem->fact_count; i++)
        buf_printf(out, "%s%s %" PRId64, i > 0 ? ", " : "", problem->facts[i].name, problem->facts[i].value);
}

static void put_line(struct buf *out, const struct view_style *style, const char *label, struct buf *text)
{
    const struct labelled front = {NULL, label, NULL, LABEL};
    labelled_put(out, style, &front, buf_cstr(text));
    out->failed = out->failed || text->failed;
    text->len = 0;
}

/* `first` of its kind: with what helps. */
static void put_problem(struct buf *out, const struct problem *problem, bool first,
                        const struct sockets_look *look, const struct view_style *style)
{
    const struct labelled front = {glyphs_of(style->ascii)->bad, problem->kind->name, "1;31", LABEL};
    struct buf text = {0};
    labelled_put(out, style, &front, _(problem->kind->what));
    put_who(&text, problem, look);
    put_line(out, style, _("socket"), &text);
    put_proof(&text, problem);
    if (problem->likely)
        buf_text(&text, _("; of one moment: --watch 2 looks again and tells whether it lasts"));
    put_line(out, style, problem->likely ? _("likely") : _("proof"), &text);
    buf_text(&text, _(problem->kind->advice));
    if (first)
        put_line(out, style, _("cure"), &text);
    buf_char(out, '\n');
    buf_free(&text);
}

/* The first ones of each kind; they stand together. */
static void put_problems(struct buf *out, const struct problem_list *problems,
                         const struct sockets_look *look, const struct view_style *style)
{
    size_t of_kind = 0;
    for (size_t i = 0; i < problems->count; i++) {
        const bool last = i + 1 == problems->count || problems->all[i + 1].kind != problems->all[i].kind;
        of_kind++;
        if (of_kind <= SHOWN_OF_A_KIND || style->verbose)
            put_problem(out, &problems->all[i], of_kind == 1, look, style);
        else if (last) {
            struct buf text = {0};
            buf_printf(&text, _("and %zu more (-v shows them)"), of_kind - SHOWN_OF_A_KIND);
            put_line(out, style, problems->all[i].kind->name, &text);
            buf_char(out, '\n');
            buf_free(&text);
        }
        of_kind = last ? 0 : of_kind;
    }
}

static void put_text(struct buf *out, const struct problem_list *problems, const struct sockets_look *look,
                     const struct view_style *style)
{
    struct buf text = {0};
    put_problems(out, problems, look, style);
    if (problems->count == 0) {
        const struct labelled front = {glyphs_of(style->ascii)->good, _("no problem"), "32", LABEL};
        buf_printf(&text, _("open sockets: %zu"), look->matching);
        labelled_put(out, style, &front, buf_cstr(&text));
    } else {
        buf_printf(
            &text,
            ngettext("%zu problem; open sockets: %zu", "%zu problems; open sockets: %zu", problems->count),
            problems->count, look->matching);
        labelled_paragraph(out, style, buf_cstr(&text));
    }
    out->failed = out->failed || text.failed;
    buf_free(&text);
    if (!style->brief)
        sockets_look_notes(look, out, style);
}

/* ---- JSON ---- */

static void put_json(struct buf *out, const struct problem *problem, const struct sockets_look *look)
{
    struct json j = json_begin(out);
    json_text(&j, "type", "problem");
    json_text(&j, "kind", problem->kind->name);
    json_bool(&j, "likely", problem->likely);
    json_u64(&j, "sockets", problem->sockets);
    sockets_put_identity_json(&j, problem->socket, look);
    json_enter(&j, "evidence");
    for (size_t i = 0; i < problem->fact_count; i++)
        json_i64(&j, problem->facts[i].name, problem->facts[i].value);
    json_leave(&j);
    json_text(&j, "what", problem->kind->what);
    json_text(&j, "advice", problem->kind->advice);
    json_end_line(&j);
}

static void put_all_json(struct buf *out, const struct problem_list *problems,
                         const struct sockets_look *look)
{
    for (size_t i = 0; i < problems->count; i++)
        put_json(out, &problems->all[i], look);
    sockets_look_gaps_json(look, out);
    struct json j = json_begin(out);
    json_text(&j, "type", "summary");
    json_u64(&j, "problems", problems->count);
    json_u64(&j, "sockets", look->matching);
    json_u64(&j, "ownerless", look->ownerless);
    json_bool(&j, "processes_known", look->owners_err.code == 0);
    json_end_line(&j);
}

/* ---- looking ---- */

static void keep_wanted(struct problem_list *problems, const struct sockets_options *options)
{
    size_t kept = 0;
    for (size_t i = 0; i < problems->count; i++) {
        if (sockets_wanted(problems->all[i].socket, options))
            problems->all[kept++] = problems->all[i];
    }
    problems->count = kept;
}

/* All sockets are looked at, for what is wrong with one may be the other end's fault; those that were asked
 * for are told. */
static int look_for_problems(struct sockets_look *look, struct problem_list *problems,
                             const struct sockets_options *options, struct sd_err *err)
{
    struct problem_world world;
    int failed = sockets_look_take(look, options, err);
    if (failed != 0)
        return failed;
    problem_world_read(&world);
    failed = problems_find(problems, &look->dump.sockets, &look->owners, &world);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot look for problems");
    keep_wanted(problems, options);
    return 0;
}

static void wait_ns(uint64_t ns)
{
    const uint64_t end = clock_mono_ns() + ns;
    for (uint64_t now = clock_mono_ns(); now < end; now = clock_mono_ns())
        (void)poll(NULL, 0, (int)((end - now + NS_PER_MS - 1) / NS_PER_MS));
}

static int status_of(const struct problem_list *problems, const struct sockets_look *look)
{
    return problems->count > 0 ? CMD_NO : sockets_look_status(look);
}

int sockets_problems_run(const struct sockets_options *options)
{
    const struct view_style style = screen_style(&options->screen, &options->common);
    struct sockets_look first = {0}, look = {0};
    struct problem_list before = {0}, problems = {0};
    struct sd_err err = {0};
    struct buf out = {0};
    int status = CMD_ERROR, failed = 0;
    if (options->watch_ns != 0) {
        failed = look_for_problems(&first, &before, options, &err);
        if (failed == 0)
            wait_ns(options->watch_ns);
    }
    if (failed == 0)
        failed = look_for_problems(&look, &problems, options, &err);
    if (failed == 0)
        failed = privilege_drop(&err);
    if (failed != 0) {
        cmd_fail(sockets_name, "%s", err.text);
    } else {
        problems_confirm(&problems, &before);
        if (options->common.json)
            put_all_json(&out, &problems, &look);
        else
            put_text(&out, &problems, &look, &style);
        status = sockets_write(&out, status_of(&problems, &look));
    }
    problem_list_free(&before);
    problem_list_free(&problems);
    sockets_look_free(&first);
    sockets_look_free(&look);
    return status;
}
