#!/usr/bin/env python3
"""Who is told what: the WebSocket's hello, scopes, filters, dialects, budgets, and the calls over
HTTP."""
import asyncio
import contextlib
import json
import os
import pathlib
import socket
import struct
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

CONFIG = (
    wire.NATIVE
    + """
[[source]]
name = "second"
org = "acme"
kind = "webhook"
dialect = "native"

[[user]]
org = "acme"
id = "carol"
extensions = ["103"]

[[org]]
id = "other"
country = "US"

[[user]]
org = "other"
id = "olga"
extensions = ["101"]

[[source]]
name = "theirs"
org = "other"
kind = "webhook"
dialect = "native"

[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ["https://*.example.com", "http://127.0.0.1:*"]
"""
)


PLAYED = ("started", "ringing", "answered", "ended")


class DeliveryCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(CONFIG))
        DeliveryCase.count = 0

    @classmethod
    def vendor_id(cls):
        DeliveryCase.count += 1
        return "d-%d" % DeliveryCase.count

    def client(self, user="alice", scope="events:org", **more):
        client = harness.Client(
            self.daemon, wire.token(user, scope, more.pop("org", "acme")), **more
        )
        self.addCleanup(client.close)
        return client

    def post(self, facts, source="cloud"):
        status, _, body = self.daemon.http("POST", "/v1/hooks/" + source, facts)
        self.assertEqual((status, body), (200, b""))

    def play(
        self,
        ext="101",
        types=PLAYED,
        vendor_id=None,
        source="cloud",
        number="+12025550143",
    ):
        vendor_id = vendor_id or self.vendor_id()
        for fact in wire.facts_of_call(vendor_id, ext, number, types):
            self.post(fact, source)
        return vendor_id

    def end(self, *vendor_ids, source="cloud"):
        for vendor_id in vendor_ids:
            self.post({"type": "ended", "ids": {"call": [vendor_id]}}, source)

    def true_to_contract(self, client, whole_calls=True):
        self.assertEqual(wire.contract_problems(client.frames), [])
        self.assertEqual(wire.history_problems(client.events, whole_calls), [])


async def outcome(port, *frames, headers=None, protocols=None, path="/v1/events", seconds=10):
    """Connects, sends, and reads to the end: (frames, close code). An upgrade that is refused is
    ([], its status)."""
    got = []
    try:
        async with websockets.connect(
            "ws://127.0.0.1:%d%s" % (port, path),
            subprotocols=protocols,
            extra_headers=headers or {},
            open_timeout=seconds,
        ) as sock:
            with contextlib.suppress(websockets.ConnectionClosed):
                for frame in frames:
                    await sock.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))
                while True:
                    got.append(json.loads(await asyncio.wait_for(sock.recv(), seconds)))
            return got, sock.close_code
    except websockets.InvalidStatusCode as refused:
        return got, refused.status_code


