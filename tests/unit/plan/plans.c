/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plans.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/io.h"

const char *const shipped_names[_SHIPPED_MAX] = {
        [AGENT] = "agent",       [DATA] = "data", [DATA_ANALYSIS] = "data-analysis",
        [DEFAULT] = "default",   [EVAL] = "eval", [FILE_OPERATIONS] = "file-operations",
        [LOOPBACK] = "loopback", [RAW] = "raw",   [TEXT_PROCESSING] = "text-processing",
};

static _noreturn_ void die(const char *name, const char *what) {
        printf("Bail out! profile %s: %s\n", name, what);
        abort();
}

Profile *profile_load(const char *name) {
        _cleanup_free_ char *path = NULL, *lines = NULL;
        const char *directory = getenv("PYSB_PROFILE_PATH");
        Profile *profile;
        char *error;
        size_t size;
        int r;

        if (!directory || asprintf(&path, "%s/%s.profile", directory, name) < 0)
                die(name, "PYSB_PROFILE_PATH is not set");
        r = io_read_file(AT_FDCWD, path, 1 << 20, &lines, &size);
        if (r < 0)
                die(path, strerror(-r));
        if (profile_parse(lines, size, &profile, &error) < 0)
                die(name, error);
        return profile;
}

PlanImage *plan_load(const char *name) {
        _cleanup_(profile_freep) Profile *profile = profile_load(name);
        PlanImage *plan;
        int r;

        r = plan_compile(profile, &plan);
        if (r < 0)
                die(name, strerror(-r));
        return plan;
}
