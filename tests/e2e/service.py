# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon as a service has it: pysbd and its broker under users of their own, with pysbd.toml and
tenants.toml. Its /etc and /usr/share are laid over the machine's in a mount namespace. Wants root."""

import contextlib
import os
import subprocess
import tempfile

import harness
import varlink
from pysb import errors

PYSBD, BROKER = 64001, 64002
GROUP, GATEWAY = 64010, 64011  # "crew" and "web" in the service's /etc/group
GATEWAY_NAME = "web"
FIRST_ID, IDS = 1 << 31, 4096  # of the boxes of one service; those of another test's are others

# The namespace ends with the last process in it, and so do its mounts
SCRIPT = """set -e
mount -t tmpfs service /mnt
for name in etc usr/share; do
    mkdir -p "/mnt/upper/$name" "/mnt/work/$name"
    mount -t overlay service -o "lowerdir=/$name,upperdir=/mnt/upper/$name,workdir=/mnt/work/$name" "/$name"
done
echo "pysbd:x:$1:$1::/:/bin/false
pysbd-broker:x:$2:$2::/:/bin/false" >>/etc/passwd
echo "crew:x:$3:
web:x:$6:" >>/etc/group
mkdir -p /etc/pysb /usr/share/pysb
cp "$4"/*.toml /etc/pysb/
cp -r "$5" /usr/share/pysb/profiles
shift 6
exec "$@"
"""


class Service(harness.Daemon):
    """Serves until stop(); tenants is the text of tenants.toml, and daemon that of pysbd.toml."""

    def __init__(self, tenants="", daemon=""):
        self.tenants = tenants
        first = FIRST_ID + os.getpid() % 65536 * IDS
        self.boxes = range(first, first + IDS)
        self.toml = f"allow_degraded = true\n{daemon}\n[ids]\nfirst = {first}\ncount = {IDS}\n"
        # Where those users may read the programs
        self.programs = tempfile.TemporaryDirectory(prefix="pysb-e2e.", dir="/tmp")
        super().__init__(harness.copied_tree(self.programs.name, None))

    def accepts(self):
        """It listens before it has read its files: it accepts when it answers."""
        if not super().accepts():
            return False
        os.chmod(self.address, 0o666)
        try:
            with self.client() as client:
                client.node()
        except errors.ProtocolError:
            pass
        except ConnectionError:
            self.process.wait(harness.PATIENCE)
            return False
        return True

    def stop(self):
        status = super().stop()
        self.programs.cleanup()
        return status

    def command_line(self):
        for name, text in (("pysbd.toml", self.toml), ("tenants.toml", self.tenants)):
            with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        return self.inside(["setpriv", f"--reuid={PYSBD}", f"--regid={PYSBD}", "--clear-groups",
                            "--inh-caps=-all,+setuid,+setgid", "--ambient-caps=-all,+setuid,+setgid",
                            self.tree.pysbd, "--listen", self.address])

    def inside(self, command):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh", str(PYSBD),
                str(BROKER), str(GROUP), self.directory, self.tree.environment["PYSB_PROFILE_PATH"],
                str(GATEWAY), *command]

    def check(self, **texts):
        """What `pysbd --check` says of the two files, or of others: pysbd = TEXT, tenants = TEXT."""
        for name, text in texts.items():
            with open(os.path.join(self.directory, f"{name}.toml"), "w", encoding="utf-8") as file:
                file.write(text)
        return harness.run(self.inside([self.tree.pysbd, "--check"]), self.tree.environment)

    def client_of(self, uid, groups=()):
        """A client of this user, whose calls follow one another: the kernel notes who connects, which the
        client does once and now, and what he is later does not matter."""
        with identity(uid, groups):
            return self.client()

    def connect(self, uid, groups=()):
        """The same, as a connection."""
        with identity(uid, groups):
            return varlink.Connection(self.address)


@contextlib.contextmanager
def identity(uid, groups=()):
    os.setgroups(list(groups))
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


def reason_not_to():
    """Why there can be no service here, or None."""
    if os.geteuid() != 0:
        return "only root can be several users"
    probe = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                            "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && mount -t overlay o -o "
                            "lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc"],
                           stderr=subprocess.PIPE, check=False)
    return None if probe.returncode == 0 else f"no mounts here: {probe.stderr.decode().strip()}"
