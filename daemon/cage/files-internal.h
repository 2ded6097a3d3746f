/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the files of init's end of the files channel. All functions return 0 or a negative errno; app is
 * where /app is. */

#include <stdint.h>

/* files.c: opens what is below app, on no way over a symlink. */
int files_open_below(const char *app, const char *path, int flags);

/* files-write.c: bytes of a file that is on its way. After an error nothing is staged. */
int files_stage(const char *app,
                const char *path,
                uint64_t offset,
                uint32_t flags,
                const void *data,
                size_t size);
int files_commit(const char *app);
void files_drop(const char *app);

/* files-remove.c */
int files_remove(const char *app, char *path, uint32_t flags, uint64_t *ret_removed);
