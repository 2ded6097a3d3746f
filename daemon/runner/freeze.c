/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Build time only: Python source -> marshalled code -> a C array. Linked against the very libpython
 * that will read it, because marshal differs from version to version. */

#include "runner/python.h"

#include <fcntl.h>
#include <marshal.h>
#include <stdio.h>
#include <string.h>

#include "basic/io.h"
#include "runner/interp.h"

#define SOURCE_BYTES_MAX (1U << 20)

/* The name of a module as one of C: without the underscore in front, which C has for itself. */
static void print_symbol(const char *module) {
        for (const char *c = module + (*module == '_'); *c != '\0'; c++)
                putchar(*c == '.' ? '_' : *c);
}

static int freeze(const char *module, const char *path) {
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
        printf("static const unsigned char ");
        print_symbol(module);
        printf("[] = {");
        for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(data); i++)
                printf("%s%u,", i % 24 == 0 ? "\n" : "",
                       (unsigned char) PyBytes_AS_STRING(data)[i]);
        printf("\n};\n");
        return 0;
}

int main(int argc, char **argv) {
        if (argc != 3) {
                fprintf(stderr, "usage: freeze MODULE FILE\n");
                return 2;
        }
        if (interp_start(NULL, "") < 0)
                return 1;
        return freeze(argv[1], argv[2]) < 0;
}
