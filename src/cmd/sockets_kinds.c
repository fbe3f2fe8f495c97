/* The table of the kinds of socket, each asked of this kernel. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/i18n.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/labelled.h"
#include "cmd/sockets.h"
#include "sockets/kinds.h"
#include "view/columns.h"
#include "view/glyphs.h"

enum column {
    FAMILY,
    TYPE,
    PROTOCOL,
    HERE,
    FIRST_PROPERTY, /* one for each of enum kind_property, in its order */
    CALLS = FIRST_PROPERTY + KIND_PROPERTIES,
    MANUAL,
    COLUMNS,
};

static const struct columns_head heads[COLUMNS] = {
    [FAMILY] = {N_("family"), N_("family"), false, 0},
    [TYPE] = {N_("type"), N_("type"), false, 0},
    [PROTOCOL] = {N_("protocol"), N_("proto"), false, 0},
    [HERE] = {N_("here?"), N_("here?"), false, 0},
    [FIRST_PROPERTY + KIND_BOUNDARIES] = {N_("boundaries"), N_("bounds"), false, 0},
    [FIRST_PROPERTY + KIND_ORDER] = {N_("order"), N_("order"), false, 2},
    [FIRST_PROPERTY + KIND_DELIVERY] = {N_("delivery"), N_("deliv."), false, 3},
    [FIRST_PROPERTY + KIND_REST] = {N_("rest"), N_("rest"), false, 4},
    [FIRST_PROPERTY + KIND_CONNECTION] = {N_("connection"), N_("conn."), false, 1},
    [CALLS] = {N_("calls"), N_("calls"), false, 5},
    [MANUAL] = {N_("manual"), N_("manual"), false, 6},
};

static const struct {
    const char *name, *meaning;
    const char *kept, *lost; /* words of the table */
} properties[KIND_PROPERTIES] = {
    [KIND_BOUNDARIES] = {N_("boundaries"), N_("one recv returns what one send sent, and no more"), N_("kept"),
                         N_("lost")},
    [KIND_ORDER] = {N_("order"), N_("what was sent first comes first"), N_("kept"), N_("lost")},
    [KIND_DELIVERY] = {"delivery", N_("nothing is lost while the receiver is slow: the sender has to wait"),
                       "kept", "lost"},
    [KIND_REST] = {N_("rest"), N_("of a message longer than the buffer, the next recv returns the rest"),
                   N_("kept"), N_("lost")},
    [KIND_CONNECTION] = {N_("connection"), N_("listen, accept, connect; the end is told"), N_("yes"),
                         N_("no")},
};

static const char *answer_word(enum kind_property property, enum kind_answer answer)
{
    if (answer == KIND_UNKNOWN)
        return "";
    return _(answer == KIND_KEPT ? properties[property].kept : properties[property].lost);
}

static void put_row(struct columns *table, const struct socket_kind *kind, const struct kind_result *result)
{
    const struct glyphs *glyphs = glyphs_of(table->style->ascii);
    char(*cells)[COLUMNS_CELL] = columns_add(table);
    if (cells == NULL)
        return;
    snprintf(cells[FAMILY], COLUMNS_CELL, "%s", kind->family_name);
    snprintf(cells[TYPE], COLUMNS_CELL, "%s", kind->type_name);
    snprintf(cells[PROTOCOL], COLUMNS_CELL, "%s", kind->protocol_name != NULL ? kind->protocol_name : "");
    snprintf(cells[HERE], COLUMNS_CELL, "%s",
             result->refused != 0 ? sd_errno_name(result->refused) : _("yes"));
    for (unsigned p = 0; p < KIND_PROPERTIES; p++)
        snprintf(cells[FIRST_PROPERTY + p], COLUMNS_CELL, "%s%s%s", answer_word(p, result->answer[p]),
                 result->tried[p] ? " " : "", result->tried[p] ? glyphs->good : "");
    snprintf(cells[CALLS], COLUMNS_CELL, "%s", kind->calls);
    snprintf(cells[MANUAL], COLUMNS_CELL, "%s", kind->manual);
}

/* "inet DGRAM icmp" */
static void put_name(struct buf *out, const struct socket_kind *kind)
{
    buf_printf(out, "%s %s%s%s", kind->family_name, kind->type_name, kind->protocol_name != NULL ? " " : "",
               kind->protocol_name != NULL ? kind->protocol_name : "");
}

static bool same_refusal(size_t a, size_t b, const struct kind_result *results)
{
    return results[a].refused == results[b].refused && results[a].refused != 0 &&
           strcmp(kind_refusal(&socket_kinds[a], results[a].refused).why,
                  kind_refusal(&socket_kinds[b], results[b].refused).why) == 0;
}

static bool is_first(size_t at, const struct kind_result *results)
{
    for (size_t i = 0; i < at; i++) {
        if (same_refusal(i, at, results))
            return false;
    }
    return results[at].refused != 0;
}

