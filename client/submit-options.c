/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/submit-options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/parse.h"
#include "client/exit-status.h"
#include "client/text.h"

/* "1.5" CPUs are 150 %. The decimal number is read as seconds in microseconds. */
static int parse_cpus(const char *s, uint64_t *ret_percent) {
        uint64_t millionths;
        int r;

        if (s[strspn(s, "0123456789.")] != '\0')
                return -EINVAL;
        r = parse_duration(s, &millionths);
        if (r < 0)
                return r;
        *ret_percent = millionths / 10000;
        return *ret_percent > 0 ? 0 : -ERANGE;
}

/* Options that set a limit. */
typedef struct LimitOption {
        const char *name;
        const char *field; /* in the interface's Limits */
        int (*parse)(const char *s, uint64_t *ret_value);
        const char *example;
} LimitOption;

static const LimitOption limit_options[] = {
        { "memory", "memoryBytes", parse_size, "50M" },
        { "timeout", "wallTimeUSec", parse_duration, "5s" },
        { "cpu-time", "cpuTimeUSec", parse_duration, "500ms" },
        { "cpus", "cpuPercent", parse_cpus, "0.5" },
        { "processes", "processes", parse_u64, "4" },
        { "disk", "diskBytes", parse_size, "16M" },
        { "output-limit", "outputBytes", parse_size, "64K" },
        { "source-limit", "sourceBytes", parse_size, "256K" },
        { "tool-calls", "toolCalls", parse_u64, "100" },
        { "tool-wait", "toolWaitUSec", parse_duration, "1min" },
        { "ticks", "ticks", parse_u64, "1000000" },
        { "collect-limit", "collectBytes", parse_size, "8M" },
};

enum {
        OPTION_STDIN = _OPTION_OWN,
        OPTION_ENV,
        OPTION_LABEL,
        OPTION_QUEUE_TIMEOUT,
        OPTION_DETACH,
        OPTION_PRIORITY,
        OPTION_REQUEST_ID,
        OPTION_TOOL,
        OPTION_RESULT,
        OPTION_IDLE,
        OPTION_LIFETIME,
        OPTION_QUEUE,
        OPTION_COLLECT,
        OPTION_LIMITS, /* + index in limit_options */
};

static const struct option options[] = {
        OPTIONS_CONNECTION,
        { "json", no_argument, NULL, OPTION_JSON },
        { "events", no_argument, NULL, OPTION_EVENTS },
        { "summary", no_argument, NULL, OPTION_SUMMARY },
        { "result", no_argument, NULL, OPTION_RESULT },
        { "display-dir", required_argument, NULL, OPTION_DISPLAY_DIR },
        { "collect", required_argument, NULL, OPTION_COLLECT },
        { "output-dir", required_argument, NULL, OPTION_OUTPUT_DIR },
        { "detach", no_argument, NULL, OPTION_DETACH },
        { "priority", required_argument, NULL, OPTION_PRIORITY },
        OPTION_ROW_TENANT,
        { "request-id", required_argument, NULL, OPTION_REQUEST_ID },
        OPTIONS_PROGRAM,
        { "profile", required_argument, NULL, 'p' },
        { "stdin", required_argument, NULL, OPTION_STDIN },
        { "env", required_argument, NULL, OPTION_ENV },
        { "label", required_argument, NULL, OPTION_LABEL },
        { "queue-timeout", required_argument, NULL, OPTION_QUEUE_TIMEOUT },
        { "memory", required_argument, NULL, OPTION_LIMITS + 0 },
        { "timeout", required_argument, NULL, OPTION_LIMITS + 1 },
        { "cpu-time", required_argument, NULL, OPTION_LIMITS + 2 },
        { "cpus", required_argument, NULL, OPTION_LIMITS + 3 },
        { "processes", required_argument, NULL, OPTION_LIMITS + 4 },
        { "disk", required_argument, NULL, OPTION_LIMITS + 5 },
        { "output-limit", required_argument, NULL, OPTION_LIMITS + 6 },
        { "source-limit", required_argument, NULL, OPTION_LIMITS + 7 },
        { "tool-calls", required_argument, NULL, OPTION_LIMITS + 8 },
        { "tool-wait", required_argument, NULL, OPTION_LIMITS + 9 },
        { "ticks", required_argument, NULL, OPTION_LIMITS + 10 },
        { "collect-limit", required_argument, NULL, OPTION_LIMITS + 11 },
        { "tool", required_argument, NULL, OPTION_TOOL },
        { "idle", required_argument, NULL, OPTION_IDLE },
        { "lifetime", required_argument, NULL, OPTION_LIFETIME },
        { "queue", no_argument, NULL, OPTION_QUEUE },
        {},
};

