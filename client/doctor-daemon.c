/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon says: the service if it answers, else one of our own. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/fd.h"
#include "client/doctor.h"
#include "client/manager.h"
#include "config.h"

/* A service that starts tests itself first. */
#define ANSWER_TIMEOUT_MSEC 60000

/* Whether anybody answers behind a socket: systemd accepts for a service that then refuses to start, and whoever has
 * called hears nothing until the socket fails, too. 0, or a negative errno. */
static int try_address(const char *address) {
        static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char byte;

        if (fd < 0)
                return -errno;
        (void) snprintf(name.sun_path, sizeof(name.sun_path), "%s", address + strlen("unix:"));
        if (connect(fd, (const struct sockaddr *) &name, sizeof(name)) < 0)
                return -errno;
        if (send(fd, call, sizeof(call), MSG_NOSIGNAL) < 0) /* with its NUL */
                return -errno;
        if (poll(&p, 1, ANSWER_TIMEOUT_MSEC) <= 0)
                return -ETIMEDOUT;
        return recv(fd, &byte, 1, 0) == 1 ? 0 : -ECONNRESET;
}

/* The service, or why not; ret_client stays NULL if a private daemon has to do. */
static void check_service(DoctorReport *report, PysbClient **ret_client) {
        DoctorFinding *f =
                doctor_add(report, "service",
                           "Clients of the whole machine share it, its tenants and its limits.");
        int r = try_address(PYSB_DEFAULT_ADDRESS);

        if (r >= 0)
                r = pysb_client_new(ret_client, NULL);
        if (r >= 0) {
                doctor_say(f, DOCTOR_PASS, "it answers");
                return;
        }
        if (r == -ENOENT || r == -ECONNREFUSED) {
                doctor_say(f, DOCTOR_PASS, "none listens; what follows is of a private daemon");
                (void) snprintf(f->fix, sizeof(f->fix),
                                "For a service: `systemctl enable --now pysbd.socket`.");
        } else if (r == -EACCES) {
                doctor_say(f, DOCTOR_PASS, "not for you; what follows is of a private daemon");
                (void) snprintf(f->fix, sizeof(f->fix), "Join the group pysb.");
        } else {
                doctor_say(f, DOCTOR_FAIL,
                           "it does not serve (%s); what follows is of a private daemon",
                           strerror(-r));
                (void) snprintf(f->fix, sizeof(f->fix), "`journalctl -u pysbd.service` says why.");
        }
}

static void check_node(DoctorReport *report, const PysbDocument *node) {
        DoctorFinding *f =
                doctor_add(report, "version", "Client and daemon are made to go together.");
        const char *version = pysb_document_get_string(node, "version");
        size_t n = pysb_document_get_size(node, "isolation"), n_enforced = 0;
        char lacking[DOCTOR_TEXT_MAX / 2] = "";

        doctor_say(f, version && strcmp(version, PYSB_VERSION) == 0 ? DOCTOR_PASS : DOCTOR_DEGRADED,
                   "pysbd %s, pysbctl " PYSB_VERSION ", Python %s", version ? version : "?",
                   pysb_document_get_string(node, "pythonVersion") ?: "?");
        if (f->status != DOCTOR_PASS)
                (void) snprintf(f->fix, sizeof(f->fix),
                                "Install both from one build, and restart pysbd.service.");
        f = doctor_add(report, "layers", "One that is missing leaves its part to the others.");
        f->status = DOCTOR_PASS;
        for (size_t i = 0; i < n; i++) {
                char layer[64], state[64];

                (void) snprintf(layer, sizeof(layer), "isolation.%zu.layer", i);
                (void) snprintf(state, sizeof(state), "isolation.%zu.state", i);
                if (strcmp(pysb_document_get_string(node, state) ?: "", "enforced") == 0) {
                        n_enforced++;
                        continue;
                }
                f->status = DOCTOR_DEGRADED;
                doctor_add_name(lacking, sizeof(lacking),
                                pysb_document_get_string(node, layer) ?: "?");
        }
        doctor_say(f, f->status, "%zu of %zu in force%s%s", n_enforced, n,
                   *lacking ? ", without " : "", lacking);
        if (*lacking)
                (void) snprintf(f->fix, sizeof(f->fix),
                                "`pysbctl status` says what replaces each, and what to do.");
}

static void check_engines(DoctorReport *report, const PysbDocument *node) {
        DoctorFinding *f = doctor_add(
                report, "engines",
                "What boxes are made of: namespaces, or for containers without them one process.");
        char names[DOCTOR_TEXT_MAX / 2] = "";

        for (size_t i = 0; i < pysb_document_get_size(node, "engines"); i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "engines.%zu", i);
                doctor_add_name(names, sizeof(names), pysb_document_get_string(node, path) ?: "?");
        }
        doctor_say(f, DOCTOR_PASS, "%s allowed", names);
}

