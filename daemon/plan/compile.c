/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "plan/plan.h"

int plan_compile(const Profile *profile, PlanImage **ret_plan) {
        return -ENOSYS;
}

void plan_dump(const PlanImage *plan, FILE *f) {
}

int plan_broker_filter(struct sock_filter *ret_filter, size_t max, size_t *ret_n) {
        return -ENOSYS;
}
