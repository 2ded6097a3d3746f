/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"
#include "broker/spec.h"
#include "proto/runner-wire.h"

static Profile profiles[3] = {
        {
                .name = (char *) "default",
                .granted = true,
                .retain_usec = 60 * USEC_PER_SEC,
                .policy = true,
                .analysis = PROFILE_ANALYSIS_IMPORTS,
                .modules = (char *[]){ (char *) "json", (char *) "xml", NULL },
                .deny_modules = (char *[]){ (char *) "xml.sax", NULL },
                .packages = (char *[]){ (char *) "numpy", NULL },
                .package_debs = (char *[]){ NULL },
        },
        { .name = (char *) "raw", .package_debs = (char *[]){ NULL } },
        { .name = (char *) "data",
          .granted = true,
          .package_debs = (char *[]){ (char *) "python3-numpy", (char *) "python3-tz", NULL } },
};
static ProfileStore store = { .n_refs = 1,
                              .profiles = { &profiles[0], &profiles[1], &profiles[2] },
                              .n_profiles = 3 };

static SpecContext context = {
        .store = &store,
        .default_profile = "default",
        .engines = ENGINE_BIT(ENGINE_NAMESPACE),
};

static int setup(void **state) {
        FOREACH_ARRAY(p, profiles, ELEMENTSOF(profiles))
                for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                        p->limits.value[id] = limit_infos[id].lowest;
                        p->maximum.value[id] = limit_infos[id].highest;
                }
        profiles[0].limits.value[LIMIT_SOURCE] = 100;
        profiles[0].maximum.value[LIMIT_MEMORY] = 64 * MIB;
        return 0;
}

/* The inner part of a request, as JSON. */
static int make_bare(const char *fields, JobSpec **ret_spec, SpecError *error) {
        char path[JSON_PATH_MAX];
        JobRequest request;
        char *text = NULL;
        json_t *p;
        int r;

        assert_true(asprintf(&text, "{\"request\":{%s}}", fields) > 0);
        p = json_loads(text, 0, NULL);
        assert_non_null(p);
        free(text);
        assert_int_equal(job_request_parse(p, &request, path), 0);
        r = job_spec_make(&context, &request, ret_spec, error);
        json_decref(p);
        return r;
}

/* The same, but "code" is there already. */
static int make(const char *fields, JobSpec **ret_spec, SpecError *error) {
        char *text = NULL;
        int r;

        assert_true(asprintf(&text, "\"code\":\"pass\"%s", fields) > 0);
        r = make_bare(text, ret_spec, error);
        free(text);
        return r;
}

static JobSpec *make_good(const char *fields) {
        JobSpec *spec = NULL;
        SpecError error;

        assert_int_equal(make(fields, &spec, &error), 0);
        return spec;
}

typedef struct Case {
        const char *fields;
        int result;
        const char *field;
} Case;

