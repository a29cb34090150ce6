#!/usr/bin/env python3
"""Never a silent hole: `since`, restarts, and kill -9 under load."""
import asyncio
import contextlib
import copy
import http.client
import json
import pathlib
import signal
import sys
import threading
import time
import unittest

import websockets

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import schemas  # noqa: E402
import wire  # noqa: E402

ROUNDS = 20
POSTS_A_SECOND = 200
THREADS = 8


class ResumeCase(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(harness.Daemon(wire.NATIVE))

    def client(self, since=None, scope="events:org"):
        client = harness.Client(self.daemon, wire.token("alice", scope), since=since)
        self.addCleanup(client.close)
        return client

    def post(self, facts):
        status, _, body = self.daemon.http("POST", "/v1/hooks/cloud", facts)
        self.assertEqual((status, body), (200, b""))

    def play(self, vendor_id, types=("started", "ringing", "answered", "ended"), ext="101"):
        for fact in wire.facts_of_call(vendor_id, ext, types=types):
            self.post(fact)


class Since(ResumeCase):
    def test_since_any_cursor_gives_exactly_what_follows_it(self):
        reference = self.client()
        for i in range(6):
            self.play("s-%d" % i, ext="101" if i % 2 else "102")
        reference.ping()
        all_of_it = reference.events
        for place in [
            reference.welcome["cursor"],
            *(e["cursor"] for e in all_of_it[::5]),
            all_of_it[-1]["cursor"],
        ]:
            with self.subTest(since=place):
                client = self.client(since=place)
                client.ping()
                self.assertTrue(client.welcome["resumed"])
                self.assertNotIn("snapshot", client.welcome)
                after = int(place.rpartition(".")[2])
                self.assertEqual(
                    client.events, [e for e in all_of_it if harness.cursor_offset(e) > after]
                )
        self.assertEqual(wire.contract_problems(reference.frames), [])

    def test_resume_goes_on_into_the_present(self):
        first = self.client()
        self.play("p-1", ("started", "ringing"))
        first.ping()
        resumed = self.client(since=first.events[0]["cursor"])
        self.play("p-1", ("answered", "ended"))
        for client in (first, resumed):
            client.ping()
        self.assertEqual(resumed.events, first.events[1:])

    def test_resume_while_events_pour_in_has_no_seam(self):
        """The join of journal and live stream is where holes and repeats are born."""
        reference = self.client()
        stop = threading.Event()

        def load(name):
            for i in range(10_000):
                if stop.is_set():
                    return
                self.post(wire.facts_of_call("%s-%d" % (name, i)))

        threads = [threading.Thread(target=load, args=("seam%d" % n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            reference.wait_for(lambda e: e["type"] == "call.ended", 10)
            resumed = [self.client(since=reference.events[0]["cursor"]) for _ in range(15)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        reference.ping()
        for client in resumed:
            client.ping()
            self.assertEqual(client.events, reference.events[1:])

    def test_own_resumes_with_own_events_alone(self):
        own = self.client(scope="events:own")
        place = own.welcome["cursor"]
        for i in range(4):
            self.play("o-%d" % i, ext="101" if i % 2 else "102")
        own.ping()
        resumed = self.client(since=place, scope="events:own")
        resumed.ping()
        self.assertTrue(resumed.welcome["resumed"])
        self.assertEqual(resumed.events, own.events)
        self.assertEqual(len({e["subject"] for e in own.events}), 2)

    def test_an_unknown_epoch_or_a_place_that_never_was_gets_a_snapshot_and_says_so(self):
        self.play("u-1", ("started", "ringing"))
        epoch, _, offset = self.client().welcome["cursor"].rpartition(".")
        for since in (
            "ffffffff.1",
            "00000000.0",
            epoch + "." + str(int(offset) + 1000),
            epoch + "x." + offset,
        ):
            with self.subTest(since=since):
                client = self.client(since=since)
                self.assertFalse(client.welcome["resumed"])
                self.assertEqual(
                    [wire.vendor_ids(c) for c in client.welcome["snapshot"]], [["u-1"]]
                )
                client.ping()
                self.assertEqual(client.events, [])

    def test_a_since_that_is_no_cursor_is_never_a_silent_hole(self):
        self.play("w-1", ("started", "ringing"))
        for since in ("", "7", ".", "a.b", "x" * 5000, "1.-1", "1.1.1", "3f9c1a7e.1' OR 1=1"):
            with self.subTest(since=since[:20]):
                frames, code = asyncio.run(
                    hello_only(
                        self.daemon.port,
                        {"op": "hello", "token": wire.token("alice", "events:org"), "since": since},
                    )
                )
                if code is None:
                    self.assertEqual((frames[0]["op"], frames[0]["resumed"]), ("welcome", False))
                    self.assertEqual(len(frames[0]["snapshot"]), 1)
                else:
                    self.assertEqual(code, 4003)


async def hello_only(port, frame):
    async with websockets.connect("ws://127.0.0.1:%d/v1/events" % port) as sock:
        await sock.send(json.dumps(frame))
        try:
            return [json.loads(await asyncio.wait_for(sock.recv(), 10))], None
        except websockets.ConnectionClosed:
            return [], sock.close_code


class Restart(ResumeCase):
    def test_sigterm_tells_the_clients_1012_and_ends_with_0_within_5_seconds(self):
        clients = [self.client() for _ in range(5)]
        self.play("t-1", ("started", "ringing"))
        started = time.monotonic()
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.process.wait(10), 0)
        self.assertLess(time.monotonic() - started, 5)
        for client in clients:
            harness.wait_until(lambda: client.close_code is not None, 5, "the connection ends")
            self.assertEqual(client.close_code, 1012)
            self.assertEqual(
                wire.types_of(client.events),
                ["call.started", "call.ringing"],
                "what was there came before the end",
            )
            name, _, cursor = client.close_reason.partition(" ")
            self.assertEqual((name, cursor), ("shutting_down", client.events[-1]["cursor"]))
        self.daemon.start()
        back = self.client(since=cursor)
        self.assertTrue(back.welcome["resumed"])

    def test_a_client_that_reads_nothing_does_not_hold_up_the_end(self):
        import delivery_test

        stuck = delivery_test.RawSocket(self.daemon.port, wire.token("alice", "events:org"))
        self.addCleanup(stuck.close)
        for i in range(40):
            self.post(
                {
                    "type": "updated",
                    "ids": {"call": ["big"]},
                    "variables": {"v%d" % n: "%d" % i + "x" * 1900 for n in range(20)},
                }
            )
        started = time.monotonic()
        self.daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.process.wait(10), 0)
        self.assertLess(time.monotonic() - started, 5)
        self.daemon.start()

    def test_a_call_lives_on_over_a_clean_restart(self):
        self.restart_between(lambda: self.daemon.stop(5))

    def test_a_call_lives_on_over_a_kill(self):
        self.restart_between(self.daemon.kill)

    def restart_between(self, end):
        client = self.client()
        self.play("k-1", ("started", "ringing"))
        end()
        harness.wait_until(lambda: client.close_code is not None, 5, "the connection ends")
        heard = client.events
        self.daemon.start()
        place = heard[-1]["cursor"] if heard else client.welcome["cursor"]
        again = self.client(since=place)
        self.assertTrue(again.welcome["resumed"], "the history is whole, so the epoch is the same")
        self.assertEqual(
            [
                c["state"]
                for c in self.daemon.json(
                    "GET", "/v1/calls", token=wire.token("alice", "events:org")
                )["calls"]
            ],
            ["ringing"],
        )
        self.play("k-1", ("answered", "ended"))
        again.wait_for(lambda e: e["type"] == "call.ended", 5)
        again.ping()
        events = heard + again.events
        self.assertEqual(
            wire.types_of(events), ["call.started", "call.ringing", "call.answered", "call.ended"]
        )
        self.assertEqual(len({e["subject"] for e in events}), 1)
        self.assertEqual(wire.history_problems(events), [])
        self.assertEqual(events[-1]["data"]["call"]["disposition"], "answered")

    def test_a_webhook_repeated_after_the_restart_is_no_second_event(self):
        """The PBX got no answer, so it sends the same again; the fact may have been kept or not."""
        client = self.client()
        self.play("r-1", ("started", "ringing"))
        client.ping()
        self.daemon.kill()
        self.daemon.start()
        again = self.client(since=client.events[-1]["cursor"])
        self.play("r-1", ("started", "ringing", "answered"))
        again.ping()
        self.assertEqual(wire.types_of(again.events), ["call.answered"])

    def test_a_fresh_journal_is_another_epoch(self):
        client = self.client()
        self.play("e-1", ("started",))
        client.ping()
        self.daemon.stop(5)
        for file in self.daemon.folder.glob("journal.db*"):
            if file.is_file():  # the recording beside it is a folder
                file.unlink()
        self.daemon.start()
        again = self.client(since=client.events[-1]["cursor"])
        self.assertFalse(again.welcome["resumed"])
        self.assertEqual(again.welcome["snapshot"], [])
        self.assertNotEqual(
            again.welcome["cursor"].partition(".")[0], client.welcome["cursor"].partition(".")[0]
        )

    def test_two_daemons_do_not_share_one_journal(self):
        import subprocess

        config = self.daemon.folder / "second.toml"
        config.write_text(
            self.daemon.config.read_text().replace(
                ":%d" % self.daemon.port, ":%d" % harness.free_tcp_port()
            )
        )
        second = subprocess.run(
            [self.daemon.binary, "serve", "--config", config],
            capture_output=True,
            text=True,
            timeout=20,
        )
        self.assertNotEqual(second.returncode, 0)
        self.play("j-1")


class Poster(threading.Thread):
    """A PBX: posts calls one after the other at a steady rate; what is not answered it posts again,
    in order, until it is."""

    def __init__(self, daemon, name, rate, stop):
        super().__init__(daemon=True)
        self.port, self.tag, self.interval, self.stop = daemon.port, name, 1 / rate, stop
        self.acknowledged = {}  # vendor id -> fact types that were answered 200
        self.posted = self.repeated = 0
        self.refusals = []

    def run(self):
        connection, number, due = None, 0, time.monotonic()
        while not self.stop.is_set():
            vendor_id = "%s-%d" % (self.tag, number)
            number += 1
            for fact in wire.facts_of_call(vendor_id, ext="101" if number % 2 else "102"):
                tries = 0
                while True:
                    due = max(due + self.interval, time.monotonic() - 0.2)
                    time.sleep(max(0, due - time.monotonic()))  # the rate; not a wait for anything
                    try:
                        connection = connection or http.client.HTTPConnection(
                            "127.0.0.1", self.port, timeout=5
                        )
                        connection.request(
                            "POST",
                            "/v1/hooks/cloud",
                            json.dumps(fact),
                            {"Content-Type": "application/json"},
                        )
                        answer = connection.getresponse()
                        answer.read()
                        status = answer.status
                    except (OSError, http.client.HTTPException):
                        with contextlib.suppress(Exception):
                            connection.close()
                        connection, status = None, None
                    if status == 200:
                        self.acknowledged.setdefault(vendor_id, []).append(fact["type"])
                        self.posted += 1
                        break
                    if status not in (None, 503):
                        self.refusals.append((vendor_id, fact["type"], status))
                    tries += 1
                    self.repeated += 1
                    if self.stop.is_set() and tries > 200:
                        return
        if connection:
            connection.close()


class KillUnderLoad(ResumeCase):
    def test_nothing_that_was_answered_200_is_missed_over_20_kills(self):
        stop = threading.Event()
        posters = [
            Poster(self.daemon, "kill%d" % n, POSTS_A_SECOND / THREADS, stop)
            for n in range(THREADS)
        ]
        client = self.client()
        history, resumed = [], 0
        for poster in posters:
            poster.start()
        try:
            for _ in range(ROUNDS):
                before = sum(p.posted for p in posters)
                harness.wait_until(
                    lambda: sum(p.posted for p in posters) > before + 60, 20, "the load goes on"
                )
                self.daemon.kill()
                harness.wait_until(lambda: client.close_code is not None, 10, "the connection ends")
                history += client.events
                self.daemon.start()
                client = self.client(since=history[-1]["cursor"])
                resumed += client.welcome["resumed"]
        finally:
            stop.set()
            for poster in posters:
                poster.join(30)
        client.ping()
        history += client.events
        self.assertEqual([p.refusals for p in posters if p.refusals], [])
        self.assertEqual(resumed, ROUNDS)
        acknowledged = {
            vendor_id: types for p in posters for vendor_id, types in p.acknowledged.items()
        }
        posted = sum(p.posted for p in posters)
        print(
            "%d kills, %d posts answered 200, %d repeated, %d events"
            % (ROUNDS, posted, sum(p.repeated for p in posters), len(history)),
            file=sys.stderr,
        )
        self.assertGreater(posted, ROUNDS * 60)
        self.assertEqual(wire.missing(history, acknowledged), [])
        self.assertEqual(wire.history_problems(history), [])
        # Told once more from the first event on, by the journal alone.
        again = self.client(since=history[0]["cursor"])
        again.ping(60)
        if again.welcome["resumed"]:
            self.assertEqual(
                [e["cursor"] for e in again.events], [e["cursor"] for e in history[1:]]
            )
            self.assertEqual(again.events, history[1:])
        self.check_the_check(history, acknowledged)

    def check_the_check(self, history, acknowledged):
        """Each loss and each lie, put into this very history, must be found."""
        kinds = ("call.started", "call.ringing", "call.answered", "call.ended")
        middle = len(history) // 2
        for kind in kinds:
            place = next(
                i
                for i in range(middle, len(history))
                if history[i]["type"] == kind
                and all(
                    kind in [wire.EVENT_OF[t] for t in acknowledged[v]]
                    for v in wire.vendor_ids(history[i]["data"]["call"])
                )
            )
            without = history[:place] + history[place + 1 :]
            self.assertNotEqual(
                wire.missing(without, acknowledged), [], "a lost %s is not seen" % kind
            )
        self.assertNotEqual(
            wire.history_problems(history[:middle] + [history[middle - 1]] + history[middle:]),
            [],
            "a repeat is not seen",
        )
        swapped = list(history)
        swapped[middle], swapped[middle + 1] = swapped[middle + 1], swapped[middle]
        self.assertNotEqual(wire.history_problems(swapped), [], "a wrong order is not seen")
        split = copy.deepcopy(history[middle])
        split["cursor"] = split["id"] = history[-1]["cursor"].rpartition(".")[0] + ".%d" % (
            harness.cursor_offset(history[-1]) + 1
        )
        split["subject"] = split["data"]["call"]["id"] = "0" * 26
        self.assertNotEqual(
            wire.missing(history + [split], acknowledged), [], "a call told as two is not seen"
        )


class TheCheck(unittest.TestCase):
    """The history check on its own, without a daemon."""

    def history(self):
        event = schemas.load(schemas.PROTO / "examples/events/call.started.json")
        files = (
            "call.started",
            "call.ringing",
            "call.answered",
            "call.held",
            "call.resumed",
            "call.ended",
        )
        return [
            schemas.load(schemas.PROTO / "examples/events" / (f + ".json")) for f in files
        ], wire.vendor_ids(event["data"]["call"])[0]

    def test_a_whole_history_is_whole(self):
        history, vendor_id = self.history()
        self.assertEqual(wire.history_problems(history), [])
        self.assertEqual(wire.missing(history, {vendor_id: list(wire.EVENT_OF)}), [])

    def test_every_single_loss_is_found(self):
        history, vendor_id = self.history()
        for i in range(len(history)):
            self.assertNotEqual(
                wire.missing(history[:i] + history[i + 1 :], {vendor_id: list(wire.EVENT_OF)}), []
            )

    def test_a_call_that_never_came_is_found(self):
        history, _ = self.history()
        self.assertNotEqual(wire.missing(history, {"never": ["started"]}), [])

    def test_lies_are_found(self):
        history, _ = self.history()
        self.assertNotEqual(
            wire.history_problems(history[1:]), [], "does not begin with call.started"
        )
        self.assertNotEqual(wire.history_problems(history + history[-1:]), [], "a cursor twice")
        for change in (
            lambda e: e["data"]["call"]["legs"][1].update(state="early"),
            lambda e: e.update(cursor="3f9c1a7f.1535"),
            lambda e: e.update(cursor="3f9c1a7e.1"),
        ):
            wrong = copy.deepcopy(history)
            change(wrong[4])
            self.assertNotEqual(wire.history_problems(wrong), [])


if __name__ == "__main__":
    unittest.main()
