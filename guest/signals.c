/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/signals.h"

#include <signal.h>
#include <string.h>

static const struct {
	int number;
	const char *name;
} signals[] = {
    {SIGABRT, "ABRT"},
    {SIGALRM, "ALRM"},
    {SIGBUS, "BUS"},
    {SIGCHLD, "CHLD"},
    {SIGCONT, "CONT"},
    {SIGFPE, "FPE"},
    {SIGHUP, "HUP"},
    {SIGILL, "ILL"},
    {SIGINT, "INT"},
    {SIGIO, "IO"},
    {SIGKILL, "KILL"},
    {SIGPIPE, "PIPE"},
    {SIGPROF, "PROF"},
    {SIGPWR, "PWR"},
    {SIGQUIT, "QUIT"},
    {SIGSEGV, "SEGV"},
    {SIGSTKFLT, "STKFLT"},
    {SIGSTOP, "STOP"},
    {SIGSYS, "SYS"},
    {SIGTERM, "TERM"},
    {SIGTRAP, "TRAP"},
    {SIGTSTP, "TSTP"},
    {SIGTTIN, "TTIN"},
    {SIGTTOU, "TTOU"},
    {SIGURG, "URG"},
    {SIGUSR1, "USR1"},
    {SIGUSR2, "USR2"},
    {SIGVTALRM, "VTALRM"},
    {SIGWINCH, "WINCH"},
    {SIGXCPU, "XCPU"},
    {SIGXFSZ, "XFSZ"},
};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

int
signal_number(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		if (strlen(signals[i].name) == len &&
		    memcmp(signals[i].name, name, len) == 0)
			return signals[i].number;
	return 0;
}

const char *
signal_name(int number)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}
