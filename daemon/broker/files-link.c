/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/files-link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/fd.h"
#include "basic/list.h"
#include "basic/macro.h"

struct FilesCall {
        List link; /* FilesLink.calls */
        FilesOwner owner;
        FilesAsk ask;  /* of all but a put */
        char *payload; /* of ask.size bytes */
        FilesPut *files;
        size_t n_files, at;
        uint64_t left; /* entries or bytes that may still come */
        int error;     /* of the owner */
};

struct FilesLink {
        int fd;
        sd_event_source *source;
        List calls; /* the first one is asked */
        bool is_asked;
};

FilesPut *files_put_free(FilesPut *files, size_t n) {
        for (size_t i = 0; files && i < n; i++) {
                free(files[i].path);
                free(files[i].data);
        }
        free(files);
        return NULL;
}

static void files_call_free(FilesCall *call) {
        list_remove(&call->link);
        files_put_free(call->files, call->n_files);
        free(call->payload);
        free(call);
}

static void files_call_end(FilesCall *call, int error, const FilesAnswer *end) {
        if (call->owner.done)
                call->owner.done(call->owner.userdata, error, end);
        files_call_free(call);
}

void files_call_forget(FilesCall *call) {
        call->owner = (FilesOwner){};
}

/* Nobody is at the other end, or it talks nonsense. */
static void files_link_break(FilesLink *link) {
        link->source = sd_event_source_disable_unref(link->source);
        link->fd = fd_close(link->fd);
        LIST_FOREACH(l, &link->calls)
                files_call_end(container_of(l, FilesCall, link), -ECONNRESET, NULL);
}

FilesLink *files_link_free(FilesLink *link) {
        if (!link)
                return NULL;
        files_link_break(link);
        free(link);
        return NULL;
}

static FilesCall *files_link_first(FilesLink *link) {
        return container_of(link->calls.next, FilesCall, link);
}

/* Sends the next piece of a put; the file after the last one is the commit. */
static void put_fill(FilesCall *call, FilesAskPacket *packet) {
        const FilesPut *file = &call->files[call->at];
        size_t path_size, size;

        if (call->at == call->n_files) {
                packet->ask = (FilesAsk){ .verb = FILES_COMMIT };
                return;
        }
        path_size = strlen(file->path) + 1;
        size = MIN(file->size - call->ask.offset, FILES_PAYLOAD_MAX - path_size);
        packet->ask = (FilesAsk){
                .verb = FILES_STAGE,
                .size = (uint32_t) (path_size + size),
                .offset = call->ask.offset,
                .flags = file->flags,
        };
        memcpy(packet->payload, file->path, path_size);
        if (size > 0)
                memcpy(packet->payload + path_size, file->data + call->ask.offset, size);
        call->ask.offset += size;
        if (call->ask.offset == file->size) {
                call->at++;
                call->ask.offset = 0;
        }
}

static int files_link_ask(FilesLink *link) {
        FilesCall *call = files_link_first(link);
        FilesAskPacket packet = { .ask = call->ask };
        size_t size;

        if (call->files)
                put_fill(call, &packet);
        else if (call->ask.size > 0)
                memcpy(packet.payload, call->payload, call->ask.size);
        size = sizeof(packet.ask) + packet.ask.size;
        if (send(link->fd, &packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t) size)
                return -EPIPE;
        link->is_asked = true;
        return sd_event_source_set_enabled(link->source, SD_EVENT_ON);
}

static void files_link_go_on(FilesLink *link) {
        if (link->fd < 0 || link->is_asked || list_is_empty(&link->calls))
                return;
        if (files_link_ask(link) >= 0)
                return;
        /* The loop finds that out, and not somebody who is just making a call. */
        (void) shutdown(link->fd, SHUT_RDWR);
        (void) sd_event_source_set_enabled(link->source, SD_EVENT_ON);
}

/* The first error of a put is the end of it: init has dropped what was staged. */
static int files_link_end(FilesLink *link, const FilesAnswer *answer) {
        FilesCall *call = files_link_first(link);
        bool was_commit = call->files && call->at > call->n_files;

        if (answer->error < 0)
                return -EPROTO;
        link->is_asked = false;
        (void) sd_event_source_set_enabled(link->source, SD_EVENT_OFF);
        if (call->files && answer->error == 0 && !was_commit) {
                bool is_last = call->at == call->n_files;
                int r = files_link_ask(link);

                call->at += is_last;
                return r;
        }
        files_call_end(call, call->error < 0 ? call->error : -answer->error,
                       answer->error == 0 && call->error >= 0 ? answer : NULL);
        files_link_go_on(link);
        return 0;
}

