#!/usr/bin/env python3
"""Frames on a raw socket (RFC 6455 sections 5 and 7)."""
import json
import pathlib
import socket
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import raw_websocket as raw  # noqa: E402
import wire  # noqa: E402
from conformance_case import (  # noqa: E402
    NOT_UTF8,
    PROTOCOL_ERROR,
    TOO_BIG,
    FRAME_BYTES_MAX,
    ConformanceCase,
    echo,
    pong,
    read_as,
    subscribe,
)
from raw_websocket import (  # noqa: E402
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close,
    fragments,
    frame,
    text,
)


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


if __name__ == "__main__":
    unittest.main()
