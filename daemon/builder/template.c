/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder/template.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "builder/plan-set.h"
#include "builder/spawn.h"
#include "builder/sys.h"
#include "proto/link.h"

/* An interpreter that is not warm by then never will be: a preloaded module hangs. */
#define WARM_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const char *template_name(const Template *template) {
        return template->set->store->profiles[template->plan]->name;
}

static void template_fail_all(List *boxes) {
        LIST_FOREACH(i, boxes)
                box_fail(container_of(i, Box, queue), -ECHILD);
}

Template *template_free(Template *template) {
        if (!template)
                return NULL;
        template->link_source = sd_event_source_disable_unref(template->link_source);
        template->exit_source = sd_event_source_disable_unref(template->exit_source);
        template->warm_source = sd_event_source_disable_unref(template->warm_source);
        /* What cleans up is waited for. */
        if (template->pidfd >= 0 && template->is_retired && !list_is_empty(&template->singles))
                (void) sys_reap_pidfd(template->pidfd, &(siginfo_t){});
        else if (template->pidfd >= 0)
                (void) sys_kill_pidfd_of(template->pidfd, template->uid);
        if (template->only)
                template->only->template = NULL;
        template_fail_all(&template->making);
        template_fail_all(&template->waiting);
        list_remove(&template->singles); /* until here the set is needed */
        fd_close(template->link_fd);
        fd_close(template->pidfd);
        free(template);
        return NULL;
}

/* Something is wrong with it: it is killed, and gone when template_on_exit() has reaped it. */
static void template_end(Template *template, int error) {
        log_error("Ending the template of %s: %s", template_name(template), strerror(-error));
        template->link_source = sd_event_source_disable_unref(template->link_source);
        template->is_ready = false;
        (void) sys_kill_pidfd_of(template->pidfd, template->uid);
}

bool template_is_unused(const Template *template) {
        return list_is_empty(&template->waiting) && list_is_empty(&template->making);
}

void template_retire(Template *template) {
        if (template->is_retired)
                return;
        template->is_retired = true;
        template->is_ready = false;
        template->link_source = sd_event_source_disable_unref(template->link_source);
        template->warm_source = sd_event_source_disable_unref(template->warm_source);
        (void) sys_kill_pidfd(template->pidfd);
}

void template_release(Template *template) {
        if (!template)
                return;
        template->only = NULL;
        template->link_source = sd_event_source_disable_unref(template->link_source);
        template->warm_source = sd_event_source_disable_unref(template->warm_source);
        template->link_fd = fd_close(template->link_fd);
        if (!template->is_ready) /* there is nothing to clean up, and it does not listen */
                (void) sys_kill_pidfd_of(template->pidfd, template->uid);
        template->is_retired = true;
}

static void template_make(Template *template, Box *box) {
        int r = box_send_make(box, template->link_fd, template->vm_bytes);

        if (r < 0) {
                log_error("Asking the template of %s for a box failed: %s", template_name(template),
                          strerror(-r));
                box_fail(box, r);
                return;
        }
        list_remove(&box->queue);
        list_insert_before(&template->making, &box->queue);
}

void template_add(Template *template, Box *box) {
        list_insert_before(&template->waiting, &box->queue);
        if (template->is_ready)
                template_make(template, box);
}

static int template_read_hello(Template *template) {
        TemplateHello hello;
        int r = link_receive(template->link_fd, &hello, sizeof(hello), NULL, 0, NULL);

        if (r <= 0)
                return r == 0 ? -ECONNRESET : r;
        if (hello.plan_digest != template->set->plans[template->plan]->digest)
                return -EPROTO;
        template->warm_source = sd_event_source_disable_unref(template->warm_source);
        template->vm_bytes = hello.vm_bytes;
        template->is_ready = true;
        LIST_FOREACH(i, &template->waiting)
                template_make(template, container_of(i, Box, queue));
        return 0;
}

/* Answers come in the order of the requests. */
static int template_read_made(Template *template) {
        _cleanup_close_ int pidfd = -EBADF;
        TemplateMade made;
        size_t n_fds = 0;
        Box *box = NULL;
        int r;

        if (!list_is_empty(&template->making)) {
                box = container_of(template->making.next, Box, queue);
                /* A clone that we have no pidfd of would never be reaped. */
                box->room_fd = fd_close(box->room_fd);
        }
        r = link_receive(template->link_fd, &made, sizeof(made), &pidfd, 1, &n_fds);
        if (r <= 0)
                return r == 0 ? -ECONNRESET : r;
        if (!box)
                return -EPROTO;
        if (made.box != box->id || (n_fds == 0) != (made.error != 0) || made.error < 0)
                return -EPROTO;
        if (made.error != 0) {
                box->setup_error = made.error;
                box->setup_step = 0; /* what clone3() is for stands first */
                box_fail(box, -made.error);
                return 0;
        }
        box_cloned(box, TAKE_FD(pidfd));
        return 0;
}

