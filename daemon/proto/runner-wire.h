/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Broker <-> the job process: frames on the channel, a SOCK_STREAM pair that the broker made. What
 * comes from the job is hostile: it is read only after the kernel's facts, and a frame that breaks
 * the rules below ends the reading, nothing else.
 *
 * A frame is a FrameHeader and size bytes of payload. The payload of JOB and EXCEPTION is a sequence
 * of fields, each a FieldHeader and its bytes, without padding. All numbers are little endian. */

#include <signal.h>
#include <stdint.h>

#define RUNNER_FD_CHANNEL 3

/* CPython notes a signal and looks at its notes between two byte codes: a SIGINT that comes just before a
 * system call that blocks, or to another thread, would wait for the end of that call. So init sends some of
 * these behind it, which end the call with EINTR: their handler does nothing, and where it is not
 * installed they are ignored. */
#define RUNNER_NUDGE_SIGNAL SIGURG

#define FRAME_PAYLOAD_MAX (4U << 20)
/* Of FRAME_JOB, which has the files of the request in it: a message's worth, and what came beside it. */
#define JOB_PAYLOAD_MAX (20U << 20)

typedef enum FrameType {
        FRAME_JOB = 1,       /* broker -> job, once: FIELD_* of the request */
        FRAME_EXCEPTION = 2, /* job -> broker: an uncaught exception; the process exits with 1 */
        FRAME_RESULT = 3,    /* job -> broker: JSON text of the value, UTF-8; the last one counts */
        /* job -> broker: a remark of the analysis. At most FINDINGS_MAX, none after RUNNING */
        FRAME_FINDING = 4,
        /* job -> broker, once, empty: analysis and preparation are over, the next byte may be the
         * program's own. "rejected" is believed only of a job that never sent it. */
        FRAME_RUNNING = 5,
        FRAME_VIOLATION = 6,      /* job -> broker: the interpreter refused something */
        FRAME_DISPLAY = 7,        /* job -> broker: a rich value */
        FRAME_RESULT_PROBLEM = 8, /* job -> broker: why there is no RESULT; the last one counts */
        FRAME_TOOL_CALL = 9,      /* job -> broker */
        FRAME_TOOL_REPLY = 10,    /* broker -> job: the answer to one TOOL_CALL */
        FRAME_TICKS = 11, /* job -> broker, once, last: how many, if the JOB had a FIELD_TICKS */
        /* job -> broker: uint32, the exit status of a cell. What the cell wrote is in the pipes, what it
         * said went before; the next JOB may come. A session says 0 before its first cell: it is ready. */
        FRAME_CELL_END = 12,
        /* broker -> job, between two cells, empty: fork a branch. It is there when the box says so; CELL_END is
         * the answer in any case, with a BranchRefusal. */
        FRAME_BRANCH = 13,
} FrameType;

typedef enum BranchRefusal {
        BRANCH_REFUSED_FAILED,  /* by the kernel, most likely for its memory */
        BRANCH_REFUSED_THREADS, /* a fork would leave their locks locked, or they have all places */
        BRANCH_REFUSED_FULL,    /* as many as there may be share the box: of the broker */
        BRANCH_REFUSED_BUSY,    /* another one is being made: the same */
        BRANCH_MADE,            /* none */
        _BRANCH_REFUSAL_MAX,
} BranchRefusal;

#define FINDINGS_MAX 20
#define FINDING_MESSAGE_MAX 2048U
#define FINDING_PATH_MAX 256U
#define VIOLATION_SUBJECT_MAX 256U
#define DISPLAYS_MAX 32
#define TOOLS_MAX 64
#define TOOL_NAME_MAX 64U
#define TOOL_ARGUMENTS_MAX (64U << 10)
#define TOOL_VALUE_MAX (1U << 20)
#define TOOL_CALLS_IN_FLIGHT_MAX 16

/* What a job that the analysis refused exits with. */
#define RUNNER_EXIT_REJECTED 126

/* Before the frame RUNNING: it had no request, and nothing of the program ran. */
#define RUNNER_EXIT_NO_REQUEST 125

typedef struct FrameHeader {
        uint32_t size; /* of the payload, at most FRAME_PAYLOAD_MAX or JOB_PAYLOAD_MAX */
        uint32_t type; /* FrameType */
} FrameHeader;

