#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "cmd/cmd.h"

int cmd_begin(void)
{
    return io_reserve_standard() == 0 ? CMD_OK : CMD_ERROR;
}

int cmd_fail(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "sockdiag %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return CMD_ERROR;
}

int cmd_usage(const char *command, const char *text)
{
    cmd_fail(command, "%s", text);
    fprintf(stderr, "Try 'sockdiag %s --help'.\n", command);
    return CMD_ERROR;
}

int cmd_write_stdout(const void *data, unsigned long len)
{
    fflush(stdout);
    int failed = io_write_all(1, data, len);
    if (failed != 0 && failed != -EPIPE)
        fprintf(stderr, "sockdiag: cannot write the output: %s\n", strerror(-failed));
    return failed;
}
