/* Processes and sockets of the unusual sort, one a run: odd MODE. Each moves bytes over a TCP connection to
 * itself. Prints "done" when all went well. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int a, b; /* the two ends */
static pthread_t leader;
static char stack[64 << 10] __attribute__((aligned(64)));

static void must(int well, const char *what)
{
    if (well)
        return;
    perror(what);
    _exit(1);
}

static void connect_pair(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    a = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&name, len) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&name, &len) == 0 &&
             connect(a, (struct sockaddr *)&name, len) == 0,
         "connect");
    b = accept(listener, NULL, NULL);
    must(b >= 0, "accept");
    close(listener);
}

static void pass(int from, int to, const char *text)
{
    char room[64];
    size_t len = strlen(text);
    must(send(from, text, len, 0) == (ssize_t)len, "send");
    must(recv(to, room, len, MSG_WAITALL) == (ssize_t)len && memcmp(room, text, len) == 0, "recv");
}

/* The process's first thread is gone when the others work. */
static void *after_leader(void *unused)
{
    pthread_join(leader, NULL);
    connect_pair();
    pass(a, b, "hello");
    pass(b, a, "world!");
    puts("done");
    exit(0);
    return unused;
}

static int child_closes(void *unused)
{
    (void)unused;
    pass(a, b, "from the child");
    return close(b);
}

/* Processes that share the descriptor table, as some static runtimes start them: a close by one is a close
 * for all. */
static void shared_table(void)
{
    int status;
    pid_t child = clone(child_closes, stack + sizeof stack, CLONE_FILES | CLONE_VM | SIGCHLD, NULL);
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "child");
    must(recv(b, stack, 1, 0) < 0 && errno == EBADF, "the closed descriptor");
    must(recv(a, stack, 1, 0) == 0, "the end of the stream");
}

/* A thread with a table of its own: its close leaves ours open. */
static volatile int thread_done;

static int thread_works(void *unused)
{
    (void)unused;
    int was = a;
    close(b);
    b = socket(AF_UNIX, SOCK_DGRAM, 0); /* the same number, another file than in the other table */
    must(write(b, "x", 1) < 0, "write to nobody");
    must(send(was, "from the thread", 15, 0) == 15, "send");
    thread_done = 1;
    syscall(SYS_exit, 0);
    return 0;
}

static void own_table(void)
{
    char room[16];
    int mine = b;
    int tid = clone(thread_works, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL);
    must(tid > 0, "clone");
    must(recv(mine, room, 15, MSG_WAITALL) == 15 && memcmp(room, "from the thread", 15) == 0, "recv");
    while (!thread_done)
        sched_yield();
}

/* clone3 without libc, then a spawned program on the inherited socket. */
static void clone3_and_spawn(char *self)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) {
        pass(a, b, "from clone3");
        _exit(0);
    }
    int status;
    must(child > 0 && waitpid((pid_t)child, &status, 0) == child && status == 0, "clone3");
    char number[12];
    snprintf(number, sizeof number, "%d", a);
    char *words[] = {self, (char *)"sender", number, NULL}, *none[] = {NULL};
    pid_t spawned;
    must(posix_spawn(&spawned, "/proc/self/exe", NULL, NULL, words, none) == 0, "posix_spawn");
    must(recv(b, stack, 13, MSG_WAITALL) == 13, "recv");
    must(waitpid(spawned, &status, 0) == spawned && status == 0, "spawned");
}

/* Another thread than the first execs while two are in recv. */
static void *wait_in_recv(void *fd)
{
    char room[8];
    recv(*(int *)fd, room, sizeof room, 0);
    return NULL;
}

static void *exec_self(void *self)
{
    char first[12], second[12];
    snprintf(first, sizeof first, "%d", a);
    snprintf(second, sizeof second, "%d", b);
    execl("/proc/self/exe", (char *)self, "pair", first, second, (char *)NULL);
    return NULL;
}

static void exec_from_thread(char *self)
{
    pthread_t threads[3];
    pass(a, b, "before exec");
    pthread_create(&threads[0], NULL, wait_in_recv, &a);
    pthread_create(&threads[1], NULL, wait_in_recv, &b);
    pthread_create(&threads[2], NULL, exec_self, self);
    pthread_join(threads[2], NULL);
    must(0, "exec");
}

