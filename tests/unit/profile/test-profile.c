/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "basic/macro.h"
#include "good-profile.h"
#include "profile/profile.h"

/* The good profile as text; the line that has the key, if any, is replaced by another text. */
static char *profile_text(const char *key, const char *replacement) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        bool replaced = key == NULL;

        FOREACH_ARRAY(line, good_profile, ELEMENTSOF(good_profile))
                if (key && strstr(*line, key) && !replaced) {
                        fputs(replacement, f);
                        replaced = true;
                } else
                        fprintf(f, "%s\n", *line);
        if (!replaced)
                fputs(replacement, f);
        fclose(f);
        return text;
}

static void test_good(void **state) {
        _cleanup_free_ char *text = profile_text(NULL, NULL), *error = NULL;
        _cleanup_(profile_freep) Profile *p = NULL;

        if (profile_parse(text, strlen(text), &p, &error) < 0)
                fail_msg("%s", error);
        assert_string_equal(p->name, "p");
        assert_string_equal(p->description, "A \"test\" \\ profile");
        assert_true(p->granted);
        assert_int_equal(p->network, PROFILE_NETWORK_NONE);
        assert_int_equal(p->files, PROFILE_FILES_PRIVATE);
        assert_int_equal(p->proc, PROFILE_PROC_PIDS);
        assert_true(p->policy);
        assert_true(p->host_env);
        assert_int_equal(p->imports, PROFILE_IMPORTS_BLACKLIST);
        assert_int_equal(p->analysis, PROFILE_ANALYSIS_IMPORTS);
        assert_string_equal(p->preload[0], "json");
        assert_string_equal(p->preload[1], "os.path");
        assert_null(p->preload[2]);
        assert_null(p->deny_modules[0]);
        assert_string_equal(p->environment[0], "HOME=/app");
        assert_int_equal(p->retain_usec, 600 * USEC_PER_SEC);
        assert_true(p->has_sessions);
        assert_int_equal(p->session_idle_usec, 60 * USEC_PER_SEC);
        assert_int_equal(p->session_lifetime_usec, 3600 * USEC_PER_SEC);
        assert_int_equal(p->session_lifetime_max_usec, 7200 * USEC_PER_SEC);
        assert_int_equal(p->grace_usec, 2 * USEC_PER_SEC);
        assert_int_equal(p->limits.value[LIMIT_WALL_TIME], 1500 * USEC_PER_MSEC);
        assert_int_equal(p->limits.value[LIMIT_CPU_TIME], 60 * USEC_PER_SEC);
        assert_int_equal(p->limits.value[LIMIT_MEMORY], 50 * MIB);
        assert_int_equal(p->limits.value[LIMIT_DISK], MIB);
        assert_int_equal(p->maximum.value[LIMIT_PROCESSES], 4);
        assert_int_equal(p->maximum.value[LIMIT_FILE_SIZE], 10);
        assert_true(profile_digest_short(p) == 0x0123456789abcdef);
        /* A source for each key, once: the two elements of preload are one. */
        assert_int_equal(p->n_sources, ELEMENTSOF(good_profile) - 1);
        assert_string_equal(p->sources[3].key, "profile.network");
        assert_string_equal(p->sources[3].where, "p.toml:4");
}