static const Case cases[] = {
        { "", 0 },
        { ",\"profile\":\"default\"", 0 },
        { ",\"profile\":\"raw\"", SPEC_PROFILE_DENIED, "raw" },
        { ",\"profile\":\"data\"", SPEC_NOT_SUPPORTED, "profile data" },
        { ",\"profile\":\"other\"", SPEC_PROFILE_NOT_FOUND, "other" },
        { ",\"profile\":\"../default\"", SPEC_PROFILE_NOT_FOUND, "../default" },
        { ",\"profile\":\"\"", SPEC_PROFILE_NOT_FOUND, "" },
        { ",\"limits\":{\"memoryBytes\":67108864}", 0 },
        { ",\"limits\":{\"memoryBytes\":67108865}", SPEC_LIMIT_EXCEEDED, "memoryBytes" },
        { ",\"limits\":{\"memoryBytes\":1}", SPEC_INVALID, "limits.memoryBytes" },
        { ",\"limits\":{\"processes\":0}", SPEC_INVALID, "limits.processes" },
        { ",\"limits\":{\"wallTimeUSec\":9007199254740991}", SPEC_LIMIT_EXCEEDED, "wallTimeUSec" },
        { ",\"environment\":{\"A\":\"1\",\"_b\":\"\"}", 0 },
        { ",\"environment\":{\"\":\"1\"}", SPEC_INVALID, "environment." },
        { ",\"environment\":{\"A=B\":\"1\"}", SPEC_INVALID, "environment.A=B" },
        { ",\"environment\":{\"1A\":\"1\"}", SPEC_INVALID, "environment.1A" },
        { ",\"environment\":{\"\xc3\xa4\":\"1\"}", SPEC_INVALID, "environment.\xc3\xa4" },
        { ",\"environment\":{\"PYTHONPATH\":\"1\"}", SPEC_INVALID, "environment.PYTHONPATH" },
        { ",\"environment\":{\"PYTHON\":\"1\"}", SPEC_INVALID, "environment.PYTHON" },
        { ",\"environment\":{\"LD_PRELOAD\":\"1\"}", SPEC_INVALID, "environment.LD_PRELOAD" },
        { ",\"environment\":{\"GLIBC_TUNABLES\":\"1\"}", SPEC_INVALID,
          "environment.GLIBC_TUNABLES" },
        { ",\"environment\":{\"MALLOC_ARENA_MAX\":\"1\"}", SPEC_INVALID,
          "environment.MALLOC_ARENA_MAX" },
        { ",\"environment\":{\"GCONV_PATH\":\"1\"}", SPEC_INVALID, "environment.GCONV_PATH" },
        { ",\"environment\":{\"LOCPATH\":\"1\"}", SPEC_INVALID, "environment.LOCPATH" },
        { ",\"environment\":{\"TZDIR\":\"1\"}", SPEC_INVALID, "environment.TZDIR" },
        { ",\"environment\":{\"TZ\":\"1\",\"LDX\":\"1\",\"XPYTHON\":\"\"}", 0 },
        { ",\"stdinText\":\"a\",\"stdinData\":\"YQ==\"", SPEC_INVALID, "stdinText" },
        { ",\"stdinText\":\"a\",\"stdinFileDescriptor\":0", SPEC_INVALID, "stdinText" },
        { ",\"stdinData\":\"YQ==\"", 0 },
        { ",\"stdinData\":\"YQ\"", SPEC_INVALID, "stdinData" },
        { ",\"stdinFileDescriptor\":0", SPEC_INVALID, "stdinFileDescriptor" },
        { ",\"labels\":{\"a\":\"b\"}", 0 },
        { ",\"labels\":{\"\":\"b\"}", SPEC_INVALID, "labels." },
        { ",\"retainUSec\":86400000000", 0 },
        { ",\"retainUSec\":86400000001", SPEC_INVALID, "retainUSec" },
        { ",\"requestId\":\"~ a\"", 0 },
        { ",\"requestId\":\"\"", SPEC_INVALID, "requestId" },
        { ",\"requestId\":\"a\\n\"", SPEC_INVALID, "requestId" },
        { ",\"requestId\":\"\u00e4\"", SPEC_INVALID, "requestId" },
        { ",\"queueTimeoutUSec\":0", 0 },
        { ",\"queueTimeoutUSec\":86400000001", SPEC_INVALID, "queueTimeoutUSec" },
};

static void test_table(void **state) {
        FOREACH_ARRAY(c, cases, ELEMENTSOF(cases)) {
                JobSpec *spec = NULL;
                SpecError error = {};
                int r = make(c->fields, &spec, &error);

                if (r != c->result || (r > 0 && strcmp(error.field, c->field) != 0))
                        fail_msg("%s: %d, field %s: %s", c->fields, r, error.field, error.reason);
                if (r == SPEC_INVALID)
                        assert_true(strlen(error.reason) > 0);
                job_spec_free(spec);
        }
}

#define A255                                                                                    \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define EURO                                                                       \
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac" \
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
#define FILES(files) "\"code\":\"pass\",\"files\":[" files "]"
#define ONE(path) FILES("{\"path\":\"" path "\"}")
#define TWO(a, b) FILES("{\"path\":\"" a "\"},{\"path\":\"" b "\"}")
#define CODE "\"code\":\"pass\","

