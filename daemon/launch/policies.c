/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/io.h"
#include "basic/log.h"
#include "builder/spawn.h"
#include "builder/sys.h"
#include "config.h"
#include "launch/packages.h"
#include "launch/trust.h"

#define FLAT_FILE_MAX (256 * KIB)
#define SHIPPED_SUFFIX ".profile"
#define OPERATOR_SUFFIX ".toml"

/* -EINVAL: the compiler has said what is wrong. -EIO: it died and has not. */
static int policies_wait(int pidfd) {
        siginfo_t info = {};
        int r = sys_reap_pidfd(pidfd, &info);

        if (r < 0)
                return r;
        if (info.si_code != CLD_EXITED)
                return -EIO;
        return info.si_status == 0 ? 0 : -EINVAL;
}

/* Runs `pysb-runner VERB FILE [DIRECTORY]`; what it prints is owned by the caller. -EINVAL: its own
 * message, with file and line, has gone to our standard error. */
static int policies_run_compiler(
        int runner_fd, const char *verb, const char *file, const char *directory, char **ret_text) {
        const char *const argv[] = { "pysb-runner", verb, file, directory, NULL };
        static const char *const envp[] = { "LANG=C.UTF-8", NULL };
        _cleanup_close_ int read_fd = -EBADF, write_fd = -EBADF, pidfd = -EBADF;
        _cleanup_free_ char *text = NULL;
        Spawn spawn = {
                .program_fd = runner_fd,
                .argv = argv,
                .envp = envp,
                .uid = (uid_t) -1,
                .gid = (gid_t) -1,
        };
        int fds[2], r, status;

        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        read_fd = fds[0];
        spawn.stdout_fd = write_fd = fds[1];
        r = spawn_program(&spawn, &pidfd);
        if (r < 0)
                return r;
        write_fd = fd_close(write_fd);
        r = io_read_fd(read_fd, FLAT_FILE_MAX, &text, NULL);
        if (r < 0)
                (void) sys_kill_pidfd(pidfd);
        status = policies_wait(pidfd);
        if (r < 0 || status < 0)
                return r < 0 ? r : status;
        *ret_text = TAKE_PTR(text);
        return 0;
}

static int policies_compile(
        int runner_fd, const char *verb, const char *file, const char *directory, char **ret_text) {
        int r = trust_check_file(file);

        if (r < 0)
                return r;
        r = policies_run_compiler(runner_fd, verb, file, directory, ret_text);
        if (r < 0 && r != -EINVAL)
                log_error("%s cannot be compiled: %s", file, strerror(-r));
        return r;
}

/* The flat lines of a file of the operator; none if there is no file. */
static int policies_add_file(int runner_fd, const char *verb, const char *path, Buf *text) {
        _cleanup_free_ char *lines = NULL;
        int r;

        if (access(path, F_OK) < 0)
                return 0;
        r = policies_compile(runner_fd, verb, path, NULL, &lines);
        return r < 0 ? r : buf_append(text, lines, strlen(lines));
}

int policies_load_config(int runner_fd, DaemonConfig **ret_config, Buf *ret_text) {
        _cleanup_free_ char *error = NULL;
        int r = 0;

        if (access(PYSB_SYSCONFDIR, F_OK) >= 0)
                r = trust_check_file(PYSB_SYSCONFDIR);
        if (r >= 0)
                r = policies_add_file(runner_fd, "--compile-config", PYSB_SYSCONFDIR "/pysbd.toml",
                                      ret_text);
        if (r >= 0)
                r = policies_add_file(runner_fd, "--compile-tenants",
                                      PYSB_SYSCONFDIR "/tenants.toml", ret_text);
        if (r < 0)
                return r;
        r = daemon_config_parse(buf_data(ret_text), buf_size(ret_text), ret_config, &error);
        if (r < 0) {
                log_error("%s", error ? error : strerror(-r));
                return r;
        }
        r = trust_check_ids(*ret_config, "/etc");
        if (r < 0)
                *ret_config = daemon_config_free(*ret_config);
        return r;
}

int policies_check_names(const Buf *config_text, const ProfileStore *store) {
        _cleanup_free_ char *error = NULL;
        int r = daemon_config_check_profiles(buf_data(config_text), buf_size(config_text), store,
                                             &error);

        if (r < 0)
                log_error("%s", error ? error : strerror(-r));
        return r;
}

/* The directory's files with this suffix, in alphabetical order. */
static int policies_list(const char *directory,
                         const char *suffix,
                         int (*filter)(const struct dirent *),
                         struct dirent ***ret_entries) {
        int n = scandir(directory, ret_entries, filter, alphasort);

        if (n >= 0)
                return n;
        log_error("Reading the profiles (*%s) in %s failed: %m", suffix, directory);
        return -errno;
}

