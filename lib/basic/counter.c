/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/counter.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/cleanup.h"

int counter_open(uint32_t type, uint64_t config) {
        struct perf_event_attr attr = {
                .type = type,
                .size = sizeof(attr),
                .config = config,
                .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
                .inherit = 1,
                .exclude_kernel = 1,
                .exclude_hv = 1,
        };
        long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : (int) fd;
}

int counter_read(int fd, uint64_t *ret_value) {
        struct {
                uint64_t value, enabled, running; /* as read_format asks for them */
        } count;
        ssize_t n = read(fd, &count, sizeof(count));

        if (n < 0)
                return -errno;
        if (n != sizeof(count) || count.running < count.enabled || count.running == 0)
                return -ENODATA;
        *ret_value = count.value;
        return 0;
}

int counter_probe(uint32_t type, uint64_t config) {
        _cleanup_close_ int fd = counter_open(type, config);
        uint64_t value;
        int r;

        if (fd < 0)
                return fd;
        r = counter_read(fd, &value);
        return r < 0 ? r : value > 0 ? 0 : -ENODATA;
}
