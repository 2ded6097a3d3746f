/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pysb/pysb.h"

/* Prints a reply of GetProfile for people: the profile as TOML. Returns an exit status. */
int profile_show_toml(const PysbDocument *profile);

/* What a language model has to know of it. Returns an exit status. */
int profile_show_prompt(const PysbDocument *profile);
