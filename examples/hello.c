/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs two programs in a sandbox: one by the blocking call, one in a poll() loop of our own.
 *
 *     cc hello.c $(pkg-config --cflags --libs libpysb) -o hello
 *     ./hello            # with the service
 *     ./hello embedded   # with a private daemon, no service needed */
#include <poll.h>
#include <pysb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(PysbClient *client, const char *what, int error) {
        const char *sentence = client ? pysb_client_get_error(client) : NULL;

        fprintf(stderr, "%s: %s\n", what, sentence ? sentence : strerror(-error));
        return 1;
}

static void print_result(const PysbResult *result) {
        uint64_t wall_usec = 0;

        pysb_result_get_usage(result, "wallTimeUSec", &wall_usec);
        printf("-> %s after %.1f ms\n", pysb_result_get_outcome_name(result),
               (double) wall_usec / 1000);
}

/* Waits for the end; the output is in the result. */
static int run_blocking(PysbClient *client, const PysbRequest *request) {
        PysbResult *result;
        const char *output;
        size_t size;
        int r;

        r = pysb_run(client, request, &result);
        if (r < 0)
                return fail(client, "pysb_run", r);
        output = pysb_result_get_output(result, PYSB_STREAM_STDOUT, &size);
        if (output)
                fwrite(output, 1, size, stdout);
        print_result(result);
        pysb_result_free(result);
        return 0;
}

/* Called from pysb_client_process() as things happen. */
static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        PysbStream stream;
        const char *data;
        size_t size;

        if (event && pysb_event_get_output(event, &stream, &data, &size) == 0)
                fwrite(data, 1, size, stream == PYSB_STREAM_STDERR ? stderr : stdout);
        if (result)
                print_result(result);
        if (error < 0)
                *(int *) userdata = fail(client, "pysb_start", error);
        pysb_result_free(result);
}

/* The output comes while the program runs; other descriptors could stand in the same poll(). */
static int run_in_own_loop(PysbClient *client, const PysbRequest *request) {
        int status = 0, r;

        r = pysb_start(client, request, on_event, &status);
        if (r < 0)
                return fail(client, "pysb_start", r);
        while (pysb_client_process(client) > 0) {
                struct pollfd fds = {
                        .fd = pysb_client_get_fd(client),
                        .events = (short) pysb_client_get_events(client),
                };

                poll(&fds, 1, -1);
        }
        return status;
}

int main(int argc, char *argv[]) {
        static const char code[] = "import sys\n"
                                   "print('Hello from', sys.argv[1])\n";
        PysbClient *client = NULL;
        PysbRequest *request = NULL;
        int r, status = 1;

        if (argc > 1 && strcmp(argv[1], "embedded") == 0)
                r = pysb_client_new_embedded(&client);
        else
                r = pysb_client_new(&client, NULL);
        if (r < 0)
                return fail(NULL, "Cannot reach the daemon", r);

        r = pysb_request_new(&request);
        if (r >= 0)
                r = pysb_request_set_code(request, code, strlen(code));
        if (r >= 0)
                r = pysb_request_add_argument(request, "the sandbox");
        if (r >= 0)
                r = pysb_request_set_limit(request, "wallTimeUSec", 2000000);
        if (r < 0)
                fail(NULL, "Cannot make the request", r);
        else
                status = run_blocking(client, request) || run_in_own_loop(client, request);

        pysb_request_free(request);
        pysb_client_free(client);
        return status;
}
