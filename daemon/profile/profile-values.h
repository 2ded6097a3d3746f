/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parsers of a profile's values that are text: each refuses what has no such form. */

#include "profile/flat.h"

/* One value. */
int value_parse_name(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_digest(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_path(const Key *key, const FlatLine *line, void *field, char **ret_error);

/* An element of a list. */
int value_parse_names(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_module(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_variable(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_package(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_paths(const Key *key, const FlatLine *line, void *field, char **ret_error);
int value_parse_text(const Key *key, const FlatLine *line, void *field, char **ret_error);
