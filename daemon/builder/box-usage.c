/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/box.h"
#include "builder/usage.h"

/* Its cgroup counts what it can; the rest is in proc(5), in steps of a clock tick. */
static void box_read_usage(const Box *box, BuilderReport *report) {
        TreeUsage tree = {};

        if (box->leaf_fd >= 0) {
                cgroup_leaf_read_facts(box->leaf_fd, &report->facts);
                report->memory_bytes = cgroup_leaf_memory_bytes(box->leaf_fd);
        }
        if (report->memory_bytes == 0) {
                tree = usage_read_tree(box->interpreter_pid > 0 ? box->interpreter_pid : box->pid);
                report->memory_bytes = tree.memory_bytes;
        }
        if (box->leaf_fd < 0) {
                report->facts.cpu_user_usec = tree.cpu_user_usec;
                report->facts.cpu_system_usec = tree.cpu_system_usec;
        }
        if (box->in_cell)
                report->cell_cpu_usec = box->cell_cpu_usec;
}

void box_report_usage(Builder *builder, uint64_t id) {
        BuilderReport report = { .kind = BUILDER_USED, .box = id };
        const Box *box = box_find(builder, id);

        if (box && box->state == BOX_RUNNING)
                box_read_usage(box, &report);
        builder_report(builder, &report);
}
