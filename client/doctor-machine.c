/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the files of a machine say about it. Pure but for reading them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/parse.h"
#include "basic/sys.h"
#include "client/doctor.h"

#define FILE_BYTES_MAX (1024 * KIB)

/* What pysbd.toml has by default, and behind that the ids of private daemons of root. */
#define IDS_FIRST UINT64_C(1879048192)
#define IDS_COUNT UINT64_C(65536)
#define PRIVATE_IDS_FIRST (IDS_FIRST + IDS_COUNT)
#define PRIVATE_IDS_COUNT UINT64_C(65536)
#define CONFIG_FILE "/etc/pysb/pysbd.toml"

#define KERNEL_LEAST 514 /* major * 100 + minor */
#define KERNEL_TESTED 601

#define SYSCTL_FIX "Set %s = %s in /etc/sysctl.d and run `sysctl --system`."

static const char *machine_path(const DoctorMachine *m, const char *path, char buf[PATH_MAX]) {
        (void) snprintf(buf, PATH_MAX, "%s%s", m->root, path);
        return buf;
}

static bool machine_has(const DoctorMachine *m, const char *path) {
        char buf[PATH_MAX];

        return access(machine_path(m, path, buf), F_OK) == 0;
}

/* The text without its last newline, owned by the caller; NULL if it cannot be read. */
static char *machine_read(const DoctorMachine *m, const char *path) {
        char buf[PATH_MAX], *text;
        size_t size;

        if (io_read_file(AT_FDCWD, machine_path(m, path, buf), FILE_BYTES_MAX, &text, &size) < 0)
                return NULL;
        if (size > 0 && text[size - 1] == '\n')
                text[size - 1] = '\0';
        return text;
}

/* The number in a file; false if there is none. */
static bool machine_read_number(const DoctorMachine *m, const char *path, int64_t *ret_number) {
        _cleanup_free_ char *text = machine_read(m, path);

        return text && parse_i64(text, ret_number) >= 0;
}

static bool has_word(const char *text, const char *word) {
        size_t size = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p += size)
                if ((p == text || p[-1] == ' ') && (p[size] == ' ' || p[size] == '\0'))
                        return true;
        return false;
}

static void set_fix(DoctorFinding *f, const char *text) {
        (void) snprintf(f->fix, sizeof(f->fix), "%s", text);
}

static void set_sysctl_fix(DoctorFinding *f, const char *name, const char *value) {
        (void) snprintf(f->fix, sizeof(f->fix), SYSCTL_FIX, name, value);
}

static void check_kernel(const DoctorMachine *m, DoctorFinding *f) {
        const char *text = m->release;
        uint64_t major = 0, minor = 0, version;
        DoctorStatus status = DOCTOR_PASS;

        if (doctor_take_number(&text, &major) && *text == '.') {
                text++;
                (void) doctor_take_number(&text, &minor);
        }
        version = major * 100 + minor;
        if (version < KERNEL_TESTED)
                status = version < KERNEL_LEAST ? DOCTOR_FAIL : DOCTOR_DEGRADED;
        doctor_say(f, status, "Linux %s", m->release);
        if (f->status != DOCTOR_PASS)
                set_fix(f,
                        "Boot Linux 6.1 or later: nothing older is tested, nor is anything before 5.14 enough.");
}

static void check_user_namespaces(const DoctorMachine *m, DoctorFinding *f) {
        static const struct {
                const char *path, *name;
                int64_t bad;
                const char *good;
        } rows[] = {
                { "/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", 0, "65536" },
                { "/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone",
                  0, "1" },
                { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                  "kernel.apparmor_restrict_unprivileged_userns", 1, "0" },
        };
        int64_t number = 0;

        if (!machine_has(m, "/proc/self/ns/user")) {
                doctor_say(f, DOCTOR_FAIL, "the kernel has none that is new enough");
                set_fix(f, "Boot a kernel with CONFIG_USER_NS.");
                return;
        }
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                if (!machine_read_number(m, row->path, &number) || number != row->bad)
                        continue;
                doctor_say(f, DOCTOR_FAIL, "forbidden: %s is %" PRIi64, row->name, number);
                set_sysctl_fix(f, row->name, row->good);
                return;
        }
        doctor_say(f, DOCTOR_PASS, "allowed");
}

