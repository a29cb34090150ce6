#!/usr/bin/python3
"""Real calls between real SIP phones on a real PBX, as a WebSocket client is told of them."""
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pbx"))
import harness  # noqa: E402
import pbx as test_pbx  # noqa: E402
import watch  # noqa: E402

SOURCE = """
[[source]]
name = "hq"
org = "acme"
kind = "sip"
server = "sip:127.0.0.1:{port}"
domain = "pbx.test"
username = "900"
password_file = "sip.secret"
watch = ["101", "102"]
"""


class SipCase(unittest.TestCase):
    rendering_value = "pvalue"  # how the PBX spells hold
    more = ""  # configuration beside the source

    @classmethod
    def setUpClass(cls):
        missing = test_pbx.missing()
        if missing:
            raise unittest.SkipTest("SKIPPED: not installed: %s (Debian packages kamailio, "
                                    "kamailio-presence-modules, sip-tester)" % ", ".join(missing))
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="hookswitch-pbx-"))
        cls.pbx = test_pbx.Pbx(folder, noanswer_ms=2000, rendering_value=cls.rendering_value)
        cls.addClassCleanup(cls.pbx.stop)
        cls.pbx.start()
        cls.pbx.register("101", "102")
        # An independent look at the PBX: which Call-IDs it tells of, and when it is done with them.
        cls.watcher = watch.Watcher(cls.pbx.port, ["101", "102"])
        cls.addClassCleanup(cls.watcher.stop)
        cls.daemon = cls.enterClassContext(
            harness.Daemon(SOURCE.format(port=cls.pbx.port) + cls.more, {"sip.secret": "pw-900"}))
        cls.client = harness.Client(cls.daemon, cls.daemon.token("alice", "events:org"))
        cls.addClassCleanup(cls.client.close)
        cls.play = test_pbx.scenarios()

    def run(self, result=None):
        """Prints the daemon's log after a failure, while it still exists."""
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            print("---- log of the daemon\n%s----" % self.daemon.log(), file=sys.stderr)
            for event in self.client.events:
                print(event["cursor"], event["type"], event["data"].get("leg"), file=sys.stderr)

    def call(self, scenario, extensions=("101", "102")):
        """Plays one call; returns its events after the PBX has forgotten it, checked for what holds
        of every call."""
        seen, told = len(self.client.events), len(self.watcher.notifies)
        self.play[scenario](self.pbx)
        self.client.wait_for(lambda e: e["type"] == "call.ended", 10, seen)
        # The PBX drops the finished dialog a second later and says so with an empty NOTIFY.
        self.watcher.wait_for(lambda: all(
            any(ext == e and not body for _, e, body in self.watcher.notifies[told:])
            for ext in extensions), 10)
        self.client.ping()
        self.assertIsNone(self.client.close_code)
        events = [e for e in self.client.events[seen:] if "call" in e["data"]]
        self.check_one_call(events)
        ids = [(i["kind"], i["source"], i["value"]) for i in events[-1]["data"]["call"]["ids"]]
        self.assertIn(("sip_call_id", "hq", self.sip_call_id(told)), ids)
        offsets = [harness.cursor_offset(e) for e in self.client.events]
        self.assertEqual(offsets, sorted(set(offsets)), "cursors strictly increase")
        return events

    def check_one_call(self, events):
        types = [e["type"] for e in events]
        self.assertEqual(1, len({e["data"]["call"]["id"] for e in events}), "one call: %s" % types)
        self.assertEqual("call.started", types[0])
        self.assertEqual("call.ended", types[-1])
        self.assertEqual(1, types.count("call.started"))
        self.assertEqual(1, types.count("call.ended"))
        self.assertEqual("ended", events[-1]["data"]["call"]["state"])

    def sip_call_id(self, told):
        """The Call-ID that the PBX itself told of since."""
        found = {part.split('"')[0] for _, _, body in self.watcher.notifies[told:]
                 for part in body.split(' call-id="')[1:]}
        self.assertEqual(1, len(found), "the PBX told of one call")
        return found.pop()

    def assert_story(self, events, story):
        """`story`: (type, user of the leg or None for any), without updates and legs that end."""
        said = [(e["type"], (e["data"].get("leg") or {}).get("user")) for e in events
                if e["type"] not in ("call.updated", "leg.ended", "call.amended")]
        self.assertEqual([t for t, _ in story], [t for t, _ in said])
        for (kind, user), (_, of) in zip(story, said):
            if user:
                self.assertEqual(user, of, kind)

    def assert_end(self, events, disposition, direction="internal"):
        call = events[-1]["data"]["call"]
        self.assertEqual(disposition, call["disposition"])
        self.assertEqual(direction, call["direction"])
        return call