static void check_profiles(DoctorReport *report, PysbClient *client) {
        DoctorFinding *f =
                doctor_add(report, "profiles", "Profiles may need packages of Debian's.");
        _cleanup_(pysb_document_freep) PysbDocument *list = NULL;
        char lacking[DOCTOR_TEXT_MAX / 2] = "";

        if (common_call(client, "ListProfiles", NULL, NULL, &list) < 0) {
                doctor_say(f, DOCTOR_FAIL, "the daemon lists none");
                return;
        }
        for (size_t i = 0; i < pysb_document_get_size(list, "profiles"); i++) {
                char name[64], problem[64];
                const char *text;

                (void) snprintf(name, sizeof(name), "profiles.%zu.name", i);
                (void) snprintf(problem, sizeof(problem), "profiles.%zu.problem", i);
                text = pysb_document_get_string(list, problem);
                if (!text)
                        continue;
                doctor_add_name(lacking, sizeof(lacking),
                                pysb_document_get_string(list, name) ?: "?");
                (void) snprintf(f->fix, sizeof(f->fix), "%s", text);
        }
        doctor_say(f, DOCTOR_PASS, "%zu, lacking something: %s",
                   pysb_document_get_size(list, "profiles"), *lacking ? lacking : "none");
}

/* One finding for all that went well, and one for each that did not. */
static void check_probes(DoctorReport *report, const PysbDocument *test, const char *whose) {
        static const char why[] =
                "What the layers must stop is tried in a sandbox, as a service does at its start.";
        DoctorFinding *all = doctor_add(report, "self-test", why);
        size_t n_passed = 0, n_failed = 0, n = pysb_document_get_size(test, "probes");

        for (size_t i = 0; i < n; i++) {
                char path[64], name[64];
                const char *outcome;
                DoctorFinding *f;

                (void) snprintf(path, sizeof(path), "probes.%zu.outcome", i);
                outcome = pysb_document_get_string(test, path) ?: "failed";
                n_passed += strcmp(outcome, "passed") == 0;
                if (strcmp(outcome, "failed") != 0)
                        continue;
                n_failed++;
                (void) snprintf(path, sizeof(path), "probes.%zu.name", i);
                (void) snprintf(name, sizeof(name), "self-test %s",
                                pysb_document_get_string(test, path) ?: "?");
                f = doctor_add(report, name, why);
                (void) snprintf(path, sizeof(path), "probes.%zu.detail", i);
                doctor_say(f, DOCTOR_FAIL, "%s", pysb_document_get_string(test, path) ?: "");
                (void) snprintf(path, sizeof(path), "probes.%zu.remedy", i);
                (void) snprintf(f->fix, sizeof(f->fix), "%s",
                                pysb_document_get_string(test, path) ?: "");
        }
        doctor_say(all, n_failed > 0 ? DOCTOR_FAIL : DOCTOR_PASS,
                   "%zu probes stopped, %zu got through, %zu skipped, in a sandbox of %s", n_passed,
                   n_failed, n - n_passed - n_failed, whose);
        if (n_failed > 0)
                (void) snprintf(all->fix, sizeof(all->fix),
                                "Let nobody run jobs here until nothing gets through any more.");
}

static void check_self_test(DoctorReport *report, PysbClient *client, const char *whose) {
        _cleanup_(pysb_document_freep) PysbDocument *test = NULL;
        int r = pysb_call(client, MANAGER_METHOD("SelfTest"), NULL, &report->self_test_json);
        DoctorFinding *f;

        if (r >= 0)
                r = pysb_document_new(&test, report->self_test_json);
        if (r >= 0) {
                check_probes(report, test, whose);
                return;
        }
        f = doctor_add(report, "self-test", "Where no sandbox can be made, no job can run.");
        doctor_say(f, DOCTOR_FAIL, "%s", common_call_error(client, r));
        (void) snprintf(f->fix, sizeof(f->fix), "See what else fails here.");
}

static void check_private(DoctorReport *report, PysbClient **ret_client) {
        const char *path = common_pysbd_path();
        DoctorFinding *f = doctor_add(report, "programs",
                                      "pysbd, pysbd-broker and pysb-runner lie side by side.");
        int r = pysb_client_new_embedded(ret_client);

        if (r >= 0) {
                doctor_say(f, DOCTOR_PASS, "%s starts", path);
                return;
        }
        doctor_say(f, DOCTOR_FAIL, "%s does not start (%s)", path, strerror(-r));
        (void) snprintf(f->fix, sizeof(f->fix),
                        "Install pysb, or name the program by the variable PYSBD.");
}

/* The self-test is an administrator's; everybody else has one in a daemon of his own. */
static PysbClient *
connect_for_self_test(DoctorReport *report, bool has_service, const char **ret_whose) {
        PysbClient *client = NULL;

        if (has_service && pysb_client_new(&client, PYSB_MANAGER_ADDRESS) >= 0) {
                *ret_whose = "the service";
                return client;
        }
        check_private(report, &client);
        *ret_whose = "a private daemon";
        return client;
}

void doctor_check_daemon(DoctorReport *report) {
        _cleanup_(pysb_client_freep) PysbClient *service = NULL, *tester = NULL;
        _cleanup_(pysb_document_freep) PysbDocument *node = NULL;
        const char *whose;

        check_service(report, &service);
        tester = connect_for_self_test(report, service != NULL, &whose);
        if (!service && !tester)
                return;
        if (common_call(service ?: tester, "GetNode", NULL, &report->node_json, &node) >= 0) {
                check_node(report, node);
                check_engines(report, node);
                check_profiles(report, service ?: tester);
        }
        if (tester)
                check_self_test(report, tester, whose);
}