static void check_namespaces(const DoctorMachine *m, DoctorFinding *f) {
        static const char *const kinds[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup" };
        char path[64], name[64];
        int64_t number;

        FOREACH_ARRAY(kind, kinds, ELEMENTSOF(kinds)) {
                (void) snprintf(path, sizeof(path), "/proc/self/ns/%s", *kind);
                if (!machine_has(m, path)) {
                        doctor_say(f, DOCTOR_FAIL, "the kernel has no namespaces of the kind %s",
                                   *kind);
                        set_fix(f,
                                "Boot a kernel with CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS, "
                                "CONFIG_UTS_NS and CONFIG_CGROUPS.");
                        return;
                }
                (void) snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", *kind);
                if (machine_read_number(m, path, &number) && number == 0) {
                        (void) snprintf(name, sizeof(name), "user.max_%s_namespaces", *kind);
                        doctor_say(f, DOCTOR_FAIL, "forbidden: %s is 0", name);
                        set_sysctl_fix(f, name, "65536");
                        return;
                }
        }
        doctor_say(f, DOCTOR_PASS, "all six");
}

static void check_seccomp(const DoctorMachine *m, DoctorFinding *f) {
        _cleanup_free_ char *actions = machine_read(m, "/proc/sys/kernel/seccomp/actions_avail");

        if (actions && has_word(actions, "user_notif") && has_word(actions, "kill_process")) {
                doctor_say(f, DOCTOR_PASS, "filters with user notification");
                return;
        }
        doctor_say(f, DOCTOR_FAIL, "%s", actions ? "no user notification" : "no filters");
        set_fix(f, "Boot Linux 5.14 or later with CONFIG_SECCOMP_FILTER.");
}

/* A controller that the root cgroup has: systemd delegates it then, as the unit asks for it. */
static void check_cgroup(const DoctorMachine *m, DoctorFinding *f) {
        static const char *const needed[] = { "memory", "cpu", "pids" };
        _cleanup_free_ char *controllers = machine_read(m, "/sys/fs/cgroup/cgroup.controllers");
        char lacking[64] = "";

        if (!controllers) {
                doctor_say(f, DOCTOR_DEGRADED, "%s",
                           machine_has(m, "/sys/fs/cgroup") ? "cgroup v1" : "no cgroups");
                set_fix(f,
                        "Boot with the unified hierarchy: without systemd.unified_cgroup_hierarchy=0, "
                        "or with it set to 1.");
                return;
        }
        FOREACH_ARRAY(name, needed, ELEMENTSOF(needed))
                if (!has_word(controllers, *name))
                        doctor_add_name(lacking, sizeof(lacking), *name);
        if (*lacking == '\0') {
                doctor_say(f, DOCTOR_PASS, "cgroup v2 with memory, cpu and pids");
                return;
        }
        doctor_say(f, DOCTOR_DEGRADED, "cgroup v2 without the controllers %s", lacking);
        (void) snprintf(
                f->fix, sizeof(f->fix),
                "Boot without cgroup_disable= (or with cgroup_enable=) for %s, and let no other "
                "hierarchy have them.",
                lacking);
}

static void check_systemd(const DoctorMachine *m, DoctorFinding *f) {
        if (machine_has(m, "/run/systemd/system")) {
                doctor_say(f, DOCTOR_PASS, "it runs");
                return;
        }
        doctor_say(f, DOCTOR_DEGRADED, "it does not run");
        set_fix(f,
                "Run pysbd as a service of a machine with systemd; what runs here is only a private daemon.");
}

static void check_landlock(const DoctorMachine *m, DoctorFinding *f) {
        if (m->landlock_abi >= LANDLOCK_ABI_MIN) {
                doctor_say(f, DOCTOR_PASS, "ABI %d", m->landlock_abi);
                if (m->landlock_abi < LANDLOCK_ABI_WHOLE)
                        set_fix(f,
                                "Linux 6.12 has it for TCP, commands to devices, signals and abstract sockets, too.");
                return;
        }
        doctor_say(f, DOCTOR_DEGRADED, "the kernel has none");
        set_fix(f,
                "Boot a kernel with CONFIG_SECURITY_LANDLOCK, and with landlock in lsm= on its command line.");
}

static void check_vulnerabilities(const DoctorMachine *m, DoctorFinding *f) {
        static const char path[] = "/sys/devices/system/cpu/vulnerabilities";
        char buf[PATH_MAX], names[DOCTOR_TEXT_MAX / 2] = "";
        _cleanup_(closedirp) DIR *dir = opendir(machine_path(m, path, buf));

        for (struct dirent *d; dir && (d = readdir(dir));) {
                _cleanup_free_ char *text = NULL;

                if (d->d_name[0] == '.')
                        continue;
                (void) snprintf(buf, sizeof(buf), "%s/%s", path, d->d_name);
                text = machine_read(m, buf);
                if (!text || strncmp(text, "Vulnerable", strlen("Vulnerable")) != 0)
                        continue;
                doctor_add_name(names, sizeof(names), d->d_name);
        }
        if (*names == 0) {
                doctor_say(f, DOCTOR_PASS, "%s",
                           dir ? "none that is not mitigated" : "the kernel does not say");
                return;
        }
        doctor_say(f, DOCTOR_DEGRADED, "the CPU is vulnerable: %s", names);
        set_fix(f, "Update kernel and microcode, and boot without mitigations=off.");
}

static void check_smt(const DoctorMachine *m, DoctorFinding *f) {
        _cleanup_free_ char *control = machine_read(m, "/sys/devices/system/cpu/smt/control");

        doctor_say(f, DOCTOR_PASS, "%s", control ? control : "the kernel does not say");
        if (control && strcmp(control, "on") == 0)
                set_fix(f, "Where tenants must learn nothing of each other, boot with nosmt.");
}

/* Whether a map of this namespace has all ids from first on. */
static bool map_has(const char *map, uint64_t first, uint64_t count) {
        uint64_t inside, outside, size;

        for (const char *line = map; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (doctor_take_number(&line, &inside) && doctor_take_number(&line, &outside) &&
                    doctor_take_number(&line, &size) && first >= inside &&
                    first - inside + count <= size)
                        return true;
        }
        return false;
}

typedef struct IdRange {
        uint64_t first, count;
} IdRange;

/* "KEY = NUMBER", as TOML has it in its plainest form; *ret_number stays if the line has another key. */
static bool toml_read_number(const char *line, const char *key, uint64_t *ret_number) {
        size_t size = strlen(key), n = 0;
        char digits[24];
        const char *p;

        if (strncmp(line, key, size) != 0)
                return true;
        p = line + size + strspn(line + size, " \t");
        if (*p != '=')
                return true;
        for (p += 1 + strspn(p + 1, " \t"); strchr("_0123456789", *p) && *p; p++)
                if (*p != '_' && n < sizeof(digits) - 1)
                        digits[n++] = *p;
        digits[n] = '\0';
        return strchr(" \t\n#", *p) && parse_u64(digits, ret_number) >= 0;
}

/* What [ids] says. Only as much of TOML as most files need; false: it is more than that. */
static bool ids_read(const char *text, IdRange *ids) {
        bool is_ours = false;

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                line += strspn(line, " \t");
                if (*line == '[')
                        is_ours = strncmp(line, "[ids]", 5) == 0;
                else if (strncmp(line, "ids", 3) == 0 ||
                         (is_ours && (!toml_read_number(line, "first", &ids->first) ||
                                      !toml_read_number(line, "count", &ids->count))))
                        return false;
        }
        return true;
}

