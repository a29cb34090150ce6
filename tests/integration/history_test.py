#!/usr/bin/env python3
"""The checker of histories finds nothing in a good one, and each lie that is put into it."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import history  # noqa: E402

LINES = ("201", "202", "203")


def payload(offset, kind, call, mark, line, epoch="e1"):
    cursor = "%s.%d" % (epoch, offset)
    legs = [{"id": "l1"}] + ([{"id": "l2", "ext": line}] if kind != "call.started" else [])
    return json.dumps(
        {
            "specversion": "1.0",
            "id": cursor,
            "cursor": cursor,
            "type": kind,
            "subject": call,
            "data": {"call": {"id": call, "custom_data": mark, "legs": legs}},
        },
        separators=(",", ":"),
    ).encode()


def told_calls(n=6):
    """[(kind, call, mark, line)] of n calls whose steps take turns, and their posts."""
    steps = []
    for step, fact in enumerate(history.STEPS):
        for c in range(n):
            line = LINES[c % len(LINES)]
            mark = "m%d-%d" % (c, step)
            if step == 0:
                steps.append(("call.started", "c%d" % c, mark, line))
            steps.append((history.EVENT_OF[fact], "c%d" % c, mark, line))
    posts = [
        history.Post("m%d-%d" % (c, step), step)
        for c in range(n)
        for step in range(len(history.STEPS))
    ]
    return steps, posts


class Told:
    """A whole history: what every listener is told can be spoilt before it is told."""

    def __init__(self, steps=None):
        steps_of_six, self.posts = told_calls()
        self.stream = [
            payload(i + 1, *step) for i, step in enumerate(steps if steps else steps_of_six)
        ]
        self.lines = [s[3] if s[0] != "call.started" else None for s in steps or steps_of_six]
        self.of = {
            None: list(self.stream),
            **{
                line: [p for p, at in zip(self.stream, self.lines) if at == line]
                for line in LINES
            },
        }

    def problems(self, **more):
        book = history.Book()
        listeners = []
        for line, stream in self.of.items():
            listener = history.Listener("listener of %s" % (line or "all"), line)
            listener.start = 0
            for told in stream:
                offset = book.tell(told, listener.name)
                if offset is not None:
                    listener.heard.append(offset)
            listeners.append(listener)
        return history.problems(book, listeners, self.posts, **more)


class Checker(unittest.TestCase):
    def setUp(self):
        self.told = Told()

    def finds(self, words, **more):
        found = self.told.problems(**more)
        self.assertTrue(any(words in sentence for sentence in found), (words, found))

    def test_a_good_history_is_good(self):
        self.assertEqual(self.told.problems(posted={p.mark for p in self.told.posts}), [])

    def test_an_empty_history_is_good(self):
        self.assertEqual(history.problems(history.Book(), [history.Listener("x")], []), [])

    def test_other_frames_are_no_events(self):
        self.told.of[None].insert(3, b'{"op":"welcome","cursor":"e1.3"}')
        self.told.of[None].insert(9, b'{"op":"pong"}')
        self.assertEqual(self.told.problems(), [])

    def test_a_late_start_is_no_hole(self):
        book, late = history.Book(), history.Listener("late")
        late.start = 10
        early = history.Listener("early")
        for told in self.told.stream:
            offset = book.tell(told, "early")
            early.heard.append(offset)
            if offset > 10:
                late.heard.append(offset)
        self.assertEqual(history.problems(book, [early, late], self.told.posts), [])

    def test_every_single_loss_is_found_for_one_listener(self):
        for line in (None, *LINES):
            for at in range(len(self.told.of[line])):
                told = Told()
                del told.of[line][at]
                found = told.problems()
                # Only one listener is told of a start.
                started = b'"call.started"' in Told().of[line][at]
                words = "begins with" if started else "a hole at"
                self.assertTrue(any(words in s for s in found), (line, at, found))

    def test_an_event_that_nobody_was_told_is_found_by_its_mark(self):
        for at in range(len(self.told.stream)):
            if b'"call.started"' in self.told.stream[at]:
                continue  # its mark is that of the ringing, which is told; its call has no start
            told = Told()
            for stream in told.of.values():
                if told.stream[at] in stream:
                    stream.remove(told.stream[at])
            found = told.problems()
            self.assertTrue(any("answered 200 and never told" in s for s in found), (at, found))

    def test_a_lost_tail_is_found(self):
        del self.told.of["202"][-1]
        self.finds("listener of 202: a hole")

    def test_a_repeated_event_is_found(self):
        self.told.of["201"].insert(4, self.told.of["201"][3])
        self.finds("came twice")

    def test_an_event_repeated_much_later_is_found(self):
        self.told.of[None].append(self.told.of[None][2])
        self.finds("came twice")

    def test_a_wrong_order_is_found(self):
        stream = self.told.of[None]
        stream[7], stream[8] = stream[8], stream[7]
        self.finds("came behind")

    def test_a_gap_of_many_is_found(self):
        del self.told.of[None][5:15]
        self.finds("listener of all: a hole at 6")

    def test_steps_of_a_call_out_of_order_are_found(self):
        """In cursor order, so only the steps themselves are wrong."""
        steps, _ = told_calls()
        first = next(i for i, s in enumerate(steps) if s[:2] == ("call.answered", "c1"))
        second = next(i for i, s in enumerate(steps) if s[:2] == ("call.held", "c1"))
        steps[first], steps[second] = steps[second], steps[first]
        self.told = Told(steps)
        self.finds("c1: call.answered")

    def test_a_step_that_is_told_twice_is_found(self):
        steps, _ = told_calls()
        again = next(s for s in steps if s[:2] == ("call.answered", "c2"))
        steps.insert(len(steps) - 8, again)
        self.told = Told(steps)
        self.finds("out of order or twice")

    def test_a_call_that_ends_twice_is_found(self):
        steps, _ = told_calls()
        steps.append(next(s for s in steps if s[:2] == ("call.ended", "c2")))
        self.told = Told(steps)
        self.finds("behind its end")

    def test_a_call_without_its_start_is_found(self):
        steps, _ = told_calls()
        steps.remove(next(s for s in steps if s[:2] == ("call.started", "c3")))
        self.told = Told(steps)
        self.finds("c3 begins with call.ringing")

    def test_an_event_behind_the_end_is_found(self):
        steps, _ = told_calls()
        steps.append(("call.updated", "c0", "m0-4", LINES[0]))
        self.told = Told(steps)
        self.finds("c0: call.updated")

    def test_a_report_behind_the_end_is_none(self):
        steps, _ = told_calls()
        steps.append(("call.report", "c0", "m0-4", LINES[0]))
        self.told = Told(steps)
        self.assertEqual(self.told.problems(), [])

    def test_an_event_for_another_is_found(self):
        self.told.of["201"].insert(0, next(p for p in self.told.of["202"]))
        self.finds("is not for it")

    def test_one_cursor_for_two_events_is_found(self):
        offset = int(json.loads(self.told.of["203"][2])["cursor"].split(".")[1])
        self.told.of["203"][2] = payload(offset, "call.held", "c9", "m9-2", "203")
        self.finds("was told differently")

    def test_another_epoch_is_found(self):
        self.told.of[None].append(payload(1, "call.started", "c7", "m7-0", None, epoch="e2"))
        self.finds("epoch")

    def test_a_mark_that_nobody_posted_is_found(self):
        marks = {p.mark for p in self.told.posts} - {"m4-2"}
        self.finds("which nobody posted", posted=marks)

    def test_a_call_told_as_two_is_found(self):
        steps, _ = told_calls()
        place = next(i for i, s in enumerate(steps) if s[:2] == ("call.ringing", "c5"))
        steps[place] = ("call.ringing", "c5-again", *steps[place][2:])
        self.told = Told(steps)
        self.finds("told of two calls")

    def test_what_a_connection_complained_of_is_said(self):
        listener = history.Listener("x")
        listener.complaints.append("x: not resumed")
        self.assertEqual(history.problems(history.Book(), [listener], []), ["x: not resumed"])


if __name__ == "__main__":
    unittest.main()
