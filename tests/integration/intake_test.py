#!/usr/bin/env python3
"""What a webhook source takes: the same delivery once, also over a restart and a kill -9; who may
post at all."""
import concurrent.futures
import hashlib
import hmac
import json
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

SIGNED = {
    "dialect": "signed",
    "decode": ["json"],
    "auth": [
        {
            "scheme": "hmac",
            "hash": "sha256",
            "secret": "KEY",
            "header": "x-signature",
            "encode": "hex",
            "signed": ["/header/x-time", ".", "$raw"],
            "timestamp": {"$int": "/header/x-time"},
            "tolerance": 300,
        }
    ],
    "rules": [{"emit": {"type": "/body/type", "ids": {"call": "/body/call"},
                        "agent": {"ext": "101"}, "direction": "inbound"}}],
}
SOURCES = (
    wire.NATIVE
    + """
[[source]]
name = "signed"
org = "acme"
kind = "webhook"
dialect = "./signed.json"
secret_file = "signed.secret"

[[source]]
name = "once"
org = "acme"
kind = "webhook"
dialect = "native"
dedupe_untimed_window_s = 600
"""
)
FILES = {"signed.json": json.dumps(SIGNED), "signed.secret": "signed-test-secret"}


def signature(body, when, secret="signed-test-secret"):
    return hmac.new(secret.encode(), b"%d." % when + body, hashlib.sha256).hexdigest()


def sample(daemon, name, **labels):
    """The value of one metric, 0 if there is none."""
    return sum(v for n, of, v in wire.metrics(daemon) if n == name and of == labels)


class IntakeCase(unittest.TestCase):
    toml, files = SOURCES, FILES

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(cls.toml, cls.files))

    def repeats(self, source):
        return sample(self.daemon, "hookswitch_hook_repeats_total", source=source)

    def facts(self, source):
        return sample(self.daemon, "hookswitch_source_facts_total", source=source)

    def post(self, body, source="cloud", headers=None):
        return self.daemon.http("POST", "/v1/hooks/" + source, body, headers)


class Repeats(IntakeCase):
    def fact(self, call, type_="ringing", **more):
        return {"type": type_, "ids": {"call": [call]}, "agent": {"ext": "101"}, **more}

    def test_the_same_delivery_is_answered_as_before_and_gives_no_facts(self):
        body = self.fact("r-1", at="2026-11-20T15:00:00Z")
        first = self.post(body)
        facts, repeats = self.facts("cloud"), self.repeats("cloud")
        again = self.post(body)
        self.assertEqual((first[0], first[2]), (200, b""))
        self.assertEqual((again[0], again[2]), (200, b""))
        self.assertEqual(self.facts("cloud"), facts)
        self.assertEqual(self.repeats("cloud"), repeats + 1)

    def test_the_same_body_to_another_source_is_another_delivery(self):
        body = self.fact("r-2", at="2026-11-20T15:00:00Z")
        self.post(body)
        facts = self.facts("once")
        self.post(body, "once")
        self.assertEqual(self.facts("once"), facts + 1)

    def test_what_tells_neither_id_nor_time_nor_order_may_have_happened_twice(self):
        facts = self.facts("cloud")
        for type_ in ("answered", "held", "resumed", "held"):
            self.post(self.fact("r-3", type_))
        self.assertEqual(self.facts("cloud"), facts + 4)

    def test_but_a_source_may_say_that_it_never_does(self):
        body = self.fact("r-4")
        self.post(body, "once")
        facts = self.facts("once")
        self.assertEqual(self.post(body, "once")[0], 200)
        self.assertEqual(self.facts("once"), facts)

    def test_the_same_at_once_gives_its_facts_once(self):
        body = self.fact("r-5", at="2026-11-20T15:00:00Z")
        facts = self.facts("cloud")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.post(body)[0], range(8)))
        self.assertEqual(answers, [200] * 8)
        self.assertEqual(self.facts("cloud"), facts + 1)

    def test_a_refused_delivery_is_not_remembered(self):
        body = json.dumps({"type": "ringing", "call": "r-6"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(body, when)}
        bad = {**good, "X-Signature": "0" * 64}
        self.assertEqual(self.post(body, "signed", bad)[0], 401)
        facts = self.facts("signed")
        self.assertEqual(self.post(body, "signed", good)[0], 200)
        self.assertEqual(self.facts("signed"), facts + 1)

    def test_a_replay_of_a_signed_request_gives_nothing_whatever_unsigned_was_changed(self):
        body = json.dumps({"type": "ringing", "call": "r-7"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(body, when)}
        self.assertEqual(self.post(body, "signed", good)[0], 200)
        facts = self.facts("signed")
        for headers in (good, {**good, "User-Agent": "another", "X-More": "1"}):
            self.assertEqual(self.post(body, "signed", headers)[0], 200)
        self.assertEqual(self.facts("signed"), facts)
        late = {"X-Time": str(when - 301), "X-Signature": signature(body, when - 301)}
        self.assertEqual(self.post(body, "signed", late)[0], 401)

    def test_what_was_taken_is_known_after_a_kill_and_a_restart(self):
        body = self.fact("r-8", at="2026-11-20T15:00:00Z")
        signed = json.dumps({"type": "ringing", "call": "r-9"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(signed, when)}
        with harness.Daemon(self.toml, self.files) as daemon:
            def post(*args):
                return daemon.http("POST", *args)[0]
            self.assertEqual(post("/v1/hooks/cloud", body), 200)
            daemon.kill()
            daemon.start()
            self.assertEqual(post("/v1/hooks/signed", signed, good), 200)
            daemon.stop()
            daemon.start()
            self.assertEqual(post("/v1/hooks/cloud", body), 200)
            self.assertEqual(post("/v1/hooks/signed", signed, good), 200)
            for source in ("cloud", "signed"):
                self.assertEqual(
                    sample(daemon, "hookswitch_hook_repeats_total", source=source), 1)
            self.assertEqual(sample(daemon, "hookswitch_facts_total"), 0)


if __name__ == "__main__":
    unittest.main()
