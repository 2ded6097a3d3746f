/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Boxes that are made before anybody asks for them: everything in one is ready but its job, whose BoxStart its process
 * waits for. Each is used once, and by one job, as any other box. How many a profile has follows what is asked of it:
 * one more whenever a job finds none, and fewer when some of them were never needed. */

#include "builder/box.h"

/* How long the need of a profile is looked at before it has fewer, and for how long one may wait. */
#define SPARE_TICK_USEC (10 * USEC_PER_SEC)
#define SPARE_USEC_MAX (600 * USEC_PER_SEC)

/* A spare box that fits this request, or NULL. It stays a spare until box_assign() has made it the request's. */
Box *spare_find(const PlanSet *set, const BuilderRequest *request);

/* A job has been asked for, and has had a spare box or not. */
void spare_count_start(PlanSet *set, const BuilderRequest *request, bool had_one);

/* One of the profile's boxes runs, so that there is time: makes another one if the profile wants more than it has. */
void spare_refill(PlanSet *set, uint32_t plan);

/* The end of a tick: those that were never needed in it go, but for one of each profile, and those that have waited for
 * long are made anew. */
void spare_review_all(Builder *builder, uint64_t now_usec);

/* It has ended by itself, or could not be made: no more of the kind, until jobs show that they are wanted. */
void spare_failed(const Box *box);

/* Ends those of a set, or all of them (NULL): they are of no use any more, or the memory is. */
void spare_end_all(Builder *builder, const PlanSet *set);
