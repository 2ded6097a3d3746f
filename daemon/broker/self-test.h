/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The builder tries its boxes again for an administrator: one at a time, and whoever asks meanwhile gets the
 * answer of that one. */

#include <stdbool.h>

#include "proto/builder-wire.h"

struct Broker;
struct Connection;

typedef struct SelfTests {
        bool is_running;
        BuilderReport report; /* of the last one */
} SelfTests;

/* From the builder link. */
void self_test_report(struct Broker *b, const BuilderReport *report);

/* The method SelfTest, and for FOLLOW_SELF_TEST as the others in api.h. */
void api_manager_self_test(struct Connection *c);
bool api_manager_pump_self_test(struct Connection *c);
