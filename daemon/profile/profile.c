/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "profile/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "profile/flat.h"
#include "profile/profile-values.h"

/* In the order of the enumerations. */
static const char *const network_values[] = { "none", "loopback", NULL };
static const char *const files_values[] = { "none", "private", NULL };
static const char *const proc_values[] = { "none", "pids", NULL };
static const char *const speculation_values[] = { "host", "strict", NULL };
static const char *const imports_values[] = { "whitelist", "blacklist", NULL };
static const char *const analysis_values[] = { "off", "imports", "strict", NULL };

_Static_assert(ELEMENTSOF(network_values) == _PROFILE_NETWORK_MAX + 1, "a name for each");
_Static_assert(ELEMENTSOF(files_values) == _PROFILE_FILES_MAX + 1, "a name for each");
_Static_assert(ELEMENTSOF(proc_values) == _PROFILE_PROC_MAX + 1, "a name for each");
_Static_assert(ELEMENTSOF(speculation_values) == _PROFILE_SPECULATION_MAX + 1, "a name for each");
_Static_assert(ELEMENTSOF(imports_values) == _PROFILE_IMPORTS_MAX + 1, "a name for each");
_Static_assert(ELEMENTSOF(analysis_values) == _PROFILE_ANALYSIS_MAX + 1, "a name for each");

const char *profile_network_to_string(ProfileNetwork network) {
        return (unsigned) network < _PROFILE_NETWORK_MAX ? network_values[network] : NULL;
}

const char *profile_files_to_string(ProfileFiles files) {
        return (unsigned) files < _PROFILE_FILES_MAX ? files_values[files] : NULL;
}

const char *profile_proc_to_string(ProfileProc proc) {
        return (unsigned) proc < _PROFILE_PROC_MAX ? proc_values[proc] : NULL;
}

const char *profile_imports_to_string(ProfileImports imports) {
        return (unsigned) imports < _PROFILE_IMPORTS_MAX ? imports_values[imports] : NULL;
}

const char *profile_analysis_to_string(ProfileAnalysis level) {
        return (unsigned) level < _PROFILE_ANALYSIS_MAX ? analysis_values[level] : NULL;
}

static int parse_limit_value(const LimitInfo *info,
                             const FlatLine *line,
                             uint64_t *ret_value,
                             char **ret_error) {
        const char *right = NULL;
        int r = -EINVAL;

        switch (info->unit) {
        case LIMIT_UNIT_USEC:
                if (line->type != FLAT_BOOLEAN)
                        r = parse_duration(line->text, ret_value);
                if (r == -EINVAL) /* it says what would be right */
                        return key_parse_duration(NULL, line, ret_value, ret_error);
                break;
        case LIMIT_UNIT_BYTES:
                if (line->type != FLAT_BOOLEAN)
                        r = parse_size(line->text, ret_value);
                right = "a size; write a number of bytes, or a string with one of K, M, G, such as "
                        "\"50M\"";
                break;
        case LIMIT_UNIT_PERCENT:
        case LIMIT_UNIT_COUNT:
                if (line->type == FLAT_INTEGER)
                        r = parse_u64(line->text, ret_value);
                right = info->unit == LIMIT_UNIT_PERCENT
                                ? "a percentage; write a plain number, 100 is one CPU"
                                : "a count; write a plain number";
                break;
        }
        if (r == -ERANGE) {
                *ret_value = UINT64_MAX; /* above the highest value, whatever that is */
                return 0;
        }
        if (r < 0)
                return flat_error(ret_error, "%s: %s: '%s' is not %s", line->where, line->key,
                                  line->text, right);
        return 0;
}

int key_parse_limit(const Key *key, const FlatLine *line, void *field, char **ret_error) {
        const char *name = line->key + strlen(key->name);
        Limits *limits = field;
        char bound[32], names[256];

        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                const LimitInfo *info = &limit_infos[id];
                uint64_t value;
                int r;

                if (strcmp(name, info->key) != 0)
                        continue;
                r = parse_limit_value(info, line, &value, ret_error);
                if (r < 0)
                        return r;
                if (value < info->lowest || value > info->highest)
                        return flat_error(
                                ret_error, "%s: %s: %s is %s value, %s", line->where, line->key,
                                line->text,
                                value < info->lowest ? "below the lowest" : "above the highest",
                                limit_format(id,
                                             value < info->lowest ? info->lowest : info->highest,
                                             bound, sizeof(bound)));
                limits->value[id] = value;
                return 0;
        }
        return flat_error(ret_error, "%s: %s: there is no such limit; there are %s", line->where,
                          line->key, limit_names(names, sizeof(names)));
}

