/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ratios from inside a box. A blocking tool call to the broker and back against two Python processes
 * that pass bare bytes over a socket pair; one that goes on to this program, its client, against two
 * that pass the same message in JSON; a pure loop in a profile with the import policy against the same
 * loop in raw; and programs whose ticks are counted against the same without. Both sides of a ratio run
 * in turns, on one CPU; medians. */

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "pysb/pysb.h"

#define ROUNDS 800
#define ROUNDS_QUICK 300
#define LOOP_ROUNDS 15
#define LOOP_ROUNDS_QUICK 5

/* Its result is the medians of a tool call, of the same message and answer between two Python processes,
 * and of as many bare bytes between them, in nanoseconds. */
static const char calls_code[] =
        "import _sandbox, json, os, socket, sys, time\n"
        "now = time.perf_counter_ns\n"
        "def start(answer):\n"
        "    a, b = socket.socketpair()\n"
        "    if os.fork() == 0:\n"
        "        a.close()\n"
        "        while data := b.recv(4096):\n"
        "            b.sendall(answer(data))\n"
        "        os._exit(0)\n"
        "    return a\n"
        "def answer_message(data):\n"
        "    message = json.loads(data)\n"
        "    return json.dumps({'id': message['id'], 'value': 3}).encode()\n"
        "messages, bare = start(answer_message), start(lambda data: data)\n"
        "def call():\n"
        "    try:\n"
        "        return _sandbox.tool_call('add', a=1, b=2)\n"
        "    except _sandbox.ToolError:\n"
        "        pass\n"
        "def message():\n"
        "    messages.sendall(json.dumps({'id': 1, 'name': 'add',\n"
        "                                 'arguments': {'a': 1, 'b': 2}}).encode())\n"
        "    return json.loads(messages.recv(4096))['value']\n"
        "def ping():\n"
        "    bare.sendall(b'{\"id\": 1, \"name\": \"add\"}')\n"
        "    return bare.recv(4096)\n"
        "times = {call: [], message: [], ping: []}\n"
        "for n in range(int(sys.argv[1])):\n"
        "    for what, all in times.items():\n"
        "        start = now()\n"
        "        what()\n"
        "        all.append(now() - start)\n"
        "_sandbox.result([sorted(all)[len(all) // 2] for all in times.values()])\n"
        "os._exit(0)\n";

/* Its result is the CPU time of the loop in nanoseconds. */
static const char loop_code[] = "import _sandbox, time\n"
                                "def step(n):\n"
                                "    return n * 3 % 7\n"
                                "def loop():\n"
                                "    total = 0\n"
                                "    for n in range(400000):\n"
                                "        total += step(n)\n"
                                "    return total\n"
                                "times = []\n"
                                "for n in range(3):\n"
                                "    start = time.process_time_ns()\n"
                                "    loop()\n"
                                "    times.append(time.process_time_ns() - start)\n"
                                "_sandbox.result([min(times)])\n";

/* Their CPU times in nanoseconds are the result; several times each, since the clock may be coarse. */
static const char ticks_code[] =
        "import _sandbox, json, re, time\n"
        "def loop():\n"
        "    total = 0\n"
        "    for n in range(1000000):\n"
        "        total += n\n"
        "def empty():\n"
        "    for n in range(1000000):\n"
        "        pass\n"
        "def nested():\n"
        "    total = 0\n"
        "    for i in range(700):\n"
        "        for j in range(700):\n"
        "            total += i * j\n"
        "def fib(n=25):\n"
        "    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "def nbody():\n"
        "    bodies = [[float(i), i * 2.0, i * 3.0, 0.0, 0.0, 0.0, 1.0 + i] for i in range(5)]\n"
        "    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]\n"
        "    for step in range(4000):\n"
        "        for a, b in pairs:\n"
        "            x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]\n"
        "            force = 0.001 / (x * x + y * y + z * z) ** 1.5\n"
        "            m, n = a[6] * force, b[6] * force\n"
        "            a[3] -= x * n; a[4] -= y * n; a[5] -= z * n\n"
        "            b[3] += x * m; b[4] += y * m; b[5] += z * m\n"
        "        for a in bodies:\n"
        "            a[0] += 0.001 * a[3]; a[1] += 0.001 * a[4]; a[2] += 0.001 * a[5]\n"
        "def text():\n"
        "    rows = [{'name': f'row {i}', 'value': i, 'tags': ['a', 'b', str(i)]}\n"
        "            for i in range(3000)]\n"
        "    for row in json.loads(json.dumps(rows)):\n"
        "        words = re.findall(r'\\w+', row['name'] * 10)\n"
        "        row['count'] = len({word for word in words if word.isdigit()})\n"
        "times = []\n"
        "for program in empty, loop, nested, fib, nbody, text:\n"
        "    start = time.process_time_ns()\n"
        "    for _ in range(5): program()\n"
        "    times.append((time.process_time_ns() - start) // 5)\n"
        "_sandbox.result(times)\n";

