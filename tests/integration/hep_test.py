#!/usr/bin/python3
"""SIP that is mirrored by HEPv3: composed packets, and a real PBX with real phones."""
import os
import pathlib
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pbx"))
import harness  # noqa: E402
import pbx as test_pbx  # noqa: E402

SOURCE = """
[[source]]
name = "mirror"
org = "acme"
kind = "hep"
address = "127.0.0.1:{port}"
auth_key_file = "hep.secret"
"""
KEY = "hep-test-key"


def packet(sip, key=KEY, at=None):
    """One HEPv3 packet, as a capture agent sends it."""
    at = time.time() if at is None else at
    chunks = [(1, b"\x02"), (2, b"\x11"), (3, socket.inet_aton("192.0.2.1")),
              (4, socket.inet_aton("192.0.2.2")), (7, struct.pack(">H", 5060)),
              (8, struct.pack(">H", 5060)), (9, struct.pack(">I", int(at))),
              (10, struct.pack(">I", int(at % 1 * 1e6))), (11, b"\x01"), (12, struct.pack(">I", 7)),
              (14, key.encode()), (15, sip.encode())]
    body = b"".join(struct.pack(">HHH", 0, kind, 6 + len(value)) + value for kind, value in chunks)
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def message(start, cseq, to_tag="", call_id="c1@gw.example.com", branch="b1"):
    return "\r\n".join([
        start, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + branch,
        'From: "Jane Doe" <sip:+12025550143@gw.example.com>;tag=f1',
        "To: <sip:101@pbx.example.com>" + (";tag=" + to_tag if to_tag else ""),
        "Call-ID: " + call_id, "CSeq: " + cseq, "X-Subject: Order #42", "Content-Length: 0", "", ""])


class HepCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = test_pbx.free_udp_port()
        cls.daemon = cls.enterClassContext(
            harness.Daemon(SOURCE.format(port=cls.port), {"hep.secret": KEY}))
        cls.client = harness.Client(cls.daemon, cls.daemon.token("alice", "events:org"))
        cls.addClassCleanup(cls.client.close)
        cls.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.addClassCleanup(cls.socket.close)

    def send(self, sip, **more):
        self.socket.sendto(packet(sip, **more), ("127.0.0.1", self.port))

    def metric(self, line):
        return float(next((row.split()[-1] for row in self.metrics() if row.startswith(line)), "0"))

    def metrics(self):
        return self.daemon.http("GET", "/metrics")[2].decode().splitlines()

    def story(self, play, ends=1):
        """What was told of the calls that `play` makes, without updates and legs that end."""
        seen = len(self.client.events)
        play()
        harness.wait_until(lambda: sum(e["type"] == "call.ended" for e in self.client.events[seen:])
                           >= ends, 15, "the call to end")
        self.client.ping()
        events = [e for e in self.client.events[seen:] if "call" in e["data"]]
        return events, [(e["type"], (e["data"].get("leg") or {}).get("user")
                         if e["type"] not in ("call.started", "call.ended") else None)
                        for e in events if e["type"] not in ("call.updated", "leg.ended", "call.amended")]


