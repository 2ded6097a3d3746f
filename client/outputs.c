/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/io.h"
#include "client/text.h"

/* Goes down one directory, which is made if it is not there. Takes fd. */
static int enter(int parent, const char *name) {
        _cleanup_close_ int fd = parent;
        int next;

        if (mkdirat(fd, name, 0777) < 0 && errno != EEXIST)
                return -errno;
        next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return next < 0 ? -errno : next;
}

/* Only names below, whatever the daemon says: not even one that it would never send. */
static bool is_below(const char *name) {
        return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int create(const char *dir, const char *path, mode_t mode) {
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char *rest = copy, *name;
        int fd;

        if (!copy)
                return -ENOMEM;
        if (dir_fd < 0)
                return -errno;
        for (;;) {
                name = strsep(&rest, "/"); /* never NULL, because rest is not */
                if (!is_below(name))
                        return -EINVAL;
                if (!rest)
                        break;
                dir_fd = enter(TAKE_FD(dir_fd), name);
                if (dir_fd < 0)
                        return dir_fd;
        }
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        return fd < 0 ? -errno : fd;
}

struct OutputBlob {
        char *path, *blob;
        bool is_executable;
};

static int
write_bytes(const char *dir, const char *path, bool is_executable, const char *data, size_t size) {
        _cleanup_close_ int fd = create(dir, path, is_executable ? 0777 : 0666);

        return fd < 0 ? fd : io_write_full(fd, data, size);
}

static int keep_blob(Outputs *outputs, const PysbFile *file) {
        OutputBlob *blobs =
                reallocarray(outputs->blobs, outputs->n_blobs + 1, sizeof(*outputs->blobs));
        OutputBlob *blob;

        if (!blobs)
                return -ENOMEM;
        outputs->blobs = blobs;
        blob = &blobs[outputs->n_blobs++];
        blob->path = strdup(pysb_file_get_path(file));
        blob->blob = strdup(pysb_file_get_blob(file));
        blob->is_executable = pysb_file_is_executable(file);
        return blob->path && blob->blob ? 0 : -ENOMEM;
}

static int write_file(Outputs *outputs, const PysbFile *file) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (pysb_file_get_blob(file))
                return keep_blob(outputs, file);
        r = pysb_file_get_content(file, &data, &size);
        return r < 0 ? r
                     : write_bytes(outputs->dir, pysb_file_get_path(file),
                                   pysb_file_is_executable(file), data, size);
}

static void say_failed(Outputs *outputs, const char *path, const char *why) {
        outputs->has_failed = true;
        text_error("%s/%s: %s.", outputs->dir, path, why);
}

static const char *why_not_written(int r) {
        return r == -EEXIST ? "exists already, and is left as it is" : strerror(-r);
}

static void add(Outputs *outputs, const PysbFile *file) {
        const char *path = pysb_file_get_path(file), *problem = pysb_file_get_problem(file);
        int r = 0;

        outputs->n++;
        if (!outputs->dir)
                return;
        if (!problem)
                r = write_file(outputs, file);
        if (problem)
                text_error("%s is not handed back: %s.", path, problem);
        else if (r < 0)
                say_failed(outputs, path, why_not_written(r));
        else if (pysb_file_is_truncated(file))
                text_error("%s/%s: only the head, the file is larger.", outputs->dir, path);
        outputs->has_failed = outputs->has_failed || problem;
}

int outputs_prepare(const char *dir) {
        if (!dir || mkdir(dir, 0777) == 0 || errno == EEXIST)
                return 0;
        text_error("%s: %s.", dir, strerror(errno));
        return -EINVAL;
}

void outputs_add_event(Outputs *outputs, const PysbEvent *event) {
        const PysbFile *file = pysb_event_get_file(event);

        if (file)
                add(outputs, file);
}

void outputs_add_result(Outputs *outputs, const PysbResult *result) {
        const PysbFile *file;

        for (size_t i = 0; (file = pysb_result_get_file(result, i)); i++)
                add(outputs, file);
}

void outputs_fetch(Outputs *outputs, PysbClient *client) {
        for (size_t i = 0; i < outputs->n_blobs; i++) {
                const OutputBlob *blob = &outputs->blobs[i];
                _cleanup_free_ char *data = NULL;
                size_t size;
                int r;

                if (pysb_get_blob(client, blob->blob, &data, &size) < 0) {
                        say_failed(outputs, blob->path,
                                   pysb_client_get_error(client) ?: "no memory");
                        continue;
                }
                r = write_bytes(outputs->dir, blob->path, blob->is_executable, data, size);
                if (r < 0)
                        say_failed(outputs, blob->path, why_not_written(r));
        }
}

void outputs_done(Outputs *outputs) {
        for (size_t i = 0; i < outputs->n_blobs; i++) {
                free(outputs->blobs[i].path);
                free(outputs->blobs[i].blob);
        }
        free(outputs->blobs);
        *outputs = (Outputs){};
}

void outputs_report(const Outputs *outputs) {
        if (outputs->n > 0 && !outputs->dir)
                text_error("The program hands back %zu file%s; --output-dir DIR writes them there.",
                           outputs->n, outputs->n == 1 ? "" : "s");
}
