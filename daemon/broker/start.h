/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the arguments and the inherited descriptors to the running loop. Returns the exit status, or
 * a negative errno that has been logged. */
int broker_run(int argc, char *argv[]);
