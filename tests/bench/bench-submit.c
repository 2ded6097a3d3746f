/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How long from submit to result, on one connection to a warm daemon, against starting a bare
 * interpreter and against starting one in bubblewrap. The three take turns, so that whatever else
 * the machine does hits all of them: the ratios are the result, the times are for reading. */

#include <errno.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "pysb/pysb.h"

#define ROUNDS 400
#define ROUNDS_QUICK 60
#define WARM_UP 5

typedef enum Subject {
        SUBJECT_PYSB,
        SUBJECT_PYTHON,
        SUBJECT_BWRAP,
        _SUBJECT_MAX,
} Subject;

static const char *const names[_SUBJECT_MAX] = {
        [SUBJECT_PYSB] = "pysb submit -> result, print(1)",
        [SUBJECT_PYTHON] = "python3 -I -S -c pass",
        [SUBJECT_BWRAP] = "bwrap --unshare-all python3 -I -S -c pass",
};

static const char *const python_argv[] = { "/usr/bin/python3", "-I", "-S", "-c", "pass", NULL };

static const char *const bwrap_argv[] = {
        "/usr/bin/bwrap",
        "--unshare-all",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "/usr/bin/python3",
        "-I",
        "-S",
        "-c",
        "pass",
        NULL,
};

typedef struct Bench {
        PysbClient *client;
        PysbRequest *request;
        double *samples_usec[_SUBJECT_MAX];
} Bench;

static double now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

static int run_pysb(const Bench *bench) {
        PysbResult *result = NULL;
        int r;

        r = pysb_run(bench->client, bench->request, &result);
        if (r < 0)
                return r;
        r = pysb_result_get_outcome(result) == PYSB_OUTCOME_SUCCESS ? 0 : -EIO;
        pysb_result_free(result);
        return r;
}

static int run_program(const char *const *argv) {
        char *const envp[] = { NULL };
        int r, status;
        pid_t pid;

        r = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *) argv, envp);
        if (r != 0)
                return -r;
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return status == 0 ? 0 : -EIO;
}

static int run_subject(const Bench *bench, Subject subject) {
        switch (subject) {
        case SUBJECT_PYSB:
                return run_pysb(bench);
        case SUBJECT_PYTHON:
                return run_program(python_argv);
        case SUBJECT_BWRAP:
                return run_program(bwrap_argv);
        case _SUBJECT_MAX:
                break;
        }
        return -EINVAL;
}

static int measure(Bench *bench, size_t rounds) {
        for (size_t i = 0; i < rounds + WARM_UP; i++)
                for (Subject s = 0; s < _SUBJECT_MAX; s++) {
                        double start = now_usec();
                        int r = run_subject(bench, s);

                        if (r < 0) {
                                (void) fprintf(stderr, "%s: %s\n", names[s], strerror(-r));
                                return r;
                        }
                        if (i >= WARM_UP)
                                bench->samples_usec[s][i - WARM_UP] = now_usec() - start;
                }
        return 0;
}

static int compare(const void *a, const void *b) {
        const double *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static void report(Bench *bench, size_t rounds) {
        double p50[_SUBJECT_MAX], p99[_SUBJECT_MAX];

        (void) printf("%-44s %10s %10s\n", "milliseconds", "p50", "p99");
        for (Subject s = 0; s < _SUBJECT_MAX; s++) {
                qsort(bench->samples_usec[s], rounds, sizeof(double), compare);
                p50[s] = bench->samples_usec[s][rounds / 2];
                p99[s] = bench->samples_usec[s][rounds * 99 / 100];
                (void) printf("%-44s %10.2f %10.2f\n", names[s], p50[s] / 1e3, p99[s] / 1e3);
        }
        for (Subject s = SUBJECT_PYTHON; s < _SUBJECT_MAX; s++)
                (void) printf("ratio of pysb to %-27.27s %10.2f %10.2f\n", names[s],
                              p50[SUBJECT_PYSB] / p50[s], p99[SUBJECT_PYSB] / p99[s]);
}

static int bench_open(Bench *bench, size_t rounds) {
        static const char code[] = "print(1)";
        int r;

        for (Subject s = 0; s < _SUBJECT_MAX; s++) {
                bench->samples_usec[s] = calloc(rounds, sizeof(double));
                if (!bench->samples_usec[s])
                        return -ENOMEM;
        }
        r = pysb_client_new_embedded(&bench->client);
        if (r >= 0)
                r = pysb_request_new(&bench->request);
        if (r >= 0)
                r = pysb_request_set_code(bench->request, code, sizeof(code) - 1);
        return r;
}

static void bench_close(Bench *bench) {
        pysb_request_free(bench->request);
        pysb_client_free(bench->client);
        for (Subject s = 0; s < _SUBJECT_MAX; s++)
                free(bench->samples_usec[s]);
}

int main(int argc, char *argv[]) {
        static const struct option options[] = { { "quick", no_argument, NULL, 'q' }, {} };
        size_t rounds = ROUNDS;
        Bench bench = {};
        int c, r;

        while ((c = getopt_long(argc, argv, "q", options, NULL)) >= 0) {
                if (c != 'q')
                        return 2;
                rounds = ROUNDS_QUICK;
        }
        r = bench_open(&bench, rounds);
        if (r < 0)
                (void) fprintf(stderr, "Cannot start the daemon: %s\n", strerror(-r));
        else
                r = measure(&bench, rounds);
        if (r >= 0)
                report(&bench, rounds);
        else if (bench.client && pysb_client_get_error(bench.client))
                (void) fprintf(stderr, "%s\n", pysb_client_get_error(bench.client));
        bench_close(&bench);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