static int take_limit(PysbRequest *request, const LimitOption *limit, const char *value) {
        uint64_t number;
        int r;

        r = limit->parse(value, &number);
        if (r >= 0)
                r = pysb_request_set_limit(request, limit->field, number);
        if (r < 0)
                text_error("--%s: %s is no such value; write it like %s.", limit->name, value,
                           limit->example);
        return r;
}

typedef int (*PairSetter)(PysbRequest *request, const char *name, const char *value);

static int take_pair(PysbRequest *request, const char *option, const char *pair, PairSetter set) {
        _cleanup_free_ char *name = NULL;
        const char *equals = strchr(pair, '=');
        int r;

        if (!equals || equals == pair) {
                text_error("%s: %s is no pair; write it like NAME=VALUE.", option, pair);
                return -EINVAL;
        }
        name = strndup(pair, (size_t) (equals - pair));
        if (!name)
                return -ENOMEM;
        r = set(request, name, equals + 1);
        if (r < 0)
                text_error("%s: %s: %s.", option, name, r == -EILSEQ ? "not UTF-8" : strerror(-r));
        return r;
}

static int take_priority(PysbRequest *request, const char *value) {
        uint64_t number;
        int r = parse_u64(value, &number);

        if (r < 0 || number > 9) {
                text_error("--priority: %s is not from 0 to 9.", value);
                return -EINVAL;
        }
        return pysb_request_set_priority(request, (unsigned) number);
}

static int take_tenant(SubmitOptions *o, PysbRequest *request, const char *value) {
        int r = pysb_request_set_tenant(request, value);

        o->common.tenant = value;
        if (r < 0)
                text_error("--tenant: %s.", r == -EILSEQ ? "not UTF-8" : strerror(-r));
        return r;
}

static int take_request_id(PysbRequest *request, const char *value) {
        int r = pysb_request_set_request_id(request, value);

        if (r < 0)
                text_error("--request-id: %s.", r == -EILSEQ ? "not UTF-8" : strerror(-r));
        return r;
}

static int take_time(const char *option, uint64_t *usec) {
        int r = parse_duration(optarg, usec);

        if (r < 0)
                text_error("%s: %s is no time; write it like 10min.", option, optarg);
        return r;
}

static int take_queue_timeout(PysbRequest *request) {
        uint64_t usec;
        int r = take_time("--queue-timeout", &usec);

        return r < 0 ? r : pysb_request_set_queue_timeout(request, usec);
}

static int take_collect(SubmitOptions *o, PysbRequest *request, const char *pattern) {
        int r = pysb_request_add_collect(request, pattern, false, false);

        o->collects = true;
        if (r >= 0)
                r = pysb_request_set_collect_delivery(request, "auto");
        if (r < 0)
                text_error("--collect: %s: %s.", pattern,
                           r == -EILSEQ ? "not UTF-8" : strerror(-r));
        return r;
}

