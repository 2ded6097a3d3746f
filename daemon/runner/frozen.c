/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/frozen.h"

/* Made by freeze.c at build time. */
#include "runner/analysis.inc"
#include "runner/analysis_modules.inc"
#include "runner/analysis_rules.inc"
#include "runner/analysis_scopes.inc"
#include "runner/analysis_strict.inc"
#include "runner/bootstrap.inc"
#include "runner/closure.inc"
#include "runner/compile_profile.inc"
#include "runner/display.inc"
#include "runner/distributions.inc"
#include "runner/encode.inc"
#include "runner/outbox.inc"
#include "runner/packages.inc"
#include "runner/pieces.inc"
#include "runner/program.inc"
#include "runner/requirements.inc"
#include "runner/sandbox.inc"
#include "runner/sandbox_utils.inc"
#include "runner/sandbox_utils__diff.inc"
#include "runner/sandbox_utils__paths.inc"
#include "runner/sandbox_utils_data.inc"
#include "runner/sandbox_utils_files.inc"
#include "runner/sandbox_utils_formats.inc"
#include "runner/sandbox_utils_shell.inc"
#include "runner/sandbox_utils_text.inc"
#include "runner/scrub.inc"
#include "runner/tools.inc"
#include "runner/vet.inc"
#include "runner/wheel.inc"

const struct _frozen frozen_modules[] = {
        { .name = "_analysis", .code = analysis, .size = sizeof(analysis) },
        { .name = "_analysis_rules", .code = analysis_rules, .size = sizeof(analysis_rules) },
        { .name = "_analysis_modules", .code = analysis_modules, .size = sizeof(analysis_modules) },
        { .name = "_analysis_scopes", .code = analysis_scopes, .size = sizeof(analysis_scopes) },
        { .name = "_analysis_strict", .code = analysis_strict, .size = sizeof(analysis_strict) },
        { .name = "_bootstrap", .code = bootstrap, .size = sizeof(bootstrap) },
        { .name = "_closure", .code = closure, .size = sizeof(closure) },
        { .name = "_compile_profile", .code = compile_profile, .size = sizeof(compile_profile) },
        { .name = "_display", .code = display, .size = sizeof(display) },
        { .name = "_distributions", .code = distributions, .size = sizeof(distributions) },
        { .name = "_encode", .code = encode, .size = sizeof(encode) },
        { .name = "_outbox", .code = outbox, .size = sizeof(outbox) },
        { .name = "_packages", .code = packages, .size = sizeof(packages) },
        { .name = "_pieces", .code = pieces, .size = sizeof(pieces) },
        { .name = "_program", .code = program, .size = sizeof(program) },
        { .name = "_requirements", .code = requirements, .size = sizeof(requirements) },
        { .name = "_sandbox", .code = sandbox, .size = sizeof(sandbox) },
        { .name = "_scrub", .code = scrub, .size = sizeof(scrub) },
        { .name = "_tools", .code = tools, .size = sizeof(tools) },
        { .name = "sandbox_utils",
          .code = sandbox_utils,
          .size = sizeof(sandbox_utils),
          .is_package = true },
        { .name = "sandbox_utils._diff",
          .code = sandbox_utils__diff,
          .size = sizeof(sandbox_utils__diff) },
        { .name = "sandbox_utils._paths",
          .code = sandbox_utils__paths,
          .size = sizeof(sandbox_utils__paths) },
        { .name = "sandbox_utils.data",
          .code = sandbox_utils_data,
          .size = sizeof(sandbox_utils_data) },
        { .name = "sandbox_utils.files",
          .code = sandbox_utils_files,
          .size = sizeof(sandbox_utils_files) },
        { .name = "sandbox_utils.formats",
          .code = sandbox_utils_formats,
          .size = sizeof(sandbox_utils_formats) },
        { .name = "sandbox_utils.shell",
          .code = sandbox_utils_shell,
          .size = sizeof(sandbox_utils_shell) },
        { .name = "sandbox_utils.text",
          .code = sandbox_utils_text,
          .size = sizeof(sandbox_utils_text) },
        { .name = "_vet", .code = vet, .size = sizeof(vet) },
        { .name = "_wheel", .code = wheel, .size = sizeof(wheel) },
        {},
};
