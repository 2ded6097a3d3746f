/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The link to the builder: requests go out in order, reports come in. */

#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "proto/builder-wire.h"

typedef struct BuilderLink BuilderLink;

typedef struct BuilderLinkHandler {
        void (*report)(void *userdata, const BuilderReport *report);
        /* RELOADED; the descriptors are the callee's */
        void (*reloaded)(void *userdata,
                         const BuilderReport *report,
                         int fds[static BUILDER_RELOADED_FDS],
                         size_t n_fds);
        void (*closed)(void *userdata); /* the builder is gone; nothing works any more */
        void *userdata;
} BuilderLinkHandler;

/* Takes fd on success. */
int builder_link_new(sd_event *event,
                     int fd,
                     const BuilderLinkHandler *handler,
                     BuilderLink **ret_link);
BuilderLink *builder_link_free(BuilderLink *link);
DEFINE_CLEANUP(BuilderLink *, builder_link_free);

/* Sends now or as soon as the builder takes it. Takes the descriptors, whatever happens. */
int builder_link_send(BuilderLink *link, const BuilderRequest *request, int *fds, size_t n_fds);
