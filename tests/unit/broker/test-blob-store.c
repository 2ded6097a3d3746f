/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "broker/blob-store.h"

/* Of the three bytes "abc". */
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NOTHING "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static Tenants tenants;
static TenantPolicy policy;
static BlobStore store;
static Tenant *alice, *bob;

static int put(Tenant *tenant, const char *text, uint64_t now, Blob **ret_blob) {
        char *data = strdup(text);
        int r = blob_store_put(&store, tenant, data, strlen(text), now, ret_blob);

        if (r != 0)
                free(data);
        return r;
}

static int set_up(void **state) {
        for (Quota q = 0; q < _QUOTA_MAX; q++)
                policy.maximum[q] = UINT64_MAX;
        policy.maximum[QUOTA_BLOB_BYTES] = 2 * blob_charge(3);
        tenants_init(&tenants);
        blob_store_init(&store);
        alice = tenants_get(&tenants, "alice", &policy);
        bob = tenants_get(&tenants, "bob", &policy);
        return 0;
}

static int tear_down(void **state) {
        blob_store_done(&store);
        assert_int_equal(tenants.used[QUOTA_BLOB_BYTES], 0);
        tenant_unref(alice);
        tenant_unref(bob);
        tenants_done(&tenants);
        return 0;
}

static void test_same_bytes_are_one(void **state) {
        Blob *first, *second;

        assert_int_equal(put(alice, "abc", 5, &first), 0);
        assert_string_equal(first->id, ABC);
        assert_int_equal(first->expires_usec, 5 + BLOB_USEC);
        assert_int_equal(put(alice, "abc", 7, &second), 0);
        assert_ptr_equal(first, second);
        assert_int_equal(first->expires_usec, 7 + BLOB_USEC);
        assert_int_equal(alice->used[QUOTA_BLOB_BYTES], blob_charge(3));
        assert_int_equal(put(alice, "", 7, &second), 0);
        assert_string_equal(second->id, NOTHING);
}

static void test_each_tenant_has_its_own(void **state) {
        Blob *blob;

        assert_int_equal(put(alice, "abc", 0, &blob), 0);
        assert_ptr_equal(blob_store_find(&store, alice, ABC, 0), blob);
        assert_null(blob_store_find(&store, bob, ABC, 0));
        assert_false(blob_store_remove(&store, bob, ABC));
        assert_int_equal(put(bob, "abc", 0, &blob), 0);
        assert_int_equal(bob->used[QUOTA_BLOB_BYTES], blob_charge(3));
        assert_true(blob_store_remove(&store, alice, ABC));
        assert_false(blob_store_remove(&store, alice, ABC));
        assert_int_equal(alice->used[QUOTA_BLOB_BYTES], 0);
        assert_ptr_equal(blob_store_find(&store, bob, ABC, 0), blob);
}

static void test_bad_names(void **state) {
        static const char *const names[] = { "", "sha256:", "abc", ABC "0", "SHA256:" };
        Blob *blob;

        assert_int_equal(put(alice, "abc", 0, &blob), 0);
        FOREACH_ARRAY(name, names, ELEMENTSOF(names))
                assert_null(blob_store_find(&store, alice, *name, 0));
}

static void test_quota(void **state) {
        Blob *blob;

        assert_int_equal(put(alice, "abc", 0, &blob), 0);
        assert_int_equal(put(alice, "abd", 0, &blob), 0);
        assert_int_equal(put(alice, "abe", 0, &blob), CHARGE_OVER_TENANT);
        assert_int_equal(put(alice, "abc", 0, &blob), 0); /* is there already */
        assert_true(blob_store_remove(&store, alice, ABC));
        assert_int_equal(put(alice, "abe", 0, &blob), 0);
        tenants.maximum[QUOTA_BLOB_BYTES] = tenants.used[QUOTA_BLOB_BYTES];
        assert_int_equal(put(bob, "abc", 0, &blob), CHARGE_OVER_NODE);
}

static void test_expiry(void **state) {
        Blob *abc, *abd;

        assert_int_equal(blob_store_sweep(&store, 0), UINT64_MAX);
        assert_int_equal(put(alice, "abc", 0, &abc), 0);
        assert_int_equal(put(alice, "abd", 1, &abd), 0);
        assert_int_equal(blob_store_sweep(&store, BLOB_USEC - 1), BLOB_USEC);
        assert_non_null(blob_store_find(&store, alice, ABC, 2)); /* which is a use */
        assert_int_equal(blob_store_sweep(&store, BLOB_USEC), BLOB_USEC + 1);
        assert_int_equal(blob_store_sweep(&store, BLOB_USEC + 1), BLOB_USEC + 2);
        assert_int_equal(alice->used[QUOTA_BLOB_BYTES], blob_charge(3));
        assert_int_equal(blob_store_sweep(&store, BLOB_USEC + 2), UINT64_MAX);
        assert_null(blob_store_find(&store, alice, ABC, BLOB_USEC + 2));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_same_bytes_are_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_each_tenant_has_its_own, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bad_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_quota, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