static void test_enumerations(void **state) {
        static const struct {
                const char *key, *line;
        } rows[] = {
                { "profile.network", "p.toml:4: profile.network = \"loopback\"\n" },
                { "profile.proc", "p.toml:4: profile.proc = \"none\"\n" },
                { "python.policy", "p.toml:4: python.policy = false\n" },
                { "profile.granted", "p.toml:4: profile.granted = false\n" },
                { "python.imports", "p.toml:4: python.imports = \"whitelist\"\n" },
                { "python.analysis", "p.toml:4: python.analysis = \"strict\"\n" },
                { "no such", "p.toml:4: profile.read_only = \"/usr/share/fonts\"\n" },
                { "no such", "p.toml:4: python.packages = \"numpy\"\n" },
                { "no such", "p.toml:4: python.package_debs = \"python3-numpy\"\n" },
                { "no such", "p.toml:4: python.package_paths = \"/etc/pysb/wheels/attrs-1\"\n" },
                { "no such", "p.toml:4: python.recommended = \"attrs 22.2.0 (import attr)\"\n" },
                { "no such", "p.toml:4: python.wheels = \"/etc/pysb/wheels\"\n" },
                { "python.native_packages", "p.toml:4: python.native_packages = true\n" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                _cleanup_free_ char *text = profile_text(row->key, row->line), *error = NULL;
                _cleanup_(profile_freep) Profile *p = NULL;

                if (profile_parse(text, strlen(text), &p, &error) < 0)
                        fail_msg("%s", error);
        }
        assert_string_equal(profile_network_to_string(PROFILE_NETWORK_LOOPBACK), "loopback");
        assert_string_equal(profile_files_to_string(PROFILE_FILES_PRIVATE), "private");
        assert_string_equal(profile_proc_to_string(PROFILE_PROC_PIDS), "pids");
        assert_string_equal(profile_imports_to_string(PROFILE_IMPORTS_WHITELIST), "whitelist");
        assert_string_equal(profile_analysis_to_string(PROFILE_ANALYSIS_OFF), "off");
        assert_null(profile_imports_to_string(_PROFILE_IMPORTS_MAX));
        assert_null(profile_analysis_to_string(_PROFILE_ANALYSIS_MAX));
        assert_null(profile_network_to_string(_PROFILE_NETWORK_MAX));
        assert_null(profile_files_to_string(_PROFILE_FILES_MAX));
        assert_null(profile_proc_to_string(_PROFILE_PROC_MAX));
}

/* Every mistake, and the sentence that must come of it. Nothing is ever guessed or skipped. */
static const struct {
        const char *key; /* the line with it is replaced; NULL adds a line */
        const char *line;
        const char *error; /* what the message must have in it */
} bad_rows[] = {
        { "no such", "p.toml:50: limits.memroy = \"1M\"\n",
          "p.toml:50: limits.memroy: there is no" },
        { "no such", "p.toml:50: limit.memory = 1\n", "p.toml:50: limit.memory: there is no" },
        { "no such", "p.toml:50: limits. = 1\n", "p.toml:50: limits.: there is no" },
        { "no such", "p.toml:50: memory = 1\n", "memory: there is no" },
        { "no such", "p.toml:50: python.policy.x = 1\n", "there is no" },
        { "no such", "p.toml:50: limits.memory = \"50M\"\n",
          "p.toml:50: limits.memory: was already set at p.toml:14" },
        { "no such", "p.toml:50: python.policy = true\n", "was already set at p.toml:7" },
        { "limits.memory", "p.toml:7: limits.memory = \"4K\"\n",
          "p.toml:7: limits.memory: 4K is below the lowest value, 8 MiB" },
        { "limits.memory", "p.toml:7: limits.memory = \"65G\"\n",
          "p.toml:7: limits.memory: 65G is above the highest value, 64 GiB" },
        { "limits.memory", "p.toml:7: limits.memory = \"51M\"\n",
          "p.toml:7: limits.memory: 51 MiB is above maximum.memory, which is 50 MiB (p.toml:34)" },
        { "limits.memory", "p.toml:7: limits.memory = \"50MB\"\n", "'50MB' is not a size" },
        { "limits.memory", "p.toml:7: limits.memory = \"\"\n", "is not a size" },
        { "limits.memory", "p.toml:7: limits.memory = \"-1\"\n", "is not a size" },
        { "limits.memory", "p.toml:7: limits.memory = -1\n", "is not a size" },
        { "limits.memory", "p.toml:7: limits.memory = true\n", "is not a size" },
        { "limits.memory", "p.toml:7: limits.memory = \"99999999999999999999\"\n",
          "p.toml:7: limits.memory: 99999999999999999999 is above the highest value, 64 GiB" },
        { "limits.memory", "p.toml:7: limits.memory = 99999999999999999999999\n",
          "limits.memory: 99999999999999999999999 is above the highest value, 64 GiB" },
        { "limits.memory", "p.toml:7: limits.memory = -99999999999999999999999\n",
          "is not a size" },
        { "limits.cpu ", "p.toml:7: limits.cpu = 99999999999999999999\n",
          "limits.cpu: 99999999999999999999 is above the highest value, 6400 %" },
        { "limits.wall_time", "p.toml:7: limits.wall_time = 99999999999999999999\n",
          "is above the highest value, 86400 s" },
        { "job.retain", "p.toml:10: job.retain = 99999999999999999999\n",
          "p.toml:10: job.retain: 99999999999999999999 is out of range, at most 18446744073709 s" },
        { "limits.wall_time", "p.toml:7: limits.wall_time = \"5 s\"\n", "'5 s' is no time" },
        { "limits.wall_time", "p.toml:7: limits.wall_time = \"5x\"\n", "'5x' is no time" },
        { "limits.wall_time", "p.toml:7: limits.wall_time = 0\n", "below the lowest" },
        { "limits.cpu ", "p.toml:7: limits.cpu = \"100%\"\n", "'100%' is not a percentage" },
        { "limits.processes", "p.toml:7: limits.processes = \"1\"\n", "is not a count" },
        { "limits.processes", "p.toml:7: limits.processes = 0\n", "below the lowest value, 1" },
        { "maximum.processes", "p.toml:7: maximum.processes = 99999\n", "above the highest" },
        { "limits.threads", "", "p.toml: limits.threads: is missing" },
        { "maximum.source", "", "p.toml: maximum.source: is missing" },
        { "profile.granted", "", "profile.granted: is missing" },
        { "profile.digest", "", "profile.digest: is missing" },
        { "profile.digest", "p.toml:1: profile.digest = \"0123\"\n", "64 lower case" },
        { "profile.name", "p.toml:1: profile.name = \"../etc\"\n", "is no name" },
        { "profile.name", "p.toml:1: profile.name = \"P\"\n", "is no name" },
        { "profile.name", "p.toml:1: profile.name = \"\"\n", "is no name" },
        { "profile.name", "p.toml:1: profile.name = 1\n", "is no name" },
        { "profile.name", "p.toml:1: profile.name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
          "at most 31" },
        { "profile.network", "p.toml:4: profile.network = \"host\"\n",
          "'host' is not one of its values; it must be \"none\" or \"loopback\"" },
        { "profile.network", "p.toml:4: profile.network = true\n", "not one of its values" },
        { "profile.files", "p.toml:4: profile.files = \"none\"\n",
          "profile.proc: must be \"none\"" },
        { "python.host_env", "p.toml:9: python.host_env = 1\n", "must be true or false" },
        { "python.imports", "p.toml:9: python.imports = \"all\"\n",
          "'all' is not one of its values; it must be \"whitelist\" or \"blacklist\"" },
        { "python.analysis", "p.toml:9: python.analysis = \"hard\"\n",
          "it must be \"off\", \"imports\" or \"strict\"" },
        { "no such", "p.toml:9: python.modules = \"@pure\"\n", "is no module name" },
        { "no such", "p.toml:9: python.package_debs = \"Numpy\"\n", "no name of a Debian package" },
        { "no such", "p.toml:9: profile.read_only = \"usr\"\n", "must be an absolute path" },
        { "no such", "p.toml:9: profile.read_only = \"/\"\n", "must be an absolute path" },
        { "no such", "p.toml:9: profile.read_only = \"/a/../b\"\n", "must be an absolute path" },
        { "no such", "p.toml:9: profile.read_only = \"/a/..\"\n", "must be an absolute path" },
        { "no such", "p.toml:9: profile.read_only = \"/a/\"\n", "must be an absolute path" },
        { "no such", "p.toml:9: profile.read_only = \"/app\"\n", "none of /app" },
        { "no such", "p.toml:9: profile.read_only = \"/proc/1\"\n", "none of /app" },
        { "python.policy", "p.toml:7: python.policy = \"true\"\n", "must be true or false" },
        { "python.policy", "p.toml:7: python.policy = 1\n", "must be true or false" },
        { "python.preload", "p.toml:8: python.preload = \"os;x\"\n", "is no module name" },
        { "python.preload", "p.toml:8: python.preload = \"os..path\"\n", "is no module name" },
        { "python.preload", "p.toml:8: python.preload = \"os.\"\n", "is no module name" },
        { "python.preload", "p.toml:8: python.preload = \"\"\n", "is no module name" },
        { "python.preload", "p.toml:8: python.preload = \"1a\"\n", "is no module name" },
        { "python.environment", "p.toml:9: python.environment = \"HOME\"\n", "is no variable" },
        { "python.environment", "p.toml:9: python.environment = \"=x\"\n", "is no variable" },
        { "python.environment", "p.toml:9: python.environment = \"A B=x\"\n", "is no variable" },
        { "job.retain", "p.toml:10: job.retain = \"soon\"\n", "is no time" },
        { "sessions.allowed", "", "p.toml: sessions.allowed: is missing" },
        { "sessions.idle", "p.toml:11: sessions.idle = \"3h\"\n",
          "p.toml:11: sessions.idle: must be from 1 second to sessions.max_lifetime" },
        { "sessions.lifetime", "p.toml:11: sessions.lifetime = \"3h\"\n",
          "p.toml:11: sessions.lifetime: must be from 1 second to sessions.max_lifetime" },
        { "sessions.lifetime", "p.toml:11: sessions.lifetime = 0\n", "must be from 1 second" },
        { "sessions.max_lifetime", "p.toml:11: sessions.max_lifetime = \"25h\"\n",
          "p.toml:11: sessions.max_lifetime: must be from 1 second to 24 hours" },
        { "profile.description", "p.toml:2: profile.description = \"\"\n", "not empty" },
        { "profile.description", "p.toml:2: profile.description = \"a\"b\"\n", "is no line" },
        { "profile.description", "p.toml:2: profile.description = \"a\\n\"\n", "is no line" },
        { "profile.description", "p.toml:2: profile.description = \"a\\\"\n", "is no line" },
        { "profile.description", "p.toml:2: profile.description = \"\n", "is no line" },
        { "profile.description", "p.toml:2: profile.description = \"\033[1m\"\n", "control" },
        { "profile.description", "p.toml:2: profile.description = \"\xff\"\n", "not UTF-8" },
        { "no such", "nonsense\n", "is no line of the form" },
        { "no such", ": a = 1\n", "is no line of the form" },
        { "no such", "p.toml:50:  = 1\n", "is no line of the form" },
        { "no such", "p.toml:50: python.policy = \n", "is no line of the form" },
        { "no such", "p.toml:50: python.policy = 1x\n", "is no line of the form" },
        { "no such", "p.toml:50: python.policy = 99999999999999999999x\n",
          "is no line of the form" },
        { "python.policy", "p.toml:7: python.policy = 99999999999999999999\n",
          "must be true or false" },
        { "python.native_packages", "", "p.toml: python.native_packages: is missing" },
        { "no such", "p.toml:50: python.wheels = \"wheels\"\n",
          "p.toml:50: python.wheels: 'wheels' must be an absolute path" },
        { "no such", "p.toml:50: python.wheels = \"/tmp/wheels\"\n", "none of /app, /dev, /proc" },
        { "no such", "p.toml:50: python.package_paths = \"/etc/../x\"\n", "without \"..\"" },
        { "no such", "p.toml:50: python.recommended = 1\n", "must be a string" },
};

/* Keys that are right alone and wrong together: the lines stand in for those of the same keys. */
static const struct {
        const char *keys[3];
        const char *lines, *error;
} combinations[] = {
        { { "python.policy", "python.host_env" },
          "p.toml:1: python.policy = false\np.toml:2: python.host_env = false\n",
          "p.toml:2: python.host_env: must be true where policy is false" },
        { { "python.host_env" },
          "p.toml:1: python.host_env = false\n",
          "p.toml:1: python.host_env: must be true where files is \"private\"" },
        { { "profile.proc" },
          "p.toml:1: profile.engine = \"process\"\np.toml:2: profile.proc = \"pids\"\n",
          "p.toml:2: profile.proc: must be \"none\" where engine is \"process\"" },
        { { "profile.proc", "profile.network" },
          "p.toml:1: profile.engine = \"process\"\np.toml:2: profile.proc = \"none\"\n"
          "p.toml:3: profile.network = \"loopback\"\n",
          "p.toml:3: profile.network: must be \"none\" where engine is \"process\"" },
        { { "profile.proc", "maximum.processes" },
          "p.toml:1: profile.engine = \"process\"\np.toml:2: profile.proc = \"none\"\n"
          "p.toml:3: maximum.processes = 32\n",
          "p.toml:3: maximum.processes: must be 1 where engine is \"process\"" },
        { { "profile.proc", "maximum.processes", "sessions." },
          "p.toml:1: profile.engine = \"process\"\np.toml:2: profile.proc = \"none\"\n"
          "p.toml:3: maximum.processes = 1\np.toml:4: sessions.allowed = true\n"
          "p.toml:5: sessions.branches = 1\np.toml:6: sessions.idle = \"10min\"\n"
          "p.toml:7: sessions.lifetime = \"1h\"\np.toml:8: sessions.max_lifetime = \"1h\"\n",
          "p.toml:5: sessions.branches: must be 0 where engine is \"process\"" },
        { { "profile.files", "profile.proc" },
          "p.toml:1: profile.files = \"none\"\np.toml:2: profile.proc = \"none\"\n",
          "p.toml:7: python.imports: must be \"whitelist\" where files is \"none\"" },
        { { "profile.files", "profile.proc", "python.imports" },
          "p.toml:1: profile.files = \"none\"\np.toml:2: profile.proc = \"none\"\n"
          "p.toml:3: python.imports = \"whitelist\"\np.toml:4: python.packages = \"x\"\n",
          "p.toml:4: python.packages: needs files" },
        { { "profile.files", "profile.proc", "python.imports" },
          "p.toml:1: profile.files = \"none\"\np.toml:2: profile.proc = \"none\"\n"
          "p.toml:3: python.imports = \"whitelist\"\np.toml:4: profile.read_only = \"/x\"\n",
          "p.toml:4: profile.read_only: needs files" },
};

static void test_combinations(void **state) {
        FOREACH_ARRAY(row, combinations, ELEMENTSOF(combinations)) {
                _cleanup_free_ char *text = NULL, *error = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);
                Profile *p;

                FOREACH_ARRAY(line, good_profile, ELEMENTSOF(good_profile)) {
                        bool is_replaced = false;

                        FOREACH_ARRAY(key, row->keys, ELEMENTSOF(row->keys))
                                is_replaced = is_replaced || (*key && strstr(*line, *key));
                        if (!is_replaced)
                                fprintf(f, "%s\n", *line);
                }
                fputs(row->lines, f);
                fclose(f);
                assert_int_equal(profile_parse(text, size, &p, &error), -EINVAL);
                if (!strstr(error, row->error))
                        fail_msg("'%s' is not in '%s'", row->error, error);
        }
}

