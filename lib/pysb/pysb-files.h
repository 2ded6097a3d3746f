/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYSB_FILES_H
#define PYSB_FILES_H

/* Files of a session, between its cells and, on another client, while one runs. The conventions are those of
 * pysb.h; names and bytes are the program's, and not yours to trust. */

#include "pysb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Puts the files of the request into /app, all or none. */
int pysb_put_files(PysbClient *client, const char *session, const PysbRequest *request);

/* A whole file (free() it): a NUL stands behind its bytes. Errors: -EREMOTEIO with FileNotFound; -EFBIG
 * if it is larger than max. */
int pysb_read_file(PysbClient *client,
                   const char *session,
                   const char *path,
                   size_t max,
                   void **ret_data,
                   size_t *ret_size);

/* What matches the pattern, NULL is the top of /app: the reply of ListFiles. */
int pysb_list_files(PysbClient *client,
                    const char *session,
                    const char *pattern,
                    PysbDocument **ret_document);

/* A file, an empty directory, or if it is recursive any directory. */
int pysb_remove_files(PysbClient *client, const char *session, const char *path, bool recursive);

#ifdef __cplusplus
}
#endif

#endif
