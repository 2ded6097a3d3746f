/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/exit-status.h"
#include "client/text.h"
#include "client/verb.h"
#include "config.h"

int common_take(Common *common, int option) {
        switch (option) {
        case OPTION_ADDRESS:
                common->address = optarg;
                return 0;
        case OPTION_EMBEDDED:
                common->embedded = true;
                return 0;
        case OPTION_JSON:
                common->json = true;
                return 0;
        case OPTION_EVENTS:
                common->events = true;
                return 0;
        case OPTION_SUMMARY:
                common->summary = true;
                return 0;
        case OPTION_PROMPT:
                common->prompt = true;
                return 0;
        case OPTION_TENANT:
                common->tenant = optarg;
                return 0;
        case OPTION_DISPLAY_DIR:
                common->display_dir = optarg;
                return 0;
        case OPTION_OUTPUT_DIR:
                common->output_dir = optarg;
                return 0;
        default:
                return -EINVAL;
        }
}

int common_parse(
        Common *common, int argc, char *argv[], const struct option *options, int min, int max) {
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (common_take(common, option) < 0)
                        return -EINVAL;
        if (argc - optind < min) {
                text_error("%s: an argument is missing.", argv[0]);
                return -EINVAL;
        }
        if (argc - optind > max) {
                text_error("%s: the argument %s is one too many.", argv[0], argv[optind + max]);
                return -EINVAL;
        }
        return 0;
}

const char *common_pysbd_path(void) {
        const char *path = secure_getenv("PYSBD");

        return path ? path : PKGLIBEXECDIR "/pysbd";
}

static void connect_failed(const Common *common, int error) {
        const char *address = common->address ? common->address : PYSB_DEFAULT_ADDRESS;

        if (common->embedded)
                text_error("Cannot start the private daemon %s: %s.", common_pysbd_path(),
                           strerror(-error));
        else if (error == -EINVAL)
                text_error("%s is no address; it should look like %s.", address,
                           PYSB_DEFAULT_ADDRESS);
        else if (error == -ENOENT || error == -ECONNREFUSED)
                text_error("No daemon listens at %s; start it with `systemctl start "
                           "pysbd.socket`, or use --embedded.",
                           address);
        else if (error == -EACCES || error == -EPERM)
                text_error("You may not connect to %s; join the group pysb, or use --embedded.",
                           address);
        else
                text_error("Cannot connect to %s: %s.", address, strerror(-error));
}

int common_connect(const Common *common, PysbClient **ret_client) {
        int r;

        if (common->embedded && common->address) {
                text_error("--embedded and --address exclude each other.");
                return -EINVAL;
        }
        if (common->embedded)
                r = pysb_client_new_embedded(ret_client);
        else
                r = pysb_client_new(ret_client, common->address);
        if (r < 0) {
                connect_failed(common, r);
                return r;
        }
        r = pysb_client_set_tenant(*ret_client, common->tenant);
        if (r < 0)
                text_error("--tenant: %s.", r == -EILSEQ ? "not UTF-8" : strerror(-r));
        return r;
}

const char *common_call_error(const PysbClient *client, int error) {
        return pysb_client_get_error(client) ?: strerror(-error);
}

int common_call_status(const PysbClient *client, int error) {
        const char *name = pysb_client_get_error_name(client);

        if (error == -EMSGSIZE || (name && strcmp(name, "io.pysb.sandbox.TooLarge") == 0))
                return EXIT_REJECTED;
        return EXIT_NOT_ACCEPTED;
}

int common_call_failed(PysbClient *client, int error) {
        text_error("%s", common_call_error(client, error));
        return common_call_status(client, error);
}

int common_call(PysbClient *client,
                const char *method,
                const char *parameters_json,
                char **ret_json,
                PysbDocument **ret_document) {
        _cleanup_free_ char *json = NULL;
        int r;

        r = pysb_call(client, method, parameters_json, &json);
        if (r < 0) {
                common_call_failed(client, r);
                return r;
        }
        if (ret_document) {
                r = pysb_document_new(ret_document, json);
                if (r < 0) {
                        text_error("%s: cannot read the answer: %s.", method, strerror(-r));
                        return r;
                }
        }
        if (ret_json)
                *ret_json = TAKE_PTR(json);
        return 0;
}

int common_parameter(const char *name, const char *value, char **ret_json) {
        _cleanup_free_ char *quoted = NULL;
        int r;

        r = pysb_quote(value, &quoted);
        if (r >= 0 && asprintf(ret_json, "{\"%s\":%s}", name, quoted) < 0)
                r = -ENOMEM;
        if (r < 0)
                text_error("%s: %s.", value, strerror(-r));
        return r;
}

int common_parameters(const Common *common, const char *members, char **ret_json) {
        _cleanup_free_ char *quoted = NULL;
        int r = 0;

        if (common->tenant)
                r = pysb_quote(common->tenant, &quoted);
        if (r >= 0 && asprintf(ret_json, "{%s%s%s%s}", members, quoted && *members ? "," : "",
                               quoted ? "\"tenant\":" : "", quoted ?: "") < 0)
                r = -ENOMEM;
        if (r < 0)
                text_error("%s: %s.", common->tenant ?: "parameters", strerror(-r));
        return r;
}
