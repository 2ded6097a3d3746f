/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/tools.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/buf.h"
#include "basic/fd.h"
#include "basic/utf8.h"
#include "client/text.h"

#define VALUE_MAX (1U << 20)
#define MESSAGES_MAX (64U << 10)

struct ToolRun {
        char *call_id;
        pid_t pid;
        int pidfd;
        int in, out, err; /* our ends; -EBADF once closed */
        Buf input, output, messages;
        bool is_too_long;
};

extern char **environ;

int tools_add(Tools *tools, PysbRequest *request, const char *text) {
        const char *equals = strchr(text, '=');
        char *name;
        int r;

        if (!equals || equals == text || equals[1] == '\0') {
                text_error("--tool: %s is no tool; write it like NAME=COMMAND.", text);
                return -EINVAL;
        }
        if (tools->n == TOOL_COMMANDS_MAX) {
                text_error("--tool: a program has at most %d tools.", TOOL_COMMANDS_MAX);
                return -EINVAL;
        }
        name = strndup(text, (size_t) (equals - text));
        if (!name)
                return -ENOMEM;
        r = pysb_request_add_tool(request, name, NULL, NULL, UINT64_MAX);
        if (r < 0) {
                text_error("--tool: %s: %s.", name, r == -EILSEQ ? "not UTF-8" : strerror(-r));
                free(name);
                return r;
        }
        tools->names[tools->n] = name;
        tools->commands[tools->n++] = equals + 1;
        return 0;
}

int tools_connect(Tools *tools, PysbClient *client) {
        int r;

        if (tools->n == 0)
                return 0;
        r = pysb_client_new_sibling(client, &tools->client);
        if (r < 0)
                text_error("Cannot connect a second time, to answer tool calls: %s.", strerror(-r));
        return r;
}

static void run_free(ToolRun *run) {
        fd_close(run->pidfd);
        fd_close(run->in);
        fd_close(run->out);
        fd_close(run->err);
        buf_done(&run->input);
        buf_done(&run->output);
        buf_done(&run->messages);
        free(run->call_id);
        free(run);
}

static void run_kill(const ToolRun *run) {
        (void) kill(-run->pid, SIGKILL);
        (void) waitpid(run->pid, NULL, 0);
}

/* A process group of its own, so that all of it can be ended, with the signals of a fresh start. */
static int run_spawn(ToolRun *run, const char *command, const int fds[static 3]) {
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) command, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t all, none;
        int r;

        (void) sigfillset(&all);
        (void) sigemptyset(&none);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        for (int i = 0; i < 3; i++)
                (void) posix_spawn_file_actions_adddup2(&actions, fds[i], i);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                             POSIX_SPAWN_SETSIGMASK);
        (void) posix_spawnattr_setsigdefault(&attributes, &all);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        r = posix_spawn(&run->pid, "/bin/sh", &actions, &attributes, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        if (r != 0)
                return -r;
        run->pidfd = pidfd_open(run->pid, 0);
        if (run->pidfd >= 0)
                return 0;
        r = -errno;
        run_kill(run);
        return r;
}

static int run_start(ToolRun *run, const char *command) {
        int in[2] = { -EBADF, -EBADF }, out[2] = { -EBADF, -EBADF }, err[2] = { -EBADF, -EBADF }, r;

        r = fd_pipe(in, 0);
        if (r >= 0)
                r = fd_pipe(out, 0);
        if (r >= 0)
                r = fd_pipe(err, 0);
        run->in = in[1];
        run->out = out[0];
        run->err = err[0];
        if (r >= 0)
                r = fd_set_nonblock(run->in, true);
        if (r >= 0)
                r = run_spawn(run, command, (int[3]){ in[0], out[1], err[1] });
        fd_close(in[0]);
        fd_close(out[1]);
        fd_close(err[1]);
        return r;
}

static void tools_answer(Tools *tools, const char *call_id, const char *json, const char *message) {
        /* That the call is over meanwhile is no news: its time-out, or the end of the job. */
        (void) pysb_complete_tool_call(tools->client, tools->job, call_id, json,
                                       json ? NULL : "tool-failed", message);
}

static const char *tools_find(const Tools *tools, const char *name) {
        for (size_t i = 0; i < tools->n; i++)
                if (strcmp(tools->names[i], name) == 0)
                        return tools->commands[i];
        return NULL;
}

static int tools_run(Tools *tools, const char *call_id, const char *name, const char *arguments) {
        const char *command = tools_find(tools, name);
        ToolRun **slot = tools->runs, *run;
        int r;

        while (slot < tools->runs + TOOL_RUNS_MAX && *slot)
                slot++;
        if (!command || slot == tools->runs + TOOL_RUNS_MAX)
                return -ENOENT;
        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        run->pidfd = run->in = run->out = run->err = -EBADF;
        run->call_id = strdup(call_id);
        r = run->call_id ? buf_append(&run->input, arguments, strlen(arguments)) : -ENOMEM;
        if (r >= 0)
                r = run_start(run, command);
        if (r < 0) {
                run_free(run);
                return r;
        }
        *slot = run;
        return 0;
}

void tools_on_event(Tools *tools, const PysbEvent *event) {
        const char *call_id, *name, *arguments;
        int r;

        if (!tools->client)
                return;
        if (!tools->job && pysb_event_get_job(event))
                tools->job = strdup(pysb_event_get_job(event));
        if (!tools->job || pysb_event_get_tool_call(event, &call_id, &name, &arguments) < 0)
                return;
        r = tools_run(tools, call_id, name, arguments);
        if (r < 0)
                tools_answer(tools, call_id, NULL, strerror(-r));
}