/* A list has a source for each file that elements of it come from. */
static void test_sources_of_list(void **state) {
        _cleanup_free_ char *text =
                profile_text("python.preload", "a.modules:3: python.preload = \"a\"\n"
                                               "b.modules:4: python.preload = \"b\"\n"
                                               "a.modules:5: python.preload = \"c\"\n");
        _cleanup_free_ char *error = NULL;
        _cleanup_(profile_freep) Profile *p = NULL;
        unsigned n = 0;

        assert_int_equal(profile_parse(text, strlen(text), &p, &error), 0);
        FOREACH_ARRAY(source, p->sources, p->n_sources)
                if (strcmp(source->key, "python.preload") == 0) {
                        static const char *const expected[] = { "a.modules:3", "b.modules:4",
                                                                "p.toml:8" };

                        assert_string_equal(source->where, expected[n++]);
                }
        assert_int_equal(n, 3);
}

static void test_bad(void **state) {
        FOREACH_ARRAY(row, bad_rows, ELEMENTSOF(bad_rows)) {
                _cleanup_free_ char *text = profile_text(row->key, row->line), *error = NULL;
                Profile *p = NULL;

                if (profile_parse(text, strlen(text), &p, &error) != -EINVAL)
                        fail_msg("accepted: %s", row->line);
                assert_null(p);
                if (!strstr(error, row->error))
                        fail_msg("'%s' is not in '%s'", row->error, error);
                if (strchr(error, '\n'))
                        fail_msg("more than one line: '%s'", error);
        }
}

