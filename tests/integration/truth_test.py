#!/usr/bin/env python3
"""The truth about a call, looked into: explain, the recording, capture and replay."""
import json
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import schemas  # noqa: E402

SECRET = "cloud-secret-value"
SOURCES = """
[[source]]
name = "cloud"
org = "acme"
kind = "webhook"
secret_file = "cloud.secret"

[[source]]
name = "desk"
org = "acme"
kind = "webhook"
key_headers = ["X-CID"]

[[source]]
name = "alone"
org = "acme"
kind = "webhook"
quirks = ["no-fusion"]

[calls]
settle_ms = 50
"""
NUMBER = "+12025550143"


def inbound(kind, call, ext=None, **more):
    fact = {"type": kind, "ids": {"call": [call]}, "direction": "inbound",
            "from": {"number": NUMBER, "name": "Jane Doe"}, "to": {"number": "+12025550100"}}
    if ext:
        fact["agent"] = {"ext": ext}
    return {**fact, **more}


class TruthCase(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(SOURCES, {"cloud.secret": SECRET}))
        self.org = self.daemon.token("alice", "events:org")

    def post(self, source, *facts, headers=None):
        headers = dict(headers or {})
        if source == "cloud":
            headers["Authorization"] = "Bearer " + SECRET
        status, _, body = self.daemon.http("POST", "/v1/hooks/" + source, list(facts), headers)
        self.assertEqual(200, status, body)

    def explain(self, call, token=None):
        return self.daemon.json("GET", "/v1/calls/%s/explain" % call, token=token or self.org)

    def run_command(self, *arguments):
        return subprocess.run([self.daemon.binary, *map(str, arguments)], capture_output=True,
                              text=True, timeout=20, stdin=subprocess.DEVNULL)

    def a_call(self, call="c1", source="cloud"):
        self.post(source, inbound("started", call))
        self.post(source, inbound("ringing", call, "101"), inbound("ringing", call, "102"))
        self.post(source, inbound("answered", call, "101"))
        self.post(source, inbound("ended", call))


