#include "sockets/owners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

/* The number that a name of /proc is; -1: it is none. */
static long number_of(const char *name)
{
    char *end = NULL;
    const long number = strtol(name, &end, 10);
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' ? number : -1;
}

/* The inode behind a descriptor; 0: it is no socket. */
static uint64_t inode_of(int directory, const char *fd)
{
    char target[64];
    uint64_t inode;
    const ssize_t len = readlinkat(directory, fd, target, sizeof target - 1);
    if (len <= 0)
        return 0;
    target[len] = '\0';
    return sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1 ? inode : 0;
}

static void read_comm(int process, char comm[OWNER_COMM])
{
    int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? io_read_full(fd, comm, OWNER_COMM - 1) : 0;
    io_close(&fd);
    comm[len > 0 ? len : 0] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
}

static int add(struct socket_owners *owners, const struct socket_owner *owner)
{
    if (owners->count == owners->cap) {
        const size_t cap = owners->cap == 0 ? 64 : owners->cap * 2;
        void *moved = reallocarray(owners->all, cap, sizeof *owners->all);
        if (moved == NULL)
            return -ENOMEM;
        owners->all = moved;
        owners->cap = cap;
    }
    owners->all[owners->count++] = *owner;
    return 0;
}

/* The sockets among the descriptors of one process, which may end meanwhile. 0 or -ENOMEM. */
static int read_descriptors(struct socket_owners *owners, int process, pid_t pid)
{
    struct socket_owner owner = {.pid = pid};
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = 0;
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        owners->hidden += errno == EACCES || errno == EPERM;
        io_close(&fd);
        return 0;
    }
    for (const struct dirent *entry; failed == 0 && (entry = readdir(directory)) != NULL;) {
        const long number = number_of(entry->d_name);
        owner.inode = number >= 0 ? inode_of(fd, entry->d_name) : 0;
        if (owner.inode == 0)
            continue;
        if (owner.comm[0] == '\0')
            read_comm(process, owner.comm);
        owner.fd = (int)number;
        failed = add(owners, &owner);
    }
    closedir(directory);
    return failed;
}

static int compare(const void *left, const void *right)
{
    const struct socket_owner *a = left, *b = right;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return a->fd < b->fd ? -1 : a->fd > b->fd;
}

int socket_owners_read(struct socket_owners *owners, struct sd_err *err)
{
    *owners = (struct socket_owners){0};
    DIR *proc = opendir("/proc");
    bool any = false;
    int failed = 0;
    if (proc == NULL)
        return sd_fail_errno(err, errno, "cannot open /proc, which tells the processes");
    for (const struct dirent *entry; failed == 0 && (entry = readdir(proc)) != NULL;) {
        const long pid = number_of(entry->d_name);
        int process = pid > 0 ? openat(dirfd(proc), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (process >= 0)
            failed = read_descriptors(owners, process, (pid_t)pid);
        any = any || process >= 0;
        io_close(&process);
    }
    closedir(proc);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot list the processes");
    if (!any)
        return sd_fail(err, ENOENT, "/proc is not mounted, which tells the processes");
    if (owners->count > 1)
        qsort(owners->all, owners->count, sizeof *owners->all, compare);
    return 0;
}

void socket_owners_free(struct socket_owners *owners)
{
    free(owners->all);
    *owners = (struct socket_owners){0};
}

const struct socket_owner *socket_owners_find(const struct socket_owners *owners, uint64_t inode,
                                              size_t *count)
{
    size_t low = 0, high = owners->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (owners->all[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < owners->count && owners->all[end].inode == inode)
        end++;
    *count = inode != 0 ? end - low : 0;
    return *count > 0 ? &owners->all[low] : NULL;
}
