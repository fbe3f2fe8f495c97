#ifndef SOCKDIAG_BASE_EXEC_H
#define SOCKDIAG_BASE_EXEC_H

/* Why execvp(file) failed, given its errno. It says EACCES also where no such program exists and a directory
 * of PATH may not be searched; then the answer is ENOENT, as a shell's is. */
int exec_error(const char *file, int code);

#endif
