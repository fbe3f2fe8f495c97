#include "lesson/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

#define FILE_NAME "progress.json"

struct progress {
    char *folder;
    json_t *lessons; /* {"sticky": {"read": "2026-11-23T08:00:00Z", "exercise": "…"}} */
};

static const char *const parts[] = {[PROGRESS_READ] = "read", [PROGRESS_EXERCISE] = "exercise"};

/* ---- the folder ---- */

/* NULL, and errno 0, where nothing says where it is. */
static char *find_folder(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *folder = NULL;
    int len = 0;
    errno = 0;
    if (state != NULL && state[0] == '/') /* a relative one is invalid, says the specification */
        len = asprintf(&folder, "%s/sockdiag/lessons", state);
    else if (home != NULL && home[0] == '/')
        len = asprintf(&folder, "%s/.local/state/sockdiag/lessons", home);
    return len > 0 ? folder : NULL;
}

/* What root makes in somebody's folder is that one's. */
static void give_away(const char *path)
{
    char above[4096];
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (geteuid() != 0 || slash == NULL)
        return;
    snprintf(above, sizeof above, "%.*s/", (int)(slash - path), path);
    if (stat(above, &info) == 0 && info.st_uid != 0 && lchown(path, info.st_uid, info.st_gid) != 0)
        return; /* it stays root's, who can use it */
}

int progress_make_folders(const char *path, struct sd_err *err)
{
    char part[4096];
    if (strlen(path) >= sizeof part)
        return sd_fail_errno(err, ENAMETOOLONG, "cannot make the folder %.200s", path);
    for (const char *end = path; *end != '\0';) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0700) == 0)
            give_away(part);
        else if (errno != EEXIST && errno != EISDIR && (errno != EROFS || access(part, F_OK) != 0))
            return sd_fail_errno(err, errno, "cannot make the folder %s", part);
    }
    return 0;
}

const char *progress_folder(const struct progress *progress)
{
    return progress->folder;
}

/* ---- reading ---- */

static void file_path(char *path, size_t size, const struct progress *p, const char *suffix)
{
    snprintf(path, size, "%s/" FILE_NAME "%s", p->folder, suffix);
}

/* The state in the file; an empty one where there is none. NULL where it cannot be read, and `err` tells. */
static json_t *read_state(const struct progress *p, struct sd_err *err)
{
    char path[4200];
    json_error_t where;
    file_path(path, sizeof path, p, "");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return json_object();
    if (fd < 0) {
        sd_fail_errno(err, errno, "cannot read what is done, %s", path);
        return NULL;
    }
    json_t *file = json_loadfd(fd, JSON_REJECT_DUPLICATES, &where);
    json_t *lessons = json_object_get(file, "lessons");
    const bool whole = json_is_object(lessons);
    if (whole)
        json_incref(lessons);
    else
        sd_fail(err, EBADMSG, "what is done cannot be told: %s is damaged", path);
    json_decref(file);
    io_close(&fd);
    return whole ? lessons : NULL;
}

int progress_open(struct progress **progress, struct sd_err *err)
{
    struct progress *p = calloc(1, sizeof *p);
    *progress = p;
    if (p == NULL)
        return sd_fail(err, ENOMEM, "out of memory");
    p->folder = find_folder();
    if (p->folder == NULL) {
        p->lessons = json_object();
        return sd_fail(err, EINVAL, "what is done is not kept: neither HOME nor XDG_STATE_HOME is set");
    }
    p->lessons = read_state(p, err);
    if (p->lessons != NULL)
        return 0;
    p->lessons = json_object();
    return -EBADMSG;
}

void progress_free(struct progress *progress)
{
    if (progress == NULL)
        return;
    json_decref(progress->lessons);
    free(progress->folder);
    free(progress);
}

bool progress_has(const struct progress *progress, const char *lesson, enum progress_part part)
{
    const json_t *entry = json_object_get(progress->lessons, lesson);
    return json_is_string(json_object_get(entry, parts[part]));
}

/* ---- writing ---- */

static json_t *now(void)
{
    char text[32];
    const time_t seconds = (time_t)(clock_real_ns() / NS_PER_S);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return NULL;
    return json_string(text);
}

/* A new file in the place of the old one, whole or not at all. */
static int write_state(const struct progress *p, struct sd_err *err)
{
    char path[4200], fresh[4200];
    json_t *file = json_pack("{sisO}", "version", 1, "lessons", p->lessons);
    char *text = file != NULL ? json_dumps(file, JSON_INDENT(2)) : NULL;
    int failed = text == NULL ? -ENOMEM : 0, fd = -1;
    file_path(path, sizeof path, p, "");
    file_path(fresh, sizeof fresh, p, ".new");
    if (failed == 0) {
        fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        failed = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
    }
    if (failed == 0 && fsync(fd) != 0)
        failed = -errno;
    io_close(&fd);
    if (failed == 0) {
        give_away(fresh);
        failed = rename(fresh, path) != 0 ? -errno : 0;
    }
    if (failed != 0)
        unlink(fresh);
    free(text);
    json_decref(file);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot write what is done, %s", path);
}

/* Take what the file has now; one that is damaged goes out of the way. */
static void read_again(struct progress *p)
{
    char path[4200], aside[4200];
    json_t *lessons = read_state(p, NULL);
    if (lessons == NULL) {
        file_path(path, sizeof path, p, "");
        file_path(aside, sizeof aside, p, ".damaged");
        (void)rename(path, aside); /* where that fails, writing does too, and says so */
        return;
    }
    json_object_update_missing(lessons, p->lessons);
    json_decref(p->lessons);
    p->lessons = lessons;
}

static int note(struct progress *p, const char *lesson, enum progress_part part, struct sd_err *err)
{
    read_again(p);
    json_t *entry = json_object_get(p->lessons, lesson);
    if (!json_is_object(entry)) {
        json_object_set_new(p->lessons, lesson, json_object());
        entry = json_object_get(p->lessons, lesson);
    }
    if (json_object_set_new(entry, parts[part], now()) != 0)
        return sd_fail(err, ENOMEM, "out of memory");
    return write_state(p, err);
}

int progress_note(struct progress *progress, const char *lesson, enum progress_part part, struct sd_err *err)
{
    if (progress->folder == NULL)
        return sd_fail(err, EINVAL, "what is done is not kept: neither HOME nor XDG_STATE_HOME is set");
    int failed = progress_make_folders(progress->folder, err);
    if (failed != 0)
        return failed;
    int folder = open(progress->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return sd_fail_errno(err, errno, "cannot open %s", progress->folder);
    (void)flock(folder, LOCK_EX); /* where there are no locks, two lessons at a time may lose a note */
    failed = note(progress, lesson, part, err);
    io_close(&folder);
    return failed;
}
