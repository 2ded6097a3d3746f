/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "client/exit-status.h"
#include "client/verb.h"

static const Verb verbs[] = {
        { "submit", "[OPTION…] [FILE|-|-c CODE|-e EXPRESSION|--module NAME] [--] [ARGUMENT…]",
          "Run a program in a sandbox", verb_submit },
        { "check", "[OPTION…] [FILE|-|-c CODE]", "Examine a program without running it",
          verb_check },
        { "eval", "[OPTION…] [FILE|-|-c CODE] [--callable NAME] [--inputs JSON]",
          "Evaluate a function, one line of JSON is the answer", verb_eval },
        { "wait", "[--json] [--summary] JOB", "Wait for a job and print its output", verb_wait },
        { "attach", "[--events] [--summary] JOB", "Follow a job from its beginning", verb_attach },
        { "cancel", "[--grace TIME] [--reason TEXT] JOB…", "Interrupt jobs, and kill what is left",
          verb_cancel },
        { "forget", "JOB…", "Drop the results of finished jobs", verb_forget },
        { "list", "[--json] [--tenant NAME]", "List your jobs", verb_list },
        { "show", "[--json] JOB", "Show one job", verb_show },
        { "session",
          "open [OPTION…] | exec [OPTION…] SESSION [FILE|-|-c CODE] | list [--json] [--tenant NAME] | "
          "interrupt SESSION… | restart SESSION… | branch SESSION… | extend [--idle TIME] [--lifetime TIME] SESSION… | close SESSION… | "
          "put SESSION HOST[:APP]… | get SESSION APP [HOST] | files [--json] SESSION [PATTERN] | "
          "rm [-r] SESSION APP…",
          "Interpreters that stay, with their variables", verb_session },
        { "repl", "[--profile NAME] [--tool NAME=COMMAND] [OPTION…]",
          "A session at a prompt, with line editing", verb_repl },
        { "blob", "[--tenant T] put FILE… | get BLOB | remove BLOB…",
          "Bytes that the daemon keeps for later requests", verb_blob },
        { "profile", "[--json] list | show [--prompt] NAME | check FILE | vet [OPTION…] WHEEL…",
          "List, show or check profiles, vet packages for them", verb_profile },
        { "status", "[--json] [--tenant NAME]", "Show what this machine can do", verb_status },
        { "doctor", "[--json]", "Say what this machine lacks, and try to break out of a sandbox",
          verb_doctor },
        { "top", "[--once] [--json]", "Show the jobs of all tenants (administrators)", verb_top },
        { "tenant", "set [--json] NAME KEY=VALUE… | cancel NAME | cancel --all",
          "Change what a tenant may have, end its jobs (administrators)", verb_tenant },
        { "reload", "[--json]", "Read profiles and configuration again (administrators)",
          verb_reload },
        { "drain", "[--wait] [--json]", "Refuse new work (administrators)", verb_drain },
        { "resume", "", "Take new work again (administrators)", verb_resume },
        { "help", "", "Show this", verb_help },
};

/* What the verbs take, by verb: those with a space around their names. */
static const struct {
        const char *verbs; /* NULL is all */
        const char *text;
} sections[] = {
        { " submit check eval session repl ",
          "Options of submit, check and eval:\n"
          "  -c, --code CODE         the program itself instead of a file\n"
          "  -e, --expression TEXT   one expression; its value is the result\n"
          "      --module NAME       a module, as python -m runs it\n"
          "      --callable NAME     the function that is called with the inputs\n"
          "      --inputs JSON|@FILE its keyword arguments, else the variable inputs\n"
          "      --file HOST[:APP]   put a file below /app; may be repeated\n"
          "      --modules A,B,C     what it may import, of what the profile allows\n"
          "      --analysis LEVEL    imports or strict: examine it first\n"
          "  -p, --profile NAME      what it may do, see `pysbctl profile list`\n"
          "      --memory SIZE       memory, such as 50M\n"
          "      --timeout TIME      wall clock time, such as 5s\n"
          "      --cpu-time TIME     CPU time of all its processes together\n"
          "      --cpus NUMBER       share of the CPUs, such as 0.5\n"
          "      --processes NUMBER  processes at once\n"
          "      --disk SIZE         size of /app and of /tmp, each\n"
          "      --output-limit SIZE stdout and stderr together\n"
          "      --source-limit SIZE the program's text\n"
          "      --stdin FILE        its standard input; - is ours\n"
          "      --env NAME=VALUE    an environment variable; may be repeated\n"
          "      --label NAME=VALUE  a label, for lists; may be repeated\n" },
        { " submit session ",
          "Options of submit:\n"
          "      --result            print only the value, as JSON; its output goes to stderr\n"
          "      --display-dir DIR   write plots and tables to files\n"
          "      --detach            print the job's identifier and leave it running\n"
          "      --queue-timeout TIME give up when no place became free for so long; 0 is not to wait\n"
          "      --priority NUMBER   from 0 to 9, of the caller's own jobs that wait\n"
          "      --tenant NAME       whom the job is for; of gateways only\n"
          "      --request-id ID     the same request with it makes no second job\n"
          "      --events            print events as JSON lines, then the result\n"
          "      --json              print the result with the output as one JSON document\n"
          "      --summary           print a line about the result on standard error\n" },
        { " session repl ", "Options of session open, session extend and repl:\n"
                            "      --idle TIME         close it after this long without a cell\n"
                            "      --lifetime TIME     close it after this long in any case\n" },
        { " session ",
          "session open takes what is for all of its cells, session exec what is for one, and\n"
          "      --queue             wait for the cells before it\n" },
        { " attach wait ",
          "attach and wait take --display-dir, --output-dir and --summary, too.\n" },
        { NULL, "Options of all verbs:\n"
                "      --address ADDRESS   the daemon, such as unix:/run/pysb/io.pysb.sandbox\n"
                "      --embedded          start a private daemon for this call\n" },
};

static bool section_is_of(const char *names, const char *name) {
        char word[32];

        (void) snprintf(word, sizeof(word), " %s ", name);
        return !names || strstr(names, word);
}

int verb_help(int argc, char *argv[]) {
        puts("pysbctl VERB [OPTION…] [ARGUMENT…]\n\nRun untrusted Python in a sandbox.\n");
        FOREACH_ARRAY(verb, verbs, ELEMENTSOF(verbs))
                printf("  %-8s  %s\n", verb->name, verb->summary);
        FOREACH_ARRAY(section, sections, ELEMENTSOF(sections))
                printf("\n%s", section->text);
        puts("\n`pysbctl VERB --help` says more of one; pysbctl(1) has the exit statuses.");
        return 0;
}

int verb_help_of(const Verb *verb) {
        printf("Usage: pysbctl %s %s\n\n%s.\n", verb->name, verb->arguments, verb->summary);
        FOREACH_ARRAY(section, sections, ELEMENTSOF(sections))
                if (section_is_of(section->verbs, verb->name))
                        printf("\n%s", section->text);
        return 0;
}

const Verb *verb_find(const char *name) {
        FOREACH_ARRAY(verb, verbs, ELEMENTSOF(verbs))
                if (strcmp(verb->name, name) == 0)
                        return verb;
        return NULL;
}

int common_usage(const char *name) {
        const Verb *verb = verb_find(name);

        if (verb)
                fprintf(stderr, "Usage: pysbctl %s %s\n", verb->name, verb->arguments);
        return EXIT_NOT_ACCEPTED;
}
