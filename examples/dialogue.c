/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Talks to a program while it runs, and cancels it.
 *
 *     cc dialogue.c $(pkg-config --cflags --libs libpysb) -o dialogue
 *     ./dialogue            # with the service
 *     ./dialogue embedded   # with a private daemon, no service needed
 *
 * It prints:
 *
 *     What is your name?
 *     Hello, Ada.
 *     It was asked to stop.
 *     cancelled: seen enough
 */
#include <poll.h>
#include <pysb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Ten seconds from KeyboardInterrupt to the end in any case. */
#define GRACE_USEC 10000000

static const char program[] = "print('What is your name?', flush=True)\n"
                              "try:\n"
                              "    print(f'Hello, {input()}.', flush=True)\n"
                              "    while True:\n"
                              "        pass\n"
                              "except KeyboardInterrupt:\n"
                              "    print('It was asked to stop.')\n";

typedef struct Dialogue {
        PysbClient *sibling; /* the job's own connection is busy with it */
        char job[64];
        int error;
} Dialogue;

static bool ends_with(const char *data, size_t size, const char *end) {
        return size >= strlen(end) && memcmp(data + size - strlen(end), end, strlen(end)) == 0;
}

/* Output comes as it was written, and long lines come in parts: to look at their ends is enough for this
 * program, which flushes each of its lines. */
static void answer(Dialogue *dialogue, const char *data, size_t size) {
        if (ends_with(data, size, "?\n"))
                dialogue->error =
                        pysb_write_input(dialogue->sibling, dialogue->job, "Ada\n", 4, true);
        else if (ends_with(data, size, "Ada.\n"))
                dialogue->error = pysb_cancel_with_grace(dialogue->sibling, dialogue->job,
                                                         GRACE_USEC, "seen enough");
}

static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Dialogue *dialogue = userdata;
        PysbStream stream;
        const char *data;
        size_t size;

        if (event && pysb_event_get_job(event)) /* the first one says which job it is */
                snprintf(dialogue->job, sizeof(dialogue->job), "%s", pysb_event_get_job(event));
        if (event && pysb_event_get_output(event, &stream, &data, &size) == 0) {
                fwrite(data, 1, size, stdout);
                answer(dialogue, data, size);
        }
        if (result)
                printf("%s\n", pysb_result_get_message(result));
        if (error < 0)
                dialogue->error = error;
        pysb_result_free(result);
}

static int run(PysbClient *client, Dialogue *dialogue) {
        PysbRequest *request;
        int r;

        r = pysb_request_new(&request);
        if (r < 0)
                return r;
        r = pysb_request_set_code(request, program, strlen(program));
        if (r >= 0)
                r = pysb_request_set_stdin_open(request, true);
        if (r >= 0)
                r = pysb_start(client, request, on_event, dialogue);
        while (r >= 0 && dialogue->error >= 0 && pysb_client_process(client) > 0) {
                struct pollfd fds = {
                        .fd = pysb_client_get_fd(client),
                        .events = (short) pysb_client_get_events(client),
                };

                poll(&fds, 1, -1);
        }
        pysb_request_free(request);
        return r < 0 ? r : dialogue->error;
}

int main(int argc, char *argv[]) {
        Dialogue dialogue = {};
        PysbClient *client = NULL;
        int r;

        if (argc > 1 && strcmp(argv[1], "embedded") == 0)
                r = pysb_client_new_embedded(&client);
        else
                r = pysb_client_new(&client, NULL);
        if (r >= 0)
                r = pysb_client_new_sibling(client, &dialogue.sibling);
        if (r >= 0)
                r = run(client, &dialogue);
        if (r < 0)
                fprintf(stderr, "%s\n", strerror(-r));
        pysb_client_free(dialogue.sibling);
        pysb_client_free(client);
        return r < 0 ? 1 : 0;
}