static const char *const ticks_names[] = {
        "an empty loop, 1000000 times",
        "a loop, 1000000 times",
        "nested loops, 490000 times",
        "fib(25)",
        "nbody, 4000 steps",
        "text and JSON",
};

#define VALUES_MAX ELEMENTSOF(ticks_names)
#define TICKS_ROUNDS 9
#define TICKS_ROUNDS_QUICK 3

typedef struct Bench {
        PysbClient *client, *sibling;
        char *job;
        int error;
        PysbResult *result;
} Bench;

static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        const char *id, *name, *arguments;
        Bench *bench = userdata;

        if (!event) {
                bench->result = result;
                bench->error = error;
                return;
        }
        if (pysb_event_get_job(event)) {
                free(bench->job);
                bench->job = strdup(pysb_event_get_job(event));
        }
        if (pysb_event_get_tool_call(event, &id, &name, &arguments) == 0 && bench->job)
                (void) pysb_complete_tool_call(bench->sibling, bench->job, id, "3", NULL, NULL);
}

static void bench_close(Bench *bench) {
        bench->sibling = pysb_client_free(bench->sibling);
        bench->client = pysb_client_free(bench->client);
}

/* A fresh daemon. */
static int bench_open(Bench *bench) {
        int r;

        bench_close(bench);
        r = pysb_client_new_embedded(&bench->client);
        return r < 0 ? r : pysb_client_new_sibling(bench->client, &bench->sibling);
}

/* "[1, 2, 3]" */
static void parse_values(const char *json, double values[static VALUES_MAX]) {
        for (size_t i = 0; i < VALUES_MAX && *json && *json != ']'; i++) {
                char *end;

                values[i] = strtod(json + 1, &end);
                json = end;
        }
}

/* Runs the request; the numbers of its result are in values. */
static int bench_run(Bench *bench, const PysbRequest *request, double values[static VALUES_MAX]) {
        const char *json;
        int r;

        bench->result = NULL;
        r = pysb_start(bench->client, request, on_event, bench);
        while (r >= 0) {
                struct pollfd p = {
                        .fd = pysb_client_get_fd(bench->client),
                        .events = (short) pysb_client_get_events(bench->client),
                };

                (void) poll(&p, 1, -1);
                if (pysb_client_process(bench->client) == 0)
                        break;
        }
        if (r < 0 || !bench->result)
                return r < 0 ? r : bench->error;
        json = pysb_result_get_result_json(bench->result);
        r = json ? 0 : -EIO;
        if (json)
                parse_values(json, values);
        else
                (void) fprintf(stderr, "%s\n", pysb_result_get_message(bench->result));
        bench->result = pysb_result_free(bench->result);
        return r;
}

static void print_ratio(const char *what, double value, const char *other, double other_value) {
        (void) printf("%-44s %10.1f\n", what, value / 1e3);
        (void) printf("%-44s %10.1f\n", other, other_value / 1e3);
        (void) printf("%-44s %10.2f\n", "ratio", value / other_value);
}

/* With no time to wait for answers the broker gives them itself. */
static int run_calls(Bench *bench, bool is_quick, bool has_time, double values[static VALUES_MAX]) {
        PysbRequest *request = NULL;
        char rounds[16];
        int r;

        (void) snprintf(rounds, sizeof(rounds), "%d", is_quick ? ROUNDS_QUICK : ROUNDS);
        r = pysb_request_new(&request);
        if (r >= 0)
                r = pysb_request_set_code(request, calls_code, sizeof(calls_code) - 1);
        if (r >= 0)
                r = pysb_request_set_profile(request, "raw");
        if (r >= 0)
                r = pysb_request_add_argument(request, rounds);
        if (r >= 0)
                r = pysb_request_set_limit(request, "processes", 3);
        if (r >= 0)
                r = pysb_request_set_limit(request, "toolCalls", 10000);
        if (r >= 0 && !has_time)
                r = pysb_request_set_limit(request, "toolWaitUSec", 0);
        if (r >= 0)
                r = pysb_request_add_tool(request, "add", NULL, NULL, UINT64_MAX);
        if (r >= 0)
                r = bench_run(bench, request, values);
        pysb_request_free(request);
        return r;
}

static int measure_calls(Bench *bench, bool is_quick) {
        double broker[VALUES_MAX] = {}, client[VALUES_MAX] = {};
        int r;

        r = run_calls(bench, is_quick, false, broker);
        if (r >= 0)
                r = run_calls(bench, is_quick, true, client);
        if (r < 0)
                return r;
        (void) printf("%-44s %10s\n", "microseconds, inside a box", "p50");
        print_ratio("tool call, answered by the broker", broker[0],
                    "two Python processes, bare bytes", broker[2]);
        print_ratio("tool call, answered by a client", client[0],
                    "two Python processes, the same message", client[1]);
        return 0;
}

