#!/usr/bin/env python3
"""Builds docker/Dockerfile without an engine: each FROM is a clean root made with debootstrap, each
COPY and RUN is done in it, in order. Then runs what compose.yaml runs (prepare, broker, server,
relay) in the resulting root, in network and process namespaces of its own, with the health checks,
and enrols a phone that must be valid at once. Needs root, a Debian mirror and some minutes.

usage: docker_steps.py [--keep]   (the roots stay in /tmp)
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
MIRROR = os.environ.get("ZOUFANG_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def instructions(path):
    """(keyword, arguments) of a Dockerfile: comments out, continued lines joined."""
    text = [line for line in open(path) if not line.lstrip().startswith("#")]
    for line in "".join(text).replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, arguments = line.split(None, 1)
            yield keyword, arguments.strip()


class Stage:
    """A root folder that instructions are done in."""

    def __init__(self, root, base):
        self.root, self.user, self.workdir = root, "root", "/"
        print(f"== {base} in {root}", flush=True)
        assert base in ("debian:12", "debian:12-slim"), base
        run("debootstrap", "--variant=minbase", "bookworm", root, MIRROR, stdout=subprocess.DEVNULL)
        # As images have it: installing starts no services.
        policy = f"{root}/usr/sbin/policy-rc.d"
        with open(policy, "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(policy, 0o755)
        shutil.copy("/etc/resolv.conf", f"{root}/etc/resolv.conf")

    def path(self, inside):
        return self.root + os.path.join(self.workdir, inside)

    def copy(self, arguments, context, stages):
        *sources, target = arguments.split()
        base = context
        if sources[0].startswith("--from="):
            base = stages[sources.pop(0)[len("--from="):]].root
        for source in sources:
            found = os.path.normpath(f"{base}/{source}")
            into = self.path(target)
            if os.path.isdir(found):
                shutil.copytree(found, into, dirs_exist_ok=True, symlinks=True)
            else:
                if target.endswith("/"):
                    os.makedirs(into, exist_ok=True)
                shutil.copy(found, into)

    def run(self, command):
        print(f"== RUN {command[:100]}", flush=True)
        inside = f"cd {shlex.quote(self.workdir)} && {command}"
        run("chroot", self.root, "su", "-s", "/bin/sh", self.user, "-c", inside)


def build(path, context, work):
    stages, stage, image = {}, None, {}
    for keyword, arguments in instructions(path):
        if keyword == "FROM":
            words = arguments.split()
            stage = Stage(f"{work}/stage{len(stages)}", words[0])
            stages[words[2] if len(words) > 2 else "image"] = stage
        elif keyword == "WORKDIR":
            stage.workdir = arguments
            os.makedirs(stage.path(""), exist_ok=True)
        elif keyword == "COPY":
            stage.copy(arguments, context, stages)
        elif keyword == "RUN":
            stage.run(arguments)
        elif keyword == "USER":
            stage.user = arguments
        elif keyword == "HEALTHCHECK":
            image["health"] = json.loads(arguments[arguments.index("CMD") + 3:])
        elif keyword == "CMD":
            image["cmd"] = json.loads(arguments)
        else:
            assert keyword == "VOLUME", keyword
    return stage, image


# What compose.yaml runs. The relay is a container with a network of its own there; here it shares
# one with the broker and gets another port.
SERVICES = r"""
set -eu
say() { echo "== $*"; }
as_user() { su -s /bin/bash zoufang -c "cd /var/lib/zoufang && $*"; }
wait_for() { # wait_for WHAT COMMAND: as a health check does
    for _ in $(seq 150); do
        if as_user "$2" >/dev/null 2>&1; then say "$1: healthy"; return; fi
        sleep 0.2
    done
    say "$1: not healthy"; cat /tmp/*.log; exit 1
}
port() { echo ": </dev/tcp/127.0.0.1/$1"; }

export ZOUFANG_INIT=--small
as_user "ZOUFANG_INIT=--small sh /usr/local/share/zoufang/docker/prepare"
as_user "mosquitto -c /var/lib/zoufang/broker/mosquitto.conf" >/tmp/broker.log 2>&1 &
wait_for broker "$(port 1883)"
as_user "$CMD" >/tmp/server.log 2>&1 &
wait_for server "$HEALTH"

value() { sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }
say "a phone is valid at once"
phone=$(as_user "zoufang device add --data /var/lib/zoufang --cadre C-00412 --json")
id=$(value username <<<"$phone")
password=$(value password <<<"$phone")
pull() { # pull PORT
    mosquitto_rr -p "$1" -V 5 -i "$id" -u "$id" -P "$password" -q 1 -W 20 \
        -t "zf/1/340825/up/$id/pull" -e "zf/1/340825/down/$id/changes" \
        -m '{"v":1,"req":"r1","cursor":null,"kinds":["task"],"limit":1}' | grep -o '"req":"r1","epoch"'
}
pull 1883

say "the same phone through the relay"
mkdir -p /tmp/bin
cat >/tmp/bin/mosquitto <<'STUB'
#!/bin/sh
sed 's/^listener 1883/listener 11883/' "$2" >/tmp/relay.conf
exec /usr/sbin/mosquitto -c /tmp/relay.conf
STUB
chmod 755 /tmp/bin/mosquitto
as_user "PATH=/tmp/bin:\$PATH sh /usr/local/share/zoufang/docker/relay" >/tmp/relay.log 2>&1 &
wait_for relay "$(port 11883)"
for _ in $(seq 30); do pull 11883 && break; done

say "the end"
kill -TERM "$(sed 's/.*"pid":\([0-9]*\).*/\1/' /var/lib/zoufang/server.json)"
for _ in $(seq 100); do as_user "$HEALTH" >/dev/null || break; sleep 0.1; done
! as_user "$HEALTH"
grep -q stopping /tmp/server.log
say "all services ran"
"""


def serve(stage, image):
    with open(f"{stage.root}/etc/hosts", "w") as f:
        f.write("127.0.0.1 localhost broker\n")
    with open(f"{stage.root}/tmp/services", "w") as f:
        f.write(SERVICES)
    setup = ("ip link set lo up && mount -t proc proc $ROOT/proc && mount --bind /dev $ROOT/dev && "
             "exec chroot $ROOT bash /tmp/services")
    run("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", setup,
        env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ROOT": stage.root,
             "CMD": shlex.join(image["cmd"]), "HEALTH": shlex.join(image["health"])})


def main():
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        print("needs root and debootstrap")
        return 77
    work = tempfile.mkdtemp(prefix="zoufang-docker-")
    try:
        context = f"{work}/context"
        ignored = open(f"{SOURCE}/docker/Dockerfile.dockerignore").read().split()
        shutil.copytree(SOURCE, context, symlinks=True,
                        ignore=lambda folder, names: ignored if folder == SOURCE else [])
        stage, image = build(f"{SOURCE}/docker/Dockerfile", context, work)
        serve(stage, image)
    finally:
        if "--keep" in sys.argv:
            print(work)
        else:
            shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
