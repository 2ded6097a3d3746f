/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which of the packages that a profile wants are not installed. It is looked up when the daemon starts,
 * not when the profile is compiled: a package may be installed later than this daemon was. */

#include "basic/buf.h"

/* Reads the flat lines of one profile and appends a line "python.package_debs" for each Debian package
 * that is in none of the profile's "python.package_paths". Lines that are wrong are left to profile_parse(). -ENOMEM. */
int packages_append_missing(Buf *text, const char *lines);
