#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "lesson/confine_private.h"

/* What the processes of a sandbox use, by its /proc. They come and go while it is read. */

/* The file's beginning; its length, 0 where the process has just ended. */
static size_t read_bytes(int proc, const char *pid, const char *file, char *text, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "%s%s%s", pid, *pid != '\0' ? "/" : "", file);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = io_read_full(fd, text, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

static bool read_text(int proc, const char *pid, const char *file, char *text, size_t size)
{
    const size_t n = read_bytes(proc, pid, file, text, size - 1);
    text[n] = '\0';
    return n > 0;
}

/* Threads are field 20 of /proc/PID/stat (proc(5)); the command's name in it may hold anything but is
 * followed by the last parenthesis. */
static unsigned threads_of(int proc, const char *pid)
{
    char text[1024];
    if (!read_text(proc, pid, "stat", text, sizeof text))
        return 0;
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 20; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? (unsigned)strtoul(at, NULL, 10) : 1;
}

static void add_process(int proc, const char *pid, void *context)
{
    struct confine_usage *usage = context;
    char text[128];
    unsigned long long size = 0, resident = 0, shared = 0;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    usage->processes += threads_of(proc, pid);
    if (!read_text(proc, pid, "statm", text, sizeof text) ||
        sscanf(text, "%llu %llu %llu", &size, &resident, &shared) != 3)
        return;
    usage->addresses += size * page;
    usage->memory += resident > shared ? (resident - shared) * page : 0;
}

/* Each process but init; 0 or a negative errno. */
static int each_process(int proc, void (*use)(int proc, const char *pid, void *context), void *context)
{
    const struct dirent *entry;
    int own = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own >= 0 ? fdopendir(own) : NULL;
    if (stream == NULL) {
        const int code = errno;
        io_close(&own);
        return -code;
    }
    while ((entry = readdir(stream)) != NULL) {
        const char *pid = entry->d_name;
        if (*pid >= '0' && *pid <= '9' && strcmp(pid, "1") != 0)
            use(proc, pid, context);
    }
    closedir(stream);
    return 0;
}

int confine_count(int proc, struct confine_usage *usage)
{
    *usage = (struct confine_usage){0};
    return each_process(proc, add_process, usage);
}

struct look {
    struct confine_waiting *waiting;
    size_t count;
};

/* /proc/PID/syscall: "running", "-1 SP PC" outside of a call, or its number and arguments (proc(5)). */
static void look_at(int proc, const char *pid, void *context)
{
    struct look *look = context;
    char text[256];
    if (look->count == CONFINE_MOST_WAITING)
        return;
    struct confine_waiting *w = &look->waiting[look->count];
    w->arguments_len = read_bytes(proc, pid, "cmdline", w->arguments, sizeof w->arguments);
    if (w->arguments_len == 0 || !read_text(proc, pid, "syscall", text, sizeof text))
        return;
    look->count++;
    w->first = 0;
    if (sscanf(text, "%ld %lx", &w->call, &w->first) < 1)
        w->call = -1;
}

size_t confine_look(int proc, struct confine_waiting waiting[CONFINE_MOST_WAITING])
{
    struct look look = {.waiting = waiting};
    return each_process(proc, look_at, &look) == 0 ? look.count : 0;
}

uint64_t confine_free_memory(int proc)
{
    static const char key[] = "MemAvailable:";
    char text[1024];
    if (!read_text(proc, "", "meminfo", text, sizeof text))
        return 0;
    const char *at = strstr(text, key);
    return at != NULL ? strtoull(at + sizeof key - 1, NULL, 10) * 1024 : 0;
}
