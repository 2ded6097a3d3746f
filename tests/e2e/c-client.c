/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls each function of pysb.h at least once, against a private daemon, as a program in C does it; a case
 * is a function of a table. tests/lint/lint_symbols.py sees to it that no function is missing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pysb-files.h>
#include <pysb-manager.h>
#include <pysb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "c-client.h"

#define WAIT_MSEC 60000
#define NO_JOB "0123456789abcdef0123456789abcdef"

PysbClient *client;
PysbRequest *request;
static PysbClient *sibling;

int is_text(const char *text, const char *expected) {
        return text && strcmp(text, expected) == 0;
}

static void see_output(Seen *seen, const PysbEvent *event) {
        PysbStream stream;
        const char *data;
        size_t size;

        if (pysb_event_get_output(event, &stream, &data, &size) == 0 &&
            stream == PYSB_STREAM_STDOUT)
                (void) snprintf(seen->output, sizeof(seen->output), "%.*s", (int) size, data);
}

static void see_display(Seen *seen, const PysbEvent *event) {
        const char *type = pysb_event_get_display_type(event, 0);
        size_t size;
        char *data;

        if (type && pysb_event_get_display(event, type, &data, &size) == 0) {
                (void) snprintf(seen->display, sizeof(seen->display), "%s", data);
                free(data);
        }
}

static void answer_tool(Seen *seen, const PysbEvent *event) {
        const char *call_id, *name, *arguments;

        if (pysb_event_get_tool_call(event, &call_id, &name, &arguments) == 0 &&
            is_text(name, "add"))
                seen->error = pysb_complete_tool_call(sibling, seen->job, call_id, "3", NULL, NULL);
}

void see(PysbClient *from, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Seen *seen = userdata;
        char *json;

        (void) from;
        if (!event) {
                seen->result = result;
                seen->error = error;
                return;
        }
        seen->kinds |= 1U << pysb_event_get_kind(event);
        seen->sequence = pysb_event_get_sequence(event);
        if (is_text(pysb_event_get_kind_name(event), "accepted"))
                (void) snprintf(seen->job, sizeof(seen->job), "%s", pysb_event_get_job(event));
        see_output(seen, event);
        see_display(seen, event);
        answer_tool(seen, event);
        if (pysb_event_to_json(event, &json) == 0)
                free(json);
}

int drive(void) {
        int r;

        while ((r = pysb_client_process(client)) > 0) {
                struct pollfd fd = { .fd = pysb_client_get_fd(client),
                                     .events = (short) pysb_client_get_events(client) };

                if (poll(&fd, 1, WAIT_MSEC) <= 0)
                        return -ETIMEDOUT;
        }
        return r;
}

int set_code(const char *code) {
        request = pysb_request_free(request);
        if (pysb_request_new(&request) < 0)
                return -1;
        return pysb_request_set_code(request, code, strlen(code));
}

static int case_run(void) {
        PysbResult *result;
        size_t size;
        uint64_t value;
        char *json;
        int code;

        CHECK(set_code("import sys\nprint(6 * 7)\nresult = 'v'") == 0);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(strlen(pysb_result_get_job(result)) == 32);
        CHECK(pysb_result_get_outcome(result) == PYSB_OUTCOME_SUCCESS);
        CHECK(is_text(pysb_result_get_outcome_name(result), "success"));
        CHECK(pysb_result_get_exit_code(result, &code) == 0 && code == 0);
        CHECK(pysb_result_get_signal(result, &code) == -ENODATA);
        CHECK(!pysb_result_get_signal_name(result) && !pysb_result_get_message(result));
        CHECK(!pysb_result_get_exception_type(result) && !pysb_result_get_problem_type(result));
        CHECK(is_text(pysb_result_get_result_json(result), "\"v\""));
        CHECK(is_text(pysb_result_get_output(result, PYSB_STREAM_STDOUT, &size), "42\n") &&
              size == 3);
        CHECK(!pysb_result_is_truncated(result, PYSB_STREAM_STDOUT));
        CHECK(pysb_result_get_usage(result, "wallTimeUSec", &value) == 0 && value > 0);
        CHECK(!pysb_result_get_limits(result));
        CHECK(is_text(pysb_result_get_engine(result), "namespace"));
        CHECK(pysb_result_get_layer(result, 0) && !pysb_result_get_layer(result, 1000));
        printf("# degraded: %d\n", pysb_result_is_degraded(result));
        CHECK(pysb_result_to_json(result, &json) == 0);
        free(json);
        CHECK(!pysb_result_free(result));
        return 0;
}

