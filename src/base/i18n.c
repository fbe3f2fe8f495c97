#include "base/i18n.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How gettext is brought to a language without its locale. gettext(3) looks up the catalogue of the locale's
 * name, and setlocale(3) takes only locales that the machine has; but in every locale other than C it prefers
 * what LANGUAGE names. So the locale is C.UTF-8, which is C with another name, and LANGUAGE is the catalogue
 * that was found here. One way for all: an installed locale, a missing one, --lang. */

#define DOMAIN "sockdiag"
#define CODE_MOST 16

static struct {
    char language[CODE_MOST]; /* "": English */
    char *given;              /* LANGUAGE as the environment had it, NULL: it had none */
    bool changed;             /* it has another one now */
    bool off;
} state;

/* ---- catalogues ---- */

/* Where catalogues lie: beside the program, as in the source tree, and where they are installed. */
#define FOLDERS 2

static const char *folder_at(size_t i, char space[PATH_MAX])
{
    if (i > 0)
        return SOCKDIAG_LOCALEDIR;
    const ssize_t len = readlink("/proc/self/exe", space, PATH_MAX - sizeof "locale");
    char *name = len > 0 ? memrchr(space, '/', (size_t)len) : NULL;
    if (name == NULL)
        return SOCKDIAG_LOCALEDIR;
    strcpy(name + 1, "locale");
    return space;
}

static void catalogue_path(char path[PATH_MAX + 64], const char *folder, const char *code)
{
    snprintf(path, PATH_MAX + 64, "%s/%s/LC_MESSAGES/" DOMAIN ".mo", folder, code);
}

static bool is_catalogue(const char *folder, const char *code)
{
    char path[PATH_MAX + 64];
    catalogue_path(path, folder, code);
    return access(path, R_OK) == 0;
}

/* Is the catalogue `entry` meant by `code`? By its name in any case, or by the language alone. */
static bool is_meant(const char *entry, const char *code)
{
    const size_t len = strlen(code);
    return strcasecmp(entry, code) == 0 || (strncasecmp(entry, code, len) == 0 && entry[len] == '_');
}

/* Call for each catalogue of a folder, until one says true. */
static bool each_catalogue(const char *folder, bool (*call)(const char *code, void *context), void *context)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;
    while (!found && dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < CODE_MOST &&
            is_catalogue(folder, entry->d_name))
            found = call(entry->d_name, context);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

struct search {
    const char *wanted;
    char found[CODE_MOST];
};

static bool matches(const char *code, void *context)
{
    struct search *search = context;
    if (!is_meant(code, search->wanted))
        return false;
    strcpy(search->found, code);
    return true;
}

/* The folder with the catalogue for a code as people write it, "zh-cn", "zh_CN.UTF-8", and the catalogue's
 * name; or NULL. */
static const char *find_catalogue(const char *code, char space[PATH_MAX], char found[CODE_MOST])
{
    char wanted[CODE_MOST];
    struct search search = {.wanted = wanted};
    const size_t len = strcspn(code, ".@");
    if (len == 0 || len >= sizeof wanted)
        return NULL;
    memcpy(wanted, code, len);
    wanted[len] = '\0';
    for (char *c = wanted; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    for (size_t i = 0; i < FOLDERS; i++) {
        const char *folder = folder_at(i, space);
        if (each_catalogue(folder, matches, &search)) {
            strcpy(found, search.found);
            return folder;
        }
    }
    return NULL;
}

static bool is_english(const char *code)
{
    const size_t len = strcspn(code, ".@_-");
    return (len == 2 && strncasecmp(code, "en", 2) == 0) || (len == 1 && code[0] == 'C') ||
           strcmp(code, "POSIX") == 0;
}

/* ---- the language in force ---- */

static bool set_locale(void)
{
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_MESSAGES, names[i]) != NULL) {
            setlocale(LC_CTYPE, names[i]); /* what libc translates is to arrive in UTF-8 */
            return true;
        }
    }
    return false;
}

