/* show: the lanes of a capture file. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/privilege.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/screen.h"
#include "cmd/show_mark.h"
#include "lanes/lanes.h"
#include "view/view.h"

#define MOST_PICTURES 4 /* streams that are drawn without being asked for */

struct options {
    struct options_common common;
    struct screen_options screen;
    const char *framing_name;
    struct show_mark mark;
    const char *file;
    uint64_t stream; /* 0: all */
};

static const struct command_help help = {
    .name = "show",
    .usage = N_("show [options] FILE|- [STREAM]"),
    .summary = N_("which bytes each send, each segment and each recv carried"),
    .examples = N_("sockdiag show f.pcapng\tthe streams of a recording\n"
                   "sockdiag show f.pcapng 12\tonly the one that begins with packet 12\n"
                   "sockdiag show -v f.pcapng\tevery span, and every finding in full\n"
                   "sockdiag show --json f.pcapng\tfor programs\n"
                   "sockdiag show --mark recv:2 f.pcapng\tpoint at the second recv\n"
                   "sockdiag show --framing length f.pcapng\tmark the messages of that framing"),
    .notes = N_(
        "Reads pcapng and pcap. Calls are there if 'sockdiag record', 'lab -o' or 'demo -o' wrote the file.\n"
        "Exit status: 0; 1 if a framing broke; 2 for errors; 3 if the file is damaged (what could be read is "
        "shown)."),
};

static int parse_stream(const char *text, uint64_t *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number > 0 ? 0 : -EINVAL;
}