#define PROFILE_KEY(name_, parse_, field, ...) \
        { .name = name_, .parse = parse_, .offset = offsetof(Profile, field), __VA_ARGS__ }

static const Key keys[] = {
        PROFILE_KEY("profile.name",
                    value_parse_name,
                    name,
                    .is_computed = true,
                    .documentation = "Is the name of the file without .toml and cannot be set"),
        PROFILE_KEY("profile.digest",
                    value_parse_digest,
                    digest,
                    .is_computed = true,
                    .documentation = "Is computed over all other values and cannot be set"),
        PROFILE_KEY("profile.extends",
                    value_parse_names,
                    extends,
                    .is_list = true,
                    .documentation =
                            "The profile whose values hold where this one sets none. Is not "
                            "inherited"),
        PROFILE_KEY("profile.description",
                    key_parse_string,
                    description,
                    .documentation = "What the profile is for, in one line. Is not inherited"),
        PROFILE_KEY("profile.granted",
                    key_parse_boolean,
                    granted,
                    .documentation = "Whether every user may run jobs with it. Where it is false, "
                                     "only a private (embedded) daemon does. Is not inherited"),
        PROFILE_KEY(
                "profile.engine",
                key_parse_enumeration,
                engine,
                .values = engine_names,
                .is_optional = true,
                .documentation =
                        "What boxes are made of. \"namespace\", the default: seven namespaces and all that is below. "
                        "\"process\": none of them, for containers that give none; one process, held by the "
                        "filter, Landlock and limits. Needs `engines` in pysbd.toml, network and proc \"none\", "
                        "and neither processes nor branches"),
        PROFILE_KEY("profile.network",
                    key_parse_enumeration,
                    network,
                    .values = network_values,
                    .documentation = "\"none\": no interface is up and socket() is denied. "
                                     "\"loopback\": lo is up; TCP, UDP and Unix sockets"),
        PROFILE_KEY("profile.files",
                    key_parse_enumeration,
                    files,
                    .values = files_values,
                    .documentation =
                            "\"private\": read-only Python, writable /app and /tmp of its own. "
                            "\"none\": an empty root, and nothing can be opened"),
        PROFILE_KEY("profile.proc",
                    key_parse_enumeration,
                    proc,
                    .values = proc_values,
                    .documentation = "\"pids\": /proc with the processes of the box and nothing "
                                     "else. \"none\": no /proc"),
        PROFILE_KEY(
                "profile.speculation",
                key_parse_enumeration,
                speculation,
                .values = speculation_values,
                .is_optional = true,
                .documentation =
                        "\"strict\": the CPU may not run ahead of stores or at indirect "
                        "branches while it runs the program, which costs time; where the kernel "
                        "cannot do that, no job runs. \"host\", the default: as for all "
                        "processes of the host"),
        PROFILE_KEY("python.policy",
                    key_parse_boolean,
                    policy,
                    .documentation = "Whether deny_modules is in force. It keeps honest programs "
                                     "from mistakes; what holds dishonest ones is the kernel"),
        PROFILE_KEY("python.host_env",
                    key_parse_boolean,
                    host_env,
                    .documentation = "Whether a program sees its host: open(), os, socket, signal, "
                                     "select, fcntl. false needs the policy and files = \"none\", "
                                     "and modules cannot name what it takes away"),
        PROFILE_KEY("python.imports",
                    key_parse_enumeration,
                    imports,
                    .values = imports_values,
                    .documentation = "\"whitelist\": what stands in modules can be imported. "
                                     "\"blacklist\": everything but deny_modules"),
        PROFILE_KEY("python.analysis",
                    key_parse_enumeration,
                    analysis,
                    .values = analysis_values,
                    .documentation = "How strictly a source is examined before it runs: \"off\", "
                                     "\"imports\" or \"strict\". A request may ask for more"),
        PROFILE_KEY(
                "python.modules",
                value_parse_module,
                modules,
                .is_list = true,
                .documentation =
                        "Of a whitelist: what a program may import. A name, or \"@GROUP\" for "
                        "the names in the file groups/GROUP.modules. Of a blacklist it is "
                        "computed and cannot be set: the standard library without deny_modules"),
        PROFILE_KEY("python.internal",
                    value_parse_module,
                    internal,
                    .is_list = true,
                    .is_computed = true,
                    .documentation =
                            "Is computed from the modules of a whitelist and cannot be set: what "
                            "they import in turn"),
        PROFILE_KEY("python.packages",
                    value_parse_module,
                    packages,
                    .is_list = true,
                    .documentation =
                            "Packages that do not come with Python, from wheels or from Debian's "
                            "python3-NAME: what is imported, or the name of the distribution, such "
                            "as \"python-dateutil\". They can be imported, and are before any job. "
                            "Needs files"),
        PROFILE_KEY("python.wheels",
                    value_parse_path,
                    wheels,
                    .is_optional = true,
                    .documentation = "A directory of wheels that `pysbctl profile vet --into` has "
                                     "made, where packages are looked for first. Default: none"),
        PROFILE_KEY("python.native_packages",
                    key_parse_boolean,
                    native_packages,
                    .documentation = "Whether packages, and what they require, may have native "
                                     "code. Where it is false, one with an .so is refused"),
        PROFILE_KEY("python.package_paths",
                    value_parse_paths,
                    package_paths,
                    .is_list = true,
                    .is_computed = true,
                    .documentation = "Is looked up and cannot be set: the directories of the "
                                     "packages, which are in the box, read-only"),
        PROFILE_KEY("python.recommended",
                    value_parse_text,
                    recommended,
                    .is_list = true,
                    .is_computed = true,
                    .documentation =
                            "Is looked up and cannot be set: the packages with version and "
                            "import names, in words for who writes programs"),
        PROFILE_KEY("python.package_debs",
                    value_parse_package,
                    package_debs,
                    .is_list = true,
                    .is_computed = true,
                    .documentation = "Is looked up at start and cannot be set: the Debian packages "
                                     "that are missing. No job runs while there are any"),
        PROFILE_KEY("profile.read_only",
                    value_parse_paths,
                    read_only,
                    .is_list = true,
                    .documentation =
                            "Directories that are in the box under the same absolute name, "
                            "read-only; what does not exist is empty there. Needs files"),
        PROFILE_KEY("python.preload",
                    value_parse_module,
                    preload,
                    .is_list = true,
                    .documentation = "Modules that are imported once, before any job, and are free "
                                     "for every job from then on"),
        PROFILE_KEY("python.deny_modules",
                    value_parse_module,
                    deny_modules,
                    .is_list = true,
                    .documentation = "Modules that a program cannot import. With a whitelist they "
                                     "are taken out of modules"),
        PROFILE_KEY("python.environment",
                    value_parse_variable,
                    environment,
                    .is_list = true,
                    .documentation = "Environment of the program, as \"NAME=VALUE\""),
        PROFILE_KEY("job.retain",
                    key_parse_duration,
                    retain_usec,
                    .documentation = "How long the result of a submitted job is kept"),
        PROFILE_KEY("job.grace",
                    key_parse_duration,
                    grace_usec,
                    .documentation = "How long a job that is cancelled has from SIGINT, which is "
                                     "KeyboardInterrupt, until it is killed. 0 kills at once"),
        PROFILE_KEY("sessions.allowed",
                    key_parse_boolean,
                    has_sessions,
                    .documentation = "Whether sessions can be opened: interpreters whose variables "
                                     "live from one program to the next"),
        PROFILE_KEY("sessions.idle",
                    key_parse_duration,
                    session_idle_usec,
                    .documentation = "How long a session lives in which nothing is executed, if it "
                                     "was not opened with another time"),
        PROFILE_KEY("sessions.lifetime",
                    key_parse_duration,
                    session_lifetime_usec,
                    .documentation = "How long it lives at all, if it was not opened with another "
                                     "time"),
        PROFILE_KEY("sessions.max_lifetime",
                    key_parse_duration,
                    session_lifetime_max_usec,
                    .documentation = "The most that a session may ask for, of either; at most 24h"),
        PROFILE_KEY("sessions.branches",
                    key_parse_count,
                    session_branches,
                    .is_optional = true,
                    .documentation =
                            "How many sessions may share a box with the one that they were "
                            "branched from; at most 15. 0: none is branched"),
        PROFILE_KEY("limits.",
                    key_parse_limit,
                    limits,
                    .documentation = "Value of a limit for a request that does not name it"),
        PROFILE_KEY("maximum.",
                    key_parse_limit,
                    maximum,
                    .documentation = "Highest value of a limit that a request may ask for"),
};

