/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/runner-link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/feeder.h"
#include "broker/pump.h"

#define READ_SIZE (64U << 10)

/* Answers that a job has not read: as many as its runner lets it ask for. */
#define UNREAD_MAX (TOOL_CALLS_IN_FLIGHT_MAX * ((size_t) TOOL_VALUE_MAX + 64))

typedef struct OutputPipe {
        RunnerLink *link;
        OutputStream stream;
        int fd;
        sd_event_source *source;
} OutputPipe;

struct RunnerLink {
        const RunnerLinkOwner *owner;
        Job *job;
        OutputPipe pipes[_STREAM_MAX];
        Feeder stdin_feeder, frame_feeder;
        Pump stdin_pump;
        int channel;
        sd_event_source *channel_source;
        Buf channel_bytes;
        uint64_t channel_total;
        bool told_exceeded;
};

RunnerLink *runner_link_free(RunnerLink *link) {
        if (!link)
                return NULL;
        FOREACH_ARRAY(p, link->pipes, _STREAM_MAX) {
                sd_event_source_unref(p->source);
                fd_close(p->fd);
        }
        feeder_stop(&link->stdin_feeder);
        feeder_stop(&link->frame_feeder);
        pump_stop(&link->stdin_pump);
        sd_event_source_unref(link->channel_source);
        fd_close(link->channel);
        buf_done(&link->channel_bytes);
        free(link);
        return NULL;
}

static void pipe_close(OutputPipe *p) {
        p->source = sd_event_source_unref(p->source);
        p->fd = fd_close(p->fd);
}

/* One read. Returns 1 if there may be more now, 0 if not. */
static int pipe_read(OutputPipe *p) {
        RunnerLink *link = p->link;
        char data[READ_SIZE];
        ssize_t n;

        n = read(p->fd, data, sizeof(data));
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n < 0 && errno == EINTR)
                return 1;
        if (n > 0 &&
            job_write_output(link->job, p->stream, data, (size_t) n, link->owner->clock()) >= 0)
                return 1;
        if (n != 0)
                link->job->output.is_incomplete = true;
        pipe_close(p);
        return 0;
}

static void link_check_output(RunnerLink *link) {
        if (!link->job->output.exceeded || link->told_exceeded)
                return;
        link->told_exceeded = true;
        link->owner->output_exceeded(link->owner->userdata, link->job);
}

static int pipe_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        OutputPipe *p = userdata;

        (void) pipe_read(p);
        link_check_output(p->link);
        return 0;
}

/* A pipe of the kernel holds no more, however it was resized. */
#define PIPE_BYTES_MAX (1U << 20)

/* What is in the pipes now, and no more, whoever goes on writing. */
static void link_read_pipes(RunnerLink *link) {
        FOREACH_ARRAY(p, link->pipes, _STREAM_MAX)
                for (size_t i = 0; i < PIPE_BYTES_MAX / READ_SIZE && p->fd >= 0; i++)
                        if (pipe_read(p) == 0)
                                break;
}

/* What the program has written before it said this is told before it. */
static void link_catch_up(RunnerLink *link) {
        link_read_pipes(link);
        link_check_output(link);
}

/* Nothing more is believed from there: the job gets EPIPE for what it writes. The other direction
 * closes behind what is on its way, which may be the JOB frame. */
static void channel_stop(RunnerLink *link) {
        link->channel_source = sd_event_source_unref(link->channel_source);
        (void) shutdown(link->channel, SHUT_RD);
        link->channel = fd_close(link->channel);
        buf_done(&link->channel_bytes);
        feeder_finish(&link->frame_feeder);
        link->owner->channel_closed(link->owner->userdata, link->job);
}

void runner_link_hang_up(RunnerLink *link) {
        if (link->channel >= 0)
                channel_stop(link);
}

int runner_link_send(RunnerLink *link, const void *frame, size_t size) {
        return feeder_append(&link->frame_feeder, frame, size);
}

static void link_show_said(RunnerLink *link) {
        if (link->job->said.n_displays > link->job->n_displays_logged)
                link_catch_up(link);
        (void) job_show_said(link->job, link->owner->clock());
}

static uint64_t channel_bytes_max(const RunnerLink *link) {
        return CHANNEL_BYTES_MAX + link->job->spec->limits.value[LIMIT_TOOL_CALLS] *
                                           (sizeof(FrameHeader) + TOOL_CALL_PAYLOAD_MAX);
}

