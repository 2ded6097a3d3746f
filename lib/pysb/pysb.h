/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYSB_H
#define PYSB_H

/* libpysb: run untrusted Python in a sandbox, from C.
 *
 * A client is one connection to the daemon, a request says what to run, a result says how it ended.
 *
 *     pysb_client_new(&client, NULL);
 *     pysb_request_new(&request);
 *     pysb_request_set_code(request, "print(6 * 7)", 12);
 *     pysb_run(client, request, &result);
 *     puts(pysb_result_get_outcome_name(result));
 *
 * Conventions. Functions that return int give 0 (or a documented positive value) on success and a
 * negative errno on failure; ret_… is set on success only. Strings are UTF-8. Times are in
 * microseconds (_usec), sizes in bytes. Whatever a program did, being killed for a limit included,
 * is a result; errors mean that nothing ran or that nobody knows. Destructors accept NULL and return
 * NULL. There is no global state: a client and what came from it belong to one thread at a time.
 *
 * Errors of all calls to the daemon:
 *     -EREMOTEIO   the daemon refused: see pysb_client_get_error_name()
 *     -ECONNRESET  the daemon closed the connection before it answered
 *     -EBADMSG     the answer was no answer to this call; the connection is closed
 *     -EMSGSIZE    the request is larger than one message may be
 *     -EBUSY       another call is in progress on this client
 *     -ENOTCONN    the connection was lost earlier
 *     -ENOMEM */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the service listens. */
#define PYSB_DEFAULT_ADDRESS "unix:/run/pysb/io.pysb.sandbox"
/* Where administrators connect to: see pysb-manager.h. */
#define PYSB_MANAGER_ADDRESS "unix:/run/pysb/io.pysb.manager"

typedef struct PysbClient PysbClient;
typedef struct PysbRequest PysbRequest;
typedef struct PysbResult PysbResult;
typedef struct PysbEvent PysbEvent;
typedef struct PysbDocument PysbDocument;
typedef struct PysbFile PysbFile;

/* How a job ended. A daemon that is newer than this library may send others: _UNKNOWN. */
typedef enum PysbOutcome {
        PYSB_OUTCOME_UNKNOWN,
        PYSB_OUTCOME_SUCCESS,
        PYSB_OUTCOME_EXCEPTION,
        PYSB_OUTCOME_EXIT_NONZERO,
        PYSB_OUTCOME_SIGNALED,
        PYSB_OUTCOME_WALL_TIME_LIMIT,
        PYSB_OUTCOME_CPU_TIME_LIMIT,
        PYSB_OUTCOME_MEMORY_LIMIT,
        PYSB_OUTCOME_OUTPUT_LIMIT,
        PYSB_OUTCOME_TOOL_CALL_LIMIT,
        PYSB_OUTCOME_TICK_LIMIT,
        PYSB_OUTCOME_REJECTED,
        PYSB_OUTCOME_CANCELLED,
        PYSB_OUTCOME_EXPIRED,
        PYSB_OUTCOME_LOST,
        PYSB_OUTCOME_INTERNAL_ERROR
} PysbOutcome;

/* What an event is about. */
typedef enum PysbEventKind {
        PYSB_EVENT_UNKNOWN,
        PYSB_EVENT_ACCEPTED,  /* the job exists: pysb_event_get_job() */
        PYSB_EVENT_QUEUED,    /* its place in the queue changed */
        PYSB_EVENT_STARTED,   /* the program starts */
        PYSB_EVENT_OUTPUT,    /* bytes from the program: pysb_event_get_output() */
        PYSB_EVENT_DISPLAY,   /* a rich value: pysb_event_get_display() */
        PYSB_EVENT_TOOL_CALL, /* the program called a tool: pysb_event_get_tool_call() */
        PYSB_EVENT_VIOLATION, /* something was blocked: pysb_event_to_json() */
        PYSB_EVENT_FILE,      /* a file that the job hands back: pysb_event_get_file() */
        PYSB_EVENT_USAGE, /* figures so far, if the request asks for them: pysb_event_to_json() */
        PYSB_EVENT_HEARTBEAT /* nothing happened, if the request asks for it */
} PysbEventKind;

/* The two output streams of a program, by their descriptors. */
typedef enum PysbStream {
        PYSB_STREAM_STDOUT = 1,
        PYSB_STREAM_STDERR = 2
} PysbStream;