class Hello(DeliveryCase):
    def ends(self, *frames, **more):
        return asyncio.run(outcome(self.daemon.port, *frames, **more))

    def test_welcome_says_who_and_from_where(self):
        vendor_id = self.play(types=("started", "ringing"))
        welcome = self.client("alice").welcome
        self.assertEqual(schemas.frame_problems(welcome), [])
        self.assertEqual(
            (welcome["org"], welcome["user"], welcome["resumed"]), ("acme", "alice", False)
        )
        self.assertEqual([wire.vendor_ids(c) for c in welcome["snapshot"]], [[vendor_id]])
        self.end(vendor_id)
        self.assertEqual(
            self.client("alice").welcome["snapshot"], [], "calls that ended are not calls now"
        )

    def test_sessions_have_names_of_their_own(self):
        self.assertNotEqual(self.client().welcome["session"], self.client().welcome["session"])

    def test_a_token_in_the_upgrade_will_do(self):
        async def first():
            async with websockets.connect(
                "ws://127.0.0.1:%d/v1/events" % self.daemon.port,
                extra_headers={"Authorization": "Bearer " + wire.token("alice", "events:org")},
            ) as sock:
                await sock.send('{"op":"hello"}')
                return json.loads(await asyncio.wait_for(sock.recv(), 5))

        self.assertEqual(asyncio.run(first())["op"], "welcome")

    def test_no_hello_within_5_seconds(self):
        started = time.monotonic()
        self.assertEqual(self.ends(), ([], 4001))
        self.assertGreater(time.monotonic() - started, 3.5)
        self.assertLess(time.monotonic() - started, 8)

    def test_no_token(self):
        self.assertEqual(self.ends({"op": "hello"})[1], 4001)

    def test_a_token_in_the_url_is_not_taken(self):
        path = "/v1/events?token=%s&access_token=%s" % ((wire.token("alice", "events:org"),) * 2)
        self.assertIn(self.ends({"op": "hello"}, path=path)[1], (4001, 400, 404))

    def test_tokens_that_are_not_valid(self):
        good = wire.token("alice", "events:org")
        claims = wire.read_jwt(good)
        unsigned = wire.jwt(claims, algorithm="none")
        for name, token in {
            "no jwt": "nonsense",
            "another secret": wire.jwt(claims, secret=b"x" * 64),
            "not signed": unsigned,
            "flipped": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
            "of no scope": wire.token("alice", ""),
            "no user of the organisation's": wire.token("alice", "events:org", org="nobody"),
            "without an end": wire.jwt({k: v for k, v in claims.items() if k != "exp"}),
            "very long": "a." * 20_000,
        }.items():
            with self.subTest(token=name):
                frames, code = self.ends({"op": "hello", "token": token})
                self.assertIn(code, (4001, 4004) if name == "of no scope" else (4001,))
                self.assertEqual([f for f in frames if f.get("op") == "welcome"], [])

    def test_a_token_that_has_expired(self):
        self.assertEqual(
            self.ends({"op": "hello", "token": wire.token("alice", "events:org", seconds=-60)})[1],
            4002,
        )

    def test_a_token_that_expires_ends_the_session_and_a_fresh_one_in_band_keeps_it(self):
        short = lambda: wire.token("alice", "events:org", seconds=3)
        kept, ended = (harness.Client(self.daemon, short()) for _ in range(2))
        self.addCleanup(kept.close)
        kept.send({"op": "auth", "token": wire.token("alice", "events:org")})
        harness.wait_until(
            lambda: ended.close_code, 10, "the session of the expired token is closed"
        )
        self.assertEqual(ended.close_code, 4002)
        kept.ping()
        self.assertIsNone(kept.close_code)

    def test_frames_that_are_no_messages(self):
        hello = {"op": "hello", "token": wire.token("alice", "events:org")}
        for frame in (
            "{",
            "",
            "hello",
            "[]",
            "5",
            "null",
            '{"op":5}',
            "{}",
            '{"op":"ping"} x',
            '{"op":"ping","op":"ping"}',
            "[" * 5000,
            b'{"op":"ping"}',
        ):
            with self.subTest(frame=frame[:20]):
                frames, code = self.ends(hello, frame)
                self.assertIn(code, (4003,) if isinstance(frame, str) else (4003, 1003))
                self.assertEqual(frames[0]["op"], "welcome")
        self.assertEqual(self.ends("{")[1], 4003)

    def test_a_frame_over_the_limit(self):
        hello = {"op": "hello", "token": wire.token("alice", "events:org")}
        self.assertIn(
            self.ends(hello, json.dumps({"op": "ping", "x": "x" * 300_000}))[1], (1009, 4003)
        )

    def test_an_unknown_op_is_an_error_and_not_the_end(self):
        client = self.client()
        for frame in (
            {"op": "dance", "tune": "wire-mark-1"},
            {"op": "subscribe", "id": "x"},
            {"op": "subscribe", "id": "x", "filter": {"users": "wire-mark-1"}},
        ):
            start = len(client.frames)
            client.send(frame)
            error = client.wait_for_frame(lambda f: f.get("op") == "error", 5, start)
            self.assertEqual(error["code"], "bad_message")
            self.assertNotIn("wire-mark-1", json.dumps(error))
        client.ping()
        self.true_to_contract(client)

    def test_ping_is_answered_with_the_time(self):
        client = self.client()
        client.send({"op": "ping"})
        pong = client.wait_for_frame(lambda f: f.get("op") == "pong", 5)
        self.assertEqual(schemas.frame_problems(pong), [])
        self.assertEqual(pong["time"][:10], time.strftime("%Y-%m-%d", time.gmtime()))

    def test_a_websocket_ping_is_answered_too(self):
        async def ping():
            async with websockets.connect("ws://127.0.0.1:%d/v1/events" % self.daemon.port) as sock:
                await sock.send(
                    json.dumps({"op": "hello", "token": wire.token("alice", "events:org")})
                )
                await asyncio.wait_for(await sock.ping(b"x"), 5)

        asyncio.run(ping())

    def test_without_an_upgrade_it_is_no_websocket(self):
        self.assertIn(self.daemon.http("GET", "/v1/events")[0], (400, 401, 406, 426))


class Origins(DeliveryCase):
    def first(self, origin):
        client = harness.Client(
            self.daemon, wire.token("alice", "events:org"), protocol="rc-embeddable", origin=origin
        )
        self.addCleanup(client.close)
        return client

    def test_origins_on_the_list_are_let_in(self):
        for origin in ("https://crm.example.com", "http://127.0.0.1:4711"):
            with self.subTest(origin=origin):
                self.assertEqual(
                    self.first(origin).frames[0]["type"], "rc-adapter-pushAdapterState"
                )

    def test_all_others_are_not_whatever_the_token(self):
        hello = {"op": "hello", "token": wire.token("alice", "events:org admin")}
        for origin in (
            "https://example.com.evil.example",
            "https://crm.example.com.evil.example",
            "http://crm.example.com",
            "https://crm.example.com:8443",
            "https://evil.example",
            "https://example.com",
            "https://crm.example.com@evil.example",
            "null",
            "",
            "file://",
            "https://127.0.0.1:4711",
            "https://crm.example.com, https://evil.example",
            "https://xexample.com",
        ):
            for protocols in (["hookswitch.v1"], ["rc-embeddable"]):
                with self.subTest(origin=origin, protocol=protocols[0]):
                    frames, code = asyncio.run(
                        outcome(
                            self.daemon.port, hello, headers={"Origin": origin}, protocols=protocols
                        )
                    )
                    self.assertEqual(frames, [])
                    self.assertIn(code, (403, 4004))

    def test_a_program_without_an_origin_needs_only_its_token(self):
        self.assertEqual(self.client().welcome["op"], "welcome")


