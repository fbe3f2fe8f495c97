#ifndef SOCKDIAG_BASE_EXEC_H
#define SOCKDIAG_BASE_EXEC_H

/* Become the program argv[0], sought in PATH, with the environment that sockdiag was given. Returns only
 * where that failed: why, as exec_error says. */
int exec_program(char *const *argv);

/* Why execvp(file) failed, given its errno. It says EACCES also where no such program exists and a directory
 * of PATH may not be searched; then the answer is ENOENT, as a shell's is. */
int exec_error(const char *file, int code);

#endif
