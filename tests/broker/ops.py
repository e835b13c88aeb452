"""What the tests of this folder add to the harness of the contract tests: Mosquitto processes, a
line that can be cut, certificates, servers without --standalone."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "contract"))
import zf  # noqa: E402

MOSQUITTO = "/usr/sbin/mosquitto"
WATER = {"persons": 4, "supply": "scattered", "source": "spring", "at_home": False, "litres_ppd": 38,
         "qual": "field_ok", "haul_min": 15, "haul_m": 500, "climb_m": 30, "outage_days": 40,
         "knows_policy": True, "satisfied": 3}
SAFE = {k: v for k, v in dict(WATER, at_home=True, litres_ppd=70, outage_days=0, qual="gb",
                              lab_no="L1").items() if not k.startswith(("haul_", "climb_"))}


def until(ask, what, bound=None):
    """What ask() returns once that is true: for what sends no event (files, processes)."""
    end = time.monotonic() + (bound or zf.BOUND)
    pause = threading.Event()
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (bound or zf.BOUND, what))
        pause.wait(0.02)


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


# ------------------------------------------------------------------ brokers

class Mosquitto:
    """A stock Mosquitto with the configuration of a file."""

    def __init__(self, conf, port, env=None):
        self.conf = conf
        self.port = port
        self.log_name = conf + ".log"
        self.process = None

    def start(self):
        with open(self.log_name, "ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", self.conf], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        zf._processes.append(self.process)
        until(lambda: self.process.poll() is not None or accepts(self.port), "mosquitto is up")
        if self.process.poll() is not None:
            raise AssertionError("mosquitto ended: " + self.log())
        return self

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(zf.BOUND)

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        with open(self.log_name, errors="replace") as f:
            return f.read()


def user_line():
    """Without it a Mosquitto of root drops to a user that cannot read the test's files."""
    return "user root\n" if os.geteuid() == 0 else ""


# ------------------------------------------------------------------ a line that can be cut

class Line:
    """A TCP proxy; cut() ends every connection and refuses new ones until mend(). With `swallow`,
    what comes from the near end is lost."""

    def __init__(self, to):
        self.to = to
        self.swallow = False
        self.port = zf.free_port()
        self.listener = self._listen(self.port)
        self.lock = threading.Lock()
        self.sockets = set()
        self.serve()

    def _listen(self, port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(64)
        return s

    def serve(self):
        self.thread = threading.Thread(target=self._accept, args=(self.listener,), daemon=True)
        self.thread.start()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.sockets |= {near, far}
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b, a is near), daemon=True).start()

    def _carry(self, a, b, from_near):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                if not (from_near and self.swallow):
                    b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            self._close(s)

    def _close(self, s):
        with self.lock:
            self.sockets.discard(s)
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        self.thread.join()
        with self.lock:
            gone = list(self.sockets)
        for s in gone:
            self._close(s)

    def mend(self):
        if self.listener:
            return
        self.listener = self._listen(self.port)
        self.serve()


# ------------------------------------------------------------------ certificates

def certificates(folder, host):
    """A certificate authority and a broker's certificate for `host` alone: ca.pem, crt, key."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    kind = "IP" if host[0].isdigit() else "DNS"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "3650", "-subj", "/CN=test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "broker.key", "-out", "broker.csr",
            "-subj", "/CN=" + host)
    with open(os.path.join(folder, "ext"), "w") as f:
        f.write("subjectAltName=%s:%s\n" % (kind, host))
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "3650", "-extfile", "ext", "-out", "broker.crt")
    return {n: os.path.join(folder, n) for n in ("ca.pem", "broker.crt", "broker.key")}


# ------------------------------------------------------------------ counties

def set_conf(data, section, **values):
    """Appends a section to the county's zoufang.conf, of which init wrote comments only."""
    with open(os.path.join(data, "zoufang.conf"), "a") as f:
        f.write("\n[%s]\n" % section)
        for k, v in values.items():
            f.write("%s = %s\n" % (k, v))


def stored_times(county, ids):
    """{id: how often it stands in the log with outcome stored}."""
    rows = county.query("SELECT lower(hex(id)), count(*) FROM record WHERE outcome = 1 GROUP BY id")
    have = dict(rows)
    return {i: have.get(i.replace("-", ""), 0) for i in ids}


class Place:
    """Where a phone connects: a broker that is not the county's own."""

    def __init__(self, port, clock):
        self.port = port
        self.clock = clock


def resend_until_receipted(phone, records, bound=None):
    """As a phone does after an outage (protocol §6): what has no receipt is sent again."""
    end = time.monotonic() + (bound or 2 * zf.BOUND)
    while True:
        open_ = [r for r in records if not phone.receipts(r["id"])]
        if not open_:
            return
        if time.monotonic() > end:
            raise AssertionError("no receipt of %d of %d" % (len(open_), len(records)))
        phone.post(phone.envelope(open_[:100]), wait=False)
        try:
            phone.messages.until(lambda _: not [r for r in open_ if not phone.receipts(r["id"])],
                                 "receipts", bound=5)
        except AssertionError:
            pass


def parse(payload):
    return json.loads(payload) if payload else None


def kill_broker(county):
    """kill -9 of the private broker; what it had saved is lost, too."""
    folder = os.path.join(county.data, "broker")
    county.process.send_signal(signal.SIGSTOP)  # it would start the next one before the store is gone
    try:
        zf._kill_broker(county.data)
        with open(os.path.join(folder, "mosquitto.pid")) as f:
            pid = int(f.read())
        until(lambda: zombie(pid), "the broker has ended")
        for name in ("mosquitto.db", "mosquitto.db.new"):
            if os.path.exists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
    finally:
        county.process.send_signal(signal.SIGCONT)


def zombie(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
