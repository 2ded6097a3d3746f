/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The import policy: a clean error for modules that a profile does not offer. It is courtesy and
 * friction, not the wall: Python code has ways around it, and then meets the cage. */

/* From now on importing one of these modules (names separated by '\n'; empty is none) raises
 * ModuleNotFoundError, also if the preload brought it in. Returns 0, or -1 with an exception set. */
int policy_install(const char *deny_modules);
