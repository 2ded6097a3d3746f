/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the builder refuses from a broker that somebody has taken over. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "builder/request.h"
#include "launch/self-test.h"

static char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

typedef struct Fixture {
        Profile profile;
        ProfileStore store;
        BuilderRequest request;
} Fixture;

static Fixture fixture_new(void) {
        Fixture f = { .profile = { .digest = digest } };

        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                f.profile.limits.value[id] = limit_infos[id].lowest;
                f.profile.maximum.value[id] =
                        MIN(limit_infos[id].lowest + 10, limit_infos[id].highest);
        }
        f.request = (BuilderRequest){ .verb = BUILDER_START, .box = 1, .limits = f.profile.limits };
        return f;
}

static int fixture_check(Fixture *f, size_t n_fds) {
        f->store = (ProfileStore){ .profiles = { &f->profile }, .n_profiles = 1 };
        return request_check(&f->store, &f->request, n_fds);
}

static void test_good(void **state) {
        Fixture f = fixture_new();

        f.request.digest = profile_digest_short(&f.profile);
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), 0);
        f.request.limits = f.profile.maximum;
        f.request.cpu_weight = CPU_WEIGHT_MAX;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), 0);
        f.request = (BuilderRequest){ .verb = BUILDER_KILL, .box = 7, .reason = END_CANCEL };
        assert_int_equal(fixture_check(&f, 0), 0);
        f.request.reason = END_OUTPUT;
        assert_int_equal(fixture_check(&f, 0), 0);
        f.request.reason = END_TOOL_CALLS;
        assert_int_equal(fixture_check(&f, 0), 0);
        f.request = (BuilderRequest){ .verb = BUILDER_RELOAD };
        assert_int_equal(fixture_check(&f, 0), 0);
        assert_int_equal(fixture_check(&f, 1), -EPROTO);
        /* One that is not there yet: everything before is forgotten. */
        f.request = (BuilderRequest){ .verb = BUILDER_FORGET, .plan = UINT32_MAX };
        assert_int_equal(fixture_check(&f, 0), 0);
        assert_int_equal(fixture_check(&f, 1), -EPROTO);
        /* Any number will do: it is clamped. */
        f.request = (BuilderRequest){
                .verb = BUILDER_TOOL_WAIT,
                .box = 7,
                .is_waiting = 1,
                .waited_usec = UINT64_MAX,
        };
        assert_int_equal(fixture_check(&f, 0), 0);
}

/* The builder's own box is none of the broker's, whatever it wants with it. */
static void test_self_test(void **state) {
        Fixture f = fixture_new();

        f.request = (BuilderRequest){ .verb = BUILDER_SELF_TEST };
        assert_int_equal(fixture_check(&f, 0), 0);
        assert_int_equal(fixture_check(&f, 1), -EPROTO);
        for (uint32_t verb = 0; verb < _BUILDER_VERB_MAX; verb++)
                for (size_t n_fds = 0; n_fds <= BUILDER_FDS_MAX; n_fds++) {
                        f.request = (BuilderRequest){ .verb = verb, .box = SELF_TEST_BOX };
                        assert_int_equal(fixture_check(&f, n_fds), -EPROTO);
                        f.request = (BuilderRequest){ .verb = verb, .branch = SELF_TEST_BOX };
                        assert_int_equal(fixture_check(&f, n_fds), -EPROTO);
                }
}

static void test_every_limit(void **state) {
        for (LimitId id = 0; id < _LIMIT_MAX; id++) {
                Fixture f = fixture_new();

                f.request.digest = profile_digest_short(&f.profile);
                f.request.limits.value[id] = f.profile.maximum.value[id] + 1;
                assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
                f.request.limits.value[id] = UINT64_MAX;
                assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
                if (limit_infos[id].lowest > 0) {
                        f.request.limits.value[id] = limit_infos[id].lowest - 1;
                        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
                }
        }
}

static void test_bad(void **state) {
        Fixture good = fixture_new(), f;

        good.request.digest = profile_digest_short(&good.profile);
        f = good;
        f.request.verb = _BUILDER_VERB_MAX;
        assert_int_equal(fixture_check(&f, 0), -EPROTO);
        f = good;
        f.request.plan = 1;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
        f = good;
        f.request.plan = UINT32_MAX;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
        f = good;
        f.request.digest++;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
        f = good;
        f.request.box = 0;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
        for (size_t n = 0; n < BUILDER_START_FDS; n++) {
                f = good;
                assert_int_equal(fixture_check(&f, n), -EPROTO);
        }
        f = good;
        assert_int_equal(fixture_check(&f, BUILDER_FDS_MAX), 0);
        assert_int_equal(fixture_check(&f, BUILDER_FDS_MAX + 1), -EPROTO);
        f = good;
        f.request.verb = BUILDER_KILL;
        f.request.reason = END_CANCEL;
        assert_int_equal(fixture_check(&f, 1), -EPROTO);
        /* Only the builder says that a limit or a shutdown ended a box. */
        for (uint32_t reason = 0; reason <= _END_MAX; reason++) {
                if (reason == END_OUTPUT || reason == END_CANCEL || reason == END_TOOL_CALLS)
                        continue;
                f.request.reason = reason;
                assert_int_equal(fixture_check(&f, 0), -EPROTO);
        }
        f = good;
        f.request.verb = BUILDER_TOOL_WAIT;
        assert_int_equal(fixture_check(&f, 1), -EPROTO);
        f.request.is_waiting = 2;
        assert_int_equal(fixture_check(&f, 0), -EPROTO);
        f = good;
        f.request.is_session = 2;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
        f = good;
        f.request.cpu_weight = CPU_WEIGHT_MAX + 1;
        assert_int_equal(fixture_check(&f, BUILDER_START_FDS), -EPROTO);
}

static void test_signals_and_cells(void **state) {
        static const uint32_t verbs[] = { BUILDER_INTERRUPT, BUILDER_CELL, BUILDER_IDLE,
                                          BUILDER_USAGE };
        Fixture f = fixture_new();

        FOREACH_ARRAY(verb, verbs, ELEMENTSOF(verbs)) {
                f.request.verb = *verb;
                assert_int_equal(fixture_check(&f, 0), 0);
                assert_int_equal(fixture_check(&f, 1), -EPROTO);
        }
        f.request.verb = BUILDER_RESTART;
        for (size_t n = 0; n <= BUILDER_START_FDS; n++)
                assert_int_equal(fixture_check(&f, n), n == BUILDER_START_FDS ? 0 : -EPROTO);
        /* The time of a cell is the builder's to judge. */
        f.request.verb = BUILDER_INTERRUPT;
        for (uint32_t reason = 0; reason <= _END_MAX; reason++) {
                f.request.reason = reason;
                assert_int_equal(fixture_check(&f, 0),
                                 reason == END_BY_ITSELF || reason == END_CANCEL ? 0 : -EPROTO);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_self_test),
                cmocka_unit_test(test_every_limit),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_signals_and_cells),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
