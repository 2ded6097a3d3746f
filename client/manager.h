/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verbs for administrators share. */

#include "client/verb.h"

#define MANAGER_METHOD(name) "io.pysb.manager." name

/* Connects to the socket for administrators, unless another one is named. */
int manager_connect(Common *common, PysbClient **ret_client);