static int compare(const void *a, const void *b) {
        const double *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static int run_loop(Bench *bench, const char *profile, double *ret_nsec) {
        PysbRequest *request = NULL;
        double values[VALUES_MAX] = {};
        int r;

        r = pysb_request_new(&request);
        if (r >= 0)
                r = pysb_request_set_code(request, loop_code, sizeof(loop_code) - 1);
        if (r >= 0)
                r = pysb_request_set_profile(request, profile);
        if (r >= 0)
                r = bench_run(bench, request, values);
        pysb_request_free(request);
        *ret_nsec = values[0];
        return r;
}

/* A daemon of its own for each round: where a template happens to lie in memory is worth more percent
 * than what is measured. */
static int measure_loop(Bench *bench, bool is_quick) {
        int rounds = is_quick ? LOOP_ROUNDS_QUICK : LOOP_ROUNDS;
        double policy[LOOP_ROUNDS], raw[LOOP_ROUNDS];

        for (int i = 0; i < rounds; i++) {
                int r = bench_open(bench);

                if (r >= 0)
                        r = run_loop(bench, "eval", &policy[i]);
                if (r >= 0)
                        r = run_loop(bench, "raw", &raw[i]);
                if (r < 0)
                        return r;
        }
        qsort(policy, (size_t) rounds, sizeof(double), compare);
        qsort(raw, (size_t) rounds, sizeof(double), compare);
        (void) printf("%-44s %10s\n", "milliseconds of CPU, a pure loop", "p50");
        (void) printf("%-44s %10.2f\n", "in eval, with the import policy",
                      policy[rounds / 2] / 1e6);
        (void) printf("%-44s %10.2f\n", "in raw", raw[rounds / 2] / 1e6);
        (void) printf("%-44s %10.3f\n", "ratio", policy[rounds / 2] / raw[rounds / 2]);
        return 0;
}

static int run_ticks(Bench *bench, uint64_t ticks, double values[static VALUES_MAX]) {
        PysbRequest *request = NULL;
        int r;

        r = pysb_request_new(&request);
        if (r >= 0)
                r = pysb_request_set_code(request, ticks_code, sizeof(ticks_code) - 1);
        if (r >= 0)
                r = pysb_request_set_profile(request, "default");
        if (r >= 0)
                r = pysb_request_set_limit(request, "ticks", ticks);
        if (r >= 0)
                r = bench_run(bench, request, values);
        pysb_request_free(request);
        return r;
}

static double median(double *values, int n) {
        qsort(values, (size_t) n, sizeof(double), compare);
        return values[n / 2];
}

static int measure_ticks(Bench *bench, bool is_quick) {
        int rounds = is_quick ? TICKS_ROUNDS_QUICK : TICKS_ROUNDS;
        double plain[VALUES_MAX][TICKS_ROUNDS], counted[VALUES_MAX][TICKS_ROUNDS];

        for (int i = 0; i < rounds; i++) {
                double values[2][VALUES_MAX] = {};
                int r = run_ticks(bench, 0, values[0]);

                if (r >= 0)
                        r = run_ticks(bench, 1000000000, values[1]);
                if (r < 0)
                        return r;
                for (size_t j = 0; j < VALUES_MAX; j++) {
                        plain[j][i] = values[0][j];
                        counted[j][i] = values[1][j];
                }
        }
        (void) printf("%-44s %10s %10s %10s\n", "milliseconds of CPU, p50", "plain", "ticks",
                      "ratio");
        for (size_t j = 0; j < VALUES_MAX; j++) {
                double a = median(plain[j], rounds), b = median(counted[j], rounds);

                (void) printf("%-44s %10.2f %10.2f %10.2f\n", ticks_names[j], a / 1e6, b / 1e6,
                              b / a);
        }
        return 0;
}

/* All that is measured goes on one CPU: on two, a wake-up costs what the scheduler and the power saving
 * of an idle one make of it, several times the rest. */
static int take_one_cpu(void) {
        int cpu = sched_getcpu();
        cpu_set_t set;

        if (cpu < 0)
                return -errno;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static void bench_complain(const Bench *bench, int error) {
        const char *why = bench->client ? pysb_client_get_error(bench->client) : NULL;

        (void) fprintf(stderr, "%s\n", why ? why : strerror(-error));
}

int main(int argc, char *argv[]) {
        static const struct option options[] = { { "quick", no_argument, NULL, 'q' }, {} };
        Bench bench = {};
        bool is_quick = false;
        int c, r;

        while ((c = getopt_long(argc, argv, "q", options, NULL)) >= 0) {
                if (c != 'q')
                        return 2;
                is_quick = true;
        }
        r = take_one_cpu();
        if (r >= 0)
                r = bench_open(&bench);
        if (r >= 0)
                r = measure_calls(&bench, is_quick);
        if (r >= 0)
                r = measure_loop(&bench, is_quick);
        if (r >= 0)
                r = measure_ticks(&bench, is_quick);
        if (r < 0)
                bench_complain(&bench, r);
        free(bench.job);
        bench_close(&bench);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