class Explain(TruthCase):
    def test_every_fact_is_there_with_what_it_did(self):
        self.a_call()
        answer = self.explain("c1")
        self.assertEqual([], schemas.problems("explain", answer, closed=True))
        self.assertEqual(["started", "ringing", "ringing", "answered", "ended"],
                         [item["fact"]["type"] for item in answer["facts"]])
        self.assertEqual(["first_fact"] + ["vendor_call_id"] * 4,
                         [item["joined_by"] for item in answer["facts"]])
        answered = answer["facts"][3]
        self.assertEqual(("cloud", "101", NUMBER),
                         tuple(answered["fact"][name] for name in ("source", "agent", "from")))
        rules = [decision["rule"] for decision in answered["decisions"]]
        self.assertIn("person_answers", rules)
        self.assertIn("answered_elsewhere", rules)
        self.assertEqual([], answer["not_joined"])
        call = self.daemon.json("GET", "/v1/calls/c1", token=self.org)
        self.assertEqual(call["id"], answer["call"])

    def test_the_answer_names_the_cursor_it_is_as_of(self):
        self.a_call()
        status, headers, _ = self.daemon.http("GET", "/v1/calls/c1/explain",
                                              headers={"Authorization": "Bearer " + self.org})
        self.assertEqual(200, status)
        self.assertEqual(self.daemon.http("GET", "/v1/calls", headers={
            "Authorization": "Bearer " + self.org})[1]["Hookswitch-Cursor"],
            headers["Hookswitch-Cursor"])

    def test_two_sources_of_one_call_are_told_apart_from_two_calls(self):
        at = "2026-11-20T15:00:%02d.000Z"
        self.post("cloud", inbound("ringing", "c1", "101", at=at % 0))
        self.post("desk", inbound("ringing", "d1", "101", at=at % 1))
        self.post("alone", inbound("ringing", "e1", "101", at=at % 2))
        answer = self.explain("c1")
        fusion = [join for join in answer["joins"] if join["rule"] == "fusion"]
        self.assertEqual(["desk"], [join["source"] for join in fusion])
        self.assertLess(fusion[0]["confidence"], 1)
        self.assertEqual(answer["call"], self.explain("d1")["call"])
        self.assertNotEqual(answer["call"], self.explain("e1")["call"], "it fuses with nobody")

    def test_a_near_miss_says_what_kept_it_apart(self):
        at = "2026-11-20T15:00:%02d.000Z"
        # Told in one minute, but of times that are 10 s apart, and of our clock 10 s apart as well.
        self.post("cloud", inbound("ringing", "c1", "101", at=at % 0))
        self.wait_out_the_window()
        self.post("desk", inbound("ringing", "d1", "101", at=at % 10))
        one, two = self.explain("c1"), self.explain("d1")
        self.assertNotEqual(one["call"], two["call"])
        self.assertEqual([{"call": two["call"], "rule": "fusion", "failed": "too_far_apart"}],
                         one["not_joined"])
        self.assertEqual([one["call"]], [miss["call"] for miss in two["not_joined"]])

    def wait_out_the_window(self):
        """Until our clock is further than the fusion window from the last fact."""
        until = time.monotonic() + 3.2
        harness.wait_until(lambda: time.monotonic() > until, 10, "time passes")

    def test_a_key_header_joins_two_calls(self):
        self.post("desk", inbound("ringing", "d1", "101", headers={"X-CID": "77"}))
        self.post("desk", inbound("answered", "d2", "101", headers={"x-cid": "77"}))
        self.assertEqual(self.explain("d1")["call"], self.explain("d2")["call"])
        self.assertEqual("header", self.explain("d1")["facts"][-1]["joined_by"])

    def test_only_who_may_see_the_call_may_see_why(self):
        self.post("cloud", inbound("ringing", "c1", "101"))
        own = {user: self.daemon.token(user, "events:own") for user in ("alice", "bob")}

        def status(path, token):
            headers = {"Authorization": "Bearer " + token} if token else {}
            return self.daemon.http("GET", path, headers=headers)[0]

        self.assertEqual(200, status("/v1/calls/c1/explain", own["alice"]))
        self.assertEqual(404, status("/v1/calls/c1/explain", own["bob"]))
        self.assertEqual(404, status("/v1/calls/nobody/explain", self.org))
        self.assertEqual(401, status("/v1/calls/c1/explain", None))
        self.assertEqual(403, status("/v1/calls/c1/explain", self.daemon.token("bob", "publish")))

    def test_near_misses_of_other_people_are_for_the_organisation_only(self):
        self.post("cloud", inbound("ringing", "c1", "101"))
        self.post("alone", inbound("ringing", "e1", "102"))
        self.assertEqual(1, len(self.explain("c1")["not_joined"]))
        own = self.explain("c1", self.daemon.token("alice", "events:own"))
        self.assertEqual([], own["not_joined"])
        self.assertEqual([], schemas.problems("explain", own, closed=True))

    def test_the_command_says_it_in_lines_or_as_json(self):
        self.a_call()
        with_config = ("explain", "--config", self.daemon.config, "c1")
        shown = self.run_command(*with_config)
        self.assertEqual((0, ""), (shown.returncode, shown.stderr))
        self.assertIn("person_answers l", shown.stdout)
        self.assertIn("line 101", shown.stdout)
        self.assertRegex(shown.stdout, r"(?m)^  \S+ first_fact of cloud")
        as_json = self.run_command(*with_config, "--json")
        self.assertEqual(self.explain("c1"), json.loads(as_json.stdout))
        url = ("--url", "http://127.0.0.1:%d" % self.daemon.port)
        by_token = self.run_command("explain", *url, "--token", self.org, "c1")
        self.assertEqual(shown.stdout, by_token.stdout)
        missing = self.run_command("explain", *url, "--token", self.org, "nobody/at all")
        self.assertEqual((1, ""), (missing.returncode, missing.stdout))
        self.assertIn("no such call", missing.stderr)
        refused = self.run_command("explain", *url, "c1")
        self.assertEqual(1, refused.returncode)
        self.assertIn("401", refused.stderr)


