"""What was posted, what was told, and whether the two keep the promises of the contract.

`Book` holds every event that anybody was told, once, by its cursor. `Listener` is what one
subscriber was told over all its connections. `problems` compares them with each other and with the
posts that were answered 200:

- cursors of one listener strictly increase: nothing twice, nothing back;
- a listener was told every event it is entitled to, from its start to the end, and no other;
- the same cursor is the same event for everybody, now and after a restart;
- what was answered 200 is told by the event that stands for it;
- per call: `call.started` first, every step once and in order, `call.ended` last.

Knows the contract only. Runs on whole histories, so it keeps little of an event.
"""
import bisect
import collections
import json
import re
from typing import NamedTuple

CURSOR = re.compile(rb'"cursor":"([^".]+)\.(\d+)"')
EVENT_OF = {  # the event that a fact of a plain call stands for
    "ringing": "call.ringing",
    "answered": "call.answered",
    "held": "call.held",
    "resumed": "call.resumed",
    "ended": "call.ended",
}
STEPS = tuple(EVENT_OF)
ORDER = {name: i for i, name in enumerate(("call.started", *EVENT_OF.values()))}
NEUTRAL = {"call.updated", "leg.ended"}  # may come between, any number of times
AFTER_THE_END = {"call.report", "call.amended", "call.merged"}


class Event(NamedTuple):
    type: str
    call: str  # the call's own id
    mark: str  # custom_data: which post it tells of
    lines: frozenset  # extensions of its legs
    bytes_hash: int


class Post(NamedTuple):
    """One fact of a call: `mark` is in its custom_data; `step` is its place in STEPS."""

    mark: str
    step: int


class Book:
    def __init__(self):
        self.epoch, self.events, self.conflicts = None, {}, []

    def tell(self, payload, who):
        """Notes one event as it was told to `who`; its offset. None: it is no event."""
        match = CURSOR.search(payload)
        if not match:
            return None
        epoch, offset = match.group(1), int(match.group(2))
        if self.epoch is None:
            self.epoch = epoch
        if epoch != self.epoch:
            self.conflicts.append("%s: epoch %s and not %s" % (who, epoch, self.epoch))
            return None
        known = self.events.get(offset)
        if known is None:
            message = json.loads(payload)
            if "specversion" not in message:
                return None
            call = message["data"].get("call") or {}
            self.events[offset] = Event(
                message["type"],
                message.get("subject"),
                call.get("custom_data"),
                frozenset(leg["ext"] for leg in call.get("legs", ()) if leg.get("ext")),
                hash(payload),
            )
        elif known.bytes_hash != hash(payload):
            if "specversion" not in json.loads(payload):
                return None
            self.conflicts.append("%s: %d was told differently" % (who, offset))
        return offset


class Listener:
    """`line`: it is entitled to the events of that extension's calls; None: to all.
    `start`: the offset behind which it listens."""

    def __init__(self, name, line=None):
        self.name, self.line, self.start = name, line, None
        self.heard = []  # offsets in order of arrival, over all connections
        self.complaints = []  # what its connections found wrong by themselves

    def entitled(self, event):
        return self.line is None or self.line in event.lines


def problems(book, listeners, acknowledged, posted=None, end=None, most=10):
    """What is wrong, at most `most` sentences of a kind. `acknowledged`: Posts that were answered
    200. `posted`: all marks that were ever sent, where an event with any other is wrong. `end`: the
    last offset that every listener must have reached; the book's last by default."""
    out = list(book.conflicts[:most])
    offsets = sorted(book.events)
    end = end if end is not None else (offsets[-1] if offsets else 0)
    by_line = collections.defaultdict(list)
    for offset in offsets:
        for line in book.events[offset].lines:
            by_line[line].append(offset)
    for listener in listeners:
        out += listener.complaints[:most]
        entitled = offsets if listener.line is None else by_line[listener.line]
        out += _listener_problems(book, listener, entitled, end)[:most]
    out += _call_problems(book, offsets)[:most]
    out += _mark_problems(book, acknowledged, posted)[:most]
    return out


def _listener_problems(book, listener, entitled, end):
    expected = entitled[
        bisect.bisect_right(entitled, listener.start or 0) : bisect.bisect_right(entitled, end)
    ]
    heard = listener.heard
    if heard == expected:
        return []
    out, last, seen = [], None, set()
    for offset in heard:
        if offset in seen:
            out.append("%s: %d came twice" % (listener.name, offset))
        elif last is not None and offset < last:
            out.append("%s: %d came behind %d" % (listener.name, offset, last))
        seen.add(offset)
        last = offset
    for offset in expected:
        if offset not in seen:
            event = book.events[offset]
            out.append("%s: a hole at %d (%s %s)" % (listener.name, offset, event.type, event.mark))
    wanted = set(expected)
    for offset in sorted(seen - wanted):
        if offset <= end:
            out.append("%s: %d is not for it" % (listener.name, offset))
    return out


def _call_problems(book, offsets):
    calls, out = collections.defaultdict(list), []
    for offset in offsets:
        if book.events[offset].call:
            calls[book.events[offset].call].append(offset)
    for call, places in calls.items():
        last, ended = -1, False
        for n, offset in enumerate(places):
            kind = book.events[offset].type
            if n == 0 and kind != "call.started":
                out.append("%s begins with %s at %d" % (call, kind, offset))
            if ended and kind not in AFTER_THE_END:
                out.append("%s: %s at %d, behind its end" % (call, kind, offset))
            if kind in ORDER:
                if ORDER[kind] <= last:
                    out.append("%s: %s at %d, out of order or twice" % (call, kind, offset))
                last = ORDER[kind]
            elif kind not in NEUTRAL | AFTER_THE_END:
                out.append("%s: %s at %d, which nobody posted" % (call, kind, offset))
            ended = ended or kind == "call.ended"
    return out


def _mark_problems(book, acknowledged, posted):
    out, told, call_of = [], set(), {}
    for offset, event in book.events.items():
        if event.mark is None:
            continue
        told.add((event.mark, event.type))
        if posted is not None and event.mark not in posted:
            out.append("%d tells of %s, which nobody posted" % (offset, event.mark))
        if call_of.setdefault(event.mark, event.call) != event.call:
            out.append("%s is told of two calls" % event.mark)
    for post in acknowledged:
        if (post.mark, EVENT_OF[STEPS[post.step]]) not in told:
            out.append("%s (%s) was answered 200 and never told" % (post.mark, STEPS[post.step]))
    return out