typedef enum FieldType {
        /* JOB */
        FIELD_CODE = 1,        /* Python source, UTF-8; exactly once */
        FIELD_ARGUMENT = 2,    /* one of sys.argv[1:], in order; UTF-8 */
        FIELD_ENVIRONMENT = 3, /* NAME=VALUE; UTF-8 */
        FIELD_SEED = 4,        /* int64: seed of the random module */
        FIELD_RESULT_MAX = 5,  /* uint64: bytes of the JSON text of the result */
        FIELD_SOURCE_NAME = 6, /* what tracebacks call the program, such as <job> */
        FIELD_SCRIPT_PATH = 7, /* instead of CODE: the path of a FILE */
        FIELD_MODULE = 8,      /* instead of CODE: as python -m */
        FIELD_EXPRESSION = 9,  /* instead of CODE: one expression */
        FIELD_CALLABLE = 10,   /* its name */
        FIELD_INPUTS = 11,     /* JSON text of an object */
        FIELD_FILE = 12,       /* path relative to /app, NUL, the bytes */
        FIELD_MODULES = 13,    /* narrows what may be imported: names, separated by newlines */
        FIELD_TOOL = 14,       /* JSON text of a Tool of the interface */
        FIELD_ANALYSIS = 15,   /* uint32: AnalysisLevel in force */
        FIELD_CHECK_ONLY = 32, /* empty: analyse, then exit with 0 or RUNNER_EXIT_REJECTED */
        FIELD_DISPLAY_LAST =
                33, /* uint32: 0 never, 1 always; absent: if it has a rich representation */
        /* Empty, instead of a program: a session. Each JOB frame after this one is a cell, which finds the
         * variables of those before it. */
        FIELD_SESSION = 35,
        FIELD_EXECUTABLE = 36, /* the path of a FILE that is one */
        FIELD_READ_ONLY = 37,  /* the path of a FILE that is to be */
        FIELD_TICKS = 34, /* uint64: count, and end the program after so many; absent: do not */
        /* EXCEPTION */
        FIELD_EXCEPTION_TYPE = 16,      /* qualified class name */
        FIELD_EXCEPTION_MESSAGE = 17,   /* str() of it */
        FIELD_EXCEPTION_TRACEBACK = 18, /* formatted */
        FIELD_EXCEPTION_LINE = 19,      /* uint32: line in the program, where it is known */
        FIELD_EXCEPTION_MEMORY = 20,    /* empty: it is a MemoryError */
        /* FINDING; also RESULT_PROBLEM, with EXCEPTION_TYPE and EXCEPTION_MESSAGE alone */
        FIELD_FINDING_RULE =
                40, /* at most 64 bytes, as all texts here without a bound of their own */
        FIELD_FINDING_SEVERITY = 41, /* uint32: 0 note, 1 warning, 2 refuse */
        FIELD_FINDING_MESSAGE = 42,  /* at most FINDING_MESSAGE_MAX bytes */
        FIELD_FINDING_LINE = 43,     /* uint32, from 1 */
        FIELD_FINDING_COLUMN = 44,   /* uint32, from 1 */
        FIELD_FINDING_SUBJECT = 45,  /* at most 256 bytes */
        FIELD_FINDING_PATH = 46,     /* of a file of the request; absent: the program itself */
        /* VIOLATION */
        FIELD_VIOLATION_LAYER = 48,   /* "import_policy" or "audit_hook" */
        FIELD_VIOLATION_SUBJECT = 49, /* at most VIOLATION_SUBJECT_MAX bytes */
        FIELD_VIOLATION_REASON = 50,  /* "not-allowed", "not-installed", or absent */
        /* DISPLAY: MIME types, each directly before its bytes */
        FIELD_DISPLAY_IS_RESULT = 56, /* empty */
        FIELD_DISPLAY_MIME = 57,
        FIELD_DISPLAY_TEXT = 58, /* UTF-8 */
        FIELD_DISPLAY_DATA = 59,
        /* TOOL_CALL and TOOL_REPLY */
        FIELD_CALL_ID = 64,         /* uint64: 1, 2, 3, … within the job */
        FIELD_TOOL_NAME = 65,       /* CALL: at most TOOL_NAME_MAX bytes */
        FIELD_TOOL_ARGUMENTS = 66,  /* CALL: JSON text of an object, at most TOOL_ARGUMENTS_MAX */
        FIELD_TOOL_VALUE = 67,      /* REPLY: JSON text, at most TOOL_VALUE_MAX; or the next two */
        FIELD_TOOL_ERROR_TYPE = 68, /* REPLY: at most 64 bytes */
        FIELD_TOOL_ERROR_MESSAGE = 69, /* REPLY: at most 4096 bytes */
        /* TICKS */
        FIELD_TICKS_COUNT = 72,    /* uint64, at most TICKS_MAX */
        FIELD_TICKS_EXCEEDED = 73, /* empty: the program wanted more */
} FieldType;

/* As the enum Analysis of the interface. */
typedef enum AnalysisLevel {
        ANALYSIS_OFF,
        ANALYSIS_IMPORTS,
        ANALYSIS_STRICT,
        _ANALYSIS_MAX,
} AnalysisLevel;

#define EXCEPTION_TYPE_MAX 256U
#define EXCEPTION_MESSAGE_MAX 4096U
#define EXCEPTION_TRACEBACK_MAX 65536U

typedef struct FieldHeader {
        uint32_t size; /* of the bytes that follow */
        uint32_t type; /* FieldType */
} FieldHeader;

_Static_assert(sizeof(FrameHeader) == 8, "wire layout");
_Static_assert(sizeof(FieldHeader) == 8, "wire layout");
