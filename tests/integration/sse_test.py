#!/usr/bin/env python3
"""The events as a stream: the same events, the same cursors, by HTTP alone."""
import http.client
import json
import pathlib
import socket
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import schemas  # noqa: E402
import wire  # noqa: E402

CONFIG = (
    wire.NATIVE
    + """
[delivery]
ping_ms = 1000

[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ["https://*.example.com"]
"""
)


class Stream:
    """GET /v1/events as an event stream, read by a thread of its own.

    `messages` holds (id, event, data as JSON) of each whole message, `comments` the comment lines.
    A refusal is `status` and `problem`."""

    def __init__(self, daemon, token=None, query="", last=None, origin=None, accept=None):
        self.messages, self.comments, self.ended = [], [], False
        self.changed = threading.Condition()
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
        headers = {"Accept": accept or "text/event-stream"}
        if token:
            headers["Authorization"] = "Bearer " + token
        if last is not None:
            headers["Last-Event-ID"] = last
        if origin:
            headers["Origin"] = origin
        self.connection.request("GET", "/v1/events" + query, headers=headers)
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status, self.headers = self.response.status, self.response.headers
        self.problem = None
        if self.status != 200:
            self.problem = json.loads(self.response.read())
            self.ended = True
            return
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def events(self):
        return [data for _, event, data in list(self.messages) if event != "welcome"]

    @property
    def welcome(self):
        self.wait(lambda: self.messages, 10, "the welcome")
        return self.messages[0][2]

    def wait(self, condition, seconds, what):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError("not within %s s: %s; seen: %s" % (seconds, what, self.messages))

    def wait_for(self, predicate, seconds=10):
        self.wait(lambda: any(predicate(e) for e in self.events), seconds, "the event")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def _read(self):
        fields, order = {}, []
        try:
            for raw in self.response:
                line = raw.decode().removesuffix("\n")
                assert "\r" not in line
                with self.changed:
                    if line.startswith(":"):
                        self.comments.append(line)
                    elif line:
                        name, _, value = line.partition(": ")
                        assert name not in fields, "twice %s" % name
                        fields[name] = value
                        order.append(name)
                    elif fields:
                        assert order == ["id", "event", "data"], order
                        self.messages.append(
                            (fields["id"], fields["event"], json.loads(fields["data"]))
                        )
                        fields, order = {}, []
                    self.changed.notify_all()
        except (OSError, ValueError, http.client.HTTPException):
            pass
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()


class StreamCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(CONFIG))
        StreamCase.count = 0

    def stream(self, user="alice", scope="events:org", query="", **more):
        stream = Stream(self.daemon, wire.token(user, scope), query, **more)
        self.addCleanup(stream.close)
        return stream

    def client(self, **more):
        client = harness.Client(self.daemon, wire.token("alice", "events:org"), **more)
        self.addCleanup(client.close)
        return client

    def play(self, ext="101", types=("started", "ringing", "answered", "ended")):
        StreamCase.count += 1
        vendor_id = "s-%d" % StreamCase.count
        for fact in wire.facts_of_call(vendor_id, ext, types=types):
            status, _, _ = self.daemon.http("POST", "/v1/hooks/cloud", fact)
            self.assertEqual(status, 200)
        return vendor_id

    def end(self, vendor_id):
        self.daemon.http(
            "POST", "/v1/hooks/cloud", {"type": "ended", "ids": {"call": [vendor_id]}}
        )


