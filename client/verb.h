/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A verb of pysbctl: one file each. run() gets argv with the verb's name first and returns the exit
 * status. */

#include <getopt.h>
#include <stdbool.h>

#include "basic/cleanup.h"
#include "pysb/pysb.h"

DEFINE_CLEANUP(PysbClient *, pysb_client_free);
DEFINE_CLEANUP(PysbRequest *, pysb_request_free);
DEFINE_CLEANUP(PysbResult *, pysb_result_free);
DEFINE_CLEANUP(PysbDocument *, pysb_document_free);

typedef struct Verb {
        const char *name;
        const char *arguments; /* of the usage line */
        const char *summary;   /* one line */
        int (*run)(int argc, char *argv[]);
} Verb;

int verb_submit(int argc, char *argv[]);
int verb_check(int argc, char *argv[]);
int verb_eval(int argc, char *argv[]);
int verb_wait(int argc, char *argv[]);
int verb_attach(int argc, char *argv[]);
int verb_cancel(int argc, char *argv[]);
int verb_blob(int argc, char *argv[]);
int verb_forget(int argc, char *argv[]);
int verb_list(int argc, char *argv[]);
int verb_show(int argc, char *argv[]);
int verb_session(int argc, char *argv[]);
int verb_repl(int argc, char *argv[]);
int verb_profile(int argc, char *argv[]);
int verb_profile_vet(int argc, char *argv[]);
int verb_status(int argc, char *argv[]);
int verb_doctor(int argc, char *argv[]);
int verb_top(int argc, char *argv[]);
int verb_tenant(int argc, char *argv[]);
int verb_reload(int argc, char *argv[]);
int verb_drain(int argc, char *argv[]);
int verb_resume(int argc, char *argv[]);

int verb_help(int argc, char *argv[]);
int verb_help_of(const Verb *verb); /* what it takes; 0 */

/* The verb of that name, NULL if there is none. */
const Verb *verb_find(const char *name);

/* Options that several verbs take. Each verb lists the ones it has in its own option table. */
enum {
        OPTION_ADDRESS = 0x100,
        OPTION_EMBEDDED,
        OPTION_JSON,
        OPTION_EVENTS,
        OPTION_SUMMARY,
        OPTION_DISPLAY_DIR,
        OPTION_OUTPUT_DIR,
        OPTION_PROMPT,
        OPTION_TENANT,
        _OPTION_OWN, /* the verb's own start here */
};

#define OPTION_ROW_ADDRESS \
        { "address", required_argument, NULL, OPTION_ADDRESS }

#define OPTION_ROW_TENANT \
        { "tenant", required_argument, NULL, OPTION_TENANT }

#define OPTIONS_CONNECTION                                     \
        OPTION_ROW_ADDRESS, {                                  \
                "embedded", no_argument, NULL, OPTION_EMBEDDED \
        }

typedef struct Common {
        const char *address; /* NULL is the system's */
        const char *tenant;  /* whom a gateway asks for; NULL is the caller's own */
        bool embedded;
        bool json;
        bool events;
        bool summary;
        bool prompt; /* of `profile show` */
        bool value;  /* --result: the value of the job is all that goes to standard output */
        const char *display_dir; /* NULL: displays are only counted */
        const char *output_dir;  /* NULL: the files that come back are only counted */
        const char *source;      /* what the program is called; NULL is not known */
} Common;

/* Takes one of the options above as getopt_long() returned it. 0, or -EINVAL for any other, among
 * them '?': getopt_long() has printed a message then. */
int common_take(Common *common, int option);

/* The getopt_long() loop of a verb without options of its own; checks that between min and max
 * arguments are left, from argv[optind]. Prints what is wrong and returns -EINVAL. */
int common_parse(
        Common *common, int argc, char *argv[], const struct option *options, int min, int max);

/* Prints how the verb is used; returns the exit status of a usage error. */
int common_usage(const char *verb);

/* Connects, or says in one sentence why not and what to do. Returns 0 or a negative errno. */
int common_connect(const Common *common, PysbClient **ret_client);

/* Why the last call failed: a sentence that lives as long as the client or until its next call, and
 * the exit status. */
const char *common_call_error(const PysbClient *client, int error);
int common_call_status(const PysbClient *client, int error);

/* Says so on standard error; returns the exit status. */
int common_call_failed(PysbClient *client, int error);

/* Calls a method and reads the answer. Prints what is wrong; returns 0 or a negative errno. Either
 * of the two results may be NULL. */
int common_call(PysbClient *client,
                const char *method,
                const char *parameters_json,
                char **ret_json,
                PysbDocument **ret_document);

/* { "name": "value" } as text. Prints what is wrong. */
int common_parameter(const char *name, const char *value, char **ret_json);

/* An object of these members, and of the tenant if one was named. Prints what is wrong. */
int common_parameters(const Common *common, const char *members, char **ret_json);

/* The program pysbd: $PYSBD, else the installed one. */
const char *common_pysbd_path(void);
