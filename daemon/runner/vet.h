/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `pysb-runner --vet`: examines wheels for pysbctl, without privileges and within bounds. What it does is
 * in python/vet.py. Returns the exit status. */
int vet_main(char **arguments, int n_arguments);
