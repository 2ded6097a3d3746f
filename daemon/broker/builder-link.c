/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/builder-link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/list.h"
#include "basic/macro.h"
#include "proto/link.h"

/* A request that the socket did not take at once. There are never more than four per running job. */
typedef struct WaitingRequest {
        List link;
        BuilderRequest request;
        int fds[BUILDER_FDS_MAX];
        size_t n_fds;
} WaitingRequest;

struct BuilderLink {
        int fd;
        sd_event_source *source;
        BuilderLinkHandler handler;
        List waiting;
};

static void close_fds(int *fds, size_t n_fds) {
        FOREACH_ARRAY(fd, fds, n_fds)
                *fd = fd_close(*fd);
}

static void waiting_free(WaitingRequest *w) {
        list_remove(&w->link);
        close_fds(w->fds, w->n_fds);
        free(w);
}

BuilderLink *builder_link_free(BuilderLink *link) {
        if (!link)
                return NULL;
        LIST_FOREACH(w, &link->waiting)
                waiting_free(container_of(w, WaitingRequest, link));
        sd_event_source_unref(link->source);
        fd_close(link->fd);
        free(link);
        return NULL;
}

static int link_flush(BuilderLink *link) {
        while (!list_is_empty(&link->waiting)) {
                WaitingRequest *w = container_of(link->waiting.next, WaitingRequest, link);
                int r = link_send(link->fd, &w->request, sizeof(w->request), w->fds, w->n_fds);

                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        return r;
                waiting_free(w);
        }
        return sd_event_source_set_io_events(link->source, EPOLLIN);
}

static void link_close(BuilderLink *link) {
        link->source = sd_event_source_unref(link->source);
        link->handler.closed(link->handler.userdata);
}

static int link_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        BuilderLink *link = userdata;

        if ((revents & EPOLLOUT) && link_flush(link) < 0) {
                link_close(link);
                return 0;
        }
        for (;;) {
                int fds[BUILDER_RELOADED_FDS] = { -EBADF, -EBADF };
                BuilderReport report;
                size_t n_fds = 0;
                int r = link_receive(link->fd, &report, sizeof(report), fds, ELEMENTSOF(fds),
                                     &n_fds);

                if (r == -EAGAIN)
                        return 0;
                /* Without its descriptors it is a reload that failed. */
                if (r <= 0 && r != -EMFILE) {
                        link_close(link);
                        return 0;
                }
                if (report.kind == BUILDER_RELOADED)
                        link->handler.reloaded(link->handler.userdata, &report, fds, n_fds);
                else
                        link->handler.report(link->handler.userdata, &report);
        }
}

int builder_link_new(sd_event *event,
                     int fd,
                     const BuilderLinkHandler *handler,
                     BuilderLink **ret_link) {
        _cleanup_(builder_link_freep) BuilderLink *link = calloc(1, sizeof(*link));
        int r;

        if (!link)
                return -ENOMEM;
        link->fd = -EBADF;
        link->handler = *handler;
        list_init(&link->waiting);
        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &link->source, fd, EPOLLIN, link_on_io, link);
        if (r < 0)
                return r;
        /* What the builder says of the node and of a job comes before what a client asks of them. */
        r = sd_event_source_set_priority(link->source, SD_EVENT_PRIORITY_NORMAL - 1);
        if (r < 0)
                return r;
        link->fd = fd;
        *ret_link = TAKE_PTR(link);
        return 0;
}

static int link_wait(BuilderLink *link, const BuilderRequest *request, int *fds, size_t n_fds) {
        WaitingRequest *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        list_init(&w->link);
        list_insert_before(&link->waiting, &w->link);
        w->request = *request;
        for (size_t i = 0; i < n_fds; i++)
                w->fds[i] = TAKE_FD(fds[i]);
        w->n_fds = n_fds;
        return sd_event_source_set_io_events(link->source, EPOLLIN | EPOLLOUT);
}

int builder_link_send(BuilderLink *link, const BuilderRequest *request, int *fds, size_t n_fds) {
        int r = -EAGAIN;

        if (!link->source)
                r = -ENOTCONN;
        else if (list_is_empty(&link->waiting))
                r = link_send(link->fd, request, sizeof(*request), fds, n_fds);
        if (r == -EAGAIN)
                r = link_wait(link, request, fds, n_fds);
        close_fds(fds, n_fds);
        return r;
}
