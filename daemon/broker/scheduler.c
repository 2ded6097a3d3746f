/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/scheduler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/macro.h"
#include "broker/api.h"
#include "broker/connection.h"
#include "broker/job-store.h"
#include "broker/job-usage.h"
#include "broker/session-run.h"
#include "broker/tool-link.h"

/* Of "a job has ended", for journalctl --catalog and filters; made by systemd-id128 new. */
#define MESSAGE_ID_JOB_FINISHED "dd200fd6d09644fb9fbdff18e30a715b"

/* One line per job, with fields for the journal. */
static void log_job_finished(const Job *job) {
        const Verdict *v = &job->verdict;
        const LogField fields[] = {
                { "MESSAGE_ID", MESSAGE_ID_JOB_FINISHED },
                { "PYSB_JOB", job->id },
                { "PYSB_TENANT", job_tenant(job)->name },
                { "PYSB_PROFILE", job->spec->profile->name },
                { "PYSB_OUTCOME", outcome_names[v->outcome] },
        };

        /* An exception's text is the tenant's, it stays out of the operator's log. */
        log_fields(v->outcome == OUTCOME_INTERNAL_ERROR ? LOG_ERR : LOG_INFO, fields,
                   ELEMENTSOF(fields), "job %s: %s%s%s", job->id, outcome_names[v->outcome],
                   v->outcome == OUTCOME_EXCEPTION || v->message[0] == '\0' ? "" : ": ",
                   v->outcome == OUTCOME_EXCEPTION ? "" : v->message);
}

uint64_t scheduler_slots(const Broker *b) {
        return MIN((uint64_t) b->slots, b->config->max_running_jobs);
}

static void scheduler_finish(Broker *b, Job *job, const Verdict *verdict, const BoxFacts *facts) {
        job->link = runner_link_free(job->link);
        job->collector = collector_free(job->collector);
        if (job->files && job->session)
                session_hand_on_files(b, job->session);
        job->files = files_link_free(job->files); /* then the box goes */
        job->layers = b->layers & engine_layers(job->spec->profile->engine);
        job_finish(job, verdict, facts, b->clock());
        log_job_finished(job);
        if (b->is_draining)
                server_wake_followers(b->server, FOLLOW_DRAIN);
        if (job->spec->is_session && job->session)
                session_host_finished(b, job->session);
        /* The last one who watches it releases it otherwise. */
        if (job->spec->retain_usec > 0 || list_is_empty(&job->watchers))
                broker_wake_at(b, job->retained_until_usec);
}

void scheduler_finish_without_box(Broker *b, Job *job, Outcome outcome, const char *why) {
        Verdict verdict;

        outcome_without_box(outcome, why, &verdict);
        scheduler_finish(b, job, &verdict, NULL);
}

/* What a rule wants in the blob store goes there file by file. */
static void scheduler_store_file(Job *job, CollectedFile *file) {
        Broker *b = job->broker;
        Blob *blob = NULL;

        if (!file->has_data || !file->is_blob)
                return;
        if (blob_store_put(&b->blobs, job_tenant(job), file->data, file->size,
                           b->clock().monotonic_usec, &blob) == 0) {
                file->data = NULL; /* it is the store's */
                broker_wake_at(b, blob->expires_usec);
        }
        (void) collected_move(file, blob ? blob->id : NULL);
}

static void scheduler_on_file(void *userdata, size_t index) {
        Job *job = userdata;

        scheduler_store_file(job, &job->collection.files[index]);
        (void) job_log_file(job, index, job->broker->clock());
}

static void scheduler_end(Broker *b, Job *job, const Verdict *verdict, const BoxFacts *facts);

/* The files are there, or lost: now the job is at its end. */
static void scheduler_on_files(void *userdata) {
        Job *job = userdata;
        const Verdict verdict = job->verdict;
        const BoxFacts facts = job->facts;

        scheduler_end(job->broker, job, &verdict, &facts);
}

static int scheduler_open_files(Broker *b, Job *job, int *ret_box_fd) {
        const CollectorOwner owner = { scheduler_on_file, scheduler_on_files, job };

        if (job->spec->is_session)
                return files_link_new(b->event, ret_box_fd, &job->files);
        job->broker = b;
        collection_init(&job->collection, job->spec->collect, &job->spec->limits);
        return collector_new(b->event, &job->collection, &owner, ret_box_fd, &job->collector);
}

