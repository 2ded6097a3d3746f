/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/displays.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "basic/macro.h"
#include "client/text.h"

/* Where a display is. */
typedef struct Place {
        const PysbEvent *event; /* or: */
        const PysbResult *result;
        size_t index;
} Place;

static const char *place_type(const Place *place, size_t n) {
        return place->event ? pysb_event_get_display_type(place->event, n)
                            : pysb_result_get_display_type(place->result, place->index, n);
}

static int place_get(const Place *place, const char *mime, char **ret_data, size_t *ret_size) {
        return place->event ? pysb_event_get_display(place->event, mime, ret_data, ret_size)
                            : pysb_result_get_display(place->result, place->index, mime, ret_data,
                                                      ret_size);
}

typedef struct Format {
        const char *mime;
        const char *name, *extension;
} Format;

/* The richest first. */
static const Format formats[] = {
        { "image/png", "plot", "png" },
        { "image/svg+xml", "plot", "svg" },
        { "image/jpeg", "plot", "jpg" },
        { "image/gif", "plot", "gif" },
        { "application/pdf", "plot", "pdf" },
        { "text/html", "display", "html" },
        { "text/markdown", "display", "md" },
        { "text/latex", "display", "tex" },
        { "application/json", "display", "json" },
        { "text/plain", "display", "txt" },
};

static int write_file(const char *dir, const char *name, const char *data, size_t size) {
        _cleanup_close_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;

        if (dir_fd < 0)
                return -errno;
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
        return fd < 0 ? -errno : io_write_full(fd, data, size);
}

static void add(Displays *displays, const Place *place) {
        _cleanup_free_ char *data = NULL;
        char name[64];
        size_t size;
        int r = -ENODATA;

        displays->n++;
        if (!displays->dir)
                return;
        FOREACH_ARRAY(format, formats, ELEMENTSOF(formats)) {
                r = place_get(place, format->mime, &data, &size);
                if (r == -ENODATA)
                        continue;
                (void) snprintf(name, sizeof(name), "%s-%zu.%s", format->name, displays->n,
                                format->extension);
                if (r == 0)
                        r = write_file(displays->dir, name, data, size);
                if (r < 0)
                        text_error("%s/%s: %s.", displays->dir, name, strerror(-r));
                return;
        }
        text_error("Display %zu has no representation that a file could hold, only %s.",
                   displays->n, place_type(place, 0) ?: "none");
}

int displays_prepare(const char *dir) {
        if (!dir || mkdir(dir, 0777) == 0 || errno == EEXIST)
                return 0;
        text_error("%s: %s.", dir, strerror(errno));
        return -EINVAL;
}

void displays_add_event(Displays *displays, const PysbEvent *event) {
        if (pysb_event_get_kind(event) == PYSB_EVENT_DISPLAY)
                add(displays, &(Place){ .event = event });
}

void displays_add_result(Displays *displays, const PysbResult *result) {
        Place place = { .result = result };

        for (; place_type(&place, 0); place.index++)
                add(displays, &place);
}

void displays_report(const Displays *displays) {
        if (displays->n > 0 && !displays->dir)
                text_error("The program showed %zu display%s; --display-dir DIR writes them to "
                           "files.",
                           displays->n, displays->n == 1 ? "" : "s");
}
