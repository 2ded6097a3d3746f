/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "profile/profile.h"

/* What a language model has to be told that writes programs for a profile: what there is, how to
 * return a value, what errors look like. Short, since it is a part of every request to the model. Pure. */
void prompt_print(const Profile *profile, const char *python_version, FILE *f);
