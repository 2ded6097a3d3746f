/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The words of `pysbctl session` that are about files: as a verb's run(). */

int session_put(int argc, char *argv[]);
int session_get(int argc, char *argv[]);
int session_files(int argc, char *argv[]);
int session_rm(int argc, char *argv[]);