static const Case program_cases[] = {
        { "", SPEC_INVALID, "code" },
        { CODE "\"expression\":\"1\"", SPEC_INVALID, "code" },
        { "\"module\":\"a\",\"scriptPath\":\"a\"", SPEC_INVALID, "code" },
        { "\"expression\":\"1 + 1\"", 0 },
        { "\"module\":\"json.tool\"", 0 },
        { "\"module\":\"json..tool\"", SPEC_INVALID, "module" },
        { "\"module\":\"\"", SPEC_INVALID, "module" },
        { "\"module\":\"a/b\"", SPEC_INVALID, "module" },
        { "\"module\":\"1a\"", SPEC_INVALID, "module" },
        { "\"module\":\"a.\"", SPEC_INVALID, "module" },
        { "\"scriptPath\":\"a.py\"", SPEC_INVALID, "scriptPath" },
        { "\"scriptPath\":\"a.py\",\"files\":[{\"path\":\"a.py\"}]", 0 },
        { CODE "\"callable\":\"main\"", 0 },
        { CODE "\"callable\":\"C.\xc3\xa4\"", 0 },
        { CODE "\"callable\":\"main()\"", SPEC_INVALID, "callable" },
        { "\"expression\":\"1\",\"callable\":\"main\"", SPEC_INVALID, "callable" },
        { CODE "\"inputsJson\":\" {\\\"a\\\": 1}\\n\"", 0 },
        { CODE "\"inputsJson\":\"[1]\"", SPEC_INVALID, "inputsJson" },
        { CODE "\"inputsJson\":\"{\"", SPEC_INVALID, "inputsJson" },
        { CODE "\"inputsJson\":\"\"", SPEC_INVALID, "inputsJson" },
        { ONE("a/b/c.py"), 0 },
        { ONE("..."), 0 },
        { ONE(""), SPEC_INVALID, "files[0].path" },
        { ONE("/etc/passwd"), SPEC_INVALID, "files[0].path" },
        { ONE("../a"), SPEC_INVALID, "files[0].path" },
        { ONE("a/../b"), SPEC_INVALID, "files[0].path" },
        { ONE("a/.."), SPEC_INVALID, "files[0].path" },
        { ONE("./a"), SPEC_INVALID, "files[0].path" },
        { ONE("."), SPEC_INVALID, "files[0].path" },
        { ONE("a//b"), SPEC_INVALID, "files[0].path" },
        { ONE("a/"), SPEC_INVALID, "files[0].path" },
        { ONE(A255), 0 },
        { ONE(A255 "a"), SPEC_INVALID, "files[0].path" },
        { ONE(A255 "/" A255 "/" A255 "/" A255 "/a"), SPEC_INVALID, "files[0].path" },
        { TWO("a", "b"), 0 },
        { TWO("a", "ab"), 0 },
        { TWO("a", "a"), SPEC_INVALID, "files[1].path" },
        { TWO("a", "a/b"), SPEC_INVALID, "files[1].path" },
        { TWO("a/b", "a"), SPEC_INVALID, "files[1].path" },
        { FILES("{\"path\":\"a\",\"text\":\"x\",\"data\":\"AA==\"}"), SPEC_INVALID,
          "files[0].data" },
        { FILES("{\"path\":\"a\",\"data\":\"A\"}"), SPEC_INVALID, "files[0].data" },
        { CODE "\"modules\":[\"json\",\"xml.dom\",\"numpy.linalg\"]", 0 },
        { CODE "\"modules\":[]", 0 },
        { CODE "\"modules\":[\"json\",\"os\"]", SPEC_INVALID, "modules[1]" },
        { CODE "\"modules\":[\"x" EURO EURO EURO EURO "\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"" EURO EURO EURO EURO "\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"xx" EURO EURO EURO EURO "\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"jso\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"json.\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"json._x\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"xml.sax\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"xml.sax.handler\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"modules\":[\"json.x\\nos\"]", SPEC_INVALID, "modules[0]" },
        { CODE "\"analysis\":\"strict\"", 0 },
        { CODE "\"analysis\":\"imports\"", 0 },
        { CODE "\"analysis\":\"off\"", SPEC_INVALID, "analysis" },
};

static void test_programs(void **state) {
        FOREACH_ARRAY(c, program_cases, ELEMENTSOF(program_cases)) {
                JobSpec *spec = NULL;
                SpecError error = {};
                int r = make_bare(c->fields, &spec, &error);

                if (r != c->result || (r > 0 && strcmp(error.field, c->field) != 0))
                        fail_msg("%s: %d, field %s: %s", c->fields, r, error.field, error.reason);
                /* Cut, but between two characters: it goes into a JSON string. */
                assert_true(utf8_is_valid(error.reason, strlen(error.reason)));
                job_spec_free(spec);
        }
}

/* A list that is not in force cannot be narrowed. */
static void test_no_policy(void **state) {
        JobSpec *spec;
        SpecError error;

        profiles[0].policy = false;
        assert_int_equal(make(",\"modules\":[\"json\"]", &spec, &error), SPEC_INVALID);
        profiles[0].policy = true;
}

