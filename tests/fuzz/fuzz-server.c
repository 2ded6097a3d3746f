/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A whole broker between hostile clients and hostile boxes: it answers with valid messages, leaks no descriptor, and
 * when everybody has gone nothing is left of them.
 *
 * An input is a script: steps with 0xff between them, each a letter, the number of a client or a box, and what it
 * says. Words that begin with @ become the identifiers that the broker gave last. */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/utf8.h"
#include "broker-world.h"
#include "broker/frame.h"
#include "fuzz.h"

#define STEP_END 0xff
#define FIELD_END 0xfe
#define STEPS_MAX 64

/* Each kind of a descriptor that a client can pass. The caller owns it. */
static int make_fd(unsigned kind) {
        int fd, fds[2];

        switch (kind % 5) {
        case 0:
                return fd_new_sealed("fuzz", "print(1)", 8);
        case 1: /* it can still change */
                fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                fuzz_check(fd >= 0 && write(fd, "x", 1) == 1);
                return fd;
        case 2:
                fuzz_check(fd_pipe(fds, O_NONBLOCK) >= 0);
                fuzz_check(write(fds[1], "hello\n", 6) == 6);
                break;
        case 3:
                fuzz_check(fd_socketpair(fds, SOCK_STREAM) >= 0);
                break;
        default:
                return open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        fd_close(fds[1]);
        return fds[0];
}

/* A message, whose bytes come in two pieces, with some descriptors on the first one. */
static void call_with_fds(World *w, size_t client, FuzzInput *in) {
        uint8_t kinds = fuzz_byte(in), cut = fuzz_byte(in);
        int fds[3];
        size_t n = 1 + kinds % ELEMENTSOF(fds);

        for (size_t i = 0; i < n; i++)
                fds[i] = make_fd(kinds / 3 + (unsigned) i);
        world_send(w, client, in, true, cut, fds, n);
        for (size_t i = 0; i < n; i++)
                fd_close(fds[i]);
}

static void say_frame(World *w, size_t box, FuzzInput *in) {
        FrameType type = fuzz_byte(in);
        bool has_fields = type != FRAME_RESULT && type != FRAME_CELL_END;
        FrameBuilder b;
        Buf frame;

        frame_begin(&b, type);
        while (has_fields && in->size > 0) {
                const uint8_t *end = memchr(in->data, FIELD_END, in->size);
                size_t size = end ? (size_t) (end - in->data) : in->size;
                FieldType field = fuzz_byte(in);
                const void *data;

                if (size == 0)
                        continue;
                data = fuzz_take(in, size - 1, &size);
                frame_add(&b, field, data, size);
                (void) fuzz_byte(in);
        }
        if (!has_fields && in->size > 0)
                fuzz_check(buf_append(&b.buf, in->data, in->size) == 0);
        fuzz_check(frame_end(&b, &frame) == 0);
        world_box_write(w, box, WORLD_CHANNEL, buf_data(&frame), buf_size(&frame));
        buf_done(&frame);
}

static void answer_files(World *w, size_t box, FuzzInput *in) {
        FilesAnswerPacket packet = {};
        FilesAnswer *answer = &packet.answer;
        const void *payload;
        size_t size;

        answer->kind = fuzz_byte(in);
        answer->type = fuzz_byte(in);
        answer->rule = fuzz_byte(in);
        answer->error = fuzz_byte(in);
        answer->size_bytes = fuzz_byte(in);
        payload = fuzz_take(in, sizeof(packet.payload), &size);
        answer->size = (uint32_t) size;
        if (size > 0)
                memcpy(packet.payload, payload, size);
        world_box_write(w, box, WORLD_FILES, &packet, sizeof(*answer) + size);
}

static void step_of_box(World *w, char what, FuzzInput *in) {
        size_t box = fuzz_byte(in);
        uint8_t status;

        switch (what) {
        case 'F':
                say_frame(w, box, in);
                break;
        case 'R': /* as it is */
                world_box_write(w, box, WORLD_CHANNEL, in->data, in->size);
                break;
        case 'O':
                world_box_write(w, box, WORLD_STDOUT, in->data, in->size);
                break;
        case 'S':
                world_box_write(w, box, WORLD_STDERR, in->data, in->size);
                break;
        case 'A':
                answer_files(w, box, in);
                break;
        case 'C':
                world_box_close(w, box, fuzz_byte(in));
                break;
        case 'E':
                status = fuzz_byte(in);
                world_box_end(w, box, status, fuzz_byte(in));
                break;
        default:
                break;
        }
}

static void step(World *w, FuzzInput *in) {
        char what = (char) fuzz_byte(in);
        size_t client;

        if (what >= 'A' && what <= 'Z') {
                step_of_box(w, what, in);
                return;
        }
        if (what == 't') {
                world_pass(w, UINT64_C(1) << fuzz_byte(in) % 42);
                return;
        }
        client = fuzz_byte(in);
        switch (what) {
        case 'm':
                world_send(w, client, in, true, 0, NULL, 0);
                break;
        case 'r':
                world_send(w, client, in, false, 0, NULL, 0);
                break;
        case 'f':
                call_with_fds(w, client, in);
                break;
        case 'n':
                world_client_connect(w, client);
                break;
        case 'x':
                world_client_close(w, client);
                break;
        case 'h':
                world_client_half_close(w, client);
                break;
        case 'p':
                world_client_pause(w, client);
                break;
        default:
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned before = fuzz_count_fds();
        World w;

        world_begin(&w);
        for (size_t i = 0; i < STEPS_MAX && size > 0; i++) {
                const uint8_t *end = memchr(data, STEP_END, size);
                FuzzInput in = { data, end ? (size_t) (end - data) : size };

                data += in.size;
                size -= in.size;
                if (size > 0) { /* the mark */
                        data++;
                        size--;
                }
                step(&w, &in);
                world_spin(&w);
        }
        world_end(&w);
        fuzz_check(fuzz_count_fds() == before);
        return 0;
}
