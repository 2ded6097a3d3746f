/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include <string.h>

#include "basic/macro.h"
#include "runner/policy.h"

typedef enum Scope {
        SCOPE_ALWAYS = 1,  /* also where the profile has host_env */
        SCOPE_PROGRAM = 2, /* library code may */
        SCOPE_PREFIX = 4,  /* whatever begins like this */
} Scope;

/* What is denied. All else passes: compile() and exec() are what dataclasses and namedtuple are made
 * of. Python code cannot take the hook away; a broken interpreter can. */
static const struct {
        const char *event;
        unsigned scope;
} rules[] = {
        /* Would see what programs do, and could stop the next one's begin. */
        { "sys.addaudithook", SCOPE_ALWAYS },
        /* A fresh interpreter has builtins without the policy. */
        { "cpython.PyInterpreterState_New", SCOPE_ALWAYS },
        /* Hand-made bytecode crashes the interpreter or reads its memory. */
        { "code.__new__", SCOPE_PROGRAM },
        { "marshal.load", SCOPE_PROGRAM | SCOPE_PREFIX },
        /* A library's function with other globals, or other code, is trusted code of the program. */
        { "function.__new__", SCOPE_PROGRAM },
        { "object.__setattr__", SCOPE_PROGRAM },
        { "gc.get_", SCOPE_PROGRAM | SCOPE_PREFIX },
        /* The host: nothing is left to call, unless somebody kept it. */
        { "ctypes.", SCOPE_PREFIX },
        { "fcntl.", SCOPE_PREFIX },
        { "import", 0 },
        { "mmap.", SCOPE_PREFIX },
        { "open", 0 },
        { "os.", SCOPE_PREFIX },
        { "pty.", SCOPE_PREFIX },
        { "resource.", SCOPE_PREFIX },
        { "shutil.", SCOPE_PREFIX },
        { "signal.", SCOPE_PREFIX },
        { "socket.", SCOPE_PREFIX },
        { "subprocess.", SCOPE_PREFIX },
        { "syslog.", SCOPE_PREFIX },
};

static bool audit_matches(const char *event, const char *pattern, unsigned scope) {
        return scope & SCOPE_PREFIX ? strncmp(event, pattern, strlen(pattern)) == 0
                                    : strcmp(event, pattern) == 0;
}

/* Events whose name does not say enough. */
static bool audit_is_harmless(const char *event, PyObject *args) {
        /* Of an extension module, the file; of all others this is the import policy's matter. */
        if (strcmp(event, "import") == 0)
                return PyTuple_GET_SIZE(args) < 2 || PyTuple_GET_ITEM(args, 1) == Py_None;
        if (strcmp(event, "object.__setattr__") == 0)
                return PyTuple_GET_SIZE(args) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(args, 1)) ||
                       PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(args, 1), "__code__") != 0;
        return strcmp(event, "os.putenv") == 0 || strcmp(event, "os.unsetenv") == 0;
}

static int audit_deny(const char *event) {
        policy_violation("audit_hook", event, NULL);
        PyErr_Format(PyExc_PermissionError, "%s is not available in this sandbox", event);
        return -1;
}

int policy_audit(const char *event, PyObject *args, void *data) {
        if (!policy.is_locked)
                return 0;
        FOREACH_ARRAY(rule, rules, ELEMENTSOF(rules)) {
                if (rule->event[0] != event[0] ||
                    (policy.has_host_env && rule->scope != SCOPE_ALWAYS))
                        continue;
                if (!audit_matches(event, rule->event, rule->scope))
                        continue;
                if (audit_is_harmless(event, args) ||
                    ((rule->scope & SCOPE_PROGRAM) && policy_trusts_caller()))
                        return 0;
                return audit_deny(event);
        }
        return 0;
}
