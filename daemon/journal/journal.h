/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Logging of the two daemons: to the journal, with fields, where standard error is connected to it;
 * else basic/log.h writes to standard error. */

/* Installs the journal sink if $JOURNAL_STREAM names what standard error is. */
void journal_setup(void);
