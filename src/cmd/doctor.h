#ifndef SOCKDIAG_CMD_DOCTOR_H
#define SOCKDIAG_CMD_DOCTOR_H

#include <stdbool.h>

#include "cmd/options.h"
#include "cmd/screen.h"

/* What the files of `doctor` share: checks, which look at one thing each and change nothing on the machine.
 */

enum doctor_verdict {
    DOCTOR_WORKS,
    DOCTOR_NOTE,  /* works, but not all of it, or not for everybody */
    DOCTOR_FAILS, /* something that an ordinary user needs does not work */
    DOCTOR_VERDICTS,
};

struct doctor_finding {
    enum doctor_verdict verdict;
    char text[400];   /* in the user's language */
    char remedy[200]; /* the command that helps; "": none does */
};

#define DOCTOR_MOST 12

/* What a check found: one finding, or one for each interface, module, … Findings beyond DOCTOR_MOST are
 * counted. Lies in memory that the check's process shares. */
struct doctor_report {
    unsigned count;
    struct doctor_finding finding[DOCTOR_MOST];
};

/* `format` and `remedy` come translated; remedy NULL: none. */
__attribute__((format(printf, 4, 5))) void doctor_say(struct doctor_report *report,
                                                      enum doctor_verdict verdict, const char *remedy,
                                                      const char *format, ...);

/* The number in a file of /proc/sys or the like; `otherwise` where it cannot be read. The text, without the
 * line's end; false where it cannot. */
long doctor_number(const char *path, long otherwise);
bool doctor_text(const char *path, char *text, size_t size);

struct doctor_context {
    const struct screen_options *screen;
    const struct options_common *common;
};

typedef void doctor_probe(struct doctor_report *report, const struct doctor_context *context);

/* ---- the checks ---- */

/* doctor_rights.c */
doctor_probe doctor_user, doctor_raw, doctor_packet, doctor_ping_socket, doctor_recorder, doctor_snapshots;
/* doctor_rooms.c */
doctor_probe doctor_namespaces, doctor_lab, doctor_sandbox, doctor_kernel, doctor_limits, doctor_proc;
/* doctor_network.c */
doctor_probe doctor_offloads, doctor_stamps, doctor_modules, doctor_settings;
/* doctor_screen.c */
doctor_probe doctor_terminal, doctor_color, doctor_locale, doctor_language, doctor_programs, doctor_state;

#endif
