/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `pysbctl doctor` makes of a machine, which here is a directory of files. */

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/doctor.h"

typedef struct File {
        const char *path;
        const char *text; /* NULL: it is not there */
} File;

/* A machine that has everything. */
static const File good[] = {
        { "/proc/self/ns/user", "" },
        { "/proc/self/ns/mnt", "" },
        { "/proc/self/ns/pid", "" },
        { "/proc/self/ns/net", "" },
        { "/proc/self/ns/ipc", "" },
        { "/proc/self/ns/uts", "" },
        { "/proc/self/ns/cgroup", "" },
        { "/proc/self/uid_map", "         0          0 4294967295\n" },
        { "/proc/sys/user/max_user_namespaces", "31000\n" },
        { "/proc/sys/user/max_pid_namespaces", "31000\n" },
        { "/proc/sys/kernel/seccomp/actions_avail",
          "kill_process kill_thread trap errno user_notif trace log allow\n" },
        { "/proc/sys/kernel/yama/ptrace_scope", "1\n" },
        { "/proc/sys/kernel/io_uring_disabled", "2\n" },
        { "/proc/sys/kernel/kptr_restrict", "1\n" },
        { "/proc/sys/dev/tty/legacy_tiocsti", "0\n" },
        { "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n" },
        { "/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n" },
        { "/sys/devices/system/cpu/vulnerabilities/retbleed",
          "Mitigation: untrained return thunk\n" },
        { "/sys/devices/system/cpu/smt/control", "off\n" },
        { "/run/systemd/system/x", "" },
        { "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n" },
        { "/etc/group", "root:x:0:\nme:x:1000:me,you\n" },
        { "/etc/subuid", "me:100000:65536\n" },
        { "/etc/subgid", "me:100000:65536\n" },
};

/* What is different, and what must be found. */
typedef struct Case {
        const char *what;
        File file;
        const char *release; /* NULL: a good one */
        int landlock_abi;    /* negative is none, 0 the newest */
        const char *name;
        DoctorStatus status;
        const char *found, *fix; /* parts of the texts; NULL is none at all */
} Case;

