#!/usr/bin/env python3
"""The opening handshake on a raw socket (RFC 6455 section 4)."""
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import raw_websocket as raw  # noqa: E402
from conformance_case import ConformanceCase, echo, pong, read_as, subscribe  # noqa: E402
from raw_websocket import PING, PONG, close, fragments, frame, text  # noqa: E402


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
            # What was asked just before the close may go unanswered, and a pong waits for nobody.
            said = read_as(frames)
            self.assertEqual([one for one in said if one[0] == "pong"], [pong(b"p")])
            texts = [one for one in said if one[0] != "pong"]
            self.assertEqual(texts, [("welcome", None), echo("a")][: len(texts)])
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


if __name__ == "__main__":
    unittest.main()
