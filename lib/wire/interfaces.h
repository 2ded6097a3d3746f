/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interfaces as GetInterfaceDescription replies them: JSON, made from the .varlink files of this directory
 * once and for all. */

#define VARLINK_SERVICE_INTERFACE "org.varlink.service"
#define PYSB_SANDBOX_INTERFACE "io.pysb.sandbox"
#define PYSB_MANAGER_INTERFACE "io.pysb.manager"

extern const char varlink_description_org_varlink_service[];
extern const char varlink_description_io_pysb_manager[];
extern const char varlink_description_io_pysb_sandbox[];
