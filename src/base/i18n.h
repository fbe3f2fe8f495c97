#ifndef SOCKDIAG_BASE_I18N_H
#define SOCKDIAG_BASE_I18N_H

#include <libintl.h>

#include "base/err.h"

/* Messages in the user's language (gettext). A text that is printed where it stands is `_("text")`; one in a
 * table is marked `N_("text")` there and translated by who prints it; sd_fail, sd_fail_errno, cmd_fail and
 * cmd_usage translate their formats themselves. Names are not translated: options, fields of protocols,
 * errno values, keys of JSON, words of files. docs/ARCHITECTURE.md tells more. */

/* The text in the language in force. Nothing is looked up for the empty text, which stands for a catalogue's
 * head. */
__attribute__((format_arg(1))) static inline const char *i18n_text(const char *text)
{
    return text[0] != '\0' ? gettext(text) : text;
}
#define _(text) i18n_text(text)
#define N_(text) text

/* The first thing that main does: take the language from LANGUAGE, LC_ALL, LC_MESSAGES and LANG as gettext(3)
 * says, whether or not this machine has that locale. Numbers, characters and times stay those of the C
 * locale. Without a catalogue for it, English. The catalogue is in memory afterwards, so that nothing is
 * opened later, when that may be forbidden. */
void i18n_begin(void);

/* The language that --lang names: zh_CN, zh-cn, zh, en. 0, or -EINVAL with a list of those that there are. */
int i18n_use(const char *code, struct sd_err *err);

/* English from here on, whatever is said later: what programs read is never translated, and ASCII has no
 * other. */
void i18n_off(void);

/* The language in force: "en", or the catalogue's name ("zh_CN"). */
const char *i18n_language(void);

/* Open the file of the catalogue in force, for who runs this program where that file is not. -1: English
 * needs none, or it cannot be opened. */
int i18n_catalogue_open(void);

/* gettext hears of a language by the environment only (LANGUAGE), and programs that are started should
 * inherit the environment as it was given. Between these two calls it is that again, and messages are in
 * English. */
void i18n_environment_restore(void);
void i18n_environment_resume(void);

#endif
