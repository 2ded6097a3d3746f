/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/doctor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "basic/parse.h"
#include "basic/sys.h"
#include "client/exit-status.h"
#include "client/text.h"

static const char *const status_names[_DOCTOR_STATUS_MAX] = {
        [DOCTOR_PASS] = "pass",
        [DOCTOR_DEGRADED] = "degraded",
        [DOCTOR_FAIL] = "fail",
};

const char *doctor_status_to_string(DoctorStatus status) {
        assert(status < _DOCTOR_STATUS_MAX);
        return status_names[status];
}

void doctor_report_done(DoctorReport *report) {
        free(report->node_json);
        free(report->self_test_json);
}

DoctorStatus doctor_report_status(const DoctorReport *report) {
        DoctorStatus worst = DOCTOR_PASS;

        FOREACH_ARRAY(f, report->findings, report->n)
                worst = MAX(worst, f->status);
        return worst;
}

DoctorFinding *doctor_add(DoctorReport *report, const char *name, const char *why) {
        DoctorFinding *f;

        assert(report->n < DOCTOR_FINDINGS_MAX);
        f = &report->findings[report->n++];
        *f = (DoctorFinding){ .status = DOCTOR_FAIL, .why = why };
        (void) snprintf(f->name, sizeof(f->name), "%s", name);
        return f;
}

void doctor_add_name(char *list, size_t size, const char *name) {
        size_t n = strlen(list);

        if (n + strlen(name) + sizeof(", ") <= size)
                (void) snprintf(list + n, size - n, "%s%.200s", n > 0 ? ", " : "", name);
}

bool doctor_take_number(const char **text, uint64_t *ret_number) {
        const char *p = *text + strspn(*text, " \t");
        size_t n = strspn(p, "0123456789");
        char digits[24];

        if (n == 0 || n >= sizeof(digits))
                return false;
        memcpy(digits, p, n);
        digits[n] = '\0';
        *text = p + n;
        return parse_u64(digits, ret_number) >= 0;
}

void doctor_say(DoctorFinding *f, DoctorStatus status, const char *format, ...) {
        va_list ap;

        f->status = status;
        va_start(ap, format);
        (void) vsnprintf(f->found, sizeof(f->found), format, ap);
        va_end(ap);
}

static void print_text(const DoctorReport *report) {
        FOREACH_ARRAY(f, report->findings, report->n) {
                printf("%-9s %s: ", doctor_status_to_string(f->status), f->name);
                text_print(stdout, f->found);
                printf("\n          %s\n", f->why);
                if (*f->fix == '\0')
                        continue;
                printf("          %s", f->status == DOCTOR_PASS ? "Better: " : "Fix: ");
                text_print(stdout, f->fix);
                putchar('\n');
        }
        printf("\n%s\n", doctor_status_to_string(doctor_report_status(report)));
}

static int print_member(const char *name, const char *value, const char *separator) {
        _cleanup_free_ char *quoted = NULL;
        int r = pysb_quote(value, &quoted);

        if (r >= 0)
                printf("\"%s\":%s%s", name, quoted, separator);
        return r;
}

static int print_json(const DoctorReport *report) {
        int r = 0;

        printf("{\"status\":\"%s\",\"checks\":[",
               doctor_status_to_string(doctor_report_status(report)));
        FOREACH_ARRAY(f, report->findings, report->n) {
                printf("%s{", f == report->findings ? "" : ",");
                r |= print_member("name", f->name, ",");
                r |= print_member("status", doctor_status_to_string(f->status), ",");
                r |= print_member("found", f->found, ",");
                r |= print_member("why", f->why, *f->fix ? "," : "");
                if (*f->fix)
                        r |= print_member("fix", f->fix, "");
                putchar('}');
        }
        printf("],\"node\":%s,\"selfTest\":%s}\n", report->node_json ?: "null",
               report->self_test_json ?: "null");
        return r;
}

int verb_doctor(int argc, char *argv[]) {
        static const struct option options[] = {
                { "json", no_argument, NULL, OPTION_JSON },
                {},
        };
        _cleanup_(doctor_report_done) DoctorReport report = {};
        DoctorMachine machine = { .root = "", .landlock_abi = sys_landlock_abi() };
        Common common = {};
        struct utsname u;

        if (common_parse(&common, argc, argv, options, 0, 0) < 0)
                return common_usage(argv[0]);
        if (uname(&u) < 0)
                return EXIT_NOT_ACCEPTED;
        machine.release = u.release;
        doctor_check_machine(&machine, &report);
        doctor_check_unit(&report);
        doctor_check_daemon(&report);
        if (!common.json)
                print_text(&report);
        else if (print_json(&report) < 0)
                return EXIT_NOT_ACCEPTED;
        return (int) doctor_report_status(&report);
}