/* Any prefix and any changed byte: an error with a sentence or a profile, never anything else. The
 * sanitizers look on. */
static void test_any_bytes(void **state) {
        static const char bytes[] = { '\0', '\n', '"', '\\', ':', '=', ' ', '.', '\xff', '9' };
        _cleanup_free_ char *text = profile_text(NULL, NULL);
        size_t size = strlen(text);

        for (size_t i = 0; i <= size; i++) {
                _cleanup_free_ char *copy = memcpy(malloc(size), text, size);

                for (size_t b = 0; b <= ELEMENTSOF(bytes); b++) {
                        _cleanup_(profile_freep) Profile *p = NULL;
                        _cleanup_free_ char *error = NULL;
                        size_t n = b == ELEMENTSOF(bytes) ? i : size;

                        if (i < size && b < ELEMENTSOF(bytes))
                                copy[i] = bytes[b];
                        if (profile_parse(copy, n, &p, &error) < 0)
                                assert_non_null(error);
                        else
                                assert_non_null(p);
                }
        }
}

static void test_long(void **state) {
        _cleanup_free_ char *line = malloc(10000), *error = NULL;
        Profile *p;

        memset(line, 'a', 10000);
        assert_int_equal(profile_parse(line, 10000, &p, &error), -EINVAL);
        assert_non_null(strstr(error, "too long"));
}