static int case_exception(void) {
        PysbDocument *document;
        PysbResult *result;

        CHECK(set_code("raise KeyError('k')") == 0);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(is_text(pysb_result_get_exception_type(result), "KeyError"));
        CHECK(is_text(pysb_result_get_exception_message(result), "'k'"));
        CHECK(strstr(pysb_result_get_exception_traceback(result), "line 1"));
        CHECK(pysb_result_get_document(result, &document) == 0);
        CHECK(is_text(pysb_document_get_string(document, "exception.type"), "KeyError"));
        pysb_document_free(document);
        pysb_result_free(result);
        return 0;
}

static int case_problem_and_display(void) {
        PysbResult *result;
        size_t size;
        char *data;

        CHECK(set_code("import sys, _sandbox\n_sandbox.display('text/html', 'b')\nresult = sys") ==
              0);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(is_text(pysb_result_get_problem_type(result), "ResultNotEncodable"));
        CHECK(pysb_result_get_problem_message(result));
        CHECK(is_text(pysb_result_get_display_type(result, 0, 0), "text/html"));
        CHECK(pysb_result_get_display(result, 0, "text/html", &data, &size) == 0 && size == 1);
        free(data);
        pysb_result_free(result);
        return 0;
}

static int set_everything(void) {
        static const char script[] =
                "import random, os, sys, json\n"
                "def f(n):\n"
                "    return [n, sys.argv[1], os.environ['K'], sys.stdin.read()]\n";
        char tenant[32];

        (void) snprintf(tenant, sizeof(tenant), "uid:%u", getuid());
        CHECK(set_code("1") == 0 && pysb_request_set_module(request, "this") == 0);
        CHECK(pysb_request_set_expression(request, "1") == 0);
        CHECK(pysb_request_add_file(request, "m.py", script, sizeof(script) - 1) == 0);
        CHECK(pysb_request_set_script(request, "m.py") == 0);
        CHECK(pysb_request_set_callable(request, "f") == 0);
        CHECK(pysb_request_set_inputs_json(request, "{\"n\": 1}") == 0);
        CHECK(pysb_request_set_analysis(request, "imports") == 0);
        CHECK(pysb_request_set_display_last_expression(request, true) == 0);
        CHECK(pysb_request_set_profile(request, "default") == 0);
        CHECK(pysb_request_add_argument(request, "a") == 0);
        CHECK(pysb_request_set_environment(request, "K", "v") == 0);
        CHECK(pysb_request_set_label(request, "l", "v") == 0);
        CHECK(pysb_request_set_limit(request, "wallTimeUSec", 1000000) == 0);
        CHECK(pysb_request_set_stdin(request, "in", 2) == 0);
        CHECK(pysb_request_set_queue_timeout(request, 60000000) == 0);
        CHECK(pysb_request_set_priority(request, 9) == 0);
        CHECK(pysb_request_set_tenant(request, tenant) == 0);
        CHECK(pysb_request_set_request_id(request, "order 7") == 0);
        CHECK(pysb_request_set_detach(request, true) == 0);
        CHECK(pysb_request_set_retain(request, 60000000) == 0);
        CHECK(pysb_request_set_seed(request, 7) == 0);
        for (size_t i = 0; i < 4; i++)
                CHECK(pysb_request_add_module(request, (const char *const[]){ "random", "os", "sys",
                                                                              "json" }[i]) == 0);
        return 0;
}

