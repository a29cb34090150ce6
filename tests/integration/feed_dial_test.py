#!/usr/bin/env python3
"""PBXs that we connect to: Asterisk's manager interface and FreeSWITCH's event socket. A call is
one call; a wrong password is said; a PBX that dies in mid-call is come back to, and what ended
meanwhile ends reconciled; a slow broker never makes the PBX wait."""
import contextlib
import hashlib
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

DATA = HERE.parent / "data/feeds"
AMI = [b.replace("\n", "\r\n") for b in (DATA / "ami.txt").read_text().strip().split("\n\n")]
ESL = (DATA / "esl.jsonl").read_text().splitlines()
AMI_IDS, ESL_IDS = ("1763650800.1", "1763650801.2"), ("0000000a", "0000000b")
PASSWORD = "feed-test-password"

TOML = """
[calls]
check_time_s = 1
"""
SOURCE = """
[[source]]
name = "%s"
org = "acme"
kind = "%s"
server = "127.0.0.1:%d"
username = "%s"
password_file = "%s"
dialect = "%s"
facts_per_second = %d
"""


class Pbx:
    """A TCP server of one PBX; one client at a time. `start` after `stop` is a restart."""

    def __init__(self):
        self.port = harness.free_tcp_port()
        self.channels, self.lists, self.logins, self.refusals = [], 0, 0, 0
        self.client, self._listener, self._threads = None, None, []
        self.live = threading.Event()
        self.lock = threading.Lock()
        self.start()

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        thread.start()

    def stop(self):
        """Dies: no goodbye, and nobody listens."""
        self.live.clear()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError, AttributeError):
            self.client.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, client.makefile("r", encoding="utf-8") as lines:
            self.client = client
            self.greet()
            block = []
            for line in lines:
                line = line.rstrip("\r\n")
                if line:
                    block.append(line)
                elif block:
                    self.command(block)
                    block = []
        if self.client is client:
            self.live.clear()

    def send(self, text):
        with self.lock:
            self.client.sendall(text.encode())

    def tell(self, *events):
        for event in events:
            self.send(self.framed(event))


class Ami(Pbx):
    def greet(self):
        self.send("Asterisk Call Manager/8.0.2\r\n")

    def framed(self, event):
        return event + "\r\n\r\n"

    def command(self, block):
        fields = dict(line.split(": ", 1) for line in block)
        action, tag = fields["Action"], "ActionID: %s\r\n" % fields["ActionID"]
        if action == "Challenge":
            self.send("Response: Success\r\n%sChallenge: 840415273\r\n\r\n" % tag)
        elif action == "Login":
            key = hashlib.md5(("840415273" + PASSWORD).encode()).hexdigest()
            if fields.get("Key") != key or "Secret" in fields:
                self.refusals += 1
                self.send("Response: Error\r\n%sMessage: Authentication failed\r\n\r\n" % tag)
                self.client.shutdown(socket.SHUT_RDWR)
                return
            self.logins += 1
            self.send("Response: Success\r\n%sMessage: Authentication accepted\r\n\r\n" % tag)
        elif action == "CoreShowChannels":
            self.send("Response: Success\r\n%sEventList: start\r\n\r\n" % tag)
            for leg, linked in self.channels:
                self.send(
                    "Event: CoreShowChannel\r\n%sChannelState: 6\r\nUniqueid: %s\r\n"
                    "Linkedid: %s\r\n\r\n" % (tag, leg, linked)
                )
            self.send("Event: CoreShowChannelsComplete\r\n%sEventList: Complete\r\n\r\n" % tag)
            self.lists += 1
            self.live.set()
        elif action == "Ping":
            self.send("Response: Success\r\n%sPing: Pong\r\n\r\n" % tag)