class Scopes(DeliveryCase):
    def test_own_sees_its_calls_from_the_first_leg_to_the_last_and_nothing_else(self):
        every, alice, bob, carol = self.client(), *(
            self.client(u, "events:own") for u in ("alice", "bob", "carol")
        )
        vendor_id = self.play("101", ("started", "ringing"))
        self.play("102", ("ringing",), vendor_id)
        self.play("101", ("answered", "held", "resumed", "ended"), vendor_id)
        other = self.play("102")
        for client in (every, alice, bob, carol):
            client.ping()
        all_of_it = wire.of_vendor_id(every.events, vendor_id)
        kinds = wire.types_of(all_of_it)
        self.assertEqual((kinds[0], kinds[-1]), ("call.started", "call.ended"))

        mine = wire.of_vendor_id(alice.events, vendor_id)
        self.assertEqual(
            mine,
            [e for e in all_of_it if e["cursor"] in {m["cursor"] for m in mine}],
            "the very same events",
        )
        self.assertEqual((mine[0]["type"], mine[-1]["type"]), ("call.ringing", "call.ended"))
        self.assertEqual(
            [t for t in wire.types_of(mine) if t != "leg.ended"],
            [
                "call.ringing",
                "call.ringing",
                "call.answered",
                "call.held",
                "call.resumed",
                "call.ended",
            ],
        )
        self.assertEqual(wire.of_vendor_id(alice.events, other), [])

        # Bob's part ends when Alice has answered.
        his = wire.of_vendor_id(bob.events, vendor_id)
        self.assertEqual(his[0]["type"], "call.ringing")
        self.assertEqual(his[0]["data"]["leg"]["user"], "bob")
        self.assertEqual(
            {leg["user"] for leg in his[0]["data"]["call"]["legs"] if leg.get("user")},
            {"alice", "bob"},
            "the whole call",
        )
        self.assertEqual(his[-1]["type"], "leg.ended")
        self.assertEqual(
            (his[-1]["data"]["leg"]["user"], his[-1]["data"]["leg"]["end_reason"]),
            ("bob", "answered_elsewhere"),
        )
        self.assertEqual(wire.types_of(his).count("leg.ended"), 1)
        self.assertEqual(wire.types_of(wire.of_vendor_id(bob.events, other))[-1], "call.ended")
        self.assertEqual(carol.events, [])
        for client in (alice, bob, carol):
            self.true_to_contract(client, whole_calls=False)
        self.true_to_contract(every)

    def test_the_snapshot_of_own_holds_only_own_calls(self):
        mine, theirs, nobodys = (
            self.play("101", ("started", "ringing")),
            self.play("102", ("started", "ringing")),
            self.play(types=("started",)),
        )
        ids = lambda client: sorted(
            v for c in client.welcome["snapshot"] for v in wire.vendor_ids(c)
        )
        self.assertEqual(ids(self.client("alice", "events:own")), [mine])
        self.assertEqual(ids(self.client("carol", "events:own")), [])
        self.assertEqual(ids(self.client("carol", "events:org")), sorted([mine, theirs, nobodys]))
        self.end(mine, theirs, nobodys)

    def test_another_organisation_sees_and_learns_nothing(self):
        theirs, ours = self.client("olga", org="other"), self.client()
        before = theirs.welcome["cursor"]
        self.play("101")
        theirs.ping()
        self.assertEqual(theirs.events, [])
        self.assertEqual(
            self.client("olga", org="other").welcome["cursor"],
            before,
            "cursors count per organisation",
        )
        vendor_id = self.play("101", source="theirs")
        theirs.wait_for(lambda e: e["type"] == "call.ended", 5)
        self.assertEqual({e["source"] for e in theirs.events}, {"/orgs/other"})
        self.assertEqual(
            {
                leg["user"]
                for e in theirs.events
                for leg in e["data"]["call"]["legs"]
                if leg.get("user")
            },
            {"olga"},
        )
        ours.ping()
        self.assertEqual(wire.of_vendor_id(ours.events, vendor_id), [])
        status, _, _ = self.daemon.http(
            "GET",
            "/v1/calls/" + theirs.events[0]["subject"],
            headers={"Authorization": "Bearer " + wire.token("alice", "events:org")},
        )
        self.assertEqual(status, 404)
        resumed = self.client("alice", since=theirs.events[0]["cursor"])
        self.assertFalse(any(e["source"] == "/orgs/other" for e in resumed.events))


