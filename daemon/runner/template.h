/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `pysb-runner --template`: a warm interpreter that is cloned once per box (proto/template-wire.h).
 * Returns the exit status. */
int template_main(void);