size_t tools_poll(const Tools *tools, struct pollfd fds[static TOOL_FDS_MAX]) {
        size_t n = 0;

        FOREACH_ARRAY(slot, tools->runs, TOOL_RUNS_MAX) {
                const ToolRun *run = *slot;

                if (!run)
                        continue;
                fds[n++] = (struct pollfd){ .fd = run->pidfd, .events = POLLIN };
                if (run->in >= 0)
                        fds[n++] = (struct pollfd){ .fd = run->in, .events = POLLOUT };
                if (run->out >= 0)
                        fds[n++] = (struct pollfd){ .fd = run->out, .events = POLLIN };
                if (run->err >= 0)
                        fds[n++] = (struct pollfd){ .fd = run->err, .events = POLLIN };
        }
        return n;
}

static bool fd_is_ready(int fd, short events) {
        struct pollfd p = { .fd = fd, .events = events };

        return fd >= 0 && poll(&p, 1, 0) > 0;
}

static void run_write(ToolRun *run) {
        ssize_t n = write(run->in, buf_data(&run->input), buf_size(&run->input));

        if (n > 0)
                buf_consume(&run->input, (size_t) n);
        if (buf_size(&run->input) == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                run->in = fd_close(run->in);
}

/* What is beyond the bound is read all the same, or the command would wait for ever. */
static ssize_t run_read(ToolRun *run, int *fd, Buf *to, size_t max) {
        char data[4096];
        ssize_t n = read(*fd, data, sizeof(data));

        if (n < 0 && errno == EINTR)
                return 0;
        if (n <= 0)
                *fd = fd_close(*fd);
        else if (buf_size(to) + (size_t) n > max)
                run->is_too_long = run->is_too_long || to == &run->output;
        else
                (void) buf_append(to, data, (size_t) n);
        return n;
}

/* What is in the pipe when the command has ended. There may be no end: a child of it may hold the pipe open, and write
 * on. */
static void run_read_rest(ToolRun *run, int *fd, Buf *to, size_t max) {
        int left = 0;

        if (*fd < 0 || ioctl(*fd, FIONREAD, &left) < 0)
                return;
        while (left > 0 && *fd >= 0)
                left -= (int) run_read(run, fd, to, max);
}

/* The first line of what it said on standard error, or how it ended. */
static const char *run_message(ToolRun *run, int status, char *buf, size_t size) {
        size_t n = buf_size(&run->messages);

        if (n > 0) {
                const char *end = memchr(buf_data(&run->messages), '\n', n);

                n = MIN(end ? (size_t) (end - buf_data(&run->messages)) : n, size - 1);
                memcpy(buf, buf_data(&run->messages), n);
                buf[n] = '\0';
                buf[n - utf8_incomplete_tail(buf, n)] = '\0';
                if (buf[0] != '\0' && utf8_is_valid(buf, strlen(buf)))
                        return buf;
        }
        if (WIFSIGNALED(status))
                snprintf(buf, size, "ended by signal %d", WTERMSIG(status));
        else
                snprintf(buf, size, "exited with status %d", WEXITSTATUS(status));
        return buf;
}

static void run_finish(Tools *tools, ToolRun *run) {
        char message[1024];
        int status = 0;

        while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (status != 0)
                tools_answer(tools, run->call_id, NULL,
                             run_message(run, status, message, sizeof(message)));
        else if (run->is_too_long)
                tools_answer(tools, run->call_id, NULL, "its output is longer than 1 MiB");
        else if (buf_size(&run->output) == 0)
                tools_answer(tools, run->call_id, NULL, "it printed nothing, and no JSON value");
        else if (!utf8_is_valid(buf_data(&run->output), buf_size(&run->output)))
                tools_answer(tools, run->call_id, NULL, "its output is not UTF-8");
        else if (buf_append(&run->output, "", 1) >= 0)
                tools_answer(tools, run->call_id, buf_data(&run->output), NULL);
}

void tools_process(Tools *tools) {
        FOREACH_ARRAY(slot, tools->runs, TOOL_RUNS_MAX) {
                ToolRun *run = *slot;
                bool is_over;

                if (!run)
                        continue;
                is_over = fd_is_ready(run->pidfd, POLLIN);
                if (fd_is_ready(run->in, POLLOUT))
                        run_write(run);
                if (fd_is_ready(run->out, POLLIN))
                        (void) run_read(run, &run->out, &run->output, VALUE_MAX);
                if (fd_is_ready(run->err, POLLIN))
                        (void) run_read(run, &run->err, &run->messages, MESSAGES_MAX);
                if (!is_over)
                        continue;
                run_read_rest(run, &run->out, &run->output, VALUE_MAX);
                run_read_rest(run, &run->err, &run->messages, MESSAGES_MAX);
                run_finish(tools, run);
                run_free(run);
                *slot = NULL;
        }
}

void tools_forget_job(Tools *tools) {
        FOREACH_ARRAY(slot, tools->runs, TOOL_RUNS_MAX) {
                if (!*slot)
                        continue;
                run_kill(*slot);
                run_free(*slot);
                *slot = NULL;
        }
        free(tools->job);
        tools->job = NULL;
}

void tools_done(Tools *tools) {
        tools_forget_job(tools);
        for (size_t i = 0; i < tools->n; i++)
                free((char *) tools->names[i]);
        tools->n = 0;
        tools->client = pysb_client_free(tools->client);
}
