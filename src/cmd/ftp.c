#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "ftp/ftp.h"
#include "view/prose.h"

/* What the command line says, before it is a configuration. */
struct ftp_arguments {
    struct ftp_manner manner;
    uint64_t pause_ms, timeout_s, work_ms;
    const char *listen, *comment, *directory;
    bool once;
    struct options_common common;
};

static int parse_framing(void *target, const char *argument, struct sd_err *err)
{
    const struct framing *framing = framing_find(argument, strlen(argument));
    if (framing == NULL)
        return sd_fail(err, EINVAL,
                       "there is no framing '%s'; there are naive, sleep, lockstep, size and length",
                       argument);
    *(const struct framing **)target = framing;
    return 0;
}

static int parse_bug(void *target, const char *argument, struct sd_err *err)
{
    for (unsigned i = 0; i < FTP_BUG_COUNT; i++) {
        if (strcmp(argument, ftp_bug_names[i]) == 0) {
            *(enum ftp_bug *)target = (enum ftp_bug)i;
            return 0;
        }
    }
    return sd_fail(err, EINVAL,
                   "there is no bug '%s'; there are size-chars, size-overrun, short-send and none", argument);
}

/* The rows that every side has; those of one command follow them in one table. */
#define COMMON_ROWS 5
#define MOST_ROWS (COMMON_ROWS + 3)

static void add_common_rows(struct option_row rows[MOST_ROWS], struct ftp_arguments *a)
{
    const struct option_row common[COMMON_ROWS] = {
        {'f', "framing", N_("NAME"), N_("naive, sleep, lockstep, size or length (default)"), OPTION_CUSTOM,
         &a->manner.framing, 0, 0, parse_framing, NULL},
        {0, "bug", N_("NAME"), N_("size-chars, size-overrun or short-send"), OPTION_CUSTOM, &a->manner.bug, 0,
         0, parse_bug, NULL},
        {0, "pause", N_("MS"), N_("framing sleep: wait so long after each send (50)"), OPTION_NUMBER,
         &a->pause_ms, 0, 60000, NULL, NULL},
        {0, "timeout", N_("S"), N_("give up after so much silence (10)"), OPTION_NUMBER, &a->timeout_s, 1,
         3600, NULL, NULL},
        {0, "limit", N_("BYTES"), N_("take no file that is longer (1073741824)"), OPTION_NUMBER,
         &a->manner.limit, 1, INT64_MAX, NULL, NULL},
    };
    memcpy(rows, common, sizeof common);
}

static struct ftp_arguments default_arguments(void)
{
    return (struct ftp_arguments){
        .manner = {.framing = &framings[FRAMING_LENGTH], .limit = UINT64_C(1) << 30},
        .pause_ms = 50,
        .timeout_s = 10,
        .listen = "127.0.0.1:" FTP_PORT,
    };
}

/* CMD_OK, or the status to end with: the help was printed, or the usage is wrong. *first: the first operand.
 */
static int parse(int argc, char **argv, const struct command_help *help, const struct option_row *rows,
                 size_t row_count, struct ftp_arguments *a, int *first, bool *done)
{
    struct sd_err err = {0};
    *done = true;
    if (options_parse(argc, argv, rows, row_count, &a->common, false, first, &err) != 0)
        return cmd_usage(help->name, err.text);
    if (a->common.help) {
        options_help(help, rows, row_count);
        return CMD_OK;
    }
    a->manner.pause_ns = a->pause_ms * NS_PER_MS;
    a->manner.timeout_ns = a->timeout_s * NS_PER_S;
    if (ftp_manner_check(&a->manner, &err) != 0)
        return cmd_usage(help->name, err.text);
    *done = false;
    return CMD_OK;
}

/* ---- serve ---- */

/* The server that SIGINT and SIGTERM end. */
static struct ftp_server *running;

static void stop_running(int number)
{
    (void)number;
    ftp_server_stop(running);
}

static int set_handler(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: blocked calls return */
    sigemptyset(&action.sa_mask);
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 ? 0 : -errno;
}

static void print_log(void *context, const char *text)
{
    if (!*(const bool *)context)
        fprintf(stderr, "%s\n", text);
}

