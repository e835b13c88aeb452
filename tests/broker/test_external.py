"""The server against a Mosquitto that is not its own: TCP, TLS, MQTT 3.1.1, brokers that are away,
die, forget or know no zoufang-check; its state, its end, a second server.

    python3 test_external.py PATH/TO/zoufang [Class.case ...]
"""
import json
import os
import signal
import subprocess
import threading
import unittest

from ops import (SAFE, WATER, Line, Mosquitto, certificates, resend_until_receipted, set_conf,
                 stored_times, until, user_line)
import zf

SETTINGS = """per_listener_settings false
allow_anonymous false
password_file {access}/passwd
acl_file {access}/acl
max_queued_messages 1000000
max_queued_bytes 268435456
max_inflight_messages 1000
max_packet_size 1048576
set_tcp_nodelay true
"""


UP = "connected to the broker"


class External(zf.County):
    """A county and a broker with a configuration of its own elsewhere (docs/operations.md)."""

    def __init__(self, name, tls=None, pid_file=True, access=None, line=False, **conf):
        super().__init__(name)
        self.run("monitor add")  # so that the broker has files to read
        access = access or os.path.join(self.data, "broker")
        folder = zf.tempdir("broker")
        text = user_line() + SETTINGS.format(access=access)
        if pid_file:
            text += "pid_file %s/broker/mosquitto.pid\n" % self.data
        text += "listener %d 127.0.0.1\nuse_username_as_clientid true\n" % self.port
        self.line = Line(self.port) if line else None
        uri = "tcp://127.0.0.1:%d" % (self.line.port if line else self.port)
        if tls:
            files = certificates(folder, tls)
            self.tls_port = zf.free_port()
            text += ("listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\nuse_username_as_clientid true\n"
                     % (self.tls_port, files["broker.crt"], files["broker.key"]))
            uri = "ssl://127.0.0.1:%d" % self.tls_port
            conf["ca_file"] = self.ca_file = files["ca.pem"]
        path = os.path.join(folder, "county.conf")
        with open(path, "w") as f:
            f.write(text)
        self.broker = Mosquitto(path, self.port)
        set_conf(self.data, "broker", uri=uri, **conf)

    def serve(self, wait=True, **env):
        self.clock = zf.CLOCK
        times = self.log().count(UP) if os.path.exists(self.log_name) else 0
        with open(self.log_name, "ab") as log:
            self.process = subprocess.Popen(
                [zf.ZOUFANG, "serve", "--data", self.data, "--clock", self.clock],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, **env})
        zf._processes.append(self.process)
        if wait:
            self.logs(UP, times + 1)
        return self

    def logs(self, text, count=1):
        """Waits until the log has the text so often."""
        def ask():
            if self.process and self.process.poll() is not None:
                raise AssertionError("the server ended: " + self.log())
            return self.log().count(text) >= count
        return until(ask, "%d times in the log: %s" % (count, text))

    def office(self):
        return self.watch(None, "server")

    def wrong_retained(self):
        """Topics where database and broker differ, metrics and server apart."""
        with open(os.path.join(self.data, "broker", "server.password")) as f:
            password = f.read().strip()
        # The server's own login: it is what may read everything. Its own check is over by now.
        login = {"username": "zoufang-check", "password": password}
        have = zf.retained(self.port, login, "village/#", "status/#", "catalog/#", "bulletin/#")
        want = {t[len(zf.ROOT) + 1:]: p for t, p in self.query(
            "SELECT topic, payload FROM retained WHERE length(payload) > 0")}
        return {t for t in set(have) | set(want) if have.get(t) != want.get(t)}, len(want)

    def everything_sent(self):
        """And nothing to come."""
        return self.query("SELECT (SELECT count(*) FROM retained WHERE NOT sent) + (SELECT count(*) FROM dirty)") == [(0,)]


class ExternalCase(unittest.TestCase):
    maxDiff = None

    def county(self, name, **kw):
        c = External(name, **kw)
        self.addCleanup(self.check_log, c)
        self.addCleanup(c.close)
        return c

    def check_log(self, c):
        text = c.log() if os.path.exists(c.log_name) else ""
        for bad in ("Sanitizer", "runtime error:"):
            self.assertNotIn(bad, text)

    def stores(self, c, phone, n=1):
        records = [phone.facts(c.household(), farmland_mu=1) for _ in range(n)]
        answers = phone.send(*records)
        for a in answers if n > 1 else [answers]:
            self.assertEqual(a["outcome"], "stored", a)
        return records

    def assertRetained(self, c):
        """Broker and database come to agree in every topic (heads follow within 5 s)."""
        until(lambda: c.everything_sent() and not c.wrong_retained()[0],
              "the broker retains what the database says")
        self.assertGreater(c.wrong_retained()[1], 30)