/* Hears about the job of pysb_start() or pysb_attach(). Each event comes with event set. The last
 * call has event NULL, and either result set, or result NULL and error a negative errno. The event
 * lives as long as the callback, the result is the callback's to keep and to free. The callback must
 * not free the client; in its last call it may start the next one. */
typedef void (*PysbCallback)(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata);

/*
 * Client: one connection
 */

/* Connects to the daemon at address, such as "unix:/run/pysb/io.pysb.sandbox"; NULL is that one.
 * Errors: -EINVAL for another kind of address, those of connect(2). */
int pysb_client_new(PysbClient **ret_client, const char *address);

/* Starts a private daemon for this client, which ends with it: no service and no privilege needed.
 * It is the program that the environment variable PYSBD names, else the installed one. Errors:
 * those of execve(2). */
int pysb_client_new_embedded(PysbClient **ret_client);

/* Takes a connected stream socket, and owns it from success on. */
int pysb_client_new_from_fd(PysbClient **ret_client, int fd);

/* Another connection to the same daemon, to answer tool calls and to cancel while a job runs on the
 * first one. A private daemon has one such, which does not outlive the client. Errors: -EMFILE for a
 * second one, -EOPNOTSUPP for a client that was made from a descriptor, those of connect(2). */
int pysb_client_new_sibling(PysbClient *client, PysbClient **ret_sibling);

/* Closes the connection, which cancels a job that runs on it and is not detached. An embedded
 * daemon has ended and is reaped when this returns. */
PysbClient *pysb_client_free(PysbClient *client);

/* One sentence for humans about the last call that failed on this client; NULL if none did. This
 * and the next two are valid until the next call on the client. */
const char *pysb_client_get_error(const PysbClient *client);

/* The name of the varlink error, such as "io.pysb.sandbox.LimitExceeded"; NULL if the daemon sent
 * none. */
const char *pysb_client_get_error_name(const PysbClient *client);

/* The parameters of the varlink error as JSON text; NULL if the daemon sent none. */
const char *pysb_client_get_error_json(const PysbClient *client);

/*
 * Calls that wait for the answer
 */

/* Runs one program and waits for its end; its output is in the result. */
int pysb_run(PysbClient *client, const PysbRequest *request, PysbResult **ret_result);

/* Hands a job over and returns its identifier (free() it); it goes on without this connection. */
int pysb_submit(PysbClient *client, const PysbRequest *request, char **ret_job);

/* Examines a request without running it. The document is the reply of the interface's Check, with
 * "accepted", "findings", "limits" and "modules". */
int pysb_check(PysbClient *client, const PysbRequest *request, PysbDocument **ret_document);

/* Waits for the end of a job, at most timeout_usec; UINT64_MAX waits forever, 0 only looks.
 * Errors: -ETIMEDOUT. */
int pysb_wait(PysbClient *client, const char *job, uint64_t timeout_usec, PysbResult **ret_result);

/* Asks a job to stop; success if it has ended already. It sees KeyboardInterrupt and is killed a while
 * later, which the profile says. The reason goes into the result's message and may be NULL. */
int pysb_cancel(PysbClient *client, const char *job, const char *reason);

/* The same, but it is killed after grace_usec; 0 is at once. */
int pysb_cancel_with_grace(PysbClient *client,
                           const char *job,
                           uint64_t grace_usec,
                           const char *reason);

/* Writes to the standard input of a job of pysb_request_set_stdin_open(), and waits until its pipe has
 * taken all of it; end_of_file closes it then, and size may be 0. Use another client than the one that
 * the job runs on. Errors: -EREMOTEIO with JobNotAccepting if nobody reads it any more. */
int pysb_write_input(
        PysbClient *client, const char *job, const void *data, size_t size, bool end_of_file);

/* Drops what is kept of a job that has ended. */
int pysb_forget(PysbClient *client, const char *job);

/* Answers a tool call, on another client than the one that the job runs on: with JSON text, or, if
 * result_json is NULL, with an error, which the program sees as ToolError. Errors: -EREMOTEIO also if
 * the call is over. */
int pysb_complete_tool_call(PysbClient *client,
                            const char *job,
                            const char *call_id,
                            const char *result_json,
                            const char *error_type,
                            const char *error_message);

/* A tool of the caller's: gives JSON text (the library frees it) and returns 0, or returns a negative
 * errno, which the program sees as ToolError, its type being the name, such as "ENOENT"; or "EMSGSIZE" if the
 * text was longer than 1 MiB. */
