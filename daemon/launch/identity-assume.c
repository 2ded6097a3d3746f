/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/identity-assume.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "basic/fd.h"

#define BROKER_USER "pysbd-broker"
#define ADMIN_GROUP "pysb-admin"

static const cap_value_t kept[] = { CAP_SETUID, CAP_SETGID };

DEFINE_CLEANUP(cap_t, cap_free);

static bool identity_has_capabilities(void) {
        _cleanup_(cap_freep) cap_t caps = cap_get_proc();
        cap_flag_value_t value;

        if (!caps)
                return false;
        FOREACH_ARRAY(cap, kept, ELEMENTSOF(kept))
                if (cap_get_flag(caps, *cap, CAP_EFFECTIVE, &value) < 0 || value != CAP_SET)
                        return false;
        return true;
}

/* Leaves exactly these, permitted and effective; nothing inheritable, and by that nothing ambient. */
static int identity_keep(size_t n_kept) {
        _cleanup_(cap_freep) cap_t caps = cap_init();

        if (!caps)
                return -ENOMEM;
        if (n_kept > 0 && (cap_set_flag(caps, CAP_PERMITTED, (int) n_kept, kept, CAP_SET) < 0 ||
                           cap_set_flag(caps, CAP_EFFECTIVE, (int) n_kept, kept, CAP_SET) < 0))
                return -errno;
        return cap_set_proc(caps) < 0 ? -errno : 0;
}

static int identity_drop_bounding(void) {
        if (cap_max_bits() <= CAP_LAST_CAP)
                return -EOPNOTSUPP; /* see cage_prepare_capabilities() */
        for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
                if (cap != CAP_SETUID && cap != CAP_SETGID && cap_drop_bound(cap) < 0)
                        return -errno;
        return 0;
}

/* Embedded as root, each daemon has a piece of its own of the ids behind the range of the service:
 * its own id, its broker's, and the boxes'. The lock on the piece's byte lasts as long as we do. */
#define PIECE_IDS 256
#define PIECES 256
#define PIECES_FILE "/run/pysb-embedded.lock"

static int identity_lock_piece(uint32_t *ret_piece) {
        int fd = open(PIECES_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        for (uint32_t piece = 0; piece < PIECES; piece++) {
                struct flock lock = {
                        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = piece, .l_len = 1
                };

                if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                        continue;
                *ret_piece = piece;
                return 0; /* the descriptor stays open on purpose */
        }
        fd_close(fd);
        return -EAGAIN;
}

static int identity_leave_root(const DaemonConfig *config, Identity *identity) {
        uint32_t piece = 0;
        uid_t own;
        int r;

        r = identity_lock_piece(&piece);
        if (r < 0)
                return r;
        own = (uid_t) (config->ids_first + config->ids_count) + piece * PIECE_IDS;
        r = identity_drop_bounding();
        if (r < 0)
                return r;
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
            setresgid(own, own, own) < 0 || setresuid(own, own, own) < 0)
                return -errno;
        identity->has_id_range = true;
        identity->broker_uid = own + 1;
        identity->broker_gid = own + 1;
        identity->first = own + 2;
        identity->first_gid = own + 2;
        identity->count = PIECE_IDS - 2;
        return identity_keep(ELEMENTSOF(kept));
}

static int identity_be_service(Identity *identity, const char **ret_error) {
        const struct passwd *broker;
        const struct group *admins;

        if (setgroups(0, NULL) < 0)
                return -errno;
        errno = 0;
        broker = getpwnam(BROKER_USER);
        if (!broker || broker->pw_uid == 0) {
                *ret_error =
                        "There is no user " BROKER_USER ", under which the broker runs apart "
                        "from the builder; systemd-sysusers makes it from sysusers.d/pysb.conf.";
                return errno != 0 ? -errno : -ENOENT;
        }
        identity->has_id_range = true;
        identity->broker_uid = broker->pw_uid;
        identity->broker_gid = broker->pw_gid;
        admins = getgrnam(ADMIN_GROUP);
        if (admins)
                identity->admin_gid = admins->gr_gid;
        return identity_keep(ELEMENTSOF(kept));
}

int identity_assume(const DaemonConfig *config,
                    bool embedded,
                    Identity *ret_identity,
                    const char **ret_error) {
        Identity identity = {
                .first = (uid_t) config->ids_first,
                .first_gid = (gid_t) config->ids_first,
                .count = (uint32_t) config->ids_count,
                .broker_uid = (uid_t) -1,
                .broker_gid = (gid_t) -1,
                .admin_gid = (gid_t) -1,
        };
        int r;

        if (geteuid() == 0 && !embedded) {
                *ret_error = "pysbd does not serve as root: start it by its unit, which gives it a "
                             "user of its own with CAP_SETUID and CAP_SETGID.";
                return -EPERM;
        }
        if (geteuid() == 0) {
                *ret_error = "Giving up root for ids of the sandbox (locked in " PIECES_FILE
                             ") failed; in a container whose ids do not reach that far, run "
                             "embedded as an ordinary user.";
                r = identity_leave_root(config, &identity);
        } else if (identity_has_capabilities()) {
                *ret_error = "Emptying the list of groups or the capability sets failed.";
                r = identity_be_service(&identity, ret_error);
        } else if (embedded) {
                *ret_error = "Giving up capabilities failed.";
                identity.first = getuid();
                identity.first_gid = getgid();
                r = identity_keep(0);
        } else {
                *ret_error = "pysbd needs CAP_SETUID and CAP_SETGID to give each job a uid of its "
                             "own; its unit grants them, or use --embedded.";
                r = -EPERM;
        }
        if (r < 0)
                return r;
        /* A job's uid must never be able to trace us, whatever else goes wrong. */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
        *ret_identity = identity;
        return 0;
}
