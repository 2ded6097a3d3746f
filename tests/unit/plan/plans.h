/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The plans of the shipped profiles, as the build compiled them: from $PYSB_PROFILE_PATH. */

#include "plan/plan.h"

enum {
        AGENT,
        DATA,
        DATA_ANALYSIS,
        DEFAULT,
        EVAL,
        FILE_OPERATIONS,
        LOOPBACK,
        RAW,
        TEXT_PROCESSING,
        _SHIPPED_MAX
};

extern const char *const shipped_names[_SHIPPED_MAX];

/* Ends the program if one cannot be read or compiled. The caller owns it. */
PlanImage *plan_load(const char *name);
Profile *profile_load(const char *name);