static void test_limit_error(void **state) {
        JobSpec *spec;
        SpecError error;

        assert_int_equal(make(",\"limits\":{\"memoryBytes\":100000000}", &spec, &error),
                         SPEC_LIMIT_EXCEEDED);
        assert_int_equal(error.requested, 100000000);
        assert_int_equal(error.maximum, 64 * MIB);
}

/* Null takes the profile's default; what is asked for is taken, not rounded. */
static void test_limits(void **state) {
        JobSpec *spec = make_good(",\"limits\":{\"processes\":7}");

        assert_int_equal(spec->limits.value[LIMIT_PROCESSES], 7);
        assert_int_equal(spec->limits.value[LIMIT_SOURCE], 100);
        assert_ptr_equal(spec->profile, &profiles[0]);
        assert_int_equal(spec->plan, 0);
        job_spec_free(spec);
}

static void test_granted(void **state) {
        JobSpec *spec;

        context.all_granted = true;
        spec = make_good(",\"profile\":\"raw\"");
        assert_int_equal(spec->plan, 1);
        context.all_granted = false;
        job_spec_free(spec);
}

static void test_retention(void **state) {
        JobSpec *spec = make_good("");

        assert_false(spec->detach);
        assert_int_equal(spec->retain_usec, 0);
        job_spec_free(spec);
        spec = make_good(",\"detach\":true");
        assert_int_equal(spec->retain_usec, 60 * USEC_PER_SEC);
        job_spec_free(spec);
        context.is_submit = true;
        spec = make_good("");
        assert_true(spec->detach);
        assert_int_equal(spec->retain_usec, 60 * USEC_PER_SEC);
        job_spec_free(spec);
        spec = make_good(",\"retainUSec\":5");
        assert_int_equal(spec->retain_usec, 5);
        job_spec_free(spec);
        context.is_submit = false;
}

/* Many entries of the same kind: one below the bound is taken, one above is not. */
static int make_many(const char *before, const char *format, size_t n, const char *after) {
        size_t size = 0;
        char *text = NULL;
        FILE *f = open_memstream(&text, &size);
        JobSpec *spec = NULL;
        SpecError error;
        int r;

        assert_non_null(f);
        (void) fprintf(f, "%s", before);
        for (size_t i = 0; i < n; i++) {
                char number[16];

                (void) snprintf(number, sizeof(number), "%zu", i);
                (void) fprintf(f, "%s\"", i ? "," : "");
                for (const char *p = format; *p; p++)
                        if (*p == '#')
                                (void) fputs(number, f);
                        else
                                (void) fputc(*p, f);
        }
        (void) fprintf(f, "%s", after);
        (void) fclose(f);
        r = make(text, &spec, &error);
        job_spec_free(spec);
        free(text);
        return r;
}

static void test_counts(void **state) {
        assert_int_equal(make_many(",\"arguments\":[", "a\"", SPEC_ARGUMENTS_MAX, "]"), 0);
        assert_int_equal(make_many(",\"arguments\":[", "a\"", SPEC_ARGUMENTS_MAX + 1, "]"),
                         SPEC_INVALID);
        assert_int_equal(make_many(",\"environment\":{", "V#\":\"x\"", SPEC_ENVIRONMENT_MAX, "}"),
                         0);
        assert_int_equal(
                make_many(",\"environment\":{", "V#\":\"x\"", SPEC_ENVIRONMENT_MAX + 1, "}"),
                SPEC_INVALID);
        assert_int_equal(make_many(",\"labels\":{", "k#\":\"x\"", SPEC_LABELS_MAX, "}"), 0);
        assert_int_equal(make_many(",\"labels\":{", "k#\":\"x\"", SPEC_LABELS_MAX + 1, "}"),
                         SPEC_INVALID);
}

/* One long value; returns what is said about it. */
static int make_long(const char *before, size_t n, const char *after) {
        char *text = malloc(n + 200);
        JobSpec *spec = NULL;
        SpecError error;
        size_t size;
        int r;

        assert_non_null(text);
        size = (size_t) snprintf(text, 100, "%s", before);
        memset(text + size, 'x', n);
        (void) snprintf(text + size + n, 100, "%s", after);
        r = make(text, &spec, &error);
        job_spec_free(spec);
        free(text);
        return r;
}