static int serve(const struct ftp_server_config *config, bool verbose)
{
    struct sd_err err = {0};
    struct buf directory = {0};
    if (ftp_server_open(&running, config, &err) != 0)
        return cmd_fail("ftp serve", "%s", err.text);
    int failed = set_handler(stop_running);
    if (failed == 0) {
        text_escape(&directory, config->directory, strlen(config->directory));
        fprintf(stderr, _("sockdiag ftp serve: listening on %s, framing %s, files in %s\n"),
                ftp_server_address(running), config->manner.framing->name, buf_cstr(&directory));
        buf_free(&directory);
        if (verbose)
            fprintf(stderr,
                    _("sockdiag ftp serve: works %.1f ms before a read, waits %.1f s for a silent client, "
                      "takes files of up to %" PRIu64 " bytes\n"),
                    (double)config->work_ns / NS_PER_MS, (double)config->manner.timeout_ns / NS_PER_S,
                    config->manner.limit);
        i18n_off(); /* the log, and what clients are told */
        failed = ftp_server_run(running, &err);
        set_handler(SIG_IGN); /* a second one has nothing left to end */
    } else {
        sd_fail_errno(&err, -failed, "cannot handle signals");
    }
    ftp_server_close(running);
    running = NULL;
    if (failed == 0)
        return CMD_OK;
    cmd_fail("ftp serve", "%s", err.text);
    return config->once ? CMD_NO : CMD_ERROR;
}

static const struct command_help serve_help = {
    .name = "ftp serve",
    .usage = N_("ftp serve DIR [options]"),
    .summary = N_("serve the files of a directory by the demo file transfer"),
    .examples =
        N_("sockdiag ftp serve /tmp/box\tto this machine, port 2121\n"
           "sockdiag ftp serve /tmp/box --listen :2121\tto every machine that reaches this one\n"
           "sockdiag ftp serve /tmp/box --framing naive --work 20\twith the beginner's framing, and busy"),
    .notes = N_("There is no password and no encryption: it is for lessons and tests.\n"
                "Ends with 0 on SIGINT or SIGTERM; with --once, 1 when that connection failed."),
};

static int ftp_serve_command(int argc, char **argv)
{
    struct ftp_arguments a = default_arguments();
    struct option_row rows[MOST_ROWS];
    add_common_rows(rows, &a);
    rows[COMMON_ROWS] =
        (struct option_row){0,
                            "listen",
                            N_("ADDR:PORT"),
                            N_("(127.0.0.1:2121); :2121 is every address, port 0 any free one"),
                            OPTION_TEXT,
                            &a.listen,
                            0,
                            0,
                            NULL,
                            NULL};
    rows[COMMON_ROWS + 1] =
        (struct option_row){0,
                            "work",
                            N_("MS"),
                            N_("be busy so long before each of a connection's first 8 recvs (0)"),
                            OPTION_NUMBER,
                            &a.work_ms,
                            0,
                            60000,
                            NULL,
                            NULL};
    rows[COMMON_ROWS + 2] = (struct option_row){
        0, "once", NULL, N_("end after one connection"), OPTION_FLAG, &a.once, 0, 0, NULL, NULL};
    int first = 0;
    bool done;
    int status = parse(argc, argv, &serve_help, rows, COMMON_ROWS + 3, &a, &first, &done);
    if (done)
        return status;
    if (argc - first != 1)
        return cmd_usage("ftp serve", "it takes one directory");
    if (a.common.json)
        return cmd_usage("ftp serve", "--json is for ls, put and get; the server's log is text");
    const struct ftp_server_config config = {
        .manner = a.manner,
        .directory = argv[first],
        .listen = a.listen,
        .work_ns = a.work_ms * NS_PER_MS,
        .once = a.once,
        .log = {.context = &a.common.quiet, .line = print_log},
    };
    return serve(&config, a.common.verbose);
}

/* ---- put, get, ls ---- */

/* One object a line: {"type":…,"name":…,"size":…}; or for people. Returns 0 or -errno. */
static int print_file(const struct ftp_arguments *a, const char *type, const char *name, uint64_t size)
{
    struct buf line = {0};
    if (a->common.json) {
        json_t *object = json_pack("{s:s,s:s,s:I}", "type", type, "name", name, "size", (json_int_t)size);
        char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
        line.failed = text == NULL;
        buf_text(&line, text != NULL ? text : "");
        free(text);
        json_decref(object);
    } else {
        buf_printf(&line, "%12" PRIu64 "  ", size);
        text_escape(&line, name, strlen(name));
    }
    buf_char(&line, '\n');
    int failed = line.failed ? -ENOMEM : cmd_write_stdout(line.data, line.len);
    buf_free(&line);
    return failed;
}

