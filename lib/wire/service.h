/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.varlink.service and the way from a call to its method. The server loop is the owner's:
 *
 *      r = varlink_service_resolve(&service, call, &method, &reply, &text);
 *      if (r == VARLINK_ANSWERED)
 *              send reply (unless call->oneway; free it then)
 *      else if (r == VARLINK_DESCRIBED)
 *              the same with text
 *      else if (r == VARLINK_METHOD)
 *              method->handler …
 */

#include "wire/message.h"

#define VARLINK_REQUIRES_MORE 1U /* else the error ExpectedMore */

typedef struct VarlinkMethod {
        const char *name; /* without the interface; NULL ends the table */
        unsigned flags;
        /* Called by the owner, not by the service: cast to the owner's own type of handler. */
        void (*handler)(void);
} VarlinkMethod;

typedef struct VarlinkInterface {
        const char *name;
        const char *description; /* the reply of GetInterfaceDescription, as JSON */
        const VarlinkMethod *methods;
} VarlinkInterface;

typedef struct VarlinkService {
        const char *vendor, *product, *version, *url;
        const VarlinkInterface *interfaces; /* org.varlink.service itself is implied */
        size_t n_interfaces;
} VarlinkService;

enum {
        VARLINK_METHOD = 1, /* *ret_method is to be called */
        VARLINK_ANSWERED,   /* *ret_reply is the reply or the error */
        VARLINK_DESCRIBED,  /* *ret_text is the reply, as JSON that lives for ever */
};

/* Finds the method of a call, or answers it. Returns one of the above, or -ENOMEM. The error is
 * InterfaceNotFound, MethodNotFound (known interface), ExpectedMore, or InvalidParameter for
 * org.varlink.service itself. */
int varlink_service_resolve(const VarlinkService *service,
                            const VarlinkCall *call,
                            const VarlinkMethod **ret_method,
                            json_t **ret_reply,
                            const char **ret_text);
