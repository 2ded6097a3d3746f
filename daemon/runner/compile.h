/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `pysb-runner --compile-profile …` and `--compile-config …`: TOML -> flat lines on standard output,
 * by python/compile_profile.py; `pysb-runner --vet …` by python/vet.py. Needs no plan and no privilege.
 * Takes the name of the frozen module and the arguments for its main(); returns the exit status. */
int compile_main(const char *module, char **arguments, int n_arguments);