void i18n_environment_restore(void)
{
    if (!state.changed)
        return;
    if (state.given != NULL)
        setenv("LANGUAGE", state.given, 1);
    else
        unsetenv("LANGUAGE");
    setlocale(LC_MESSAGES, "C");
}

void i18n_environment_resume(void)
{
    if (!state.changed)
        return;
    setenv("LANGUAGE", state.language, 1);
    set_locale();
}

static void use_english(void)
{
    i18n_environment_restore();
    state.changed = false;
    state.language[0] = '\0';
    setlocale(LC_MESSAGES, "C");
}

/* False where the machine has no locale but C, in which nothing is translated. */
static bool use_catalogue(const char *folder, const char *code)
{
    snprintf(state.language, sizeof state.language, "%s", code);
    state.changed = setenv("LANGUAGE", code, 1) == 0;
    if (!state.changed || !set_locale() || bindtextdomain(DOMAIN, folder) == NULL ||
        bind_textdomain_codeset(DOMAIN, "UTF-8") == NULL || textdomain(DOMAIN) == NULL) {
        use_english();
        return false;
    }
    (void)gettext("");      /* read the catalogue, */
    (void)strerror(EINVAL); /* and libc's own */
    return true;
}

/* A terminal of another character set than UTF-8 cannot show what is not ASCII. */
static bool is_utf8(const char *locale)
{
    return strchr(locale, '.') == NULL || strcasestr(locale, "utf-8") != NULL ||
           strcasestr(locale, "utf8") != NULL;
}

/* The first of the environment's languages that there is. */
static void follow_environment(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    const char *list = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && (list == NULL || list[0] == '\0'); i++)
        list = getenv(names[i]);
    if (list == NULL || list[0] == '\0' || strcmp(list, "C") == 0 || strcmp(list, "POSIX") == 0 ||
        !is_utf8(list))
        return; /* then LANGUAGE says nothing either */
    if (state.given != NULL && state.given[0] != '\0')
        list = state.given;
    while (*list != '\0') {
        char one[32], space[PATH_MAX], code[CODE_MOST];
        const size_t len = strcspn(list, ":");
        snprintf(one, sizeof one, "%.*s", (int)(len < sizeof one ? len : 0), list);
        if (is_english(one))
            return;
        const char *folder = find_catalogue(one, space, code);
        if (folder != NULL) {
            use_catalogue(folder, code);
            return;
        }
        list += len;
        list += *list == ':';
    }
}

void i18n_begin(void)
{
    const char *language = getenv("LANGUAGE");
    state.given = language != NULL ? strdup(language) : NULL;
    follow_environment();
}

static bool list_one(const char *code, void *context)
{
    char *list = context;
    const size_t len = strlen(list);
    if (strstr(list, code) == NULL)
        snprintf(list + len, 160 - len, ", %s", code);
    return false;
}

int i18n_use(const char *code, struct sd_err *err)
{
    char space[PATH_MAX], found[CODE_MOST], list[160] = "en";
    if (is_english(code)) {
        use_english();
        return 0;
    }
    const char *folder = find_catalogue(code, space, found);
    if (folder != NULL) {
        if (state.off || use_catalogue(folder, found))
            return 0;
        return sd_fail(err, ENOTSUP,
                       "this machine has no locale but C (no C.UTF-8), so nothing can be translated");
    }
    for (size_t i = 0; i < FOLDERS; i++)
        each_catalogue(folder_at(i, space), list_one, list);
    return sd_fail(err, EINVAL, "there is no language '%s'; there are: %s", code, list);
}

void i18n_off(void)
{
    state.off = true;
    use_english();
}

const char *i18n_language(void)
{
    return state.language[0] != '\0' ? state.language : "en";
}

int i18n_catalogue_open(void)
{
    char space[PATH_MAX], found[CODE_MOST], path[PATH_MAX + 64];
    const char *folder = state.language[0] != '\0' ? find_catalogue(state.language, space, found) : NULL;
    if (folder == NULL)
        return -1;
    catalogue_path(path, folder, found);
    return open(path, O_RDONLY | O_CLOEXEC);
}
