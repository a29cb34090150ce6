#!/usr/bin/env python3
"""Text on a raw socket: UTF-8 (RFC 6455 section 8), and what the contract asks of it."""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import raw_websocket as raw  # noqa: E402
import schemas  # noqa: E402
from conformance_case import (  # noqa: E402
    NOT_UTF8,
    ConformanceCase,
    echo,
    pong,
    read_as,
    subscribe,
)
from raw_websocket import BINARY, PING, PONG, TEXT, close, fragments, frame, text  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
