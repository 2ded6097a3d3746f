/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "job-harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/buf.h"
#include "basic/io.h"
#include "basic/parse.h"
#include "runner/job.h"
#include "runner/warm.h"

int (*harness_before_job)(void);

static PlanImage plan;

/* The parent's ends. */
typedef struct Ends {
        int in, out, err, channel;
} Ends;

static uint32_t plan_add(const char *text) {
        uint32_t offset = plan.arena_size;
        size_t size = strlen(text) + 1;

        assert_true(offset + size <= sizeof(plan.arena));
        memcpy(plan.arena + offset, text, size);
        plan.arena_size += (uint32_t) size;
        return offset;
}

void harness_start(const char *preload, const char *deny_modules, uint32_t flags) {
        (void) plan_add("");
        plan.name = plan_add("test");
        plan.preload = plan_add(preload);
        plan.deny_modules = plan_add(deny_modules);
        plan.environment = plan_add("PATH=/usr/bin\nHOME=/app\nTZ=UTC0");
        plan.flags = flags;
        if (warm_up(&plan) < 0)
                abort();
}

void harness_start_whitelist(const char *modules, uint32_t flags) {
        (void) plan_add("");
        plan.modules = plan_add(modules);
        harness_start(modules, "", flags | PLAN_FLAG_POLICY | PLAN_FLAG_WHITELIST);
}