class Life(ExternalCase):
    def test_broker_comes_later_and_all_ends_well(self):
        c = self.county("later")
        c.serve(wait=False)
        c.logs("unreachable")
        self.assertIsNone(c.process.poll())
        c.broker.start()
        c.logs("connected to the broker")
        c.logs("retained topics compared")
        self.assertRetained(c)
        office = c.office()
        online = office.until(
            lambda t: t.get("server", {}).get("state") == "online" and t["server"], "online")
        c.clients.remove(office)
        phone = c.phone("C-00420")  # valid at once: SIGHUP by the pid file
        self.stores(c, phone, 3)
        c.process.send_signal(signal.SIGHUP)
        c.logs("loaded anew")
        self.stores(c, phone)
        last = phone.facts(c.household(), farmland_mu=1)
        c.process.send_signal(signal.SIGSTOP)
        phone.post(phone.envelope([last]))
        c.process.send_signal(signal.SIGTERM)  # what it had taken in is drained
        c.process.send_signal(signal.SIGCONT)
        p, c.process = c.process, None
        self.assertEqual(p.wait(zf.BOUND), 0, c.log())
        p.stdout.close()
        gone = office.until(lambda t: t["server"] if t["server"]["state"] == "offline" else None,
                            "offline")
        self.assertEqual((gone["epoch"], gone["boot"]), (online["epoch"], online["boot"]))
        c.serve()  # a record that came too late waits in the session
        self.assertEqual(phone.receipt(last["id"])["outcome"], "stored")
        office.close()

    def test_killed_server_is_offline_by_its_will(self):
        c = self.county("will")
        c.broker.start()
        c.serve()
        office = c.office()
        first = office.until(lambda t: t.get("server"), "server")
        self.assertEqual(first["state"], "online")
        second = subprocess.run([zf.ZOUFANG, "serve", "--data", c.data], capture_output=True,
                                text=True, timeout=zf.BOUND, check=False)
        self.assertEqual(second.returncode, 3)
        self.assertIn("a server is running here already", second.stderr)
        c.process.kill()
        c.process.wait()
        c.process.stdout.close()
        office.until(lambda t: t["server"]["state"] == "offline", "the will")
        c.serve()
        again = office.until(lambda t: t["server"]["state"] == "online" and t["server"], "online")
        self.assertEqual(again["epoch"], first["epoch"])
        self.assertNotEqual(again["boot"], first["boot"])

    def test_mqtt_3_1_1(self):
        c = self.county("v311", mqtt_version="3.1.1")
        c.broker.start()
        c.serve()
        c.logs("connected to the broker, MQTT 3.1.1")
        phone = c.phone("C-00420", v5=False)
        self.stores(c, phone, 2)
        c.logs("retained topics compared")
        self.assertRetained(c)
        copy = zf.Copy()
        phone.sync(copy, ["household"])
        self.assertGreater(len(copy.items), 50)


class Enrolment(ExternalCase):
    def test_broker_without_pid_file(self):
        """Its process is not known: the credentials are printed, and what is to be done."""
        c = self.county("nopid", pid_file=False)
        c.broker.start()
        c.serve()
        r = c.run("device add", "--cadre", "C-00420", "--json", ok=False)
        self.assertEqual(r.returncode, 3)
        self.assertIn("SIGHUP", r.stderr)
        self.assertIn(c.data + "/broker/passwd", r.stderr)
        creds = dict(json.loads(r.stdout), cadres=["C-00420"])
        with self.assertRaises(ConnectionRefusedError):
            c.connect(creds)
        c.broker.hang_up()
        phone = []

        def admitted():
            try:
                phone.append(c.connect(creds))
            except ConnectionRefusedError:
                return False
            return True
        until(admitted, "the broker has read its files")
        self.stores(c, phone[0])
        r = c.run("device revoke", creds["device"])
        self.assertIn("SIGHUP", r.stderr)

    def test_revoked_device_is_dropped_at_once(self):
        c = self.county("revoke")
        c.broker.start()
        c.serve()
        creds = c.device("C-00420")
        phone = c.connect(creds)
        self.stores(c, phone)
        self.assertEqual(c.run("device revoke", creds["device"]).stderr, "")
        phone.state.until(lambda s: s[-1][0] == "refused", "dropped and refused")

    def test_broker_without_zoufang_check(self):
        """Somebody else keeps its users: the server works, what is retained is published again."""
        access = zf.tempdir("access")
        c = self.county("nocheck", access=access)
        creds = c.device("C-00420")
        office = c.device("C-00001")
        for name in ("passwd", "acl"):
            with open(os.path.join(c.data, "broker", name)) as f:
                text = f.read()
            if name == "passwd":
                text = "".join(x for x in text.splitlines(True) if "zoufang-check" not in x)
            with open(os.path.join(access, name), "w") as f:
                f.write(text)
        c.broker.start()
        c.serve()
        phone = c.connect(creds)
        self.stores(c, phone, 2)
        c.logs("what is retained cannot be read as zoufang-check")
        until(c.everything_sent, "everything is sent")
        c.broker.end(signal.SIGKILL)  # it keeps no store: all is forgotten
        c.broker.start()
        c.logs("what is retained cannot be read as zoufang-check", 2)
        c.logs("retained topics compared", 2)
        until(c.everything_sent, "everything is sent again")
        want = {t[len(zf.ROOT) + 1:]: p for t, p in c.query(
            "SELECT topic, payload FROM retained WHERE length(payload) > 0")}
        have = zf.retained(c.port, office, "village/#", "status/#", "catalog/#", "bulletin/#")
        self.assertEqual({t for t in want if have.get(t) != want[t]}, set())


