/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Profiles: named policies. An operator writes TOML; `pysb-runner --compile-profile` (CPython's
 * tomllib, without privilege) turns it into flat lines; builder and broker read only those:
 *
 *      FILE:LINE: section.key = VALUE
 *
 * VALUE is an integer, true, false or a JSON string; a list is one line per element. FILE:LINE says
 * where the value comes from, `extends` already resolved. One key table (profile.c) has for every
 * key its parser, its place in the struct and its documentation. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/cleanup.h"
#include "profile/limits.h"
#include "proto/engine.h"

#define PROFILE_NAME_MAX 31
#define PROFILES_MAX 64

#define SESSION_TIME_USEC_MIN (UINT64_C(1) * 1000000)
#define SESSION_BRANCHES_MAX 15 /* as many as one init can serve, beside the first one */
#define SESSION_TIME_USEC_MAX (UINT64_C(24) * 3600 * 1000000)

typedef enum ProfileNetwork {
        PROFILE_NETWORK_NONE,     /* no socket() at all, a net namespace without even lo up */
        PROFILE_NETWORK_LOOPBACK, /* lo is up; AF_INET, AF_INET6 and AF_UNIX sockets */
        _PROFILE_NETWORK_MAX,
} ProfileNetwork;

typedef enum ProfileFiles {
        PROFILE_FILES_NONE,    /* an empty read-only root; no openat in the filter */
        PROFILE_FILES_PRIVATE, /* read-only Python, /dev, writable tmpfs /app and /tmp */
        _PROFILE_FILES_MAX,
} ProfileFiles;

typedef enum ProfileProc {
        PROFILE_PROC_NONE, /* no /proc */
        PROFILE_PROC_PIDS, /* proc mounted with subset=pid,hidepid=invisible */
        _PROFILE_PROC_MAX,
} ProfileProc;

typedef enum ProfileSpeculation {
        PROFILE_SPECULATION_HOST,   /* whatever the kernel does for all */
        PROFILE_SPECULATION_STRICT, /* around stores and at indirect branches: off for the job */
        _PROFILE_SPECULATION_MAX,
} ProfileSpeculation;

typedef enum ProfileImports {
        PROFILE_IMPORTS_WHITELIST, /* what stands in modules */
        PROFILE_IMPORTS_BLACKLIST, /* all but deny_modules */
        _PROFILE_IMPORTS_MAX,
} ProfileImports;

typedef enum ProfileAnalysis {
        PROFILE_ANALYSIS_OFF,
        PROFILE_ANALYSIS_IMPORTS,
        PROFILE_ANALYSIS_STRICT,
        _PROFILE_ANALYSIS_MAX,
} ProfileAnalysis;

/* Where one value of a profile comes from. */
typedef struct ProfileSource {
        char *key;   /* "limits.memory" */
        char *where; /* "default.toml:12" */
} ProfileSource;

typedef struct Profile {
        char *name;
        char **extends; /* the profiles that its values come from, its own first */
        char *description;
        bool granted; /* tenants may use it without being named; raw: false */
        char *digest; /* 64 lower case hexadecimal digits: SHA-256 over the resolved values */

        Engine engine;
        ProfileNetwork network;
        ProfileFiles files;
        ProfileProc proc;
        ProfileSpeculation speculation;
        bool policy;   /* [python] policy: off in raw */
        bool host_env; /* false: no open(), no os, socket, signal, select, fcntl */
        ProfileImports imports;
        ProfileAnalysis analysis; /* of a request that does not ask for more */
        /* Lists, extends too, are NULL-terminated, never NULL. */
        char **modules; /* what a program may import, sorted, without what begins with an underscore.
                                 Of a blacklist: the standard library without deny_modules */
        char **internal; /* what those import in turn, at once or later: loaded where nothing can be
                                 opened afterwards, never named to a program */
        char **preload;  /* modules that the template imports */
        char **deny_modules;  /* modules that cannot be imported while policy is on */
        char **packages;      /* import names of what does not come with Python */
        char **package_paths; /* the directories that they are in, for sys.path */
        char **recommended;   /* "attrs 22.2.0 (import attr, attrs)", one for each package */
        bool native_packages; /* they may have native code: what the compiler has checked */
        char *wheels;         /* where the compiler has looked for them first; may be NULL */
        char **package_debs; /* of the packages that are missing: what to install; empty if none is */
        char **read_only;    /* host paths that are in the box under the same name, read-only */
        char **environment; /* NAME=VALUE */

        Limits limits;        /* defaults */
        Limits maximum;       /* what a request may ask for at most */
        uint64_t retain_usec; /* keep the result of a submitted job this long */
        uint64_t grace_usec;  /* between SIGINT and SIGKILL of a Cancel that does not say */

        bool has_sessions;
        uint64_t session_branches; /* of one box, beside the first session */
        uint64_t session_idle_usec, session_lifetime_usec; /* of one that does not say */
        uint64_t session_lifetime_max_usec;                /* of one that does, both times */

        ProfileSource *sources;
        size_t n_sources;
} Profile;

/* Reads the flat lines of exactly one profile. On failure returns -EINVAL (or -ENOMEM) and
 * *ret_error is one sentence such as "evil.toml:7: limits.memory: 4K is below the lowest value,
 * 8 MiB"; the caller frees it. Pure. */
int profile_parse(const char *lines, size_t size, Profile **ret_profile, char **ret_error);

Profile *profile_free(Profile *profile);
DEFINE_CLEANUP(Profile *, profile_free);

/* Why no job can run with the profile on this machine, where these ENGINE_BIT()s are allowed, and what to do, as one
 * sentence; NULL if all is well. Returns buf. */
const char *profile_problem(const Profile *profile, unsigned engines, char *buf, size_t size);

/* First 8 bytes of the digest as a number: what a BuilderRequest carries. */
uint64_t profile_digest_short(const Profile *profile);

const char *profile_network_to_string(ProfileNetwork network); /* none, loopback */
const char *profile_files_to_string(ProfileFiles files);       /* none, private */
const char *profile_proc_to_string(ProfileProc proc);          /* none, pids */
const char *profile_imports_to_string(ProfileImports imports); /* whitelist, blacklist */
const char *profile_analysis_to_string(ProfileAnalysis level); /* off, imports, strict */

/* All profiles of a daemon, in a fixed order: the index is the plan number on the wire. */
typedef struct ProfileStore {
        Profile *profiles[PROFILES_MAX];
        size_t n_profiles;
        unsigned n_refs;     /* jobs hold the one that they were accepted with */
        uint32_t generation; /* how many reloads were before it */
} ProfileStore;

/* Reads the flat lines of several profiles one after the other; a line "== NAME" starts each. */
int profile_store_parse(const char *lines, size_t size, ProfileStore **ret_store, char **ret_error);
ProfileStore *profile_store_ref(ProfileStore *store);
ProfileStore *profile_store_unref(ProfileStore *store);
DEFINE_CLEANUP(ProfileStore *, profile_store_unref);

/* Index, or -ENOENT. */
int profile_store_find(const ProfileStore *store, const char *name);

/* The documentation of every key, from the key table: what `pysbd --help-profile` and the man page
 * show. */
void profile_print_keys(FILE *f);

/* The profile as the file that a person could have written: each key once, in the words of TOML, and
 * behind it the file and line that it comes from. What cannot be set is a comment. */
void profile_print(const Profile *profile, FILE *f);