static int case_request(void) {
        PysbResult *result;
        char *json;

        CHECK(set_everything() == 0);
        CHECK(pysb_request_to_json(request, &json) == 0 && strstr(json, "inputsJson"));
        free(json);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(is_text(pysb_result_get_result_json(result), "[1, \"a\", \"v\", \"in\"]"));
        pysb_result_free(result);
        return 0;
}

static int case_stdin_fd(void) {
        PysbResult *result;
        int pipe_fds[2];

        CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0 && write(pipe_fds[1], "piped", 5) == 5);
        close(pipe_fds[1]);
        CHECK(set_code("input()") == 0 && pysb_request_set_stdin_fd(request, pipe_fds[0]) == 0);
        close(pipe_fds[0]);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(is_text(pysb_result_get_result_json(result), "\"piped\""));
        pysb_result_free(result);
        return 0;
}

static int case_events(void) {
        static const char code[] = "import tools, _sandbox\nprint('out')\n"
                                   "_sandbox.display('text/html', 'b')\ntools.add(a=1, b=2)";
        Seen seen = {}, again = {};

        CHECK(set_code(code) == 0 && pysb_request_set_profile(request, "agent") == 0);
        CHECK(pysb_request_set_retain(request, 60000000) == 0);
        CHECK(pysb_request_add_tool(request, "add", "Adds.", "{\"type\": \"object\"}",
                                    UINT64_MAX) == 0);
        CHECK(pysb_start(client, request, see, &seen) == 0 && drive() == 0);
        CHECK(seen.result && is_text(pysb_result_get_result_json(seen.result), "3"));
        CHECK(is_text(seen.output, "out\n") && is_text(seen.display, "b"));
        CHECK(seen.kinds & 1U << PYSB_EVENT_TOOL_CALL && seen.kinds & 1U << PYSB_EVENT_STARTED);
        pysb_result_free(seen.result);
        CHECK(pysb_attach(client, seen.job, 1, see, &again) == 0 && drive() == 0);
        CHECK(again.result && again.sequence == seen.sequence && !again.job[0]);
        pysb_result_free(again.result);
        return 0;
}

/* Answers add, and nothing else. */
static int tool(const char *name, const char *arguments, char **ret_result, void *userdata) {
        (void) userdata;
        if (is_text(name, "large")) {
                /* More than the daemon takes, or even than a message can have */
                size_t size = strstr(arguments, "\"mib\": 1") ? (1 << 20) + 1 : 5 << 20;

                *ret_result = malloc(size + 1);
                if (!*ret_result)
                        return -ENOMEM;
                memset(*ret_result, '1', size);
                (*ret_result)[size] = '\0';
                return 0;
        }
        if (!is_text(name, "add") || !strstr(arguments, "\"a\": 1"))
                return -ENOENT;
        *ret_result = strdup("3");
        return *ret_result ? 0 : -ENOMEM;
}

static int case_tools(void) {
        static const char code[] = "import tools, _sandbox\ndef kind(tool, **arguments):\n"
                                   "    try:\n        tool(**arguments)\n"
                                   "    except _sandbox.ToolError as e:\n        return e.type\n"
                                   "[kind(tools.find), kind(tools.large, mib=1), "
                                   "kind(tools.large, mib=5), tools.add(a=1)]";
        Seen seen = {};

        CHECK(set_code(code) == 0 && pysb_request_set_profile(request, "agent") == 0);
        CHECK(pysb_request_add_tool(request, "add", NULL, NULL, UINT64_MAX) == 0);
        CHECK(pysb_request_add_tool(request, "find", NULL, NULL, UINT64_MAX) == 0);
        CHECK(pysb_request_add_tool(request, "large", NULL, NULL, UINT64_MAX) == 0);
        CHECK(pysb_run_tools(client, sibling, request, tool, see, &seen) == 0);
        CHECK(seen.result && !(seen.kinds & 1U << PYSB_EVENT_TOOL_CALL));
        CHECK(is_text(pysb_result_get_result_json(seen.result),
                      "[\"ENOENT\", \"EMSGSIZE\", \"EMSGSIZE\", 3]"));
        pysb_result_free(seen.result);
        CHECK(pysb_run_tools(client, sibling, request, tool, NULL, NULL) == 0);
        return 0;
}

