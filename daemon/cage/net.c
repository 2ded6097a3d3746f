/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>

#include "cage/internal.h"

/* libnl has errors of its own; the ones that matter have an errno behind them. */
static int cage_nl_error(int r) {
        switch (-r) {
        case NLE_NOMEM:
                return -ENOMEM;
        case NLE_PERM:
                return -EPERM;
        case NLE_NODEV:
        case NLE_OBJ_NOTFOUND:
                return -ENODEV;
        default:
                return -EIO;
        }
}

int cage_loopback_up(void) {
        struct rtnl_link *lo = NULL, *change = NULL;
        struct nl_sock *socket;
        int r;

        socket = nl_socket_alloc();
        if (!socket)
                return -ENOMEM;
        r = nl_connect(socket, NETLINK_ROUTE);
        if (r < 0)
                goto finish;
        r = rtnl_link_get_kernel(socket, 0, "lo", &lo);
        if (r < 0)
                goto finish;
        change = rtnl_link_alloc();
        if (!change) {
                r = -NLE_NOMEM;
                goto finish;
        }
        rtnl_link_set_flags(change, IFF_UP);
        r = rtnl_link_change(socket, lo, change, 0);
finish:
        rtnl_link_put(change);
        rtnl_link_put(lo);
        nl_socket_free(socket);
        return r < 0 ? cage_nl_error(r) : 0;
}