static int has_suffix(const struct dirent *d, const char *suffix) {
        size_t size = strlen(d->d_name), suffix_size = strlen(suffix);

        return d->d_name[0] != '.' && size > suffix_size &&
               strcmp(d->d_name + size - suffix_size, suffix) == 0;
}

static int is_shipped(const struct dirent *d) {
        return has_suffix(d, SHIPPED_SUFFIX);
}

static int is_operators(const struct dirent *d) {
        return has_suffix(d, OPERATOR_SUFFIX);
}

/* "== NAME", the flat lines, and what this machine adds to them. */
static int policies_append(Buf *text, const char *file, const char *lines) {
        const char *base = strrchr(file, '/');
        char header[NAME_MAX + 8];
        int n, r;

        base = base ? base + 1 : file;
        n = snprintf(header, sizeof(header), "== %.*s\n", (int) strcspn(base, "."), base);
        r = buf_append(text, header, (size_t) n);
        if (r >= 0)
                r = buf_append(text, lines, strlen(lines));
        if (r >= 0)
                r = packages_append_missing(text, lines);
        if (r < 0)
                log_error("Keeping the profile of %s failed: %s", file, strerror(-r));
        return r;
}

static bool policies_overrides(struct dirent **own, int n_own, const char *shipped) {
        size_t size = strlen(shipped) - strlen(SHIPPED_SUFFIX);

        for (int i = 0; i < n_own; i++)
                if (strncmp(own[i]->d_name, shipped, size) == 0 &&
                    strcmp(own[i]->d_name + size, OPERATOR_SUFFIX) == 0)
                        return true;
        return false;
}

static int policies_add_shipped(const char *directory, const char *name, Buf *text) {
        _cleanup_free_ char *lines = NULL;
        char path[PATH_MAX];
        int r;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        r = io_read_file(AT_FDCWD, path, FLAT_FILE_MAX, &lines, NULL);
        if (r < 0) {
                log_error("Reading %s failed: %s", path, strerror(-r));
                return r;
        }
        return policies_append(text, name, lines);
}

static int policies_add_operators(int runner_fd,
                                  const char *directory,
                                  const char *shipped_directory,
                                  const char *name,
                                  Buf *text) {
        _cleanup_free_ char *lines = NULL;
        char path[PATH_MAX];
        int r;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        r = policies_compile(runner_fd, "--compile-profile", path, shipped_directory, &lines);
        return r < 0 ? r : policies_append(text, name, lines);
}

static int policies_parse(const Buf *text, ProfileStore **ret_store) {
        _cleanup_free_ char *error = NULL;
        int r = profile_store_parse(buf_data(text), buf_size(text), ret_store, &error);

        if (r < 0)
                log_error("%s", error ? error : strerror(-r));
        return r;
}

static void entries_free(struct dirent **entries, int n) {
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
}

int policies_load_profiles(int runner_fd,
                           const char *shipped_directory,
                           const char *operator_directory,
                           ProfileStore **ret_store,
                           Buf *ret_text) {
        struct dirent **shipped = NULL, **own = NULL;
        int n_shipped, n_own = 0, r;

        n_shipped = r = policies_list(shipped_directory, SHIPPED_SUFFIX, is_shipped, &shipped);
        if (r < 0)
                return r;
        if (operator_directory && access(operator_directory, F_OK) >= 0) {
                r = trust_check_file(operator_directory);
                if (r >= 0)
                        n_own = r = policies_list(operator_directory, OPERATOR_SUFFIX, is_operators,
                                                  &own);
        }
        for (int i = 0; i < n_shipped && r >= 0; i++)
                if (!policies_overrides(own, n_own, shipped[i]->d_name))
                        r = policies_add_shipped(shipped_directory, shipped[i]->d_name, ret_text);
        for (int i = 0; i < n_own && r >= 0; i++)
                r = policies_add_operators(runner_fd, operator_directory, shipped_directory,
                                           own[i]->d_name, ret_text);
        entries_free(shipped, n_shipped);
        entries_free(own, MAX(n_own, 0));
        return r < 0 ? r : policies_parse(ret_text, ret_store);
}

int policies_load_file(int runner_fd,
                       const char *path,
                       const char *shipped_directory,
                       ProfileStore **ret_store,
                       Buf *ret_text) {
        _cleanup_free_ char *lines = NULL;
        int r;

        r = policies_compile(runner_fd, "--compile-profile", path, shipped_directory, &lines);
        if (r >= 0)
                r = policies_append(ret_text, path, lines);
        return r < 0 ? r : policies_parse(ret_text, ret_store);
}
