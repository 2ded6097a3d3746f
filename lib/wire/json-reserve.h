/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memory for the parser when there is none. jansson's lexer (2.14) does not look whether the buffer of the token that it
 * reads could grow; it goes on, and then writes beyond what it has allocated. So in a daemon an allocation never fails in
 * the middle of a parse: it comes from a reserve, the text ends for the parser at once, and the parse is -ENOMEM. */

#include <jansson.h>

/* Once, at start: maps the reserve, which costs no memory before it is used, and gives jansson these allocators. They are
 * the process's, so that no library may call this. */
int json_reserve_setup(void);

/* json_loadb(), by the reserve where it was set up: 0, -ENOMEM, or -EBADMSG for what is no JSON. */
int json_reserve_load(const char *text, size_t size, size_t flags, json_t **ret_value);
