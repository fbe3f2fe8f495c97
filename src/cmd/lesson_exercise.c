#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "cmd/cmd.h"
#include "cmd/lesson.h"
#include "lesson/folder.h"

/* The exercise: a broken program in a folder of the learner's, who mends it and has it judged. */

struct workshop {
    struct play *play;
    const struct lesson_exercise *exercise;
    char folder[4096];
    size_t hints_given;
};

/* ---- the folder ---- */

static int choose_folder(struct workshop *w)
{
    const struct play *play = w->play;
    const char *state = play->progress != NULL ? progress_folder(play->progress) : NULL;
    int len;
    if (play->options->dir != NULL)
        len = snprintf(w->folder, sizeof w->folder, "%s", play->options->dir);
    else if (state != NULL)
        len = snprintf(w->folder, sizeof w->folder, "%s/%02u-%s", state, play->lesson->number,
                       play->lesson->name);
    else
        return sd_fail(&w->play->err, ENOENT, "there is no folder for the exercise: --dir names one");
    if (len < 0 || (size_t)len >= sizeof w->folder)
        return sd_fail(&w->play->err, ENAMETOOLONG, "the name of the exercise's folder is too long");
    return progress_make_folders(w->folder, &w->play->err);
}

/* The given programs; what the learner has there already stays. `kept`: there was something. */
static int fill_folder(struct workshop *w, bool *kept)
{
    char path[4300];
    *kept = false;
    for (size_t i = 0; i < w->exercise->program_count; i++) {
        snprintf(path, sizeof path, "%s/exercise/%s", w->play->lesson->folder, w->exercise->programs[i]);
        const int failed = folder_copy_file(path, w->folder, &w->play->err);
        if (failed != 0 && failed != -EEXIST)
            return failed;
        *kept = *kept || failed == -EEXIST;
    }
    return 0;
}

static enum play_end open_workshop(struct workshop *w)
{
    struct buf text = {0};
    bool kept = false;
    if (choose_folder(w) != 0 || fill_folder(w, &kept) != 0)
        return PLAY_ERROR;
    buf_printf(&text, kept ? _("In %s there are, from the last time:") : _("In %s there are:"), w->folder);
    for (size_t i = 0; i < w->exercise->program_count; i++)
        buf_printf(&text, "%s %s", i > 0 ? "," : "", w->exercise->programs[i]);
    const enum play_end end = say_line(w->play, buf_cstr(&text));
    buf_free(&text);
    return end;
}

/* ---- which program ---- */

static bool same_bytes(const char *a, const char *b)
{
    FILE *x = fopen(a, "re"), *y = fopen(b, "re");
    bool same = x != NULL && y != NULL;
    int c = 0;
    while (same && c != EOF) {
        c = getc(x);
        same = getc(y) == c;
    }
    if (x != NULL)
        fclose(x);
    if (y != NULL)
        fclose(y);
    return same;
}

