#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/i18n.h"
#include "base/io.h"
#include "cmd/cmd.h"

int cmd_begin(void)
{
    if (io_reserve_standard() != 0)
        return CMD_ERROR;
    i18n_begin();
    return CMD_OK;
}

static int take_language(const char *code)
{
    struct sd_err err = {0};
    int failed = code != NULL ? i18n_use(code, &err)
                              : sd_fail(&err, EINVAL, "--%s needs an argument (%s)", "lang", _("CODE"));
    if (failed != 0)
        fprintf(stderr, "sockdiag: %s\n", err.text);
    return failed;
}

int cmd_language(int argc, char **argv)
{
    int taken = 0;
    while (taken + 1 < argc) {
        const char *word = argv[taken + 1], *code = NULL;
        if (strcmp(word, "--lang") == 0)
            code = argv[taken + 2];
        else if (strncmp(word, "--lang=", 7) == 0)
            code = word + 7;
        else
            break;
        if (take_language(code) != 0)
            return -1;
        taken += word[6] == '=' ? 1 : 2;
    }
    return taken;
}

int cmd_fail(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "sockdiag %s: ", command);
    vfprintf(stderr, _(format), args);
    fputc('\n', stderr);
    va_end(args);
    return CMD_ERROR;
}

int cmd_usage(const char *command, const char *text)
{
    cmd_fail(command, "%s", _(text));
    fprintf(stderr, _("Try 'sockdiag %s --help'.\n"), command);
    return CMD_ERROR;
}

int cmd_write_stdout(const void *data, unsigned long len)
{
    fflush(stdout);
    int failed = io_write_all(1, data, len);
    if (failed != 0 && failed != -EPIPE)
        fprintf(stderr, _("sockdiag: cannot write the output: %s\n"), sd_errno_text(-failed));
    return failed;
}
