/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --tool NAME=COMMAND: tools of a program that are shell commands here. Each call is a process of its
 * own, with the arguments as JSON on its standard input and the value as JSON on its standard output. */

#include <poll.h>

#include "client/verb.h"

#define TOOL_COMMANDS_MAX 64
#define TOOL_RUNS_MAX 16 /* as many calls as a job may have open */
#define TOOL_FDS_MAX (4 * TOOL_RUNS_MAX)

typedef struct ToolRun ToolRun;

typedef struct Tools {
        const char *names[TOOL_COMMANDS_MAX], *commands[TOOL_COMMANDS_MAX];
        size_t n;
        char *job;
        PysbClient *client; /* for the answers; a second connection */
        ToolRun *runs[TOOL_RUNS_MAX];
} Tools;

/* Takes "NAME=COMMAND", which must live on, into the request. Prints what is wrong. */
int tools_add(Tools *tools, PysbRequest *request, const char *text);

/* Makes the second connection, if there are tools at all. */
int tools_connect(Tools *tools, PysbClient *client);

/* Starts the command of a tool call; remembers the job. */
void tools_on_event(Tools *tools, const PysbEvent *event);

/* What to wait for. Returns how many. */
size_t tools_poll(const Tools *tools, struct pollfd fds[static TOOL_FDS_MAX]);

/* Moves bytes, and answers for commands that have ended. */
void tools_process(Tools *tools);

/* The job has ended, and calls come from another one; ends what still runs for it. */
void tools_forget_job(Tools *tools);

/* Ends what still runs. */
void tools_done(Tools *tools);
