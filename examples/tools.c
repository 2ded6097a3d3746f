/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program in the sandbox calls a function of this one.
 *
 *     cc tools.c $(pkg-config --cflags --libs libpysb) -o tools
 *     ./tools            # with the service
 *     ./tools embedded   # with a private daemon, no service needed
 *
 * It prints:
 *
 *     Oslo: 4 degrees
 *     Atlantis: ENOENT
 */
#include <errno.h>
#include <pysb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "import tools\n"
                              "from _sandbox import ToolError\n"
                              "for city in 'Oslo', 'Atlantis':\n"
                              "    try:\n"
                              "        print(f'{city}:', tools.temperature(city=city), 'degrees')\n"
                              "    except ToolError as error:\n"
                              "        print(f'{city}:', error.type)\n";

/* Arguments are JSON, and what the program made them: read them by a parser, believe nothing. */
static int
temperature(const char *name, const char *arguments_json, char **ret_result_json, void *userdata) {
        if (!strstr(arguments_json, "\"Oslo\""))
                return -ENOENT;
        *ret_result_json = strdup("4");
        return *ret_result_json ? 0 : -ENOMEM;
}

static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        PysbStream stream;
        const char *data;
        size_t size;

        if (event && pysb_event_get_output(event, &stream, &data, &size) == 0)
                fwrite(data, 1, size, stdout);
        pysb_result_free(result);
}

static int run(PysbClient *client, PysbClient *sibling) {
        PysbRequest *request;
        int r;

        r = pysb_request_new(&request);
        if (r < 0)
                return r;
        r = pysb_request_set_code(request, program, strlen(program));
        if (r >= 0)
                r = pysb_request_set_profile(request, "agent");
        if (r >= 0)
                r = pysb_request_add_tool(request, "temperature", "Degrees in a city, now.", NULL,
                                          UINT64_MAX);
        if (r >= 0)
                r = pysb_run_tools(client, sibling, request, temperature, on_event, NULL);
        pysb_request_free(request);
        return r;
}

int main(int argc, char *argv[]) {
        PysbClient *client = NULL, *sibling = NULL;
        int r;

        if (argc > 1 && strcmp(argv[1], "embedded") == 0)
                r = pysb_client_new_embedded(&client);
        else
                r = pysb_client_new(&client, NULL);
        /* The answers go over a second connection: the first one is busy with the job. */
        if (r >= 0)
                r = pysb_client_new_sibling(client, &sibling);
        if (r >= 0)
                r = run(client, sibling);
        if (r < 0)
                fprintf(stderr, "%s\n", strerror(-r));
        pysb_client_free(sibling);
        pysb_client_free(client);
        return r < 0 ? 1 : 0;
}
