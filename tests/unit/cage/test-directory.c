/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a directory that a box had on the host, while a job that is being killed still meddles with it: what is
 * around it stays as it is, and nothing of it is left. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "cage/internal.h"

#define OTHER "somebody's"

int __real_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);
int __real_fchmodat(int dir_fd, const char *name, mode_t mode, int flags);
int __wrap_fchmodat(int dir_fd, const char *name, mode_t mode, int flags);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);

/* What the job does in front of the next call of each. */
static void (*before_unlink)(void), (*before_chmod)(void), (*before_rmdir)(void);
static const char *before_unlink_of;
static bool is_too_far;

static void job_acts(void (**act)(void)) {
        void (*now)(void) = *act;

        *act = NULL;
        if (now)
                now();
}

/* Whoever goes too far does no harm: here he meets what he cannot remove. */
int __wrap_unlinkat(int dir_fd, const char *name, int flags) {
        if (strcmp(name, OTHER) == 0) {
                is_too_far = true;
                errno = EPERM;
                return -1;
        }
        if (before_unlink && strcmp(name, before_unlink_of) == 0)
                job_acts(&before_unlink);
        return __real_unlinkat(dir_fd, name, flags);
}

int __wrap_fchmodat(int dir_fd, const char *name, mode_t mode, int flags) {
        job_acts(&before_chmod);
        return __real_fchmodat(dir_fd, name, mode, flags);
}

int __wrap_rmdir(const char *path) {
        job_acts(&before_rmdir);
        return __real_rmdir(path);
}

static void make_file(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        (void) close(fd);
}

/* The working directory is the box's own, and beside it is somebody's file. */
static int set_up(void **state) {
        static char base[32];
        _cleanup_free_ PlanImage *plan = calloc(1, sizeof(*plan));

        is_too_far = false;
        (void) snprintf(base, sizeof(base), "/tmp/pysb-test.XXXXXX");
        assert_non_null(plan);
        assert_non_null(mkdtemp(base));
        plan->n_steps = 1;
        plan->steps[0].op = OP_OWN_DIRECTORY;
        plan->steps[0].target = 1;
        plan->arena_size = 1 + sizeof(base);
        memcpy(plan->arena + 1, base, sizeof(base));
        assert_int_equal(cage_choose_directory(plan), 0);
        assert_int_equal(cage_make_directory_of_its_own(), 0);
        make_file("../" OTHER);
        *state = base;
        return 0;
}

static int tear_down(void **state) {
        const char *base = *state;

        assert_int_equal(chdir(base), 0);
        (void) unlink(OTHER);
        return rmdir(base); /* there is nothing else */
}

static void assert_only_own_is_gone(const char *base) {
        struct stat st;

        assert_false(is_too_far);
        assert_int_equal(chdir(base), 0);
        assert_int_equal(stat(OTHER, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        assert_int_not_equal(access(cage_app(), F_OK), 0);
}

static void move_up(void) {
        assert_int_equal(rename("a/b/c", "c"), 0);
}

static void test_directory_is_moved(void **state) {
        assert_int_equal(mkdir("a", 0700), 0);
        assert_int_equal(mkdir("a/b", 0700), 0);
        assert_int_equal(mkdir("a/b/c", 0700), 0);
        make_file("a/b/c/file");
        before_unlink_of = "file";
        before_unlink = move_up;
        cage_remove_directory();
        assert_only_own_is_gone(*state);
}

static void exchange_for_symlink(void) {
        assert_int_equal(rename("a", "b"), 0);
        assert_int_equal(symlink("../" OTHER, "a"), 0);
}

static void test_directory_becomes_symlink(void **state) {
        assert_int_equal(mkdir("a", 0700), 0);
        make_file("a/file");
        before_chmod = exchange_for_symlink;
        cage_remove_directory();
        assert_only_own_is_gone(*state);
}

static void make_one_more(void) {
        make_file("more");
}

static void test_file_comes_late(void **state) {
        before_rmdir = make_one_more;
        cage_remove_directory();
        assert_only_own_is_gone(*state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_directory_is_moved, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_directory_becomes_symlink, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_file_comes_late, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
