#include "base/err.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"

/* A text that was cut is UTF-8 still: a character whose end is missing goes. */
static void drop_broken_character(char *text, size_t len)
{
    size_t behind = 0; /* bytes that continue the last character */
    while (behind < 3 && behind + 1 < len && ((unsigned char)text[len - 1 - behind] & 0xc0) == 0x80)
        behind++;
    const unsigned char first = (unsigned char)text[len - 1 - behind];
    const size_t wanted = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (behind < wanted)
        text[len - 1 - behind] = '\0';
}

__attribute__((format(printf, 3, 0))) static void fill(struct sd_err *err, int code, const char *format,
                                                       va_list args)
{
    err->code = code;
    int len = vsnprintf(err->text, sizeof err->text, _(format), args);
    if (len >= (int)sizeof err->text)
        drop_broken_character(err->text, sizeof err->text - 1);
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
        snprintf(err->text + used, sizeof err->text - used, _(": %s"), sd_errno_text(code));
    }
    return -code;
}

const char *sd_errno_name(int code)
{
    const char *name = strerrorname_np(code);
    return name != NULL ? name : "E?";
}

/* The texts are libc's, here to be translated: most machines have no catalogue of libc's. */
static const struct {
    int code;
    const char *text;
} errno_texts[] = {
    {EPERM, N_("Operation not permitted")},
    {ENOENT, N_("No such file or directory")},
    {ESRCH, N_("No such process")},
    {EINTR, N_("Interrupted system call")},
    {EIO, N_("Input/output error")},
    {ENXIO, N_("No such device or address")},
    {E2BIG, N_("Argument list too long")},
    {ENOEXEC, N_("Exec format error")},
    {EBADF, N_("Bad file descriptor")},
    {ECHILD, N_("No child processes")},
    {EAGAIN, N_("Resource temporarily unavailable")},
    {ENOMEM, N_("Cannot allocate memory")},
    {EACCES, N_("Permission denied")},
    {EFAULT, N_("Bad address")},
    {EBUSY, N_("Device or resource busy")},
    {EEXIST, N_("File exists")},
    {EXDEV, N_("Invalid cross-device link")},
    {ENODEV, N_("No such device")},
    {ENOTDIR, N_("Not a directory")},
    {EISDIR, N_("Is a directory")},
    {EINVAL, N_("Invalid argument")},
    {ENFILE, N_("Too many open files in system")},
    {EMFILE, N_("Too many open files")},
    {ENOTTY, N_("Inappropriate ioctl for device")},
    {EFBIG, N_("File too large")},
    {ENOSPC, N_("No space left on device")},
    {ESPIPE, N_("Illegal seek")},
    {EROFS, N_("Read-only file system")},
    {EPIPE, N_("Broken pipe")},
    {ERANGE, N_("Numerical result out of range")},
    {ENAMETOOLONG, N_("File name too long")},
    {ENOSYS, N_("Function not implemented")},
    {ENOTEMPTY, N_("Directory not empty")},
    {ELOOP, N_("Too many levels of symbolic links")},
    {EPROTO, N_("Protocol error")},
    {EBADMSG, N_("Bad message")},
    {EOVERFLOW, N_("Value too large for defined data type")},
    {ENOTSOCK, N_("Socket operation on non-socket")},
    {EDESTADDRREQ, N_("Destination address required")},
    {EMSGSIZE, N_("Message too long")},
    {ENOPROTOOPT, N_("Protocol not available")},
    {EPROTONOSUPPORT, N_("Protocol not supported")},
    {ESOCKTNOSUPPORT, N_("Socket type not supported")},
    {EOPNOTSUPP, N_("Operation not supported")},
    {EAFNOSUPPORT, N_("Address family not supported by protocol")},
    {EADDRINUSE, N_("Address already in use")},
    {EADDRNOTAVAIL, N_("Cannot assign requested address")},
    {ENETDOWN, N_("Network is down")},
    {ENETUNREACH, N_("Network is unreachable")},
    {ECONNABORTED, N_("Software caused connection abort")},
    {ECONNRESET, N_("Connection reset by peer")},
    {ENOBUFS, N_("No buffer space available")},
    {EISCONN, N_("Transport endpoint is already connected")},
    {ENOTCONN, N_("Transport endpoint is not connected")},
    {ETIMEDOUT, N_("Connection timed out")},
    {ECONNREFUSED, N_("Connection refused")},
    {EHOSTDOWN, N_("Host is down")},
    {EHOSTUNREACH, N_("No route to host")},
    {EALREADY, N_("Operation already in progress")},
    {EINPROGRESS, N_("Operation now in progress")},
    {EDQUOT, N_("Disk quota exceeded")},
};

const char *sd_errno_text(int code)
{
    for (size_t i = 0; i < sizeof errno_texts / sizeof errno_texts[0]; i++) {
        if (errno_texts[i].code == code)
            return _(errno_texts[i].text);
    }
    return strerror(code);
}

static const char *const resolve_texts[] = {
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("Non-recoverable failure in name resolution"),
    N_("No address associated with hostname"),
    N_("Address family for hostname not supported"),
    N_("Servname not supported for ai_socktype"),
};

const char *sd_resolve_text(int code)
{
    const char *text = code == EAI_SYSTEM ? sd_errno_text(errno) : gai_strerror(code);
    for (size_t i = 0; i < sizeof resolve_texts / sizeof resolve_texts[0]; i++) {
        if (strcmp(resolve_texts[i], text) == 0)
            return _(resolve_texts[i]);
    }
    return text;
}
