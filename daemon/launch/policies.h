/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The operator's files, read once at start-up: TOML is compiled to flat lines by an unprivileged
 * pysb-runner, flat lines are read through the key tables. Failures are logged where they happen,
 * one sentence with file, line and key. */

#include "basic/buf.h"
#include "profile/config.h"
#include "profile/profile.h"

#define POLICY_TEXT_MAX (4 * MIB)

/* /etc/pysb/pysbd.toml and tenants.toml, or the defaults where there is none. *ret_text holds its flat lines. */
int policies_load_config(int runner_fd, DaemonConfig **ret_config, Buf *ret_text);

/* The profiles compiled at build time in this directory (which has their TOML files, too, for those
 * that extend them) and, unless operator_directory is NULL, the
 * operator's TOML files there, which replace shipped ones of the same name. *ret_text holds the flat
 * lines of all of them, in the order of the store. */
int policies_load_profiles(int runner_fd,
                           const char *shipped_directory,
                           const char *operator_directory,
                           ProfileStore **ret_store,
                           Buf *ret_text);

/* That there is each profile that the configuration names. */
int policies_check_names(const Buf *config_text, const ProfileStore *store);

/* One TOML file, for --check and --dump-plan. */
int policies_load_file(int runner_fd,
                       const char *path,
                       const char *shipped_directory,
                       ProfileStore **ret_store,
                       Buf *ret_text);