static int take_option(int option, SubmitOptions *o, PysbRequest *request) {
        if (program_has_option(option))
                return program_take(&o->program, request, option);
        if (option >= OPTION_LIMITS)
                return take_limit(request, &limit_options[option - OPTION_LIMITS], optarg);
        switch (option) {
        case 'p':
                o->has_profile = true;
                return pysb_request_set_profile(request, optarg);
        case OPTION_STDIN:
                o->stdin_ = optarg;
                return 0;
        case OPTION_ENV:
                return take_pair(request, "--env", optarg, pysb_request_set_environment);
        case OPTION_LABEL:
                return take_pair(request, "--label", optarg, pysb_request_set_label);
        case OPTION_QUEUE_TIMEOUT:
                return take_queue_timeout(request);
        case OPTION_TOOL:
                return tools_add(&o->tools, request, optarg);
        case OPTION_PRIORITY:
                return take_priority(request, optarg);
        case OPTION_TENANT:
                return take_tenant(o, request, optarg);
        case OPTION_REQUEST_ID:
                return take_request_id(request, optarg);
        case OPTION_COLLECT:
                return take_collect(o, request, optarg);
        case OPTION_DETACH:
                o->detach = true;
                return 0;
        case OPTION_RESULT:
                o->common.value = true;
                return 0;
        case OPTION_IDLE:
                return take_time("--idle", &o->idle_usec);
        case OPTION_LIFETIME:
                return take_time("--lifetime", &o->lifetime_usec);
        case OPTION_QUEUE:
                o->queue = true;
                return pysb_request_set_queue(request, true);
        default:
                return common_take(&o->common, option);
        }
}

/* Who does not stay cannot pass on what comes later: that is read to its end first. */
static int load_stdin(SubmitOptions *o, PysbRequest *request) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!o->stdin_)
                return 0;
        if (strcmp(o->stdin_, "-") == 0)
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        else
                fd = open(o->stdin_, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                r = -errno;
        else if (!o->detach && feed_is_for(fd))
                r = feed_start(&o->feed, TAKE_FD(fd), request);
        else
                r = pysb_request_set_stdin_fd(request, fd);
        if (r < 0)
                text_error("--stdin: %s: %s.", o->stdin_, strerror(-r));
        return r;
}

static bool has_times(const SubmitOptions *o) {
        return o->idle_usec != UINT64_MAX || o->lifetime_usec != UINT64_MAX;
}

/* Which options are for which verb of session; what its methods do not know the daemon refuses. */
static int check_session(const SubmitOptions *o, const char *verb) {
        bool is_open = strcmp(verb, "open") == 0, is_exec = strcmp(verb, "exec") == 0,
             is_repl = strcmp(verb, "repl") == 0;

        if (!is_open && !is_repl && has_times(o))
                text_error(
                        "--idle and --lifetime are for `session open`, `session extend` and repl.");
        else if (is_repl && (o->common.json || o->detach || o->stdin_ || o->program.file ||
                             o->program.code || o->program.expression || o->program.module))
                text_error("repl takes neither a program nor --json, --detach and --stdin.");
        else if (!is_exec && o->queue)
                text_error("--queue is for `session exec`.");
        else if ((is_open || is_exec) && (o->detach || o->tools.n > 0 || o->stdin_))
                text_error("session %s takes none of --detach, --tool and --stdin.", verb);
        else if (is_exec && (o->program.expression || o->program.module))
                text_error(
                        "session exec takes neither -e nor --module; use -c, whose last expression "
                        "is the value.");
        else if (is_open && o->common.embedded)
                text_error("A session needs a daemon that stays; --embedded ends with this call.");
        else
                return 0;
        return -EINVAL;
}