/* Every key but the lists must have been set: what is in force stands in the file, or in the one
 * that it extends, and nowhere else. */
static int check_missing(const KeySources *sources, const char *file, char **ret_error) {
        FOREACH_ARRAY(key, keys, ELEMENTSOF(keys)) {
                bool is_section = key->parse == key_parse_limit;

                for (LimitId id = 0; id < (is_section ? _LIMIT_MAX : 1); id++) {
                        char name[64];

                        (void) snprintf(name, sizeof(name), "%s%s", key->name,
                                        is_section ? limit_infos[id].key : "");
                        if (!key->is_list && !key->is_optional && !key_sources_find(sources, name))
                                return flat_error(ret_error,
                                                  "%s: %s: is missing; set it, or extend a profile "
                                                  "that does",
                                                  file, name);
                }
        }
        return 0;
}

/* Keys that only make sense together. */
static int check_combinations(const Profile *p, const KeySources *sources, char **ret_error) {
        const struct {
                bool is_wrong;
                const char *key, *sentence,
                        *other; /* the other key, which may stand in another file */
        } rows[] = {
                { p->files == PROFILE_FILES_NONE && p->proc != PROFILE_PROC_NONE, "profile.proc",
                  "must be \"none\" where files is \"none\", nothing could open it",
                  "profile.files" },
                { p->files == PROFILE_FILES_NONE && p->imports != PROFILE_IMPORTS_WHITELIST,
                  "python.imports",
                  "must be \"whitelist\" where files is \"none\": a module that is not loaded "
                  "before the job can never be",
                  "profile.files" },
                { p->files == PROFILE_FILES_NONE && p->read_only[0], "profile.read_only",
                  "needs files = \"private\", else nothing could open it", "profile.files" },
                { p->files == PROFILE_FILES_NONE && p->packages[0], "python.packages",
                  "needs files = \"private\": packages load parts of themselves later",
                  "profile.files" },
                { p->engine == ENGINE_PROCESS && p->network != PROFILE_NETWORK_NONE,
                  "profile.network",
                  "must be \"none\" where engine is \"process\": the only network would be the host's",
                  "profile.engine" },
                { p->engine == ENGINE_PROCESS && p->proc != PROFILE_PROC_NONE, "profile.proc",
                  "must be \"none\" where engine is \"process\": the only /proc would be the host's",
                  "profile.engine" },
                { p->engine == ENGINE_PROCESS && p->maximum.value[LIMIT_PROCESSES] != 1,
                  "maximum.processes",
                  "must be 1 where engine is \"process\": nothing would hold several together",
                  "profile.engine" },
                { p->engine == ENGINE_PROCESS && p->has_sessions && p->session_branches > 0,
                  "sessions.branches",
                  "must be 0 where engine is \"process\": a branch is a second process",
                  "profile.engine" },
                { !p->policy && !p->host_env, "python.host_env",
                  "must be true where policy is false: it is the policy that hides the host",
                  "python.policy" },
                { p->files != PROFILE_FILES_NONE && !p->host_env, "python.host_env",
                  "must be true where files is \"private\": without it no file can be opened",
                  "profile.files" },
        };

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (row->is_wrong)
                        return flat_error(ret_error, "%s: %s: %s (%s: %s)",
                                          key_sources_find(sources, row->key), row->key,
                                          row->sentence, row->other,
                                          key_sources_find(sources, row->other));
        return 0;
}

