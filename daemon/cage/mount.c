/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mounts of a box. They are made in a mount namespace that only the box's init is in, before any
 * byte of the job: no name here comes from a job or a client, all come from the plan. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "cage/internal.h"
#include "cage/sys.h"

/* Exists everywhere; what it hides is our own copy of it. */
#define STAGE "/tmp"

int cage_private_mounts(void) {
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int cage_mount_root(uint64_t size_bytes) {
        char options[64];

        (void) snprintf(options, sizeof(options), "size=%" PRIu64 ",nr_inodes=256,mode=0755",
                        size_bytes);
        if (mount("root", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
                return -errno;
        return chdir(STAGE) < 0 ? -errno : 0;
}

int cage_make_directory(const char *target, mode_t mode) {
        return mkdir(target, mode) < 0 ? -errno : 0;
}

int cage_write_file(const char *target, const char *text, mode_t mode) {
        _cleanup_close_ int fd =
                open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

        if (fd < 0)
                return -errno;
        return io_write_full(fd, text, strlen(text));
}

/* Clones what is mounted at source, not what is mounted below it; adds attributes, never takes the
 * ones away that the host's mount had; attaches it. */
static int cage_bind(const char *source, const char *target, uint64_t attributes) {
        struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
        _cleanup_close_ int fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
                return -errno;
        if (move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

int cage_bind_read_only(const char *source, const char *target, bool optional) {
        int r = cage_bind(source, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

        return r == -ENOENT && optional ? 0 : r;
}

/* A read-only mount does not keep anybody from writing to a device. It does keep the job from the
 * inode, which is the host's own: its times and mode would be seen in all other boxes. */
int cage_bind_device(const char *source, const char *target) {
        int r = cage_write_file(target, "", 0600);

        if (r < 0)
                return r;
        return cage_bind(source, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

int cage_mount_tmpfs(const char *target, mode_t mode, const TemplateMake *make) {
        char options[96];

        (void) snprintf(options, sizeof(options),
                        "size=%" PRIu64 ",nr_inodes=%" PRIu64 ",mode=%04o", make->disk_bytes,
                        make->disk_files + 1, /* the root directory is one */
                        (unsigned) mode);
        if (mount(target, target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
                return -errno;
        return 0;
}

void cage_measure_disk(const PlanImage *plan, uint64_t *ret_bytes, uint64_t *ret_files) {
        uint64_t bytes = 0, files = 0;

        if (chdir("/") < 0) /* out of /app: targets are relative to the root */
                return;
        FOREACH_ARRAY(step, plan->steps, plan->n_steps) {
                struct statfs fs;

                if (step->op != OP_MOUNT_TMPFS || statfs(plan_string(plan, step->target), &fs) < 0)
                        continue;
                bytes = MAX(bytes, (uint64_t) (fs.f_blocks - fs.f_bfree) * (uint64_t) fs.f_bsize);
                files = MAX(files, (uint64_t) (fs.f_files - fs.f_ffree) - 1);
        }
        *ret_bytes = bytes;
        *ret_files = files;
}

int cage_mount_proc(const char *target) {
        if (mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
                  "subset=pid,hidepid=invisible") < 0)
                return -errno;
        return 0;
}

int cage_pivot_root(void) {
        int r = sys_pivot_root_here();

        if (r < 0)
                return r;
        /* "." is still the new root; the old one lies on top of it and goes with all below it. */
        if (umount2(".", MNT_DETACH) < 0)
                return -errno;
        return chdir("/") < 0 ? -errno : 0;
}

int cage_read_only_root(void) {
        struct mount_attr attr = {
                .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        };

        return mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}
