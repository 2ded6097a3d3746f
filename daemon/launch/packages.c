/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/packages.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"
#include "profile/flat.h"

/* Where the Debian package is not called after the module. */
static const struct {
        const char *module, *package;
} other_names[] = {
        { "PIL", "python3-pil" },
        { "cv2", "python3-opencv" },
        { "mpl_toolkits", "python3-matplotlib" },
        { "pytz", "python3-tz" },
};

/* A directory, a source or an extension module. */
static bool module_is_in(const char *directory, const char *module) {
        char path[PATH_MAX];
        glob_t found = {};
        size_t n;
        bool is_there;

        n = (size_t) snprintf(path, sizeof(path), "%s/", directory);
        (void) snprintf(path + n, sizeof(path) - n, "%s", module);
        for (char *dot = path + n; (dot = strchr(dot, '.'));)
                *dot = '/';
        if (access(path, F_OK) == 0)
                return true;
        n = strlen(path);
        (void) snprintf(path + n, sizeof(path) - n, ".py");
        if (access(path, F_OK) == 0)
                return true;
        (void) snprintf(path + n, sizeof(path) - n, "{,.*}.so");
        is_there = glob(path, GLOB_NOSORT | GLOB_BRACE, NULL, &found) == 0;
        globfree(&found);
        return is_there;
}

/* In one of the directories of the profile, whose lines these are. */
static bool package_is_there(const char *lines, const char *module) {
        _cleanup_(flat_line_done) FlatLine line = {};
        size_t size = strlen(lines);

        for (;;) {
                _cleanup_free_ char *error = NULL;

                if (flat_line_next(&lines, &size, &line, &error) <= 0)
                        return false;
                if (strcmp(line.key, "python.package_paths") == 0 &&
                    strlen(line.text) + strlen(module) + sizeof("/{,.*}.so") < PATH_MAX &&
                    module_is_in(line.text, module))
                        return true;
        }
}

/* By Debian's policy for Python: in lower case, with dashes. */
static void package_name(const char *module, char *buf, size_t size) {
        FOREACH_ARRAY(other, other_names, ELEMENTSOF(other_names))
                if (strcmp(other->module, module) == 0) {
                        (void) snprintf(buf, size, "%s", other->package);
                        return;
                }
        (void) snprintf(buf, size, "python3-%s", module);
        for (; *buf != '\0'; buf++)
                *buf = *buf == '_' ? '-' : (char) tolower((unsigned char) *buf);
}

static int packages_append(Buf *text, const FlatLine *line, const char *package) {
        _cleanup_free_ char *flat = NULL;

        if (asprintf(&flat, "%s: python.package_debs = \"%s\"\n", line->where, package) < 0)
                return -ENOMEM;
        /* The same package may have several modules. */
        if (buf_size(text) > 0 && memmem(buf_data(text), buf_size(text), flat, strlen(flat)))
                return 0;
        return buf_append(text, flat, strlen(flat));
}

int packages_append_missing(Buf *text, const char *lines) {
        const char *all = lines;
        _cleanup_(flat_line_done) FlatLine line = {};
        _cleanup_(buf_done) Buf missing = {};
        size_t size = strlen(lines);
        int r;

        for (;;) {
                _cleanup_free_ char *error = NULL;
                char package[NAME_MAX];

                r = flat_line_next(&lines, &size, &line, &error);
                if (r == -ENOMEM)
                        return r;
                if (r <= 0)
                        break;
                if (strcmp(line.key, "python.packages") != 0 || line.type == FLAT_EMPTY ||
                    package_is_there(all, line.text))
                        continue;
                package_name(line.text, package, sizeof(package));
                r = packages_append(&missing, &line, package);
                if (r < 0)
                        return r;
        }
        return buf_size(&missing) > 0 ? buf_append(text, buf_data(&missing), buf_size(&missing))
                                      : 0;
}
