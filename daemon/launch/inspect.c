/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "builder/spawn.h"
#include "config.h"
#include "launch/policies.h"
#include "launch/run.h"
#include "plan/plan.h"

#define PROBLEM_MAX 256

static bool is_file_name(const char *name) {
        size_t size = strlen(name), suffix_size = strlen(".toml");

        return size >= suffix_size && strcmp(name + size - suffix_size, ".toml") == 0;
}

static int inspect_open_runner(int *ret_fd) {
        int r = spawn_open_program("pysb-runner", ret_fd);

        if (r < 0)
                log_error("pysb-runner, which compiles profiles, is not beside pysbd: %s",
                          strerror(-r));
        return r;
}

static int inspect_store(const ProfileStore *store, unsigned engines) {
        for (size_t i = 0; i < store->n_profiles; i++) {
                _cleanup_free_ PlanImage *plan = NULL;
                const char *error = NULL;
                char problem[PROBLEM_MAX];
                int r = plan_compile(store->profiles[i], &plan);

                if (r >= 0)
                        r = plan_check(plan, &error);
                if (r < 0) {
                        log_error("%s: the plan cannot be made: %s", store->profiles[i]->name,
                                  error ? error : strerror(-r));
                        return r;
                }
                (void) printf("%s: ok (%u steps, %u system calls)\n", store->profiles[i]->name,
                              plan->n_steps, plan->n_allowed);
                /* It is right as it stands, and can wait for its packages. */
                if (profile_problem(store->profiles[i], engines, problem, sizeof(problem)))
                        (void) printf("%s: no job can run with it yet: %s\n",
                                      store->profiles[i]->name, problem);
        }
        return 0;
}

static int inspect_check_all(int runner_fd) {
        _cleanup_(daemon_config_freep) DaemonConfig *config = NULL;
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_(buf_done) Buf config_text = BUF_INIT(POLICY_TEXT_MAX),
                                text = BUF_INIT(POLICY_TEXT_MAX);
        int r;

        r = policies_load_config(runner_fd, &config, &config_text);
        if (r < 0)
                return r;
        r = policies_load_profiles(runner_fd, run_profile_directory(true),
                                   PYSB_SYSCONFDIR "/profiles", &store, &text);
        if (r >= 0)
                r = policies_check_names(&config_text, store);
        return r < 0 ? r : inspect_store(store, daemon_config_engines(config, false));
}

static int inspect_check_file(int runner_fd, const char *path) {
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_(buf_done) Buf text = BUF_INIT(POLICY_TEXT_MAX);
        int r = policies_load_file(runner_fd, path, run_profile_directory(true), &store, &text);

        return r < 0 ? r : inspect_store(store, ENGINE_BIT(_ENGINE_MAX) - 1);
}

int inspect_check(char *files[]) {
        _cleanup_close_ int runner_fd = -EBADF;
        int r, result = 0;

        r = inspect_open_runner(&runner_fd);
        if (r < 0)
                return r;
        if (!files[0])
                return inspect_check_all(runner_fd);
        for (size_t i = 0; files[i]; i++) {
                r = inspect_check_file(runner_fd, files[i]);
                if (r < 0)
                        result = r;
        }
        return result;
}

int inspect_dump_plan(const char *name) {
        _cleanup_close_ int runner_fd = -EBADF;
        _cleanup_(profile_store_unrefp) ProfileStore *store = NULL;
        _cleanup_(buf_done) Buf text = BUF_INIT(POLICY_TEXT_MAX);
        _cleanup_free_ PlanImage *plan = NULL;
        int r, index = 0;

        r = inspect_open_runner(&runner_fd);
        if (r < 0)
                return r;
        if (is_file_name(name))
                r = policies_load_file(runner_fd, name, run_profile_directory(true), &store, &text);
        else
                r = policies_load_profiles(runner_fd, run_profile_directory(true),
                                           PYSB_SYSCONFDIR "/profiles", &store, &text);
        if (r < 0)
                return r;
        if (!is_file_name(name))
                index = profile_store_find(store, name);
        if (index < 0) {
                log_error("There is no profile %s.", name);
                return index;
        }
        r = plan_compile(store->profiles[index], &plan);
        if (r < 0) {
                log_error("The plan of %s cannot be made: %s", name, strerror(-r));
                return r;
        }
        plan_dump(plan, stdout);
        return 0;
}

void inspect_help_profile(void) {
        (void) printf("Keys of a profile:\n\n");
        profile_print_keys(stdout);
        (void) printf("\nKeys of %s/pysbd.toml:\n\n", PYSB_SYSCONFDIR);
        daemon_config_print_keys(stdout);
        (void) printf("\nKeys of a table of %s/tenants.toml:\n\n", PYSB_SYSCONFDIR);
        tenant_print_keys(stdout);
}
