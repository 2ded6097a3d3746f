/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/frozen.h"

/* Made by freeze.c at build time. */
#include "runner/bootstrap.inc"
#include "runner/compile_profile.inc"
#include "runner/sandbox.inc"
#include "runner/tools.inc"

const struct _frozen frozen_modules[] = {
        { .name = "_bootstrap", .code = bootstrap, .size = sizeof(bootstrap) },
        { .name = "_compile_profile", .code = compile_profile, .size = sizeof(compile_profile) },
        { .name = "_sandbox", .code = sandbox, .size = sizeof(sandbox) },
        { .name = "_tools", .code = tools, .size = sizeof(tools) },
        {},
};