/* The first line whose number, behind skip colons, is in a range of the boxes; with has_count, whose range meets it.
 * Returns its name in buf, or NULL. */
static const char *
ids_taken(const char *text, int skip, bool has_count, const IdRange *ids, char buf[static 64]) {
        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                uint64_t first = 0, count = 1;
                const char *p;
                int colons = 0;

                line += *line == '\n';
                for (p = line; *p && *p != '\n' && colons < skip; p++)
                        colons += *p == ':';
                if (!doctor_take_number(&p, &first) ||
                    (has_count && (*p++ != ':' || !doctor_take_number(&p, &count))))
                        continue;
                if (first >= ids->first + ids->count || first + count <= ids->first)
                        continue;
                (void) snprintf(buf, 64, "%.*s", (int) MIN(strcspn(line, ":"), (size_t) 63), line);
                return buf;
        }
        return NULL;
}

/* Whether nobody else has them; else says who. */
static bool ids_are_free(const DoctorMachine *m, const IdRange *ids, DoctorFinding *f) {
        static const struct {
                const char *path;
                int skip;
                bool has_count;
        } rows[] = {
                { "/etc/passwd", 2, false },
                { "/etc/group", 2, false },
                { "/etc/subuid", 1, true },
                { "/etc/subgid", 1, true },
        };
        _cleanup_free_ char *map = machine_read(m, "/proc/self/uid_map");
        char name[64];

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                _cleanup_free_ char *text = machine_read(m, row->path);

                if (!text || !ids_taken(text, row->skip, row->has_count, ids, name))
                        continue;
                doctor_say(f, DOCTOR_FAIL, "%s gives ids of the range to %s", row->path, name);
                set_fix(f,
                        "Give others other ids, or boxes another range: [ids] in " CONFIG_FILE ".");
                return false;
        }
        if (!map || map_has(map, ids->first, ids->count))
                return true;
        doctor_say(f, DOCTOR_DEGRADED, "this container does not have them");
        (void) snprintf(f->fix, sizeof(f->fix),
                        "Give the container the ids from %" PRIu64 " on, or [ids] in " CONFIG_FILE
                        " some that it has.",
                        ids->first);
        return false;
}