typedef int (*PysbTool)(const char *name,
                        const char *arguments_json,
                        char **ret_result_json,
                        void *userdata);

/* Runs one program and waits for its end. Its tool calls are answered by the function, over sibling (see
 * pysb_client_new_sibling()); the callback, which may be NULL, gets all other events and the result, with
 * the same userdata. Errors: those of the callback's last call, and what pysb_complete_tool_call() fails
 * with, unless the call was over. */
int pysb_run_tools(PysbClient *client,
                   PysbClient *sibling,
                   const PysbRequest *request,
                   PysbTool tool,
                   PysbCallback callback,
                   void *userdata);

/* Calls any method of io.pysb.sandbox, or of another interface by its full name, with parameters as
 * a JSON object (NULL is {}); returns the reply's parameters as JSON text (free() it). */
int pysb_call(PysbClient *client,
              const char *method,
              const char *parameters_json,
              char **ret_reply_json);

/*
 * Sessions: interpreters whose variables, imports and files live from one cell to the next
 */

/* Opens one and returns its identifier (free() it). Of the request, which may be NULL, are the profile, the
 * limits, the files, the environment, the modules, the tools, the labels and the seed. It is closed after so long without a
 * cell, and after so long in any case; UINT64_MAX is the daemon's choice. Errors: -EREMOTEIO with
 * QuotaExceeded if there are too many. */
int pysb_open_session(PysbClient *client,
                      const PysbRequest *request,
                      uint64_t idle_timeout_usec,
                      uint64_t lifetime_usec,
                      char **ret_session);

/* Runs the code of the request as a cell, and waits for its end. Of the request are the inputs, the limits, the
 * analysis, what is displayed, and for how long the result is kept. Errors: -EREMOTEIO with SessionBusy
 * while another cell runs, with SessionLost once the interpreter is gone. */
int pysb_execute(PysbClient *client,
                 const char *session,
                 const PysbRequest *request,
                 PysbResult **ret_result);

/* The same as by pysb_start(). */
int pysb_start_cell(PysbClient *client,
                    const char *session,
                    const PysbRequest *request,
                    PysbCallback callback,
                    void *userdata);

/* Lets a cell wait for those before it, instead of SessionBusy. */
int pysb_request_set_queue(PysbRequest *request, bool queue);

/* Of pysb_open_session(): the session ends when the client is freed, or its process ends. */
int pysb_request_set_bind_to_connection(PysbRequest *request, bool bind);

/* Whether the interpreter has survived the cell, and another one can run. */
bool pysb_result_is_session_alive(const PysbResult *result);

/* Raises KeyboardInterrupt in the cell that runs; nothing happens if none does. */
int pysb_interrupt_session(PysbClient *client, const char *session);

/* Pushes its end back: both times count from now on. UINT64_MAX keeps what was. */
int pysb_extend_session(PysbClient *client,
                        const char *session,
                        uint64_t idle_timeout_usec,
                        uint64_t lifetime_usec);

/* A fresh interpreter in it; files stay, and what runs or waits is cancelled. */
int pysb_restart_session(PysbClient *client, const char *session);

/* A second session, a fork of this one: variables diverge, files are shared. The caller frees *ret_branch. */
int pysb_branch_session(PysbClient *client, const char *session, char **ret_branch);

/* Ends it, and what runs in it. */
int pysb_close_session(PysbClient *client, const char *session);

/*
 * Calls for an event loop of your own: start one, then, whenever the descriptor is ready for the
 * events asked for, call process.
 */

/* Runs one program; the callback gets its events, output included, and its result. */
int pysb_start(PysbClient *client,
               const PysbRequest *request,
               PysbCallback callback,
               void *userdata);

/* Runs one program; the callback gets only the result, with the output inside. */
int pysb_start_quiet(PysbClient *client,
                     const PysbRequest *request,
                     PysbCallback callback,
                     void *userdata);

/* Follows a job from its first event, or from after the one with this sequence number. */
int pysb_attach(PysbClient *client,
                const char *job,
                uint64_t after_sequence,
                PysbCallback callback,
                void *userdata);

/* The descriptor to watch; negative once the connection is closed. */
int pysb_client_get_fd(const PysbClient *client);

/* What to watch it for: POLLIN and POLLOUT of poll(2). Ask again before each wait. */
int pysb_client_get_events(const PysbClient *client);