class Tls(ExternalCase):
    def test_tls(self):
        c = self.county("tls", tls="127.0.0.1")
        c.broker.start()
        c.serve()
        self.stores(c, c.phone("C-00420"))  # device add asks the broker by TLS, too
        c.logs("retained topics compared")
        self.assertRetained(c)

    def test_wrong_host_name(self):
        c = self.county("tlswrong", tls="broker.example")
        c.broker.start()
        c.serve(wait=False)
        c.logs("unreachable")
        c.logs("its certificate is for another host")
        self.assertNotIn("connected to the broker", c.log())
        self.assertIsNone(c.process.poll())

    def test_unknown_authority(self):
        c = self.county("tlsca", tls="127.0.0.1")
        other = zf.tempdir("ca")
        set_conf(c.data, "broker", ca_file=certificates(other, "127.0.0.1")["ca.pem"])
        c.broker.start()
        c.serve(wait=False)
        c.logs("unreachable")
        until(lambda: "verify failed" in c.log(), "why, in the log")
        self.assertNotIn("connected to the broker", c.log())


class Forgetful(ExternalCase):
    """A broker that is killed and forgets sessions, queues and everything retained, under traffic."""

    def write_while(self, c, phone, stop, records):
        while not stop.is_set() and len(records) < 3000:
            r = phone.facts(zf.HOUSE, farmland_mu=len(records) % 50)
            records.append(r)
            phone.post(phone.envelope([r]), wait=False)
            stop.wait(0.03)

    def test_broker_forgets_everything(self):
        c = self.county("forget")
        c.broker.start()
        c.serve()
        c.logs("retained topics compared")
        phone = c.phone("C-00420")
        lab = c.phone("C-00902")
        house = c.household()
        self.assertEqual(phone.send(phone.record("inspect.water", house, WATER))["outcome"], "stored")
        records, stop = [], threading.Event()
        writer = threading.Thread(target=self.write_while, args=(c, phone, stop, records))
        writer.start()
        try:
            for n in range(1, 4):
                count = len(records)
                until(lambda: len(records) > count + 20, "traffic")
                c.broker.end(signal.SIGKILL)
                c.broker.start()
                c.logs("connected to the broker", n + 1)
                c.logs("retained topics compared", n + 1)
                for p in (phone, lab):
                    p.state.until(lambda s: sum(x[0] == "up" for x in s) > n, "phones are back")
                    p.subscribe(p.down("+"))  # the session is lost, too
                if n == 2:
                    lab.send(lab.record("inspect.water", house, SAFE))
        finally:
            stop.set()
            writer.join()
        resend_until_receipted(phone, records)
        ids = [r["id"] for r in records]
        self.assertEqual(stored_times(c, ids), {i: 1 for i in ids})
        until(lambda: c.query("SELECT count(*) FROM outbox")[0][0] == 0, "receipts are out")
        self.assertRetained(c)
        wrong, _ = c.wrong_retained()
        self.assertEqual(wrong, set())

    def test_strays_are_cleared(self):
        """What somebody else retained below the county's root, and what ended while it was away."""
        c = self.county("strays")
        c.broker.start()
        c.serve()
        c.logs("retained topics compared")
        phone = c.phone("C-00420")
        self.stores(c, phone)
        with open(os.path.join(c.data, "broker", "server.password")) as f:
            check = zf.Client(c.port, "zoufang-check", f.read().strip())
        check.publish("village/104/299/tasks/T-X-stray-1", '{"v":1}', retain=True)
        check.close()
        until(lambda: c.everything_sent() and
              c.wrong_retained()[0] == {"village/104/299/tasks/T-X-stray-1"}, "the stray alone")
        c.broker.end()
        c.broker.start()
        c.logs("retained topics compared", 2)
        self.assertRetained(c)

    def test_receipts_in_flight_are_published_again(self):
        """They are lost on a line that dies; the phone does nothing about it."""
        c = self.county("flight", line=True)
        c.broker.start()
        c.serve()
        c.logs("retained topics compared")
        phone = c.phone("C-00420")
        self.stores(c, phone)
        c.line.swallow = True
        records = [phone.facts(c.household(), farmland_mu=2) for _ in range(5)]
        ids = [r["id"] for r in records]
        for r in records:
            phone.post(phone.envelope([r]))
        until(lambda: sum(stored_times(c, ids).values()) == 5, "stored")
        self.assertEqual([phone.receipts(i) for i in ids], [[]] * 5)
        c.line.cut()
        c.line.swallow = False
        c.line.mend()
        for i in ids:
            self.assertIn(phone.receipt(i)["outcome"], ("stored", "duplicate"))
        self.assertEqual(stored_times(c, ids), {i: 1 for i in ids})
        until(lambda: c.query("SELECT count(*) FROM outbox")[0][0] == 0, "nothing is left to say")


if __name__ == "__main__":
    zf.main()