static void check_ids(const DoctorMachine *m, DoctorFinding *f) {
        static const IdRange private_ids = { PRIVATE_IDS_FIRST, PRIVATE_IDS_COUNT };
        _cleanup_free_ char *config = machine_read(m, CONFIG_FILE);
        IdRange ids = { IDS_FIRST, IDS_COUNT };

        if (config && !ids_read(config, &ids)) {
                doctor_say(f, DOCTOR_DEGRADED, "those of " CONFIG_FILE " are not understood here");
                set_fix(f,
                        "Write [ids] with first and count below it, in decimal; `pysbd --check` reads all of TOML.");
                return;
        }
        if (ids_are_free(m, &ids, f) && ids_are_free(m, &private_ids, f))
                doctor_say(f, DOCTOR_PASS,
                           "%" PRIu64 " from %" PRIu64 " on are free, and %" PRIu64 " from %" PRIu64
                           " on for private daemons of root",
                           ids.count, ids.first, private_ids.count, private_ids.first);
}

/* What is not needed, but makes a machine that runs other people's programs a harder one. A file that is not there
 * belongs to a kernel without the thing. */
static const struct {
        const char *path, *name;
        int64_t least, most;
        const char *better, *why;
} sysctls[] = {
        { "/proc/sys/kernel/yama/ptrace_scope", "kernel.yama.ptrace_scope", 1, 3, "1",
          "Yama keeps the processes of one user from tracing each other, the daemon's among them." },
        { "/proc/sys/kernel/io_uring_disabled", "kernel.io_uring_disabled", 1, 2, "2",
          "Jobs cannot call io_uring; what is off cannot be reached by a mistake either." },
        { "/proc/sys/kernel/unprivileged_bpf_disabled", "kernel.unprivileged_bpf_disabled", 1, 2,
          "1", "Jobs cannot call bpf(); what is off cannot be reached by a mistake either." },
        { "/proc/sys/kernel/perf_event_paranoid", "kernel.perf_event_paranoid", 2, INT64_MAX, "2",
          "Performance events show the kernel to everybody; jobs cannot open any." },
        { "/proc/sys/kernel/kptr_restrict", "kernel.kptr_restrict", 1, 2, "1",
          "Addresses of the kernel help whoever has found a bug in it." },
        { "/proc/sys/kernel/dmesg_restrict", "kernel.dmesg_restrict", 1, 1, "1",
          "The kernel's log has its addresses." },
        { "/proc/sys/fs/protected_symlinks", "fs.protected_symlinks", 1, 1, "1",
          "Links in shared directories lead programs of other users astray." },
        { "/proc/sys/fs/protected_hardlinks", "fs.protected_hardlinks", 1, 1, "1",
          "Links to other users' files keep what they think is gone." },
        { "/proc/sys/dev/tty/legacy_tiocsti", "dev.tty.legacy_tiocsti", 0, 0, "0",
          "TIOCSTI types for whoever owns the terminal; jobs cannot call it." },
};

