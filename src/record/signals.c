#include "record/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

#define AGAIN_US 50000

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define PASSED_ON (sizeof passed_on / sizeof passed_on[0])

static struct sigaction before[PASSED_ON], before_alarm, before_pipe;
static volatile sig_atomic_t receiver;      /* 0: nobody */
static volatile sig_atomic_t not_passed_on; /* came while there was nobody */

static void pass_on(int number, siginfo_t *info, void *unused)
{
    (void)unused;
    int saved = errno;
    if (receiver == 0) {
        not_passed_on = number;
        signals_wake_in(AGAIN_US / 1000);
    } else if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL) {
        kill((pid_t)receiver, number);
    }
    errno = saved;
}

static void on_alarm(int number)
{
    (void)number; /* its use is to interrupt wait4() */
}

void signals_take(void)
{
    const struct sigaction pass = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
    const struct sigaction alarm_action = {.sa_handler = on_alarm};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    receiver = not_passed_on = 0;
    for (size_t i = 0; i < PASSED_ON; i++)
        if (sigaction(passed_on[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(passed_on[i], &pass, NULL);
    sigaction(SIGALRM, &alarm_action, &before_alarm);
    sigaction(SIGPIPE, &ignore, &before_pipe);
}

void signals_give_back(void)
{
    for (size_t i = 0; i < PASSED_ON; i++)
        sigaction(passed_on[i], &before[i], NULL);
    signals_wake_no_more();
    sigaction(SIGALRM, &before_alarm, NULL);
    sigaction(SIGPIPE, &before_pipe, NULL);
}

void signals_pass_on_to(pid_t pid)
{
    receiver = pid;
}

int signals_not_passed_on(void)
{
    int number = not_passed_on;
    if (number != 0)
        not_passed_on = 0;
    return number;
}

void signals_wake_in(unsigned ms)
{
    const struct itimerval timer = {.it_interval = {.tv_usec = AGAIN_US},
                                    .it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 + 1}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

void signals_wake_no_more(void)
{
    const struct itimerval off = {0};
    setitimer(ITIMER_REAL, &off, NULL);
}