static int scheduler_start(Broker *b, Job *job) {
        uint64_t cpu_weight = job_tenant(job)->policy->cpu_weight;
        BuilderRequest request = {
                .verb = BUILDER_START,
                .plan = job->spec->plan,
                .box = b->last_box + 1,
                .digest = profile_digest_short(job->spec->profile),
                .is_session = job->spec->is_session,
                .cpu_weight = cpu_weight == WEIGHT_DEFAULT ? 0 : (uint32_t) cpu_weight,
                .limits = job->spec->limits,
        };
        int fds[BUILDER_FDS_MAX], r;
        size_t n_fds = BUILDER_START_FDS;

        job_set_starting(job, b->clock());
        r = runner_link_new(&b->links, job, fds, &job->link);
        if (r < 0)
                return r;
        job->box = ++b->last_box;
        job_store_add_box(b, job);
        if (job->spec->collect || job->spec->is_session) {
                r = scheduler_open_files(b, job, &fds[n_fds]);
                if (r < 0) {
                        FOREACH_ARRAY(fd, fds, n_fds)
                                fd_close(*fd);
                        return r;
                }
                n_fds++;
        }
        return builder_link_send(b->builder, &request, fds, n_fds);
}

/* A client learns how far its job came once it is among the first of its tenant; before that, what it
 * was told when it came. Telling all of them would cost the square of the queue. */
#define POSITIONS_TOLD 16

static void scheduler_tell_positions(Broker *b, const Tenant *tenant) {
        QueueItem *items[POSITIONS_TOLD];
        size_t n = queue_first(tenant, ELEMENTSOF(items), items);

        for (size_t i = 0; i < n; i++)
                (void) job_set_position(container_of(items[i], Job, queue), i, b->clock());
}

/* Starts as many as there are places, then tells the others how far they came. A job that has just
 * come is started whatever its deadline is, if there is a place: fresh, NULL is none. */
static void scheduler_run(Broker *b, const Job *fresh) {
        QueueItem *item;

        while ((item = queue_take(&b->tenants))) {
                Job *job = container_of(item, Job, queue);
                bool is_late = b->clock().monotonic_usec > job->queue_deadline_usec;
                char why[128];
                int r;

                if (job != fresh && is_late) {
                        queue_item_ended(item);
                        scheduler_finish_without_box(b, job, OUTCOME_EXPIRED,
                                                     "no place became free in time");
                        continue;
                }
                r = scheduler_start(b, job);
                if (r >= 0)
                        continue;
                (void) snprintf(why, sizeof(why), "the sandbox could not be asked for: %s",
                                strerrorname_np(-r) ?: "unknown error");
                /* The builder has gone, and the loop has not told us yet. */
                scheduler_finish_without_box(
                        b, job,
                        r == -EPIPE || r == -ECONNRESET ? OUTCOME_LOST : OUTCOME_INTERNAL_ERROR,
                        why);
        }
        LIST_FOREACH(l, &b->tenants.ready)
                scheduler_tell_positions(b, container_of(l, Tenant, ready));
        reload_forget(b);
}

void scheduler_unwatch(Broker *b, Job *job, JobWatcher *watcher) {
        const Tenant *tenant = job_tenant(job);
        bool was_stuck = tenant_is_stuck(tenant);

        job_unwatch(job, watcher);
        if (!was_stuck || tenant_is_stuck(tenant))
                return;
        b->has_room = true; /* by the loop: we may be in the middle of its end */
        broker_wake_at(b, b->clock().monotonic_usec);
}

void scheduler_cancel_waiting(Broker *b, Job *job, const char *reason) {
        char why[JOB_REASON_MAX + 64];

        (void) snprintf(why, sizeof(why), "cancelled before it started: %s", reason);
        scheduler_finish_without_box(b, job, OUTCOME_CANCELLED, why);
}

/* It was accepted when there was more memory for it: now it would wait for ever. */
static void scheduler_drop_too_large(Broker *b, Job *job) {
        const Tenant *tenant = job_tenant(job);
        int scope = queue_item_never_fits(&job->queue);
        bool is_own = scope == CHARGE_OVER_TENANT;
        const uint64_t *maxima = is_own ? tenant->policy->maximum : tenant->tenants->maximum;
        char limit[64], maximum[64], reason[JOB_REASON_MAX];

        if (scope == 0)
                return;
        (void) snprintf(reason, sizeof(reason),
                        "its memory limit is %s, and the quota of memory of %s is %s now",
                        limit_format(LIMIT_MEMORY, job->queue.memory_bytes, limit, sizeof(limit)),
                        is_own ? "its tenant" : "the node",
                        limit_format(LIMIT_MEMORY, maxima[QUOTA_MEMORY], maximum, sizeof(maximum)));
        scheduler_cancel_waiting(b, job, reason);
}

