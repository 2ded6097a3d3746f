/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Varlink messages, typed: what a call and a reply are (https://varlink.org/Method-Call). */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "basic/cleanup.h"
#include "wire/interfaces.h"

/* Descriptors that came or go with one message. The owner of the message owns them; TAKE_FD() the
 * ones that are used, the rest is closed with the message. So many are for some files and standard input. */
#define VARLINK_FDS_MAX 17

typedef struct VarlinkFds {
        int fds[VARLINK_FDS_MAX];
        size_t n;
} VarlinkFds;

void varlink_fds_done(VarlinkFds *fds);

/* { "method": …, "parameters": {…}, "more": true } */
typedef struct VarlinkCall {
        char *method;       /* "io.pysb.sandbox.Run" */
        json_t *parameters; /* an object, never NULL */
        bool more;          /* the client takes several replies */
        bool oneway;        /* the client takes none, not even an error */
        bool upgrade;       /* the client would speak another protocol afterwards */
        VarlinkFds fds;
} VarlinkCall;

void varlink_call_done(VarlinkCall *call); /* for _cleanup_() and static reuse */

/* { "parameters": {…}, "continues": true } or { "error": …, "parameters": {…} } */
typedef struct VarlinkReply {
        json_t *parameters; /* an object, never NULL */
        char *error;        /* NULL unless it is an error */
        bool continues;     /* more replies follow */
        VarlinkFds fds;
} VarlinkReply;

void varlink_reply_done(VarlinkReply *reply);

/* One message without its NUL. -EBADMSG: no JSON, too deep, too many values, a duplicate key …;
 * -EPROTO: JSON, but no such message. Either way the connection cannot go on. */
int varlink_call_parse(const char *text, size_t size, VarlinkCall *ret_call);
int varlink_reply_parse(const char *text, size_t size, VarlinkReply *ret_reply);

/* Strict JSON text to a value, behind the pre-scan. -EBADMSG, -ENOMEM.
 *
 * The parser seeds its hash tables from /dev/urandom when it makes the first object. A process that
 * gives up openat() calls json_object_seed() with random bits before that, else the seed is the
 * time, and colliding keys can be computed. */
int wire_json_parse(const char *text, size_t size, json_t **ret_value);

/* The other way, without white space; NULL for lack of memory. Not json_dumps(): that goes on after a key for which
 * there was no memory, and what it then returns is no JSON. */
char *wire_json_text(const json_t *value);

/* The builders below return a message for varlink_conn_send(), or NULL for lack of memory. They
 * steal parameters; NULL parameters are a failure of whoever made them, and give NULL. */

/* A call; more and oneway exclude each other. */
json_t *varlink_call_new(const char *method, json_t *parameters, bool more, bool oneway);

/* A reply, the last one unless it continues. */
json_t *varlink_reply_new(json_t *parameters, bool continues);

/* An error with its full name, such as "io.pysb.sandbox.QueueFull". */
json_t *varlink_error_new(const char *error, json_t *parameters);

/* Errors of org.varlink.service. */
json_t *varlink_error_interface_not_found(const char *interface);
json_t *varlink_error_method_not_found(const char *method);
json_t *varlink_error_method_not_implemented(const char *method);
json_t *varlink_error_invalid_parameter(const char *parameter);
json_t *varlink_error_permission_denied(void);
json_t *varlink_error_expected_more(void);
