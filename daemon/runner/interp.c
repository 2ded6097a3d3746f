/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner/python.h"

#include "runner/interp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "config.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
/* CPython does not free everything when it ends, and a job that crashes must die of its own signal,
 * not of a report. An allocation that fails is a MemoryError; a thread needs no fake stack, which
 * would not fit under the limit of address space; and what a job has freed must not stay its memory
 * for long. */
_public_ const char *__asan_default_options(void);
const char *__asan_default_options(void) {
        return "detect_leaks=0:allow_user_segv_handler=1:handle_segv=0:handle_abort=0:"
               "handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:use_sigaltstack=0:"
               "allocator_may_return_null=1:detect_stack_use_after_return=0:quarantine_size_mb=4";
}
#endif

/* One path a line. */
static PyStatus interp_add_packages(PyConfig *config, const char *paths) {
        PyStatus status = PyStatus_Ok();

        while (*paths != '\0' && !PyStatus_Exception(status)) {
                size_t size = strcspn(paths, "\n");
                _cleanup_free_ char *path = strndup(paths, size);
                wchar_t *wide = path ? Py_DecodeLocale(path, NULL) : NULL;

                if (!wide)
                        return PyStatus_NoMemory();
                status = PyWideStringList_Append(&config->module_search_paths, wide);
                PyMem_RawFree(wide);
                paths += size + (paths[size] == '\n');
        }
        return status;
}

/* Each path is given, so that getpath searches nothing: no PATH, no pyvenv.cfg, no PYTHONHOME. */
static PyStatus interp_set_paths(PyConfig *config, const char *package_paths) {
        static const wchar_t *const search[] = {
                L"" PYTHON_STDLIB,
                L"" PYTHON_STDLIB "/lib-dynload",
        };
        const struct {
                wchar_t **field;
                const wchar_t *value;
        } rows[] = {
                { &config->program_name, L"python3" },
                { &config->executable, L"" PKGLIBEXECDIR "/pysb-runner" },
                { &config->base_executable, L"" PKGLIBEXECDIR "/pysb-runner" },
                { &config->prefix, L"" PYTHON_PREFIX },
                { &config->base_prefix, L"" PYTHON_PREFIX },
                { &config->exec_prefix, L"" PYTHON_PREFIX },
                { &config->base_exec_prefix, L"" PYTHON_PREFIX },
                { &config->home, L"" PYTHON_PREFIX },
                { &config->stdlib_dir, L"" PYTHON_STDLIB },
                { &config->stdio_encoding, L"utf-8" },
                { &config->stdio_errors, L"backslashreplace" },
                { &config->check_hash_pycs_mode, L"never" },
        };
        PyStatus status;

        FOREACH_ARRAY(row, rows, ELEMENTSOF(rows)) {
                status = PyConfig_SetString(config, row->field, row->value);
                if (PyStatus_Exception(status))
                        return status;
        }
        config->module_search_paths_set = 1;
        FOREACH_ARRAY(path, search, ELEMENTSOF(search)) {
                status = PyWideStringList_Append(&config->module_search_paths, *path);
                if (PyStatus_Exception(status))
                        return status;
        }
        return interp_add_packages(config, package_paths);
}

static PyStatus interp_init(const char *package_paths) {
        PyPreConfig preconfig;
        PyConfig config;
        PyStatus status;

        PyPreConfig_InitIsolatedConfig(&preconfig);
        preconfig.utf8_mode = 1;
        preconfig.configure_locale = 0; /* C everywhere: no locale file is read */
        status = Py_PreInitialize(&preconfig);
        if (PyStatus_Exception(status))
                return status;

        PyConfig_InitIsolatedConfig(&config);
        config.site_import = 0; /* site executes *.pth files of the host */
        config.write_bytecode = 0;
        config.install_signal_handlers = 0; /* the job gets them, the template keeps defaults */
        config.safe_path = 1;
        config.parse_argv = 0;
        config.pathconfig_warnings = 0;
        config.use_hash_seed = 0; /* a random secret for each template */
        status = interp_set_paths(&config, package_paths);
        if (!PyStatus_Exception(status))
                status = Py_InitializeFromConfig(&config);
        PyConfig_Clear(&config);
        return status;
}

int interp_start(const struct _frozen *modules, const char *package_paths) {
        PyStatus status;

        if (modules)
                PyImport_FrozenModules = modules;
        status = interp_init(package_paths);
        if (!PyStatus_Exception(status))
                return 0;
        fprintf(stderr, "pysb-runner: cannot start Python: %s\n",
                status.err_msg ? status.err_msg : "it exited");
        return -EIO;
}

void interp_complain(const char *what) {
        PyObject *error = python_take_exception(), *text = NULL;
        const char *message = NULL;

        if (error)
                text = PyObject_Str(error);
        if (text)
                message = PyUnicode_AsUTF8(text);
        fprintf(stderr, "pysb-runner: %s: %s: %s\n", what,
                error ? Py_TYPE(error)->tp_name : "no exception", message ? message : "?");
        PyErr_Clear();
        Py_XDECREF(text);
        Py_XDECREF(error);
}

const char *interp_version(void) {
        return PY_VERSION;
}