class Filters(DeliveryCase):
    def test_what_is_asked_for_can_change_while_it_runs(self):
        client = self.client(hello={"subscribe": [{"ext": ["101"]}]})
        a, b = self.play("102"), self.play("101")
        client.ping()
        self.assertEqual(wire.of_vendor_id(client.events, a), [])
        self.assertTrue(wire.of_vendor_id(client.events, b))

        client.send({"op": "subscribe", "id": "s2", "filter": {"users": ["bob"]}})
        self.assertEqual(
            client.wait_for_frame(lambda f: f.get("op") == "subscribed", 5)["id"], "s2"
        )
        a, b = self.play("102"), self.play("103")
        client.ping()
        self.assertEqual(wire.types_of(wire.of_vendor_id(client.events, a))[-1], "call.ended")
        self.assertEqual(wire.of_vendor_id(client.events, b), [])

        client.send({"op": "unsubscribe", "id": "s2"})
        self.assertEqual(
            client.wait_for_frame(lambda f: f.get("op") == "unsubscribed", 5)["id"], "s2"
        )
        a, b = self.play("102"), self.play("101")
        client.ping()
        self.assertEqual(wire.of_vendor_id(client.events, a), [])
        self.assertTrue(wire.of_vendor_id(client.events, b))
        self.assertEqual(wire.contract_problems(client.frames), [])

    def seen(self, *filters):
        """The events that a client with these filters sees of two calls: one of 101 by cloud, one
        of 102 by second."""
        client = self.client(hello={"subscribe": list(filters)})
        one, two = self.play("101"), self.play("102", source="second")
        client.ping()
        self.assertEqual(wire.contract_problems(client.frames), [])
        self.assertFalse(
            [e for e in client.events if set(wire.vendor_ids(e["data"]["call"])) - {one, two}]
        )
        return [
            ("101" if one in wire.vendor_ids(e["data"]["call"]) else "102", e["type"])
            for e in client.events
        ]

    def test_lists_are_or_members_are_and(self):
        self.assertEqual({ext for ext, _ in self.seen({"ext": ["101", "102"]})}, {"101", "102"})
        self.assertEqual({ext for ext, _ in self.seen({"users": ["alice"], "ext": ["102"]})}, set())
        self.assertEqual(
            {ext for ext, _ in self.seen({"users": ["alice"]}, {"ext": ["102"]})},
            {"101", "102"},
            "filters are OR",
        )
        self.assertEqual({ext for ext, _ in self.seen({"sources": ["second"]})}, {"102"})
        self.assertEqual(self.seen({"directions": ["outbound"]}), [])
        self.assertEqual(
            {ext for ext, _ in self.seen({"directions": ["inbound", "outbound"]})}, {"101", "102"}
        )

    def test_types_with_and_without_a_star(self):
        self.assertEqual(
            self.seen({"types": ["call.ended"]}), [("101", "call.ended"), ("102", "call.ended")]
        )
        self.assertEqual(
            {t for _, t in self.seen({"types": ["call.answ*", "call.ringing"]})},
            {"call.answered", "call.ringing"},
        )
        self.assertEqual(self.seen({"types": ["presence.*"]}), [])
        self.assertEqual(
            self.seen({"types": ["call.ended"], "ext": ["102"]}), [("102", "call.ended")]
        )

    def test_one_call_can_be_followed(self):
        vendor_id = self.play(types=("started",))
        call = self.client().welcome["snapshot"][-1]
        client = self.client(hello={"subscribe": [{"calls": [call["id"]]}]})
        self.play("102")
        self.play(types=("ringing", "ended"), vendor_id=vendor_id)
        client.ping()
        self.assertEqual({e["subject"] for e in client.events}, {call["id"]})
        self.assertEqual(client.events[-1]["type"], "call.ended")

    def test_an_empty_filter_is_everything(self):
        self.assertEqual({ext for ext, _ in self.seen({})}, {"101", "102"})

    def test_too_many_filters_are_refused(self):
        client = self.client()
        for i in range(80):
            client.send({"op": "subscribe", "id": "f%d" % i, "filter": {"ext": ["101"]}})
        client.wait_for_frame(lambda f: f.get("op") == "error", 5)
        client.ping()


