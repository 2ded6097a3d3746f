/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include <stdint.h>
#include <stdlib.h>

#include "runner/policy.h"

/* Open addressing, at most half full. The dictionaries are kept alive, so that none of a program can
 * get the address of a library's. */
static struct {
        PyObject **slots;
        size_t n_slots; /* a power of two */
        size_t n;
} trusted;

static size_t trust_find(PyObject *const *slots, size_t n_slots, PyObject *globals) {
        size_t i = ((uintptr_t) globals >> 4) & (n_slots - 1);

        while (slots[i] && slots[i] != globals)
                i = (i + 1) & (n_slots - 1);
        return i;
}

static int trust_grow(void) {
        size_t n_slots = trusted.n_slots ? 2 * trusted.n_slots : 1024;
        PyObject **slots = calloc(n_slots, sizeof(*slots));

        if (!slots) {
                PyErr_NoMemory();
                return -1;
        }
        for (size_t i = 0; i < trusted.n_slots; i++)
                if (trusted.slots[i])
                        slots[trust_find(slots, n_slots, trusted.slots[i])] = trusted.slots[i];
        free(trusted.slots);
        trusted.slots = slots;
        trusted.n_slots = n_slots;
        return 0;
}

int policy_trust(PyObject *globals) {
        size_t i;

        if (2 * (trusted.n + 1) > trusted.n_slots && trust_grow() < 0)
                return -1;
        i = trust_find(trusted.slots, trusted.n_slots, globals);
        if (!trusted.slots[i]) {
                trusted.slots[i] = Py_NewRef(globals);
                trusted.n++;
        }
        return 0;
}

bool policy_trusts(PyObject *globals) {
        return trusted.n > 0 &&
               trusted.slots[trust_find(trusted.slots, trusted.n_slots, globals)] != NULL;
}

/* Names of modules whose globals nobody has seen yet. */
static PyObject *expected;

int policy_trust_later(PyObject *name) {
        if (!expected)
                expected = PySet_New(NULL);
        return expected ? PySet_Add(expected, name) : -1;
}

static bool trust_is_library(PyObject *name, PyObject *globals) {
        _cleanup_python_ PyObject *module = PyImport_GetModule(name), *spec = NULL, *origin = NULL;

        if (!module || !PyModule_Check(module) || PyModule_GetDict(module) != globals)
                return false;
        spec = PyObject_GetAttrString(module, "__spec__");
        origin = spec ? policy_spec_origin(spec) : NULL;
        return origin && policy_origin_is_library(origin);
}

static bool trust_learn(PyObject *globals) {
        PyObject *name = PyDict_GetItemString(globals, "__name__"); /* borrowed */
        bool is_library = name && PyUnicode_Check(name) && PySet_Discard(expected, name) == 1 &&
                          trust_is_library(name, globals) && policy_trust(globals) == 0;

        PyErr_Clear();
        return is_library;
}

bool policy_trusts_caller(void) {
        PyObject *globals = PyEval_GetGlobals(); /* borrowed */

        /* No frame: the interpreter itself, or our own C code. */
        if (!globals || policy_trusts(globals))
                return true;
        return expected && PySet_GET_SIZE(expected) > 0 && trust_learn(globals);
}