static int check_limits(const Profile *p, const KeySources *sources, char **ret_error) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                char limit_key[64], maximum_key[64], limit[32], maximum[32];

                if (p->limits.value[id] <= p->maximum.value[id])
                        continue;
                (void) snprintf(limit_key, sizeof(limit_key), "limits.%s", limit_infos[id].key);
                (void) snprintf(maximum_key, sizeof(maximum_key), "maximum.%s",
                                limit_infos[id].key);
                return flat_error(ret_error, "%s: %s: %s is above %s, which is %s (%s)",
                                  key_sources_find(sources, limit_key), limit_key,
                                  limit_format(id, p->limits.value[id], limit, sizeof(limit)),
                                  maximum_key,
                                  limit_format(id, p->maximum.value[id], maximum, sizeof(maximum)),
                                  key_sources_find(sources, maximum_key));
        }
        return 0;
}

static int check_sessions(const Profile *p, const KeySources *sources, char **ret_error) {
        const struct {
                const char *key;
                uint64_t value, maximum;
                const char *maximum_text;
        } rows[] = {
                { "sessions.max_lifetime", p->session_lifetime_max_usec, SESSION_TIME_USEC_MAX,
                  "24 hours" },
                { "sessions.lifetime", p->session_lifetime_usec, p->session_lifetime_max_usec,
                  "sessions.max_lifetime" },
                { "sessions.idle", p->session_idle_usec, p->session_lifetime_max_usec,
                  "sessions.max_lifetime" },
        };

        if (p->session_branches > SESSION_BRANCHES_MAX)
                return flat_error(ret_error, "%s: sessions.branches: must be from 0 to %d",
                                  key_sources_find(sources, "sessions.branches"),
                                  SESSION_BRANCHES_MAX);
        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows))
                if (row->value < SESSION_TIME_USEC_MIN || row->value > row->maximum)
                        return flat_error(ret_error, "%s: %s: must be from 1 second to %s",
                                          key_sources_find(sources, row->key), row->key,
                                          row->maximum_text);
        return 0;
}