class Deflate(unittest.TestCase):
    """permessage-deflate (RFC 7692) against an implementation that is not ours."""

    def test_who_offers_it_gets_it_only_where_it_is_configured(self):
        port = harness.free_tcp_port()
        listen = '[[listen]]\naddress = "127.0.0.1:%d"\ndeflate = true\n' % port
        with harness.Daemon(CONFIG + listen) as daemon:
            plain = asyncio.run(self.talk(daemon, daemon.port))
            deflated = asyncio.run(self.talk(daemon, port))
        self.assertEqual(plain[0], [])
        self.assertEqual(deflated[0], ["permessage-deflate"])
        self.assertEqual([e["type"] for e in deflated[1]], [e["type"] for e in plain[1]])
        self.assertLess(deflated[2], plain[2] * 0.7, "bytes of the same events")

    async def talk(self, daemon, port):
        """(extensions, events of one call, bytes that came)"""
        calls = asyncio.get_running_loop()
        async with websockets.connect("ws://127.0.0.1:%d/v1/events" % port) as sock:
            # Also the client's own frames are deflated: this one is long enough to be worth it.
            hello = {"op": "hello", "token": wire.token("alice", "events:org")}
            await sock.send(json.dumps({**hello, "subscribe": [{"ext": ["101"] + ["1%02d" % i for i in range(50)]}]}))
            await asyncio.wait_for(sock.recv(), 10)
            size, feed = 0, sock.data_received

            def counted(data):
                nonlocal size
                size += len(data)
                feed(data)

            sock.transport.set_protocol(sock)
            sock.data_received = counted
            for fact in wire.facts_of_call("z-%d" % port, "101", "+12025550143", PLAYED):
                await calls.run_in_executor(
                    None, daemon.http, "POST", "/v1/hooks/cloud", fact
                )
            events = []
            while not events or events[-1]["type"] != "call.ended":
                events.append(json.loads(await asyncio.wait_for(sock.recv(), 10)))
            return [each.name for each in sock.extensions], events, size


class Protocols(DeliveryCase):
    def connect(self, protocols, stop, facts=True):
        """(chosen subprotocol, frames until stop(frame)) while one call is played."""

        async def run():
            async with websockets.connect(
                "ws://127.0.0.1:%d/v1/events" % self.daemon.port, subprotocols=protocols
            ) as sock:
                await sock.send(
                    json.dumps({"op": "hello", "token": wire.token("alice", "events:org")})
                )
                frames = []
                if (
                    facts
                ):  # events-only clients get no welcome to wait for: play until something is heard
                    loop = asyncio.get_running_loop()

                    async def calls():
                        for _ in range(20):
                            await loop.run_in_executor(None, self.play)
                            await asyncio.sleep(0.2)

                    task = asyncio.create_task(calls())
                while not frames or not stop(frames[-1]):
                    frames.append(json.loads(await asyncio.wait_for(sock.recv(), 10)))
                if facts:
                    task.cancel()
                return sock.subprotocol, frames

        return asyncio.run(run())

    def test_none_offered_and_unknown_ones_beside_it_mean_hookswitch_v1(self):
        welcome = lambda f: f.get("op") == "welcome"
        self.assertIn(self.connect(None, welcome, facts=False)[0], (None, "hookswitch.v1"))
        self.assertEqual(self.connect(["hookswitch.v1"], welcome, facts=False)[0], "hookswitch.v1")
        self.assertEqual(
            self.connect(["graphql-ws", "hookswitch.v1"], welcome, facts=False)[0], "hookswitch.v1"
        )

    def test_only_unknown_ones_are_not_accepted(self):
        async def chosen():
            try:
                async with websockets.connect(
                    "ws://127.0.0.1:%d/v1/events" % self.daemon.port, subprotocols=["graphql-ws"]
                ) as sock:
                    return sock.subprotocol
            except websockets.InvalidStatusCode as refused:
                return refused.status_code

        # RFC 6455 section 4.2.2: refuse, or answer none; never one that was not offered.
        self.assertIn(asyncio.run(chosen()), (None, 400))

    def test_cloudevents_json_is_events_and_nothing_else(self):
        protocol, frames = self.connect(
            ["cloudevents.json"], lambda f: f.get("type") == "call.ended"
        )
        self.assertEqual(protocol, "cloudevents.json")
        for frame in frames:
            self.assertEqual(frame.get("specversion"), "1.0", frame)
            self.assertEqual(schemas.frame_problems(frame), [])

    def test_rc_embeddable_begins_with_the_adapter_state(self):
        protocol, frames = self.connect(
            ["rc-embeddable"], lambda f: f.get("type") == "rc-call-end-notify"
        )
        self.assertEqual(protocol, "rc-embeddable")
        kinds = [f["type"] for f in frames]
        self.assertEqual(kinds[0], "rc-adapter-pushAdapterState")
        calls = [
            f
            for f in frames
            if f["type"] in ("rc-call-ring-notify", "rc-call-start-notify", "rc-call-end-notify")
        ]
        self.assertEqual(
            [f["type"] for f in calls],
            ["rc-call-ring-notify", "rc-call-start-notify", "rc-call-end-notify"],
        )
        self.assertEqual(len({f["call"]["id"] for f in calls}), 1)
        self.assertGreater(calls[1]["call"]["startTime"], 0)
        self.assertEqual(calls[1]["call"]["callStatus"], "webphone-session-connected")
        self.assertGreater(calls[2]["call"]["endTime"], 0)
        self.assertEqual(wire.page_problems(protocol, frames), [])

    def test_opencti_dialpad_begins_with_the_user_and_rings_on_and_off(self):
        protocol, frames = self.connect(
            ["opencti-dialpad"], lambda f: f.get("payload", {}).get("state") == "off"
        )
        self.assertEqual(protocol, "opencti-dialpad")
        self.assertEqual({(f["api"], f["version"]) for f in frames}, {("opencti_dialpad", "1.0")})
        self.assertEqual(wire.page_problems(protocol, frames), [])
        self.assertEqual(frames[0]["method"], "user_authentication")
        self.assertIs(frames[0]["payload"]["user_authenticated"], True)
        rings = [f for f in frames if f["method"] == "call_ringing"]
        self.assertEqual([f["payload"]["state"] for f in rings], ["on", "off"])

    def test_a_page_sees_only_its_own_users_calls(self):
        client = harness.Client(
            self.daemon, wire.token("alice", "events:own"), protocol="rc-embeddable"
        )
        self.addCleanup(client.close)
        self.play("102")
        self.play("101")
        client.wait_for_frame(lambda f: f["type"] == "rc-call-end-notify", 5)
        self.assertEqual([f["type"] for f in client.frames].count("rc-call-ring-notify"), 1)