static int case_quiet(void) {
        Seen seen = {};
        size_t size;

        CHECK(set_code("print(1)") == 0);
        CHECK(pysb_start_quiet(client, request, see, &seen) == 0 && drive() == 0);
        CHECK(seen.result && !seen.kinds);
        CHECK(is_text(pysb_result_get_output(seen.result, PYSB_STREAM_STDOUT, &size), "1\n"));
        pysb_result_free(seen.result);
        return 0;
}

static int case_jobs(void) {
        PysbResult *result;
        char *job;

        CHECK(set_code("while True: pass") == 0);
        CHECK(pysb_submit(client, request, &job) == 0);
        CHECK(pysb_wait(client, job, 0, &result) == -ETIMEDOUT);
        CHECK(pysb_cancel(client, job, "enough") == 0);
        CHECK(pysb_wait(client, job, UINT64_MAX, &result) == 0);
        CHECK(pysb_result_get_outcome(result) == PYSB_OUTCOME_CANCELLED);
        pysb_result_free(result);
        free(job);
        return 0;
}

static int case_input(void) {
        PysbResult *result;
        char *job;

        CHECK(set_code("input() + input()") == 0);
        CHECK(pysb_request_set_stdin_open(request, true) == 0);
        CHECK(pysb_request_set_usage_interval(request, 100000) == 0);
        CHECK(pysb_request_set_heartbeat(request, 1000000) == 0);
        CHECK(pysb_submit(client, request, &job) == 0);
        CHECK(pysb_write_input(client, job, "a\nb", 3, false) == 0);
        CHECK(pysb_write_input(client, job, "c", 1, true) == 0);
        CHECK(pysb_wait(client, job, UINT64_MAX, &result) == 0);
        CHECK(is_text(pysb_result_get_result_json(result), "\"abc\""));
        pysb_result_free(result);
        CHECK(pysb_write_input(client, job, "d", 1, false) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.sandbox.JobNotAccepting"));
        CHECK(pysb_cancel_with_grace(client, job, 0, NULL) == 0);
        CHECK(pysb_forget(client, job) == 0);
        CHECK(pysb_wait(client, job, 0, &result) == -EREMOTEIO);
        free(job);
        return 0;
}

static int check_files(const char *session) {
        PysbRequest *files;
        PysbDocument *list;
        size_t size;
        void *data;

        CHECK(pysb_request_new(&files) == 0);
        CHECK(pysb_request_add_file(files, "a", "\xff\n", 2) == 0);
        CHECK(pysb_put_files(client, session, files) == 0 && !pysb_request_free(files));
        CHECK(pysb_read_file(client, session, "a", 2, &data, &size) == 0 && size == 2);
        free(data);
        CHECK(pysb_read_file(client, session, "a", 1, &data, &size) == -EFBIG);
        CHECK(pysb_list_files(client, session, "*", &list) == 0 && !pysb_document_free(list));
        CHECK(pysb_remove_files(client, session, "a", false) == 0);
        CHECK(pysb_remove_files(client, session, "a", true) == -EREMOTEIO);
        return 0;
}

static int case_session(void) {
        PysbRequest *bound;
        PysbResult *result;
        Seen seen = {};
        char *session, *branch;

        CHECK(pysb_request_new(&bound) == 0 &&
              pysb_request_set_bind_to_connection(bound, true) == 0);
        CHECK(pysb_open_session(client, bound, UINT64_MAX, UINT64_MAX, &session) == 0);
        pysb_request_free(bound);
        CHECK(pysb_close_session(client, session) == 0);
        free(session);
        CHECK(pysb_open_session(client, NULL, 60000000, UINT64_MAX, &session) == 0);
        CHECK(set_code("x = 6") == 0 && pysb_request_set_queue(request, true) == 0);
        CHECK(pysb_execute(client, session, request, &result) == 0);
        CHECK(pysb_result_is_session_alive(result));
        pysb_result_free(result);
        CHECK(set_code("print(x * 7)") == 0);
        CHECK(pysb_start_cell(client, session, request, see, &seen) == 0 && drive() == 0);
        CHECK(is_text(seen.output, "42\n") && pysb_result_is_session_alive(seen.result));
        pysb_result_free(seen.result);
        CHECK(check_files(session) == 0);
        CHECK(pysb_interrupt_session(client, session) == 0);
        CHECK(pysb_extend_session(client, session, UINT64_MAX, 60000000) == 0);
        CHECK(pysb_branch_session(client, session, &branch) == 0 &&
              pysb_close_session(client, branch) == 0 &&
              pysb_restart_session(client, session) == 0);
        CHECK(pysb_execute(client, session, request, &result) == 0); /* x is gone */
        CHECK(is_text(pysb_result_get_exception_type(result), "NameError"));
        pysb_result_free(result);
        CHECK(pysb_close_session(client, session) == 0);
        CHECK(pysb_execute(client, session, request, &result) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.sandbox.SessionNotFound"));
        free(branch), free(session);
        request = pysb_request_free(request);
        CHECK(pysb_request_new(&request) == 0 && pysb_request_set_profile(request, "raw") == 0);
        CHECK(pysb_open_session(client, request, UINT64_MAX, UINT64_MAX, &session) == 0);
        CHECK(set_code("import os\nos._exit(3)") == 0);
        CHECK(pysb_execute(client, session, request, &result) == 0);
        CHECK(!pysb_result_is_session_alive(result));
        pysb_result_free(result);
        CHECK(pysb_restart_session(client, session) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.sandbox.SessionLost"));
        CHECK(pysb_close_session(client, session) == 0);
        free(session);
        return 0;
}

static int case_documents(void) {
        PysbDocument *document;
        int64_t value;
        char *json;

        CHECK(set_code("eval('1')") == 0 && pysb_request_set_analysis(request, "strict") == 0);
        CHECK(pysb_check(client, request, &document) == 0);
        CHECK(!pysb_document_is_true(document, "accepted") &&
              pysb_document_has(document, "findings.0"));
        CHECK(pysb_document_get_size(document, "findings") == 1);
        CHECK(pysb_document_get_integer(document, "findings.0.line", &value) == 0 && value == 1);
        CHECK(pysb_document_get_name(document, "limits", 0));
        CHECK(pysb_document_to_json(document, "findings", &json) == 0);
        free(json);
        pysb_document_free(document);
        CHECK(pysb_quote("a\"b", &json) == 0 && is_text(json, "\"a\\\"b\""));
        free(json);
        return 0;
}

static int case_manager(void) {
        PysbDocument *document;
        char tenant[64];
        int64_t value;

        CHECK(pysb_manager_get_status(client, &document) == 0);
        CHECK(pysb_document_get_integer(document, "runningJobs", &value) == 0 && value == 0);
        pysb_document_free(document);
        CHECK(pysb_manager_list_tenants(client, NULL, &document) == 0);
        CHECK(pysb_document_get_string(document, "tenants.0.tenant"));
        (void) snprintf(tenant, sizeof(tenant), "%s",
                        pysb_document_get_string(document, "tenants.0.tenant"));
        pysb_document_free(document);
        CHECK(pysb_manager_set_tenant(client, tenant, "[", NULL) == -EINVAL);
        CHECK(pysb_manager_set_tenant(client, "nobody", "{}", NULL) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.manager.TenantNotFound"));
        CHECK(pysb_manager_set_tenant(client, tenant, "{\"weight\": 7}", &document) == 0);
        CHECK(pysb_document_get_integer(document, "quota.weight", &value) == 0 && value == 7);
        pysb_document_free(document);
        CHECK(pysb_manager_drain(client, 0, &document) == 0);
        CHECK(pysb_document_get_integer(document, "queuedJobs", &value) == 0 && value == 0);
        pysb_document_free(document);
        CHECK(pysb_submit(sibling, request, NULL) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(sibling), "io.pysb.sandbox.ShuttingDown"));
        CHECK(pysb_manager_resume(client) == 0);
        CHECK(pysb_manager_self_test(client, &document) == 0);
        CHECK(is_text(pysb_document_get_string(document, "probes.0.outcome"), "passed"));
        pysb_document_free(document);
        CHECK(pysb_manager_list_jobs(client, &document) == 0);
        CHECK(pysb_document_get_size(document, "jobs") == 0);
        pysb_document_free(document);
        CHECK(pysb_manager_cancel_all(client, tenant, "enough", &document) == 0);
        CHECK(pysb_document_get_integer(document, "jobs", &value) == 0 && value == 0);
        pysb_document_free(document);
        CHECK(pysb_manager_set_log_level(client, 8) == -EREMOTEIO);
        CHECK(pysb_manager_set_log_level(client, 6) == 0);
        if (pysb_manager_reload(client, &document) == 0) {
                CHECK(pysb_document_get_size(document, "profiles") > 0);
                pysb_document_free(document);
        } else /* its own user cannot read the build directory of somebody else */
                CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.manager.ReloadFailed"));
        return 0;
}

/* Each method that has no function of its own, by pysb_call(). */
static int case_calls(void) {
        static const char *const calls[][2] = {
                { "GetNode", NULL },
                { "WhoAmI", NULL },
                { "ListProfiles", NULL },
                { "ListJobs", "{\"maxEntries\": 1}" },
                { "GetProfile", "{\"profile\": \"eval\"}" },
        };
        PysbDocument *document;
        char *reply;

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                CHECK(pysb_call(client, calls[i][0], calls[i][1], &reply) == 0);
                CHECK(pysb_document_new(&document, reply) == 0);
                free(reply);
                pysb_document_free(document);
        }
        CHECK(pysb_call(client, "GetJob", "{\"job\": \"" NO_JOB "\"}", &reply) == -EREMOTEIO);
        CHECK(is_text(pysb_client_get_error_name(client), "io.pysb.sandbox.JobNotFound"));
        CHECK(strstr(pysb_client_get_error_json(client), NO_JOB));
        return 0;
}

static int case_clients(void) {
        PysbClient *other;
        int pair[2];

        CHECK(pysb_client_new(&other, "unix:/nonexistent/socket") == -ENOENT);
        CHECK(pysb_client_new(&other, "tcp:localhost") == -EINVAL);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(pysb_client_new_from_fd(&other, pair[0]) == 0);
        CHECK(!pysb_client_free(other));
        close(pair[1]);
        return 0;
}

static const struct {
        const char *name;
        int (*run)(void);
} cases[] = {
        { "a program, and all that its result says", case_run },
        { "an exception, and the result as a document", case_exception },
        { "a value that cannot be sent, and a display", case_problem_and_display },
        { "a request with everything", case_request },
        { "standard input from a pipe", case_stdin_fd },
        { "events, a tool that is answered, and the same again by attach", case_events },
        { "tools by a function of the caller's", case_tools },
        { "a loop without events", case_quiet },
        { "a job that is handed over, waited for and cancelled", case_jobs },
        { "input of a job that runs; then it is forgotten", case_input },
        { "a session: cells, an interpreter that is lost", case_session },
        { "files that a job hands back, in the result and as events", case_files },
        { "check, and documents", case_documents },
        { "each other method by its name, and an error", case_calls },
        { "administration: each method of the manager", case_manager },
        { "ways to make a client", case_clients },
};

int main(void) {
        size_t n = sizeof(cases) / sizeof(cases[0]), failed = 0;

        printf("1..%zu\n", n);
        if (pysb_client_new_embedded(&client) < 0 || pysb_client_new_sibling(client, &sibling) < 0)
                return 1;
        for (size_t i = 0; i < n; i++) {
                int r = cases[i].run();

                printf("%s %zu - %s\n", r < 0 ? "not ok" : "ok", i + 1, cases[i].name);
                failed += r < 0;
        }
        pysb_request_free(request);
        pysb_client_free(sibling);
        pysb_client_free(client);
        return failed ? 1 : 0;
}