static uint64_t harness_vm_bytes(void) {
        _cleanup_free_ char *text = NULL;
        uint64_t pages;
        size_t size;

        assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/statm", 4096, &text, &size), 0);
        *strchr(text, ' ') = '\0';
        assert_int_equal(parse_u64(text, &pages), 0);
        return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

static void harness_child(const Job *job, int fds[static 4]) {
        uint64_t vm_bytes = harness_vm_bytes() + job->more_vm_bytes;
        struct rlimit limit = { .rlim_cur = vm_bytes, .rlim_max = vm_bytes };

        /* As CLONE_CLEAR_SIGHAND: cmocka's own would go on with the next test, here. */
        for (int number = 1; number < NSIG; number++)
                if (number != SIGKILL && number != SIGSTOP && signal(number, SIG_DFL) == SIG_IGN)
                        (void) signal(number, SIG_IGN);
        for (int i = 0; i < 4; i++)
                fds[i] = fcntl(fds[i], F_DUPFD, 64);
        for (int i = 0; i < 4; i++)
                (void) dup2(fds[i], i);
        (void) close_range(4, ~0U, 0);
        if (job->more_vm_bytes > 0 && setrlimit(RLIMIT_AS, &limit) < 0)
                _exit(99);
        if (harness_before_job && harness_before_job() < 0)
                _exit(97);
        runner_job.prepare();
        runner_job.run(NULL);
        _exit(98);
}

static pid_t harness_fork(const Job *job, Ends *ret_ends) {
        int in[2], out[2], err[2], channel[2];
        pid_t pid;

        assert_int_equal(fd_pipe(in, 0) | fd_pipe(out, 0) | fd_pipe(err, 0), 0);
        assert_int_equal(fd_socketpair(channel, SOCK_STREAM), 0);
        PyOS_BeforeFork();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                harness_child(job, (int[]){ in[0], out[1], err[1], channel[1] });
        PyOS_AfterFork_Parent();
        (void) close(in[0]);
        (void) close(out[1]);
        (void) close(err[1]);
        (void) close(channel[1]);
        *ret_ends = (Ends){ .in = in[1], .out = out[0], .err = err[0], .channel = channel[0] };
        return pid;
}

static void add_field(Buf *b, uint32_t type, const void *data, size_t size) {
        FieldHeader h = { .size = (uint32_t) size, .type = type };

        assert_int_equal(buf_append(b, &h, sizeof(h)) | buf_append(b, data, size), 0);
}

static void add_strings(Buf *b, uint32_t type, const char *const *strings) {
        for (; strings && *strings; strings++)
                add_field(b, type, *strings, strlen(*strings));
}

static void harness_send(const Job *job, int fd) {
        Buf payload = BUF_INIT(0);

        if (job->raw_payload) {
                assert_int_equal(frame_send(fd, FRAME_JOB, job->raw_payload, job->raw_size), 0);
                return;
        }
        add_strings(&payload, FIELD_ARGUMENT, job->args);
        add_strings(&payload, FIELD_ENVIRONMENT, job->environ);
        if (job->seed)
                add_field(&payload, FIELD_SEED, job->seed, sizeof(*job->seed));
        if (job->source_name)
                add_field(&payload, FIELD_SOURCE_NAME, job->source_name, strlen(job->source_name));
        add_field(&payload, FIELD_RESULT_MAX, &job->result_max_bytes, sizeof(uint64_t));
        add_field(&payload, FIELD_CODE, job->code,
                  job->code_size > 0 ? job->code_size : strlen(job->code));
        assert_int_equal(frame_send(fd, FRAME_JOB, buf_data(&payload), buf_size(&payload)), 0);
        buf_done(&payload);
}

/* Reads all streams to their ends. */
static void harness_read(const Job *job, pid_t pid, const Ends *ends, Buf bufs[static 3]) {
        struct pollfd fds[3] = {
                { .fd = ends->out, .events = POLLIN },
                { .fd = ends->err, .events = POLLIN },
                { .fd = ends->channel, .events = POLLIN },
        };
        bool is_interrupted = !job->interrupt_on_output;

        while (fds[0].fd >= 0 || fds[1].fd >= 0 || fds[2].fd >= 0) {
                assert_true(poll(fds, 3, -1) > 0);
                for (int i = 0; i < 3; i++) {
                        char data[4096];
                        ssize_t n;

                        if (fds[i].fd < 0 || fds[i].revents == 0)
                                continue;
                        n = read(fds[i].fd, data, sizeof(data));
                        if (n <= 0)
                                fds[i].fd = -1;
                        else
                                assert_int_equal(buf_append(&bufs[i], data, (size_t) n), 0);
                }
                if (!is_interrupted && buf_size(&bufs[0]) > 0) {
                        (void) kill(pid, SIGINT);
                        is_interrupted = true;
                }
        }
}

static char *buf_string(Buf *b) {
        assert_int_equal(buf_append(b, "", 1), 0);
        return b->data;
}

static char *copy_text(const Field *field) {
        return strndup(field->data, field->size);
}

static void read_exception(const char *p, size_t size, JobEnd *end) {
        Field field;
        int r;

        while ((r = field_next(&p, &size, &field)) > 0) {
                if (field.type == FIELD_EXCEPTION_TYPE)
                        end->type = copy_text(&field);
                else if (field.type == FIELD_EXCEPTION_MESSAGE)
                        end->message = copy_text(&field);
                else if (field.type == FIELD_EXCEPTION_TRACEBACK)
                        end->traceback = copy_text(&field);
                else if (field.type == FIELD_EXCEPTION_LINE)
                        memcpy(&end->line, field.data, sizeof(end->line));
                else if (field.type == FIELD_EXCEPTION_MEMORY)
                        end->is_memory_error = true;
        }
        assert_int_equal(r, 0);
}

/* "TYPE: MESSAGE" */
static char *read_problem(const char *p, size_t size) {
        Field type, message;
        char *text = NULL;

        assert_int_equal(field_next(&p, &size, &type), 1);
        assert_int_equal(field_next(&p, &size, &message), 1);
        assert_int_equal(type.type, FIELD_EXCEPTION_TYPE);
        assert_int_equal(message.type, FIELD_EXCEPTION_MESSAGE);
        assert_int_equal(size, 0);
        assert_true(asprintf(&text, "%.*s: %.*s", (int) type.size, type.data, (int) message.size,
                             message.data) > 0);
        return text;
}

static void read_frames(JobEnd *end) {
        const char *p = end->channel;
        size_t left = end->channel_size;

        while (left > 0) {
                FrameHeader h;

                assert_true(left >= sizeof(h));
                memcpy(&h, p, sizeof(h));
                p += sizeof(h);
                left -= sizeof(h);
                assert_true(h.size <= left);
                if (h.type == FRAME_EXCEPTION) {
                        end->n_exceptions++;
                        assert_int_equal(end->n_exceptions, 1);
                        read_exception(p, h.size, end);
                } else if (h.type == FRAME_VIOLATION) {
                        end->n_violations++;
                } else if (h.type == FRAME_RUNNING) {
                        assert_int_equal(h.size, 0);
                        end->n_running++;
                } else if (h.type == FRAME_DISPLAY) {
                        end->n_displays++;
                } else if (h.type == FRAME_RESULT_PROBLEM) {
                        free(end->problem);
                        end->problem = read_problem(p, h.size);
                } else {
                        assert_int_equal(h.type, FRAME_RESULT);
                        end->n_results++;
                        free(end->result);
                        end->result = strndup(p, h.size);
                }
                p += h.size;
                left -= h.size;
        }
}

JobEnd harness_run(const Job *job) {
        Buf bufs[3] = { BUF_INIT(0), BUF_INIT(0), BUF_INIT(0) };
        JobEnd end = {};
        Ends ends;
        pid_t pid;

        pid = harness_fork(job, &ends);
        if (job->close_output)
                ends.out = fd_close(ends.out);
        if (job->no_request)
                (void) shutdown(ends.channel, SHUT_WR);
        else
                harness_send(job, ends.channel);
        if (job->input)
                assert_int_equal(io_write_full(ends.in, job->input, strlen(job->input)), 0);
        (void) close(ends.in);
        harness_read(job, pid, &ends, bufs);
        fd_close(ends.out);
        (void) close(ends.err);
        (void) close(ends.channel);
        assert_int_equal(waitpid(pid, &end.status, 0), pid);
        end.channel_size = buf_size(&bufs[2]);
        end.out = buf_string(&bufs[0]);
        end.err = buf_string(&bufs[1]);
        end.channel = buf_string(&bufs[2]);
        read_frames(&end);
        return end;
}

void job_end_done(JobEnd *end) {
        free(end->out);
        free(end->err);
        free(end->channel);
        free(end->type);
        free(end->message);
        free(end->traceback);
        free(end->result);
        free(end->problem);
        *end = (JobEnd){};
}

static void check_text(const char *have, const char *want) {
        if (!want)
                return;
        assert_non_null(have);
        assert_string_equal(have, want);
}

static void check_end(const Case *c, const JobEnd *end) {
        assert_true(WIFEXITED(end->status));
        assert_int_equal(WEXITSTATUS(end->status), c->exit_status);
        check_text(end->out, c->out);
        if (c->err && !(c->err[0] == '\0' ? end->err[0] == '\0' : !!strstr(end->err, c->err)))
                fail_msg("standard error is: %s", end->err);
        assert_int_equal(end->n_exceptions, !!c->type);
        check_text(end->type, c->type);
        check_text(end->message, c->message);
        check_text(end->traceback, c->traceback);
        if (c->line > 0)
                assert_int_equal(end->line, c->line);
        assert_int_equal(end->is_memory_error, c->is_memory_error);
        assert_int_equal(!!end->result, !!c->result);
        check_text(end->result, c->result);
        assert_int_equal(!!end->problem, !!c->problem);
        check_text(end->problem, c->problem);
        assert_int_equal(end->n_displays, c->n_displays);
}

void harness_case(void **state) {
        const Case *c = *state;
        JobEnd end = harness_run(&(Job){
                .code = c->code,
                .more_vm_bytes = c->more_vm_bytes,
                .result_max_bytes = c->result_max_bytes > 0 ? c->result_max_bytes : 1000,
        });

        check_end(c, &end);
        job_end_done(&end);
}