/* Say that a request failed; returns the exit status. */
static int tell_failure(const char *command, const char *name, int failed, const struct sd_err *err)
{
    struct buf safe = {0};
    text_escape(&safe, name, strlen(name));
    cmd_fail(command, "%s%s%s", buf_cstr(&safe), name[0] != '\0' ? ": " : "", err->text);
    buf_free(&safe);
    return ftp_answered_no(failed) ? CMD_NO : CMD_ERROR;
}

/* What put and get do for each name. */
struct transfer {
    const char *command, *type;
    bool puts;
    int (*run)(struct ftp_client *client, const char *name, bool last, uint64_t *size, struct sd_err *err);
};

static const struct transfer put_transfer = {"ftp put", "put", true, ftp_put};
static const struct transfer get_transfer = {"ftp get", "get", false, ftp_get};

static int run_transfer(const struct transfer *transfer, struct ftp_client *client,
                        const struct ftp_arguments *a, char **names, int count)
{
    int status = CMD_OK;
    for (int i = 0; i < count; i++) {
        struct sd_err err = {0};
        uint64_t size = 0;
        const uint64_t begin = clock_mono_ns();
        int failed = transfer->run(client, names[i], i + 1 == count, &size, &err);
        if (failed != 0) {
            int worse = tell_failure(transfer->command, names[i], failed, &err);
            status = worse > status ? worse : status;
        } else if (a->common.json) {
            if (print_file(a, transfer->type, names[i], size) != 0)
                return CMD_ERROR;
        } else if (!a->common.quiet) {
            struct buf safe = {0};
            text_escape(&safe, names[i], strlen(names[i]));
            fprintf(stderr,
                    transfer->puts ? _("%s: %" PRIu64 " bytes stored") : _("%s: %" PRIu64 " bytes received"),
                    buf_cstr(&safe), size);
            if (a->common.verbose)
                fprintf(stderr, _(" by the framing %s in %.1f ms"), a->manner.framing->name,
                        (double)(clock_mono_ns() - begin) / NS_PER_MS);
            fputc('\n', stderr);
            buf_free(&safe);
        }
    }
    return status;
}

static int run_ls(struct ftp_client *client, const struct ftp_arguments *a)
{
    struct sd_err err = {0};
    json_t *reply = NULL;
    size_t i;
    const json_t *file;
    int failed = ftp_ls(client, &reply, &err);
    if (failed != 0)
        return tell_failure("ftp ls", "", failed, &err);
    int status = CMD_OK;
    json_array_foreach(json_object_get(reply, "files"), i, file)
    {
        const char *name = json_string_value(json_object_get(file, "name"));
        const json_t *size = json_object_get(file, "size");
        if (name == NULL || !json_is_integer(size) || json_integer_value(size) < 0) {
            cmd_fail("ftp ls", "the server's list has an entry that is no file");
            status = CMD_NO;
            continue;
        }
        if (print_file(a, "file", name, (uint64_t)json_integer_value(size)) != 0) {
            status = CMD_ERROR;
            break;
        }
    }
    const json_t *more = json_object_get(reply, "more");
    if (status == CMD_OK && json_is_integer(more) && json_integer_value(more) > 0) {
        cmd_fail("ftp ls", "%lld more files did not fit into the answer", json_integer_value(more));
        status = CMD_PARTIAL;
    }
    json_decref(reply);
    return status;
}

static const struct command_help client_help[] = {
    {
        .name = "ftp put",
        .usage = N_("ftp put ADDR[:PORT] FILE… [options]"),
        .summary = N_("send files by the demo file transfer"),
        .examples = N_(
            "sockdiag ftp put 127.0.0.1 notes.txt\tstore notes.txt there\n"
            "sockdiag ftp put [::1]:2121 a b --framing size\tanother framing; the server's must be the same"),
        .notes = N_("Ends with 1 when the server said no, did not answer, or the framing broke."),
    },
    {
        .name = "ftp get",
        .usage = N_("ftp get ADDR[:PORT] NAME… [options]"),
        .summary = N_("fetch files by the demo file transfer"),
        .examples = N_("sockdiag ftp get 127.0.0.1 notes.txt -d /tmp\tinto /tmp/notes.txt, when it is whole"),
        .notes = N_("Ends with 1 when the server said no, did not answer, or the framing broke."),
    },
    {
        .name = "ftp ls",
        .usage = N_("ftp ls ADDR[:PORT] [options]"),
        .summary = N_("list the files of the demo file transfer's server"),
        .examples = N_("sockdiag ftp ls 127.0.0.1\tsizes and names\n"
                       "sockdiag ftp ls 127.0.0.1 --json\tone object a line"),
        .notes = N_(
            "Ends with 1 when the server said no, did not answer, or the framing broke; with 3 when the list "
            "was cut."),
    },
};

