/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a hostile job sends on its channel, and what init says of its files: whatever it is, what the broker keeps of it
 * is within bounds, and does not depend on the pieces in which it came.
 *
 * An input: one byte that says which of the three, then: bytes of the channel as they are; or frames, each as its type,
 * its number of fields, and for each of these the type, the size and the bytes; or answers of init. */

#include "basic/utf8.h"
#include "broker/collect.h"
#include "broker/frame.h"
#include "broker/tools.h"
#include "fuzz.h"

#define RESULT_MAX 4096

static void check_text(const char *text, size_t most) {
        fuzz_check(strlen(text) <= most && utf8_is_valid(text, strlen(text)));
}

static void check_display(const RunnerDisplay *d) {
        fuzz_check(d->n_parts > 0 && d->n_parts <= DISPLAY_PARTS_MAX);
        FOREACH_ARRAY(part, d->parts, d->n_parts) {
                check_text(part->mime, SAID_NAME_MAX);
                fuzz_check(part->size == 0 || part->data);
        }
}

static void check_said(const RunnerSaid *said) {
        if (said->exception) {
                check_text(said->exception->type, EXCEPTION_TYPE_MAX);
                check_text(said->exception->message, EXCEPTION_MESSAGE_MAX);
                check_text(said->exception->traceback, EXCEPTION_TRACEBACK_MAX);
        }
        if (said->problem)
                check_text(said->problem->message, EXCEPTION_MESSAGE_MAX);
        fuzz_check(said->result_size + said->display_bytes <= 2 * RESULT_MAX);
        if (said->result)
                fuzz_check(utf8_is_valid(said->result, said->result_size));
        fuzz_check(said->n_findings <= FINDINGS_MAX && said->n_violations <= VIOLATIONS_MAX &&
                   said->n_displays <= DISPLAYS_MAX && said->ticks <= TICKS_MAX);
        FOREACH_ARRAY(f, said->findings, said->n_findings) {
                check_text(f->message, FINDING_MESSAGE_MAX);
                fuzz_check(f->severity < _FINDING_SEVERITY_MAX);
        }
        FOREACH_ARRAY(v, said->violations, said->n_violations)
                check_text(v->subject, VIOLATION_SUBJECT_MAX);
        FOREACH_ARRAY(d, said->displays, said->n_displays)
                check_display(d);
        (void) said_refusal(said);
        fuzz_check(said_bytes(said) < 4 * MIB);
}

static void take_tool_call(ToolCalls *calls, const char *payload, size_t size) {
        static Tool tools[] = { { "add", 1000 }, { "count", UINT64_MAX } };
        static const ToolList list = { tools, ELEMENTSOF(tools) };
        ToolCallFrame frame;
        ToolCall *call;

        if (tool_call_parse(payload, size, &frame) < 0)
                return;
        fuzz_check(frame.name_size <= TOOL_NAME_MAX && frame.arguments_size <= TOOL_ARGUMENTS_MAX);
        if (tool_calls_open(calls, &list, 100, &frame, 10 * frame.id, &call) != 0)
                return;
        fuzz_check(calls->n_open <= TOOL_CALLS_IN_FLIGHT_MAX);
        fuzz_check(tool_calls_find(calls, frame.id) == call);
        (void) tool_calls_next(calls);
        if (frame.id % 3 == 0)
                tool_calls_close(calls, call, 10 * frame.id);
        else if ((call = tool_calls_expired(calls, 10 * frame.id)))
                tool_calls_close(calls, call, 10 * frame.id);
}

/* Reads the channel in pieces. Returns whether it broke no rule. */
static bool read_channel(const Buf *bytes, size_t piece, RunnerSaid *said, ToolCalls *calls) {
        Buf in = BUF_INIT(frame_size_max(RESULT_MAX) + 65536);
        int r = 0;

        for (size_t i = 0; i < buf_size(bytes) && r >= 0; i += piece) {
                r = buf_append(&in, buf_data(bytes) + i, MIN(piece, buf_size(bytes) - i));
                fuzz_check(r == 0); /* it holds what can be missing of a frame */
                while ((r = frame_read_all(&in, RESULT_MAX, said)) > 0) {
                        size_t size;
                        const char *payload = frame_payload(&in, &size);

                        if (frame_type(&in) == FRAME_TOOL_CALL)
                                take_tool_call(calls, payload, size);
                        frame_skip(&in);
                }
        }
        buf_done(&in);
        return r == 0;
}

static void check_same(const RunnerSaid *a, const RunnerSaid *b) {
        fuzz_check(a->result_size == b->result_size && !a->result == !b->result);
        fuzz_check(a->result_size == 0 || memcmp(a->result, b->result, a->result_size) == 0);
        fuzz_check(a->n_findings == b->n_findings && a->n_violations == b->n_violations);
        fuzz_check(a->n_displays == b->n_displays && a->display_bytes == b->display_bytes);
        fuzz_check(a->is_running == b->is_running && a->ticks == b->ticks);
}