/* What follows in the buffer is the next cell's. */
static int channel_end_cell(RunnerLink *link, const char *payload, size_t size) {
        int r;

        link_show_said(link);
        r = link->owner->cell_over(link->owner->userdata, link->job, payload, size);
        if (r >= 0 && link->channel >= 0)
                frame_skip(&link->channel_bytes);
        return r;
}

static int channel_take(RunnerLink *link) {
        uint64_t result_max = link->job->spec->limits.value[LIMIT_RESULT];
        Buf *in = &link->channel_bytes;
        int r;

        while ((r = frame_read_all(in, result_max, &link->job->said)) > 0) {
                size_t size;
                const char *payload = frame_payload(in, &size);

                if (frame_type(in) == FRAME_CELL_END)
                        return channel_end_cell(link, payload, size);
                link_catch_up(link);
                r = link->owner->tool_call(link->owner->userdata, link->job, payload, size);
                if (r < 0 || link->channel < 0)
                        return r;
                frame_skip(in);
        }
        if (link->job->wants_interrupt && link->job->said.is_running)
                link->owner->cell_runs(link->owner->userdata, link->job);
        link_show_said(link);
        return r;
}

/* One read and the frames in it. Returns 1 if there may be more now, 0 if not. */
static int channel_read(RunnerLink *link) {
        char data[READ_SIZE];
        ssize_t n;
        int r;

        n = recv(link->channel, data, sizeof(data), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                channel_stop(link);
                return 0;
        }
        link->channel_total += (uint64_t) n;
        r = link->channel_total > channel_bytes_max(link) ? -EBADMSG : 0;
        if (r == 0)
                r = buf_append(&link->channel_bytes, data, (size_t) n);
        if (r == 0)
                r = channel_take(link);
        if (link->channel < 0)
                return 0; /* an answer could not be sent */
        if (r == 0)
                return 1;
        /* What has no room with us is no mistake of the job, and no success without it. */
        if (r == -ENOMEM)
                link->job->output.is_incomplete = true;
        log_fields(LOG_DEBUG, &(LogField){ "PYSB_JOB", link->job->id }, 1,
                   "job %s: a bad frame, reading no more of them", link->job->id);
        channel_stop(link);
        return 0;
}

static int channel_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) channel_read(userdata);
        return 0;
}

static int open_output(RunnerLink *link, OutputStream stream, int *ret_box_fd) {
        OutputPipe *p = &link->pipes[stream];
        int fds[2], r;

        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        p->fd = fds[0];
        *ret_box_fd = fds[1];
        /* Only this end: the job's end is a description of its own and blocks. */
        r = fd_set_nonblock(p->fd, true);
        if (r < 0)
                return r;
        r = sd_event_add_io(link->owner->event, &p->source, p->fd, EPOLLIN, pipe_on_io, p);
        return r < 0 ? r : sd_event_source_set_enabled(p->source, SD_EVENT_OFF);
}

/* A sealed memfd goes in as it is, a pipe does not: see pump.h. */
static int open_stdin_fd(RunnerLink *link, int *ret_box_fd) {
        struct stat st;
        int fds[2], r;

        if (fstat(link->job->stdin_fd, &st) < 0)
                return -errno;
        if (!S_ISFIFO(st.st_mode)) {
                *ret_box_fd = TAKE_FD(link->job->stdin_fd);
                return 0;
        }
        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        *ret_box_fd = fds[0];
        return pump_start(&link->stdin_pump, link->owner->event, TAKE_FD(link->job->stdin_fd),
                          fds[1]);
}

static int open_stdin(RunnerLink *link, int *ret_box_fd) {
        JobSpec *spec = link->job->spec;
        Buf bytes = BUF_INIT(0);
        int fds[2], r;

        if (spec->has_stdin_fd)
                return open_stdin_fd(link, ret_box_fd);
        if (!spec->stdin_open && spec->stdin_size == 0) {
                *ret_box_fd = fcntl(link->owner->null_fd, F_DUPFD_CLOEXEC, 3);
                return *ret_box_fd < 0 ? -errno : 0;
        }
        r = fd_pipe(fds, 0);
        if (r < 0)
                return r;
        *ret_box_fd = fds[0];
        if (spec->stdin_open)
                return input_start(&link->job->input, link->owner->event, fds[1]);
        bytes.data = TAKE_PTR(spec->stdin_bytes);
        bytes.end = bytes.allocated = spec->stdin_size;
        spec->stdin_size = 0;
        return feeder_start(&link->stdin_feeder, link->owner->event, fds[1], bytes);
}

