/* lesson: lessons on live traffic. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"

static const struct command_help help = {
    .name = "lesson",
    .usage = N_("lesson [options] [N|NAME]"),
    .summary = N_("lessons on live traffic: predict, run, look, understand, try"),
    .examples = N_("sockdiag lesson\tthe lessons, and which are done\n"
                   "sockdiag lesson 4\tone of them\n"
                   "sockdiag lesson sticky\tthe same\n"
                   "sockdiag lesson --auto 4\twithout questions\n"
                   "sockdiag lesson --auto\tall of them, one after the other\n"
                   "sockdiag lesson 4 --check r.py\tis this program right?\n"),
    .notes =
        N_("What is done is kept in XDG_STATE_HOME/sockdiag/lessons (~/.local/state/sockdiag/lessons).\n"
           "Exit status: 0; 1 if an answer of --answer was wrong, a run did not show what it should, or the "
           "exercise is not passed; 2 for errors; 3 if it was left before its end."),
};

static int add_answer(void *target, const char *argument, struct sd_err *err)
{
    struct lesson_options *o = target;
    char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument || equals[1] == '\0')
        return sd_fail(err, EINVAL, "--answer takes ID=VALUE, not '%s'", argument);
    if (o->given_count == LESSON_GIVEN_MOST)
        return sd_fail(err, EINVAL, "--answer stands there more than %d times", LESSON_GIVEN_MOST);
    *equals = '\0'; /* argv is ours */
    o->given[o->given_count++] = (struct lesson_given){.id = argument, .value = equals + 1};
    return 0;
}

static int check_words(struct lesson_options *o, struct sd_err *err)
{
    if (o->given_count > 0 && !o->automatic)
        return sd_fail(err, EINVAL, "--answer goes with --auto");
    if (o->word == NULL && (o->hints || o->check != NULL || o->dir != NULL))
        return sd_fail(err, EINVAL, "which lesson? Its number or name is missing");
    if ((o->hints && o->check != NULL) || (o->automatic && (o->hints || o->check != NULL)))
        return sd_fail(err, EINVAL, "one of --auto, --check and --hint at a time");
    if (o->hints && o->common.json)
        return sd_fail(err, EINVAL, "hints are for people: --json has none");
    if (o->common.json && o->word != NULL && o->check == NULL)
        o->automatic = true; /* nobody is asked in JSON */
    return 0;
}

static int parse(struct lesson_options *o, int argc, char **argv, struct sd_err *err)
{
    const struct option_row own[] = {
        {0, "auto", NULL, N_("go through without asking; without N, all lessons"), OPTION_FLAG, &o->automatic,
         0, 0, NULL, NULL},
        {0, "answer", N_("ID=VALUE"), N_("with --auto: answer a question so"), OPTION_CUSTOM, o, 0, 0,
         add_answer, NULL},
        {0, "hint", NULL, N_("only print the hints of the exercise"), OPTION_FLAG, &o->hints, 0, 0, NULL,
         NULL},
        {0, "check", N_("FILE"), N_("only judge this program for the exercise"), OPTION_TEXT, &o->check, 0, 0,
         NULL, NULL},
        {'d', "dir", N_("DIR"), N_("where the exercise's program is put"), OPTION_TEXT, &o->dir, 0, 0, NULL,
         NULL},
    };
    const size_t own_count = sizeof own / sizeof own[0];
    struct option_row rows[SCREEN_OPTION_ROWS + sizeof own / sizeof own[0]];
    int first = 0;
    memcpy(rows, own, sizeof own);
    const size_t count = own_count + screen_option_rows(&o->screen, rows + own_count);
    const int failed = options_parse(argc, argv, rows, count, &o->common, false, &first, err);
    if (failed != 0)
        return failed;
    if (o->common.help) {
        options_help(&help, rows, count);
        return 0;
    }
    if (argc - first > 1)
        return sd_fail(err, EINVAL, "one lesson at a time, not '%s' too", argv[first + 1]);
    o->word = first < argc ? argv[first] : NULL;
    return check_words(o, err);
}

static int play_one(const struct lesson_options *o, const struct find_entry *entry, struct progress *progress)
{
    struct lesson *lesson = NULL;
    struct sd_err err = {0};
    int status;
    if (lesson_load(&lesson, entry->path, i18n_language(), &err) != 0)
        return cmd_fail("lesson", "%s", err.text);
    if (o->hints)
        status = lesson_hints(o, lesson);
    else if (o->check != NULL)
        status = lesson_check(o, lesson, progress);
    else
        status = lesson_play(o, lesson, progress);
    lesson_free(lesson);
    return status;
}

/* The worst of two exit statuses. */
static int worse(int a, int b)
{
    static const int ranks[] = {[CMD_OK] = 0, [CMD_PARTIAL] = 1, [CMD_NO] = 2, [CMD_ERROR] = 3};
    return ranks[a] > ranks[b] ? a : b;
}

static int play_all(const struct lesson_options *o, const struct find_list *list,
                    const struct find_entry *entry, struct progress *progress)
{
    int status = CMD_OK;
    for (size_t i = 0; i < list->count && *input_stop() == 0; i++) {
        if (entry == NULL || entry == &list->entries[i])
            status = worse(play_one(o, &list->entries[i], progress), status);
    }
    return status;
}

static int run(const struct lesson_options *o, const struct find_list *list)
{
    const struct find_entry *entry = o->word != NULL ? find_entry(list, o->word) : NULL;
    struct progress *progress = NULL;
    struct sd_err err = {0};
    if (o->word != NULL && entry == NULL)
        return cmd_fail("lesson", "there is no lesson '%s'; 'sockdiag lesson' lists them", o->word);
    if (progress_open(&progress, &err) != 0 && !o->automatic)
        cmd_fail("lesson", "%s", err.text);
    if (progress == NULL)
        return CMD_ERROR;
    input_begin();
    const int status =
        entry == NULL && !o->automatic ? lesson_list(o, list, progress) : play_all(o, list, entry, progress);
    progress_free(progress);
    input_end();
    return status;
}

int cmd_lesson(int argc, char **argv)
{
    struct lesson_options o = {0};
    struct find_list list = {0};
    struct sd_err err = {0};
    char *folder = NULL;
    int status = CMD_ERROR;
    if (parse(&o, argc, argv, &err) != 0)
        return cmd_usage("lesson", err.text);
    if (o.common.help)
        return CMD_OK;
    if (find_lessons(&folder, &err) != 0 || find_list(&list, folder, &err) != 0)
        cmd_fail("lesson", "%s", err.text);
    else
        status = run(&o, &list);
    find_list_free(&list);
    free(folder);
    return status;
}
