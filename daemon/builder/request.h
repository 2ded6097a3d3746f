/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder/builder.h"

/* Whether this request, with so many descriptors, may be carried out: a known verb, an existing
 * plan of the same digest, a new box, every number within the profile's and the absolute bounds.
 * The broker has checked all of that; a broker that did not is not ours any more. 0 or -EPROTO.
 * Pure. */
int request_check(const ProfileStore *store, const BuilderRequest *request, size_t n_fds);

/* Reads one request from the broker and carries it out. -ECONNRESET at its end of file, -EPROTO for
 * what only a compromised broker sends. */
int request_receive(Builder *builder, int fd);
