/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interpreter by the same shared library as in a box: Debian's own program has another copy of it inside, which
 * was compiled otherwise. */

#include <Python.h>

int main(int argc, char *argv[]) {
        return Py_BytesMain(argc, argv);
}
