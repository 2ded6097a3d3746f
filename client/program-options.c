/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/program-options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/io.h"
#include "client/text.h"

/* More than fits into one message, or into one descriptor of it, need not be read to the end. */
#define TEXT_MAX_BYTES (4 * MIB)
#define FILE_MAX_BYTES (16 * MIB)

/* Reads a file of any kind, a pipe included. Says what is wrong: -EFBIG, or of the file -EIO. */
static int read_input(const char *path, size_t max, char **ret_data, size_t *ret_size) {
        int r;

        if (strcmp(path, "-") == 0)
                r = io_read_fd(STDIN_FILENO, max, ret_data, ret_size);
        else
                r = io_read_file(AT_FDCWD, path, max, ret_data, ret_size);
        if (r == -EFBIG)
                text_error("%s: larger than it may be (%zu MiB).", path, max / MIB);
        else if (r < 0)
                text_error("%s: %s.", path, strerror(-r));
        return r < 0 && r != -EFBIG ? -EIO : r;
}

/* Says why a setter of the library did not take it. */
static int say(int error, const char *what, const char *should) {
        if (error < 0)
                text_error("%s: %s.", what, error == -EILSEQ ? should : strerror(-error));
        return error;
}

/* JSON, or @ and the file that it is in. */
static int take_inputs(PysbRequest *request, const char *value) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (value[0] != '@')
                return say(pysb_request_set_inputs_json(request, value), "--inputs",
                           "must be UTF-8 text");
        r = read_input(value + 1, TEXT_MAX_BYTES, &data, &size);
        if (r < 0)
                return r;
        if (strlen(data) != size)
                return say(-EILSEQ, value + 1, "must be text without NUL");
        return say(pysb_request_set_inputs_json(request, data), value + 1, "must be UTF-8 text");
}

/* The same place below /app, if that is possible; else there by its name. */
static const char *default_path(const char *host) {
        const char *slash = strrchr(host, '/');

        while (strncmp(host, "./", 2) == 0)
                host += 2;
        if (host[0] != '/' && strncmp(host, "../", 3) != 0 && !strstr(host, "/../"))
                return host;
        return slash + 1;
}

static bool is_executable(const char *host) {
        struct stat st;

        return stat(host, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

int program_add_file(PysbRequest *request, const char *value) {
        _cleanup_free_ char *data = NULL, *host = strdup(value);
        char *colon;
        size_t size;
        int r;

        if (!host)
                return -ENOMEM;
        /* A name that has a colon itself is taken as such. */
        colon = access(host, F_OK) < 0 ? strrchr(host, ':') : NULL;
        if (colon)
                *colon = '\0';
        r = read_input(host, FILE_MAX_BYTES, &data, &size);
        if (r < 0)
                return r;
        r = pysb_request_add_file(request, colon ? colon + 1 : default_path(host), data, size);
        if (r >= 0 && is_executable(host))
                r = pysb_request_set_file_mode(request, true, false);
        return say(r, value, "the name must be UTF-8");
}

/* Names with commas between them. */
static int take_modules(ProgramOptions *o, PysbRequest *request, const char *value) {
        _cleanup_free_ char *list = strdup(value);
        char *rest = list, *name;
        int r = list ? 0 : -ENOMEM;

        o->has_modules = true;
        while (r >= 0 && (name = strsep(&rest, ",")))
                r = say(pysb_request_add_module(request, name), "--modules", "must be UTF-8 text");
        return r;
}

int program_take(ProgramOptions *o, PysbRequest *request, int option) {
        switch (option) {
        case 'c':
                o->code = optarg;
                return 0;
        case 'e':
                o->expression = optarg;
                return 0;
        case OPTION_MODULE:
                o->module = optarg;
                return 0;
        case OPTION_CALLABLE:
                return say(pysb_request_set_callable(request, optarg), "--callable",
                           "must be UTF-8 text");
        case OPTION_INPUTS:
                return take_inputs(request, optarg);
        case OPTION_FILE:
                return program_add_file(request, optarg);
        case OPTION_MODULES:
                return take_modules(o, request, optarg);
        case OPTION_ANALYSIS:
                return say(pysb_request_set_analysis(request, optarg), "--analysis",
                           "must be off, imports or strict");
        default:
                return -EINVAL;
        }
}

static int set_code(PysbRequest *request, const char *name, const char *code, size_t size) {
        return say(pysb_request_set_code(request, code, size), name,
                   "the program must be UTF-8 text without NUL");
}

int program_load(const ProgramOptions *o, PysbRequest *request) {
        _cleanup_free_ char *code = NULL;
        size_t size;
        int r;

        if (o->code)
                return set_code(request, "-c", o->code, strlen(o->code));
        if (o->expression)
                return say(pysb_request_set_expression(request, o->expression), "-e",
                           "must be UTF-8 text");
        if (o->module)
                return say(pysb_request_set_module(request, o->module), "--module",
                           "must be UTF-8 text");
        if (strcmp(o->file, "-") == 0 && isatty(STDIN_FILENO)) {
                text_error("Give a file, -c CODE, or the program on standard input.");
                return -EINVAL;
        }
        r = read_input(o->file, TEXT_MAX_BYTES, &code, &size);
        return r < 0 ? r : set_code(request, o->file, code, size);
}

const char *program_name(const ProgramOptions *o) {
        if (!o->file)
                return "<job>";
        return strcmp(o->file, "-") == 0 ? "<stdin>" : o->file;
}
