"""A township's relay end to end: the county's server and private broker, a stock Mosquitto started
from what `zoufang relay add` prints, phones at the relay, outages of both ends and of the line.

    python3 test_relay.py PATH/TO/zoufang [Class.case ...]
"""
import os
import shutil
import signal

from ops import (SAFE, WATER, Line, Mosquitto, Place, certificates, kill_broker,
                 resend_until_receipted, set_conf, stored_times, until, user_line)
from test_external import External
import zf


def stop_server(county):
    """TERM of the server and its broker; the clients stay and connect again."""
    clients, county.clients = county.clients, []
    county.stop()
    county.clients = clients


class Relay:
    """The operator's steps of docs/operations.md, and a phone's way to it."""

    def __init__(self, county, town, line, files_of=None, options=()):
        self.county = county
        self.line = line
        self.folder = os.path.join(zf.tempdir("relay"), "zoufang")
        os.mkdir(self.folder)
        text = county.run("relay add", "--town", town, "--bridge", self.folder, *options).stdout
        self.id = next(x.split()[1] for x in text.splitlines() if x.startswith("remote_username "))
        self.port = zf.free_port()
        text = user_line() + text.replace("listener 1883\n",
                                          "listener %d 127.0.0.1\n" % self.port)
        assert str(self.port) in text and "connection " + self.id in text, text
        self.text = text
        conf = os.path.join(self.folder, "mosquitto.conf")
        with open(conf, "w") as f:
            f.write(text)
        self.files(files_of or self.id)
        self.broker = Mosquitto(conf, self.port)

    def files(self, relay=None):
        self.county.run("relay files", relay or self.id, "--to", self.folder)

    def start(self):
        self.broker.start()
        return self

    def phone(self, creds, **kw):
        """At the relay, with the topics that it has at the county."""
        kw.setdefault("clean", False)
        p = zf.Phone(Place(self.port, self.county.clock), creds, **kw)
        self.county.clients.append(p)
        return p

    def watch(self, creds):
        w = zf.Watch(self.port, creds, ("village/#", "status/#", "catalog/#", "server"))
        self.county.clients.append(w)
        return w