class Snapshots(DeliveryCase):
    def test_every_snapshot_is_what_the_events_up_to_its_cursor_say(self):
        """Clients come while calls begin and end; each snapshot is held against one client's whole
        history."""
        reference = self.client()
        self.assertEqual(reference.welcome["snapshot"], [])
        stop = threading.Event()

        def load():
            while not stop.is_set():
                self.play("101", ("started", "ringing", "answered", "held", "ended"))

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            late = [self.client() for _ in range(25)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        for client in [reference, *late]:
            client.ping()
        state, at, not_empty = {}, {reference.welcome["cursor"]: {}}, 0
        for event in reference.events:
            call = event["data"]["call"]
            state[call["id"]] = call
            if call["state"] == "ended":
                del state[call["id"]]
            at[event["cursor"]] = dict(state)
        for client in late:
            self.assertFalse(client.welcome["resumed"])
            self.assertIn(client.welcome["cursor"], at)
            snapshot = {call["id"]: call for call in client.welcome["snapshot"]}
            self.assertEqual(snapshot, at[client.welcome["cursor"]])
            not_empty += bool(snapshot)
            after = int(client.welcome["cursor"].rpartition(".")[2])
            self.assertEqual(
                client.events,
                [e for e in reference.events if harness.cursor_offset(e) > after],
                "and what follows it is sent",
            )
        self.assertGreater(not_empty, 5, "the test looked at nothing")
        self.true_to_contract(reference)


class RawSocket:
    """A WebSocket client that reads only when told to, with a small receive buffer."""

    def __init__(self, port, token):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(
            wire.request(
                "GET",
                "/v1/events",
                [
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                    "Sec-WebSocket-Protocol: hookswitch.v1",
                ],
            )
        )
        self.file = self.socket.makefile("rb")
        self.upgrade = wire.read_response(self.file, head_only=True)
        assert self.upgrade.status == 101, self.upgrade
        payload = json.dumps({"op": "hello", "token": token}).encode()
        mask = os.urandom(4)
        head = b"\x81" + (
            bytes([0x80 | len(payload)])
            if len(payload) < 126
            else b"\xfe" + struct.pack(">H", len(payload))
        )
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))
        self.close_code = None

    def frame(self):
        """The next JSON frame; None at the end, be it a close frame or a cut."""
        while True:
            try:
                head = self.file.read(2)
                if len(head) < 2:
                    return None
                length = head[1] & 0x7F
                if length == 126:
                    length = struct.unpack(">H", self.file.read(2))[0]
                elif length == 127:
                    length = struct.unpack(">Q", self.file.read(8))[0]
                data = self.file.read(length)
            except ConnectionResetError:
                return None
            if len(data) < length:
                return None
            if head[0] & 0xF == 8:
                self.close_code = struct.unpack(">H", data[:2])[0]
                return None
            if head[0] & 0xF == 1:
                return json.loads(data)

    def close(self):
        self.file.close()
        self.socket.close()


