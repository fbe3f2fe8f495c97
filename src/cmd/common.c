#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/text.h"
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
        cmd_say("sockdiag: %s\n", err.text);
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

/* The one place where what others chose gets to stderr. */
static void print_message(struct buf *message)
{
    struct buf safe = {0};
    const size_t len = message->len;
    text_escape_message(&safe, message->data, len > 0 && message->data[len - 1] == '\n' ? len - 1 : len);
    if (message->failed || safe.failed)
        fprintf(stderr, "sockdiag: %s", _("out of memory\n"));
    else
        fprintf(stderr, "%s\n", buf_cstr(&safe));
    buf_free(&safe);
    buf_free(message);
}

void cmd_say(const char *format, ...)
{
    struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    print_message(&message);
}

int cmd_fail(const char *command, const char *format, ...)
{
    struct buf message = {0};
    va_list args;
    va_start(args, format);
    buf_printf(&message, "sockdiag %s: ", command);
    buf_vprintf(&message, _(format), args);
    va_end(args);
    print_message(&message);
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

size_t cmd_list_missing(struct buf *out, const uint64_t *numbers, const bool *found, size_t count)
{
    enum {
        SHOWN = 8,
    };
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (!found[i] && missing++ < SHOWN)
            buf_printf(out, "%s%llu", out->len > 0 ? ", " : "", (unsigned long long)numbers[i]);
    }
    if (missing > SHOWN)
        buf_text(out, ", …");
    return missing;
}
