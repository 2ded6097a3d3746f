/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/macro.h"

struct Collector {
        Collection *collection;
        CollectorOwner owner;
        sd_event *event;
        int fd;
        sd_event_source *source;
        bool is_running;
        bool has_list;
};

Collector *collector_free(Collector *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->source);
        fd_close(c->fd);
        free(c);
        return NULL;
}

int collector_new(sd_event *event,
                  Collection *collection,
                  const CollectorOwner *owner,
                  int *ret_box_fd,
                  Collector **ret_collector) {
        Collector *c = calloc(1, sizeof(*c));
        int fds[2], r;

        if (!c)
                return -ENOMEM;
        r = fd_socketpair(fds, SOCK_SEQPACKET);
        if (r < 0) {
                free(c);
                return r;
        }
        *c = (Collector){ collection, *owner, event, fds[0], NULL, false, false };
        *ret_box_fd = fds[1];
        *ret_collector = c;
        return 0;
}

static int collector_send(Collector *c, FilesAsk ask, FilesAskPacket *packet) {
        size_t size = sizeof(ask) + ask.size;

        packet->ask = ask;
        return send(c->fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size ? 0
                                                                                        : -EPIPE;
}

static int collector_ask_list(Collector *c) {
        const CollectSpec *spec = c->collection->spec;
        FilesAskPacket packet;
        size_t size = 0;

        for (size_t i = 0; i < spec->n_rules; i++) {
                size_t n = strlen(spec->rules[i].pattern) + 1;

                if (n > sizeof(packet.payload) - size)
                        return -EMSGSIZE;
                memcpy(packet.payload + size, spec->rules[i].pattern, n);
                size += n;
        }
        return collector_send(c,
                              (FilesAsk){ .verb = FILES_LIST,
                                          .size = (uint32_t) size,
                                          .max = collection_entries_max(c->collection) },
                              &packet);
}

static int collector_ask_read(Collector *c, uint64_t bytes) {
        const char *path = collection_current(c->collection)->path;
        size_t size = strlen(path) + 1;
        FilesAskPacket packet;

        memcpy(packet.payload, path, size);
        return collector_send(
                c, (FilesAsk){ .verb = FILES_READ, .size = (uint32_t) size, .max = bytes },
                &packet);
}

static void collector_finish(Collector *c) {
        c->is_running = false;
        c->collection->is_complete = true;
        c->source = sd_event_source_disable_unref(c->source);
        c->fd = fd_close(c->fd); /* init ends, and the box with it */
        c->owner.done(c->owner.userdata);
}

static void collector_lose(Collector *c) {
        if (collection_lose(c->collection) >= 0)
                c->owner.file(c->owner.userdata, c->collection->n_done - 1);
        collector_finish(c);
}

void collector_abort(Collector *c) {
        collector_lose(c);
}

/* Asks for the next file that has to be read; what has not is done. */
static int collector_go_on(Collector *c) {
        uint64_t bytes;
        int r;

        while ((r = collection_next(c->collection, &bytes)) == 0)
                c->owner.file(c->owner.userdata, c->collection->n_done - 1);
        if (r == 1)
                return collector_ask_read(c, bytes);
        if (r == -ENODATA) {
                collector_finish(c);
                return 0;
        }
        return r;
}

static int collector_end(Collector *c, const FilesAnswer *answer) {
        int r;

        if (answer->error < 0)
                return -EPROTO;
        if (c->has_list) {
                if (collection_read(c->collection, -answer->error))
                        c->owner.file(c->owner.userdata, c->collection->n_done - 1);
                return collector_go_on(c);
        }
        c->has_list = true;
        r = collection_listed(c->collection, -answer->error);
        return r < 0 ? r : collector_go_on(c);
}

static int collector_take(Collector *c, const FilesAnswerPacket *packet) {
        const FilesAnswer *answer = &packet->answer;

        if (answer->kind == FILES_END)
                return collector_end(c, answer);
        if (answer->kind == FILES_ENTRY && !c->has_list)
                return collection_add(c->collection, answer, packet->payload);
        if (answer->kind == FILES_DATA && c->has_list)
                return collection_data(c->collection, packet->payload, answer->size);
        return -EPROTO;
}

static int collector_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Collector *c = userdata;
        FilesAnswerPacket packet;
        ssize_t n;
        int r = -EPROTO;

        n = recv(c->fd, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n >= (ssize_t) sizeof(packet.answer) &&
            (size_t) n == sizeof(packet.answer) + packet.answer.size)
                r = collector_take(c, &packet);
        if (r < 0)
                collector_lose(c);
        return 0;
}

void collector_start(Collector *c) {
        int r;

        c->is_running = true;
        r = sd_event_add_io(c->event, &c->source, c->fd, EPOLLIN, collector_on_io, c);
        if (r >= 0)
                r = collector_ask_list(c);
        if (r < 0)
                collector_lose(c);
}

bool collector_is_running(const Collector *c) {
        return c->is_running;
}
