/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The only sendmsg() and recvmsg() of the inner wires: one message, one fixed struct, and the
 * descriptors that belong to it. */

#include <stddef.h>
#include <sys/socket.h>

#define LINK_FDS_MAX 8

/* Sends one message; -EAGAIN if the peer does not take it now. */
int link_send(int fd, const void *message, size_t size, const int *fds, size_t n_fds);

/* Receives one message of exactly size bytes. Returns 1, 0 at the end of file, -EAGAIN, or -EPROTO
 * for a wrong size, too many descriptors or truncation, or -EMFILE: we have no room for its descriptors, but
 * ret_message is there. Received descriptors are CLOEXEC, the ones of a refused message are closed. ret_fds has
 * max_fds entries; may be NULL if max_fds is 0. */
int link_receive(
        int fd, void *ret_message, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds);

/* Receives one message of exactly size bytes from a socket with SO_PASSCRED, and the kernel's word who sent it, in ids
 * of our own namespaces. -EPROTO: of another size, or with descriptors, which the kernel closes. */
int link_receive_from(int fd, void *ret_message, size_t size, struct ucred *ret_sender);