class Recording(TruthCase):
    def recorded(self):
        return "".join(path.read_text() for path in
                       sorted((self.daemon.folder / "journal.db.rec").glob("*.jsonl")))

    def capture(self, call, *more):
        """The bundle, once all of the call is in the recording."""
        def whole():
            taken = self.run_command("capture", "--config", self.daemon.config, "--call", call,
                                     *more)
            return taken if taken.returncode == 0 and "call.ended" in taken.stdout else None
        return harness.wait_until(whole, 10, "the recording holds the whole call").stdout

    def replay(self, bundle):
        file = self.daemon.folder / "bundle.jsonl"
        file.write_text(bundle)
        return self.run_command("replay", file)

    def test_a_captured_call_replays_to_what_clients_were_told(self):
        client = harness.Client(self.daemon, self.org)
        self.addCleanup(client.close)
        self.a_call()
        client.wait_for(lambda e: e["type"] == "call.ended", 10)
        bundle = self.capture("c1")
        played = self.replay(bundle)
        self.assertEqual((0, ""), (played.returncode, played.stderr))
        self.assertEqual(client.events, [json.loads(line) for line in played.stdout.splitlines()])

    def test_two_sources_of_one_call_replay_as_well(self):
        self.post("cloud", inbound("ringing", "c1", "101"))
        self.post("desk", inbound("answered", "d1", "101"))
        self.post("cloud", inbound("ended", "c1"))
        self.post("desk", inbound("ended", "d1"))
        played = self.replay(self.capture("d1"))
        self.assertEqual((0, ""), (played.returncode, played.stderr))

    def test_a_call_that_a_restart_of_the_daemon_cut_through_replays(self):
        self.post("cloud", inbound("ringing", "c1", "101"))
        self.daemon.stop()
        self.daemon.start()
        self.post("cloud", inbound("answered", "c1", "101"), inbound("ended", "c1"))
        played = self.replay(self.capture("c1"))
        self.assertEqual((0, ""), (played.returncode, played.stderr))

    def test_a_redacted_bundle_names_nobody_and_still_replays(self):
        self.a_call("call-id-of-the-vendor")
        bundle = self.capture("call-id-of-the-vendor", "--redact")
        for text in ("2025550143", "2025550100", "Jane", "Doe", "alice", "call-id-of-the-vendor",
                     "acme"):
            self.assertNotIn(text, bundle)
        self.assertIsNone(re.search(r"\b10[12]\b", bundle), "an extension is left")
        played = self.replay(bundle)
        self.assertEqual((0, ""), (played.returncode, played.stderr))

    def test_what_came_in_is_kept_without_what_proves_the_sender(self):
        self.post("cloud", inbound("ringing", "c1", "101"), headers={
            "Cookie": "session=cookie-value", "X-Proof": SECRET, "X-Trace": "trace-77"})
        text = harness.wait_until(lambda: "trace-77" in self.recorded() and self.recorded(), 10,
                                  "the request is recorded")
        self.assertNotIn(SECRET, text)
        self.assertNotIn("cookie-value", text)
        raw = next(line for line in map(json.loads, text.splitlines()) if line.get("in") == "raw")
        self.assertEqual(("POST", "/v1/hooks/cloud"), (raw["method"], raw["target"]))
        self.assertIn("ringing", raw["body"])

    def test_the_recording_is_for_its_owner_and_counted(self):
        self.a_call()
        self.capture("c1")
        folder = self.daemon.folder / "journal.db.rec"
        self.assertEqual(0o700, folder.stat().st_mode & 0o777)
        self.assertEqual({0o600}, {path.stat().st_mode & 0o777 for path in folder.iterdir()})
        metrics = self.daemon.http("GET", "/metrics")[2].decode()
        self.assertGreater(int(re.search(r"(?m)^hookswitch_recorder_bytes (\d+)$", metrics)[1]), 0)
        self.assertIn("hookswitch_recorder_errors_total 0", metrics)

    def test_nothing_is_recorded_when_it_is_off(self):
        self.daemon.stop()
        self.daemon.config.write_text(self.daemon.config.read_text()
                                      + "\n[recorder]\nbytes_max = 0\n")
        before = self.recorded()
        self.daemon.start()
        self.a_call()
        self.daemon.stop()
        self.assertEqual(before, self.recorded())
        self.daemon.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
