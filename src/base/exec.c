#include "base/exec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"

int exec_program(char *const *argv)
{
    i18n_environment_restore();
    execvp(argv[0], argv);
    const int code = exec_error(argv[0], errno);
    i18n_environment_resume();
    return code;
}

int exec_error(const char *file, int code)
{
    const char *path = getenv("PATH");
    if (code != EACCES || strchr(file, '/') != NULL || path == NULL)
        return code;
    for (;;) {
        char name[PATH_MAX];
        const size_t len = strcspn(path, ":");
        int n = snprintf(name, sizeof name, "%.*s/%s", len > 0 ? (int)len : 1, len > 0 ? path : ".", file);
        if (n > 0 && (size_t)n < sizeof name && access(name, F_OK) == 0)
            return EACCES; /* there is one, and it is not executable */
        if (path[len] == '\0')
            return ENOENT;
        path += len + 1;
    }
}
