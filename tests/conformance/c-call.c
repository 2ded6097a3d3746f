/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls one method by libpysb, as a program in C does:
 *
 *     c-call ADDRESS METHOD PARAMETERS
 *
 * prints the reply, or the name of the error and its parameters; the exit status then is 2. Attach is
 * followed to the result, but "METHOD!" is any method called for one reply. */
#include <errno.h>
#include <poll.h>
#include <pysb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last call has the result. */
static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        char *json;

        (void) client;
        if (event)
                return;
        *(int *) userdata = error;
        if (result && pysb_result_to_json(result, &json) == 0) {
                printf("{\"result\":%s}\n", json);
                free(json);
        }
        pysb_result_free(result);
}

static int attach(PysbClient *client, const char *parameters) {
        PysbDocument *document;
        int r, error = -EBADMSG;

        r = pysb_document_new(&document, parameters);
        if (r < 0)
                return r;
        r = pysb_attach(client, pysb_document_get_string(document, "job"), 0, on_event, &error);
        pysb_document_free(document);
        if (r < 0)
                return r;
        while (pysb_client_process(client) > 0) {
                struct pollfd fd = { .fd = pysb_client_get_fd(client),
                                     .events = (short) pysb_client_get_events(client) };

                (void) poll(&fd, 1, -1);
        }
        return error;
}

static int call(PysbClient *client, const char *method, const char *parameters) {
        char *reply;
        int r;

        r = pysb_call(client, method, parameters, &reply);
        if (r < 0)
                return r;
        puts(reply);
        free(reply);
        return 0;
}

int main(int argc, char *argv[]) {
        const char *name;
        PysbClient *client;
        char *plain;
        int r;

        if (argc != 4 || pysb_client_new(&client, argv[1]) < 0)
                return 1;
        plain = strchr(argv[2], '!');
        if (plain)
                *plain = '\0';
        if (!plain && strcmp(argv[2], "io.pysb.sandbox.Attach") == 0)
                r = attach(client, argv[3]);
        else
                r = call(client, argv[2], argv[3]);
        name = pysb_client_get_error_name(client);
        if (r < 0 && name)
                printf("%s %s\n", name, pysb_client_get_error_json(client));
        else if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[2], pysb_client_get_error(client));
        pysb_client_free(client);
        return r == 0 ? 0 : name ? 2 : 1;
}
