#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void fill(struct sd_err *err, int code, const char *format,
                                                       va_list args)
{
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
}

int sd_fail(struct sd_err *err, int code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, format, args);
        va_end(args);
    }
    return -code;
}

int sd_fail_errno(struct sd_err *err, int code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fill(err, code, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(code));
    }
    return -code;
}

const char *sd_errno_name(int code)
{
    const char *name = strerrorname_np(code);
    return name != NULL ? name : "E?";
}