class Esl(Pbx):
    def greet(self):
        self.send("Content-Type: auth/request\n\n")

    def framed(self, event):
        return "Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(event), event)

    def reply(self, text):
        self.send("Content-Type: command/reply\nReply-Text: %s\n\n" % text)

    def command(self, block):
        (command,) = block
        if command.startswith("auth "):
            if command != "auth " + PASSWORD:
                self.refusals += 1
                self.reply("-ERR invalid")
                self.client.shutdown(socket.SHUT_RDWR)
                return
            self.logins += 1
            self.reply("+OK accepted")
        elif command.startswith("event json "):
            self.reply("+OK event listener enabled json")
        elif command == "api show channels as json":
            rows = [
                {"uuid": leg, "call_uuid": linked, "callstate": "ACTIVE", "direction": "inbound"}
                for leg, linked in self.channels
            ]
            body = json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})})
            self.send("Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body))
            self.lists += 1
            self.live.set()


class Dialled:
    """What holds for both; KIND, PBX, EVENTS, IDS and DIALECT say which."""

    @classmethod
    def setUpClass(cls):
        cls.pbx, cls.locked, cls.slow = cls.PBX(), cls.PBX(), cls.PBX()
        user = "cti" if cls.KIND == "ami" else ""
        toml = TOML
        for name, pbx, secret, rate in (
            ("pbx", cls.pbx, "right.secret", 0),
            ("locked", cls.locked, "wrong.secret", 0),
            ("slow", cls.slow, "right.secret", 400),
        ):
            toml += SOURCE % (name, cls.KIND, pbx.port, user, secret, DATA / cls.DIALECT, rate)
        files = {"right.secret": PASSWORD, "wrong.secret": "another"}
        cls.daemon = cls.enterClassContext(harness.Daemon(toml, files))
        cls.client = harness.Client(cls.daemon, wire.token("alice", "events:org"))
        cls.addClassCleanup(cls.client.close)
        for pbx in (cls.pbx, cls.locked, cls.slow):
            cls.addClassCleanup(pbx.stop)
        assert cls.pbx.live.wait(10), "the daemon does not come"

    def renamed(self, events, suffix):
        out = []
        for event in events:
            for old in self.IDS:
                event = event.replace(old, old[:-2] + suffix + old[-2:])
            out.append(event.replace("@192.0.2", suffix + "@192.0.2"))
        return out

    def legs(self, suffix):
        a, b = (self.whole(old[:-2] + suffix + old[-2:]) for old in self.IDS)
        return [(a, a), (b, a)]

    def of(self, suffix):
        return [
            e
            for e in list(self.client.events)
            if any(suffix in i["value"] for i in e["data"].get("call", {}).get("ids", []))
        ]

    def types(self, suffix):
        return wire.types_of(self.of(suffix))

    def wait_type(self, suffix, wanted, seconds=10):
        harness.wait_until(lambda: wanted in self.types(suffix), seconds, suffix + " " + wanted)

    def ready(self, source="pbx"):
        sources = json.loads(self.daemon.http("GET", "/readyz")[2])["sources"]
        return next(s for s in sources if s["name"] == source)

    def metric(self, name, **labels):
        return sum(
            value
            for metric, having, value in wire.metrics(self.daemon)
            if metric == name and labels.items() <= having.items()
        )

    def test_1_the_events_of_a_call_are_one_call(self):
        self.assertTrue(self.ready()["ok"])
        self.pbx.tell(*self.renamed(self.EVENTS, "1aa"))
        self.wait_type("1aa", "call.ended")
        types = self.types("1aa")
        for wanted in ("call.started", "call.ringing", "call.answered", "call.held", "call.resumed"):
            self.assertEqual(types.count(wanted), 1, types)
        self.assertEqual(types[-1], "call.ended")
        self.assertEqual(len({e["subject"] for e in self.of("1aa")}), 1)
        call = self.of("1aa")[-1]["data"]["call"]
        self.assertEqual((call["disposition"], call["from"]["number"]), ("answered", "+12025550143"))

    def test_2_a_wrong_password_is_said_and_not_tried_again_at_once(self):
        harness.wait_until(lambda: self.locked.refusals, 10, "a refusal")
        harness.wait_until(lambda: "refuses" in self.ready("locked").get("reason", ""), 5, "a reason")
        time.sleep(2)
        self.assertEqual((self.locked.refusals, self.locked.logins), (1, 0))
        self.assertNotIn("another", self.daemon.log())
        self.assertNotIn(PASSWORD, self.daemon.log())

    def test_3_a_pbx_that_dies_in_mid_call_is_come_back_to(self):
        half = self.EVENTS[: self.HALF]
        self.pbx.tell(*self.renamed(half, "3aa"), *self.renamed(half, "3bb"))
        for name in ("3aa", "3bb"):
            self.wait_type(name, "call.answered")
        self.pbx.stop()
        harness.wait_until(lambda: not self.ready()["ok"], 5, "the source is away")
        self.pbx.channels = self.legs("3aa") + self.legs("3cc")
        self.pbx.start()
        self.assertTrue(self.pbx.live.wait(20), "the daemon does not come back")
        self.wait_type("3bb", "call.ended")
        ended = self.of("3bb")[-1]["data"]["call"]
        self.assertIn("reconciled", [leg.get("end_reason") for leg in ended["legs"]])
        self.wait_type("3cc", "call.started")  # begun while it was away
        time.sleep(1.5)
        self.assertNotIn("call.ended", self.types("3aa"))
        self.pbx.tell(*self.renamed(self.EVENTS[self.HALF :], "3aa"))
        self.wait_type("3aa", "call.ended")
        self.assertEqual(self.types("3aa").count("call.answered"), 1)
        self.pbx.channels = []

    def test_4_hostile_bytes_end_nothing_but_what_they_are_in(self):
        if self.KIND == "ami":
            self.pbx.send("Event: X\r\nA: " + "x" * 100_000 + "\r\n\r\n\0\1\r\n\r\n:\r\n\r\n")
        else:
            self.pbx.tell("{", "[]", "x" * 300_000, '{"Event-Name":7}')
        self.pbx.tell(*self.renamed(self.EVENTS, "4aa"))
        self.wait_type("4aa", "call.ended")

    def test_5_a_slow_broker_does_not_make_the_pbx_wait(self):
        """It takes 400 facts a second; the PBX says 6,000 as fast as it can, to a peer that gives
        the connection up rather than hold it up, and that asks what lives when it is back."""
        self.assertTrue(self.slow.live.wait(10))
        lists = self.slow.lists
        flood = "".join(
            self.slow.framed(e)
            for i in range(6000)
            for e in self.renamed(self.EVENTS[:1], "5%04x" % i)
        ).encode()
        began = time.monotonic()
        with contextlib.suppress(OSError):
            self.slow.client.settimeout(10)
            self.slow.client.sendall(flood)
        self.assertLess(time.monotonic() - began, 5)
        harness.wait_until(
            lambda: self.metric("hookswitch_feed_overflows_total", source="slow") >= 1, 10, "full"
        )
        self.assertLess(self.metric("hookswitch_feed_waiting", source="slow"), 4000)
        harness.wait_until(lambda: self.slow.lists > lists, 30, "it is back and asks")
        self.assertGreaterEqual(self.metric("hookswitch_source_facts_total", source="slow"), 500)

    def test_6_a_restart_of_the_daemon_in_mid_call_is_survived(self):
        self.pbx.tell(*self.renamed(self.EVENTS[: self.HALF], "6aa"))
        self.wait_type("6aa", "call.answered")
        self.daemon.kill()
        self.pbx.live.clear()
        self.pbx.channels = self.legs("6aa")
        self.daemon.start()
        self.assertTrue(self.pbx.live.wait(20))
        client = harness.Client(self.daemon, wire.token("alice", "events:org"))
        self.addCleanup(client.close)
        time.sleep(2)
        self.pbx.tell(*self.renamed(self.EVENTS[self.HALF :], "6aa"))
        end = client.wait_for(
            lambda e: e["type"] == "call.ended"
            and any("6aa" in i["value"] for i in e["data"]["call"]["ids"]),
            10,
        )
        self.assertEqual(end["data"]["call"]["disposition"], "answered")
        self.assertNotIn("reconciled", json.dumps(end))


class AmiFeed(Dialled, unittest.TestCase):
    KIND, PBX, EVENTS, IDS, DIALECT, HALF = "ami", Ami, AMI, AMI_IDS, "ami-dialect.json", 8

    def whole(self, name):
        return name


class SecureAmi(Ami):
    """As Asterisk with tlsenable = yes."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        super().__init__()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            super()._serve(self.context.wrap_socket(client, server_side=True))


class AmiOverTls(unittest.TestCase):
    def test_the_certificate_must_be_good_for_the_host(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, host in (("good", "IP:127.0.0.1"), ("other", "DNS:pbx.example")):
            made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            made += ["-nodes", "-days", "2", "-subj", "/CN=pbx", "-addext", "subjectAltName=" + host]
            made += ["-keyout", folder / (name + ".key"), "-out", folder / (name + ".crt")]
            subprocess.run(made, check=True, capture_output=True)
            (folder / (name + ".pem")).write_text(
                (folder / (name + ".key")).read_text() + (folder / (name + ".crt")).read_text()
            )
        toml, servers = "", {}
        for name, certificate, ca in (
            ("good", "good", "good"),
            ("untrusted", "good", "other"),
            ("misnamed", "other", "other"),
        ):
            servers[name] = SecureAmi(folder / (certificate + ".pem"))
            self.addCleanup(servers[name].stop)
            toml += SOURCE % (name, "ami", servers[name].port, "cti", "s", DATA / "ami-dialect.json", 0)
            toml += 'tls = true\nca_file = "%s"\n' % (folder / (ca + ".crt"))
        with harness.Daemon(toml, {"s": PASSWORD}) as daemon:
            self.assertTrue(servers["good"].live.wait(10))
            ready = lambda: {
                s["name"]: s.get("reason", "")
                for s in json.loads(daemon.http("GET", "/readyz")[2])["sources"]
            }
            harness.wait_until(
                lambda: "certificate" in ready()["untrusted"] and "certificate" in ready()["misnamed"],
                10,
                "both are refused",
            )
            self.assertEqual(ready()["good"], "")
            servers["good"].tell(*AMI)
            harness.wait_until(
                lambda: wire.total(daemon, "source_facts_total", "good") >= 8, 10, "its facts"
            )
        self.assertEqual((servers["untrusted"].logins, servers["misnamed"].logins), (0, 0))


class EslFeed(Dialled, unittest.TestCase):
    KIND, PBX, EVENTS, IDS, DIALECT, HALF = "esl", Esl, ESL, ESL_IDS, "esl-dialect.json", 5

    def whole(self, name):
        return "00000000-0000-4000-8000-0000" + name


if __name__ == "__main__":
    unittest.main()