void scheduler_start_waiting(Broker *b) {
        LIST_FOREACH(t, &b->tenants.ready) {
                Tenant *tenant = container_of(t, Tenant, ready);

                for (size_t i = 0; i < PRIORITIES; i++)
                        LIST_FOREACH(l, &tenant->waiting[i])
                                scheduler_drop_too_large(
                                        b,
                                        container_of(container_of(l, QueueItem, link), Job, queue));
        }
        scheduler_run(b, NULL);
}

/* Whether it may come in: no place is needed by what is refused by itself. */
static bool scheduler_admit(Broker *b, Tenant *tenant, const JobSpec *spec, Refusal *ret_refusal) {
        QueueItem item;

        if (spec->source_too_large)
                return true;
        queue_item_init(&item, tenant, spec->priority, spec->limits.value[LIMIT_MEMORY],
                        spec->is_session);
        return queue_admit(&item, job_spec_bytes(spec), b->clock().monotonic_usec, ret_refusal);
}

int scheduler_new_job(Broker *b, Tenant *tenant, JobSpec *spec, Job **ret_job) {
        uint8_t random[16];
        Job *job;
        int r;

        job_store_trim(b);
        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return -errno;
        r = job_new(spec, tenant, b->last_number + 1, random, b->clock(), &job);
        if (r < 0)
                return r;
        b->last_number++;
        job_store_add(b, job);
        *ret_job = job;
        return 0;
}

int scheduler_reject_source(Broker *b, Job *job) {
        const JobSpec *spec = job->spec;
        char text[64], why[192];
        int r;

        (void) snprintf(
                why, sizeof(why),
                "the program %s %zu bytes, the source limit is %s, raise limits.%s",
                spec->n_files > 0 ? "and its files have" : "has", spec->source_bytes,
                limit_format(LIMIT_SOURCE, spec->limits.value[LIMIT_SOURCE], text, sizeof(text)),
                limit_infos[LIMIT_SOURCE].key);
        r = said_refuse(&job->said, "source-too-large", why);
        scheduler_finish_without_box(b, job, OUTCOME_REJECTED, why);
        return MIN(r, 0);
}

int scheduler_submit(Broker *b,
                     Tenant *tenant,
                     JobSpec *spec,
                     int stdin_fd,
                     Job **ret_job,
                     Refusal *ret_refusal) {
        _cleanup_close_ int fd = stdin_fd;
        uint64_t ahead;
        Job *job;
        int r;

        if (b->is_stopping || b->is_draining)
                return SUBMIT_STOPPING;
        if (!scheduler_admit(b, tenant, spec, ret_refusal))
                return SUBMIT_REFUSED;
        r = scheduler_new_job(b, tenant, spec, &job);
        if (r < 0)
                return r;
        job->stdin_fd = TAKE_FD(fd);
        *ret_job = job;
        if (spec->source_too_large)
                return scheduler_reject_source(b, job);
        ahead = queue_ahead(tenant, job->queue.priority);
        job_join_queue(job);
        scheduler_run(b, job);
        if (job->state != JOB_QUEUED)
                return 0;
        if (ahead >= POSITIONS_TOLD)
                (void) job_set_position(job, ahead, b->clock());
        broker_wake_at(b, job->queue_deadline_usec);
        return 0;
}

void scheduler_kill(Broker *b, Job *job, EndReason reason) {
        BuilderRequest request = { .verb = BUILDER_KILL, .box = job->box, .reason = reason };

        if (job->is_killed)
                return;
        job->is_killed = true;
        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot ask the builder to end job %s", job->id);
}

/* The job's processes are dead, init hands out what they left. */
static bool scheduler_is_collecting(const Job *job) {
        return job->collector && collector_is_running(job->collector);
}

