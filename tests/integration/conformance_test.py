#!/usr/bin/env python3
"""RFC 6455 on a raw socket, and what the contract puts on top of it.

Every case is a row of a table: what is sent, what must come, and with which code the connection
must be closed, if at all. A session case runs twice: sent at once, and one byte per send.
"""
import json
import pathlib
import re
import socket
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import raw_websocket as raw  # noqa: E402
import schemas  # noqa: E402
import wire  # noqa: E402
from raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT  # noqa: E402
from raw_websocket import close, fragments, frame, text  # noqa: E402

CONFIG = (
    wire.NATIVE
    + """
[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ["https://crm.example.com"]
"""
)
PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = {1002}, {1007}, {1009}
FRAME_BYTES_MAX = 65536  # welcome.limits.frame_bytes_max; a test holds that it is


def subscribe(name):
    """A message whose answer repeats `name`: the echo of these tests."""
    return b'{"op":"subscribe","id":"%s","filter":{}}' % (
        name.encode() if isinstance(name, str) else name
    )


def echo(name):
    return ("subscribed", name)


def pong(payload=b""):
    return ("pong", payload)


def read_as(frames):
    """Frames in the words of the tables below."""
    out = []
    for opcode, payload in frames:
        if opcode == TEXT:
            message = json.loads(payload)
            op = message.get("op")
            out.append(
                (op, message["id"])
                if op == "subscribed"
                else (op, message["code"])
                if op == "error"
                else (op, None)
            )
        else:
            out.append((raw.NAMES[opcode], payload))
    return out


class ConformanceCase(unittest.TestCase):
    cases = 0  # of all classes; printed at the end

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(CONFIG))
        cls.token = wire.token("alice", "events:org")

    @classmethod
    def tearDownClass(cls):
        status, _, _ = cls.daemon.http("GET", "/livez")
        assert status == 200, "the daemon does not answer any more"

    def case(self, **names):
        ConformanceCase.cases += 1
        return self.subTest(**names)

    def connected(self, hello=True):
        ws = raw.RawWebSocket(self.daemon.port)
        self.addCleanup(ws.socket.close)
        ws.upgrade()
        if hello:
            ws.hello(token=self.token)
        return ws

    def until_sentinel(self, ws):
        """What came before the echo of a message sent now."""
        ws.send(text(subscribe("sentinel")))
        out = []
        while True:
            got = ws.frame()
            self.assertIsNotNone(got, "the connection ended after %r" % (out,))
            self.assertNotEqual(got[0], CLOSE, "closed with %s" % raw.close_code(got[1]))
            words = read_as([got])
            if words == [echo("sentinel")]:
                return out
            out += words

    def goes_on(self, data, expected, deliver=raw.RawWebSocket.send):
        """`data` is fine: exactly `expected` is said, the connection works, and closes cleanly."""
        with self.connected() as ws:
            deliver(ws, data)
            self.assertEqual(self.until_sentinel(ws), expected)
            ws.send(close(1000))
            frames, closing = ws.read_to_end()
            self.assertEqual((frames, raw.close_code(closing or b"")), ([], 1000))

    def ends(self, data, expected, codes, deliver=raw.RawWebSocket.send):
        """`data` ends the connection with one of `codes`, after exactly `expected`."""
        with self.connected() as ws:
            deliver(ws, data)
            frames, closing = ws.read_to_end()
            self.assertEqual(read_as(frames), expected)
            self.assertIsNotNone(closing, "the connection ended without a close frame")
            self.assertIn(raw.close_code(closing), codes)
            closing[2:].decode()

    def run_table(self, table, codes=None):
        """Rows (name, data, expected[, codes]). Without codes the connection goes on."""
        for name, data, expected, *more in table:
            for how, deliver in (
                ("at once", raw.RawWebSocket.send),
                ("byte by byte", raw.RawWebSocket.send_byte_by_byte),
            ):
                if how == "byte by byte" and len(data) > 3000:
                    continue
                with self.case(case=name, sent=how):
                    end = more[0] if more else codes
                    if end is None:
                        self.goes_on(data, expected, deliver)
                    else:
                        self.ends(data, expected, end, deliver)