static void test_sizes(void **state) {
        size_t n = SPEC_ENVIRONMENT_BYTES_MAX - 3; /* "A", "=" and the NUL */

        assert_int_equal(make_long(",\"environment\":{\"A\":\"", n, "\"}"), 0);
        assert_int_equal(make_long(",\"environment\":{\"A\":\"", n + 1, "\"}"), SPEC_TOO_LARGE);
        n = SPEC_ARGUMENTS_BYTES_MAX - 1;
        assert_int_equal(make_long(",\"arguments\":[\"", n, "\"]"), 0);
        assert_int_equal(make_long(",\"arguments\":[\"", n + 1, "\"]"), SPEC_TOO_LARGE);
        n = SPEC_LABEL_VALUE_BYTES_MAX;
        assert_int_equal(make_long(",\"labels\":{\"a\":\"", n, "\"}"), 0);
        assert_int_equal(make_long(",\"labels\":{\"a\":\"", n + 1, "\"}"), SPEC_INVALID);
        n = SPEC_LABEL_KEY_BYTES_MAX;
        assert_int_equal(make_long(",\"labels\":{\"", n, "\":\"\"}"), 0);
        assert_int_equal(make_long(",\"labels\":{\"", n + 1, "\":\"\"}"), SPEC_INVALID);
}

/* At the limit the program runs; one byte more and nothing runs, which is a result and no error. */
static void test_source(void **state) {
        JobSpec *spec = make_good(",\"limits\":{\"sourceBytes\":4}");

        assert_false(spec->source_too_large);
        assert_true(buf_size(&spec->frame) > 0);
        job_spec_free(spec);
        spec = make_good(",\"limits\":{\"sourceBytes\":7},\"files\":[{\"path\":\"a\","
                         "\"data\":\"AAAA\"}]");
        assert_false(spec->source_too_large);
        job_spec_free(spec);
        spec = make_good(",\"limits\":{\"sourceBytes\":7},\"files\":[{\"path\":\"a\","
                         "\"text\":\"1234\"}]");
        assert_true(spec->source_too_large);
        assert_int_equal(spec->source_bytes, 8);
        job_spec_free(spec);
        spec = make_good(",\"limits\":{\"sourceBytes\":3}");
        assert_true(spec->source_too_large);
        assert_int_equal(buf_size(&spec->frame), 0);
        job_spec_free(spec);
}

/* Walks the JOB frame. */
static void test_frame(void **state) {
        JobSpec *spec = make_good(",\"arguments\":[\"a\",\"\"],\"environment\":{\"K\":\"v=w\"},"
                                  "\"seed\":-5,\"callable\":\"f\",\"inputsJson\":\"{}\","
                                  "\"modules\":[\"json\",\"xml\"],\"analysis\":\"strict\","
                                  "\"displayLastExpression\":true,"
                                  "\"files\":[{\"path\":\"a\",\"data\":\"AAE=\"}]");
        const uint32_t strict = ANALYSIS_STRICT, always = 1;
        const char *p = buf_data(&spec->frame), *end = p + buf_size(&spec->frame);
        unsigned seen[FIELD_DISPLAY_LAST + 1] = {};
        const int64_t seed = -5;
        FrameHeader h;

        memcpy(&h, p, sizeof(h));
        p += sizeof(h);
        assert_int_equal(h.type, FRAME_JOB);
        assert_int_equal(h.size, end - p);
        while (p < end) {
                FieldHeader f;

                memcpy(&f, p, sizeof(f));
                p += sizeof(f);
                assert_in_range(f.type, FIELD_CODE, FIELD_DISPLAY_LAST);
                if (f.type == FIELD_ARGUMENT)
                        assert_int_equal(f.size, seen[f.type] == 0 ? 1 : 0);
                if (f.type == FIELD_ENVIRONMENT)
                        assert_memory_equal(p, "K=v=w", 5);
                if (f.type == FIELD_SEED)
                        assert_memory_equal(p, &seed, sizeof(seed));
                if (f.type == FIELD_ANALYSIS)
                        assert_memory_equal(p, &strict, sizeof(strict));
                if (f.type == FIELD_DISPLAY_LAST)
                        assert_memory_equal(p, &always, sizeof(always));
                if (f.type == FIELD_MODULES) {
                        assert_int_equal(f.size, 8);
                        assert_memory_equal(p, "json\nxml", 8);
                }
                if (f.type == FIELD_FILE) {
                        assert_int_equal(f.size, 4);
                        assert_memory_equal(p, "a\0\0\1", 4);
                }
                if (f.type == FIELD_CODE)
                        assert_memory_equal(p, "pass", 4);
                seen[f.type]++;
                p += f.size;
        }
        assert_ptr_equal(p, end);
        assert_int_equal(seen[FIELD_CODE], 1);
        assert_int_equal(seen[FIELD_ARGUMENT], 2);
        assert_int_equal(seen[FIELD_ENVIRONMENT], 1);
        assert_int_equal(seen[FIELD_SEED], 1);
        assert_int_equal(seen[FIELD_RESULT_MAX], 1);
        assert_int_equal(seen[FIELD_ANALYSIS], 1);
        assert_int_equal(seen[FIELD_CALLABLE], 1);
        assert_int_equal(seen[FIELD_INPUTS], 1);
        assert_int_equal(seen[FIELD_MODULES], 1);
        assert_int_equal(seen[FIELD_FILE], 1);
        assert_int_equal(seen[FIELD_DISPLAY_LAST], 1);
        assert_int_equal(seen[FIELD_CHECK_ONLY], 0);
        job_spec_free(spec);
}

