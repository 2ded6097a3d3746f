/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading profiles and configuration again. The builder reads and judges them; here the accepted ones
 * take the place of the old, which live until their last job is gone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/builder-wire.h"

struct Broker;

typedef struct Reload {
        bool is_running;
        uint64_t started, done; /* how many */
        uint64_t succeeded;
        uint32_t generation; /* of the profiles in force; 0 is those of the start */
        uint32_t forgotten;  /* the builder knows that nothing older is needed */
        char *problem;       /* of the last one; NULL if it succeeded */
} Reload;

/* Asks for one that starts from now on, and returns its number: it is over when .done has reached it. */
uint64_t reload_ask(struct Broker *b);

/* From the builder link. Closes the descriptors. */
void reload_report(struct Broker *b,
                   const BuilderReport *report,
                   int fds[static BUILDER_RELOADED_FDS],
                   size_t n_fds);

/* Tells the builder about generations whose last waiting job is gone. */
void reload_forget(struct Broker *b);

void reload_done(Reload *reload);

/* Where a sentence such as "/etc/pysb/profiles/a.toml:3: limits.memory: …" says that the mistake is;
 * file_size is 0 if it says nothing. Pure. */
typedef struct ReloadProblem {
        const char *file;
        size_t file_size;
        uint64_t line;
} ReloadProblem;

void reload_problem_parse(const char *text, ReloadProblem *ret_problem);