void scheduler_cancel(Broker *b, Job *job, const char *reason) {
        if (job->session && job_is_cell(job)) {
                session_cancel_cell(b, job, reason, UINT64_MAX);
                return;
        }
        if (scheduler_is_collecting(job)) {
                collector_abort(job->collector); /* its files are not wanted */
                return;
        }
        switch (job->state) {
        case JOB_QUEUED:
                scheduler_cancel_waiting(b, job, reason);
                scheduler_run(b, NULL);
                break;
        case JOB_STARTING:
        case JOB_RUNNING:
                job_set_cancelling(job, reason);
                if (job->box != 0)
                        scheduler_kill(b, job, END_CANCEL);
                else /* a branch that its base could not be asked for yet */
                        scheduler_finish_without_box(b, job, OUTCOME_CANCELLED, reason);
                break;
        case JOB_WAITING_TOOL: /* never stored */
        case JOB_CANCELLING:
                scheduler_kill(b, job, END_CANCEL); /* its grace is over */
                break;
        case JOB_FINISHED:
        case _JOB_STATE_MAX:
                break;
        }
}

void scheduler_interrupt(Broker *b, const Job *job) {
        BuilderRequest request = { .verb = BUILDER_INTERRUPT, .box = job->box };

        if (builder_link_send(b->builder, &request, NULL, 0) < 0)
                log_error("cannot ask the builder to interrupt job %s", job->id);
}

void scheduler_cancel_gently(Broker *b, Job *job, const char *reason, uint64_t grace_usec) {
        uint64_t now = b->clock().monotonic_usec;

        if (job->session && job_is_cell(job)) {
                session_cancel_cell(b, job, reason, grace_usec);
                return;
        }
        /* Before it runs, and after it, there is nobody who could do anything with the time. */
        if (grace_usec == 0 || job->state == JOB_QUEUED || job->state == JOB_STARTING ||
            scheduler_is_collecting(job)) {
                scheduler_cancel(b, job, reason);
                return;
        }
        if (job->state == JOB_FINISHED)
                return;
        if (job->state == JOB_RUNNING) {
                job_set_cancelling(job, reason);
                scheduler_interrupt(b, job);
        }
        job->kill_at_usec = MIN(job->kill_at_usec, now + MIN(grace_usec, UINT64_MAX - now));
        broker_wake_at(b, job->kill_at_usec);
}

void scheduler_output_exceeded(void *broker, Job *job) {
        scheduler_kill(broker, job, END_OUTPUT);
}

void scheduler_tool_limit(Broker *b, Job *job) {
        scheduler_kill(b, job, END_TOOL_CALLS);
}

/* The kernel says it again as long as it is so; two windows without a word are over. */
#define PRESSURE_USEC (2 * PRESSURE_WINDOW_USEC)

static void scheduler_hold(Broker *b) {
        if (!b->tenants.is_held)
                log_warning("memory is short: what comes now waits");
        b->tenants.is_held = true;
        b->pressure_until_usec = b->clock().monotonic_usec + PRESSURE_USEC;
        broker_wake_at(b, b->pressure_until_usec);
}

static void scheduler_check_held(Broker *b, uint64_t now_usec) {
        if (!b->tenants.is_held)
                return;
        if (now_usec < b->pressure_until_usec) {
                broker_wake_at(b, b->pressure_until_usec);
                return;
        }
        b->tenants.is_held = false;
        log_info("memory suffices again");
        scheduler_run(b, NULL);
}

static void scheduler_node(Broker *b, const BuilderReport *report) {
        uint64_t v = report->python_version;

        b->slots = report->slots;
        b->memory_bytes = report->memory_bytes;
        broker_set_places(b);
        b->layers = report->layers;
        b->counter_error = report->counter_error;
        /* PY_VERSION_HEX: 0x030b02f0 is 3.11.2. */
        if (v != 0)
                (void) snprintf(b->python_version, sizeof(b->python_version), "%u.%u.%u",
                                (unsigned) (v >> 24 & 0xff), (unsigned) (v >> 16 & 0xff),
                                (unsigned) (v >> 8 & 0xff));
        scheduler_start_waiting(b);
}

static void scheduler_decide(const Job *job, const BoxFacts *facts, Verdict *ret_verdict) {
        OutcomeInput input = {
                .facts = facts,
                .limits = &job->spec->limits,
                .profile = job->spec->profile,
        };

        input.output_exceeded = job->output.exceeded;
        input.output_incomplete = job->output.is_incomplete;
        input.is_interrupted = job->kill_at_usec != UINT64_MAX;
        input.tool_calls_exceeded = job->tools.is_exceeded;
        input.output_bytes = job->output.streams[STREAM_STDOUT].total_bytes +
                             job->output.streams[STREAM_STDERR].total_bytes;
        input.said = &job->said;
        input.analysis = job->spec->analysis;
        outcome_decide(&input, ret_verdict);
        if (ret_verdict->outcome == OUTCOME_CANCELLED && job->cancel_reason[0] != '\0')
                (void) snprintf(ret_verdict->message, sizeof(ret_verdict->message), "cancelled: %s",
                                job->cancel_reason);
}

