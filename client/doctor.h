/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `pysbctl doctor` looks at, one row for each thing. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/verb.h"

typedef enum DoctorStatus {
        DOCTOR_PASS,
        DOCTOR_DEGRADED, /* jobs run, with less around them */
        DOCTOR_FAIL,     /* no job runs, or none should */
        _DOCTOR_STATUS_MAX,
} DoctorStatus;

const char *doctor_status_to_string(DoctorStatus status);

#define DOCTOR_TEXT_MAX 512
#define DOCTOR_FINDINGS_MAX 96

/* Of one thing. */
typedef struct DoctorFinding {
        char name[64];
        DoctorStatus status;
        char found[DOCTOR_TEXT_MAX]; /* how it is here */
        const char *why;             /* it matters; a sentence */
        char fix[DOCTOR_TEXT_MAX]; /* what to do; of one that passes, what would be better still. May be empty */
} DoctorFinding;

typedef struct DoctorReport {
        DoctorFinding findings[DOCTOR_FINDINGS_MAX];
        size_t n;
        char *node_json, *self_test_json; /* of the daemon that was asked; NULL if none answered */
} DoctorReport;

void doctor_report_done(DoctorReport *report);

/* The worst of all. */
DoctorStatus doctor_report_status(const DoctorReport *report);

/* Adds a finding; the caller fills in the rest. There is always room. */
DoctorFinding *doctor_add(DoctorReport *report, const char *name, const char *why);

/* Appends a name to a list of them; what does not fit is left out. */
void doctor_add_name(char *list, size_t size, const char *name);

/* The number that *text begins with, behind blanks, and moves *text behind it. */
bool doctor_take_number(const char **text, uint64_t *ret_number);

/* Sets status and found. */
void doctor_say(DoctorFinding *finding, DoctorStatus status, const char *format, ...)
        _printf_(3, 4);

/* This machine, or one that a test has made of files. */
typedef struct DoctorMachine {
        const char *root;    /* of /proc, /sys and /etc; "" is ours */
        const char *release; /* of the kernel */
        int landlock_abi;    /* as of sys_landlock_abi() */
} DoctorMachine;

/* Everything that files say; doctor-machine.c. */
void doctor_check_machine(const DoctorMachine *machine, DoctorReport *report);

/* How exposed the service is, where systemd knows it; doctor-unit.c. */
void doctor_check_unit(DoctorReport *report);

/* The service if it answers, else a private daemon, and the self-test in one of them; doctor-daemon.c. */
void doctor_check_daemon(DoctorReport *report);
