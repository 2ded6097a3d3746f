/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What pysbd does in another way without a layer. */

#include <stdarg.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "builder/identity.h"
#include "launch/self-test.h"
#include "switch.h"

int __real_self_test_run(Builder *builder);
int __wrap_self_test_run(Builder *builder);
int __real_identity_write_maps(const Identity *identity,
                               pid_t pid,
                               uint32_t slot,
                               uint64_t inside_id);
int __wrap_identity_write_maps(const Identity *identity,
                               pid_t pid,
                               uint32_t slot,
                               uint64_t inside_id);
int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __real_cap_set_proc(cap_t caps);
int __wrap_cap_set_proc(cap_t caps);
int __real_cap_reset_ambient(void);
int __wrap_cap_reset_ambient(void);

/* Its words are in the log, and the attacks find somebody who answers. */
int __wrap_self_test_run(Builder *builder) {
        int r = __real_self_test_run(builder);

        return r < 0 && switch_serves_anyway() ? 0 : r;
}

int __wrap_identity_write_maps(const Identity *identity,
                               pid_t pid,
                               uint32_t slot,
                               uint64_t inside_id) {
        Identity own = { .first = getuid(), .first_gid = getgid() };

        if (switch_is_off(LAYER_USER_NAMESPACE))
                return 0; /* there is nothing to be mapped */
        return __real_identity_write_maps(switch_is_off(LAYER_UID_RANGE) ? &own : identity, pid,
                                          slot, inside_id);
}

/* It is inherited: all of the daemon goes without it. */
int __wrap_prctl(int option, ...) {
        unsigned long arguments[4];
        va_list list;

        va_start(list, option);
        for (int i = 0; i < 4; i++)
                arguments[i] = va_arg(list, unsigned long);
        va_end(list);
        if (option == PR_SET_NO_NEW_PRIVS && switch_is_off(LAYER_NO_NEW_PRIVILEGES))
                return 0;
        return __real_prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

/* Who makes namespaces without a user namespace needs capabilities of the host's: the unit of the test has them, and
 * they go all the way to the template. */
int __wrap_cap_set_proc(cap_t caps) {
        return switch_is_off(LAYER_USER_NAMESPACE) ? 0 : __real_cap_set_proc(caps);
}

int __wrap_cap_reset_ambient(void) {
        return switch_is_off(LAYER_USER_NAMESPACE) ? 0 : __real_cap_reset_ambient();
}
