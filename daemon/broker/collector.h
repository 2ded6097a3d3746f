/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The broker's end of the files channel: asks init for the files of a job that has ended, one packet at
 * a time, so that nobody else waits for them. What comes is checked and bounded. */

#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "broker/collect.h"

typedef struct Collector Collector;

typedef struct CollectorOwner {
        void (*file)(void *userdata, size_t index); /* files[index] is part of the result */
        void (*done)(void *userdata);               /* the last call; may free the collector */
        void *userdata;
} CollectorOwner;

/* Makes the channel; *ret_box_fd is init's end. The collection must outlive the collector. */
int collector_new(sd_event *event,
                  Collection *collection,
                  const CollectorOwner *owner,
                  int *ret_box_fd,
                  Collector **ret_collector);
Collector *collector_free(Collector *collector);
DEFINE_CLEANUP(Collector *, collector_free);

/* The job has ended: from now on init answers. */
void collector_start(Collector *collector);

/* Takes what has come, and no more: calls done(). */
void collector_abort(Collector *collector);

bool collector_is_running(const Collector *collector);
