#ifndef SOCKDIAG_BASE_ERR_H
#define SOCKDIAG_BASE_ERR_H

/* What went wrong, filled in at the place that knows the cause and printed only by a command. */
struct sd_err {
    int code;       /* positive errno, 0 when nothing was reported */
    char text[480]; /* what failed, on what, why, what to do; no newline at the end */
};

/* Fill `err` (may be NULL) with a formatted message, in the user's language (base/i18n.h), and return -code,
 * so that callers write `return sd_fail(…)`. */
__attribute__((format(printf, 3, 4))) int sd_fail(struct sd_err *err, int code, const char *format, ...);

/* As sd_fail, with ": " and the text of errno value `code` appended. */
__attribute__((format(printf, 3, 4))) int sd_fail_errno(struct sd_err *err, int code, const char *format,
                                                        ...);

/* What an errno value means, in the user's language; as strerror(3). */
const char *sd_errno_text(int code);

/* What getaddrinfo(3) returned, called with errno as it is now, in the user's language. */
const char *sd_resolve_text(int code);

/* The symbolic name of an errno value ("ECONNRESET"), or "E?" where it has none. Static storage. */
const char *sd_errno_name(int code);

#endif