/* The runner counts ticks only if it is told how many there are. */
static void test_ticks(void **state) {
        struct {
                FieldHeader h;
                uint64_t ticks;
        } field = { { sizeof(field.ticks), FIELD_TICKS }, 9 };
        JobSpec *none = make_good(""), *zero = make_good(",\"limits\":{\"ticks\":0}");
        JobSpec *some = make_good(",\"limits\":{\"ticks\":9}");

        assert_int_equal(buf_size(&none->frame), buf_size(&zero->frame));
        assert_int_equal(buf_size(&some->frame), buf_size(&none->frame) + sizeof(field));
        assert_non_null(
                memmem(buf_data(&some->frame), buf_size(&some->frame), &field, sizeof(field)));
        job_spec_free(none);
        job_spec_free(zero);
        job_spec_free(some);
}

static void test_stdin(void **state) {
        JobSpec *spec = make_good(",\"stdinData\":\"AAEC\"");

        assert_int_equal(spec->stdin_size, 3);
        assert_memory_equal(spec->stdin_bytes, "\0\1\2", 3);
        job_spec_free(spec);
        context.n_fds = 2;
        spec = make_good(",\"stdinFileDescriptor\":1");
        assert_true(spec->has_stdin_fd);
        assert_int_equal(spec->stdin_fd_index, 1);
        job_spec_free(spec);
        context.n_fds = 0;
}

static int make_files(size_t n) {
        size_t size = 0;
        char *text = NULL;
        FILE *f = open_memstream(&text, &size);
        JobSpec *spec = NULL;
        SpecError error;
        int r;

        assert_non_null(f);
        for (size_t i = 0; i < n; i++)
                (void) fprintf(f, "%s{\"path\":\"f%zu\"}", i ? "," : ",\"files\":[", i);
        (void) fprintf(f, "]");
        (void) fclose(f);
        r = make(text, &spec, &error);
        job_spec_free(spec);
        free(text);
        return r;
}

/* One file below the bound is taken, one above is not. */
static void test_files(void **state) {
        assert_int_equal(make_files(REQUEST_FILES_MAX), 0);
        assert_int_equal(make_files(REQUEST_FILES_MAX + 1), SPEC_INVALID);
}

/* Nobody gets to see it, so nothing is kept of it. */
static void test_check(void **state) {
        JobSpec *spec;

        context.is_check = true;
        spec = make_good(",\"detach\":true,\"retainUSec\":5");
        assert_true(spec->is_check);
        assert_false(spec->detach);
        assert_int_equal(spec->retain_usec, 0);
        job_spec_free(spec);
        context.is_check = false;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),     cmocka_unit_test(test_programs),
                cmocka_unit_test(test_no_policy), cmocka_unit_test(test_files),
                cmocka_unit_test(test_check),     cmocka_unit_test(test_limit_error),
                cmocka_unit_test(test_limits),    cmocka_unit_test(test_granted),
                cmocka_unit_test(test_retention), cmocka_unit_test(test_counts),
                cmocka_unit_test(test_sizes),     cmocka_unit_test(test_source),
                cmocka_unit_test(test_frame),     cmocka_unit_test(test_ticks),
                cmocka_unit_test(test_stdin),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