class SlowClient(DeliveryCase):
    def test_it_is_dropped_delays_nobody_and_resumes_completely(self):
        slow = RawSocket(self.daemon.port, wire.token("alice", "events:org"))
        self.addCleanup(slow.close)
        self.assertEqual(slow.frame()["op"], "welcome")
        fast = self.client()
        dropped_before = wire.total(self.daemon, "", "slow_client")
        vendor_id = self.play(types=("started", "ringing"))
        delays, posts = [], 0
        deadline = time.monotonic() + 40
        while wire.total(self.daemon, "", "slow_client") == dropped_before:
            self.assertLess(
                time.monotonic(), deadline, "a client that reads nothing is kept for ever"
            )
            for _ in range(20):
                posts += 1
                self.post(
                    {
                        "type": "updated",
                        "ids": {"call": [vendor_id]},
                        "variables": {"v%d" % i: "%d-" % posts + "x" * 1900 for i in range(20)},
                    }
                )
                posted = time.monotonic()
                mark = "%d-" % posts
                fast.wait_for(
                    lambda e: e["type"] == "call.updated"
                    and e["data"]["call"]["variables"].get("v0", "").startswith(mark),
                    5,
                    max(0, len(fast.events) - 2),
                )
                delays.append(time.monotonic() - posted)
        self.end(vendor_id)
        fast.wait_for(
            lambda e: e["type"] == "call.ended" and vendor_id in wire.vendor_ids(e["data"]["call"]),
            10,
        )
        self.assertIsNone(fast.close_code)
        self.assertLess(
            sorted(delays)[int(len(delays) * 0.99)], 1.0, "the other client was delayed"
        )

        heard = []
        while (frame := slow.frame()) is not None:
            if "cursor" in frame and "op" not in frame:
                heard.append(frame)
        self.assertIn(slow.close_code, (4008, None), "None: the connection was cut within a frame")
        self.assertTrue(heard)
        self.assertEqual(heard, fast.events[: len(heard)], "what came before was whole")
        self.assertLess(len(heard), len(fast.events), "it was dropped before it had all")
        again = self.client(since=heard[-1]["cursor"])
        again.ping()
        self.assertTrue(again.welcome["resumed"])
        self.assertEqual(
            heard + again.events, fast.events, "nothing is missing and nothing comes twice"
        )
        self.assertGreater(wire.total(self.daemon, "disconnects", "slow_client"), 0)


