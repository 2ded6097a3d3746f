/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/frozen.h"

/* Made by freeze.c at build time. */
#include "runner/frozen-modules.inc"
