/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that go with a job, files that it hands back, and blobs. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "c-client.h"

static int check_file(const PysbFile *file) {
        size_t size;
        char *data;

        CHECK(is_text(pysb_file_get_path(file), "out.sh") && pysb_file_get_size(file) == 3);
        CHECK(!pysb_file_get_problem(file) && strlen(pysb_file_get_sha256(file)) == 64);
        CHECK(pysb_file_is_executable(file) && !pysb_file_is_truncated(file));
        CHECK(pysb_file_get_content(file, &data, &size) == 0 && size == 3);
        CHECK(is_text(data, "abc"));
        free(data);
        return 0;
}

static void
see_file(PysbClient *from, const PysbEvent *event, PysbResult *result, int error, void *userdata) {
        Seen *seen = userdata;

        if (!event)
                see(from, event, result, error, userdata);
        else if (pysb_event_get_file(event) && check_file(pysb_event_get_file(event)) == 0)
                seen->kinds |= 1U << pysb_event_get_kind(event);
}

int case_files(void) {
        static const char code[] = "import os\nopen('out.sh', 'w').write('abc')\n"
                                   "os.chmod('out.sh', 0o755)\nos.symlink('out.sh', 'z')";
        PysbResult *result;
        Seen seen = {};
        size_t size;
        char *data, *blob;

        CHECK(set_code(code) == 0 && pysb_request_set_profile(request, "default") == 0);
        CHECK(pysb_request_add_collect(request, "*", false, false) == 0);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(check_file(pysb_result_get_file(result, 0)) == 0);
        CHECK(is_text(pysb_file_get_problem(pysb_result_get_file(result, 1)), "not-regular"));
        CHECK(pysb_file_get_content(pysb_result_get_file(result, 1), &data, &size) == -ENODATA);
        CHECK(!pysb_result_get_file(result, 2));
        pysb_result_free(result);
        CHECK(pysb_start(client, request, see_file, &seen) == 0 && drive() == 0);
        CHECK(seen.result && seen.kinds == 1U << PYSB_EVENT_FILE);
        CHECK(!pysb_result_get_file(seen.result, 0));
        pysb_result_free(seen.result);
        CHECK(pysb_client_set_tenant(client, "somebody") == 0);
        CHECK(pysb_put_blob(client, "abc", 3, &blob) == -EREMOTEIO); /* we are no gateway */
        CHECK(pysb_client_set_tenant(client, NULL) == 0);
        CHECK(pysb_put_blob(client, "abc", 3, &blob) == 0);
        CHECK(set_code("import os; os.rename('a', 'b')") == 0);
        CHECK(pysb_request_add_blob(request, "a", blob) == 0);
        CHECK(pysb_request_set_file_mode(request, true, true) == 0);
        CHECK(pysb_request_add_collect(request, "b", false, false) == 0);
        CHECK(pysb_request_set_collect_delivery(request, "blob") == 0);
        CHECK(pysb_run(client, request, &result) == 0);
        CHECK(pysb_file_is_executable(pysb_result_get_file(result, 0)));
        CHECK(is_text(pysb_file_get_blob(pysb_result_get_file(result, 0)), blob));
        CHECK(pysb_get_blob(client, blob, &data, &size) == 0 && is_text(data, "abc"));
        pysb_result_free(result);
        free(data);
        CHECK(pysb_remove_blob(client, blob) == 1 && pysb_remove_blob(client, blob) == 0);
        free(blob);
        return 0;
}
