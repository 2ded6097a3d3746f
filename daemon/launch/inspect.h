/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What pysbd tells without serving. The caller's directory of profiles may be given by
 * PYSB_PROFILE_PATH, as in embedded mode. */

/* Checks these TOML files, or, for none, everything that a start would read. */
int inspect_check(char *files[]);

/* Prints the plan of a shipped profile, or of a file whose name ends in .toml. */
int inspect_dump_plan(const char *name);

void inspect_help_profile(void);
