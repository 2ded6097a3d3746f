/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "pysb/client.h"

#define MANAGER_METHOD(name) PYSB_MANAGER_INTERFACE "." name

/* What each error of the interface says to a human; {name} is a parameter of the error. */
typedef struct ErrorSentence {
        const char *name;
        const char *sentence;
} ErrorSentence;

static const ErrorSentence sentences[] = {
        { SANDBOX_METHOD("JobNotFound"), "There is no job {job}." },
        { SANDBOX_METHOD("ProfileNotFound"), "There is no profile {profile}." },
        { SANDBOX_METHOD("ProfileDenied"), "The profile {profile} is not open to this user." },
        { SANDBOX_METHOD("LimitExceeded"),
          "{limit} is {requested}, at most {maximum} is allowed." },
        { SANDBOX_METHOD("QueueFull"),
          "The queue of this {scope} is full with {queued} jobs; try again later." },
        { SANDBOX_METHOD("TenantDenied"), "The caller may not act for the tenant {tenant}." },
        { SANDBOX_METHOD("QuotaExceeded"),
          "The maximum of this {scope} for {quota} is {maximum}, {used} are in use; ask for less, or try "
          "again later." },
        { SANDBOX_METHOD("RequestConflict"),
          "The request {requestId} was another one when it made the job {job}; choose another id." },
        { SANDBOX_METHOD("FileNotFound"), "There is no file {path} in the session." },
        { SANDBOX_METHOD("BlobNotFound"), "There is no blob {blob}." },
        { SANDBOX_METHOD("SessionNotFound"), "There is no session {session}." },
        { SANDBOX_METHOD("SessionBusy"),
          "The cell {job} runs in the session, or waits for its turn." },
        { SANDBOX_METHOD("BranchRefused"), "The session cannot be branched now: {reason}." },
        { SANDBOX_METHOD("SessionLost"),
          "The session has lost its interpreter; close it, and open another one." },
        { SANDBOX_METHOD("InvalidRequest"), "{field}: {reason}" },
        { SANDBOX_METHOD("TooLarge"),
          "{field} has {sizeBytes} bytes, at most {maximumBytes} are allowed." },
        { SANDBOX_METHOD("NotSupported"), "Not possible here: {feature}: {detail}." },
        { SANDBOX_METHOD("ShuttingDown"), "The daemon takes no new work now; try again later." },
        { MANAGER_METHOD("TenantNotFound"),
          "The tenant {tenant} has neither a job nor a connection." },
        { MANAGER_METHOD("ReloadFailed"), "Nothing was reloaded: {message}" },
        { MANAGER_METHOD("SelfTestFailed"), "The self-test failed: {message}." },
        { MANAGER_METHOD("InvalidRequest"), "{field}: {reason}" },
        { "org.varlink.service.InterfaceNotFound", "The daemon has no interface {interface}." },
        { "org.varlink.service.MethodNotFound", "The daemon has no method {method}." },
        { "org.varlink.service.MethodNotImplemented", "The daemon has no method {method}." },
        { "org.varlink.service.InvalidParameter", "The daemon does not accept {parameter}." },
        { "org.varlink.service.PermissionDenied", "The daemon does not allow this." },
        { "org.varlink.service.ExpectedMore", "This method must be called with 'more'." },
};

/* Writes the parameter of that name; nothing if it is absent. */
static void print_parameter(FILE *out, const json_t *parameters, const char *name, size_t size) {
        const json_t *value = json_object_getn(parameters, name, size);

        if (json_is_string(value))
                fputs(json_string_value(value), out);
        else if (json_is_integer(value))
                fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static void print_sentence(FILE *out, const char *sentence, const json_t *parameters) {
        for (const char *p = sentence; *p != '\0'; p++) {
                size_t size;

                if (*p != '{') {
                        fputc(*p, out);
                        continue;
                }
                size = strcspn(++p, "}");
                print_parameter(out, parameters, p, size);
                p += size;
        }
}

char *error_describe(const char *name, const json_t *parameters) {
        char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        for (size_t i = 0; i <= ELEMENTSOF(sentences); i++) {
                if (i == ELEMENTSOF(sentences)) {
                        fprintf(out, "The daemon answered with the error %s.", name);
                } else if (strcmp(name, sentences[i].name) == 0) {
                        print_sentence(out, sentences[i].sentence, parameters);
                        break;
                }
        }
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
