"""Protocol §2, §3, §12: what the broker lets each principal do, and what becomes of retained
topics and of the server's state when something dies."""
import json
import os
import select
import signal
import subprocess
import time

import zf
from zf import ContractCase


class Access(ContractCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vo = cls.county.phone("C-00420")
        cls.co = cls.county.phone("C-00001")

    def fence(self, phone):
        """Everything that this phone published before has been dealt with."""
        r = phone.facts(self.county.household(), farmland_mu=1)
        self.assertEqual(phone.send(r)["outcome"], "stored")

    def test_nobody_without_password(self):
        for user, password in (("d-000000000000", "x"), (self.vo.device, "wrong"), ("zoufang", "x"),
                               ("zoufang", "")):
            with self.assertRaises(ConnectionRefusedError):
                zf.Client(self.county.port, user, password)

    def test_a_client_id_is_the_user_name(self):
        """Another client id does not take another's place."""
        creds = self.county.device("C-00450")
        other = zf.Client(self.county.port, creds["username"], creds["password"],
                          client_id=self.vo.device)
        other.close()
        self.fence(self.vo)
        self.assertEqual([s for s in self.vo.state.items if s[0] == "down"], [])

    def test_a_device_publishes_below_its_own_up_only(self):
        reader = self.county.connect(self.county.device("C-00001"), listen=False)
        reader.subscribe("status/#", "village/#", "server", "bulletin/#", "catalog/#", "down/#",
                         "metrics")
        victim = self.county.phone("C-00420")
        forged = dict(victim.facts(self.county.household(), farmland_mu=7), id=zf.uuid7())
        envelope = json.dumps(victim.envelope([forged]))
        mark = b'{"forged":1}'
        for topic in ("status", "status/104/299", "server", "metrics", "bulletin/2019-06", "catalog",
                      "catalog/hh.facts/1", "village/104/299/head", "village/104/299/tasks/T-X-1",
                      "down/%s/receipts" % reader.device, "down/%s/receipts" % self.vo.device,
                      "up/records", "x"):
            for retain in (False, True):
                self.vo.publish(topic, mark, retain)
        for topic in ("up/%s/records" % victim.device, "relay/r-000000000000/%s/records" % victim.device,
                      "up/%sx/records" % self.vo.device):
            self.vo.publish(topic, envelope)
        self.fence(self.vo)
        self.fence(reader)
        self.assertFalse([m for m in reader.messages.items if m.payload == mark])
        self.assertEqual(victim.receipts(forged["id"]), [])
        self.assertEqual(self.vo.receipts(forged["id"]), [])
        self.assertEqual(self.county.query("SELECT * FROM record WHERE id = ?",
                                           bytes.fromhex(forged["id"].replace("-", ""))), [])

    def test_a_device_reads_its_own_answers_only(self):
        spy = self.county.connect(self.county.device("C-00450"), listen=False)
        spy.subscribe("down/#", "via/#", "up/#", "relay/#", "#")
        spy.c.subscribe("#", 1)
        spy.c.subscribe("$SYS/#", 1)
        self.fence(self.vo)
        self.vo.pull(limit=1)
        r = spy.record("inspect.water", self.county.household(), {})
        spy.post(spy.envelope([r]))
        spy.receipt(r["id"], "rejected")
        foreign = [m.topic for m in spy.messages.items
                   if "/down/" in m.topic and spy.device not in m.topic
                   or "/via/" in m.topic or "/up/" in m.topic or m.topic.startswith("$")]
        self.assertEqual(foreign, [])

    def read(self, creds):
        """Every retained topic that this principal gets, whatever it asks for."""
        return zf.retained(self.county.port, creds, "#")

    def places(self, topics):
        return {"/".join(t.split("/")[:3]) for t in topics
                if t.startswith(("village/", "status/"))}

    def wait_retained(self):
        watch = self.county.watch()
        watch.until(lambda t: all(
            "village/%s/head" % v in t and "status/%s" % v in t
            for v in ("103/001", "103/200", "103/201", "104/001", "104/200", "104/299"))
            and "catalog" in t and "status" in t, "everything is retained")

    def test_a_village_officer_reads_the_village(self):
        self.wait_retained()
        topics = self.read(self.county.device("C-00420"))
        self.assertEqual(self.places(topics), {"village/104/299", "status/104/299", "status/104"})
        self.assertIn("status", topics)
        self.assertIn("catalog", topics)
        self.assertIn("catalog/hh.facts/1", topics)
        self.assertNotIn("metrics", topics)

    def test_a_township_office_reads_the_township(self):
        self.wait_retained()
        topics = self.read(self.county.device("C-00030"))
        self.assertEqual(self.places(topics), {x + "/104/" + v for x in ("village", "status")
                                               for v in ("001", "200", "299")} | {"status/104"})

    def test_a_helper_reads_the_villages_of_the_households(self):
        self.wait_retained()
        villages = {t[6:12] for t, in self.county.query(
            "SELECT target FROM assignment WHERE cadre = 'C-00026'")}
        topics = self.read(self.county.device("C-00026"))
        want = {"%s/%s/%s" % (x, v[:3], v[3:]) for x in ("village", "status") for v in villages}
        self.assertLessEqual(want, self.places(topics))
        self.assertEqual({t for t in self.places(topics) if t.startswith("village/")},
                         {t for t in want if t.startswith("village/")})

    def test_a_monitor_reads_figures_only(self):
        self.wait_retained()
        creds = self.county.monitor()
        topics = self.read(creds)
        self.assertIn("status", topics)
        self.assertIn("status/104/299", topics)
        self.assertIn("catalog", topics)
        other = [t for t in topics if not t.startswith(("status", "bulletin/", "catalog"))
                 and t != "metrics"]
        self.assertEqual(other, [])
        m = zf.Client(self.county.port, creds["username"], creds["password"])
        m.subscribe("#", "metrics")
        m.messages.until(lambda ms: any(zf.topic_of(x) == "metrics" for x in ms), "metrics")
        for topic in ("status", "up/%s/records" % creds["username"], "server",
                      "up/%s/pull" % self.vo.device):
            m.publish(topic, b'{"forged":2}', True)
        self.fence(self.vo)
        seen = self.read(self.county.device("C-00001"))
        self.assertNotIn(b'{"forged":2}', seen.values())
        self.assertFalse([x for x in m.messages.items
                          if zf.topic_of(x).startswith(("up/", "down/", "village/", "via/"))])
        m.close()

    def test_a_relay_reads_its_township(self):
        self.wait_retained()
        relay = self.county.add_relay("104")
        topics = self.read(relay)
        self.assertEqual(self.places(topics), {x + "/104/" + v for x in ("village", "status")
                                               for v in ("001", "200", "299")} | {"status/104"})
        other = self.county.add_relay("103")
        phone = self.county.connect(self.county.device("C-00420"), relay=relay)
        spy = zf.Client(self.county.port, other["username"], other["password"])
        spy.subscribe("#", "via/#", "down/#")
        r = phone.facts(self.county.household(), farmland_mu=1)
        self.assertEqual(phone.send(r)["outcome"], "stored")
        forged = phone.facts(self.county.household(), farmland_mu=1)
        for topic in ("up/%s/records" % phone.device,
                      "relay/%s/%s/records" % (relay["username"], phone.device)):
            spy.publish(topic, json.dumps(phone.envelope([forged])))
        self.fence(self.vo)
        self.assertEqual(phone.receipts(forged["id"]), [])
        self.assertFalse([m for m in spy.messages.items
                          if zf.topic_of(m).startswith(("via/" + relay["username"], "down/"))])
        spy.close()

    def test_retained_below_up_is_cleared(self):
        """A phone that retains its record by mistake: taken once, then cleared."""
        self.county_compared()
        r = self.vo.facts(self.county.household(), farmland_mu=2)
        self.vo.post(self.vo.envelope([r]), retain=True)
        self.vo.receipt(r["id"], "stored")
        with open(os.path.join(self.county.data, "broker", "server.password")) as f:
            server = {"username": "zoufang-check", "password": f.read().strip()}
        w = zf.Watch(self.county.port, server, ["up/#", "server"])
        try:
            w.until(lambda t: "server" in t and not [x for x in t if x.startswith("up/")],
                    "nothing retained below up/")
        finally:
            w.close()
        self.assertNotEqual(zf.retained(self.county.port, self.county.device("C-00001"),
                                        "status"), {})

    def county_compared(self):
        """The server's own look at what is retained is over (it uses that client id too)."""
        line = "retained topics compared"
        self.co.see(zf.Copy(), lambda c: line in self.county.log(), line, ["finding"])


class Death(ContractCase):
    SERVE = False

    def test_the_private_broker_dies_with_its_memory(self):
        """Killed, its store removed: it is started again, and what it retains is the database's."""
        county = self.county
        county.serve()
        vo = county.phone("C-00420")
        vo.send(vo.facts(county.household(), farmland_mu=1))
        county.watch().until(lambda t: "server" in t and "village/104/299/head" in t, "a head")
        old = self.broker_pid()
        county.hang_up()
        os.kill(old, signal.SIGKILL)
        store = os.path.join(county.data, "broker", "mosquitto.db")
        if os.path.exists(store):
            os.unlink(store)
        self.wait_broker(old)
        creds = county.device("C-00001")
        watch = county.watch(creds)

        def same(topics):
            want = {t[len(zf.ROOT) + 1:]: json.loads(p) for t, p in county.query(
                "SELECT topic, payload FROM retained WHERE payload IS NOT NULL")}
            have = {t: p for t, p in topics.items() if t != "server"}
            want.pop("server", None)
            want.pop("metrics", None)
            return len(want) > 100 and want == have
        watch.until(same, "the retained topics are the database's", 3 * zf.BOUND)
        self.assertEqual(watch.get("server")["state"], "online")
        phone = county.phone("C-00420")
        self.assertEqual(phone.send(phone.facts(county.household(), farmland_mu=1))["outcome"],
                         "stored")
        county.stop()

    def broker_pid(self):
        with open(os.path.join(self.county.data, "broker", "mosquitto.pid")) as f:
            return int(f.read())

    def wait_broker(self, old):
        """Until another broker accepts a connection; each try is bounded by the kernel's answer."""
        end = time.monotonic() + zf.BOUND
        while time.monotonic() < end:
            try:
                if self.broker_pid() != old:
                    zf.Client(self.county.port, "nobody", "x")
            except ConnectionRefusedError as e:
                if "refused'" in str(e):
                    return
            except (OSError, ValueError):
                pass
            self.county.process.poll()
            select_wait(0.1)
        self.fail("no new broker: " + self.county.log()[-2000:])


def select_wait(seconds):
    select.select([], [], [], seconds)


class OwnBroker(ContractCase):
    """Against a Mosquitto that is not the server's child: kill -9 of the server alone."""
    SERVE = False

    def mosquitto(self):
        county = self.county
        d = os.path.join(county.data, "broker")
        conf = os.path.join(os.path.dirname(county.data), "mosquitto.conf")
        with open(conf, "w") as f:
            f.write("allow_anonymous false\nlistener %d 127.0.0.1\nuse_username_as_clientid true\n"
                    "password_file %s/passwd\nacl_file %s/acl\nmax_packet_size 1048576\n"
                    "max_inflight_messages 1000\nmax_queued_messages 100000\nuser root\n"
                    % (county.port, d, d))
        with open(conf + ".log", "w") as log:
            p = subprocess.Popen(["/usr/sbin/mosquitto", "-c", conf], stdout=subprocess.DEVNULL,
                                 stderr=log)
        zf._processes.append(p)
        return p

    def serve(self):
        county = self.county
        log = open(county.log_name, "ab")
        p = subprocess.Popen([zf.ZOUFANG, "serve", "--data", county.data, "--clock", zf.CLOCK],
                             stdout=subprocess.PIPE, stderr=log)
        log.close()
        zf._processes.append(p)
        county.process = p
        return p

    def test_last_will(self):
        county = self.county
        with open(os.path.join(county.data, "zoufang.conf"), "a") as f:
            f.write("\n[broker]\nuri = tcp://127.0.0.1:%d\n" % county.port)
        creds = county.device("C-00001")
        county.device("C-00420")
        if not os.path.exists(os.path.join(county.data, "broker", "server.password")):
            self.serve()  # makes its password; the broker is not there yet
            self.until_file("server.password")
            county.kill(broker=False)
        self.mosquitto()
        self.serve()
        county.clock = zf.CLOCK
        watch = self.connect_watch(creds)
        first = watch.until(lambda t: t if t.get("server", {}).get("state") == "online" else None,
                            "online")["server"]
        county.kill(broker=False)
        watch.until(lambda t: t["server"]["state"] == "offline", "the Last Will")
        self.serve()
        second = watch.until(lambda t: t if t["server"]["state"] == "online" else None,
                             "online again")["server"]
        self.assertEqual(first["epoch"], second["epoch"])
        self.assertNotEqual(first["boot"], second["boot"])
        p = county.process
        county.process = None
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(2 * zf.BOUND), 0)
        watch.until(lambda t: t["server"]["state"] == "offline", "offline before a clean end")

    def until_file(self, name):
        end = time.monotonic() + zf.BOUND
        path = os.path.join(self.county.data, "broker", name)
        while not os.path.exists(path):
            self.assertLess(time.monotonic(), end, "no " + name)
            self.assertIsNone(self.county.process.poll(), self.county.log())
            select_wait(0.1)

    def connect_watch(self, creds):
        end = time.monotonic() + zf.BOUND
        while True:
            try:
                return self.county.watch(creds, "server")
            except OSError:
                self.assertLess(time.monotonic(), end, "no broker")
                select_wait(0.1)


if __name__ == "__main__":
    zf.main()