class Handshake(ConformanceCase):
    """RFC 6455 section 4.2, RFC 9110 section 7.8."""

    def answer(self, request, deliver=raw.RawWebSocket.send):
        ws = raw.RawWebSocket(self.daemon.port)
        self.addCleanup(ws.socket.close)
        deliver(ws, request)
        status, headers = ws.response()
        return ws, status, headers

    def accepted(self, request, deliver=raw.RawWebSocket.send, key=raw.KEY):
        ws, status, headers = self.answer(request, deliver)
        with ws:
            self.assertEqual(status, 101, headers)
            found = dict(headers)
            self.assertEqual(len(found), len(headers), "a header twice: %s" % headers)
            self.assertEqual(found.get("upgrade", "").lower(), "websocket")
            self.assertIn("upgrade", re.split(r"\s*,\s*", found.get("connection", "").lower()))
            self.assertEqual(found.get("sec-websocket-accept"), raw.accept_of(key))
            self.assertNotIn("sec-websocket-extensions", found, "none is granted")
            self.assertNotIn("content-length", found, "RFC 9110 section 8.6")
            self.assertNotIn("transfer-encoding", found)
            self.assertEqual(ws.hello(token=self.token)["op"], "welcome")
            self.assertEqual(self.until_sentinel(ws), [])
            return found

    def refused(self, request, statuses):
        ws, status, headers = self.answer(request)
        with ws:
            self.assertIn(status, statuses, headers)
            self.assertNotIn("sec-websocket-accept", dict(headers))
            return dict(headers)

    def test_handshakes_that_are_right(self):
        request = raw.upgrade_request
        for name, data in {
            "plain": request(),
            "Upgrade in another case": request(upgrade=("upgrade: WebSocket",)),
            "Upgrade in capitals": request(upgrade=("UPGRADE: WEBSOCKET",)),
            "Upgrade among others": request(upgrade=("Upgrade: h2c, websocket",)),
            "Connection in another case": request(connection=("connection: upgrade",)),
            "Connection in capitals": request(connection=("CONNECTION: UPGRADE",)),
            "Connection as Firefox sends it": request(
                connection=("Connection: keep-alive, Upgrade",)
            ),
            "Connection without a space": request(connection=("Connection: keep-alive,Upgrade",)),
            "Connection in two lines": request(
                connection=("Connection: keep-alive", "Connection: Upgrade")
            ),
            "header names in lower case": request(
                key=("sec-websocket-key: " + raw.KEY,), ws_version=("sec-websocket-version: 13",)
            ),
            "white space around values": request(
                upgrade=("Upgrade:   websocket  ",),
                key=("Sec-WebSocket-Key:\t" + raw.KEY + " \t",),
                ws_version=("Sec-WebSocket-Version:13",),
            ),
            "a query": request(path="/v1/events?a=b"),
            "the origin of a client": request(more=("Origin: https://crm.example.com",)),
            "a Host with the port": request(host="127.0.0.1:%d" % self.daemon.port),
            "permessage-deflate offered": request(
                more=("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
            ),
            "several extensions offered": request(
                more=(
                    "Sec-WebSocket-Extensions: permessage-deflate, x-webkit-deflate-frame",
                    'Sec-WebSocket-Extensions: bbf-usp-protocol; eid="a b"',
                )
            ),
            "an unknown extension": request(more=("Sec-WebSocket-Extensions: x-nonsense",)),
            "cookies and other headers": request(
                more=("Cookie: a=b; c=d", "User-Agent: x", "Pragma: no-cache", "DNT: 1")
            ),
        }.items():
            with self.case(handshake=name):
                self.accepted(data)

    def test_the_accept_value_belongs_to_the_key(self):
        for key in (
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "/////////////////////w==",
            "x3JJHMbDL1EzLkh9GBhXDw==",
        ):
            with self.case(key=key):
                self.accepted(raw.upgrade_request(key=("Sec-WebSocket-Key: " + key,)), key=key)

    def test_one_byte_per_send(self):
        for more in ((), ("Sec-WebSocket-Protocol: hookswitch.v1",)):
            with self.case(more=more):
                self.accepted(
                    raw.upgrade_request(more=more), raw.RawWebSocket.send_byte_by_byte
                )

    def test_frames_right_behind_the_handshake(self):
        hello = text({"op": "hello", "token": self.token})
        sentinel = text(subscribe("a"))
        for name, parts in {
            "hello": [raw.upgrade_request() + hello, sentinel],
            "hello and more": [raw.upgrade_request() + hello + sentinel],
            "half of hello": [raw.upgrade_request() + hello[:20], hello[20:] + sentinel],
            "one byte of hello": [raw.upgrade_request() + hello[:1], hello[1:] + sentinel],
            "the handshake's last byte with hello": [
                raw.upgrade_request()[:-1],
                raw.upgrade_request()[-1:] + hello + sentinel,
            ],
        }.items():
            with self.case(pipelined=name), raw.RawWebSocket(self.daemon.port) as ws:
                for part in parts:
                    ws.send(part)
                self.assertEqual(ws.response()[0], 101)
                self.assertEqual(ws.json()["op"], "welcome")
                self.assertEqual(read_as([ws.frame()]), [echo("a")])
        with self.case(pipelined="a ping before hello"), raw.RawWebSocket(self.daemon.port) as ws:
            ws.send(raw.upgrade_request() + frame(PING, b"early"))
            self.assertEqual(ws.response()[0], 101)
            self.assertEqual(ws.frame(), (PONG, b"early"))

    def test_all_of_it_one_byte_per_send(self):
        with self.case(), raw.RawWebSocket(self.daemon.port) as ws:
            ws.send_byte_by_byte(
                raw.upgrade_request()
                + text({"op": "hello", "token": self.token})
                + frame(PING, b"p")
                + fragments(subscribe("a"), (3, 0, 7))
                + close(1001)
            )
            self.assertEqual(ws.response()[0], 101)
            frames, closing = ws.read_to_end()
            self.assertEqual(read_as(frames), [("welcome", None), pong(b"p"), echo("a")])
            self.assertEqual(raw.close_code(closing), 1001)

    def test_a_version_that_is_not_13_is_told_which_is(self):
        for version in ("0", "7", "8", "12", "14", "99", "255"):
            with self.case(version=version):
                headers = self.refused(
                    raw.upgrade_request(ws_version=("Sec-WebSocket-Version: " + version,)), {426}
                )
                self.assertEqual(headers.get("sec-websocket-version"), "13")

    def test_handshakes_that_are_wrong(self):
        request = raw.upgrade_request
        key = "Sec-WebSocket-Key: "
        bad = {400}
        for name, data, statuses in (
            ("no version", request(ws_version=()), {400, 426}),
            ("an empty version", request(ws_version=("Sec-WebSocket-Version: ",)), {400, 426}),
            (
                "a version that is no number",
                request(ws_version=("Sec-WebSocket-Version: x",)),
                {400, 426},
            ),
            (
                "the version twice",
                request(ws_version=("Sec-WebSocket-Version: 13",) * 2),
                {400, 426},
            ),
            (
                "a version with a sign",
                request(ws_version=("Sec-WebSocket-Version: +13",)),
                {400, 426},
            ),
            (
                "a version with a zero",
                request(ws_version=("Sec-WebSocket-Version: 013",)),
                {400, 426},
            ),
            ("no key", request(key=()), bad),
            ("an empty key", request(key=(key,)), bad),
            ("a key of 15 bytes", request(key=(key + "AAAAAAAAAAAAAAAAAAAA",)), bad),
            ("a key of 17 bytes", request(key=(key + "AAAAAAAAAAAAAAAAAAAAAAA=",)), bad),
            ("a key that is no base64", request(key=(key + "!!!!!!!!!!!!!!!!!!!!!!==",)), bad),
            ("a key without its padding", request(key=(key + "dGhlIHNhbXBsZSBub25jZQ",)), bad),
            ("a very long key", request(key=(key + "A" * 4000,)), bad),
            ("the key twice", request(key=(key + raw.KEY,) * 2), bad),
            ("no Upgrade", request(upgrade=()), {400, 426}),
            ("Upgrade to something else", request(upgrade=("Upgrade: h2c",)), {400, 426}),
            ("Upgrade to almost that", request(upgrade=("Upgrade: websockets",)), {400, 426}),
            ("no Connection", request(connection=()), {400, 426}),
            ("Connection: close", request(connection=("Connection: close",)), {400, 426}),
            ("Connection: almost that", request(connection=("Connection: upgraded",)), {400, 426}),
            ("HTTP/1.0", request(version="HTTP/1.0"), {400, 426, 505}),
            ("HTTP/2.0", request(version="HTTP/2.0"), {400, 426, 505}),
            ("no Host", request(host=None), bad),
            ("two Hosts", request(more=("Host: 127.0.0.1",)), bad),
            (
                "a page of another name for us",
                request(host="evil.example", more=("Origin: http://evil.example",)),
                {403, 421},
            ),
            ("POST", request(method="POST", more=("Content-Length: 0",)), {400, 405}),
            ("PUT", request(method="PUT", more=("Content-Length: 0",)), {400, 405}),
            ("HEAD", request(method="HEAD"), {400, 405, 426}),
            ("a folded header", request(connection=("Connection: keep-alive,", " Upgrade")), bad),
            ("a space before the colon", request(connection=("Connection : Upgrade",)), bad),
            ("a bare line feed", request(more=("X-Y: a\nX-Z: b",)), bad),
            ("a NUL in a header", request(more=("X-Y: a\0b",)), bad),
            ("a header over the limit", request(more=("X-Y: " + "y" * 17000,)), {431}),
            (
                "an origin that is not listed",
                request(more=("Origin: https://evil.example",)),
                {403},
            ),
            ("an origin that is null", request(more=("Origin: null",)), {403}),
            ("another path", request(path="/v1/nowhere"), {404}),
            ("a path below", request(path="/v1/events/x"), {404}),
            ("a path of something else", request(path="/v1/calls"), {200, 400, 401, 404, 426}),
            (
                "an unknown transfer coding",
                request(more=("Transfer-Encoding: gzip, chunked",)),
                bad,
            ),
        ):
            with self.case(handshake=name):
                headers = self.refused(data, statuses)
                if name in ("POST", "PUT"):
                    self.assertIn("GET", headers.get("allow", ""))

    def test_a_body_is_never_taken_for_frames(self):
        ping = frame(PING, b"smuggled")
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ping), ping)
        for name, data in {
            "Content-Length": raw.upgrade_request(more=("Content-Length: %d" % len(ping),)) + ping,
            "chunked": raw.upgrade_request(more=("Transfer-Encoding: chunked",)) + chunk,
        }.items():
            with self.case(body=name):
                ws, status, _ = self.answer(data)
                with ws:
                    if status == 101:
                        ws.hello(token=self.token)  # fails if a pong comes first
                    else:
                        self.assertIn(status, (400, 413, 426))

    def test_the_subprotocol_is_one_that_was_offered(self):
        line = "Sec-WebSocket-Protocol: "
        for name, more, chosen in (
            ("none", (), {None}),
            ("ours", (line + "hookswitch.v1",), {"hookswitch.v1"}),
            ("events only", (line + "cloudevents.json",), {"cloudevents.json"}),
            ("ours behind an unknown", (line + "chat, hookswitch.v1",), {"hookswitch.v1"}),
            ("ours before an unknown", (line + "hookswitch.v1,chat",), {"hookswitch.v1"}),
            ("in two lines", (line + "chat", line + "hookswitch.v1"), {"hookswitch.v1"}),
            (
                "two of ours",
                (line + "cloudevents.json, hookswitch.v1",),
                {"cloudevents.json", "hookswitch.v1"},
            ),
            ("with empty members", (line + ", ,hookswitch.v1,,",), {"hookswitch.v1"}),
            ("a page's", (line + "opencti-dialpad",), {"opencti-dialpad"}),
            ("another page's", (line + "elma365",), {"elma365"}),
        ):
            with self.case(offered=name):
                ws, status, headers = self.answer(raw.upgrade_request(more=more))
                with ws:
                    self.assertEqual(status, 101)
                    found = [v for n, v in headers if n == "sec-websocket-protocol"]
                    self.assertLessEqual(len(found), 1)
                    self.assertIn(found[0] if found else None, chosen)

    def test_a_subprotocol_that_nobody_knows_is_not_confirmed(self):
        """Either the upgrade is refused, or no subprotocol is named and the client gives up."""
        for name in ("chat", "HOOKSWITCH.V1", "hookswitch", "hookswitch.v1x", "hookswitch.v2"):
            with self.case(offered=name):
                ws, status, headers = self.answer(
                    raw.upgrade_request(more=("Sec-WebSocket-Protocol: " + name,))
                )
                with ws:
                    self.assertIn(status, (101, 400))
                    self.assertNotIn("sec-websocket-protocol", dict(headers))