class Calls(SipCase):
    def test_an_answered_call_is_started_rings_is_answered_and_ends(self):
        events = self.call("answered")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.answered", "bob"), ("call.ended", None)])
        call = self.assert_end(events, "answered")
        self.assertEqual(("101", "102"), (call["from"].get("ext"), call["to"].get("ext")))
        self.assertEqual({"alice", "bob"}, {leg.get("user") for leg in call["legs"]})
        self.assertEqual("user", call["answered_by"])
        self.assertGreater(call["talk_ms"], 0)

    def test_the_caller_holds_and_resumes(self):
        events = self.call("hold")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.answered", "bob"), ("call.held", "alice"),
                                   ("call.resumed", "alice"), ("call.ended", None)])
        self.assertGreater(self.assert_end(events, "answered")["hold_ms"], 0)

    def test_the_called_side_holds_resumes_and_hangs_up(self):
        events = self.call("hold_by_callee")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.answered", "bob"), ("call.held", "bob"),
                                   ("call.resumed", "bob"), ("call.ended", None)])
        self.assertGreater(self.assert_end(events, "answered")["hold_ms"], 0)

    def test_a_call_that_nobody_answers_ends_as_no_answer(self):
        events = self.call("no_answer")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.ended", None)])
        self.assertEqual(0, self.assert_end(events, "no_answer")["talk_ms"])

    def test_a_busy_phone_never_rings(self):
        events = self.call("busy")
        self.assert_story(events, [("call.started", None), ("call.ended", None)])
        self.assert_end(events, "busy")

    def test_a_caller_who_gives_up_has_cancelled(self):
        events = self.call("cancelled")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.ended", None)])
        self.assert_end(events, "cancelled")

    def test_a_declined_call_is_rejected(self):
        events = self.call("rejected")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.ended", None)])
        self.assert_end(events, "rejected")

    def test_a_call_from_the_trunk_is_inbound_and_names_the_caller(self):
        events = self.call("inbound", ["102"])
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.answered", "bob"), ("call.ended", None)])
        call = self.assert_end(events, "answered", "inbound")
        self.assertEqual("+12025550143", call["from"].get("number"))
        self.assertEqual("Jane Doe", call["from"].get("name"))

    def test_a_call_to_the_trunk_is_outbound_and_is_answered_by_the_far_end(self):
        events = self.call("outbound", ["101"])
        types = [e["type"] for e in events]
        self.assertEqual(1, types.count("call.answered"))
        call = self.assert_end(events, "answered", "outbound")
        self.assertEqual("101", call["from"].get("ext"))
        self.assertEqual("+12025550199", call["to"].get("number"))


class HoldAsTheRfcSpellsIt(SipCase):
    rendering_value = "pval"

    def test_the_caller_holds_and_resumes(self):
        events = self.call("hold")
        self.assert_story(events, [("call.started", None), ("call.ringing", "bob"),
                                   ("call.answered", "bob"), ("call.held", "alice"),
                                   ("call.resumed", "alice"), ("call.ended", None)])


class DeathOfTheSipProcess(SipCase):
    def test_no_client_notices_and_a_later_call_is_seen(self):
        self.call("answered")
        before = self.daemon.children()
        worker = [pid for pid, line in before.items() if len(before) == 1 or "sip" in line]
        self.assertEqual(1, len(worker), "one SIP process among %s" % before)
        os.kill(worker[0], signal.SIGKILL)
        harness.wait_until(lambda: set(self.daemon.children()) - set(before), 20,
                           "a new SIP process")
        self.daemon.wait_ready()
        self.client.ping()
        self.assertIsNone(self.client.close_code)
        self.assert_end(self.call("answered"), "answered")


class SourceThatWasAway(SipCase):
    more = "\n[calls]\ncheck_time_s = 3\n"

    def test_a_call_that_went_on_meanwhile_is_confirmed_and_goes_on(self):
        callee = self.pbx.answerer("102", "uas_answer", 200)
        caller = self.pbx.caller("101", "102", "uac_call", 24000)
        answered = self.client.wait_for(lambda e: e["type"] == "call.answered", 10)

        def down():
            for pid in self.daemon.children():
                os.kill(pid, signal.SIGKILL)
            return any(e["type"] == "source.down" for e in self.client.events)
        harness.wait_until(down, 15, "the source is told to be down")
        told = len(self.client.events)
        self.client.wait_for(lambda e: e["type"] == "source.up", 15, told)
        back = time.monotonic()
        ended = self.client.wait_for(lambda e: e["type"] == "call.ended", 25)
        self.assertEqual((answered["subject"], "answered"),
                         (ended["subject"], ended["data"]["call"]["disposition"]))
        self.assertGreater(time.monotonic() - back, 5, "it outlived the check")
        caller.finish()
        callee.finish()
        kinds = [e["type"] for e in self.client.events[told:]]
        self.assertNotIn("call.started", kinds, "it was announced again")
        self.assertNotIn("call.answered", kinds, "it was announced again")
        lines = "".join(path.read_text() for path in
                        sorted((self.daemon.folder / "journal.db.rec").glob("*.jsonl")))
        restarts = [line for line in lines.splitlines() if '"in":"restart"' in line]
        self.assertTrue(any(answered["subject"] in line for line in restarts), "it was checked")


class EndWhileNobodyListened(SipCase):
    def test_a_call_that_ended_during_a_kill_is_over_after_the_restart(self):
        callee = self.pbx.answerer("102", "uas_answer", 200)
        caller = self.pbx.caller("101", "102", "uac_call", 2500)
        answered = self.client.wait_for(lambda e: e["type"] == "call.answered", 10)
        self.daemon.kill()
        caller.finish()
        callee.finish()
        self.daemon.start()
        again = harness.Client(self.daemon, self.daemon.token("alice", "events:org"),
                               since=answered["cursor"])
        try:
            ended = again.wait_for(lambda e: e["type"] == "call.ended", 15)
        finally:
            again.close()
        self.assertEqual(answered["subject"], ended["subject"])
        self.assertEqual("answered", ended["data"]["call"]["disposition"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
