/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The allocator of a daemon for tests: of builder or broker, whichever PROCESS says, the allocations that a test has
 * ordered fail. The order is a file beside the program, which tests/faults/memory.py writes. What a library allocates
 * counts, too: who defines malloc() in the program is asked by all. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "plan/filter.h"

#if SANITIZER_CALLS
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

extern void *REAL(malloc)(size_t size);
extern void *REAL(calloc)(size_t n, size_t size);
extern void *REAL(realloc)(void *old, size_t size);

/* struct "IIII" in memory.py */
typedef struct Order {
        uint32_t count;  /* allocations since a test set it to 0 */
        uint32_t first;  /* which one is the first that fails; 0: none */
        uint32_t n;      /* how many fail from there on */
        uint32_t failed; /* how many have failed */
} Order;

static Order *order;

/* libseccomp 2.5.4 crashes or never comes back where it finds no memory while it exports a filter. What it has of ours
 * is the same text each time, and no filter that came out was another one: docs/TESTING.md. */
static int is_paused;

__attribute__((constructor)) static void order_open(void) {
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;
        void *map;
        int fd;

        if (n < 0)
                return;
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (!slash || slash + sizeof("/order") > path + sizeof(path))
                return;
        memcpy(slash, "/order", sizeof("/order"));
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        map = mmap(NULL, 2 * sizeof(Order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        (void) close(fd);
        if (map != MAP_FAILED)
                order = (Order *) map + PROCESS;
}

static int must_fail(void) {
        uint32_t number;

        if (!order || is_paused)
                return 0;
        number = ++order->count;
        if (order->first == 0 || number < order->first || number - order->first >= order->n)
                return 0;
        order->failed++;
        errno = ENOMEM;
        return 1;
}

__attribute__((visibility("default"))) void *malloc(size_t size) {
        return must_fail() ? NULL : REAL(malloc)(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
        return must_fail() ? NULL : REAL(calloc)(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size) {
        return must_fail() ? NULL : REAL(realloc)(old, size);
}

#if PROCESS == 0
int __real_filter_compile(const SyscallGroup *groups,
                          size_t n_groups,
                          uint32_t flags,
                          FilterDenial denial,
                          struct sock_filter *ret_filter,
                          size_t max,
                          size_t *ret_n);
int __wrap_filter_compile(const SyscallGroup *groups,
                          size_t n_groups,
                          uint32_t flags,
                          FilterDenial denial,
                          struct sock_filter *ret_filter,
                          size_t max,
                          size_t *ret_n);
int __wrap_filter_compile(const SyscallGroup *groups,
                          size_t n_groups,
                          uint32_t flags,
                          FilterDenial denial,
                          struct sock_filter *ret_filter,
                          size_t max,
                          size_t *ret_n) {
        int r;

        is_paused = 1;
        r = __real_filter_compile(groups, n_groups, flags, denial, ret_filter, max, ret_n);
        is_paused = 0;
        return r;
}
#endif