class RelayCase(zf.ContractCase):
    """A county whose relay of town 104 comes through a line that can be cut."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = Line(cls.county.port)
        set_conf(cls.county.data, "relay", county_host="127.0.0.1", county_port=cls.line.port)
        cls.creds = cls.county.device("C-00420")
        cls.other = cls.county.device("C-00412")
        cls.relay = Relay(cls.county, "104", cls.line).start()

    def setUp(self):
        self.open = []

    def tearDown(self):
        self.line.mend()
        for p in self.open:
            p.close()

    def phone(self, creds=None, **kw):
        p = self.relay.phone(creds or self.creds, **kw)
        self.open.append(p)
        return p

    def facts(self, phone, n):
        return [phone.facts(self.county.household(), farmland_mu=1 + i) for i in range(n)]

    def assertStoredOnce(self, records):
        ids = [r["id"] for r in records]
        self.assertEqual(stored_times(self.county, ids), {i: 1 for i in ids})

    def outbox_is_empty(self):
        return self.county.query("SELECT count(*) FROM outbox")[0][0] == 0


class Through(RelayCase):
    """A phone lives at the relay as at the county."""

    def test_records_receipts_and_pages(self):
        phone = self.phone()
        records = self.facts(phone, 4)
        receipts = phone.send(*records)
        self.assertEqual({r["outcome"] for r in receipts}, {"stored"})
        self.assertStoredOnce(records)
        copy = zf.Copy()
        phone.sync(copy, ["household", "task"])
        self.assertEqual(copy.get("household", records[0]["subject"])["doc"]["farmland_mu"], 1)
        packed = phone.pull(kinds=["division"])
        self.assertFalse(packed["more"] and not packed["changes"])

    def test_3_1_1_phone(self):
        creds = self.county.device("C-00420")
        self.relay.files()
        self.relay.broker.hang_up()
        phone = self.admitted(creds, v5=False)
        r = phone.facts(self.county.household(), farmland_mu=9)
        self.assertEqual(phone.send(r)["outcome"], "stored")

    def admitted(self, creds, **kw):
        """Connects once the relay's broker has read its files again."""
        found = []

        def ask():
            try:
                found.append(self.phone(creds, **kw))
            except ConnectionRefusedError:
                return False
            return True
        until(ask, "the relay takes the new phone")
        return found[0]

    def test_files_again_take_a_new_phone_and_drop_a_revoked_one(self):
        creds = self.county.device("C-00420")
        with self.assertRaises(ConnectionRefusedError):
            self.phone(creds)
        self.relay.files()
        self.relay.broker.hang_up()
        phone = self.admitted(creds)
        self.county.run("device revoke", creds["device"])
        self.relay.files()
        self.relay.broker.hang_up()
        phone.state.until(lambda s: s[-1][0] == "refused", "the revoked phone is refused")

    def test_files_hold_the_phones_of_the_township_only(self):
        far = self.county.device(self.county.query(
            "SELECT id FROM entity WHERE kind = 'cadre' AND doc ->> '$.scope' LIKE '%340825103%'"
            " ORDER BY id")[0][0])
        out = zf.tempdir("files")
        self.county.run("relay files", self.relay.id, "--to", out)
        with open(os.path.join(out, "passwd")) as f:
            users = {x.split(":")[0] for x in f}
        self.assertIn(self.creds["device"], users)
        self.assertNotIn(far["device"], users)
        self.assertNotIn("zoufang", users)
        self.assertFalse([u for u in users if not u.startswith("d-")])
        self.assertEqual(os.stat(os.path.join(out, "passwd")).st_mode & 0o077, 0)

    def test_retained_topics_of_the_township(self):
        """What the county retains about the town, and nothing of other towns."""
        office = self.county.watch()
        here = self.relay.watch(self.county_office())
        mine = ("village/104/", "status/104", "catalog", "server")

        def same(topics):
            want = {t: p for t, p in office.topics.items() if t.startswith(mine)}
            return len(want) > 15 and want == dict(here.topics)
        here.until(same, "the relay retains what the county does")
        self.assertFalse([t for t in here.topics if not t.startswith(mine)])

    def county_office(self):
        creds = self.county.device("C-00001")
        self.relay.files()
        self.relay.broker.hang_up()
        self.admitted(creds).close()
        return creds


