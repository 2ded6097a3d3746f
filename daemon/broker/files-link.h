/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files channel of a box whose job lives: asks its init for names, bytes and changes, one thing after the
 * other, for as many callers as come. What init says is checked; what stands in names and files is the job's. */

#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "proto/files-wire.h"

typedef struct FilesLink FilesLink;
typedef struct FilesCall FilesCall;

/* All are called from the event loop, and must not free the link. entry and data may be NULL where none comes;
 * a negative errno of theirs becomes that of done. */
typedef struct FilesOwner {
        int (*entry)(void *userdata,
                     const FilesAnswer *entry,
                     const char *path); /* of entry->size bytes */
        int (*data)(void *userdata, const void *data, size_t size);
        /* The last call; error is 0, what init met, or -ECONNRESET: the box is gone. end is of success. */
        void (*done)(void *userdata, int error, const FilesAnswer *end);
        void *userdata;
} FilesOwner;

/* A file to be put. */
typedef struct FilesPut {
        char *path, *data;
        size_t size;
        uint32_t flags; /* FILES_EXECUTABLE, FILES_READ_ONLY */
} FilesPut;

FilesPut *files_put_free(FilesPut *files, size_t n); /* NULL */

/* *ret_box_fd is init's end. */
int files_link_new(sd_event *event, int *ret_box_fd, FilesLink **ret_link);

/* Ends all calls with -ECONNRESET. */
FilesLink *files_link_free(FilesLink *link);
DEFINE_CLEANUP(FilesLink *, files_link_free);

/* Patterns, as glob_parse() takes them, with a NUL behind each. An entry for each match, in no order. */
int files_link_list(FilesLink *link,
                    const char *patterns,
                    size_t size,
                    uint64_t max,
                    uint32_t flags,
                    const FilesOwner *owner,
                    FilesCall **ret_call);

/* Bytes of a regular file, then what it is. */
int files_link_read(FilesLink *link,
                    const char *path,
                    uint64_t offset,
                    uint64_t max,
                    const FilesOwner *owner,
                    FilesCall **ret_call);

/* All files or none; directories above them are made, and stay. Takes the files on success. */
int files_link_put(
        FilesLink *link, FilesPut *files, size_t n, const FilesOwner *owner, FilesCall **ret_call);

/* A file, or a directory: an empty one, or with FILES_RECURSIVE any. */
int files_link_remove(FilesLink *link,
                      const char *path,
                      uint32_t flags,
                      const FilesOwner *owner,
                      FilesCall **ret_call);

/* Who asked has gone: nobody is called any more. What began goes on to its end. */
void files_call_forget(FilesCall *call);
