/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers and names of the native system calls, as the kernel headers of the build know them. */

#include <stdbool.h>
#include <stdint.h>

/* Such as "openat"; NULL for a number without a name. */
const char *syscall_name(uint32_t number);

/* Number, or -ENOENT. */
int syscall_number(const char *name);

/* Whether the build knows this number. The rest is answered ENOSYS, as by a kernel without it. */
bool syscall_is_known(uint32_t number);

/* The highest known number. */
uint32_t syscall_last_known(void);
