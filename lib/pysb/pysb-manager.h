/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYSB_MANAGER_H
#define PYSB_MANAGER_H

/* Administration of a daemon, for a client of PYSB_MANAGER_ADDRESS, or of a private daemon. The
 * conventions are those of pysb.h. A document is the reply of the interface io.pysb.manager;
 * ret_document may be NULL. */

#include <pysb.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads profiles and configuration again. Errors: -EREMOTEIO with ReloadFailed, and nothing has changed. */
int pysb_manager_reload(PysbClient *client, PysbDocument **ret_document);

/* Refuses new work, and waits until nothing is left, at most timeout_usec; UINT64_MAX waits forever. The
 * document has "runningJobs" and "queuedJobs". */
int pysb_manager_drain(PysbClient *client, uint64_t timeout_usec, PysbDocument **ret_document);

/* Makes a sandbox and tries what its layers must stop: "probes" has the name, the layer and the outcome of each.
 * Errors: -EREMOTEIO with SelfTestFailed, if none can be made. */
int pysb_manager_self_test(PysbClient *client, PysbDocument **ret_document);

/* Takes work again. */
int pysb_manager_resume(PysbClient *client);

/* What the daemon as a whole does now. */
int pysb_manager_get_status(PysbClient *client, PysbDocument **ret_document);

/* Tenants with their quotas and their use: "tenants", and "nextCursor" if there are more, which is the
 * cursor of the next call; NULL begins. */
int pysb_manager_list_tenants(PysbClient *client, const char *cursor, PysbDocument **ret_document);

/* Changes what the JSON object, the interface's Quota, has, until the next reload; the document has all of
 * "quota". Errors: -EREMOTEIO with TenantNotFound. */
int pysb_manager_set_tenant(PysbClient *client,
                            const char *tenant,
                            const char *quota_json,
                            PysbDocument **ret_document);

/* "jobs" of all tenants that wait or run, oldest first, at most 1000. */
int pysb_manager_list_jobs(PysbClient *client, PysbDocument **ret_document);

/* Cancels everything of a tenant, NULL is everybody, with a reason that may be NULL; "jobs" is how many it
 * were. */
int pysb_manager_cancel_all(PysbClient *client,
                            const char *tenant,
                            const char *reason,
                            PysbDocument **ret_document);

/* A syslog priority, 0 to 7. */
int pysb_manager_set_log_level(PysbClient *client, int level);

#ifdef __cplusplus
}
#endif

#endif
