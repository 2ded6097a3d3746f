/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A builder in this process. Its broker, its templates and the inits of its boxes are the target; processes are pipes:
 * the end that it reads is the pidfd, and the process has ended when the other end is closed. */

#include <systemd/sd-event.h>

#include "builder/builder.h"
#include "fuzz.h"
#include "proto/template-wire.h"

#define WORLD_PROFILES 2
#define WORLD_PROCESSES 64
#define WORLD_INTERPRETERS 64

/* A template, or the init of a box. */
typedef struct Process {
        int life; /* negative: none */
        uint64_t inode;
        int link; /* of a template */
        size_t profile;
        bool is_warm;
} Process;

/* What talks to the builder by a control link: of a box, or of a branch in one. */
typedef struct Interpreter {
        uint64_t box;
        size_t profile;
        int control;
        Process *init;
} Interpreter;

typedef struct World {
        sd_event *event;
        Builder *builder;
        int broker; /* its end of the link */
        int broker_life;
        ProfileStore *store;
        Process processes[WORLD_PROCESSES];
        Interpreter interpreters[WORLD_INTERPRETERS];
        bool is_obedient;  /* templates and inits answer by themselves */
        uint64_t cpu_usec; /* that every box has used */
        uint64_t n_started, n_ended;
        uint64_t last_branch;
} World;

void world_begin(World *w, bool is_obedient);
void world_end(World *w);

/* Everybody does what there is to do. Returns false once the builder has ended. */
bool world_spin(World *w);

uint64_t world_digest(const World *w, size_t profile);
void world_pass(uint64_t usec);

/* NULL: there is none. */
Interpreter *world_interpreter(World *w, size_t number);
Process *world_template(World *w, size_t number);
void process_end(World *w, Process *p);
void template_hello(World *w, Process *p);
