/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading the operator's files again while boxes run. A child of ours does the reading, so that no
 * deadline waits for a compiler; what it made is judged here, all or nothing. */

#include "builder/builder.h"

/* One at a time: -EPROTO if one runs. Everything else is told by BUILDER_RELOADED. */
int reload_start(Builder *builder);

/* Ends one that runs. */
Reload *reload_free(Reload *reload);
