/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard input that stays open: what WriteInput brings goes into the job's pipe, writer by writer in
 * the order of their calls. Nothing is copied: a writer waits with its bytes until the pipe has them, so
 * that what is kept for a job that does not read is one message for each connection. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/buf.h"
#include "basic/list.h"

typedef enum InputState {
        INPUT_WAITING,
        INPUT_WRITTEN, /* all of it is in the pipe */
        INPUT_REFUSED, /* nobody reads any more, or another writer closed it; some of it may be in it */
} InputState;

typedef struct InputWriter {
        List link;
        Buf bytes;
        bool is_last; /* closes it behind these bytes */
        InputState state;
        void (*notify)(struct InputWriter *writer); /* makes a note, no more */
} InputWriter;

typedef struct Input {
        bool is_open; /* takes writers */
        int fd;       /* the write end of a pipe, from the start of the job on */
        sd_event_source *source;
        List writers; /* InputWriter.link, the first one writes */
} Input;

void input_init(Input *in, bool is_open);

/* The job starts: takes fd, whatever happens. SIGPIPE must be ignored. */
int input_start(Input *in, sd_event *event, int fd);

/* Adds a writer, which may be notified at once. It must stay where it is until it waits no more, or leave
 * by list_remove(). */
void input_add(Input *in, InputWriter *writer);

/* The end of it: who waits is refused. */
void input_close(Input *in);