class Outages(RelayCase):
    """Nothing is lost, everything is stored once, whichever part is away."""

    def watch_task(self, phone, watch, house):
        topic = "village/104/299/tasks/T-W1-%s-1" % house
        phone.send(phone.record("inspect.water", house, WATER))
        watch.until(lambda t: topic in t, "the task is retained at the relay")
        return topic

    def relay_watch(self):
        w = self.relay.watch(self.other)
        self.open.append(w)
        return w

    def test_line_is_cut(self):
        phone = self.phone()
        near = self.county.phone("C-00420")
        watch = self.relay_watch()
        office = self.county.watch()
        house = self.county.household()
        topic = self.watch_task(near, watch, house)
        self.line.cut()
        records = self.facts(phone, 30)
        for r in records:
            phone.post(phone.envelope([r]))
        lab = self.county.phone("C-00902")
        self.assertEqual(lab.send(lab.record("inspect.water", house, SAFE))["outcome"], "stored")
        office.until(lambda t: topic not in t, "the task ended at the county")
        second = self.county.household()
        near.send(near.record("inspect.water", second, WATER))
        until(self.outbox_is_empty, "the county has published everything")
        self.assertEqual(sum(stored_times(self.county, [r["id"] for r in records]).values()), 0)
        self.line.mend()
        for r in records:
            self.assertEqual(phone.receipt(r["id"])["outcome"], "stored")
        self.assertStoredOnce(records)
        watch.until(lambda t: topic not in t, "a task that ended meanwhile is gone at the relay")
        watch.until(lambda t: "village/104/299/tasks/T-W1-%s-1" % second in t,
                    "a task that began meanwhile is there")
        again = zf.retained(self.relay.port, self.other, "village/#")
        self.assertNotIn(topic, again)

    def test_county_is_away(self):
        phone = self.phone()
        before = self.facts(phone, 3)
        phone.send(*before)
        stop_server(self.county)
        records = self.facts(phone, 30)
        for r in records:
            phone.post(phone.envelope([r]))
        self.county.serve(port=self.county.port)
        for r in records:
            self.assertEqual(phone.receipt(r["id"])["outcome"], "stored")
        self.assertStoredOnce(before + records)

    def test_county_broker_forgets_everything(self):
        """kill -9 of the county's broker, its store lost: phones send again what has no receipt."""
        phone = self.phone()
        first = self.facts(phone, 20)
        for r in first:
            phone.post(phone.envelope([r]))
        kill_broker(self.county)
        more = self.facts(phone, 20)
        for r in more:
            phone.post(phone.envelope([r]))
        resend_until_receipted(phone, first + more)
        self.assertStoredOnce(first + more)

    def test_relay_is_away(self):
        """Receipts wait at the county for a relay that was stopped, the phone's session at the
        relay survives."""
        phone = self.phone()
        phone.send(*self.facts(phone, 1))
        with open(os.path.join(self.county.data, "broker", "server.password")) as f:
            check = {"username": "zoufang-check", "password": f.read().strip()}
        arrived = zf.Client(self.county.port, check["username"], check["password"])
        self.open.append(arrived)
        arrived.subscribe("relay/#")
        self.county.process.send_signal(signal.SIGSTOP)
        try:
            records = self.facts(phone, 10)
            for r in records:
                phone.post(phone.envelope([r]))
            arrived.messages.until(
                lambda ms: sum(zf.topic_of(m).endswith("/records") for m in ms) >= 10,
                "the relay has carried the records")
            self.relay.broker.end()
        finally:
            self.county.process.send_signal(signal.SIGCONT)
        until(lambda: sum(stored_times(self.county, [r["id"] for r in records]).values()) == 10,
              "stored")
        until(self.outbox_is_empty, "the receipts are with the county's broker")
        self.relay.start()
        for r in records:
            self.assertEqual(phone.receipt(r["id"])["outcome"], "stored")
        self.assertStoredOnce(records)

    def test_relay_is_killed(self):
        """kill -9 of the relay's broker: what it had not saved is sent again by the phone."""
        phone = self.phone()
        self.line.cut()
        records = self.facts(phone, 10)
        for r in records:
            phone.post(phone.envelope([r]))
        self.relay.broker.end(signal.SIGKILL)
        self.line.mend()
        self.relay.start()
        phone.state.until(lambda s: [x[0] for x in s][-1] == "up" and len(s) > 2, "up again")
        phone.subscribe(phone.down("+"))
        resend_until_receipted(phone, records)
        self.assertStoredOnce(records)