/* Sends and receives what is possible without waiting, and calls the callback. Returns 1 while a
 * call is in progress, 0 when none is; an error has been given to the callback too. */
int pysb_client_process(PysbClient *client);

/*
 * Request: what to run. Setting NULL or an empty value takes a setting back, where that makes sense.
 */

int pysb_request_new(PysbRequest **ret_request);
PysbRequest *pysb_request_free(PysbRequest *request);

/* The program. The last of these four calls counts. Errors: -EILSEQ if it is not UTF-8 or contains
 * NUL; -EINVAL for NULL. */

/* Python source of size bytes. */
int pysb_request_set_code(PysbRequest *request, const char *code, size_t size);

/* The path of one of the files of pysb_request_add_file(). */
int pysb_request_set_script(PysbRequest *request, const char *path);

/* A module, one of the files or another, as by python -m. */
int pysb_request_set_module(PysbRequest *request, const char *module);

/* One expression: its value is the value of the job. */
int pysb_request_set_expression(PysbRequest *request, const char *expression);

/* The function of the program that is called with the inputs as keyword arguments; NULL is none. */
int pysb_request_set_callable(PysbRequest *request, const char *name);

/* The inputs, JSON text of an object: the callable's arguments, else the variable 'inputs'. */
int pysb_request_set_inputs_json(PysbRequest *request, const char *json);

/* Adds a file of size bytes, at a path relative to /app. */
int pysb_request_add_file(PysbRequest *request, const char *path, const void *data, size_t size);

/* The same with a blob of the daemon. */
int pysb_request_add_blob(PysbRequest *request, const char *path, const char *blob);

/* Of the file that was added last. Errors: -ENOENT if there is none. */
int pysb_request_set_file_mode(PysbRequest *request, bool executable, bool read_only);

/* Files below /app to be handed back at the end, by a pattern such as "out/[a-z]*.csv". truncate: the
 * head of what is too large; unchanged: also files of the request that are as they were. */
int pysb_request_add_collect(PysbRequest *request,
                             const char *pattern,
                             bool truncate,
                             bool unchanged);

/* How what the pattern that was added last matches is handed back: "inline", which it is otherwise, "blob" into the
 * daemon's blobs, see pysb_file_get_blob(), or "auto": there if it does not fit into the message. Errors: -ENOENT if
 * there is no pattern. */
int pysb_request_set_collect_delivery(PysbRequest *request, const char *delivery);

/* Narrows what may be imported to this module, and those of further calls. */
int pysb_request_add_module(PysbRequest *request, const char *module);

/* The level of the analysis before execution: "off", "imports", "strict"; NULL is the profile's. */
int pysb_request_set_analysis(PysbRequest *request, const char *level);

/* Whether the value of the last expression is shown as a display. Unless told: if it is a rich one. */
int pysb_request_set_display_last_expression(PysbRequest *request, bool display);

/* The profile by name; NULL is the daemon's default. */
int pysb_request_set_profile(PysbRequest *request, const char *profile);

/* Appends to sys.argv[1:]. */
int pysb_request_add_argument(PysbRequest *request, const char *argument);

/* Sets an environment variable of the program. */
int pysb_request_set_environment(PysbRequest *request, const char *name, const char *value);

/* Sets a label, which lists of jobs show. */
int pysb_request_set_label(PysbRequest *request, const char *name, const char *value);

/* Sets a limit by its name in the interface's Limits, such as "memoryBytes" or "wallTimeUSec".
 * Errors: -ERANGE above INT64_MAX. Unknown names are refused by the daemon. */
int pysb_request_set_limit(PysbRequest *request, const char *limit, uint64_t value);

/* Standard input: these bytes, however many. The last of this and the next call counts. */
int pysb_request_set_stdin(PysbRequest *request, const void *data, size_t size);

/* Standard input: a copy of this descriptor. The read end of a pipe is handed to the program as it
 * is; anything else is read to its end now, since a sandbox gets no file of the host. Errors: -EFBIG
 * above 256 MiB (use a pipe), those of read(2). */
int pysb_request_set_stdin_fd(PysbRequest *request, int fd);

/* Standard input: what comes by pysb_write_input(). Takes back what the two calls above have set. */
int pysb_request_set_stdin_open(PysbRequest *request, bool open);

/* Gives up if the job has not started this long after it was accepted. */
int pysb_request_set_queue_timeout(PysbRequest *request, uint64_t timeout_usec);

