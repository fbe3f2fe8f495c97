#include <assert.h>
#include <errno.h>

#include "ftp/ftp.h"

const char *const ftp_bug_names[] = {"none", "size-chars", "size-overrun", "short-send"};
static_assert(sizeof ftp_bug_names / sizeof ftp_bug_names[0] == FTP_BUG_COUNT, "a name for each bug");

int ftp_manner_check(const struct ftp_manner *manner, struct sd_err *err)
{
    const bool counts = manner->bug == FTP_BUG_SIZE_CHARS || manner->bug == FTP_BUG_SIZE_OVERRUN;
    if (counts && !manner->framing->body_sized)
        return sd_fail(
            err, EINVAL,
            "the bug %s is one of counting, and framing %s counts nothing: its bodies end with the "
            "stream; use it with size or length",
            ftp_bug_names[manner->bug], manner->framing->name);
    return 0;
}

bool ftp_answered_no(int failed)
{
    switch (-failed) {
    case EPROTO:
    case EREMOTEIO:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
        return true;
    default:
        return false;
    }
}
