#!/usr/bin/env python3
"""The join of the past and the present, cut at random bytes: exactly once by cursor.

A history of 10,000 events is there, live ones go on arriving, and a client disconnects after a
random number of bytes of the stream, also within a frame, and comes back with the last cursor that
came whole. HOOKSWITCH_SEAM_RECONNECTS (1,000 for the long run) and HOOKSWITCH_SEED say how often
and where.
"""
import contextlib
import http.server
import json
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import history  # noqa: E402
import raw_websocket as raw  # noqa: E402
import traffic as loads  # noqa: E402
import wire  # noqa: E402

RECONNECTS = int(os.environ.get("HOOKSWITCH_SEAM_RECONNECTS", 100))
SEED = int(os.environ.get("HOOKSWITCH_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
EVENTS = 10_000
LIVE_CALLS_A_SECOND = 20
LINES = ["201", "202"]
RESET = struct.pack("ii", 1, 0)


def offset_of(cursor):
    return int(cursor.rpartition(".")[2])


def offset_of_event(payload):
    return int(history.CURSOR.search(payload).group(2))


class Cut(Exception):
    pass


class CutStream:
    """Bytes of one connection, of which only `budget` are ever taken from the socket."""

    def __init__(self, port, request, budget, reset, seconds=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.left, self.reset = budget, reset
        self.socket.sendall(request)
        self.head = bytearray()

    def read_head(self):
        """The status and headers, free of charge: the budget is for the stream behind them."""
        while not self.head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, "the connection ended within the response header %r" % bytes(self.head)
            self.head += byte
        lines = self.head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split(" ")[1]), headers

    def read(self):
        """The next bytes; Cut when the budget is spent."""
        if self.left == 0:
            raise Cut
        data = self.socket.recv(min(self.left, 1 << 18))
        assert data, "the daemon ended the connection"
        self.left -= len(data)
        return data

    def close(self):
        if self.reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()


class WebSocketReader:
    """Reads events and comes back after every cut."""

    kind = "WebSocket"

    def __init__(self, port, view, cursor):
        self.port, self.view, self.cursor = port, view, cursor
        self.events = []  # payloads, in order of arrival

    def connect(self, budget, reset):
        protocol = self.view.get("protocol", "hookswitch.v1")
        stream = CutStream(
            self.port,
            raw.upgrade_request(more=("Sec-WebSocket-Protocol: " + protocol,)),
            budget,
            reset,
        )
        status, _ = stream.read_head()
        assert status == 101, status
        filters = self.view.get("filter")
        stream.socket.sendall(
            raw.text(
                {
                    "op": "hello",
                    "token": self.view["token"],
                    "since": self.cursor,
                    **({"subscribe": [filters]} if filters else {}),
                }
            )
        )
        return stream

    def run(self, budget, reset=False, until=None, seconds=30):
        """One connection, to the cut or to the event whose cursor is `until` or a later one."""
        stream, reader = self.connect(budget, reset), raw.FrameReader()
        deadline = time.monotonic() + seconds
        try:
            while not (until and offset_of(self.cursor) >= offset_of(until)):
                assert time.monotonic() < deadline, "%s did not come" % until
                reader.feed(stream.read())
                for opcode, payload in reader.frames():
                    if opcode == raw.TEXT:
                        self.on_text(payload)
                    else:
                        assert opcode == raw.PING, "%s: %r" % (raw.NAMES[opcode], payload)
        except Cut:
            pass
        finally:
            stream.close()

    def on_text(self, payload):
        match = history.CURSOR.search(payload)
        if b'"specversion"' in payload and match:
            self.events.append(payload)
            self.cursor = "%s.%s" % (match.group(1).decode(), match.group(2).decode())
            return
        message = json.loads(payload)
        assert message["op"] == "welcome" and message["resumed"] is True, message


class EventStreamReader(WebSocketReader):
    """The same over server-sent events (WHATWG HTML, section 9.2), with Last-Event-ID."""

    kind = "event stream"

    def connect(self, budget, reset):
        stream = CutStream(
            self.port,
            wire.request(
                "GET",
                "/v1/events" + self.view.get("query", ""),
                [
                    "Accept: text/event-stream",
                    "Authorization: Bearer " + self.view["token"],
                    "Last-Event-ID: " + self.cursor,
                ],
            ),
            budget,
            reset,
        )
        status, headers = stream.read_head()
        assert status == 200, status
        assert headers["content-type"].split(";")[0] == "text/event-stream", headers
        self.chunked = headers.get("transfer-encoding") == "chunked"
        return stream

    def run(self, budget, reset=False, until=None, seconds=30):
        stream, body, raw_body = self.connect(budget, reset), b"", b""
        deadline = time.monotonic() + seconds
        try:
            while not (until and offset_of(self.cursor) >= offset_of(until)):
                assert time.monotonic() < deadline, "%s did not come" % until
                data = stream.read()
                if self.chunked:
                    raw_body += data
                    data, raw_body = unchunked(raw_body)
                body += data
                *blocks, body = body.split(b"\n\n")
                for block in blocks:
                    self.on_block(block)
        except Cut:
            pass
        finally:
            stream.close()

    def on_block(self, block):
        """One event of the stream: what a browser's EventSource would make of it."""
        fields = {}
        for line in block.split(b"\n"):
            name, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if name:
                fields.setdefault(name, []).append(value)
        if b"data" not in fields:
            return
        payload = b"\n".join(fields[b"data"])
        event = json.loads(payload)
        if fields.get(b"event") == [b"welcome"]:
            assert event["resumed"], "came back with a good cursor and was not resumed"
            return
        identity = fields[b"id"][-1].decode()
        assert identity == event["cursor"], (identity, event["cursor"])
        assert fields.get(b"event", [b""])[-1].decode() in (event["type"], ""), fields
        self.events.append(payload)
        self.cursor = identity


def unchunked(data):
    """(what the whole chunks hold, the rest)."""
    out = b""
    while b"\r\n" in data:
        line, _, rest = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if len(rest) < size + 2:
            break
        out, data = out + rest[:size], rest[size + 2 :]
    return out, data


class SeamCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(
            harness.Daemon(wire.NATIVE + loads.users_toml(LINES))
        )
        print("seed %d: %d reconnects" % (SEED, RECONNECTS), file=sys.stderr)
        every = wire.token("alice", "events:org")
        own = wire.token("u201", "events:own")
        cls.views = {
            "all": {"token": every},
            "own": {"token": own},
            "by line": {
                "token": every, "filter": {"ext": ["202"]}, "query": "?ext=202"
            },
            "by type": {
                "token": every,
                "filter": {"types": ["call.started", "call.ended"]},
                "query": "?types=call.started,call.ended",
            },
            "events only": {"token": every, "protocol": "cloudevents.json"},
        }
        with raw.RawWebSocket(cls.daemon.port) as ws:
            ws.upgrade()
            cls.beginning = ws.hello(token=every)["cursor"]
        cls.calls = 0
        facts = []
        while cls.calls * (len(history.STEPS) + 1) < EVENTS:
            facts += cls.facts_of_next_call()
        for at in range(0, len(facts), 250):
            status, _, body = cls.daemon.http("POST", "/v1/hooks/cloud", facts[at : at + 250])
            assert status == 200, body
        cls.stop = threading.Event()
        cls.live = threading.Thread(target=cls.post_live, daemon=True)
        cls.live.start()
        cls.addClassCleanup(cls.end_live)

    @classmethod
    def end_live(cls):
        cls.stop.set()
        cls.live.join(20)

    @classmethod
    def facts_of_next_call(cls):
        number, line = cls.calls, LINES[cls.calls % 2]
        cls.calls += 1
        return [
            loads.fact_of("s", number, step, line)[1] for step in range(len(history.STEPS))
        ]

    @classmethod
    def post_live(cls):
        while not cls.stop.wait(1 / LIVE_CALLS_A_SECOND):
            for fact in cls.facts_of_next_call():
                status, _, body = cls.daemon.http("POST", "/v1/hooks/cloud", fact)
                assert status == 200, body

    def newest(self, view):
        """The last cursor of this view that is there now, and all its events up to there, read on
        one connection without a cut."""
        end = self.end_of_time()
        reference = WebSocketReader(self.daemon.port, self.views[view], self.beginning)
        if view == "events only":
            reference.view = self.views["all"]
        stream, reader = reference.connect(1 << 40, False), raw.FrameReader()
        try:
            while not reference.events or offset_of(reference.cursor) < end:
                reader.feed(stream.read())
                for opcode, payload in reader.frames():
                    if opcode == raw.TEXT:
                        reference.on_text(payload)
        finally:
            stream.close()
        return reference.cursor, reference.events

    def end_of_time(self):
        with raw.RawWebSocket(self.daemon.port) as ws:
            ws.upgrade()
            return offset_of(ws.hello(token=self.views["all"]["token"])["cursor"])

    def exactly_once(self, reader, view, reconnects, budget_of, resets):
        """Cuts `reconnects` times, then reads on to the present; compares with the reference."""
        for i in range(reconnects):
            reader.run(budget_of(i), reset=resets(i))
        end, reference = self.newest(view)
        got = len(reader.events)
        if offset_of(reader.cursor) < offset_of(end):
            reader.run(1 << 40, until=end)
        heard = [e for e in reader.events if offset_of_event(e) <= offset_of(end)]
        print(
            "%s, %s: %d reconnects, %d events, %d of them over cuts"
            % (reader.kind, view, reconnects, len(heard), got),
            file=sys.stderr,
        )
        offsets = [offset_of_event(e) for e in heard]
        self.assertEqual(len(set(offsets)), len(offsets), "a cursor came twice")
        self.assertEqual(offsets, sorted(offsets), "a cursor came back")
        wanted = [offset_of_event(e) for e in reference]
        self.assertEqual(offsets, wanted, "other events than the reference reader's")
        self.assertEqual(
            [json.loads(e) for e in heard], [json.loads(e) for e in reference], "other contents"
        )

    def random_cuts(self, make, view, reconnects):
        chance = random.Random("%d %s %s" % (SEED, make.kind, view))
        _, reference = self.newest(view)
        mean = sum(map(len, reference)) / reconnects
        largest = int(2 * mean)
        self.exactly_once(
            make(self.daemon.port, self.views[view], self.beginning),
            view,
            reconnects,
            lambda i: chance.randrange(largest) if i % 10 else chance.randrange(3000),
            lambda i: chance.random() < 0.5,
        )

    def cuts_at_every_byte(self, make, step):
        """One connection for every `step`-th byte of the first events, each from the same place."""
        _, reference = self.newest("all")
        for budget in range(0, 5000, step):
            reader = make(self.daemon.port, self.views["all"], self.beginning)
            reader.run(budget)
            self.assertEqual(reader.events, reference[: len(reader.events)], budget)
            reader.run(4000)
            self.assertEqual(reader.events, reference[: len(reader.events)], budget)


class WebSocketSeam(SeamCase):
    def test_all_events(self):
        self.random_cuts(WebSocketReader, "all", RECONNECTS * 6 // 10)

    def test_own_events(self):
        self.random_cuts(WebSocketReader, "own", RECONNECTS // 10)

    def test_events_of_a_line(self):
        self.random_cuts(WebSocketReader, "by line", RECONNECTS // 10)

    def test_events_of_two_types(self):
        self.random_cuts(WebSocketReader, "by type", RECONNECTS // 10)

    def test_events_without_control(self):
        self.random_cuts(WebSocketReader, "events only", RECONNECTS // 10)

    def test_every_byte_of_the_first_events(self):
        self.cuts_at_every_byte(WebSocketReader, max(1, 13 * 100 // RECONNECTS))


class EventStreamSeam(SeamCase):
    def setUp(self):
        status, _, _ = self.daemon_says()
        if status in (426, 501):
            self.skipTest("no event streams yet: GET /v1/events is answered %d" % status)

    def daemon_says(self):
        with wire.Raw(self.daemon.port) as connection:
            connection.send(
                wire.request(
                    "GET",
                    "/v1/events",
                    [
                        "Accept: text/event-stream",
                        "Authorization: Bearer " + self.views["all"]["token"],
                        "Last-Event-ID: " + self.beginning,
                    ],
                )
            )
            response = wire.read_response(connection.file, head_only=True)
            return response.status, response.headers, b""

    def test_all_events(self):
        self.random_cuts(EventStreamReader, "all", RECONNECTS * 6 // 10)

    def test_own_events(self):
        self.random_cuts(EventStreamReader, "own", RECONNECTS // 10)

    def test_events_of_a_line(self):
        self.random_cuts(EventStreamReader, "by line", RECONNECTS // 10)

    def test_events_of_two_types(self):
        self.random_cuts(EventStreamReader, "by type", RECONNECTS // 10)

    def test_every_byte_of_the_first_events(self):
        self.cuts_at_every_byte(EventStreamReader, max(1, 13 * 100 // RECONNECTS))


class TheEventStreamReader(unittest.TestCase):
    """Shown to work, and to notice, on a server of three lines."""

    def serve(self, lose=None, chunked=False):
        events = [
            json.dumps({"specversion": "1.0", "cursor": "e.%d" % i, "type": "t", "pad": "x" * i})
            for i in range(1, 200)
        ]

        class Server(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("X", "y")))
                self.end_headers()
                after = offset_of(self.headers["Last-Event-ID"])
                with contextlib.suppress(OSError):
                    self.put(": ping\n\n")
                    for i, event in enumerate(events[after:], after + 1):
                        if i != lose:
                            self.put("id: e.%d\nevent: t\ndata: %s\n\n" % (i, event))

            def put(self, text):
                data = text.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.handle_error = lambda *_: None  # connections are cut: that is the point
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port, [e.encode() for e in events]

    def read(self, port):
        chance = random.Random(SEED)
        reader = EventStreamReader(port, {"token": "x"}, "e.0")
        while reader.cursor != "e.199":
            reader.run(chance.randrange(1500), until="e.199")
        return reader.events

    def test_every_event_once_over_any_cuts(self):
        for chunked in (False, True):
            port, events = self.serve(chunked=chunked)
            self.assertEqual(self.read(port), events)

    def test_an_event_that_is_lost_is_missed(self):
        port, events = self.serve(lose=77)
        self.assertEqual(self.read(port), events[:76] + events[77:])


if __name__ == "__main__":
    unittest.main()
