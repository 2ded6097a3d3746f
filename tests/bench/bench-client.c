/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-client ADDRESS CONNECTIONS PROFILE CODE [LIMIT VALUE]: jobs through libpysb. Each connection has the next
 * job when it has the result of its last one. One connection waits in pysb_run(), several in one poll(). */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/turns.h"
#include "pysb/pysb.h"

#define CONNECTIONS_MAX 64

typedef struct Bench Bench;

typedef struct Connection {
        Bench *bench;
        PysbClient *client;
        uint64_t start_nsec;
} Connection;

struct Bench {
        PysbRequest *request;
        Connection connections[CONNECTIONS_MAX];
        size_t n_connections;
        /* Of the turn */
        uint64_t *nsec;
        size_t n, n_started, n_done;
        int error;
};

static int result_check(PysbResult *result) {
        int r = pysb_result_get_outcome(result) == PYSB_OUTCOME_SUCCESS ? 0 : -EIO;

        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", pysb_result_get_outcome_name(result),
                               pysb_result_get_message(result));
        pysb_result_free(result);
        return r;
}

static int connection_wait(Connection *c) {
        PysbResult *result = NULL;
        int r = pysb_run(c->client, c->bench->request, &result);

        if (r < 0) {
                (void) fprintf(stderr, "%s\n", pysb_client_get_error(c->client));
                return r;
        }
        return result_check(result);
}

static void connection_start(Connection *c);

static void on_event(
        PysbClient *client, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Connection *c = userdata;
        Bench *b = c->bench;

        if (event)
                return;
        if (result)
                error = result_check(result);
        if (error < 0)
                b->error = error;
        b->nsec[b->n_done++] = turns_now_nsec() - c->start_nsec;
        connection_start(c);
}

static void connection_start(Connection *c) {
        Bench *b = c->bench;
        int r;

        if (b->n_started == b->n || b->error < 0)
                return;
        b->n_started++;
        c->start_nsec = turns_now_nsec();
        r = pysb_start_quiet(c->client, b->request, on_event, c);
        if (r < 0)
                b->error = r;
}

static int work_with_many(Bench *b) {
        struct pollfd polled[CONNECTIONS_MAX];

        for (size_t i = 0; i < b->n_connections; i++)
                connection_start(&b->connections[i]);
        while (b->n_done < b->n && b->error >= 0) {
                for (size_t i = 0; i < b->n_connections; i++)
                        polled[i] = (struct pollfd){
                                .fd = pysb_client_get_fd(b->connections[i].client),
                                .events = (short) pysb_client_get_events(b->connections[i].client),
                        };
                if (poll(polled, b->n_connections, -1) < 0)
                        return -errno;
                for (size_t i = 0; i < b->n_connections; i++)
                        if (polled[i].revents)
                                (void) pysb_client_process(b->connections[i].client);
        }
        return b->error;
}

static int work(void *userdata, size_t n, uint64_t *nsec) {
        Bench *b = userdata;

        b->n = n;
        b->nsec = nsec;
        b->n_started = b->n_done = 0;
        if (b->n_connections > 1)
                return work_with_many(b);
        for (size_t i = 0; i < n; i++) {
                uint64_t start = turns_now_nsec();
                int r = connection_wait(&b->connections[0]);

                if (r < 0)
                        return r;
                nsec[i] = turns_now_nsec() - start;
        }
        return 0;
}

static int bench_open(Bench *b, char *argv[]) {
        int r = pysb_request_new(&b->request);

        b->n_connections = strtoul(argv[2], NULL, 10);
        if (b->n_connections < 1 || b->n_connections > CONNECTIONS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < b->n_connections && r >= 0; i++) {
                b->connections[i].bench = b;
                r = pysb_client_new(&b->connections[i].client, argv[1]);
        }
        if (r >= 0)
                r = pysb_request_set_profile(b->request, argv[3]);
        if (r >= 0)
                r = pysb_request_set_code(b->request, argv[4], strlen(argv[4]));
        if (r >= 0 && argv[5] && argv[6])
                r = pysb_request_set_limit(b->request, argv[5], strtoull(argv[6], NULL, 10));
        return r;
}

int main(int argc, char *argv[]) {
        Bench bench = {};
        int r;

        if (argc != 5 && argc != 7)
                return 2;
        r = bench_open(&bench, argv);
        if (r < 0) {
                (void) fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
                return EXIT_FAILURE;
        }
        r = turns_serve(work, &bench);
        for (size_t i = 0; i < bench.n_connections; i++)
                pysb_client_free(bench.connections[i].client);
        pysb_request_free(bench.request);
        return r;
}