class Composed(HepCase):
    def test_an_inbound_call_rings_is_answered_and_ends(self):
        def play():
            self.send(message("INVITE sip:101@pbx.example.com SIP/2.0", "1 INVITE"))
            self.send(message("SIP/2.0 100 Trying", "1 INVITE"))
            for _ in range(2):
                self.send(message("SIP/2.0 180 Ringing", "1 INVITE", "t1"))
            for _ in range(2):
                self.send(message("SIP/2.0 200 OK", "1 INVITE", "t1"))
            self.send(message("BYE sip:gw SIP/2.0", "2 BYE", "t1", branch="b2"))
            self.send(message("SIP/2.0 200 OK", "2 BYE", "t1", branch="b2"))
        events, told = self.story(play)
        self.assertEqual([("call.started", None), ("call.ringing", "alice"),
                          ("call.answered", "alice"), ("call.ended", None)],
                         told)
        call = events[-1]["data"]["call"]
        self.assertEqual("inbound", call["direction"])
        self.assertEqual("+12025550143", call["from"]["number"])
        self.assertEqual("answered", call["disposition"])
        self.assertEqual("Order #42", call["headers"]["X-Subject"])
        self.assertIn({"kind": "sip_call_id", "source": "mirror", "value": "c1@gw.example.com"},
                      [{k: i[k] for k in ("kind", "source", "value")} for i in call["ids"]])

    def test_packets_without_the_key_and_broken_ones_are_counted_and_make_no_call(self):
        seen = len(self.client.events)
        name = 'hookswitch_hep_refused_total{source="mirror",reason="%s"}'
        before = [self.metric(name % r) for r in ("key", "malformed")]
        self.send(message("INVITE sip:101@pbx SIP/2.0", "1 INVITE", call_id="no"), key="wrong")
        self.send("not SIP at all")
        self.socket.sendto(b"HEP3\x00\x06", ("127.0.0.1", self.port))
        harness.wait_until(lambda: [self.metric(name % r) for r in ("key", "malformed")] ==
                           [before[0] + 1, before[1] + 2], 5, "the refusals to be counted")
        self.client.ping()
        self.assertEqual(seen, len(self.client.events))

    def test_a_call_outlives_the_process_that_followed_it(self):
        def play():
            self.send(message("INVITE sip:101@pbx SIP/2.0", "1 INVITE", call_id="c2"))
            self.send(message("SIP/2.0 200 OK", "1 INVITE", "t1", call_id="c2"))
            self.client.wait_for(lambda e: e["type"] == "call.answered", 5, seen)
            worker = next(iter(self.daemon.children()))
            restarts = self.metric("hookswitch_sip_worker_restarts_total")
            os.kill(worker, signal.SIGKILL)
            harness.wait_until(
                lambda: self.metric("hookswitch_sip_worker_restarts_total") > restarts and
                self.daemon.children() and worker not in self.daemon.children(), 10, "a new worker")

            def ended():
                self.send(message("BYE sip:gw SIP/2.0", "2 BYE", "t1", call_id="c2", branch="b2"))
                self.send(message("SIP/2.0 200 OK", "2 BYE", "t1", call_id="c2", branch="b2"))
                return any(e["type"] == "call.ended" for e in self.client.events[seen:])
            harness.wait_until(ended, 10, "the end to be heard")
        seen = len(self.client.events)
        events, told = self.story(play)
        self.assertEqual("call.ended", told[-1][0])
        self.assertEqual(1, len({e["data"]["call"]["id"] for e in events}))


class Kamailio(HepCase):
    """A real PBX mirrors both its sides; the phones are sipp."""

    @classmethod
    def setUpClass(cls):
        missing = test_pbx.missing()
        if missing:
            raise unittest.SkipTest("SKIPPED: not installed: " + ", ".join(missing))
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="hookswitch-hep-"))
        cls.pbx = test_pbx.Pbx(folder, noanswer_ms=2000, hep_port=cls.port, hep_key=KEY)
        cls.addClassCleanup(cls.pbx.stop)
        cls.pbx.start()
        cls.pbx.register("101", "102")
        cls.play = test_pbx.scenarios()

    def call(self, scenario):
        events, told = self.story(lambda: self.play[scenario](self.pbx))
        self.assertEqual(1, len({e["data"]["call"]["id"] for e in events}), told)
        return events[-1]["data"]["call"], [t for t in told if t[0] != "call.started"]

    def test_an_answered_call(self):
        call, told = self.call("answered")
        self.assertEqual([("call.ringing", "bob"), ("call.answered", "bob"), ("call.ended", None)],
                         told)
        self.assertEqual(("internal", "answered"), (call["direction"], call["disposition"]))

    def test_hold_and_resume_of_either_side(self):
        for scenario, who in (("hold", "alice"), ("hold_by_callee", "bob")):
            _, told = self.call(scenario)
            self.assertEqual([("call.ringing", "bob"), ("call.answered", "bob"), ("call.held", who),
                              ("call.resumed", who), ("call.ended", None)], told)

    def test_calls_that_nobody_answers_end_as_what_they_were(self):
        for scenario, disposition in (("busy", "busy"), ("rejected", "rejected"),
                                      ("no_answer", "no_answer"), ("cancelled", "cancelled")):
            call, _ = self.call(scenario)
            self.assertEqual(disposition, call["disposition"], scenario)

    def test_calls_from_and_to_the_carrier(self):
        call, told = self.call("inbound")
        self.assertEqual(("inbound", "+12025550143"), (call["direction"], call["from"]["number"]))
        self.assertIn(("call.ringing", "bob"), told)
        call, _ = self.call("outbound")
        self.assertEqual(("outbound", "+12025550199"), (call["direction"], call["to"]["number"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
