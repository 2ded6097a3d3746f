/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The template as a process: what it makes sure of before it serves, and what it does with a builder
 * that talks nonsense. Making boxes is for tests/e2e. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "plans.h"
#include "proto/link.h"
#include "proto/template-wire.h"

typedef struct Template {
        pid_t pid;
        int link_fd, log_fd;
} Template;

static _noreturn_ void template_exec(int link_fd, int plan_fd, int log_fd, int extra_fd) {
        const char *program = getenv("PYSB_RUNNER");

        (void) dup2(log_fd, STDERR_FILENO);
        link_fd = fcntl(link_fd, F_DUPFD, 64);
        plan_fd = fcntl(plan_fd, F_DUPFD, 64);
        (void) dup2(link_fd, TEMPLATE_FD_BUILDER);
        (void) dup2(plan_fd, TEMPLATE_FD_PLAN);
        if (extra_fd >= 0)
                (void) dup2(extra_fd, 9);
        (void) close_range(extra_fd >= 0 ? 10 : TEMPLATE_FD_PLAN + 1, ~0U, 0);
        (void) execl(program, program, "--template", NULL);
        _exit(99);
}

static Template template_start(int plan_fd, int extra_fd) {
        int link[2], log[2];
        Template t;

        assert_int_equal(fd_socketpair(link, SOCK_SEQPACKET) | fd_pipe(log, 0), 0);
        t.pid = fork();
        assert_true(t.pid >= 0);
        if (t.pid == 0)
                template_exec(link[1], plan_fd, log[1], extra_fd);
        (void) close(link[1]);
        (void) close(log[1]);
        (void) close(plan_fd);
        t.link_fd = link[0];
        t.log_fd = log[0];
        return t;
}

static Template template_start_plan(const PlanImage *plan, int extra_fd) {
        int plan_fd = fd_new_sealed("plan", plan, sizeof(*plan));

        assert_true(plan_fd >= 0);
        return template_start(plan_fd, extra_fd);
}

/* Waits for its end; its last words must have this in them, or be none at all. */
static void template_end(Template *t, int exit_status, const char *words) {
        _cleanup_free_ char *log = NULL;
        int status;
        size_t size;

        t->link_fd = fd_close(t->link_fd);
        assert_int_equal(io_read_fd(t->log_fd, 65536, &log, &size), 0);
        (void) close(t->log_fd);
        assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
        if (words ? !strstr(log, words) : size > 0)
                fail_msg("the template says: %s", log);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), exit_status);
}

static TemplateHello template_hello(const Template *t) {
        TemplateHello hello = {};

        assert_int_equal(link_receive(t->link_fd, &hello, sizeof(hello), NULL, 0, NULL), 1);
        return hello;
}

static void test_hello(void **state) {
        for (size_t i = 0; i < _SHIPPED_MAX; i++) {
                _cleanup_free_ PlanImage *plan = plan_load(shipped_names[i]);
                Template t = template_start_plan(plan, -EBADF);
                TemplateHello hello = template_hello(&t);

                assert_true(hello.plan_digest == plan->digest);
                assert_int_equal(hello.python_version >> 24, 3);
                assert_true(hello.rss_bytes > MIB && hello.vm_bytes > hello.rss_bytes);
                template_end(&t, 0, NULL);
        }
}

static void test_garbage(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        Template t = template_start_plan(plan, -EBADF);

        (void) template_hello(&t);
        assert_int_equal(link_send(t.link_fd, "garbage", 7, NULL, 0), 0);
        template_end(&t, 1, "the builder sent no valid request: Protocol error");
}

static void test_wrong_descriptors(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        TemplateMake make = { .box = 1, .has_cgroup = 1 };
        int fds[MAKE_FD_CGROUP] = { 0 };
        Template t = template_start_plan(plan, -EBADF);

        (void) template_hello(&t);
        assert_int_equal(link_send(t.link_fd, &make, sizeof(make), fds, MAKE_FD_CGROUP), 0);
        template_end(&t, 1, "cannot serve the builder: Protocol error");
}

static void test_plan_not_sealed(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        int fd = memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        Template t;

        assert_true(fd >= 0);
        assert_int_equal(io_write_full(fd, plan, sizeof(*plan)), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
        t = template_start(fd, -EBADF);
        template_end(&t, 1, "the plan is not a sealed memfd");
}

static void test_plan_of_wrong_size(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        Template t = template_start(fd_new_sealed("plan", plan, sizeof(*plan) - 1), -EBADF);

        template_end(&t, 1, "the plan has the wrong size");
}

static void test_plan_not_valid(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        Template t;

        plan->n_filter = 0;
        t = template_start_plan(plan, -EBADF);
        template_end(&t, 1, "the plan has no filter");
}

static void test_preload_missing(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("default");
        static const char list[] = "json\nno_such_module";
        Template t;

        assert_true(plan->arena_size + sizeof(list) <= PLAN_ARENA_MAX);
        plan->preload = plan->arena_size;
        memcpy(plan->arena + plan->arena_size, list, sizeof(list));
        plan->arena_size += (uint32_t) sizeof(list);
        t = template_start_plan(plan, -EBADF);
        template_end(&t, 1,
                     "pysb-runner: default: ImportError: cannot preload the module no_such_module: "
                     "ModuleNotFoundError: No module named 'no_such_module'\n");
}

/* As a module would that keeps a file open. */
static void test_descriptor_left_open(void **state) {
        _cleanup_free_ PlanImage *plan = plan_load("eval");
        Template t = template_start_plan(plan, STDIN_FILENO);

        template_end(&t, 1, "left a descriptor open");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hello),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_wrong_descriptors),
                cmocka_unit_test(test_plan_not_sealed),
                cmocka_unit_test(test_plan_of_wrong_size),
                cmocka_unit_test(test_plan_not_valid),
                cmocka_unit_test(test_preload_missing),
                cmocka_unit_test(test_descriptor_left_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