static bool is_later(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* The program that the learner works on: of those that are no longer as they were given the one that was
 * written last; the first where none is. */
static void choose_program(const struct workshop *w, char path[4300])
{
    struct stat best = {0}, info;
    bool any = false;
    snprintf(path, 4300, "%s/%s", w->folder, w->exercise->programs[0]);
    for (size_t i = 0; i < w->exercise->program_count; i++) {
        char mine[4300], given[4300];
        snprintf(mine, sizeof mine, "%s/%s", w->folder, w->exercise->programs[i]);
        snprintf(given, sizeof given, "%s/exercise/%s", w->play->lesson->folder, w->exercise->programs[i]);
        if (stat(mine, &info) != 0 || same_bytes(mine, given) || (any && !is_later(&info, &best)))
            continue;
        any = true;
        best = info;
        memcpy(path, mine, sizeof mine);
    }
}

/* ---- what is typed ---- */

static enum play_end check(struct workshop *w)
{
    struct buf text = {0};
    char path[4300];
    choose_program(w, path);
    buf_printf(&text, _("%s is tried in one network after the other:"), strrchr(path, '/') + 1);
    enum play_end end = say_line(w->play, buf_cstr(&text));
    buf_free(&text);
    if (end == PLAY_ON)
        end = check_program(w->play, path, strrchr(path, '/') + 1);
    if (end != PLAY_ERROR)
        return end;
    cmd_fail("lesson", "%s", w->play->err.text); /* the learner may do something about it */
    w->play->err = (struct sd_err){0};
    return PLAY_ON;
}

static enum play_end hint(struct workshop *w)
{
    if (w->hints_given < w->exercise->hint_count)
        return say_section(w->play, w->exercise->hints[w->hints_given++], MARKDOWN_BODY);
    return say_line(w->play, w->exercise->hint_count > 0 ? _("There are no more hints.")
                                                         : _("This exercise has no hints."));
}

/* `name`: "receiver.c", or "" for the one that is worked on. */
static enum play_end edit(struct workshop *w, const char *name)
{
    const char *editor = getenv("VISUAL");
    struct buf command = {0};
    char path[4300];
    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        return say_line(w->play, _("EDITOR names no editor. Edit the file in another terminal."));
    choose_program(w, path);
    for (size_t i = 0; i < w->exercise->program_count; i++) {
        if (strcmp(w->exercise->programs[i], name) == 0)
            snprintf(path, sizeof path, "%s/%s", w->folder, name);
    }
    buf_printf(&command, "exec %s \"$1\"", editor);
    const pid_t pid = command.failed ? -1 : input_lend(buf_cstr(&command), path, -1);
    const int status = pid > 0 ? input_take_back(pid) : 127;
    buf_free(&command);
    input_forget_interrupt(); /* it was the editor's */
    return status == 127 ? say_line(w->play, _("The editor could not be started.")) : PLAY_ON;
}

static enum play_end obey(struct workshop *w, const char *line, bool *left)
{
    if (line[0] == '\0')
        return check(w);
    if (strcmp(line, "h") == 0)
        return hint(w);
    if (line[0] == 'e' && (line[1] == '\0' || line[1] == ' '))
        return edit(w, line[1] == ' ' ? line + 2 : "");
    *left = strcmp(line, "s") == 0;
    return strcmp(line, "q") == 0 ? PLAY_QUIT : PLAY_ON;
}

static enum play_end work(struct workshop *w)
{
    struct buf line = {0};
    bool left = false;
    enum play_end end = PLAY_ON;
    while (end == PLAY_ON && !left && w->play->exercise != PLAY_EXERCISE_PASSED) {
        end =
            input_line(_("[Enter: check it   e: edit   h: hint   s: skip   q: quit] "), &line, &w->play->err);
        if (end == PLAY_ON)
            end = obey(w, buf_cstr(&line), &left);
    }
    buf_free(&line);
    return end;
}

/* Without a learner: what the given program does wrong. */
static enum play_end try_given(struct play *play, const struct lesson_exercise *exercise)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/exercise/%s", play->lesson->folder, exercise->programs[0]);
    const enum play_end end = check_program(play, path, exercise->programs[0]);
    if (end == PLAY_ON && play->exercise == PLAY_EXERCISE_PASSED)
        play->shown = false; /* it is wrong, and no network showed it */
    play->exercise = PLAY_EXERCISE_OPEN;
    return end;
}

enum play_end play_exercise(struct play *play, const struct lesson_step *step)
{
    struct workshop w = {.play = play, .exercise = &step->exercise};
    enum play_end end = input_pause(play, _("go on"));
    play->exercise = PLAY_EXERCISE_OPEN;
    if (end == PLAY_ON)
        end = say_section(play, step->exercise.section, MARKDOWN_ALL);
    if (end != PLAY_ON || !play->asks)
        return end != PLAY_ON ? end : try_given(play, &step->exercise);
    end = open_workshop(&w);
    return end == PLAY_ON ? work(&w) : end;
}
