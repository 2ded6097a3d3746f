/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/exit-status.h"

#include "basic/macro.h"

enum {
        OWN_EXIT_CODE = -1, /* what the program exited with */
        OWN_SIGNAL = -2,    /* 128 + the signal that ended it */
};

static const int table[] = {
        [PYSB_OUTCOME_UNKNOWN] = EXIT_NOT_ACCEPTED,
        [PYSB_OUTCOME_SUCCESS] = 0,
        [PYSB_OUTCOME_EXCEPTION] = OWN_EXIT_CODE,
        [PYSB_OUTCOME_EXIT_NONZERO] = OWN_EXIT_CODE,
        [PYSB_OUTCOME_SIGNALED] = OWN_SIGNAL,
        [PYSB_OUTCOME_WALL_TIME_LIMIT] = EXIT_TIME_LIMIT,
        [PYSB_OUTCOME_CPU_TIME_LIMIT] = EXIT_TIME_LIMIT,
        [PYSB_OUTCOME_MEMORY_LIMIT] = EXIT_MEMORY_LIMIT,
        [PYSB_OUTCOME_OUTPUT_LIMIT] = EXIT_OUTPUT_LIMIT,
        [PYSB_OUTCOME_TOOL_CALL_LIMIT] = EXIT_TOOL_CALL_LIMIT,
        [PYSB_OUTCOME_TICK_LIMIT] = EXIT_TICK_LIMIT,
        [PYSB_OUTCOME_REJECTED] = EXIT_REJECTED,
        [PYSB_OUTCOME_CANCELLED] = EXIT_CANCELLED,
        [PYSB_OUTCOME_EXPIRED] = EXIT_NOT_ACCEPTED,
        [PYSB_OUTCOME_LOST] = EXIT_NOT_ACCEPTED,
        [PYSB_OUTCOME_INTERNAL_ERROR] = EXIT_NOT_ACCEPTED,
};

int exit_status_of_outcome(PysbOutcome outcome, int exit_code, int signal) {
        int status = EXIT_NOT_ACCEPTED;

        if ((size_t) outcome < ELEMENTSOF(table))
                status = table[outcome];
        if (status == OWN_EXIT_CODE) /* never 0: the outcome says that it failed */
                return exit_code > 0 && exit_code <= 255 ? exit_code : 1;
        if (status == OWN_SIGNAL)
                return signal > 0 && signal < 128 ? EXIT_SIGNAL_BASE + signal : 1;
        return status;
}

int exit_status_of_result(const PysbResult *result) {
        int exit_code = -1, signal = -1;

        pysb_result_get_exit_code(result, &exit_code);
        pysb_result_get_signal(result, &signal);
        return exit_status_of_outcome(pysb_result_get_outcome(result), exit_code, signal);
}
