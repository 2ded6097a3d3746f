/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/frozen.h"

/* Made by freeze.c at build time. */
#include "runner/bootstrap.inc"
#include "runner/compile_profile.inc"

const struct _frozen frozen_modules[] = {
        { .name = "_bootstrap", .code = bootstrap, .size = sizeof(bootstrap) },
        { .name = "_compile_profile", .code = compile_profile, .size = sizeof(compile_profile) },
        {},
};