static int parse(struct options *o, int argc, char **argv, struct sd_err *err)
{
    struct option_row rows[2 + SCREEN_OPTION_ROWS] = {
        {0, "framing", N_("NAME"), N_("how messages are delimited: naive, sleep, lockstep, size, length"),
         OPTION_TEXT, &o->framing_name, 0, 0, NULL, NULL},
        show_mark_row(&o->mark)};
    int first = 0;
    const size_t count = 2 + screen_option_rows(&o->screen, rows + 2);
    int failed = options_parse(argc, argv, rows, count, &o->common, false, &first, err);
    if (failed != 0)
        return failed;
    if (o->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    if (first >= argc)
        return sd_fail(err, EINVAL, "which file? 'sockdiag record -o f.pcapng -- CMD' makes one");
    if (argc - first > 2)
        return sd_fail(err, EINVAL, "one file and one stream at a time, not '%s' too", argv[first + 2]);
    if (o->mark.given && o->common.json)
        return sd_fail(err, EINVAL, "--mark is for the picture: --json has none");
    o->file = argv[first];
    if (argc - first == 2 && parse_stream(argv[first + 1], &o->stream) != 0)
        return sd_fail(err, EINVAL, "'%s' is no stream number: a stream has the number of its first packet",
                       argv[first + 1]);
    return 0;
}

static int choose_framing(const struct options *o, struct lanes_options *lanes_options, struct sd_err *err)
{
    if (o->framing_name == NULL)
        return 0;
    lanes_options->framing = framing_find(o->framing_name, strlen(o->framing_name));
    if (lanes_options->framing == NULL)
        return sd_fail(err, EINVAL,
                       "there is no framing '%s'; there are naive, sleep, lockstep, size and length",
                       o->framing_name);
    return 0;
}

#define GATHER (1U << 20) /* bytes of output before they are written: there may be very many streams */

/* Write what was rendered once it is `most` bytes. */
static int write_out(struct buf *out, size_t most)
{
    if (out->failed)
        return cmd_fail("show", "out of memory");
    if (out->len < most)
        return CMD_OK;
    int failed = cmd_write_stdout(out->data, out->len);
    out->len = 0;
    return failed != 0 ? CMD_ERROR : CMD_OK;
}

static int render_datagrams(const struct options *o, const struct lanes *lanes, const struct view *view,
                            const struct view_style *style, struct buf *out)
{
    int status = CMD_OK;
    if (lanes->datagram_count > MOST_PICTURES && !o->common.json && !o->common.verbose) {
        view_datagrams_left_out(out, lanes, style);
        return CMD_OK;
    }
    for (size_t i = 0; i < lanes->datagram_count && status == CMD_OK; i++) {
        view->datagrams(out, &lanes->datagrams[i], style);
        status = write_out(out, GATHER);
    }
    return status;
}

static int render(const struct options *o, const struct lanes *lanes, const struct view_mark *mark)
{
    struct view_style style = screen_style(&o->screen, &o->common);
    const struct view *view = o->common.json ? &view_json : &view_text;
    const bool table = !o->common.json && lanes->stream_count > MOST_PICTURES && !o->common.verbose;
    struct buf out = {0};
    int status = CMD_OK;
    style.mark = mark;
    if (table) {
        view_table(&out, lanes, &style, o->file);
    } else {
        view->head(&out, lanes, &style);
        for (size_t i = 0; i < lanes->stream_count && status == CMD_OK; i++) {
            view->stream(&out, lanes->streams[i], &style);
            status = write_out(&out, GATHER);
        }
        status = status == CMD_OK ? render_datagrams(o, lanes, view, &style, &out) : status;
        view->tail(&out, lanes, &style);
    }
    if (status == CMD_OK)
        status = write_out(&out, 0);
    buf_free(&out);
    return status;
}

static int no_such_stream(const struct options *o, const struct lanes *lanes)
{
    const unsigned long long wanted = o->stream, one = lanes->nearest[0], two = lanes->nearest[1];
    if (one == 0 && two == 0)
        return cmd_fail("show", "there is no stream %llu in %s, nor any other", wanted, o->file);
    if (one == 0 || two == 0)
        return cmd_fail(
            "show",
            "no stream of %s begins with packet %llu; the nearest is %llu; 'sockdiag show %s' lists them",
            o->file, wanted, one != 0 ? one : two, o->file);
    return cmd_fail(
        "show",
        "no stream of %s begins with packet %llu; the nearest are %llu and %llu; 'sockdiag show %s' "
        "lists them",
        o->file, wanted, one, two, o->file);
}

/* The picture, pointing at what was asked for. */
static int draw(const struct options *o, const struct lanes *lanes)
{
    struct view_mark place;
    struct buf text = {0};
    struct sd_err err = {0};
    int status = CMD_ERROR;
    if (o->mark.given && show_mark_find(&o->mark, lanes, &place, &text, &err) != 0)
        cmd_fail("show", "%s", err.text);
    else
        status = render(o, lanes, o->mark.given ? &place : NULL);
    buf_free(&text);
    return status;
}

static int show(const struct options *o, const struct lanes *lanes, const struct sd_err *damage)
{
    if (o->stream != 0 && lanes->stream_count + lanes->datagram_count == 0)
        return no_such_stream(o, lanes);
    int status = draw(o, lanes);
    for (size_t i = 0; i < lanes->stream_count && status == CMD_OK; i++)
        status = lanes_has_problem(lanes->streams[i]) ? CMD_NO : CMD_OK;
    if (lanes->damaged > 0 && status != CMD_ERROR) {
        cmd_fail("show", "%s; shown is what could be read", damage->text);
        status = CMD_PARTIAL;
    }
    return lanes->lost > 0 && status != CMD_ERROR ? CMD_PARTIAL : status; /* the picture says how many */
}

/* The file is opened first, so that root may show whose file it is; then every right goes, before the first
 * of its bytes, which somebody else chose, is looked at. */
static int open_source(struct source **source, const struct options *o, int *fd, struct sd_err *err)
{
    const bool standard = strcmp(o->file, "-") == 0;
    *fd = standard ? -1 : open(o->file, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 && !standard)
        return sd_fail_errno(err, errno, "cannot open %s", o->file);
    int failed = privilege_drop(err);
    if (failed == 0)
        failed = privilege_filter(0, err);
    if (failed != 0 && failed != -ENOSYS) /* a kernel without filters: the rights are gone all the same */
        return failed;
    return source_open_fd(source, standard ? STDIN_FILENO : *fd, standard ? "stdin" : o->file, NULL, err);
}

static int run(const struct options *o)
{
    struct lanes_options lanes_options = {.only_stream = o->stream};
    struct source *source = NULL;
    struct lanes *lanes = NULL;
    struct sd_err err = {0};
    int status = CMD_ERROR, fd = -1;
    if (choose_framing(o, &lanes_options, &err) != 0)
        return cmd_usage("show", err.text);
    if (open_source(&source, o, &fd, &err) != 0 || lanes_read(&lanes, source, &lanes_options, &err) != 0)
        cmd_fail("show", "%s", err.text);
    else
        status = show(o, lanes, &err);
    source_close(source);
    io_close(&fd);
    lanes_free(lanes);
    return status;
}

int cmd_show(int argc, char **argv)
{
    struct options o = {0};
    struct sd_err err = {0};
    if (parse(&o, argc, argv, &err) != 0)
        return cmd_usage("show", err.text);
    return o.common.help ? CMD_OK : run(&o);
}
