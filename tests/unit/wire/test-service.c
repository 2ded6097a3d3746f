/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include <string.h>

#include "basic/cleanup.h"
#include "wire/service.h"

static void handler(void) {
}

static const VarlinkMethod methods[] = {
        { "Once", 0, handler },
        { "Stream", VARLINK_REQUIRES_MORE, handler },
        {},
};

static const VarlinkInterface interfaces[] = {
        { "org.example.one", "{}", methods },
        { "org.example", "{\"parameters\":{\"description\":\"interface org.example\\n\"}}",
          methods },
};

static const VarlinkService service = {
        .vendor = "V",
        .product = "P",
        .version = "1",
        .url = "U",
        .interfaces = interfaces,
        .n_interfaces = ELEMENTSOF(interfaces),
};

/* The text of the answer, or "METHOD name". */
static char *resolve(const char *call_text) {
        _cleanup_(varlink_call_done) VarlinkCall call = {};
        const VarlinkMethod *method = NULL;
        const char *description = NULL;
        json_t *reply = NULL;
        char *text;
        int r;

        assert_int_equal(varlink_call_parse(call_text, strlen(call_text), &call), 0);
        r = varlink_service_resolve(&service, &call, &method, &reply, &description);
        if (r == VARLINK_METHOD) {
                assert_null(reply);
                return strdup(method->name);
        }
        if (r == VARLINK_DESCRIBED)
                return strdup(description);
        assert_int_equal(r, VARLINK_ANSWERED);
        text = json_dumps(reply, JSON_COMPACT);
        json_decref(reply);
        return text;
}

#define ERROR(name, key, value) \
        "{\"error\":\"org.varlink.service." name "\",\"parameters\":{\"" key "\":\"" value "\"}}"

static const struct {
        const char *call, *answer;
} cases[] = {
        { "{\"method\":\"org.example.one.Once\"}", "Once" },
        { "{\"method\":\"org.example.one.Once\",\"more\":true}", "Once" },
        { "{\"method\":\"org.example.Once\"}", "Once" },
        { "{\"method\":\"org.example.one.Stream\",\"more\":true}", "Stream" },
        { "{\"method\":\"org.example.one.Stream\"}",
          "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}" },
        { "{\"method\":\"org.example.one.Nothing\"}",
          ERROR("MethodNotFound", "method", "org.example.one.Nothing") },
        { "{\"method\":\"org.example.one.\"}",
          ERROR("MethodNotFound", "method", "org.example.one.") },
        { "{\"method\":\"org.example.one\"}",
          ERROR("MethodNotFound", "method", "org.example.one") },
        { "{\"method\":\"org.example.one.x.Once\"}",
          ERROR("InterfaceNotFound", "interface", "org.example.one.x") },
        { "{\"method\":\"org.examplE.Once\"}",
          ERROR("InterfaceNotFound", "interface", "org.examplE") },
        { "{\"method\":\"org.exampl.Once\"}",
          ERROR("InterfaceNotFound", "interface", "org.exampl") },
        { "{\"method\":\"Once\"}", ERROR("InterfaceNotFound", "interface", "Once") },
        { "{\"method\":\"\"}", ERROR("InterfaceNotFound", "interface", "") },
        { "{\"method\":\".\"}", ERROR("InterfaceNotFound", "interface", "") },
        { "{\"method\":\"org.varlink.service.GetInfo\"}",
          "{\"parameters\":{\"vendor\":\"V\",\"product\":\"P\",\"version\":\"1\",\"url\":\"U\","
          "\"interfaces\":[\"org.varlink.service\",\"org.example.one\",\"org.example\"]}}" },
        { "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"x\":1}}",
          ERROR("InvalidParameter", "parameter", "x") },
        { "{\"method\":\"org.varlink.service.Nothing\"}",
          ERROR("MethodNotFound", "method", "org.varlink.service.Nothing") },
        { "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
          "\"parameters\":{\"interface\":\"org.example\"}}",
          "{\"parameters\":{\"description\":\"interface org.example\\n\"}}" },
        { "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
          "\"parameters\":{\"interface\":\"org.other\"}}",
          ERROR("InterfaceNotFound", "interface", "org.other") },
        { "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
          ERROR("InvalidParameter", "parameter", "interface") },
        { "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
          "\"parameters\":{\"interface\":7}}",
          ERROR("InvalidParameter", "parameter", "interface") },
};

static void test_resolve(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                _cleanup_free_ char *answer = resolve(c->call);

                assert_string_equal(answer, c->answer);
        }
}

static void test_own_description(void **state) {
        _cleanup_free_ char *answer = NULL;

        answer = resolve("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                         "\"parameters\":{\"interface\":\"org.varlink.service\"}}");
        assert_non_null(strstr(answer, "\\ninterface org.varlink.service\\n"));
        assert_non_null(strstr(answer, "error ExpectedMore()"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resolve),
                cmocka_unit_test(test_own_description),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