static void test_too_many_elements(void **state) {
        _cleanup_free_ char *text = NULL, *error = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        Profile *p;

        for (unsigned i = 0; i < 2100; i++)
                fprintf(f, "p.toml:8: python.preload = \"m%u\"\n", i);
        fclose(f);
        assert_int_equal(profile_parse(text, size, &p, &error), -EINVAL);
        assert_non_null(strstr(error, "p.toml:8: python.preload: has more than 2048"));
}

/* The message names what the operator wrote, however long it is. */
static void test_long_value(void **state) {
        _cleanup_free_ char *line = malloc(10000), *error = NULL;
        int n = snprintf(line, 10000, "p.toml:2: profile.description = \"");
        Profile *p;

        memset(line + n, 'a', 10000 - (size_t) n);
        assert_int_equal(profile_parse(line, 10000, &p, &error), -EINVAL);
        assert_string_equal(error, "p.toml:2: profile.description: a line of 10000 bytes is too "
                                   "long, at most 4096 are allowed");
}

/* What is missing is missing in the file that was to be read, not in one that it extends. */
static void test_missing_in_extending(void **state) {
        static const char text[] = "default.toml:12: job.retain = \"10min\"\n"
                                   "mine.toml:1: profile.name = \"mine\"\n";
        _cleanup_free_ char *error = NULL;
        Profile *p;

        assert_int_equal(profile_parse(text, strlen(text), &p, &error), -EINVAL);
        assert_non_null(strstr(error, "mine.toml: profile."));
        assert_non_null(strstr(error, ": is missing"));
}

