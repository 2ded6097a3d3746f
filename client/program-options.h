/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What to run and with what: the options that submit, check and eval share. */

#include "client/verb.h"

typedef struct ProgramOptions {
        const char *code;       /* -c */
        const char *expression; /* -e */
        const char *module;     /* --module */
        const char *file;       /* the program; NULL with one of those; "-" is standard input */
        bool has_modules;       /* --modules */
} ProgramOptions;

enum {
        OPTION_PROGRAM = 0x200, /* nothing else is numbered from here on */
        OPTION_CALLABLE = OPTION_PROGRAM,
        OPTION_INPUTS,
        OPTION_MODULE,
        OPTION_FILE,
        OPTION_MODULES,
        OPTION_ANALYSIS,
        _OPTION_PROGRAM_MAX,
};

#define OPTIONS_PROGRAM                                                                           \
        { "code", required_argument, NULL, 'c' }, { "expression", required_argument, NULL, 'e' }, \
                { "callable", required_argument, NULL, OPTION_CALLABLE },                         \
                { "inputs", required_argument, NULL, OPTION_INPUTS },                             \
                { "module", required_argument, NULL, OPTION_MODULE },                             \
                { "file", required_argument, NULL, OPTION_FILE },                                 \
                { "modules", required_argument, NULL, OPTION_MODULES }, {                         \
                "analysis", required_argument, NULL, OPTION_ANALYSIS                              \
        }

static inline bool program_has_option(int option) {
        return option == 'c' || option == 'e' ||
               (option >= OPTION_PROGRAM && option < _OPTION_PROGRAM_MAX);
}

/* Takes one of these options, with optarg. Prints what is wrong; returns 0 or a negative errno. */
int program_take(ProgramOptions *o, PysbRequest *request, int option);

/* A file of ours, "HOST" or "HOST:APP". Prints what is wrong; returns 0 or a negative errno. */
int program_add_file(PysbRequest *request, const char *value);

/* Puts the program into the request once all options are known. -EFBIG: it is larger than a message
 * may be. Prints what is wrong. */
int program_load(const ProgramOptions *o, PysbRequest *request);

/* What the program is called in messages about its lines. */
const char *program_name(const ProgramOptions *o);
