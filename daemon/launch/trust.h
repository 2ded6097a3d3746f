/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an operator may have got wrong without breaking a rule of the files' syntax. Each function logs what it refuses, in
 * one sentence, and returns -EPERM for it. */

#include "profile/config.h"

/* Whoever can write a policy is the operator: nobody but root (or ourselves, embedded) may. */
int trust_check_file(const char *path);

/* No id of the range is a user, a group, or somebody's subordinate id: a box would be a process of theirs. The tables are
 * /etc/passwd, group, subuid and subgid in this directory; a table that is missing has nobody. */
int trust_check_ids(const DaemonConfig *config, const char *directory);

/* A socket that everybody may use, where everybody would be a tenant. */
int trust_check_socket(const DaemonConfig *config, int fd);
