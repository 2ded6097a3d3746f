/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan as text: what is reviewed when the cage changes, so one fact a line, in a fixed order. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/macro.h"
#include "plan/filter.h"
#include "plan/plan.h"

/* A string of the plan on one line. */
static void print_text(const char *s, FILE *f) {
        for (; *s != '\0'; s++)
                if (*s == '\n')
                        fputs("\\n", f);
                else
                        fputc(*s, f);
}

static void print_list(const char *title, const char *list, FILE *f) {
        while (*list != '\0') {
                size_t size = strcspn(list, "\n");

                fprintf(f, "%s %.*s\n", title, (int) size, list);
                list += size + (list[size] == '\n' ? 1 : 0);
        }
}

static void print_arg(const PlanStep *step, FILE *f) {
        switch ((PlanOp) step->op) {
        case OP_NAMESPACES:
                fprintf(f, " 0x%" PRIx64, step->arg);
                break;
        case OP_MKDIR:
        case OP_WRITE_FILE:
        case OP_MOUNT_TMPFS:
                fprintf(f, " mode=%04" PRIo64, step->arg);
                break;
        case OP_ALLOW_READ:
        case OP_BIND_READ_ONLY:
                fputs(step->arg == PLAN_OPTIONAL ? " optional" : "", f);
                break;
        case OP_ALLOW_DEVICE:
        case OP_BIND_DEVICE:
                fputs(step->arg == PLAN_WRITABLE ? " writable" : "", f);
                break;
        case OP_DROP_CAPABILITIES:
                fputs(step->arg == PLAN_KEEP_BOUNDING ? " keep-bounding" : "", f);
                break;
        case OP_LANDLOCK:
                if (step->arg > 0)
                        fprintf(f, " abi=%" PRIu64, step->arg);
                break;
        case OP_ID_MAP:
        case OP_SET_IDS:
        case OP_MOUNT_ROOT:
                fprintf(f, " %" PRIu64, step->arg);
                break;
        case OP_CGROUP:
        case OP_PRIVATE_MOUNTS:
        case OP_SYMLINK:
        case OP_MOUNT_PROC:
        case OP_PIVOT_ROOT:
        case OP_READ_ONLY_ROOT:
        case OP_OWN_DIRECTORY:
        case OP_HOSTNAME:
        case OP_LOOPBACK_UP:
        case OP_CHDIR:
        case OP_SESSION_KEYRING:
        case OP_NOT_DUMPABLE:
        case OP_NO_NEW_PRIVILEGES:
        case OP_DIE_WITH_INIT:
        case OP_SPECULATION:
        case OP_RLIMITS:
        case OP_SECCOMP:
        case _OP_MAX:
                break;
        }
}

static void print_step(const PlanImage *plan, const PlanStep *step, FILE *f) {
        const char *source = plan_string(plan, step->source);
        const char *target = plan_string(plan, step->target);

        fprintf(f, "%-5s %s", plan_phase_to_string(step->phase), plan_op_to_string(step->op));
        if (*target != '\0')
                fprintf(f, " %s", target);
        if (*source != '\0') {
                fputs(*target != '\0' ? " <- " : " ", f);
                print_text(source, f);
        }
        print_arg(step, f);
        fputc('\n', f);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* What the filter does with a group: all answers that the tables have. */
static const char *group_verb(const SyscallGroup *group) {
        switch (group->error) {
        case 0:
                return "allow";
        case SYSCALL_SKIP:
                return "skip";
        case ENOLCK:
                return "enolck";
        case ENOSYS:
                return "enosys";
        default:
                return "error";
        }
}

static void print_names(const char *verb, const char *const *names, FILE *f) {
        _cleanup_free_ const char **sorted = NULL;
        size_t n = 0;

        while (names[n])
                n++;
        sorted = calloc(n + 1, sizeof(*sorted));
        if (!sorted)
                return;
        memcpy(sorted, names, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), compare_names);
        FOREACH_ARRAY(name, sorted, n)
                fprintf(f, "  %s %s\n", verb, *name);
}

static void print_rule(const char *verb, const SyscallRule *rule, FILE *f) {
        const char *separator = "if";

        fprintf(f, "  %s %s", verb, rule->name);
        FOREACH_ARRAY(compare, rule->compare, ELEMENTSOF(rule->compare)) {
                if (compare->mask == 0)
                        break;
                fprintf(f, " %s arg%u & 0x%" PRIx64 " == 0x%" PRIx64, separator, compare->argument,
                        compare->mask, compare->value);
                separator = "and";
        }
        fputc('\n', f);
}

static void print_filter(const PlanImage *plan, FILE *f) {
        FOREACH_ARRAY(group, job_groups, n_job_groups) {
                if (!syscall_group_is_selected(group, plan->flags))
                        continue;
                fprintf(f, "group %s\n", group->name);
                if (group->names)
                        print_names(group_verb(group), group->names, f);
                for (const SyscallRule *rule = group->rules; rule && rule->name; rule++)
                        print_rule(group_verb(group), rule, f);
        }
        fputs("another architecture: kill\n"
              "unknown number: enosys\n"
              "anything else: notify init, which answers EPERM\n",
              f);
        fprintf(f, "%u system calls\n", plan->n_allowed);
}

void plan_dump(const PlanImage *plan, FILE *f) {
        fprintf(f, "plan %s\n", plan_string(plan, plan->name));
        print_list("preload", plan_string(plan, plan->preload), f);
        print_list("package", plan_string(plan, plan->packages), f);
        if (plan->flags & PLAN_FLAG_WHITELIST) {
                print_list("module", plan_string(plan, plan->modules), f);
                print_list("internal", plan_string(plan, plan->internal), f);
        }
        print_list("deny", plan_string(plan, plan->deny_modules), f);
        print_list("environment", plan_string(plan, plan->environment), f);
        FOREACH_ARRAY(step, plan->steps, plan->n_steps)
                print_step(plan, step, f);
        print_filter(plan, f);
}