/* Each reason once, with the kinds that it keeps away. */
static void put_refusals(struct buf *out, const struct view_style *style, const struct kind_result *results)
{
    const char *bad = glyphs_of(style->ascii)->bad;
    for (size_t i = 0; i < socket_kind_count; i++) {
        if (!is_first(i, results))
            continue;
        const struct kind_refusal refusal = kind_refusal(&socket_kinds[i], results[i].refused);
        struct buf text = {0}, names = {0};
        for (size_t k = i; k < socket_kind_count; k++) {
            if (same_refusal(i, k, results)) {
                buf_text(&names, k > i ? ", " : "");
                put_name(&names, &socket_kinds[k]);
            }
        }
        buf_printf(&text, _("%s: %s"), _(refusal.why), buf_cstr(&names));
        const struct labelled front = {bad, sd_errno_name(results[i].refused), "31", 15};
        labelled_put(out, style, &front, buf_cstr(&text));
        const struct labelled cure = {NULL, _("cure"), NULL, 15};
        if (refusal.remedy != NULL)
            labelled_put(out, style, &cure, _(refusal.remedy));
        out->failed = out->failed || text.failed || names.failed;
        buf_free(&text);
        buf_free(&names);
    }
}

static void put_legend(struct buf *out, const struct view_style *style)
{
    const struct glyphs *glyphs = glyphs_of(style->ascii);
    struct buf text = {0};
    for (unsigned p = 0; p < KIND_PROPERTIES; p++) {
        const struct labelled front = {NULL, _(properties[p].name), NULL, 15};
        labelled_put(out, style, &front, _(properties[p].meaning));
    }
    buf_printf(&text,
               _("%s: seen on this machine just now, over loopback; without it, what the manual page says."),
               glyphs->good);
    labelled_paragraph(out, style, buf_cstr(&text));
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

static void put_meanings(struct buf *out, const struct view_style *style)
{
    for (size_t i = 0; i < socket_kind_count; i++) {
        struct buf name = {0};
        put_name(&name, &socket_kinds[i]);
        const struct labelled front = {NULL, buf_cstr(&name), NULL, 20};
        labelled_put(out, style, &front, _(socket_kinds[i].meaning));
        out->failed = out->failed || name.failed;
        buf_free(&name);
    }
}

static void put_text(struct buf *out, const struct view_style *style, const struct kind_result *results)
{
    struct columns table;
    columns_init(&table, heads, COLUMNS, style);
    for (size_t i = 0; i < socket_kind_count; i++)
        put_row(&table, &socket_kinds[i], &results[i]);
    columns_print(&table, out);
    columns_fini(&table);
    if (style->brief)
        return;
    buf_char(out, '\n');
    put_refusals(out, style, results);
    buf_char(out, '\n');
    put_legend(out, style);
    if (style->verbose) {
        buf_char(out, '\n');
        put_meanings(out, style);
    }
}

/* ---- JSON ---- */

static void put_json(struct buf *out, const struct socket_kind *kind, const struct kind_result *result)
{
    static const char *const words[] = {[KIND_UNKNOWN] = NULL, [KIND_KEPT] = "kept", [KIND_LOST] = "lost"};
    struct kind_refusal refusal = {0};
    struct json j = json_begin(out);
    if (result->refused != 0)
        refusal = kind_refusal(kind, result->refused);
    json_text(&j, "type", "kind");
    json_text(&j, "family", kind->family_name);
    json_text(&j, "socket", kind->type_name);
    json_text(&j, "protocol", kind->protocol_name);
    json_bool(&j, "available", result->refused == 0);
    json_text(&j, "errno", result->refused != 0 ? sd_errno_name(result->refused) : NULL);
    json_text(&j, "reason", refusal.why);
    json_text(&j, "remedy", refusal.remedy);
    for (unsigned p = 0; p < KIND_PROPERTIES; p++) {
        json_enter(&j, properties[p].name);
        if (p == KIND_CONNECTION && result->answer[p] != KIND_UNKNOWN)
            json_bool(&j, "answer", result->answer[p] == KIND_KEPT);
        else
            json_text(&j, "answer", words[result->answer[p]]);
        json_bool(&j, "tried", result->tried[p]);
        json_leave(&j);
    }
    json_text(&j, "calls", kind->calls[0] != '\0' ? kind->calls : NULL);
    json_text(&j, "manual", kind->manual);
    json_text(&j, "meaning", kind->meaning);
    json_end_line(&j);
}

int sockets_kinds_run(const struct sockets_options *options)
{
    struct kind_result *results = calloc(socket_kind_count, sizeof *results);
    const struct view_style style = screen_style(&options->screen, &options->common);
    struct buf out = {0};
    if (results == NULL)
        return cmd_fail(sockets_name, "out of memory");
    for (size_t i = 0; i < socket_kind_count; i++) {
        results[i] = kind_probe(&socket_kinds[i]);
        if (options->common.json)
            put_json(&out, &socket_kinds[i], &results[i]);
    }
    if (!options->common.json)
        put_text(&out, &style, results);
    free(results);
    return sockets_write(&out, CMD_OK);
}