class Opening(StreamCase):
    def test_the_answer_is_a_stream_that_nobody_keeps(self):
        stream = self.stream()
        self.assertEqual(stream.status, 200)
        self.assertEqual(stream.headers["Content-Type"], "text/event-stream")
        self.assertEqual(stream.headers["Cache-Control"], "no-store")
        self.assertNotIn("Access-Control-Allow-Origin", stream.headers)

    def test_the_first_message_is_the_welcome_with_the_calls_now(self):
        vendor_id = self.play(types=("started", "ringing"))
        stream = self.stream(scope="events:own")
        welcome = stream.welcome
        self.assertEqual(schemas.frame_problems(welcome), [])
        self.assertEqual((welcome["user"], welcome["resumed"]), ("alice", False))
        self.assertEqual([wire.vendor_ids(c) for c in welcome["snapshot"]], [[vendor_id]])
        self.assertEqual(stream.messages[0][:2], (welcome["cursor"], "welcome"))
        self.end(vendor_id)

    def test_refusals_are_problems(self):
        good = wire.token("alice", "events:org")
        for token, query, status, code in (
            (None, "", 401, "auth_missing"),
            ("nonsense", "", 401, "auth_invalid"),
            (wire.token("alice", "events:org", seconds=-60), "", 401, "auth_expired"),
            (wire.token("alice", "commands"), "", 403, "forbidden"),
            (None, "?token=" + good, 401, "auth_missing"),
            (good, "?token=" + good, 400, "bad_request"),
            (good, "?colour=red", 400, "bad_request"),
            (good, "?ext=", 400, "bad_request"),
            (good, "?direction=in", 400, "bad_request"),
            (good, "?since=a.1&since=a.2", 400, "bad_request"),
        ):
            with self.subTest(query=query[:8], code=code):
                stream = Stream(self.daemon, token, query)
                self.assertEqual((stream.status, stream.problem["code"]), (status, code))
                self.assertEqual(schemas.problems("problem", stream.problem, closed=True), [])
                self.assertEqual(stream.problem["status"], status)

    def test_who_asks_for_no_stream_gets_none(self):
        stream = Stream(self.daemon, wire.token("alice", "events:org"), accept="application/json")
        self.assertEqual(stream.status, 400)


class Origins(StreamCase):
    def test_a_page_of_an_allowed_origin_may_read_it(self):
        stream = self.stream(origin="https://crm.example.com")
        self.assertEqual(stream.status, 200)
        self.assertEqual(stream.headers["Access-Control-Allow-Origin"], "https://crm.example.com")
        self.assertEqual(stream.headers["Vary"], "Origin")

    def test_all_others_may_not_whatever_the_token(self):
        for origin in ("https://evil.example", "null", "http://crm.example.com"):
            stream = self.stream(origin=origin)
            self.assertEqual((stream.status, stream.problem["code"]), (403, "origin_refused"))
            self.assertNotIn("Access-Control-Allow-Origin", stream.headers)

    def test_a_browser_may_ask_first(self):
        def ask(origin):
            return self.daemon.http(
                "OPTIONS",
                "/v1/events",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "authorization",
                },
            )

        status, headers, body = ask("https://crm.example.com")
        self.assertEqual((status, body), (204, b""))
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://crm.example.com")
        self.assertIn("authorization", headers["Access-Control-Allow-Headers"])
        self.assertIn("last-event-id", headers["Access-Control-Allow-Headers"])
        status, headers, _ = ask("https://evil.example")
        self.assertEqual(status, 403)
        self.assertNotIn("Access-Control-Allow-Origin", headers)


class Events(StreamCase):
    def test_it_tells_what_a_websocket_tells(self):
        client, stream = self.client(), self.stream()
        stream.welcome
        self.play()
        client.ping()
        stream.wait(lambda: len(stream.events) >= len(client.events), 10, "all events")
        self.assertEqual(stream.events, client.events)
        for cursor, kind, event in stream.messages[1:]:
            self.assertEqual((cursor, kind), (event["cursor"], event["type"]))
            self.assertEqual(schemas.frame_problems(event), [])

    def test_filters_in_the_query(self):
        streams = {
            query: self.stream(query=query)
            for query in (
                "?ext=102",
                "?ext=102,103&types=call.ringing,call.ended",
                "?user=bob&types=call.*",
                "?source=cloud&direction=inbound&ext=101",
                "?queue=Sales",
                "?call=none",
            )
        }
        everything = self.stream()
        for stream in (everything, *streams.values()):
            stream.welcome
        self.play("101")
        self.play("102")
        last = self.play("103")
        everything.wait_for(
            lambda e: e["type"] == "call.ended" and last in wire.vendor_ids(e["data"]["call"])
        )
        by_ext = lambda ext: [
            e
            for e in everything.events
            if any(leg.get("ext") == ext for leg in e["data"]["call"]["legs"])
        ]
        expected = {
            "?ext=102": by_ext("102"),
            "?ext=102,103&types=call.ringing,call.ended": [
                e
                for e in by_ext("102") + by_ext("103")
                if e["type"] in ("call.ringing", "call.ended")
            ],
            "?user=bob&types=call.*": [e for e in by_ext("102") if e["type"].startswith("call.")],
            "?source=cloud&direction=inbound&ext=101": by_ext("101"),
            "?queue=Sales": [],
            "?call=none": [],
        }
        for query, stream in streams.items():
            with self.subTest(query=query):
                wanted = expected[query]
                stream.wait(lambda: len(stream.events) >= len(wanted), 10, "the events")
                self.assertEqual(stream.events, wanted)
        self.assertTrue(expected["?ext=102"])

    def test_own_scope_sees_its_own_alone(self):
        stream = self.stream(scope="events:own")
        stream.welcome
        self.play("102")
        self.play("101")
        stream.wait_for(lambda e: e["type"] == "call.ended")
        self.assertEqual(len({e["subject"] for e in stream.events}), 1)

    def test_it_is_kept_open_while_nothing_happens(self):
        stream = self.stream()
        stream.wait(lambda: len(stream.comments) >= 2, 10, "two pings")
        self.assertEqual(set(stream.comments), {": ping"})

    def test_it_ends_with_the_token(self):
        stream = Stream(self.daemon, wire.token("alice", "events:org", seconds=2))
        self.addCleanup(stream.close)
        stream.wait(lambda: stream.ended, 10, "the end of the stream")
        self.assertEqual([kind for _, kind, _ in stream.messages], ["welcome"])