static int open_channel(RunnerLink *link, int *ret_box_fd) {
        int fds[2], copy, r;
        Buf frame;

        r = fd_socketpair(fds, SOCK_STREAM);
        if (r < 0)
                return r;
        link->channel = fds[0];
        *ret_box_fd = fds[1];
        r = sd_event_add_io(link->owner->event, &link->channel_source, link->channel, EPOLLIN,
                            channel_on_io, link);
        if (r >= 0)
                r = sd_event_source_set_enabled(link->channel_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* A copy, because the loop takes each descriptor once, and the two directions end apart. */
        copy = fcntl(link->channel, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        frame = link->job->spec->frame;
        link->job->spec->frame = BUF_INIT(0);
        return feeder_open(&link->frame_feeder, link->owner->event, copy, frame,
                           buf_size(&frame) + UNREAD_MAX);
}

int runner_link_new(const RunnerLinkOwner *owner,
                    Job *job,
                    int ret_fds[static BUILDER_START_FDS],
                    RunnerLink **ret_link) {
        _cleanup_(runner_link_freep) RunnerLink *link = calloc(1, sizeof(*link));
        int fds[BUILDER_START_FDS] = { -EBADF, -EBADF, -EBADF, -EBADF };
        int r;

        if (!link)
                return -ENOMEM;
        link->owner = owner;
        link->job = job;
        link->channel = -EBADF;
        link->stdin_feeder = link->frame_feeder = FEEDER_INIT;
        link->stdin_pump = PUMP_INIT;
        link->channel_bytes =
                BUF_INIT(frame_size_max(job->spec->limits.value[LIMIT_RESULT]) + READ_SIZE);
        for (OutputStream s = 0; s < _STREAM_MAX; s++)
                link->pipes[s] = (OutputPipe){ .link = link, .stream = s, .fd = -EBADF };
        r = open_stdin(link, &fds[0]);
        if (r >= 0)
                r = open_output(link, STREAM_STDOUT, &fds[1]);
        if (r >= 0)
                r = open_output(link, STREAM_STDERR, &fds[2]);
        if (r >= 0)
                r = open_channel(link, &fds[3]);
        if (r < 0) {
                FOREACH_ARRAY(fd, fds, BUILDER_START_FDS)
                        fd_close(*fd);
                return r;
        }
        memcpy(ret_fds, fds, sizeof(fds));
        *ret_link = TAKE_PTR(link);
        return 0;
}

static void link_set_reading(RunnerLink *link, int enabled) {
        FOREACH_ARRAY(p, link->pipes, _STREAM_MAX)
                if (p->source)
                        (void) sd_event_source_set_enabled(p->source, enabled);
        if (link->channel_source)
                (void) sd_event_source_set_enabled(link->channel_source, enabled);
}

void runner_link_started(RunnerLink *link) {
        link_set_reading(link, SD_EVENT_ON);
}

int runner_link_begin_cell(RunnerLink *link, Job *cell) {
        Buf *frame = &cell->spec->frame;

        if (link->channel < 0)
                return -EPIPE;
        link->job = cell;
        link->channel_total = 0;
        link_set_reading(link, SD_EVENT_ON);
        return runner_link_send(link, buf_data(frame), buf_size(frame));
}

void runner_link_end_cell(RunnerLink *link, Job *host) {
        link_read_pipes(link);
        link_set_reading(link, SD_EVENT_OFF);
        link->job = host;
}

void runner_link_hear_host(RunnerLink *link, bool is_heard) {
        link->channel_total = 0;
        if (link->channel_source)
                (void) sd_event_source_set_enabled(link->channel_source,
                                                   is_heard ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* All writers are dead, so this is what the pipes and the socket buffer hold, and no more. */
void runner_link_drain(RunnerLink *link) {
        FOREACH_ARRAY(p, link->pipes, _STREAM_MAX)
                while (p->fd >= 0 && pipe_read(p) > 0)
                        ;
        while (link->channel >= 0 && channel_read(link) > 0)
                ;
}
