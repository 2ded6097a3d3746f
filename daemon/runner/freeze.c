/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Build time only: Python source -> marshalled code -> C, the whole table frozen_modules of it. Linked
 * against the very libpython that will read it, because marshal differs from version to version. */

#include "runner/python.h"

#include <fcntl.h>
#include <marshal.h>
#include <stdio.h>
#include <string.h>

#include "basic/io.h"
#include "runner/interp.h"

#define SOURCE_BYTES_MAX (1U << 20)

static bool is_package(const char *path) {
        const char *name = strrchr(path, '/');

        return name && strcmp(name, "/__init__.py") == 0;
}

/* The code of a module as an array of its number. */
static int print_code(int number, const char *module, const char *path) {
        _cleanup_python_ PyObject *code = NULL, *data = NULL;
        _cleanup_free_ char *source = NULL;
        char file_name[128];
        size_t size;
        int r;

        r = io_read_file(AT_FDCWD, path, SOURCE_BYTES_MAX, &source, &size);
        if (r < 0) {
                fprintf(stderr, "freeze: cannot read %s: %s\n", path, strerror(-r));
                return r;
        }
        (void) snprintf(file_name, sizeof(file_name), "<frozen %s>", module);
        code = Py_CompileString(source, file_name, Py_file_input);
        data = code ? PyMarshal_WriteObjectToString(code, Py_MARSHAL_VERSION) : NULL;
        if (!data) {
                PyErr_Print();
                return -EINVAL;
        }
        printf("static const unsigned char code_%d[] = {", number);
        for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(data); i++)
                printf("%s%u,", i % 24 == 0 ? "\n" : "",
                       (unsigned char) PyBytes_AS_STRING(data)[i]);
        printf("\n};\n\n");
        return 0;
}

static void print_table(char **arguments, int n_arguments) {
        printf("const struct _frozen frozen_modules[] = {\n");
        for (int i = 0; i < n_arguments; i += 2)
                printf("        { .name = \"%s\", .code = code_%d, .size = sizeof(code_%d), "
                       ".is_package = %d },\n",
                       arguments[i], i, i, is_package(arguments[i + 1]));
        printf("        {},\n};\n");
}

int main(int argc, char **argv) {
        if (argc < 3 || argc % 2 == 0) {
                fprintf(stderr, "usage: freeze MODULE FILE [MODULE FILE]…\n");
                return 2;
        }
        if (interp_start(NULL, "") < 0)
                return 1;
        for (int i = 1; i < argc; i += 2)
                if (print_code(i - 1, argv[i], argv[i + 1]) < 0)
                        return 1;
        print_table(argv + 1, argc - 1);
        return 0;
}
