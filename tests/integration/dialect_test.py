#!/usr/bin/env python3
"""Dialects by strangers: the tutorial does what it says, and a vendor that is not shipped works by a
file alone."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

README = harness.ROOT / "config/dialects/README.md"
BINARY = pathlib.Path(
    os.environ.get("HOOKSWITCHD") or harness.ROOT / "build/release/hookswitchd").resolve()
MARK = "--8<--"


def chapter_sessions():
    """[(command, output)] of every ```console block of the tutorial; a command goes on while it is in
    a here-document."""
    chapter = README.read_text().split("## A PBX of your own, from nothing", 1)[1].split("\n## ")[0]
    out = []
    for block in re.findall(r"```console\n(.*?)```", chapter, re.S):
        end = None
        for line in block.splitlines():
            if end is not None:
                out[-1][0].append(line)
                end = None if line == end else end
            elif line.startswith("> "):
                out[-1][0].append(line[2:])
            elif line.startswith("$ "):
                out.append(([line[2:]], []))
                here = re.search(r"<<'?(\w+)'?", line)
                end = here.group(1) if here else None
            else:
                out[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in out]


class Tutorial(unittest.TestCase):
    def test_every_command_does_what_the_tutorial_shows(self):
        sessions = chapter_sessions()
        self.assertGreater(len(sessions), 8)
        port = harness.free_tcp_port()
        script = "exec 2>&1\numask 077\n"
        for command, _ in sessions:
            script += command.replace("127.0.0.1:8080", "127.0.0.1:%d" % port)
            script += "\nprintf '%%s\\n' '%s'\n" % MARK
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hookswitch-tutorial-"))
        self.addCleanup(shutil.rmtree, folder)
        programs = pathlib.Path(tempfile.mkdtemp(prefix="hookswitch-tutorial-bin-"))
        self.addCleanup(shutil.rmtree, programs)
        (programs / "hookswitchd").symlink_to(BINARY)
        environment = {**os.environ, "PATH": "%s:%s" % (programs, os.environ["PATH"])}
        run = subprocess.run(["bash"], input=script, cwd=folder, env=environment, text=True,
                             capture_output=True, timeout=120)
        outputs = run.stdout.replace("127.0.0.1:%d" % port, "127.0.0.1:8080").split(MARK + "\n")
        for (command, expected), output in zip(sessions, outputs):
            with self.subTest(command=command.splitlines()[0]):
                # A line "…" stands for any lines; "…" within one for any text.
                pattern = re.escape(expected.strip())
                pattern = pattern.replace(re.escape("\n…"), r"(?:\n.*)*").replace("…", ".*")
                self.assertRegex(output.strip(), "^" + pattern + "$")
        self.assertEqual(len(outputs), len(sessions) + 1, run.stdout + run.stderr)


# A vendor that is not shipped, from the documented fields alone: an event has uuid, timestamp_ns,
# data_type and data {uuid, direction, event_leg {uuid, is_first, state, completion_status, from, to}}.
PHONECOM = {
    "dialect": "phonecom",
    "handshake": [{"when": {"/body/test": 1}, "decode": ["json"], "reply": {"status": 200}}],
    "decode": ["json"],
    "dedupe": "/body/uuid",
    "tables": {
        "first": {"new": "started", "connecting": "updated", "connected": "updated",
                  "completed": "ended"},
        "other": {"new": "ignore", "connecting": "ringing", "connected": "answered",
                  "completed": "ended"},
        "outcome": {"success": "answered", "cancelled": "cancelled", "busy": "busy",
                    "failed": "failed"},
    },
    "base": {
        "ids": {"call": "/body/data/uuid"},
        "at": {"$time": "/body/timestamp_ns", "as": "ns"},
        "direction": {"$map": {"in": "inbound", "out": "outbound"}, "of": "/body/data/direction"},
        "from": {"number": {"$phone": "/body/data/first_leg/from/id"}},
        "did": {"$phone": "/body/data/first_leg/to/id"},
    },
    "rules": [
        {"when": {"/body/data_type": "call", "/body/data/event_leg/is_first": True},
         "emit": {"type": {"$map": "first", "of": "/body/data/event_leg/state"}}},
        {"when": {"/body/data_type": "call"},
         "emit": {
             "type": {"$map": "other", "of": "/body/data/event_leg/state"},
             "ids": {"leg": "/body/data/event_leg/uuid"},
             "agent": {"ext": "/body/data/event_leg/to/extension"},
             "disposition": {"$map": "outcome", "of": "/body/data/event_leg/completion_status"}}},
    ],
}
SOURCE = """
[[source]]
name = "phonecom"
org = "acme"
kind = "webhook"
dialect = "./phonecom.json"
"""


def event(number, leg, state, status=None):
    first = {"uuid": "call-1", "is_first": True,
             "from": {"type": "did", "id": "+12025550143"},
             "to": {"type": "did", "id": "+12025550100"}}
    legs = {
        "call-1": first,
        "leg-2": {"uuid": "leg-2", "is_first": False, "from": first["from"],
                  "to": {"type": "device", "id": 7, "extension_id": 9, "extension": 101}},
    }
    told = {**legs[leg], "state": state, **({"completion_status": status} if status else {})}
    return {"uuid": "event-%d" % number, "version": 1, "timestamp": 1763650800 + number,
            "timestamp_ns": (1763650800 + number) * 10**9 + 123456789, "data_type": "call",
            "data": {"uuid": "call-1", "direction": "in", "event_leg": told, "first_leg": first}}


CALL = [
    event(1, "call-1", "new"),
    event(2, "call-1", "connected"),  # the greeting, nobody yet
    event(3, "leg-2", "new"),
    event(4, "leg-2", "connecting"),
    event(5, "leg-2", "connected"),
    event(6, "leg-2", "completed", "success"),
    event(7, "call-1", "completed", "success"),
]


class VendorThatIsNotShipped(unittest.TestCase):
    files = {"phonecom.json": json.dumps(PHONECOM)}

    def test_its_webhooks_become_one_call_each_delivery_once(self):
        with harness.Daemon(SOURCE, self.files) as daemon:
            client = harness.Client(daemon, wire.token("alice", "events:org"))
            self.addCleanup(client.close)
            status, _, body = daemon.http("POST", "/v1/hooks/phonecom", {"test": 1})
            self.assertEqual((status, body), (200, b""))
            for one in CALL:
                for attempt in range(2):  # at least once, says the vendor
                    sent = {**one, "tags": ["attempt-%d" % attempt]}
                    self.assertEqual(daemon.http("POST", "/v1/hooks/phonecom", sent)[0], 200)
            client.wait_for(lambda e: e["type"] == "call.ended", 10)
            client.ping()
            events = client.events
            self.assertEqual(wire.types_of(events), [
                "call.started", "call.ringing", "call.answered", "call.ended"])
            call = events[-1]["data"]["call"]
            self.assertEqual((call["direction"], call["disposition"], call["did"]),
                             ("inbound", "answered", "+12025550100"))
            self.assertEqual(call["from"]["number"], "+12025550143")
            self.assertEqual([leg["user"] for leg in call["legs"] if leg.get("user")], ["alice"])
            self.assertEqual(call["answered_at"], "2025-11-20T15:00:05.123Z")
            repeats = [v for n, of, v in wire.metrics(daemon)
                       if n == "hookswitch_hook_repeats_total" and of == {"source": "phonecom"}]
            # All seven but the one that gives no fact, which may come as often as it likes.
            self.assertEqual(repeats, [6])

    def test_the_file_can_be_tried_without_a_daemon(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hookswitch-dialect-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "phonecom.json").write_text(self.files["phonecom.json"])
        for number, one in enumerate(CALL):
            (folder / ("%d.txt" % number)).write_text(
                "POST /hooks/x HTTP/1.1\nContent-Type: application/json\n\n" + json.dumps(one))

        def hookswitchd(*arguments):
            run = subprocess.run([BINARY, "dialect", *arguments], cwd=folder, text=True,
                                 capture_output=True, timeout=20)
            return run.returncode, run.stdout, run.stderr
        requests = ["%d.txt" % n for n in range(len(CALL))]
        status, out, _ = hookswitchd("test", "phonecom.json", *requests)
        self.assertEqual(status, 0, out)
        facts = [json.loads(line.split("fact: ", 1)[1]) for line in out.splitlines() if "fact: " in line]
        self.assertEqual([f["type"] for f in facts],
                         ["started", "updated", "ringing", "answered", "ended", "ended"])
        (folder / "other.txt").write_text(
            "POST /hooks/x HTTP/1.1\nContent-Type: application/json\n\n" + '{"data_type": "sms"}')
        status, out, _ = hookswitchd("test", "phonecom.json", "other.txt", "--explain")
        self.assertEqual(status, 1)
        self.assertIn("NOT UNDERSTOOD", out)
        self.assertIn("/body/data_type", out)
        (folder / "bad.json").write_text('{"dialect": "x", "decod": []}')
        self.assertEqual(hookswitchd("check", "phonecom.json")[0], 0)
        status, _, err = hookswitchd("test", "bad.json", "0.txt")
        self.assertEqual(status, 78)
        self.assertIn("bad.json:1: /decod", err)
        self.assertEqual(hookswitchd("test", "phonecom.json", "nowhere.txt")[0], 64)
        self.assertEqual(hookswitchd("test", "phonecom.json")[0], 64)
        self.assertEqual(hookswitchd("test", "phonecom.json", "0.txt", "--secret", "x=y")[0], 64)


if __name__ == "__main__":
    unittest.main()
