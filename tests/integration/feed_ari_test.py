#!/usr/bin/env python3
"""An Asterisk that dials us: its ARI events by a WebSocket of its own become one call; who may not
is told at the upgrade; a slow broker slows the PBX and loses nothing; what ended while it was away
ends reconciled."""
import asyncio
import base64
import json
import pathlib
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import raw_websocket  # noqa: E402
import websockets  # noqa: E402
import wire  # noqa: E402

DATA = HERE.parent / "data/feeds"
EVENTS = [json.loads(line) for line in (DATA / "ari.jsonl").read_text().splitlines()]
SECRET = "asterisk:ari-test-secret"
TOML = """
[[source]]
name = "pbx"
org = "acme"
kind = "webhook"
dialect = "%s"
secret_file = "pbx.secret"

[[source]]
name = "slow"
org = "acme"
kind = "webhook"
dialect = "%s"
secret_file = "pbx.secret"
facts_per_second = 200

[calls]
check_time_s = 1
""" % ((DATA / "ari-dialect.json",) * 2)


def basic(secret):
    return "Basic " + base64.b64encode(secret.encode()).decode()


class Asterisk:
    """An Asterisk that has dialled us, as res_ari does: subprotocol ari, Basic authentication.
    Answers the question for its channels with `channels`."""

    def __init__(self, daemon, source="pbx", secret=SECRET, channels=()):
        self.url = "ws://127.0.0.1:%d/v1/hooks/%s" % (daemon.port, source)
        self.secret, self.channels = secret, list(channels)
        self.asked, self.close_code, self.subprotocol = 0, None, None
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._up.wait(10), "the WebSocket does not open"
        return self

    def __exit__(self, *_):
        if self.close_code is None:
            asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop).result(10)
        self._thread.join(10)

    def tell(self, *events):
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            asyncio.run_coroutine_threadsafe(self._socket.send(text), self._loop).result(60)

    def drop(self):
        """The PBX dies: no close frame."""
        self._loop.call_soon_threadsafe(self._socket.transport.abort)
        self._thread.join(10)

    def _run(self):
        self._loop.run_until_complete(self._talk())

    async def _talk(self):
        headers = {"Authorization": basic(self.secret)}
        async with websockets.connect(
            self.url, subprotocols=["ari"], extra_headers=headers, max_size=None
        ) as sock:
            self._socket, self.subprotocol = sock, sock.subprotocol
            self._up.set()
            try:
                async for text in sock:
                    ask = json.loads(text)
                    assert (ask["type"], ask["method"], ask["uri"]) == (
                        "RESTRequest",
                        "GET",
                        "channels",
                    )
                    answer = {
                        "type": "RESTResponse",
                        "request_id": ask["request_id"],
                        "status_code": 200,
                        "reason_phrase": "OK",
                        "uri": ask["uri"],
                        "content_type": "application/json",
                        "message_body": json.dumps(self.channels),
                    }
                    await sock.send(json.dumps(answer))
                    self.asked += 1
            except websockets.ConnectionClosed:
                pass
            self.close_code = sock.close_code


def renamed(events, suffix):
    """The same call once more, with other channel ids."""
    text = json.dumps(events)
    for old in ("1763650800.1", "1763650801.2"):
        text = text.replace(old, old + suffix)
    return json.loads(text.replace("@192.0.2", suffix + "@192.0.2"))