static void check_sysctls(const DoctorMachine *m, DoctorReport *report) {
        FOREACH_ARRAY(s, sysctls, ELEMENTSOF(sysctls)) {
                DoctorFinding *f = doctor_add(report, s->name, s->why);
                int64_t number;

                if (!machine_read_number(m, s->path, &number)) {
                        doctor_say(f, DOCTOR_PASS, "the kernel does not have it");
                        if (s ==
                            sysctls) /* Yama: the others belong to what would be there with them */
                                set_fix(f,
                                        "Boot a kernel with CONFIG_SECURITY_YAMA, and with yama in "
                                        "lsm= on its command line.");
                        continue;
                }
                doctor_say(f, DOCTOR_PASS, "%" PRIi64, number);
                if (number < s->least || number > s->most)
                        set_sysctl_fix(f, s->name, s->better);
        }
}

void doctor_check_machine(const DoctorMachine *m, DoctorReport *report) {
        static const struct {
                const char *name;
                void (*check)(const DoctorMachine *m, DoctorFinding *f);
                const char *why;
        } rows[] = {
                { "kernel", check_kernel,
                  "Sandboxes are made with calls that older kernels do not have." },
                { "user-namespaces", check_user_namespaces,
                  "The daemon is not root: a user namespace is what lets it make the others." },
                { "namespaces", check_namespaces,
                  "Each job has mounts, processes, network, IPC, host name and cgroups of its own." },
                { "seccomp", check_seccomp,
                  "A filter decides which system calls a job may make, and init answers for the others." },
                { "cgroup", check_cgroup,
                  "The limits of a job on memory, CPU and processes are its cgroup's; without one they hold for each "
                  "process, and the service does not start unless allow_degraded = true." },
                { "systemd", check_systemd,
                  "It gives the service its two capabilities, its users and a cgroup of its own to divide." },
                { "landlock", check_landlock,
                  "Landlock is a further wall around files, whatever the mounts are." },
                { "ids", check_ids, "Each job has a uid of its own, which no user may have." },
                { "vulnerabilities", check_vulnerabilities,
                  "A job may read what others have in memory by what the CPU does ahead of time." },
                { "smt", check_smt,
                  "Two jobs on one core at the same time can watch each other's timing." },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                row->check(m, doctor_add(report, row->name, row->why));
        check_sysctls(m, report);
}
