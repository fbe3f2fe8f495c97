#ifndef SOCKDIAG_LESSON_PROGRESS_H
#define SOCKDIAG_LESSON_PROGRESS_H

#include <stdbool.h>

#include "base/err.h"

/* What the learner has done, in progress.json of XDG_STATE_HOME/sockdiag/lessons (without it,
 * ~/.local/state/sockdiag/lessons). A state that cannot be read or written ends no lesson: the caller says so
 * once, and goes on. */

struct progress;

/* Always makes one, empty where the state cannot be read (then a negative errno, with `err` filled; -ENOENT
 * never: nothing has been done yet). NULL only when memory is out. progress_free() takes NULL. */
int progress_open(struct progress **progress, struct sd_err *err);
void progress_free(struct progress *progress);

/* The folder, without making it; NULL where neither XDG_STATE_HOME nor HOME says where it is. */
const char *progress_folder(const struct progress *progress);

enum progress_part {
    PROGRESS_READ,     /* gone through to the end */
    PROGRESS_EXERCISE, /* passed */
};

bool progress_has(const struct progress *progress, const char *lesson, enum progress_part part);

/* Note that a part is done, now, and write the state: what another process has noted meanwhile stays, and a
 * file that cannot be read is kept beside it as progress.json.damaged. 0 or a negative errno. */
int progress_note(struct progress *progress, const char *lesson, enum progress_part part, struct sd_err *err);

/* Make the folders of a path that are not there yet, for the user alone. Under sudo they belong to whom the
 * folder above them belongs to. 0 or a negative errno. */
int progress_make_folders(const char *path, struct sd_err *err);

#endif