/* 0 to 9, 5 is the default: orders the jobs of one tenant. */
int pysb_request_set_priority(PysbRequest *request, unsigned priority);

/* Acts for this tenant; the daemon allows it to members of its gateway group. */
int pysb_request_set_tenant(PysbRequest *request, const char *tenant);

/* 1 to 128 printable ASCII characters. As long as its job is kept, the same request makes no second one,
 * and a different request is the error RequestConflict. */
int pysb_request_set_request_id(PysbRequest *request, const char *id);

/* Lets a job of pysb_run() or pysb_start() go on when the connection closes. */
int pysb_request_set_detach(PysbRequest *request, bool detach);

/* Keeps output and result for this long after the end. */
int pysb_request_set_retain(PysbRequest *request, uint64_t retain_usec);

/* Asks for an event of the kind PYSB_EVENT_USAGE at this interval, at least 100000. */
int pysb_request_set_usage_interval(PysbRequest *request, uint64_t interval_usec);

/* Asks for an event of the kind PYSB_EVENT_HEARTBEAT after this much silence, at least 1000000. */
int pysb_request_set_heartbeat(PysbRequest *request, uint64_t silence_usec);

/* Seeds the module random, for runs that can be repeated. */
int pysb_request_set_seed(PysbRequest *request, int64_t seed);

/* Names a tool that the program may call, see the interface's Tool. The description and the schema may
 * be NULL; a timeout of UINT64_MAX is none of its own. Calls come as events: use pysb_run_tools(), or
 * pysb_start(). */
int pysb_request_add_tool(PysbRequest *request,
                          const char *name,
                          const char *description,
                          const char *parameters_schema_json,
                          uint64_t timeout_usec);

/* The request as the interface's JobRequest (free() it); a descriptor is shown as index 0. */
int pysb_request_to_json(const PysbRequest *request, char **ret_json);

/*
 * Result: how a job ended. What a getter returns lives as long as the result.
 */

PysbResult *pysb_result_free(PysbResult *result);

/* The identifier of the job. */
const char *pysb_result_get_job(const PysbResult *result);

PysbOutcome pysb_result_get_outcome(const PysbResult *result);

/* The outcome as the daemon named it, such as "wall_time_limit". */
const char *pysb_result_get_outcome_name(const PysbResult *result);

/* The exit status of the interpreter; -ENODATA if it did not exit. */
int pysb_result_get_exit_code(const PysbResult *result, int *ret_exit_code);

/* The number of the signal that ended the program; -ENODATA if none did. */
int pysb_result_get_signal(const PysbResult *result, int *ret_signal);

/* The name of that signal, such as "SIGSEGV"; NULL if none. */
const char *pysb_result_get_signal_name(const PysbResult *result);

/* One sentence about what happened; NULL if there is nothing to say. */
const char *pysb_result_get_message(const PysbResult *result);

/* The uncaught exception: class name, str() and traceback; NULL if there was none. */
const char *pysb_result_get_exception_type(const PysbResult *result);
const char *pysb_result_get_exception_message(const PysbResult *result);
const char *pysb_result_get_exception_traceback(const PysbResult *result);

/* The value of the job as JSON text, made by the program; NULL if it gave none. */
const char *pysb_result_get_result_json(const PysbResult *result);

/* Why there is no such text although the program has a value: "ResultNotEncodable",
 * "ResultTooLarge" or "ResultDropped", and a sentence; NULL if there is no problem. */
const char *pysb_result_get_problem_type(const PysbResult *result);
const char *pysb_result_get_problem_message(const PysbResult *result);

/* The displays, such as plots, by index from 0, and their MIME types, by n from 0; NULL at the end.
 * None if they came as events. */
const char *pysb_result_get_display_type(const PysbResult *result, size_t index, size_t n);

/* One representation of a display (free() the bytes; a NUL stands behind them). Made by the program.
 * Errors: -ENODATA if there is none of this type. */
int pysb_result_get_display(const PysbResult *result,
                            size_t index,
                            const char *mime_type,
                            char **ret_data,
                            size_t *ret_size);

/* A file that the job hands back, by index from 0; NULL at the end. None if they came as events. It
 * lives as long as the result. */
const PysbFile *pysb_result_get_file(const PysbResult *result, size_t index);

/* The result as a document, for what has no getter here, such as "findings.0.message" and
 * "violations.0.subject". */
int pysb_result_get_document(const PysbResult *result, PysbDocument **ret_document);

