#ifndef SOCKDIAG_LESSON_LOAD_PRIVATE_H
#define SOCKDIAG_LESSON_LOAD_PRIVATE_H

#include "lesson/lesson.h"

/* Read the steps of lesson->json, whose file is `path`, against lesson->text. 0 or a negative errno. */
int load_steps(struct lesson *lesson, const char *path, struct sd_err *err);

#endif
