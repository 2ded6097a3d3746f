/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* python/ as code objects inside the program: no file is needed to start, and none can be swapped. */

#include "runner/python.h"

extern const struct _frozen frozen_modules[];