class AriFeed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(TOML, {"pbx.secret": SECRET}))
        cls.client = harness.Client(cls.daemon, wire.token("alice", "events:org"))
        cls.addClassCleanup(cls.client.close)

    def setUp(self):
        self.client.ping()
        self.seen = len(self.client.events)

    def of(self, suffix):
        return [
            e
            for e in self.client.events
            if any(suffix in i["value"] for i in e["data"].get("call", {}).get("ids", []))
        ]

    def ready(self, source="pbx"):
        sources = json.loads(self.daemon.http("GET", "/readyz")[2])["sources"]
        return next(s for s in sources if s["name"] == source)

    def metric(self, name, **labels):
        return sum(
            value
            for metric, having, value in wire.metrics(self.daemon)
            if metric == name and labels.items() <= having.items()
        )

    def test_the_events_of_a_call_are_one_call(self):
        with Asterisk(self.daemon) as pbx:
            self.assertEqual(pbx.subprotocol, "ari")
            harness.wait_until(lambda: self.ready()["ok"], 5, "the source is up")
            pbx.tell(*renamed(EVENTS, "-one"))
            self.client.wait_for(lambda e: e["type"] == "call.ended", 10, self.seen)
        events = self.of("-one")
        self.assertEqual(len({e["subject"] for e in events}), 1)
        types = wire.types_of(events)
        for wanted in ("call.started", "call.ringing", "call.answered", "call.held", "call.resumed"):
            self.assertEqual(types.count(wanted), 1, types)
        self.assertEqual(types[-1], "call.ended")
        call = events[-1]["data"]["call"]
        self.assertEqual((call["disposition"], call["from"]["number"]), ("answered", "+12025550143"))
        self.assertIn("alice", [leg.get("user") for leg in call["legs"]])

    def test_several_connections_of_one_source_tell_their_own_calls(self):
        with Asterisk(self.daemon) as one, Asterisk(self.daemon) as two:
            for a, b in zip(renamed(EVENTS, "-left"), renamed(EVENTS, "-right")):
                one.tell(a)
                two.tell(b)
            for name in ("-left", "-right"):
                harness.wait_until(
                    lambda: wire.types_of(self.of(name))[-1:] == ["call.ended"], 10, name
                )
                self.assertEqual(len({e["subject"] for e in self.of(name)}), 1)

    def test_who_may_not_is_told_at_the_upgrade(self):
        good = "Authorization: " + basic(SECRET)
        ari = "Sec-WebSocket-Protocol: ari"
        for lines, status in (
            ((ari,), 401),
            ((ari, "Authorization: " + basic("asterisk:wrong")), 401),
            ((ari, "Authorization: " + basic(SECRET)[:-4]), 401),
            ((ari, good, "Origin: http://127.0.0.1:%d" % self.daemon.port), 403),
            ((ari, good, "Origin: https://evil.example"), 403),
            ((good,), 400),
            (("Sec-WebSocket-Protocol: hookswitch.v1", good), 400),
        ):
            with self.subTest(lines=lines), raw_websocket.RawWebSocket(self.daemon.port) as raw:
                raw.send(raw_websocket.upgrade_request("/v1/hooks/pbx", more=lines))
                self.assertEqual(raw.response()[0], status)
        with raw_websocket.RawWebSocket(self.daemon.port) as raw:
            raw.send(raw_websocket.upgrade_request("/v1/hooks/nobody", more=(ari, good)))
            self.assertEqual(raw.response()[0], 404)

    def test_a_message_that_is_no_event_is_counted_and_the_next_is_taken(self):
        before = self.metric("hookswitch_hook_refusals_total", source="pbx", code="bad_json")
        with Asterisk(self.daemon) as pbx:
            pbx.tell("{", "[]", '{"type":"RESTResponse"}', '"x"', "{" * 2000)
            pbx.tell(*renamed(EVENTS, "-after"))
            harness.wait_until(
                lambda: wire.types_of(self.of("-after"))[-1:] == ["call.ended"], 10, "the call"
            )
            self.assertIsNone(pbx.close_code)
        self.assertGreater(
            self.metric("hookswitch_hook_refusals_total", source="pbx", code="bad_json"), before
        )

    def test_calls_that_ended_while_the_pbx_was_away_end_reconciled_others_live(self):
        lives, dies = renamed(EVENTS[:7], "-lives"), renamed(EVENTS[:7], "-dies")
        with Asterisk(self.daemon) as pbx:
            pbx.tell(*lives, *dies)
            for name in ("-lives", "-dies"):
                harness.wait_until(
                    lambda: "call.answered" in wire.types_of(self.of(name)), 10, name
                )
            pbx.drop()
        harness.wait_until(lambda: not self.ready()["ok"], 5, "the source is away")
        with Asterisk(self.daemon, channels=[lives[1]["channel"], lives[2]["channel"]]) as pbx:
            harness.wait_until(
                lambda: wire.types_of(self.of("-dies"))[-1:] == ["call.ended"], 15, "its end"
            )
            ended = self.of("-dies")[-1]["data"]["call"]
            self.assertIn("reconciled", [leg.get("end_reason") for leg in ended["legs"]])
            time.sleep(1.5)  # longer than it has for being confirmed
            self.client.ping()
            self.assertNotIn("call.ended", wire.types_of(self.of("-lives")))
            pbx.tell(*renamed(EVENTS[7:], "-lives"))
            harness.wait_until(
                lambda: wire.types_of(self.of("-lives"))[-1:] == ["call.ended"], 10, "its end"
            )
        self.assertEqual(wire.types_of(self.of("-lives")).count("call.answered"), 1)

    def test_a_restart_of_the_daemon_in_mid_call_is_survived(self):
        with harness.Daemon(TOML, {"pbx.secret": SECRET}) as daemon:
            events = renamed(EVENTS, "-again")
            with Asterisk(daemon) as pbx:
                pbx.tell(*events[:7])
                harness.wait_until(
                    lambda: any(
                        c["state"] == "connected"
                        for c in daemon.json("GET", "/v1/calls", token=wire.token("alice", "events:org"))[
                            "calls"
                        ]
                    ),
                    10,
                    "the call",
                )
                daemon.kill()
            daemon.start()
            client = harness.Client(daemon, wire.token("alice", "events:org"))
            with Asterisk(daemon, channels=[events[1]["channel"], events[2]["channel"]]) as pbx:
                harness.wait_until(lambda: pbx.asked, 5, "it is asked")
                time.sleep(1.5)
                pbx.tell(*events[7:])
                end = client.wait_for(lambda e: e["type"] == "call.ended", 10)
            self.assertEqual(end["data"]["call"]["disposition"], "answered")
            self.assertNotIn("call.started", wire.types_of(client.events))
            client.close()

    def test_a_slow_broker_slows_the_pbx_and_loses_nothing(self):
        calls = 1500  # beyond the queue of 2,000 events; 200 facts a second are taken
        began, most = time.monotonic(), 0
        with Asterisk(self.daemon, "slow") as pbx:
            for i in range(calls):
                pbx.tell(renamed(EVENTS[1], "-s%d-" % i), renamed(EVENTS[13], "-s%d-" % i))
                if i % 50 == 0:
                    most = max(most, self.metric("hookswitch_feed_waiting", source="slow"))
            harness.wait_until(
                lambda: self.metric("hookswitch_source_facts_total", source="slow") >= 2 * calls,
                60,
                "all facts",
            )
            self.assertIsNone(pbx.close_code)
        self.assertGreater(time.monotonic() - began, 5)
        self.assertGreater(most, 1500)
        self.assertLess(most, 2300)  # 2,000, and what one read brought
        self.assertEqual(self.metric("hookswitch_source_facts_total", source="slow"), 2 * calls)

    def test_a_stop_tells_the_pbx_to_come_again(self):
        with harness.Daemon(TOML, {"pbx.secret": SECRET}) as daemon:
            pbx = Asterisk(daemon)
            with pbx:
                daemon.stop()
                harness.wait_until(lambda: pbx.close_code, 5, "a close frame")
                self.assertEqual(pbx.close_code, 1012)
            daemon.start()


if __name__ == "__main__":
    unittest.main()
