/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "proto/syscall-names.h"

/* <linux/seccomp.h> does not go together with <seccomp.h> everywhere: what the prologue needs. */
#define DATA_NUMBER 0
#define DATA_ARCH 4
#define RETURN_ENOSYS (0x00050000u | ENOSYS)
#define RETURN_KILL_PROCESS 0x80000000u
/* x86-64: numbers of the x32 ABI have this bit; libseccomp's part kills them as a foreign ABI. */
#define X32_BIT 0x40000000u

#define PROGRAM_BYTES_MAX (4096 * sizeof(struct sock_filter))

static inline void seccomp_releasep(scmp_filter_ctx *context) {
        if (*context)
                seccomp_release(*context);
}

bool syscall_group_is_selected(const SyscallGroup *group, uint32_t flags) {
        return (flags & group->with) == group->with && (flags & group->without) == 0;
}

static void count_name(bool *seen, const char *name) {
        int number = syscall_number(name);

        if (number >= 0)
                seen[number] = true;
}

uint32_t syscall_count_allowed(const SyscallGroup *groups, size_t n_groups, uint32_t flags) {
        _cleanup_free_ bool *seen = calloc(syscall_last_known() + 1, sizeof(bool));
        uint32_t n = 0;

        if (!seen)
                return 0;
        FOREACH_ARRAY(group, groups, n_groups) {
                if (group->error != 0 || !syscall_group_is_selected(group, flags))
                        continue;
                for (const char *const *name = group->names; name && *name; name++)
                        count_name(seen, *name);
                for (const SyscallRule *rule = group->rules; rule && rule->name; rule++)
                        count_name(seen, rule->name);
        }
        FOREACH_ARRAY(allowed, seen, syscall_last_known() + 1)
                n += *allowed;
        return n;
}

static uint32_t group_action(const SyscallGroup *group) {
        if (group->error == 0)
                return SCMP_ACT_ALLOW;
        return SCMP_ACT_ERRNO(group->error == SYSCALL_SKIP ? 0 : group->error);
}

/* A name that this architecture does not have is left out: arm64 has no open(). */
static int add_rule(scmp_filter_ctx context,
                    const SyscallGroup *group,
                    const char *name,
                    const SyscallCompare *compare,
                    size_t n_compare) {
        struct scmp_arg_cmp args[ELEMENTSOF(((SyscallRule *) NULL)->compare)];
        int number = syscall_number(name), r;
        unsigned n = 0;

        if (number < 0)
                return 0;
        for (; n < n_compare && compare[n].mask != 0; n++)
                args[n] = (struct scmp_arg_cmp){
                        .arg = compare[n].argument,
                        .op = SCMP_CMP_MASKED_EQ,
                        .datum_a = compare[n].mask,
                        .datum_b = compare[n].value,
                };
        r = seccomp_rule_add_array(context, group_action(group), number, n, args);
        /* A rule that an earlier one makes superfluous is no mistake of the tables. */
        return r == -EEXIST ? 0 : r;
}

static int add_group(scmp_filter_ctx context, const SyscallGroup *group) {
        int r;

        for (const char *const *name = group->names; name && *name; name++) {
                r = add_rule(context, group, *name, NULL, 0);
                if (r < 0)
                        return r;
        }
        for (const SyscallRule *rule = group->rules; rule && rule->name; rule++) {
                r = add_rule(context, group, rule->name, rule->compare, ELEMENTSOF(rule->compare));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* libseccomp 2.5 writes programs to descriptors only. */
static int export_program(scmp_filter_ctx context, char **ret_program, size_t *ret_size) {
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = seccomp_export_bpf(context, fd);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return io_read_fd(fd, PROGRAM_BYTES_MAX, ret_program, ret_size);
}

typedef struct Program {
        struct sock_filter *code;
        size_t n, max;
} Program;

static void emit(Program *p, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t k) {
        if (p->n < p->max)
                p->code[p->n] = (struct sock_filter){ code, jump_true, jump_false, k };
        p->n++;
}

/* first <= number <= last -> ENOSYS; else go on behind it. */
static void emit_unknown(Program *p, uint32_t first, uint32_t last) {
        emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 2, first);
        emit(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, last);
        emit(p, BPF_RET | BPF_K, 0, 0, RETURN_ENOSYS);
}

/* libseccomp has one default action for all that no rule names, but a number that a program tries
 * out because its libc is newer than our list must look like one of an old kernel. Jumps are relative,
 * so this stands in front of libseccomp's program. */
static void emit_prologue(Program *p) {
        uint32_t last = syscall_last_known();

        emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, DATA_ARCH);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, seccomp_arch_native());
        emit(p, BPF_RET | BPF_K, 0, 0, RETURN_KILL_PROCESS);
        emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, DATA_NUMBER);
        for (uint32_t number = 0; number < last; number++) {
                uint32_t first = number;

                while (!syscall_is_known(number)) /* the last one is known */
                        number++;
                if (number > first)
                        emit_unknown(p, first, number - 1);
        }
        emit_unknown(p, last + 1, X32_BIT - 1);
}

int filter_compile(const SyscallGroup *groups,
                   size_t n_groups,
                   uint32_t flags,
                   FilterDenial denial,
                   struct sock_filter *ret_filter,
                   size_t max,
                   size_t *ret_n) {
        _cleanup_(seccomp_releasep) scmp_filter_ctx context =
                seccomp_init(denial == DENY_NOTIFY ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM));
        Program program = { .code = ret_filter, .max = max };
        _cleanup_free_ char *tail = NULL;
        size_t tail_size, n_tail;
        int r;

        if (!context)
                return -ENOMEM;
        r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r < 0)
                return r;
        /* A binary tree: the cost of a call does not depend on its place in the list. */
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r < 0)
                return r;
        FOREACH_ARRAY(group, groups, n_groups)
                if (syscall_group_is_selected(group, flags) && (r = add_group(context, group)) < 0)
                        return r;
        r = export_program(context, &tail, &tail_size);
        if (r < 0)
                return r;
        emit_prologue(&program);
        n_tail = tail_size / sizeof(struct sock_filter);
        if (program.n + n_tail > max)
                return -E2BIG;
        memcpy(ret_filter + program.n, tail, n_tail * sizeof(struct sock_filter));
        *ret_n = program.n + n_tail;
        return 0;
}
