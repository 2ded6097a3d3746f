/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the builder does in another way for each engine; all else is in the plans. */

#include "builder/box.h"

typedef struct EngineCalls {
        /* Which template is to make it: may be one that is its own. */
        int (*find_template)(Box *box, Template **ret_template);
        /* It is cloned, and waits for "go". */
        int (*admit)(const Box *box);
        /* TemplateMake.n_others */
        uint32_t (*count_others)(const Box *box);
} EngineCalls;

const EngineCalls *engine_calls(const Box *box);