static int files_link_take(FilesLink *link, const FilesAnswerPacket *packet) {
        FilesCall *call = files_link_first(link);
        const FilesAnswer *answer = &packet->answer;
        uint64_t n = answer->kind == FILES_ENTRY ? 1 : answer->size;
        int r = 0;

        if (answer->size_bytes > INT64_MAX || answer->modified_usec > INT64_MAX)
                return -EPROTO;
        if (answer->kind == FILES_END)
                return files_link_end(link, answer);
        if (n > call->left || answer->type >= _FILES_TYPE_MAX || answer->size == 0)
                return -EPROTO;
        call->left -= n;
        if (answer->kind == FILES_ENTRY && call->ask.verb == FILES_LIST) {
                if (answer->size > FILES_PATH_MAX || memchr(packet->payload, 0, answer->size))
                        return -EPROTO;
                if (call->owner.entry && call->error >= 0)
                        r = call->owner.entry(call->owner.userdata, answer, packet->payload);
        } else if (answer->kind == FILES_DATA && call->ask.verb == FILES_READ) {
                if (call->owner.data && call->error >= 0)
                        r = call->owner.data(call->owner.userdata, packet->payload, answer->size);
        } else
                return -EPROTO;
        if (r < 0)
                call->error = r;
        return 0;
}

static int files_link_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        FilesLink *link = userdata;
        FilesAnswerPacket packet;
        ssize_t n;
        int r = -EPROTO;

        n = recv(link->fd, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (link->is_asked && n >= (ssize_t) sizeof(packet.answer) &&
            (size_t) n == sizeof(packet.answer) + packet.answer.size)
                r = files_link_take(link, &packet);
        if (r < 0)
                files_link_break(link);
        return 0;
}

int files_link_new(sd_event *event, int *ret_box_fd, FilesLink **ret_link) {
        FilesLink *link = calloc(1, sizeof(*link));
        int fds[2], r;

        if (!link)
                return -ENOMEM;
        list_init(&link->calls);
        link->fd = -EBADF;
        r = fd_socketpair(fds, SOCK_SEQPACKET);
        if (r < 0) {
                free(link);
                return r;
        }
        link->fd = fds[0];
        r = sd_event_add_io(event, &link->source, link->fd, EPOLLIN, files_link_on_io, link);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->source, SD_EVENT_OFF);
        if (r < 0) {
                (void) close(fds[1]);
                files_link_free(link);
                return r;
        }
        *ret_box_fd = fds[1];
        *ret_link = link;
        return 0;
}

static int files_link_call(FilesLink *link,
                           FilesAsk ask,
                           const char *payload,
                           const FilesOwner *owner,
                           FilesCall **ret_call) {
        FilesCall *call;

        if (link->fd < 0)
                return -ECONNRESET;
        if (ask.size > FILES_PAYLOAD_MAX)
                return -EMSGSIZE;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        *call = (FilesCall){ .owner = *owner, .ask = ask, .left = ask.max };
        list_init(&call->link);
        if (ask.size > 0) {
                call->payload = malloc(ask.size);
                if (!call->payload) {
                        files_call_free(call);
                        return -ENOMEM;
                }
                memcpy(call->payload, payload, ask.size);
        }
        list_insert_before(&link->calls, &call->link);
        *ret_call = call;
        return 0;
}

int files_link_list(FilesLink *link,
                    const char *patterns,
                    size_t size,
                    uint64_t max,
                    uint32_t flags,
                    const FilesOwner *owner,
                    FilesCall **ret_call) {
        const FilesAsk ask = { FILES_LIST, (uint32_t) size, 0, max, flags, 0 };
        int r = files_link_call(link, ask, patterns, owner, ret_call);

        if (r >= 0)
                files_link_go_on(link);
        return r;
}

int files_link_read(FilesLink *link,
                    const char *path,
                    uint64_t offset,
                    uint64_t max,
                    const FilesOwner *owner,
                    FilesCall **ret_call) {
        const FilesAsk ask = { FILES_READ, (uint32_t) strlen(path) + 1, offset, max, 0, 0 };
        int r = files_link_call(link, ask, path, owner, ret_call);

        if (r >= 0)
                files_link_go_on(link);
        return r;
}

int files_link_put(
        FilesLink *link, FilesPut *files, size_t n, const FilesOwner *owner, FilesCall **ret_call) {
        int r = n <= FILES_STAGED_MAX ? files_link_call(link, (FilesAsk){}, NULL, owner, ret_call)
                                      : -E2BIG;

        if (r < 0)
                return r;
        (*ret_call)->files = files;
        (*ret_call)->n_files = n;
        files_link_go_on(link);
        return 0;
}

int files_link_remove(FilesLink *link,
                      const char *path,
                      uint32_t flags,
                      const FilesOwner *owner,
                      FilesCall **ret_call) {
        const FilesAsk ask = { FILES_REMOVE, (uint32_t) strlen(path) + 1, 0, 0, flags, 0 };
        int r = files_link_call(link, ask, path, owner, ret_call);

        if (r >= 0)
                files_link_go_on(link);
        return r;
}
