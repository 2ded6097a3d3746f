/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An evaluator of the classic BPF that seccomp takes: what the kernel would say to a system call,
 * without making it. It knows the instructions that libseccomp and our prologue write; anything else
 * is a failure of the test. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BPF_EVAL_BROKEN 0xdeadu /* no verdict of seccomp */

static inline uint32_t
bpf_eval(const struct sock_filter *filter, size_t n, const struct seccomp_data *data) {
        uint32_t a = 0;

        for (size_t pc = 0; pc < n; pc++) {
                const struct sock_filter *i = &filter[pc];
                _Bool jump;

                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (i->k % 4 != 0 || i->k > sizeof(*data) - 4)
                                return BPF_EVAL_BROKEN;
                        memcpy(&a, (const char *) data + i->k, sizeof(a));
                        continue;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= i->k;
                        continue;
                case BPF_RET | BPF_K:
                        return i->k;
                case BPF_JMP | BPF_JA:
                        pc += i->k;
                        continue;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        jump = a == i->k;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        jump = a > i->k;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        jump = a >= i->k;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        jump = (a & i->k) != 0;
                        break;
                default:
                        return BPF_EVAL_BROKEN;
                }
                pc += jump ? i->jt : i->jf;
        }
        return BPF_EVAL_BROKEN; /* ran over the end */
}