/* An urgent byte is not returned among the others. */
static void urgent(void)
{
    char room[8];
    must(send(a, "!", 1, MSG_OOB) == 1 && send(a, "abc", 3, 0) == 3, "send");
    must(recv(b, room, 3, MSG_WAITALL) == 3 && memcmp(room, "abc", 3) == 0, "recv");
    must(send(a, "def", 3, 0) == 3 && recv(b, room, 3, MSG_WAITALL) == 3, "the rest");
}

/* One recv by io_uring, the others by system calls. */
static void ring(void)
{
    struct io_uring_params p = {0};
    char room[8];
    int fd = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (fd < 0) {
        puts("no io_uring");
        exit(77);
    }
    size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    must(rings != MAP_FAILED && sqe != MAP_FAILED, "mmap");
    must(send(a, "seen unseen", 11, 0) == 11 && recv(b, room, 5, MSG_WAITALL) == 5, "recv");
    sqe[0] = (struct io_uring_sqe){
        .opcode = IORING_OP_RECV, .fd = b, .addr = (uintptr_t)room, .len = 6, .msg_flags = MSG_WAITALL};
    *(unsigned *)(rings + p.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(rings + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    must(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1, "io_uring_enter");
    must(memcmp(room, "unseen", 6) == 0, "the bytes of io_uring");
    pass(a, b, "later");
}

/* Arguments that no honest program gives; each call fails or moves little, none may hurt the recorder. */
static void hostile(void)
{
    struct iovec many[4];
    struct msghdr msg = {.msg_iov = (void *)16, .msg_iovlen = SIZE_MAX};
    for (int i = 0; i < 4; i++)
        many[i] = (struct iovec){.iov_base = (void *)(uintptr_t)-4096, .iov_len = SIZE_MAX - (size_t)i};
    writev(a, many, 4);
    syscall(SYS_writev, a, (void *)3, 1024UL);
    syscall(SYS_writev, a, many, -1L);
    sendmsg(a, &msg, 0);
    sendmsg(a, (void *)1, -1);
    syscall(SYS_sendmmsg, a, (void *)8, UINT32_MAX, 0);
    syscall(SYS_recvmmsg, b, many, UINT32_MAX, MSG_DONTWAIT, (void *)1);
    syscall(SYS_sendto, a, (void *)(uintptr_t)-1, SIZE_MAX, UINT32_MAX, (void *)7, UINT32_MAX);
    syscall(SYS_write, a, (void *)0, (size_t)1 << 40);
    syscall(SYS_read, INT32_MAX, stack, 1);
    syscall(SYS_read, -1, stack, 1);
    syscall(SYS_close_range, 7U, 3U, UINT32_MAX);
    syscall(SYS_close_range, 1000000U, UINT32_MAX, 0);
    syscall(SYS_dup3, a, INT32_MAX, 0);
    syscall(SYS_connect, b, (void *)5, UINT32_MAX);
    syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (void *)3);
    syscall(SYS_accept4, a, (void *)1, (void *)2, -1);
    syscall(SYS_setsockopt, a, -1, -1, (void *)1, -1);
    syscall(SYS_splice, a, NULL, b, NULL, SIZE_MAX, UINT32_MAX);
    syscall(SYS_sendfile, a, b, (void *)1, SIZE_MAX);
    struct msghdr unaligned;
    memcpy(stack + 1, &msg, sizeof msg);
    memset(&unaligned, 0, sizeof unaligned);
    sendmsg(a, (struct msghdr *)(void *)(stack + 1), 0);
    pass(a, b, "still well");
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (argc == 3 && strcmp(mode, "sender") == 0)
        return send(atoi(argv[2]), "from spawned!", 13, 0) == 13 ? 0 : 1;
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(mode, "leader") == 0) {
        pthread_t other;
        leader = pthread_self();
        pthread_create(&other, NULL, after_leader, NULL);
        pthread_exit(NULL);
    }
    if (argc == 4) {
        a = atoi(argv[2]);
        b = atoi(argv[3]);
        pass(b, a, "after exec");
        puts("done");
        return 0;
    }
    connect_pair();
    if (strcmp(mode, "shared-table") == 0)
        shared_table();
    else if (strcmp(mode, "own-table") == 0)
        own_table();
    else if (strcmp(mode, "clone3") == 0)
        clone3_and_spawn(argv[0]);
    else if (strcmp(mode, "exec-thread") == 0)
        exec_from_thread(argv[0]);
    else if (strcmp(mode, "urgent") == 0)
        urgent();
    else if (strcmp(mode, "ring") == 0)
        ring();
    else if (strcmp(mode, "hostile") == 0)
        hostile();
    else
        return 2;
    puts("done");
    return 0;
}
