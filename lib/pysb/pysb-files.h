/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYSB_FILES_H
#define PYSB_FILES_H

/* Files of a session, files that jobs hand back, and bytes that the daemon keeps: a part of pysb.h, which
 * includes it. Names and bytes are the program's, and not yours to trust. */

#include "pysb.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Files of a session, between its cells and, on another client, while one runs.
 */

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

/*
 * File: what a job hands back. The name is the job's: relative to /app, but not yours to trust.
 */

const char *pysb_file_get_path(const PysbFile *file);

/* Why there is no content, such as "too-large" or "not-regular"; NULL if there is one. */
const char *pysb_file_get_problem(const PysbFile *file);

/* Hexadecimal, of the whole file; NULL if not all of it was read. */
const char *pysb_file_get_sha256(const PysbFile *file);

/* The blob that its content went to; NULL if it did not. */
const char *pysb_file_get_blob(const PysbFile *file);

/* Of the file in the sandbox, in bytes. */
uint64_t pysb_file_get_size(const PysbFile *file);

bool pysb_file_is_executable(const PysbFile *file);

/* Only the head of it is here. */
bool pysb_file_is_truncated(const PysbFile *file);

/* The content (free() it; a NUL stands behind it). Errors: -ENODATA if there is none. */
int pysb_file_get_content(const PysbFile *file, char **ret_data, size_t *ret_size);

/*
 * Blobs: bytes that the daemon keeps for later requests, for an hour after their last use.
 */

/* For gateways: whose blobs the following calls of this client mean. NULL are the caller's own. */
int pysb_client_set_tenant(PysbClient *client, const char *tenant);

/* Its name, "sha256:" and 64 hexadecimal digits, is to be freed. At most 16 MiB. */
int pysb_put_blob(PysbClient *client, const void *data, size_t size, char **ret_blob);

/* All of it, to be freed; a NUL stands behind it. */
int pysb_get_blob(PysbClient *client, const char *blob, char **ret_data, size_t *ret_size);

/* 1 if it was there, 0 if not. */
int pysb_remove_blob(PysbClient *client, const char *blob);

#ifdef __cplusplus
}
#endif

#endif