static int template_on_link(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Template *template = userdata;
        int r = template->is_ready ? template_read_made(template) : template_read_hello(template);

        if (r < 0 && r != -EAGAIN)
                template_end(template, r);
        return 0;
}

static int template_on_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Template *template = userdata;
        PlanSet *set = template->set;
        bool is_shared;
        uint32_t plan;
        siginfo_t info;

        if (sys_try_reap_pidfd(template->pidfd, &info) == 0)
                return 0;
        if (!template->is_retired)
                log_error("The template of %s ended with status %d.", template_name(template),
                          info.si_status);
        /* The next box that asks for the profile starts a new one. */
        plan = template->plan;
        template->exit_source = sd_event_source_disable_unref(template->exit_source);
        template->pidfd = fd_close(template->pidfd);
        template->is_retired = true; /* as its boxes go, nobody is to end it again */
        is_shared = set->templates[plan] == template;
        template_free(template);
        if (is_shared)
                set->templates[plan] = NULL;
        plan_set_check(set);
        return 0;
}

static int template_on_warm_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Template *template = userdata;

        template_end(template, -ETIMEDOUT);
        return 0;
}

static int template_spawn(Template *template) {
        static const char *const argv[] = { "pysb-runner", "--template", NULL };
        Builder *builder = template->builder;
        PlanSet *set = template->set;
        _cleanup_close_ int plan_fd = -EBADF, remote_fd = -EBADF, program_fd = -EBADF;
        Spawn spawn = {
                .argv = argv,
                .envp = (const char *const *) set->store->profiles[template->plan]->environment,
                .n_fds = 2,
                .stdout_fd = -EBADF,
                .uid = template->uid,
                .gid = template->uid,
        };
        int link[2], r;

        r = plan_set_compile(set, template->plan);
        if (r < 0)
                return r;
        /* One copy for each template: the jobs of another cannot even change its mode. */
        r = spawn_copy_program(builder->programs.runner_fd, &program_fd);
        if (r < 0)
                return r;
        spawn.program_fd = program_fd;
        plan_fd = fd_new_sealed("plan", set->plans[template->plan], sizeof(PlanImage));
        if (plan_fd < 0)
                return plan_fd;
        r = fd_socketpair(link, SOCK_SEQPACKET);
        if (r < 0)
                return r;
        template->link_fd = link[0];
        remote_fd = link[1];
        r = fd_set_nonblock(template->link_fd, true);
        if (r < 0)
                return r;
        spawn.fds = (const int[]){ remote_fd, plan_fd };
        return spawn_program(&spawn, &template->pidfd);
}

int template_new(PlanSet *set, uint32_t plan, Box *only, Template **ret_template) {
        Builder *builder = set->builder;
        Template *template;
        int r;

        template = malloc(sizeof(*template));
        if (!template)
                return -ENOMEM;
        *template = (Template){
                .builder = builder,
                .set = set,
                .plan = plan,
                .only = only,
                .uid = only ? only->uid : (uid_t) -1,
                .link_fd = -EBADF,
                .pidfd = -EBADF,
        };
        list_init(&template->waiting);
        list_init(&template->making);
        list_init(&template->singles);
        r = template_spawn(template);
        if (r >= 0)
                r = sd_event_add_io(builder->event, &template->link_source, template->link_fd,
                                    EPOLLIN, template_on_link, template);
        if (r >= 0)
                r = sd_event_add_io(builder->event, &template->exit_source, template->pidfd,
                                    EPOLLIN, template_on_exit, template);
        if (r >= 0)
                r = sd_event_add_time_relative(builder->event, &template->warm_source,
                                               CLOCK_MONOTONIC, WARM_TIMEOUT_USEC, 0,
                                               template_on_warm_timeout, template);
        if (r < 0) {
                template_free(template);
                return r;
        }
        if (only)
                list_insert_before(&set->singles, &template->singles);
        *ret_template = template;
        return 0;
}
