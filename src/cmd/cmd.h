#ifndef SOCKDIAG_CMD_CMD_H
#define SOCKDIAG_CMD_CMD_H

#include "base/buf.h"

/* A command: one file in this folder, one exported function, one row in main.c's table. Returns the exit
 * status. */
enum cmd_status {
    CMD_OK = 0,      /* done and all well */
    CMD_NO = 1,      /* done, and the answer is no: no reply, a problem found, framing broken */
    CMD_ERROR = 2,   /* usage or system error */
    CMD_PARTIAL = 3, /* done in part: packets lost by the capture, input damaged */
};

/* Before any command: standard descriptors that the caller closed are taken, so that no file of ours becomes
 * one of them; the language is found. CMD_OK; CMD_ERROR, without a word (there may be nowhere to say it),
 * where /dev/null is missing. */
int cmd_begin(void);

/* --lang CODE before the command: how many words of argv behind the first it took; negative after a message
 * where there is no such language. */
int cmd_language(int argc, char **argv);

int cmd_capture(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_extract(int argc, char **argv);
int cmd_ftp(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_lesson(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_sockets(int argc, char **argv);
int cmd_streams(int argc, char **argv);

/* Print a line in the user's language, with its newline, on stderr. Bytes of it that others chose, such as
 * the name of a file, are escaped: no terminal obeys them. */
__attribute__((format(printf, 1, 2))) void cmd_say(const char *format, ...);

/* The same for "sockdiag COMMAND: text", the format in the user's language (base/i18n.h);
 * returns CMD_ERROR, so that callers write `return cmd_fail(…)`. */
__attribute__((format(printf, 2, 3))) int cmd_fail(const char *command, const char *format, ...);

/* The same with a text for a format, and "Try 'sockdiag COMMAND --help'."; returns CMD_ERROR. */
int cmd_usage(const char *command, const char *text);

/* Write to stdout all of it; a full disk or a closed pipe is an error with a message, not silence. 0 or
 * -errno. */
int cmd_write_stdout(const void *data, unsigned long len);

/* Append "7, 12": those of the numbers that were not found, the first few of them. Returns how many. */
size_t cmd_list_missing(struct buf *out, const uint64_t *numbers, const bool *found, size_t count);

#endif