class Frames(ConformanceCase):
    """RFC 6455 section 5."""

    def test_fragmented_messages(self):
        whole = subscribe("a")
        n = len(whole)
        rows = [
            ("%d fragments" % (len(sizes) + 1), fragments(whole, sizes), [echo("a")])
            for sizes in ((), (5,), (5, 5), (1, 2, 3, 4), (4,) * 8, (1,) * (n - 1))
        ]
        rows += [
            ("an empty first fragment", fragments(whole, (0,)), [echo("a")]),
            ("an empty last fragment", fragments(whole, (n,)), [echo("a")]),
            ("an empty fragment in the middle", fragments(whole, (5, 0)), [echo("a")]),
            (
                "empty fragments all over",
                fragments(whole, (0, 0, 5, 0, 0, 6, 0, n - 11, 0)),
                [echo("a")],
            ),
            ("a thousand empty fragments", fragments(whole, (3,) + (0,) * 1000), [echo("a")]),
            (
                "two fragmented messages",
                fragments(subscribe("a"), (7, 7)) + fragments(subscribe("b"), (1,)),
                [echo("a"), echo("b")],
            ),
            (
                "a whole message behind a fragmented one",
                fragments(subscribe("a"), (7,)) + text(subscribe("b")),
                [echo("a"), echo("b")],
            ),
            (
                "a fragment of 300 bytes",
                fragments(b" " * 300 + subscribe("a"), (300,)),
                [echo("a")],
            ),
            (
                "fragments of 60,000 bytes",
                fragments(b" " * 60_000 + subscribe("a"), (20_000, 20_000, 20_000)),
                [echo("a")],
            ),
        ]
        self.run_table(rows)

    def test_control_frames_between_fragments(self):
        whole = subscribe("a")
        ping, unsolicited = frame(PING, b"p"), frame(PONG, b"q")
        first, last = frame(TEXT, whole[:9], fin=False), frame(CONTINUATION, whole[9:])
        self.run_table(
            [
                ("a ping", first + ping + last, [pong(b"p"), echo("a")]),
                ("an empty ping", first + frame(PING) + last, [pong(), echo("a")]),
                ("a pong", first + unsolicited + last, [echo("a")]),
                (
                    "a ping of 125 bytes",
                    first + frame(PING, b"p" * 125) + last,
                    [pong(b"p" * 125), echo("a")],
                ),
                (
                    "pings in order",
                    first + b"".join(frame(PING, b"%d" % i) for i in range(10)) + last,
                    [*(pong(b"%d" % i) for i in range(10)), echo("a")],
                ),
                (
                    "a ping at every seam",
                    fragments(whole, (5,) * 5, between=(ping,)),
                    [pong(b"p")] * 5 + [echo("a")],
                ),
                (
                    "a ping and a pong at every seam",
                    fragments(whole, (5,) * 5, between=(ping, unsolicited)),
                    [pong(b"p")] * 5 + [echo("a")],
                ),
            ]
        )
        self.run_table(
            [("a close: the message is dropped", first + close(1000) + last, [], {1000})]
        )

    def test_fragments_that_do_not_fit(self):
        whole, n = subscribe("a"), 9
        first = frame(TEXT, whole[:n], fin=False)
        fitting = frame(CONTINUATION, whole[n:])
        rest = frame(CONTINUATION, whole[n:], fin=False)
        self.run_table(
            [
                ("a last continuation of nothing", frame(CONTINUATION, whole), []),
                ("a continuation of nothing", frame(CONTINUATION, whole, fin=False), []),
                ("an empty continuation of nothing", frame(CONTINUATION), []),
                ("a continuation of nothing, then a text", frame(CONTINUATION) + text(whole), []),
                ("a continuation behind a ping", frame(PONG) + frame(CONTINUATION, whole), []),
                ("a text within a text", first + text(whole), []),
                ("an unfinished text within a text", first + frame(TEXT, whole, fin=False), []),
                ("a binary within a text", first + frame(BINARY, whole), []),
                ("a text within a text, later", first + rest + text(whole), []),
                ("an empty text within a text", first + frame(TEXT), []),
            ],
            PROTOCOL_ERROR,
        )
        # What was finished before is answered or not: the connection has failed (section 7.1.7).
        for name, data in (("the end of a message twice", first + fitting + fitting),):
            with self.case(case=name), self.connected() as ws:
                ws.send(data)
                _, closing = ws.read_to_end()
                self.assertEqual(raw.close_code(closing or b""), 1002)

    def test_reserved_opcodes(self):
        self.run_table(
            [
                ("opcode %d %s" % (opcode, name), frame(opcode, payload, fin=fin), [])
                for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
                for name, payload, fin in (
                    ("empty", b"", True),
                    ("with a payload", b"x" * 20, True),
                    ("unfinished", b"x", False),
                )
            ],
            PROTOCOL_ERROR,
        )

    def test_a_reserved_opcode_between_fragments(self):
        first = frame(TEXT, subscribe("a")[:9], fin=False)
        self.run_table(
            [
                ("opcode %d" % opcode, first + frame(opcode), [])
                for opcode in (3, 7, 11, 15)
            ],
            PROTOCOL_ERROR,
        )

    def test_reserved_bits(self):
        whole = subscribe("a")
        first = frame(TEXT, whole[:9], fin=False)
        for rsv in range(1, 8):
            self.run_table(
                [
                    ("text, bits %d" % rsv, frame(TEXT, whole, rsv=rsv), []),
                    ("unfinished text, bits %d" % rsv, frame(TEXT, whole, fin=False, rsv=rsv), []),
                    ("binary, bits %d" % rsv, frame(BINARY, whole, rsv=rsv), []),
                    (
                        "continuation, bits %d" % rsv,
                        first + frame(CONTINUATION, whole[9:], rsv=rsv),
                        [],
                    ),
                    ("ping, bits %d" % rsv, frame(PING, b"x", rsv=rsv), []),
                    ("pong, bits %d" % rsv, frame(PONG, b"x", rsv=rsv), []),
                    ("close, bits %d" % rsv, frame(CLOSE, b"\x03\xe8", rsv=rsv), []),
                ],
                PROTOCOL_ERROR,
            )

    def test_frames_that_are_not_masked(self):
        whole = subscribe("a")
        first = frame(TEXT, whole[:9], fin=False)
        self.run_table(
            [
                ("text", frame(TEXT, whole, mask=False), []),
                ("an empty text", frame(TEXT, mask=False), []),
                ("an unfinished text", frame(TEXT, whole, fin=False, mask=False), []),
                ("a long text", frame(TEXT, b" " * 300 + whole, mask=False), []),
                ("binary", frame(BINARY, whole, mask=False), []),
                ("a continuation", first + frame(CONTINUATION, whole[9:], mask=False), []),
                ("ping", frame(PING, b"x", mask=False), []),
                ("an empty ping", frame(PING, mask=False), []),
                ("pong", frame(PONG, b"x", mask=False), []),
                ("close", frame(CLOSE, b"\x03\xe8", mask=False), []),
                ("an empty close", frame(CLOSE, mask=False), []),
            ],
            PROTOCOL_ERROR,
        )

    def test_control_frames_that_are_too_long_or_in_pieces(self):
        reason = b"\x03\xe8" + b"r" * 124
        self.run_table(
            [
                ("a ping of 126 bytes", frame(PING, b"x" * 126), []),
                ("a ping of 127 bytes", frame(PING, b"x" * 127), []),
                ("a ping of 1,000 bytes", frame(PING, b"x" * 1000), []),
                ("a ping of 70,000 bytes", frame(PING, b"", length=70_000), []),
                ("a pong of 126 bytes", frame(PONG, b"x" * 126), []),
                ("a close of 126 bytes", frame(CLOSE, reason), []),
                ("a close of 65,536 bytes", frame(CLOSE, b"", length=65_536), []),
                ("a ping of 5 bytes in 16 bits", frame(PING, b"x" * 5, length_bytes=2), []),
                ("a ping of 5 bytes in 64 bits", frame(PING, b"x" * 5, length_bytes=8), []),
                ("an unfinished ping", frame(PING, b"x", fin=False), []),
                ("an unfinished empty ping", frame(PING, fin=False), []),
                ("an unfinished pong", frame(PONG, b"x", fin=False), []),
                ("an unfinished close", frame(CLOSE, b"\x03\xe8", fin=False), []),
                (
                    "a ping in two pieces",
                    frame(PING, b"x", fin=False) + frame(CONTINUATION, b"y"),
                    [],
                ),
                (
                    "an unfinished ping between fragments",
                    frame(TEXT, b"{", fin=False) + frame(PING, b"x", fin=False),
                    [],
                ),
            ],
            PROTOCOL_ERROR,
        )

    def test_lengths_that_are_not_the_shortest(self):
        whole = subscribe("a")
        long = b" " * 300 + whole
        self.run_table(
            [
                ("0 bytes in 16 bits", frame(TEXT, length_bytes=2), []),
                ("0 bytes in 64 bits", frame(TEXT, length_bytes=8), []),
                ("a text in 16 bits", frame(TEXT, whole, length_bytes=2), []),
                ("a text in 64 bits", frame(TEXT, whole, length_bytes=8), []),
                ("125 bytes in 16 bits", frame(TEXT, b" " * 125, length_bytes=2), []),
                ("126 bytes in 64 bits", frame(TEXT, b" " * 126, length_bytes=8), []),
                ("300 bytes in 64 bits", frame(TEXT, long, length_bytes=8), []),
                ("65,535 bytes in 64 bits", frame(TEXT, length_bytes=8, length=65_535), []),
                (
                    "a continuation in 16 bits",
                    frame(TEXT, whole[:9], fin=False)
                    + frame(CONTINUATION, whole[9:], length_bytes=2),
                    [],
                ),
            ],
            PROTOCOL_ERROR,
        )

    def test_lengths_at_their_borders(self):
        rows = []
        for size in (124, 125, 126, 127, 128, 65_534, 65_535, FRAME_BYTES_MAX):
            whole = subscribe("a")
            rows.append(
                ("%d bytes" % size, text(b" " * (size - len(whole)) + whole), [echo("a")])
            )
        self.run_table(rows)

    def test_messages_over_the_limit(self):
        """Only the length is sent: it is refused without waiting for what it announces."""
        half = frame(TEXT, b" " * (FRAME_BYTES_MAX // 2), fin=False)
        more = frame(CONTINUATION, b" " * (FRAME_BYTES_MAX // 2), fin=False)
        self.run_table(
            [
                ("one byte over", frame(TEXT, length=FRAME_BYTES_MAX + 1), []),
                ("1 MiB", frame(TEXT, length=1 << 20), []),
                ("4 GiB", frame(TEXT, length=1 << 32), []),
                ("2^62", frame(TEXT, length=1 << 62), []),
                ("2^63 - 1", frame(TEXT, length=(1 << 63) - 1), []),
                ("a whole message one byte over", text(b" " * (FRAME_BYTES_MAX + 1)), []),
                ("the second fragment is over", half + more + frame(CONTINUATION, b" "), []),
                ("the announced fragment is over", half + frame(CONTINUATION, length=40_000), []),
                (
                    "many small fragments",
                    frame(TEXT, fin=False)
                    + frame(CONTINUATION, b" " * 120, fin=False) * (FRAME_BYTES_MAX // 120 + 1),
                    [],
                ),
            ],
            TOO_BIG,
        )

    def test_a_length_with_the_highest_bit(self):
        self.run_table(
            [
                ("2^63", frame(TEXT, length=1 << 63), []),
                ("2^64 - 1", frame(TEXT, length=(1 << 64) - 1), []),
                ("2^63 + 5", frame(TEXT, length=(1 << 63) + 5), []),
                (
                    "in a continuation",
                    frame(TEXT, b"{", fin=False) + frame(CONTINUATION, length=1 << 63),
                    [],
                ),
            ],
            PROTOCOL_ERROR | TOO_BIG,
        )

    def test_many_frames_at_once_are_answered_in_order(self):
        names = ["n%d" % i for i in range(60)]
        burst = b"".join(text(subscribe(n)) + frame(PING, n.encode()) for n in names)
        texts = b"".join(text(subscribe(n)) for n in names)
        self.run_table([("60 texts", texts, [echo(n) for n in names])])
        with self.case(case="60 texts and 60 pings"), self.connected() as ws:
            ws.send(burst)
            got = self.until_sentinel(ws)
            self.assertEqual([g for g in got if g[0] == "subscribed"], [echo(n) for n in names])
            self.assertEqual([g for g in got if g[0] == "pong"], [pong(n.encode()) for n in names])

    def test_frames_cut_anywhere(self):
        """Two frames in two sends, cut at every byte."""
        data = text(subscribe("a")) + frame(PING, b"p" * 20) + fragments(subscribe("b"), (9,))
        for at in range(1, len(data)):
            with self.case(cut=at), self.connected() as ws:
                ws.send(data[:at])
                ws.send(data[at:])
                got = self.until_sentinel(ws)
                self.assertEqual([g for g in got if g[0] == "subscribed"], [echo("a"), echo("b")])
                self.assertEqual([g for g in got if g[0] == "pong"], [pong(b"p" * 20)])

    def test_a_binary_message_is_refused_as_unsupported(self):
        """proto/errors.md: unsupported_media_type closes with 1003."""
        self.run_table(
            [
                ("small", frame(BINARY, subscribe("a")), [], {1003}),
                ("empty", frame(BINARY), [], {1003}),
                ("not UTF-8", frame(BINARY, b"\xff\xfe"), [], {1003}),
                ("in fragments", fragments(subscribe("a"), (4, 4), opcode=BINARY), [], {1003}),
                (
                    "behind a text that is answered",
                    text(subscribe("a")) + frame(BINARY, b"x"),
                    [echo("a")],
                    {1003},
                ),
            ]
        )


class PingPong(ConformanceCase):
    """RFC 6455 sections 5.5.2 and 5.5.3."""

    def test_a_pong_carries_what_the_ping_carried(self):
        with self.connected() as ws:
            for size in range(126):
                with self.case(bytes=size):
                    payload = bytes((size * 7 + i) % 256 for i in range(size))
                    ws.send(frame(PING, payload))
                    self.assertEqual(ws.frame(), (PONG, payload))

    def test_before_hello_too(self):
        for payload in (b"", b"x", b"\xff" * 125):
            with self.case(payload=payload[:4]), self.connected(hello=False) as ws:
                ws.send(frame(PING, payload))
                self.assertEqual(ws.frame(), (PONG, payload))
                self.assertEqual(ws.hello(token=self.token)["op"], "welcome")

    def test_order(self):
        self.run_table(
            [
                (
                    "50 pings",
                    b"".join(frame(PING, b"%d" % i) for i in range(50)),
                    [pong(b"%d" % i) for i in range(50)],
                ),
                ("the same ping twice", frame(PING, b"x") * 2, [pong(b"x")] * 2),
            ]
        )

    def test_pongs_that_nobody_asked_for(self):
        self.run_table(
            [
                ("empty", frame(PONG), []),
                ("small", frame(PONG, b"x"), []),
                ("of 125 bytes", frame(PONG, b"x" * 125), []),
                ("ten", frame(PONG, b"x") * 10, []),
                (
                    "around a ping",
                    frame(PONG, b"x") + frame(PING, b"y") + frame(PONG),
                    [pong(b"y")],
                ),
                ("before a text", frame(PONG) + text(subscribe("a")), [echo("a")]),
            ]
        )


class Closing(ConformanceCase):
    """RFC 6455 sections 5.5.1 and 7, and the IANA registry of close codes."""

    def test_codes_that_may_be_sent_are_echoed(self):
        for code in (*range(1000, 1004), *range(1007, 1012), 3000, 3001, 3999, 4000, 4001, 4999):
            self.run_table([("code %d" % code, close(code), [], {code})])

    def test_codes_of_the_registry_that_came_later(self):
        """1012-1014 are IANA's, not the RFC's: an echo or a protocol error."""
        for code in (1012, 1013, 1014):
            self.run_table([("code %d" % code, close(code), [], {code, 1002})])

    def test_codes_that_may_not_be_sent(self):
        self.run_table(
            [
                ("code %d" % code, close(code), [])
                for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999)
            ],
            PROTOCOL_ERROR,
        )

    def test_codes_beyond_all_ranges(self):
        self.run_table(
            [("code %d" % code, close(code), []) for code in (5000, 5001, 65535)],
            PROTOCOL_ERROR,
        )

    def test_payloads(self):
        self.run_table(
            [
                ("with a reason", close(1000, "bye"), [], {1000}),
                ("with the longest reason", close(1000, "r" * 123), [], {1000}),
                ("with a reason beyond ASCII", close(4000, "Grüße, 世界 🎉"), [], {4000}),
                ("one byte", frame(CLOSE, b"\x03"), [], PROTOCOL_ERROR),
                ("one byte, zero", frame(CLOSE, b"\0"), [], PROTOCOL_ERROR),
            ]
        )
        self.run_table(
            [
                ("a reason that is no UTF-8", close(1000, b"\xff"), []),
                ("a reason that is cut", close(1000, "世".encode()[:2]), []),
                ("a reason with an overlong form", close(1000, b"a\xc0\xafb"), []),
                ("a reason with a surrogate", close(1000, b"\xed\xa0\x80"), []),
                ("a reason above U+10FFFF", close(1000, b"\xf4\x90\x80\x80"), []),
            ],
            NOT_UTF8 | PROTOCOL_ERROR,  # section 8.1 wants an end and names no code for it
        )

    def test_an_empty_close_is_answered(self):
        for how in ("send", "send_byte_by_byte"):
            with self.case(sent=how), self.connected() as ws:
                getattr(ws, how)(close())
                frames, closing = ws.read_to_end()
                self.assertEqual(frames, [])
                self.assertIn(raw.close_code(closing), (None, 1000))

    def test_before_hello(self):
        with self.case(), self.connected(hello=False) as ws:
            ws.send(close(1000))
            frames, closing = ws.read_to_end()
            self.assertEqual((frames, raw.close_code(closing)), ([], 1000))

    def test_what_follows_a_close_is_ignored(self):
        self.run_table(
            [
                ("a text", close(1000) + text(subscribe("a")), [], {1000}),
                ("a ping", close(1000) + frame(PING, b"x"), [], {1000}),
                ("another close", close(1000) + close(1001), [], {1000}),
                ("a reserved opcode", close(1000) + frame(3), [], {1000}),
                ("reserved bits", close(1000) + text(b"x", rsv=7), [], {1000}),
                ("no UTF-8", close(1000) + text(b"\xff"), [], {1000}),
                ("bytes that are no frames", close(1000) + b"\xff" * 50, [], {1000}),
                ("a long text", close(1000) + text(b" " * 60_000), [], {1000}),
            ]
        )

    def test_a_ping_before_a_close_is_answered(self):
        """Section 5.5.2. Texts may go unanswered, for the client has taken its leave; those that
        are answered are the first ones, in order."""
        self.run_table([("a ping", frame(PING, b"x") + close(1000), [pong(b"x")], {1000})])
        for n in (1, 30):
            names = ["n%d" % i for i in range(n)]
            with self.case(texts=n), self.connected() as ws:
                ws.send(b"".join(text(subscribe(name)) for name in names) + close(1000))
                frames, closing = ws.read_to_end()
                self.assertEqual(raw.close_code(closing), 1000)
                self.assertEqual(read_as(frames), [echo(n) for n in names][: len(frames)])

    def test_a_client_that_just_leaves_harms_nobody(self):
        for name, data in {
            "at once": b"",
            "within a header": b"\x81",
            "within a length": b"\x81\xfe\x01",
            "within a mask": b"\x81\x85ab",
            "within a payload": text(subscribe("a"))[:-3],
            "within a message": frame(TEXT, b"{", fin=False),
        }.items():
            for reset in (False, True):
                with self.case(left=name, reset=reset), self.connected() as other:
                    ws = self.connected()
                    ws.send(data)
                    if reset:
                        linger = b"\1\0\0\0\0\0\0\0"
                        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    ws.socket.close()
                    self.assertEqual(self.until_sentinel(other), [])


VALID = {
    "U+0080": "\u0080",
    "U+07FF": "\u07ff",
    "U+0800": "\u0800",
    "U+D7FF": "\ud7ff",
    "U+E000": "\ue000",
    "U+FFFD": "\ufffd",
    "U+FFFE, no character but valid": "\ufffe",
    "U+FFFF, no character but valid": "\uffff",
    "U+10000": "\U00010000",
    "U+1F389": "\U0001f389",
    "U+10FFFF": "\U0010ffff",
    "a byte-order mark inside": "a\ufeffb",
    "words": "κόσμε Grüße 世界",
}
INVALID = {
    "a lone 80": b"\x80",
    "a lone BF": b"\xbf",
    "six continuations": b"\x80\xbf\x80\xbf\x80\xbf",
    "overlong / in 2": b"\xc0\xaf",
    "overlong NUL in 2": b"\xc0\x80",
    "overlong U+007F": b"\xc1\xbf",
    "overlong / in 3": b"\xe0\x80\xaf",
    "overlong U+07FF": b"\xe0\x9f\xbf",
    "overlong / in 4": b"\xf0\x80\x80\xaf",
    "overlong U+FFFF": b"\xf0\x8f\xbf\xbf",
    "surrogate D800": b"\xed\xa0\x80",
    "surrogate DBFF": b"\xed\xaf\xbf",
    "surrogate DC00": b"\xed\xb0\x80",
    "surrogate DFFF": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "U+110000": b"\xf4\x90\x80\x80",
    "F5": b"\xf5\x80\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "FE": b"\xfe",
    "FF": b"\xff",
    "2 bytes, cut": b"\xce",
    "3 bytes, cut after 1": b"\xe4",
    "3 bytes, cut after 2": b"\xe4\xb8",
    "4 bytes, cut after 1": b"\xf0",
    "4 bytes, cut after 2": b"\xf0\x9f",
    "4 bytes, cut after 3": b"\xf0\x9f\x8e",
    "Latin-1": b"M\xfcller",
    "CESU-8": b"\xed\xa0\xbc\xed\xbe\x89",
}


class Utf8(ConformanceCase):
    """RFC 6455 section 8.1, RFC 3629."""

    def test_valid_text_arrives_as_it_is(self):
        self.run_table(
            [(name, text(subscribe(value)), [echo(value)]) for name, value in VALID.items()]
        )

    def test_valid_text_cut_within_its_characters(self):
        for name, value in VALID.items():
            whole = subscribe(value)
            start = whole.index(value.encode())
            for at in range(start + 1, start + len(value.encode())):
                with self.case(text=name, cut=at):
                    self.goes_on(fragments(whole, (at,)), [echo(value)])
            with self.case(text=name, cut="everywhere, with pings"):
                cuts = (1,) * (len(whole) - 1)
                with self.connected() as ws:
                    ws.send(fragments(whole, cuts, between=(frame(PING),)))
                    got = self.until_sentinel(ws)
                    self.assertEqual(got, [pong()] * len(cuts) + [echo(value)])

    def test_invalid_text(self):
        self.run_table(
            [(name, text(subscribe(b"a" + value + b"b")), []) for name, value in INVALID.items()],
            NOT_UTF8,
        )

    def test_invalid_text_that_is_no_message_either(self):
        self.run_table([(name, text(value), []) for name, value in INVALID.items()], NOT_UTF8)

    def test_invalid_text_before_hello(self):
        for name, value in (("FF", b"\xff"), ("cut", b"{\xe4\xb8")):
            with self.case(text=name), self.connected(hello=False) as ws:
                ws.send(text(value))
                self.assertEqual(raw.close_code(ws.read_to_end()[1] or b""), 1007)

    def test_invalid_text_in_fragments(self):
        for name, value in INVALID.items():
            whole = subscribe(b"a" + value + b"b")
            start = whole.index(value)
            for at in range(start, start + len(value) + 1):
                with self.case(text=name, cut=at):
                    self.ends(fragments(whole, (at,)), [], NOT_UTF8)

    def test_a_character_that_the_message_does_not_finish(self):
        rows = []
        for cut in (b"\xce", b"\xe4\xb8", b"\xf0\x9f\x8e"):
            rows += [
                ("in one frame", text(subscribe("a") + cut), []),
                ("in the last fragment", fragments(subscribe("a") + cut, (9,)), []),
                (
                    "before an empty last fragment",
                    fragments(subscribe("a") + cut, (len(subscribe("a")) + len(cut),)),
                    [],
                ),
            ]
        self.run_table(rows, NOT_UTF8)

    def test_a_character_does_not_go_on_in_the_next_message(self):
        half = "世".encode()
        self.run_table(
            [("two texts", text(half[:2]) + text(half[2:]), [])],
            NOT_UTF8,
        )


class ServerFrames(ConformanceCase):
    """RawWebSocket holds every frame to the RFC; here are frames of all sizes."""

    def test_every_length_is_the_shortest(self):
        sizes = set()
        with self.connected() as ws:
            for length in range(1, 257, 1):
                name = "n" * length
                ws.send(text(subscribe(name)) + text({"op": "unsubscribe", "id": name}))
                for op in ("subscribed", "unsubscribed"):
                    got = ws.frame()
                    self.assertEqual(json.loads(got[1]), {"op": op, "id": name})
                    sizes.add(len(got[1]))
        self.assertLessEqual({124, 125, 126, 127}, sizes, "both sides of the border")
        ConformanceCase.cases += 1

    def test_a_frame_of_more_than_65535_bytes(self):
        facts = [
            wire.facts_of_call("big-%d" % i, types=("ringing",))[0] for i in range(150)
        ]
        status, _, _ = self.daemon.http("POST", "/v1/hooks/cloud", facts)
        self.assertEqual(status, 200)
        with self.case(), self.connected(hello=False) as ws:
            ws.send(text({"op": "hello", "token": self.token}))
            opcode, payload = ws.frame()
            self.assertGreater(len(payload), 65535)
            welcome = json.loads(payload)
            self.assertEqual((opcode, len(welcome["snapshot"])), (TEXT, 150))
            self.assertEqual(welcome["limits"]["frame_bytes_max"], FRAME_BYTES_MAX)
        for fact in facts:
            fact["type"] = "ended"
        self.daemon.http("POST", "/v1/hooks/cloud", facts)


class TheReader(unittest.TestCase):
    """What holds the server's frames to the RFC is itself shown to refuse what is wrong."""

    def test_it_refuses_what_a_server_may_not_send(self):
        for name, data in {
            "masked": frame(TEXT, b"x"),
            "reserved bits": frame(TEXT, b"x", rsv=1, mask=False),
            "a reserved opcode": frame(3, b"x", mask=False),
            "5 bytes in 16 bits": frame(TEXT, b"xxxxx", mask=False, length_bytes=2),
            "5 bytes in 64 bits": frame(TEXT, b"xxxxx", mask=False, length_bytes=8),
            "a long ping": frame(PING, b"x" * 126, mask=False),
            "a fragment": frame(TEXT, b"x", fin=False, mask=False),
            "a continuation": frame(CONTINUATION, b"x", mask=False),
        }.items():
            with self.subTest(frame=name), self.assertRaises(raw.ServerBrokeRfc6455):
                reader = raw.FrameReader()
                reader.feed(data)
                reader.frames()

    def test_it_reads_what_is_right_in_any_pieces(self):
        wanted = [(TEXT, b""), (TEXT, b"x" * 125), (PING, b"y"), (TEXT, b"z" * 126), (CLOSE, b"")]
        data = b"".join(frame(opcode, payload, mask=False) for opcode, payload in wanted)
        for step in (1, 2, 3, 7, 100, len(data)):
            reader, got = raw.FrameReader(), []
            for at in range(0, len(data), step):
                reader.feed(data[at : at + step])
                got += reader.frames()
            self.assertEqual(got, wanted)
        whole = frame(TEXT, b"z" * 70_000, mask=False)
        reader.feed(whole)
        self.assertEqual(reader.frames(), [(TEXT, b"z" * 70_000)])


class Protocol(ConformanceCase):
    """interfaces: what is put on top of WebSocket."""

    def test_no_hello_within_5_seconds(self):
        """All the ways not to say hello at once: it is real time."""
        silent = {
            "nothing": b"",
            "pings only": frame(PING, b"x"),
            "pongs only": frame(PONG),
            "half a frame": text({"op": "hello", "token": self.token})[:30],
            "an unfinished message": frame(TEXT, b'{"op":"hello"', fin=False),
            "a close that is not finished": close(1000)[:3],
        }
        waiting = {}
        for name, data in silent.items():
            waiting[name] = self.connected(hello=False), time.monotonic()
            waiting[name][0].send(data)
        for name, (ws, since) in waiting.items():
            with self.case(sent=name), ws:
                _, closing = ws.read_to_end()
                self.assertEqual(raw.close_code(closing or b""), 4001)
                took = time.monotonic() - since
                self.assertTrue(4 < took < 9, "after %.1f s" % took)

    def test_a_client_that_never_answers_a_close_is_not_waited_for_long(self):
        """Section 7.1.1: the server may wait for the client's close frame, for a reasonable time.
        All cases at once: it is real time."""
        waiting = {}
        for name, hello, data, code in (
            ("bad message", True, text(b"{"), 4003),
            ("bad message before hello", False, text(b"{"), 4003),
            ("a wrong token", False, text({"op": "hello", "token": "x"}), 4001),
            ("binary", True, frame(BINARY, b"x"), 1003),
            ("reserved bits", True, text(b"x", rsv=1), 1002),
            ("not UTF-8", True, text(b"\xff"), 1007),
            ("too big", True, frame(TEXT, length=1 << 20), 1009),
        ):
            ws = self.connected(hello)
            ws.send(data)
            waiting[name] = ws, code, time.monotonic()
        for name, (ws, code, since) in waiting.items():
            with self.case(case=name), ws:
                _, closing = ws.read_to_end(answer=False)
                self.assertEqual(raw.close_code(closing or b""), code)
                took = time.monotonic() - since
                self.assertLess(took, 12)
                print("%s: not answered, ended after %.1f s" % (name, took), file=sys.stderr)

    def first_frame_is_refused(self, data, codes):
        with self.connected(hello=False) as ws:
            ws.send(data)
            frames, closing = ws.read_to_end()
            self.assertNotIn(("welcome", None), read_as(frames))
            self.assertIn(raw.close_code(closing or b""), codes)

    BAD_MESSAGES = {
        "an open brace": b"{",
        "nothing": b"",
        "white space": b"  ",
        "a word": b"hello",
        "an array": b"[]",
        "a number": b"5",
        "a string": b'"hello"',
        "null": b"null",
        "no op": b"{}",
        "an op that is a number": b'{"op":5}',
        "an op that is null": b'{"op":null}',
        "something behind it": b'{"op":"ping"} x',
        "two documents": b'{"op":"ping"}{"op":"ping"}',
        "a member twice": b'{"op":"ping","op":"ping"}',
        "a trailing comma": b'{"op":"ping",}',
        "single quotes": b"{'op':'ping'}",
        "a comment": b'{"op":"ping"/*x*/}',
        "a NUL behind it": b'{"op":"ping"}\0',
        "a NUL within it": b'{"op":"pi\0ng"}',
        "a raw line feed in a string": b'{"op":"ping","x":"\n"}',
        "a lone surrogate escape": b'{"op":"ping","x":"\\ud83d"}',
        "NaN": b'{"op":"ping","x":NaN}',
        "a number with a zero in front": b'{"op":"ping","x":01}',
        "a byte-order mark in front": b'\xef\xbb\xbf{"op":"ping"}',
        "5,000 open brackets": b"[" * 5000,
        "100 levels": b'{"op":"ping","x":' + b"[" * 100 + b"]" * 100 + b"}",
    }

    def test_bad_json_is_a_bad_message(self):
        self.run_table(
            [(name, text(value), [], {4003}) for name, value in self.BAD_MESSAGES.items()]
        )

    def test_bad_json_instead_of_hello(self):
        for name, value in self.BAD_MESSAGES.items():
            with self.case(first=name):
                is_json = value.startswith(b'{"op":') and name.startswith("an op") or value == b"{}"
                self.first_frame_is_refused(text(value), {4001, 4003} if is_json else {4003})

    def test_the_reason_of_a_close_is_the_word_of_the_table(self):
        for name, data, code, word in (
            ("bad message", text(b"{"), 4003, b"bad_message"),
            ("binary", frame(BINARY, b"x"), 1003, b"unsupported_media_type"),
        ):
            with self.case(case=name), self.connected() as ws:
                ws.send(data)
                _, closing = ws.read_to_end()
                self.assertEqual((raw.close_code(closing), closing[2:]), (code, word))

    def test_what_may_not_come_before_hello(self):
        for name, frame_ in {
            "subscribe": {"op": "subscribe", "id": "a", "filter": {}},
            "an unknown op": {"op": "dance"},
        }.items():
            with self.case(first=name):
                self.first_frame_is_refused(text(frame_), {4001, 4003})
        with self.case(first="binary"):
            self.first_frame_is_refused(frame(BINARY, b"x"), {1003, 4003})
        with self.case(first="a wrong token"):
            self.first_frame_is_refused(text({"op": "hello", "token": "x"}), {4001})
        with self.case(first="no token"):
            self.first_frame_is_refused(text({"op": "hello"}), {4001})

    def test_hello_twice_does_not_end_well(self):
        with self.case(), self.connected() as ws:
            ws.send(text({"op": "hello", "token": self.token}))
            got = ws.frame()
            self.assertNotEqual(read_as([got]) if got[0] == TEXT else None, [("welcome", None)])

    def test_an_answer_never_repeats_what_was_wrong(self):
        for frame_ in (
            text(b'{"op":"mark-7261"}'),
            text(b'{"op":"subscribe","id":"x","filter":{"mark-7261":[]}}'),
            text(b'{"mark-7261"'),
        ):
            with self.case(), self.connected() as ws:
                ws.send(frame_ + close(1000))
                frames, closing = ws.read_to_end()
                self.assertNotIn(b"mark-7261", b"".join(p for _, p in frames) + (closing or b""))

    def test_every_answer_is_in_the_contract(self):
        with self.case(), self.connected() as ws:
            for data in (
                {"op": "ping"},
                {"op": "subscribe", "id": "a", "filter": {"ext": ["101"]}},
                {"op": "unsubscribe", "id": "a"},
                {"op": "dance"},
            ):
                ws.send(text(data))
                self.assertEqual(schemas.frame_problems(ws.json()), [])


def tearDownModule():
    print("%d cases" % ConformanceCase.cases, file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