/* The operands of put, get and ls, and the request itself. */
static int run_client(const struct command_help *help, const struct ftp_arguments *a, char **operands,
                      int count)
{
    const bool is_ls = help == &client_help[2];
    if (count < 1)
        return cmd_usage(help->name, "it needs the server: ADDR or ADDR:PORT");
    if (is_ls ? count > 1 : count < 2)
        return cmd_usage(help->name, is_ls ? N_("it takes one server and nothing else") : N_("which file?"));
    const struct ftp_client_config config = {
        .manner = a->manner,
        .server = operands[0],
        .comment = a->comment,
        .directory = a->directory,
    };
    struct ftp_client *client = ftp_client_new(&config);
    if (client == NULL)
        return cmd_fail(help->name, "out of memory");
    int status = is_ls ? run_ls(client, a)
                       : run_transfer(help == &client_help[0] ? &put_transfer : &get_transfer, client, a,
                                      operands + 1, count - 1);
    ftp_client_free(client);
    return status;
}

static int ftp_client_command(const struct command_help *help, int argc, char **argv)
{
    struct ftp_arguments a = default_arguments();
    struct option_row rows[MOST_ROWS];
    size_t row_count = COMMON_ROWS;
    add_common_rows(rows, &a);
    rows[row_count++] = (struct option_row){
        0, "comment", N_("TEXT"), N_("put a comment into each request's header"), OPTION_TEXT, &a.comment, 0,
        0, NULL,      NULL};
    if (help == &client_help[1])
        rows[row_count++] = (struct option_row){
            'd', "dir", N_("DIR"), N_("where to write (the current directory)"), OPTION_TEXT, &a.directory, 0,
            0,   NULL,  NULL};
    int first = 0;
    bool done;
    int status = parse(argc, argv, help, rows, row_count, &a, &first, &done);
    return done ? status : run_client(help, &a, argv + first, argc - first);
}

/* ---- the command ---- */

static void put_part(struct buf *text, const char *part)
{
    buf_text(text, "            ");
    prose_wrap(text, part, 12, 12, 80);
}

static void put_framing(struct buf *text, const struct framing *framing)
{
    struct buf line = {0};
    buf_printf(text, "\n  %-9s ", framing->name);
    buf_printf(&line, _("the sender %s;"), _(framing->sender));
    prose_wrap(text, buf_cstr(&line), 12, 12, 80);
    line.len = 0;
    buf_printf(&line, _("the reader %s;"), _(framing->reader));
    put_part(text, buf_cstr(&line));
    put_part(text, framing->breaks != NULL ? _(framing->breaks) : _("nothing breaks it"));
    text->failed = text->failed || line.failed;
    buf_free(&line);
}

static int usage(FILE *out)
{
    struct buf text = {0};
    buf_text(&text, _("sockdiag ftp: the demo file transfer by hand\n\n"
                      "  sockdiag ftp serve DIR [--listen ADDR:PORT]   serve the files of a directory\n"
                      "  sockdiag ftp put ADDR[:PORT] FILE…            send files\n"
                      "  sockdiag ftp get ADDR[:PORT] NAME… [-d DIR]   fetch files\n"
                      "  sockdiag ftp ls ADDR[:PORT]                   list the files there\n\n"
                      "'sockdiag ftp put --help' and the like tell more.\n\n"
                      "The framings (--framing NAME, the same on both sides):\n"));
    for (size_t i = 0; i < FRAMING_COUNT; i++)
        put_framing(&text, &framings[i]);
    fputs(text.failed ? _("out of memory\n") : buf_cstr(&text), out);
    buf_free(&text);
    return out == stdout ? CMD_OK : CMD_ERROR;
}

int cmd_ftp(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return usage(stdout);
    if (word[0] == '\0')
        return usage(stderr);
    if (strcmp(word, "serve") == 0)
        return ftp_serve_command(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof client_help / sizeof client_help[0]; i++) {
        if (strcmp(word, client_help[i].name + strlen("ftp ")) == 0)
            return ftp_client_command(&client_help[i], argc - 1, argv + 1);
    }
    cmd_fail("ftp", "there is no '%s'; there are serve, put, get and ls", word);
    fprintf(stderr, _("Try 'sockdiag %s --help'.\n"), "ftp");
    return CMD_ERROR;
}