class Resume(StreamCase):
    def test_the_last_id_goes_on_where_it_broke(self):
        reference = self.client()
        for i in range(4):
            self.play("101" if i % 2 else "102")
        reference.ping()
        everything = reference.events
        for place in (reference.welcome["cursor"], everything[5]["cursor"], everything[-1]["cursor"]):
            for more in ({"last": place}, {"query": "?since=" + place}):
                with self.subTest(since=place, how=list(more)):
                    stream = self.stream(**more)
                    self.assertTrue(stream.welcome["resumed"])
                    self.assertNotIn("snapshot", stream.welcome)
                    after = int(place.rpartition(".")[2])
                    wanted = [e for e in everything if harness.cursor_offset(e) > after]
                    stream.wait(lambda: len(stream.events) >= len(wanted), 10, "what was missed")
                    self.assertEqual(stream.events, wanted)

    def test_the_header_counts_before_the_address(self):
        self.play()
        first = self.stream()
        self.play()
        first.wait_for(lambda e: e["type"] == "call.ended")
        last = first.events[-1]["cursor"]
        stream = self.stream(query="?since=" + first.welcome["cursor"], last=last)
        self.assertEqual((stream.welcome["resumed"], stream.welcome["cursor"]), (True, last))

    def test_a_place_that_is_none_gets_a_snapshot_and_says_so(self):
        for last in ("", "x", "ffffffff.1", "1.1.1"):
            stream = self.stream(last=last)
            self.assertFalse(stream.welcome["resumed"])
            self.assertEqual(stream.welcome["snapshot"], [])

    def test_a_stream_that_breaks_at_any_time_misses_and_repeats_nothing(self):
        reference = self.client()
        stop = threading.Event()

        def load():
            while not stop.is_set():
                self.play()

        thread = threading.Thread(target=load)
        thread.start()
        heard, last = [], reference.welcome["cursor"]
        try:
            for i in range(25):
                stream = self.stream(last=last)
                wanted = 1 + i % 7
                stream.wait(lambda: len(stream.messages) > wanted, 10, "some events")
                stream.close()
                stream.wait(lambda: stream.ended, 10, "its end")
                heard += stream.events
                last = stream.messages[-1][0]
        finally:
            stop.set()
            thread.join()
        reference.ping()
        rest = self.stream(last=last)
        left = len(reference.events) - len(heard)
        rest.wait(lambda: len(rest.events) >= left, 10, "the rest")
        self.assertEqual(heard + rest.events, reference.events)

    def test_streams_and_websockets_share_the_cursor(self):
        stream = self.stream()
        stream.welcome
        self.play()
        stream.wait_for(lambda e: e["type"] == "call.ended")
        client = self.client(since=stream.messages[1][0])
        client.ping()
        self.assertEqual(client.events, stream.events[1:])


class End(unittest.TestCase):
    def test_a_stop_ends_the_stream_and_a_start_goes_on(self):
        with harness.Daemon(CONFIG) as daemon:
            stream = Stream(daemon, wire.token("alice", "events:org"))
            cursor = stream.welcome["cursor"]
            started = time.monotonic()
            daemon.stop()
            self.assertLess(time.monotonic() - started, 5)
            stream.wait(lambda: stream.ended, 5, "the end of the stream")
            stream.close()
            daemon.start()
            again = Stream(daemon, wire.token("alice", "events:org"), last=cursor)
            self.assertTrue(again.welcome["resumed"])
            again.close()


if __name__ == "__main__":
    unittest.main()
