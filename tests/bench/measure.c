/* Run a program and tell its wall and processor seconds and its peak memory in MiB. Peak memory counts from
 * fork(2) on, so that who starts the program must be small: this is.
 *
 *     measure PROGRAM [ARGUMENTS…]       its input and output are /dev/null
 *
 * Prints "WALL CPU MIB STATUS". MEASURE_FIRST=1: instead, WALL is the time to its first byte of output, and
 * then it is killed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    const int first = getenv("MEASURE_FIRST") != NULL;
    int ends[2], status = 0;
    char byte;
    if (argc < 2 || pipe(ends) != 0)
        return 2;
    const double began = now();
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        if (dup2(null, 0) < 0 || dup2(first ? ends[1] : null, 1) < 0 || dup2(null, 2) < 0)
            _exit(126);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    double wall = 0;
    if (first) {
        close(ends[1]);
        if (read(ends[0], &byte, 1) < 0)
            return 1;
        wall = now() - began;
        kill(pid, SIGKILL);
    }
    struct rusage used;
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
        return 1;
    if (!first)
        wall = now() - began;
    printf("%.6f %.6f %.1f %d\n", wall, seconds(used.ru_utime) + seconds(used.ru_stime),
           (double)used.ru_maxrss / 1024, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