static void read_frames(const Buf *bytes) {
        static const size_t pieces[] = { 1, 13, 65536 };
        RunnerSaid said[ELEMENTSOF(pieces)] = {};
        bool is_good[ELEMENTSOF(pieces)];

        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                ToolCalls calls = { .wait_max_usec = 1000 };

                is_good[i] = read_channel(bytes, pieces[i], &said[i], &calls);
                tool_calls_done(&calls);
                check_said(&said[i]);
                fuzz_check(is_good[i] == is_good[0]);
                check_same(&said[i], &said[0]);
        }
        FOREACH_ARRAY(s, said, ELEMENTSOF(said))
                said_done(s);
}

/* Frames whose sizes are right. */
static void build_frames(FuzzInput *in, Buf *bytes) {
        while (in->size > 0) {
                FrameType type = fuzz_byte(in);
                unsigned n_fields = fuzz_byte(in) % 16;
                FrameBuilder b;
                Buf frame;

                frame_begin(&b, type);
                /* The text of a result is all of its payload. */
                if (type == FRAME_RESULT) {
                        size_t size;
                        const void *text = fuzz_take(in, n_fields * 8, &size);

                        if (buf_append(&b.buf, text, size) < 0)
                                b.error = -ENOMEM;
                }
                for (unsigned i = 0; i < n_fields && in->size > 0 && type != FRAME_RESULT; i++) {
                        FieldType field = fuzz_byte(in);
                        size_t size = fuzz_byte(in);
                        const void *data = fuzz_take(in, size, &size);

                        frame_add(&b, field, data, size);
                }
                fuzz_check(frame_end(&b, &frame) == 0);
                fuzz_check(buf_append(bytes, buf_data(&frame), buf_size(&frame)) == 0);
                buf_done(&frame);
        }
}

/* Names, and then the content of those that are wanted. */
static void read_files(FuzzInput *in) {
        static CollectInput inputs[] = { { (char *) "a", 3, {} } };
        static const CollectSpec spec = {
                .rules = { { (char *) "*" },
                           { (char *) "*", .truncate = true },
                           { (char *) "*", .unchanged = true, .delivery = DELIVERY_BLOB } },
                .n_rules = 3,
                .inputs = inputs,
                .n_inputs = 1,
        };
        Limits limits = { .value = { [LIMIT_COLLECT_FILES] = 5, [LIMIT_COLLECT_BYTES] = 100 } };
        Collection c;
        uint64_t bytes;
        int r;

        collection_init(&c, &spec, &limits);
        while (fuzz_byte(in) % 8 != 0) {
                FilesAnswer answer = { .kind = FILES_ENTRY, .size = fuzz_byte(in) };
                const char *path;
                size_t size;

                path = fuzz_take(in, answer.size, &size);
                answer.size = (uint32_t) size;
                answer.type = fuzz_byte(in);
                answer.rule = fuzz_byte(in);
                answer.is_executable = fuzz_byte(in);
                answer.size_bytes = fuzz_byte(in);
                if (answer.size_bytes == UINT8_MAX)
                        fuzz_fill(in, &answer.size_bytes, sizeof(answer.size_bytes));
                if (collection_add(&c, &answer, path) < 0)
                        break;
        }
        fuzz_check(c.n <= collection_entries_max(&c));
        fuzz_check(collection_listed(&c, fuzz_byte(in) == 1 ? -E2BIG : 0) == 0);
        while ((r = collection_next(&c, &bytes)) >= 0) {
                size_t size;
                const void *data;

                if (r == 0)
                        continue;
                fuzz_check(bytes <= limits.value[LIMIT_COLLECT_BYTES] || bytes == 3);
                data = fuzz_take(in, MIN((uint64_t) fuzz_byte(in), bytes), &size);
                if (collection_data(&c, data, size) < 0)
                        break;
                (void) collection_read(&c, fuzz_byte(in) == 1 ? -EACCES : 0);
        }
        if (r != -ENODATA)
                fuzz_check(collection_lose(&c) == 0);
        fuzz_check(c.n_done <= c.files_max + 2); /* two may say that there are more */
        FOREACH_ARRAY(f, c.files, c.n_done)
                check_text(f->path, 4 * FILES_PATH_MAX);
        fuzz_check(collection_bytes(&c) < MIB);
        collection_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput in = { data, size };
        uint8_t what = fuzz_byte(&in) % 3;
        Buf bytes = BUF_INIT(0);

        if (what == 2) {
                read_files(&in);
                return 0;
        }
        if (what == 1)
                build_frames(&in, &bytes);
        else if (in.size > 0)
                fuzz_check(buf_append(&bytes, in.data, in.size) == 0);
        if (buf_size(&bytes) > 0)
                read_frames(&bytes);
        buf_done(&bytes);
        return 0;
}