class Authority(RelayCase):
    """What a relay may carry."""

    def test_wrong_town_is_held(self):
        """A phone of 104 whose records come through the relay of 103."""
        far = Relay(self.county, "103", self.line, files_of=self.relay.id).start()
        phone = far.phone(self.creds)
        self.open.append(phone)
        r = phone.facts(self.county.household(), farmland_mu=2)
        answer = phone.send(r)
        self.assertEqual(answer["outcome"], "held", answer)
        self.assertEqual(zf.codes_of(answer), ["relay_scope"])
        near = self.phone()
        near.post(near.envelope([r]))
        near.receipt(r["id"], lambda x: "stored" in (x["outcome"], x.get("was")), what="stored")
        self.assertStoredOnce([r])
        far.broker.end()

    def test_revoked_relay_is_refused(self):
        own = Relay(self.county, "104", self.line).start()
        phone = own.phone(self.creds)
        self.open.append(phone)
        self.assertEqual(phone.send(phone.facts(self.county.household(), farmland_mu=2))["outcome"],
                         "stored")
        self.county.run("relay revoke", own.id)
        until(lambda: "not authorised" in own.broker.log(), "the bridge is refused")
        r = phone.facts(self.county.household(), farmland_mu=2)
        phone.post(phone.envelope([r]))
        refused = own.broker.log().count("not authorised")
        until(lambda: own.broker.log().count("not authorised") > refused, "and again")
        self.assertEqual(stored_times(self.county, [r["id"]]), {r["id"]: 0})
        bad = self.county.run("relay files", own.id, "--to", own.folder, ok=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("revoked", bad.stderr)
        own.broker.end()


class Tls(zf.unittest.TestCase):
    """The county's broker is reached by TLS: two brokers, certificates made here."""

    def county(self, name, **kw):
        c = External(name, tls="127.0.0.1", **kw)
        self.addCleanup(c.close)
        c.broker.start()
        c.serve()
        self.creds = c.device("C-00420")
        return c

    def relay(self, county, *options):
        r = Relay(county, "104", None, options=options)
        self.addCleanup(lambda: r.broker.process and r.broker.process.poll() is None and r.broker.end())
        return r

    def stores(self, county, relay):
        phone = relay.phone(self.creds)
        r = phone.facts(county.household(), farmland_mu=2)
        self.assertEqual(phone.send(r)["outcome"], "stored")
        self.assertEqual(stored_times(county, [r["id"]]), {r["id"]: 1})

    def test_as_the_server(self):
        """uri and ca_file of the server say it all; `relay files` brings the certificates."""
        c = self.county("relaytls")
        relay = self.relay(c)
        ca = os.path.join(relay.folder, "ca.pem")
        self.assertIn("\naddress 127.0.0.1:%d\nbridge_cafile %s\n" % (c.tls_port, ca), relay.text)
        relay.start()
        self.stores(c, relay)
        # another authority: the bridge does not trust the county's broker
        relay.broker.end()
        other = zf.tempdir("other")
        shutil.copy(certificates(other, "127.0.0.1")["ca.pem"], ca)
        relay.start()
        until(lambda: "verify failed" in relay.broker.log(), "the bridge refuses")

    def test_options(self):
        """The server itself uses a plain listener; relays come by TLS."""
        c = self.county("relayplain")
        set_conf(c.data, "broker", uri="tcp://127.0.0.1:%d" % c.port, ca_file="")
        c.stop()
        c.serve()
        folder = zf.tempdir("elsewhere")
        own = os.path.join(folder, "own.pem")
        shutil.copy(c.ca_file, own)
        relay = self.relay(c, "--ca-file", own, "--county-host", "127.0.0.1", "--county-port",
                           str(c.tls_port))
        self.assertIn("\naddress 127.0.0.1:%d\nbridge_cafile %s\n" % (c.tls_port, own), relay.text)
        self.assertFalse(os.path.exists(os.path.join(relay.folder, "ca.pem")))
        relay.start()
        self.stores(c, relay)
        plain = self.relay(c)
        self.assertIn("\naddress 127.0.0.1:%d\n" % c.port, plain.text)
        self.assertNotIn("bridge_cafile", plain.text)

    def test_certificates_of_the_system(self):
        c = External("relaysystem", tls="127.0.0.1")
        set_conf(c.data, "broker", ca_file="")
        set_conf(c.data, "relay", county_host="broker.example", county_port=8883)
        text = c.run("relay add", "--town", "104").stdout
        self.assertIn("\naddress broker.example:8883\nbridge_capath /etc/ssl/certs\n", text)


if __name__ == "__main__":
    zf.main()