/* What to do about packages that are missing. */
static void test_problem(void **state) {
        static const struct {
                const char *line, *problem;
        } rows[] = {
                { "", NULL },
                { "p.toml:8: python.package_debs = \"python3-a\"\n",
                  "python3-a is missing: apt-get install python3-a" },
                { "p.toml:8: python.package_debs = \"python3-a\"\n"
                  "p.toml:8: python.package_debs = \"python3-b.c\"\n",
                  "python3-a python3-b.c are missing: apt-get install python3-a python3-b.c" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                _cleanup_free_ char *text = profile_text("no such", row->line), *error = NULL;
                _cleanup_(profile_freep) Profile *p = NULL;
                char buf[256];

                assert_int_equal(profile_parse(text, strlen(text), &p, &error), 0);
                if (row->problem)
                        assert_string_equal(
                                profile_problem(p, ENGINE_BIT(ENGINE_NAMESPACE), buf, sizeof(buf)),
                                row->problem);
                else
                        assert_null(
                                profile_problem(p, ENGINE_BIT(ENGINE_NAMESPACE), buf, sizeof(buf)));
                assert_string_equal(
                        profile_problem(p, ENGINE_BIT(ENGINE_PROCESS), buf, sizeof(buf)),
                        "its engine is \"namespace\", which is not allowed here: add it to "
                        "engines in pysbd.toml, and restart");
        }
}

static void test_free_null(void **state) {
        assert_null(profile_free(NULL));
        assert_null(profile_store_unref(NULL));
}

static void test_print_keys(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        profile_print_keys(f);
        fclose(f);
        assert_non_null(strstr(text, "python.deny_modules\n"));
        assert_non_null(strstr(text, "memory limit, 8 MiB to 64 GiB\n"));
}

/* Lines of the good profile, as a file could have them. */
static void test_print(void **state) {
        static const char *const lines[] = {
                "\n# name = \"p\"                                # p.toml:1\n",
                "\ndescription = \"A \\\"test\\\" \\\\ profile\"       # p.toml:2\n",
                "\n# extends = []                              # empty\n",
                "\ngranted = true                              # p.toml:3\n",
                "\npython.imports = \"blacklist\"                # p.toml:7\n",
                "\npython.preload = [\"json\", \"os.path\"]        # p.toml:8\n",
                "\n# python.modules = []                       # empty\n",
                "\njob.retain = \"10min\"                        # p.toml:10\n",
                "\nsessions.allowed = true                     # p.toml:11\n"
                "sessions.idle = \"1min\"                      # p.toml:11\n",
                "\nlimits.wall_time = \"1500ms\"                 # p.toml:12\n"
                "maximum.wall_time = \"10s\"                   # p.toml:32\n",
                "\nlimits.disk = \"1M\"                          # p.toml:18\n",
        };
        _cleanup_free_ char *text = profile_text(NULL, NULL), *error = NULL, *printed = NULL;
        _cleanup_(profile_freep) Profile *p = NULL;
        size_t size;
        FILE *f = open_memstream(&printed, &size);

        assert_int_equal(profile_parse(text, strlen(text), &p, &error), 0);
        fputc('\n', f);
        profile_print(p, f);
        fclose(f);
        FOREACH_ARRAY(line, lines, ELEMENTSOF(lines))
                if (!strstr(printed, *line))
                        fail_msg("no line%sin%s", *line, printed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_enumerations),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_any_bytes),
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_too_many_elements),
                cmocka_unit_test(test_long_value),
                cmocka_unit_test(test_missing_in_extending),
                cmocka_unit_test(test_free_null),
                cmocka_unit_test(test_print_keys),
                cmocka_unit_test(test_combinations),
                cmocka_unit_test(test_problem),
                cmocka_unit_test(test_sources_of_list),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
