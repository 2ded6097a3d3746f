/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the opaque handles of pysb.h are inside, for the files of this directory. */

#include <jansson.h>

#include "basic/cleanup.h"
#include "pysb/pysb.h"
#include "wire/message.h"

DEFINE_CLEANUP(PysbClient *, pysb_client_free);
DEFINE_CLEANUP(PysbRequest *, pysb_request_free);
DEFINE_CLEANUP(PysbResult *, pysb_result_free);
DEFINE_CLEANUP(PysbDocument *, pysb_document_free);

/* Bytes that came as 'text' or as Base64 'data'; NULL and 0 if neither was there. */
typedef struct Bytes {
        char *data; /* a NUL stands behind them */
        size_t size;
} Bytes;

void bytes_done(Bytes *bytes);

/* Reads the pair from an object; anything else has none. -EBADMSG if it is malformed. */
int bytes_from_json(const json_t *object, Bytes *ret_bytes);

/* More bytes in one piece go by a memfd: a message has its limit. */
#define INLINE_MAX_BYTES (512 * KIB)

struct PysbRequest {
        json_t *json; /* JobRequest */
        VarlinkFds
                files; /* sealed memfds: descriptors 0, 1, … of the message, stdin is behind them */
        int stdin_fd; /* a pipe, or a sealed memfd; -EBADF is none */
        bool stdin_is_pipe;
};

struct PysbResult {
        json_t *json; /* Result */
        Bytes out, err;
};

struct PysbEvent {
        json_t *json; /* Event */
        Bytes output;
};

/* Sets a member. Takes the reference to value, which may be NULL for lack of memory. */
int object_set(json_t *object, const char *name, json_t *value);

/* Sets a member to a string. -EILSEQ if it is not UTF-8 without NUL. */
int object_set_string(json_t *object, const char *name, const char *text, size_t size);

/* The member that is an object or array; made with make() on first use. NULL for lack of memory. */
json_t *object_get_container(json_t *object, const char *name, json_t *(*make)(void) );

/* Whether it says what to run. */
bool request_has_program(const PysbRequest *request);

/* The descriptors that go with one call, new ones each time; with or without that of stdin. */
int request_open_fds(const PysbRequest *request, bool with_stdin, VarlinkFds *ret_fds);

/* Says in the JSON which descriptor stdin is, if it is one. */
int request_number_stdin(PysbRequest *request);

/* Takes a reference to the object. -EBADMSG if what every result has is missing. */
int result_new(json_t *json, PysbResult **ret_result);

/* Takes a reference to the value. */
int document_new(json_t *root, PysbDocument **ret_document);

/* An event borrows its memory from the caller. -EBADMSG if what every event has is missing. */
int event_init(PysbEvent *event, json_t *json);
void event_done(PysbEvent *event);

/* An object as compact text (free() it). */
int json_to_text(const json_t *json, char **ret_text);

/* The member's string, NULL if it is absent or no string; object may be NULL. */
const char *json_member_string(const json_t *object, const char *name);

/* The member's integer; -ENODATA. */
int json_member_integer(const json_t *object, const char *name, int64_t *ret_value);