class Acknowledgements(DeliveryCase):
    def test_no_more_than_the_window_and_nothing_is_lost(self):
        reference = self.client()
        client = self.client(hello={"ack": True})
        self.assertEqual(schemas.frame_problems(client.welcome), [])
        window = client.welcome["limits"]["ack_window"]
        for _ in range(window // 240 + 1):
            facts = [f for _ in range(60) for f in wire.facts_of_call(self.vendor_id())]
            self.post(facts)
        last = self.play()
        reference.wait_for(
            lambda e: e["type"] == "call.ended" and last in wire.vendor_ids(e["data"]["call"]), 20
        )
        client.ping()
        self.assertGreater(len(reference.events), window)
        self.assertEqual(len(client.events), window, "a ping is answered, and no more comes")
        client.send({"op": "ack", "cursor": client.events[window // 2]["cursor"]})
        client.wait_for(lambda e: e["cursor"] == reference.events[-1]["cursor"], 10)
        self.assertEqual(client.events, reference.events)
        acknowledged = client.events[-3]["cursor"]
        client.send({"op": "ack", "cursor": acknowledged})
        client.ping()
        client.close()
        again = self.client(since=acknowledged, hello={"ack": True})
        again.ping()
        self.assertEqual(again.events, reference.events[-2:], "what was not acknowledged comes again")
        self.true_to_contract(client)

    def test_wrong_cursors_are_an_error_and_not_the_end(self):
        client = self.client(hello={"ack": True})
        self.play()
        client.ping()
        epoch, _, offset = client.events[-1]["cursor"].rpartition(".")
        for wrong in (
            {"cursor": "%s.%d" % (epoch, int(offset) + 1000)},
            {"cursor": "ffffffff.1"},
            {"cursor": "x"},
            {"cursor": 5},
            {},
        ):
            with self.subTest(frame=wrong):
                start = len(client.frames)
                client.send({"op": "ack", **wrong})
                error = client.wait_for_frame(lambda f: f.get("op") == "error", 5, start)
                self.assertEqual(error["code"], "bad_message")
                self.assertEqual(schemas.frame_problems(error), [])
        client.send({"op": "ack", "cursor": client.events[-1]["cursor"]})
        client.ping()
        self.assertIsNone(client.close_code)


class Calls(DeliveryCase):
    def get(self, path, user="alice", scope="events:org"):
        status, headers, body = self.daemon.http(
            "GET", path, headers={"Authorization": "Bearer " + wire.token(user, scope)}
        )
        return status, headers, json.loads(body)

    def ids(self, path, **more):
        status, headers, body = self.get(path, **more)
        self.assertEqual(status, 200, body)
        self.assertRegex(headers["Hookswitch-Cursor"], r"^[^.]+\.\d+$")
        for call in body["calls"]:
            self.assertEqual(schemas.problems("call", call, closed=True), [])
        return sorted(v for call in body["calls"] for v in wire.vendor_ids(call))

    def test_the_calls_now_and_their_filters(self):
        ringing, talking = self.play("101", ("started", "ringing")), self.play(
            "102", ("started", "ringing", "answered")
        )
        begun, over = self.play("103", ("started",)), self.play("101")
        self.assertEqual(self.ids("/v1/calls"), sorted([ringing, talking, begun]))
        self.assertNotIn(over, self.ids("/v1/calls"))
        self.assertEqual(self.ids("/v1/calls?state=connected"), [talking])
        self.assertEqual(self.ids("/v1/calls?state=ringing"), [ringing])
        self.assertEqual(self.ids("/v1/calls?ext=102"), [talking])
        self.assertEqual(self.ids("/v1/calls?user=alice"), [ringing])
        self.assertEqual(self.ids("/v1/calls?user=alice&state=connected"), [])
        self.assertEqual(self.ids("/v1/calls?id=" + talking), [talking])
        self.assertEqual(self.ids("/v1/calls?ext=999"), [])
        self.assertEqual(self.ids("/v1/calls", scope="events:own"), [ringing])
        self.assertEqual(self.ids("/v1/calls", user="carol", scope="events:own"), [])
        self.assertEqual(self.get("/v1/calls?state=sleeping")[0], 400)
        self.end(ringing, talking, begun)
        self.assertEqual(self.ids("/v1/calls"), [])

    def test_the_calls_of_a_queue(self):
        for name, queue in (("q-sales", "Sales"), ("q-support", "Support")):
            self.post(
                {
                    "type": "queued",
                    "ids": {"call": [name]},
                    "direction": "inbound",
                    "from": {"number": "+12025550143"},
                    "queue": {"name": queue},
                }
            )
        self.assertEqual(self.ids("/v1/calls?queue=Sales"), ["q-sales"])
        self.assertEqual(
            self.ids("/v1/calls?queue=Sales&queue=Support"), ["q-sales", "q-support"]
        )
        self.assertEqual(self.ids("/v1/calls?queue=Sales&state=connected"), [])
        self.assertEqual(self.ids("/v1/calls?queue=sales"), [])
        self.end("q-sales", "q-support")

    def test_a_call_asked_for_by_two_of_its_names_is_there_once(self):
        vendor_id = self.play(types=("started", "ringing"))
        own_id = self.get("/v1/calls/" + vendor_id)[2]["id"]
        self.assertEqual(self.ids("/v1/calls?id=%s&id=%s" % (vendor_id, own_id)), [vendor_id])
        self.end(vendor_id)

    def test_one_call_by_any_of_its_names(self):
        vendor_id = self.vendor_id()
        self.post(
            {
                "type": "ringing",
                "ids": {"call": [vendor_id], "sip": ["sip-" + vendor_id + "@gw.example.com"]},
                "direction": "inbound",
                "from": {"number": "+12025550143"},
                "agent": {"ext": "101"},
            }
        )
        status, headers, call = self.get("/v1/calls/" + vendor_id)
        self.assertEqual((status, schemas.problems("call", call, closed=True)), (200, []))
        self.assertIn("Hookswitch-Cursor", headers)
        for name in (call["id"], "sip-" + vendor_id + "%40gw.example.com"):
            self.assertEqual(self.get("/v1/calls/" + name)[2], call)
        self.assertEqual(self.get("/v1/calls/" + vendor_id, scope="events:own")[2], call)
        status, _, problem = self.get("/v1/calls/" + vendor_id, user="bob", scope="events:own")
        self.assertEqual(
            (status, problem["code"]),
            (404, "not_found"),
            "a call that is not bob's is not there for him",
        )
        status, _, problem = self.get("/v1/calls/no-such-call")
        self.assertEqual((status, problem["code"]), (404, "not_found"))
        self.end(vendor_id)

    def test_the_cursor_says_from_where_to_go_on(self):
        vendor_id = self.play(types=("started", "ringing"))
        _, headers, body = self.get("/v1/calls")
        self.play(types=("answered", "ended"), vendor_id=vendor_id)
        client = self.client(since=headers["Hookswitch-Cursor"])
        client.ping()
        self.assertTrue(client.welcome["resumed"])
        self.assertEqual(wire.types_of(client.events), ["call.answered", "call.ended"])
        self.assertEqual(client.events[0]["subject"], body["calls"][0]["id"])

    def test_without_a_good_token_there_is_nothing(self):
        for headers, code in (
            ({}, "auth_missing"),
            ({"Authorization": "Bearer nonsense"}, "auth_invalid"),
            ({"Authorization": "Basic YTpi"}, "auth_missing"),
            ({"Authorization": "Bearer " + wire.token(seconds=-60)}, "auth_expired"),
        ):
            for path in ("/v1/calls", "/v1/calls/x"):
                status, _, body = self.daemon.http("GET", path, headers=headers)
                self.assertEqual(status, 401)
                self.assertIn(
                    json.loads(body)["code"],
                    (code, "auth_missing", "auth_invalid") if "Basic" in str(headers) else (code,),
                )
        self.assertEqual(
            self.daemon.http("GET", "/v1/calls?token=" + wire.token("alice", "events:org"))[0], 401
        )
        status, _, body = self.daemon.http(
            "GET",
            "/v1/calls",
            headers={"Authorization": "Bearer " + wire.token("alice", "commands")},
        )
        self.assertEqual((status, json.loads(body)["code"]), (403, "forbidden"))


if __name__ == "__main__":
    unittest.main()