void scheduler_finish_cell(Broker *b, Job *cell, const BoxFacts *facts) {
        Verdict verdict;

        scheduler_decide(cell, facts, &verdict);
        cell->link = NULL; /* it is the session's */
        scheduler_finish(b, cell, &verdict, facts);
}

static void scheduler_end(Broker *b, Job *job, const Verdict *verdict, const BoxFacts *facts) {
        scheduler_finish(b, job, verdict, facts);
        scheduler_run(b, NULL);
        broker_check_idle(b);
}

static void scheduler_ended(Broker *b, Job *job, const BoxFacts *facts) {
        Verdict verdict;

        if (job->session)
                session_box_ended(b, job->session, facts);
        runner_link_drain(job->link);
        tool_link_closed(b, job);
        scheduler_decide(job, facts, &verdict);
        if (!job->collector || !facts->has_record) {
                scheduler_end(b, job, &verdict, facts);
                return;
        }
        job->verdict = verdict;
        job->facts = *facts;
        collector_start(job->collector);
}

void scheduler_report(void *broker, const BuilderReport *report) {
        Broker *b = broker;
        Job *job;

        if (report->kind == BUILDER_NODE) {
                scheduler_node(b, report);
                return;
        }
        if (report->kind == BUILDER_PRESSURE) {
                scheduler_hold(b);
                return;
        }
        if (report->kind == BUILDER_STOPPING) {
                broker_stop(b);
                return;
        }
        if (report->kind == BUILDER_USED) {
                job_usage_report(b, report);
                return;
        }
        if (report->kind == BUILDER_SELF_TESTED) {
                self_test_report(b, report);
                return;
        }
        job = job_store_find_box(b, report->box);
        if (!job) {
                log_warning("the builder reports an unknown box");
                return;
        }
        if (report->kind == BUILDER_STARTED && job->state != JOB_RUNNING) {
                (void) job_set_started(job, report->setup_usec, b->clock());
                if (job->session)
                        session_started(b, job->session);
                else
                        runner_link_started(job->link);
        } else if (report->kind == BUILDER_CELL_ENDED && job->session)
                session_cell_facts(b, job->session, &report->facts);
        else if (report->kind == BUILDER_RESTARTED && job->session)
                session_restarted(b, job->session, &report->facts);
        else if (report->kind == BUILDER_BRANCHING && job->session)
                session_may_branch(b, job->session);
        else if (report->kind == BUILDER_ENDED)
                scheduler_ended(b, job, &report->facts);
}

void scheduler_lose_all(Broker *b) {
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (!job_is_finished(job) && !job_is_cell(job))
                        scheduler_finish_without_box(b, job, OUTCOME_LOST,
                                                     "the part that makes sandboxes went away");
        }
}

static bool scheduler_expire(Broker *b, List *waiting, uint64_t now_usec) {
        bool has_expired = false;

        LIST_FOREACH(l, waiting) {
                Job *job = container_of(container_of(l, QueueItem, link), Job, queue);

                if (now_usec < job->queue_deadline_usec) {
                        broker_wake_at(b, job->queue_deadline_usec);
                        continue;
                }
                has_expired = true;
                scheduler_finish_without_box(b, job, OUTCOME_EXPIRED,
                                             "no place became free in time");
        }
        return has_expired;
}

void scheduler_sweep(Broker *b, uint64_t now_usec) {
        bool has_room = b->has_room;

        b->has_room = false;
        scheduler_check_held(b, now_usec);
        LIST_FOREACH(l, &b->tenants.ready) {
                Tenant *tenant = container_of(l, Tenant, ready);

                for (size_t i = 0; i < PRIORITIES; i++)
                        has_room |= scheduler_expire(b, &tenant->waiting[i], now_usec);
        }
        if (has_room)
                scheduler_run(b, NULL);
        LIST_FOREACH(l, &b->jobs) {
                Job *job = container_of(l, Job, jobs);

                if (job->state != JOB_CANCELLING || job->is_killed || scheduler_is_collecting(job))
                        continue;
                if (now_usec >= job->kill_at_usec)
                        scheduler_kill(b, job, END_CANCEL);
                else
                        broker_wake_at(b, job->kill_at_usec);
        }
}