static const Case cases[] = {
        { "an old kernel", .release = "5.10.0-28-amd64", .name = "kernel", .status = DOCTOR_FAIL,
          .found = "5.10", .fix = "6.1" },
        { "one between", .release = "5.15.0", .name = "kernel", .status = DOCTOR_DEGRADED,
          .found = "5.15", .fix = "6.1" },
        { "no user namespaces",
          { "/proc/self/ns/user", NULL },
          .name = "user-namespaces",
          .status = DOCTOR_FAIL,
          .found = "none",
          .fix = "CONFIG_USER_NS" },
        { "none allowed",
          { "/proc/sys/user/max_user_namespaces", "0\n" },
          .name = "user-namespaces",
          .status = DOCTOR_FAIL,
          .found = "user.max_user_namespaces is 0",
          .fix = "user.max_user_namespaces = 65536" },
        { "none for users",
          { "/proc/sys/kernel/unprivileged_userns_clone", "0\n" },
          .name = "user-namespaces",
          .status = DOCTOR_FAIL,
          .found = "unprivileged_userns_clone is 0",
          .fix = "kernel.unprivileged_userns_clone = 1" },
        { "some for users",
          { "/proc/sys/kernel/unprivileged_userns_clone", "1\n" },
          .name = "user-namespaces",
          .status = DOCTOR_PASS,
          .found = "allowed" },
        { "AppArmor",
          { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n" },
          .name = "user-namespaces",
          .status = DOCTOR_FAIL,
          .found = "apparmor_restrict",
          .fix = "kernel.apparmor_restrict_unprivileged_userns = 0" },
        { "no network namespace",
          { "/proc/self/ns/net", NULL },
          .name = "namespaces",
          .status = DOCTOR_FAIL,
          .found = "net",
          .fix = "CONFIG_NET_NS" },
        { "no process namespaces allowed",
          { "/proc/sys/user/max_pid_namespaces", "0\n" },
          .name = "namespaces",
          .status = DOCTOR_FAIL,
          .found = "user.max_pid_namespaces is 0",
          .fix = "user.max_pid_namespaces = 65536" },
        { "no filters",
          { "/proc/sys/kernel/seccomp/actions_avail", NULL },
          .name = "seccomp",
          .status = DOCTOR_FAIL,
          .found = "no filters",
          .fix = "CONFIG_SECCOMP_FILTER" },
        { "filters of an old kernel",
          { "/proc/sys/kernel/seccomp/actions_avail", "kill_process errno allow\n" },
          .name = "seccomp",
          .status = DOCTOR_FAIL,
          .found = "no user notification",
          .fix = "5.14" },
        { "cgroup v1",
          { "/sys/fs/cgroup/cgroup.controllers", NULL },
          .name = "cgroup",
          .status = DOCTOR_DEGRADED,
          .found = "cgroup v1",
          .fix = "systemd.unified_cgroup_hierarchy" },
        { "no memory controller",
          { "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n" },
          .name = "cgroup",
          .status = DOCTOR_DEGRADED,
          .found = "without the controllers memory",
          .fix = "for memory" },
        { "cpu is not cpuset",
          { "/sys/fs/cgroup/cgroup.controllers", "cpuset\n" },
          .name = "cgroup",
          .status = DOCTOR_DEGRADED,
          .found = "memory, cpu, pids",
          .fix = "cgroup_disable=" },
        { "no systemd",
          { "/run/systemd/system", NULL },
          .name = "systemd",
          .status = DOCTOR_DEGRADED,
          .found = "not",
          .fix = "systemd" },
        { "no Landlock", .landlock_abi = -1, .name = "landlock", .status = DOCTOR_DEGRADED,
          .found = "none", .fix = "lsm=" },
        { "a Landlock without rename", .landlock_abi = 1, .name = "landlock",
          .status = DOCTOR_DEGRADED, .found = "none", .fix = "lsm=" },
        { "Landlock for files only", .landlock_abi = 2, .name = "landlock", .status = DOCTOR_PASS,
          .found = "ABI 2", .fix = "6.12" },
        { "ids that the configuration takes from somebody",
          { "/etc/pysb/pysbd.toml",
            "[daemon]\nfirst = 7\n\n[ids] # ours\n  first = 100_000\ncount=256 # few\n" },
          .name = "ids",
          .status = DOCTOR_FAIL,
          .found = "/etc/subuid gives ids of the range to me",
          .fix = "[ids]" },
        { "ids that the configuration names",
          { "/etc/pysb/pysbd.toml", "[ids]\nfirst = 2000000000\n[daemon]\ncount = 1\n" },
          .name = "ids",
          .status = DOCTOR_PASS,
          .found = "65536 from 2000000000 on are free" },
        { "ids that are not written plainly",
          { "/etc/pysb/pysbd.toml", "[ids]\nfirst = 0x1000_0000\n" },
          .name = "ids",
          .status = DOCTOR_DEGRADED,
          .found = "not understood",
          .fix = "pysbd --check" },
        { "a user in the range",
          { "/etc/passwd", "me:x:1000:1000::/:/bin/sh\nbox:x:1879048200:5::/:/x\n" },
          .name = "ids",
          .status = DOCTOR_FAIL,
          .found = "/etc/passwd gives ids of the range to box",
          .fix = "[ids]" },
        { "a group in the range",
          { "/etc/group", "boxes:x:1879048192:\n" },
          .name = "ids",
          .status = DOCTOR_FAIL,
          .found = "/etc/group gives ids of the range to boxes",
          .fix = "[ids]" },
        { "a range that meets it",
          { "/etc/subuid", "me:1879000000:65536\n" },
          .name = "ids",
          .status = DOCTOR_FAIL,
          .found = "/etc/subuid gives ids of the range to me",
          .fix = "[ids]" },
        { "a range before it",
          { "/etc/subuid", "me:1878982656:65536\n" },
          .name = "ids",
          .status = DOCTOR_PASS,
          .found = "free" },
        { "a container",
          { "/proc/self/uid_map", "0 100000 65536\n" },
          .name = "ids",
          .status = DOCTOR_DEGRADED,
          .found = "container",
          .fix = "1879048192" },
        { "a leaking CPU",
          { "/sys/devices/system/cpu/vulnerabilities/retbleed", "Vulnerable: no microcode\n" },
          .name = "vulnerabilities",
          .status = DOCTOR_DEGRADED,
          .found = "retbleed",
          .fix = "mitigations=off" },
        { "two threads a core",
          { "/sys/devices/system/cpu/smt/control", "on\n" },
          .name = "smt",
          .status = DOCTOR_PASS,
          .found = "on",
          .fix = "nosmt" },
        { "one", { NULL }, .name = "smt", .status = DOCTOR_PASS, .found = "off" },
        { "io_uring",
          { "/proc/sys/kernel/io_uring_disabled", "0\n" },
          .name = "kernel.io_uring_disabled",
          .status = DOCTOR_PASS,
          .found = "0",
          .fix = "kernel.io_uring_disabled = 2" },
        { "no io_uring",
          { NULL },
          .name = "kernel.io_uring_disabled",
          .status = DOCTOR_PASS,
          .found = "2" },
        { "no Yama",
          { "/proc/sys/kernel/yama/ptrace_scope", NULL },
          .name = "kernel.yama.ptrace_scope",
          .status = DOCTOR_PASS,
          .found = "does not have",
          .fix = "CONFIG_SECURITY_YAMA" },
        { "TIOCSTI",
          { "/proc/sys/dev/tty/legacy_tiocsti", "1\n" },
          .name = "dev.tty.legacy_tiocsti",
          .status = DOCTOR_PASS,
          .found = "1",
          .fix = "dev.tty.legacy_tiocsti = 0" },
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place) {
        return remove(path);
}

static void put(const char *root, const File *file) {
        char path[512];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s%s", root, file->path);
        if (!file->text) {
                assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
                return;
        }
        for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void) mkdir(path, 0755);
                *p = '/';
        }
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(file->text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static const DoctorFinding *look(const Case *c, DoctorReport *report) {
        char root[] = "/tmp/pysb-doctor.XXXXXX";
        DoctorMachine machine = {
                .root = root,
                .release = c->release ? c->release : "6.1.0-56-cloud-amd64",
                .landlock_abi = c->landlock_abi ?: 7,
        };
        const DoctorFinding *found = NULL;

        assert_non_null(mkdtemp(root));
        FOREACH_ARRAY(file, good, ELEMENTSOF(good))
                put(root, file);
        if (c->file.path)
                put(root, &c->file);
        doctor_check_machine(&machine, report);
        assert_int_equal(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        FOREACH_ARRAY(f, report->findings, report->n)
                if (c->name && strcmp(f->name, c->name) == 0)
                        found = f;
        return found;
}

static void test_good(void **state) {
        DoctorReport report = {};

        look(&(Case){ "good" }, &report);
        assert_int_equal(doctor_report_status(&report), DOCTOR_PASS);
        FOREACH_ARRAY(f, report.findings, report.n) {
                assert_string_not_equal(f->found, "");
                assert_string_equal(f->fix, "");
                assert_non_null(f->why);
        }
}

static void test_cases(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                DoctorReport report = {};
                const DoctorFinding *f = look(c, &report);

                print_message("# %s\n", c->what);
                assert_non_null(f);
                assert_string_equal(doctor_status_to_string(f->status),
                                    doctor_status_to_string(c->status));
                assert_int_equal(doctor_report_status(&report), c->status);
                assert_non_null(strstr(f->found, c->found));
                if (c->fix)
                        assert_non_null(strstr(f->fix, c->fix));
                else
                        assert_string_equal(f->fix, "");
        }
}

/* Nothing of it is there: everything is said to be missing, and nothing crashes. */
static void test_nothing(void **state) {
        DoctorReport report = {};
        DoctorMachine machine = { .root = "/nonexistent", .release = "" };

        doctor_check_machine(&machine, &report);
        assert_int_equal(doctor_report_status(&report), DOCTOR_FAIL);
        assert_int_equal(report.findings[0].status, DOCTOR_FAIL);
}

static void test_names(void **state) {
        char list[12] = "";

        doctor_add_name(list, sizeof(list), "one");
        doctor_add_name(list, sizeof(list), "two");
        doctor_add_name(list, sizeof(list), "three");
        assert_string_equal(list, "one, two");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
