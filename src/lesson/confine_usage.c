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

/* The file's beginning as a text; false where the process has just ended. */
static bool read_text(int proc, const char *pid, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s%s%s", pid, *pid != '\0' ? "/" : "", file);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = io_read_full(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
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

static void add_process(int proc, const char *pid, struct confine_usage *usage)
{
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

int confine_count(int proc, struct confine_usage *usage)
{
    const struct dirent *entry;
    *usage = (struct confine_usage){0};
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
            add_process(proc, pid, usage);
    }
    closedir(stream);
    return 0;
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
