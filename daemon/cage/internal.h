/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the files of the cage. All functions return 0 or a negative errno. */

#include "cage/cage.h"

/* apply.c: does the steps of the given phases, in order. On failure *ret_step is the index. */
int cage_apply(const CageBox *box, PlanPhase first, PlanPhase last, uint32_t *ret_step);

/* The listener that OP_SECCOMP made in this process, -EBADF before. */
int cage_listener(void);

/* clone.c: for CLONE_CHILD_SETTID, as found by cage_prepare(). */
int *cage_tid_address(void);

/* mount.c: targets are relative to the working directory, which is the new root. */
int cage_private_mounts(void);
int cage_mount_root(uint64_t size_bytes);
int cage_make_directory(const char *target, mode_t mode);
int cage_write_file(const char *target, const char *text, mode_t mode);
int cage_bind_read_only(const char *source, const char *target, bool optional);
int cage_bind_device(const char *source, const char *target);
int cage_mount_tmpfs(const char *target, mode_t mode, const TemplateMake *make);
int cage_mount_proc(const char *target);
int cage_pivot_root(void);

/* What is in the tmpfs that has most of it: whole pages, and inodes without the root directory's. */
void cage_measure_disk(const PlanImage *plan, uint64_t *ret_bytes, uint64_t *ret_files);
int cage_read_only_root(void);

/* directory.c: as a step of the box. */
int cage_make_directory_of_its_own(void);

/* net.c: raises lo in the namespace of the caller. */
int cage_loopback_up(void);

/* caps.c: allocates at start-up what dropping needs; then drops the bounding set and all five. */
int cage_prepare_capabilities(void);
int cage_drop_capabilities(bool keeps_bounding);

/* landlock.c: for this process and all that it starts, from now on. Does nothing where abi is 0. */
int cage_restrict_files(const PlanImage *plan, uint32_t abi);

/* speculation.c: for this thread and all that it starts. -ENXIO if the kernel can do neither that nor without. */
int cage_stop_speculation(void);

/* rlimits.c */
int cage_set_rlimits(const CageBox *box);

/* denied.c: answers one notification of the filter with EPERM and counts its number. */
typedef struct DeniedCalls {
        uint32_t n;
        DeniedCall calls[DENIED_CALLS_MAX]; /* in the order of their first occurrence */
} DeniedCalls;

/* branch.c: the only fork that the filter of a program without processes lets through. */
typedef enum BranchState {
        BRANCH_NONE,
        BRANCH_GRANTED, /* its base may fork once */
        BRANCH_FORKED,  /* it did; the new process asks for its descriptors next */
        BRANCH_ADOPTED, /* it has them */
} BranchState;

typedef struct Branch {
        BranchState state;
        pid_t base, pid;
        int fds[BOX_BRANCH_FDS]; /* the control link first */
} Branch;

typedef enum BranchAnswer {
        BRANCH_DENIES,
        BRANCH_FULL, /* there is no place for it */
        BRANCH_CONTINUES,
        BRANCH_SUCCEEDS,
} BranchAnswer;

struct seccomp_notif;
BranchAnswer branch_answer(Branch *branch, int listener_fd, const struct seccomp_notif *request);

int cage_prepare_denied(void);
void cage_answer_denied(int listener_fd, DeniedCalls *denied, Branch *branch);
void cage_count_denied(DeniedCalls *denied, uint32_t number);

/* files.c: answers one thing that the broker asks of the files below app. false: it closed the channel, or
 * sent nonsense, and there is no more to answer. */
bool cage_answer_files(int fd, const char *app);