/* The captured bytes of a stream, with a NUL behind them; NULL and 0 if it was not captured. */
const char *pysb_result_get_output(const PysbResult *result, PysbStream stream, size_t *ret_size);

/* Whether the program wrote more to that stream than is here. */
bool pysb_result_is_truncated(const PysbResult *result, PysbStream stream);

/* A figure by its name in the interface's Usage, such as "wallTimeUSec" or "memoryPeakBytes";
 * -ENODATA if it was not measured. */
int pysb_result_get_usage(const PysbResult *result, const char *name, uint64_t *ret_value);

/* Which limits it reached or came near to, and what to raise: one sentence; NULL if none. */
const char *pysb_result_get_limits(const PysbResult *result);

/* The engine that ran it, such as "namespace"; NULL if none did. */
const char *pysb_result_get_engine(const PysbResult *result);

/* The protection layers that were in force, by index from 0; NULL at the end. */
const char *pysb_result_get_layer(const PysbResult *result, size_t index);

/* Whether the machine gave weaker limits than a service on cgroup v2 does. */
bool pysb_result_is_degraded(const PysbResult *result);

/* The whole result as the interface's Result (free() it). */
int pysb_result_to_json(const PysbResult *result, char **ret_json);

/*
 * Event: one step in the life of a job
 */

PysbEventKind pysb_event_get_kind(const PysbEvent *event);

/* The kind as the daemon named it, such as "started". */
const char *pysb_event_get_kind_name(const PysbEvent *event);

/* 1, 2, 3, … within the job; for pysb_attach(). */
uint64_t pysb_event_get_sequence(const PysbEvent *event);

/* The identifier of the job; NULL except in "accepted". */
const char *pysb_event_get_job(const PysbEvent *event);

/* The stream and the bytes of an "output" event; -ENODATA for another kind. */
int pysb_event_get_output(const PysbEvent *event,
                          PysbStream *ret_stream,
                          const char **ret_data,
                          size_t *ret_size);

/* The parts of a "tool_call" event, for pysb_complete_tool_call(); -ENODATA for another kind, and for a
 * call that is over already. */
int pysb_event_get_tool_call(const PysbEvent *event,
                             const char **ret_call_id,
                             const char **ret_name,
                             const char **ret_arguments_json);

/* The MIME types of the display of a "display" event, by n from 0; NULL at the end. */
const char *pysb_event_get_display_type(const PysbEvent *event, size_t n);

/* One representation of it, as pysb_result_get_display(). */
int pysb_event_get_display(const PysbEvent *event,
                           const char *mime_type,
                           char **ret_data,
                           size_t *ret_size);

/* The file of a "file" event, which it lives as long as; NULL for another kind. */
const PysbFile *pysb_event_get_file(const PysbEvent *event);

/* The whole event as the interface's Event (free() it). */
int pysb_event_to_json(const PysbEvent *event, char **ret_json);

/*
 * Document: reads JSON text, such as that of pysb_call(). A path is names and array indices with dots between
 * them, such as "jobs.0.state".
 */

/* Errors: -EBADMSG if it is no JSON object. */
int pysb_document_new(PysbDocument **ret_document, const char *json);
PysbDocument *pysb_document_free(PysbDocument *document);

/* Whether anything but null is there. */
bool pysb_document_has(const PysbDocument *document, const char *path);

/* The string there; NULL if there is none. */
const char *pysb_document_get_string(const PysbDocument *document, const char *path);

/* The integer there; -ENODATA if there is none. */
int pysb_document_get_integer(const PysbDocument *document, const char *path, int64_t *ret_value);

/* Whether true is there. */
bool pysb_document_is_true(const PysbDocument *document, const char *path);

/* The number of elements of the array or object there; 0 if there is none. */
size_t pysb_document_get_size(const PysbDocument *document, const char *path);

/* The name of the member at that index of the object there; NULL at the end. */
const char *pysb_document_get_name(const PysbDocument *document, const char *path, size_t index);

/* The value there as JSON text (free() it); path NULL is all of it. -ENODATA if there is none. */
int pysb_document_to_json(const PysbDocument *document, const char *path, char **ret_json);

/* The text as a JSON string with its quotes, for the parameters of pysb_call() (free() it). Errors:
 * -EILSEQ if it is not UTF-8. */
int pysb_quote(const char *text, char **ret_json);

#ifdef __cplusplus
}
#endif

#include "pysb-files.h"

#endif