static const size_t list_offsets[] = {
        offsetof(Profile, modules),       offsetof(Profile, internal),
        offsetof(Profile, preload),       offsetof(Profile, deny_modules),
        offsetof(Profile, packages),      offsetof(Profile, package_debs),
        offsetof(Profile, package_paths), offsetof(Profile, recommended),
        offsetof(Profile, read_only),     offsetof(Profile, environment),
        offsetof(Profile, extends),
};

static char ***profile_list(Profile *p, size_t offset) {
        return (char ***) (void *) ((char *) p + offset);
}

static Profile *profile_new(void) {
        Profile *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        FOREACH_ARRAY(offset, list_offsets, ELEMENTSOF(list_offsets)) {
                char ***list = profile_list(p, *offset);

                *list = calloc(1, sizeof(**list));
                if (!*list)
                        return profile_free(p);
        }
        return p;
}

static void list_free(char **list) {
        for (size_t i = 0; list && list[i]; i++)
                free(list[i]);
        free(list);
}

Profile *profile_free(Profile *profile) {
        KeySources sources;

        if (!profile)
                return NULL;
        sources = (KeySources){ profile->sources, profile->n_sources };
        key_sources_done(&sources);
        FOREACH_ARRAY(offset, list_offsets, ELEMENTSOF(list_offsets))
                list_free(*profile_list(profile, *offset));
        free(profile->name);
        free(profile->description);
        free(profile->digest);
        free(profile->wheels);
        free(profile);
        return NULL;
}

/* The file, for a sentence without a line. Where the name is set is the file itself; any other line
 * may be of one that it extends. */
static char *profile_file(const KeySources *sources) {
        const char *where = key_sources_find(sources, "profile.name"), *colon;

        if (!where)
                where = sources->n_items > 0 ? sources->items[0].where : "profile";
        colon = strrchr(where, ':');
        return colon ? strndup(where, (size_t) (colon - where)) : strdup(where);
}

int profile_parse(const char *lines, size_t size, Profile **ret_profile, char **ret_error) {
        _cleanup_(profile_freep) Profile *p = profile_new();
        _cleanup_(key_sources_done) KeySources sources = {};
        _cleanup_free_ char *file = NULL;
        int r;

        *ret_error = NULL;
        if (!p)
                return -ENOMEM;
        r = keys_parse(keys, ELEMENTSOF(keys), lines, size, p, &sources, ret_error);
        if (r < 0)
                return r;
        file = profile_file(&sources);
        if (!file)
                return -ENOMEM;
        r = check_missing(&sources, file, ret_error);
        if (r < 0)
                return r;
        r = check_limits(p, &sources, ret_error);
        if (r < 0)
                return r;
        r = check_sessions(p, &sources, ret_error);
        if (r < 0)
                return r;
        r = check_combinations(p, &sources, ret_error);
        if (r < 0)
                return r;
        p->n_sources = sources.n_items;
        p->sources = TAKE_PTR(sources.items);
        sources.n_items = 0;
        *ret_profile = TAKE_PTR(p);
        return 0;
}

/* A long list is cut in the sentence; what apt-get then says is about the first ones. */
const char *profile_problem(const Profile *profile, unsigned engines, char *buf, size_t size) {
        char names[96] = "";
        size_t n = 0, used = 0;

        if (!(engines & ENGINE_BIT(profile->engine))) {
                (void) snprintf(
                        buf, size,
                        "its engine is \"%s\", which is not allowed here: add it to engines "
                        "in pysbd.toml, and restart",
                        engine_names[profile->engine]);
                return buf;
        }

        for (char *const *deb = profile->package_debs; *deb; deb++, n++)
                if (used + strlen(*deb) + 2 < sizeof(names))
                        used += (size_t) snprintf(names + used, sizeof(names) - used, "%s%s",
                                                  used > 0 ? " " : "", *deb);
        if (n == 0)
                return NULL;
        (void) snprintf(buf, size, "%s %s missing: apt-get install %s", names,
                        n == 1 ? "is" : "are", names);
        return buf;
}

const Key *profile_keys(size_t *ret_n) {
        *ret_n = ELEMENTSOF(keys);
        return keys;
}