/* Which options go together. */
static int check(const SubmitOptions *o, const char *verb) {
        const ProgramOptions *p = &o->program;
        bool is_submit = strcmp(verb, "submit") == 0 || strcmp(verb, "exec") == 0;
        bool is_repl = strcmp(verb, "repl") == 0;

        if (check_session(o, verb) < 0)
                return -EINVAL;
        if (!is_submit && (o->detach || o->common.events || o->common.value ||
                           (o->common.display_dir && !is_repl)))
                text_error("%s takes none of --detach, --events, --result and --display-dir.",
                           verb);
        else if (!!p->code + !!p->expression + !!p->module > 1)
                text_error("-c, -e and --module exclude each other.");
        else if (o->common.json && (o->common.events || o->common.value))
                text_error("--json excludes --events and --result.");
        else if (o->common.events && o->common.value)
                text_error("--events and --result exclude each other.");
        else if (o->detach && (o->common.events || o->common.value || o->common.display_dir))
                text_error("--detach excludes --events, --result and --display-dir; use attach.");
        else if (!is_submit && (o->collects || o->common.output_dir))
                text_error("%s takes neither --collect nor --output-dir.", verb);
        else if (o->common.output_dir && (!o->collects || o->detach))
                text_error("--output-dir goes with --collect, and not with --detach; use wait.");
        else if (o->tools.n > 0 && !is_submit && !is_repl)
                text_error("--tool: only submit and repl answer tool calls.");
        else if (o->detach && o->tools.n > 0)
                text_error("--detach and --tool exclude each other: nobody would answer.");
        else if (o->detach && o->common.embedded)
                text_error("--detach needs a daemon that stays; --embedded ends with this call.");
        else if (p->file && strcmp(p->file, "-") == 0 && o->stdin_ && strcmp(o->stdin_, "-") == 0)
                text_error("Standard input cannot be both the program and its input.");
        else
                return 0;
        return -EINVAL;
}

static bool program_is_a_file(const ProgramOptions *p) {
        return !p->code && !p->expression && !p->module;
}

static bool has_program(const char *verb) {
        return strcmp(verb, "open") != 0 && strcmp(verb, "repl") != 0;
}

/* What stands behind the options: of exec the session, then the program unless an option has it, then its
 * arguments. */
static int take_arguments(SubmitOptions *o, PysbRequest *request, int argc, char *argv[]) {
        if (strcmp(argv[0], "exec") == 0) {
                if (optind == argc) {
                        text_error("Say which session.");
                        return -EINVAL;
                }
                o->session = argv[optind++];
        }
        if (program_is_a_file(&o->program) && has_program(argv[0]))
                o->program.file = optind < argc ? argv[optind++] : "-";
        for (int i = optind; i < argc; i++)
                if (pysb_request_add_argument(request, argv[i]) < 0) {
                        text_error("%s: arguments must be UTF-8.", argv[i]);
                        return -EINVAL;
                }
        return 0;
}

static int usage(const char *verb) {
        bool is_word = strcmp(verb, "open") == 0 || strcmp(verb, "exec") == 0;

        return common_usage(is_word ? "session" : verb);
}

int submit_options_parse(int argc,
                         char *argv[],
                         SubmitOptions *ret_options,
                         PysbRequest **ret_request) {
        _cleanup_(pysb_request_freep) PysbRequest *request = NULL;
        SubmitOptions o = {
                .common.summary = isatty(STDERR_FILENO),
                .idle_usec = UINT64_MAX,
                .lifetime_usec = UINT64_MAX,
                .feed = FEED_INIT,
        };
        int option, r;

        if (pysb_request_new(&request) < 0)
                return EXIT_NOT_ACCEPTED;
        while ((option = getopt_long(argc, argv, "c:e:p:", options, NULL)) >= 0)
                if ((r = take_option(option, &o, request)) < 0)
                        return r == -EIO || r == -EFBIG ? EXIT_NOT_ACCEPTED : usage(argv[0]);
        if (take_arguments(&o, request, argc, argv) < 0 || check(&o, argv[0]) < 0)
                return usage(argv[0]);
        o.common.source = program_name(&o.program);
        r = has_program(argv[0]) ? program_load(&o.program, request) : 0;
        if (r < 0)
                return r == -EFBIG ? EXIT_REJECTED : EXIT_NOT_ACCEPTED;
        if (load_stdin(&o, request) < 0)
                return EXIT_NOT_ACCEPTED;
        *ret_options = o;
        *ret_request = TAKE_PTR(request);
        return 0;
}
