#!/usr/bin/env python3
"""Webhooks: posted bytes become one call each; whatever is wrong is refused by name and counted,
and nothing of it comes back."""
import base64
import json
import pathlib
import re
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import schemas  # noqa: E402
import wire  # noqa: E402

SOURCES = (
    wire.NATIVE
    + """
[[source]]
name = "guarded"
org = "acme"
kind = "webhook"
dialect = "native"
secret_file = "native.secret"

[[source]]
name = "zd"
org = "acme"
kind = "webhook"
dialect = "zadarma"
secret_file = "zadarma.secret"

[[source]]
name = "elma"
org = "acme"
kind = "webhook"
dialect = "elma365"

[[source]]
name = "token"
org = "acme"
kind = "webhook"
dialect = "elma365"
secret_file = "elma.secret"

[http]
header_time_ms = 1000
"""
)
FILES = {
    "native.secret": "native-test-secret", "zadarma.secret": "zadarma-test-secret",
    "elma.secret": "elma-test-secret",
}


class WebhookCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(SOURCES, FILES))
        cls.client = harness.Client(cls.daemon, wire.token("alice", "events:org"))
        cls.addClassCleanup(cls.client.close)

    def setUp(self):
        self.client.ping()
        self.seen = len(self.client.events)

    def tearDown(self):
        self.assertEqual(wire.contract_problems(self.client.frames), [])
        self.assertEqual(wire.history_problems(self.client.events), [])

    def new_events(self):
        self.client.ping()
        return self.client.events[self.seen :]

    def post(self, facts, source="cloud"):
        status, headers, body = self.daemon.http("POST", "/v1/hooks/" + source, facts)
        self.assertEqual((status, body), (200, b""))
        return headers


class NativeFacts(WebhookCase):
    def test_facts_posted_one_by_one_become_one_call_in_order(self):
        for fact in wire.facts_of_call(
            "n-1", types=("started", "ringing", "answered", "held", "resumed", "ended")
        ):
            self.post(fact)
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)
        events = self.new_events()
        self.assertEqual(
            wire.types_of(events),
            [
                "call.started",
                "call.ringing",
                "call.answered",
                "call.held",
                "call.resumed",
                "call.ended",
            ],
        )
        self.assertEqual(len({e["subject"] for e in events}), 1)
        call = events[-1]["data"]["call"]
        self.assertEqual(
            (call["direction"], call["disposition"], call["answered_by"]),
            ("inbound", "answered", "user"),
        )
        self.assertEqual(
            (call["from"]["number"], call["from"]["name"], call["did"]),
            ("+12025550143", "Jane Doe", "+12025550100"),
        )
        self.assertEqual(
            [(leg["user"], leg["ext"]) for leg in call["legs"] if leg.get("user")],
            [("alice", "101")],
        )
        self.assertEqual(wire.vendor_ids(call), ["n-1"])

    def test_the_answer_is_200_with_an_empty_body_and_says_so(self):
        body = json.dumps(wire.facts_of_call("n-2", types=("started",))[0])
        with wire.Raw(self.daemon.port) as raw:
            for _ in range(2):  # the connection is kept
                answer = raw.exchange(
                    wire.request(
                        "POST", "/v1/hooks/cloud", ["Content-Type: application/json"], body
                    )
                )
                self.assertEqual(
                    (answer.status, answer.body, answer.header("Content-Length")), (200, b"", "0")
                )
                self.assertIsNone(answer.header("Transfer-Encoding"))
        self.post({"type": "ended", "ids": {"call": ["n-2"]}})

    def test_an_answer_with_its_headers_is_under_a_kilobyte(self):
        """Some vendors take a longer one for a failure."""
        body = json.dumps(wire.facts_of_call("n-kb", types=("ended",))[0])
        for request in (
            wire.request("POST", "/v1/hooks/cloud", ["Content-Type: application/json"], body),
            wire.request("GET", "/v1/hooks/zd?zd_echo=" + "x" * 64),
        ):
            with wire.Raw(self.daemon.port) as raw:
                answer = raw.exchange(request)
                self.assertEqual(answer.status, 200)
                head = sum(len(name) + len(value) + 4 for name, value in answer.headers)
                self.assertLess(len("HTTP/1.1 200 OK\r\n\r\n") + head + len(answer.body), 1024)

    def test_a_token_in_the_url_reaches_no_log(self):
        fact = {"event": {"event": "NotifyEnd", "callId": "n-url", "direction": "in"}}
        for token, status in (("elma-test-secret", 200), ("elma-test-secreT", 401)):
            answer = self.daemon.http("POST", "/v1/hooks/token?token=" + token, fact)
            self.assertEqual(answer[0], status)
        for log in (self.daemon.log(), self.daemon.http("GET", "/metrics")[2].decode()):
            self.assertNotIn("elma-test-secre", log)

    def test_an_array_of_facts_is_taken_in_its_order(self):
        self.post(wire.facts_of_call("n-3"))
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)
        self.assertEqual(
            wire.types_of(self.new_events()),
            ["call.started", "call.ringing", "call.answered", "call.ended"],
        )

    def test_an_array_with_one_wrong_fact_is_refused_as_a_whole(self):
        facts = wire.facts_of_call("n-4", types=("started", "ringing"))
        facts[1]["type"] = "rung"
        status, _, _ = self.daemon.http("POST", "/v1/hooks/cloud", facts)
        self.assertEqual(status, 400)
        self.assertEqual(wire.of_vendor_id(self.new_events(), "n-4"), [])

    def test_the_same_facts_again_make_nothing_new(self):
        facts = wire.facts_of_call("n-5", types=("started", "ringing", "answered"))
        for fact in facts:
            self.post(fact)
        before = wire.types_of(self.new_events())
        for fact in facts:
            self.post(fact)
        self.assertEqual(wire.types_of(self.new_events()), before)
        self.post({"type": "ended", "ids": {"call": ["n-5"]}})

    def test_a_fact_without_ids_joins_by_numbers_and_direction(self):
        tuple_ = {"direction": "inbound", "from": {"number": "+12025550161"}, "to": {"ext": "102"}}
        for kind in ("ringing", "answered", "ended"):
            self.post({"type": kind, **tuple_})
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)
        events = self.new_events()
        self.assertEqual(len({e["subject"] for e in events}), 1)
        self.assertEqual(
            wire.types_of(events), ["call.started", "call.ringing", "call.answered", "call.ended"]
        )

    def test_a_ring_group_is_one_call_and_one_answer_ends_the_other_legs(self):
        self.post(wire.facts_of_call("n-6", "101", types=("started", "ringing")))
        self.post(wire.facts_of_call("n-6", "102", types=("ringing", "answered")))
        events = self.new_events()
        self.assertEqual(len({e["subject"] for e in events}), 1)
        call = events[-1]["data"]["call"]
        ends = {
            leg["user"]: (leg["state"], leg.get("end_reason"))
            for leg in call["legs"]
            if leg.get("user")
        }
        self.assertEqual(
            ends, {"alice": ("terminated", "answered_elsewhere"), "bob": ("confirmed", None)}
        )
        self.assertEqual(wire.types_of(events).count("leg.ended"), 1)
        self.post({"type": "ended", "ids": {"call": ["n-6"]}})
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)

    def test_a_missed_call_ends_as_no_answer(self):
        self.post(wire.facts_of_call("n-7", types=("started", "ringing")))
        self.post({"type": "ended", "ids": {"call": ["n-7"]}, "disposition": "no_answer"})
        end = self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)
        call = end["data"]["call"]
        self.assertEqual(
            (call["disposition"], call["answered_at"], call["talk_ms"]), ("no_answer", None, 0)
        )

    def test_a_late_ringing_moves_nothing_back(self):
        started, ringing, answered, ended = wire.facts_of_call("n-8")
        for fact in (started, answered, ringing):
            self.post(fact)
        self.assertEqual(self.new_events()[-1]["data"]["call"]["state"], "connected")
        self.post(ended)
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)

    def test_a_source_with_a_secret_wants_it_as_bearer_token(self):
        fact = json.dumps(wire.facts_of_call("n-9", types=("started",))[0])
        send = lambda *headers: wire.curl(
            self.daemon,
            "/v1/hooks/guarded",
            "--header",
            "Content-Type: application/json",
            *headers,
            body=fact.encode(),
        )[0]
        self.assertEqual(send(), 401)
        self.assertEqual(send("--header", "Authorization: Bearer native-test-secreT"), 401)
        self.assertEqual(wire.of_vendor_id(self.new_events(), "n-9"), [])
        self.assertEqual(send("--header", "Authorization: Bearer native-test-secret"), 200)
        self.assertEqual(
            wire.types_of(wire.of_vendor_id(self.new_events(), "n-9")), ["call.started"]
        )
        wire.curl(
            self.daemon,
            "/v1/hooks/guarded",
            "--header",
            "Content-Type: application/json",
            "--header",
            "Authorization: Bearer native-test-secret",
            body=b'{"type":"ended","ids":{"call":["n-9"]}}',
        )

    def test_every_example_fact_of_the_contract_is_taken(self):
        for path in sorted((schemas.PROTO / "examples/facts").glob("*.json")):
            with self.subTest(fact=path.name):
                self.assertEqual(
                    wire.curl(
                        self.daemon,
                        "/v1/hooks/cloud",
                        "--header",
                        "Content-Type: application/json",
                        body=path.read_bytes(),
                    ),
                    (200, b""),
                )

    def test_expect_100_continue_is_answered_at_once(self):
        body = json.dumps(wire.facts_of_call("n-10", types=("started",))[0]).encode()
        with wire.Raw(self.daemon.port, seconds=3) as raw:
            raw.send(
                wire.request(
                    "POST",
                    "/v1/hooks/cloud",
                    [
                        "Content-Type: application/json",
                        "Expect: 100-continue",
                        "Content-Length: %d" % len(body),
                    ],
                )
            )
            self.assertEqual(raw.response().status, 100)
            raw.send(body)
            self.assertEqual(raw.response().status, 200)
        self.post({"type": "ended", "ids": {"call": ["n-10"]}})

    def test_a_chunked_body_is_taken(self):
        body = json.dumps(wire.facts_of_call("n-11")).encode()
        chunked = (
            b"".join(
                b"%x\r\n%s\r\n" % (len(body[i : i + 50]), body[i : i + 50])
                for i in range(0, len(body), 50)
            )
            + b"0\r\n\r\n"
        )
        with wire.Raw(self.daemon.port) as raw:
            answer = raw.exchange(
                wire.request(
                    "POST",
                    "/v1/hooks/cloud",
                    ["Content-Type: application/json", "Transfer-Encoding: chunked"],
                    chunked,
                )
            )
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            wire.types_of(wire.of_vendor_id(self.new_events(), "n-11"))[-1], "call.ended"
        )


INBOUND = "in_0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
OUTBOUND = "out_99aa88bb77cc66dd55ee44ff33001122334455aa"
SIGNED = {
    "01-notify_start": ("caller_id", "called_did", "call_start"),
    "02-notify_internal": ("caller_id", "called_did", "call_start"),
    "03-notify_answer": ("caller_id", "destination", "call_start"),
    "04-notify_end": ("caller_id", "called_did", "call_start"),
    "05-notify_record": ("pbx_call_id", "call_id_with_rec"),
    "11-notify_out_start": ("internal", "destination", "call_start"),
    "12-notify_out_end": ("internal", "destination", "call_start"),
}


class Zadarma(WebhookCase):
    def send(self, name, change=lambda body: body, headers=None):
        method, _, lines, body = wire.recorded("zadarma", name)
        lines = lines if headers is None else headers
        arguments = ["--request", method] + [part for line in lines for part in ("--header", line)]
        return wire.curl(self.daemon, "/v1/hooks/zd", *arguments, body=change(body))

    def test_1_the_handshake_gives_back_exactly_what_was_asked(self):
        self.assertEqual(
            wire.curl_recorded(self.daemon, "zd", "zadarma", "00-handshake"), (200, b"f1a2b3c4d5")
        )

    def test_2_a_flipped_byte_in_any_signed_field_is_refused(self):
        tried = 0
        for name, fields in SIGNED.items():
            for field in fields:

                def flip(body, field=field):
                    changed, count = re.subn(
                        rb"(\b%s=[^&]*?)(\d)(?=(&|$))" % field.encode(),
                        lambda m: m[1] + (b"%d" % ((int(m[2]) + 1) % 10)),
                        body,
                    )
                    self.assertEqual(count, 1, "%s has no %s" % (name, field))
                    return changed

                with self.subTest(request=name, field=field):
                    status, answer = self.send(name, flip)
                    self.assertEqual(status, 401)
                    self.assertEqual(json.loads(answer)["code"], "signature_invalid")
                    tried += 1
        self.assertGreaterEqual(tried, 20)
        self.assertEqual(self.new_events(), [], "a refused request makes no event")

    def test_3_without_a_signature_or_with_another_or_of_an_unknown_event_it_is_refused(self):
        form = "Content-Type: application/x-www-form-urlencoded"
        raw_digest = base64.b64encode(b"\0" * 20).decode()
        for headers in (
            [form],
            [form, "Signature: "],
            [form, "Signature: " + raw_digest],
            [form, "Signature: %%%"],
        ):
            self.assertEqual(self.send("01-notify_start", headers=headers)[0], 401, headers)
        self.assertEqual(
            self.send(
                "01-notify_start", lambda body: body.replace(b"NOTIFY_START", b"NOTIFY_OTHER")
            )[0],
            401,
        )
        self.assertEqual(self.new_events(), [])

    def test_4_an_inbound_call_from_start_to_recording_is_one_answered_call(self):
        for name in (
            "01-notify_start",
            "02-notify_internal",
            "03-notify_answer",
            "04-notify_end",
            "05-notify_record",
        ):
            self.assertEqual(self.send(name), (200, b""), name)
        self.client.wait_for(lambda e: e["type"] == "call.report", 5, self.seen)
        events = self.new_events()
        self.assertEqual({e["subject"] for e in events}, {events[0]["subject"]})
        self.assertEqual(
            wire.types_of(events),
            ["call.started", "call.ringing", "call.answered", "call.ended", "call.report"],
        )
        call = events[-1]["data"]["call"]
        self.assertEqual(
            (call["direction"], call["disposition"], call["answered_by"]),
            ("inbound", "answered", "user"),
        )
        self.assertEqual((call["from"]["number"], call["did"]), ("+12025550143", "+12025550100"))
        self.assertEqual(wire.vendor_ids(call), [INBOUND])
        self.assertEqual(
            [(leg["user"], leg["ext"]) for leg in call["legs"] if leg.get("user")],
            [("alice", "101")],
        )
        self.assertEqual(
            (call["talk_ms"], call["hold_ms"]), (42000, 0), "the vendor's own duration counts"
        )
        self.assertIn("1763650800.1234567", [r.get("id") for r in call["recordings"]])

    def test_5_an_unanswered_outbound_call_is_one_call_without_an_answer(self):
        for name in ("11-notify_out_start", "12-notify_out_end"):
            self.assertEqual(self.send(name), (200, b""), name)
        self.client.wait_for(lambda e: e["type"] == "call.ended", 5, self.seen)
        events = self.new_events()
        self.assertEqual(
            wire.types_of(events, leaving_out=("call.updated", "leg.ended")),
            ["call.started", "call.ended"],
        )
        call = events[-1]["data"]["call"]
        self.assertEqual(
            (call["direction"], call["disposition"], call["answered_at"], call["talk_ms"]),
            ("outbound", "no_answer", None, 0),
        )
        self.assertEqual(call["to"]["number"], "+12025550143")
        self.assertEqual([leg["user"] for leg in call["legs"] if leg.get("user")], ["alice"])
        self.assertEqual(wire.vendor_ids(call), [OUTBOUND])

    def test_6_a_repeated_request_makes_nothing_new(self):
        for name in ("01-notify_start", "04-notify_end"):
            self.assertEqual(self.send(name), (200, b""))
        self.assertEqual(
            wire.types_of(self.new_events(), leaving_out=("call.updated", "call.report")), []
        )


class Elma365(WebhookCase):
    def test_an_event_and_its_record_are_one_answered_call_with_its_recording(self):
        self.assertEqual(wire.curl_recorded(self.daemon, "elma", "elma365", "02-event"), (200, b""))
        self.assertEqual(wire.types_of(self.new_events()), ["call.started", "call.ringing"])
        ringing = self.new_events()[-1]["data"]
        self.assertEqual(
            (
                ringing["call"]["direction"],
                ringing["leg"]["user"],
                ringing["call"]["from"]["number"],
            ),
            ("inbound", "alice", "+12025550143"),
        )
        self.assertEqual(
            wire.curl_recorded(self.daemon, "elma", "elma365", "03-callrecord"), (200, b"")
        )
        self.client.wait_for(lambda e: e["type"] in ("call.ended", "call.report"), 5, self.seen)
        events = self.new_events()
        self.assertEqual(len({e["subject"] for e in events}), 1)
        call = events[-1]["data"]["call"]
        self.assertEqual(
            (call["state"], call["disposition"], call["talk_ms"]), ("ended", "answered", 33000)
        )
        self.assertEqual([r["url"] for r in call["recordings"]], ["https://example.com/rec.mp3"])
        self.assertEqual(wire.vendor_ids(call), ["ext-call-1"])

    def test_the_vendors_own_two_field_sample_is_one_ringing_call_however_often_it_comes(self):
        for _ in range(2):
            self.assertEqual(
                wire.curl_recorded(self.daemon, "elma", "elma365", "01-doc-sample"), (200, b"")
            )
        events = self.new_events()
        self.assertEqual(wire.types_of(events), ["call.started", "call.ringing"])
        self.assertEqual(
            (events[-1]["data"]["call"]["state"], events[-1]["data"]["leg"]["ext"]),
            ("ringing", "101"),
        )


MARK = "mark7f3a9"  # in every refused request; in no answer


class Refusals(WebhookCase):
    def refused(self, data, status, code, closes=False, counted=True):
        """One request on a connection of its own; the answer is a problem that says nothing of the
        request."""
        before = wire.total(self.daemon, "", code)
        with wire.Raw(self.daemon.port) as raw:
            answer = raw.exchange(data)
            self.assertIsNotNone(answer, "no answer at all")
            self.assertEqual(answer.status, status, answer)
            self.assertEqual(wire.problem_of(answer)["code"], code)
            everything = repr(answer.headers) + answer.body.decode()
            self.assertNotIn(MARK, everything)
            if closes:
                self.assertTrue(
                    raw.is_closed(), "what follows could be read as a request of its own"
                )
        if counted:
            self.assertGreater(wire.total(self.daemon, "", code), before, "not counted")
        return answer

    def hook(self, body, kind="application/json", source="cloud", *headers):
        return wire.request(
            "POST",
            "/v1/hooks/" + source,
            ["Content-Type: " + kind, "X-Mark: " + MARK, *headers],
            body,
        )

    def tearDown(self):
        self.assertEqual(self.new_events(), [], "a refused request makes no event")
        super().tearDown()

    def test_a_source_that_is_not_there(self):
        self.refused(self.hook("{}", "application/json", MARK), 404, "source_unknown")

    def test_a_path_that_is_not_there(self):
        self.refused(wire.request("GET", "/v1/" + MARK), 404, "not_found")

    def test_a_source_that_is_no_path(self):
        for path in (
            "/v1/hooks/",
            "/v1/hooks",
            "/v1/hooks/..%2fcloud",
            "/v1/hooks/cloud%00",
            "/v1/hooks/%",
            "//v1/hooks/cloud",
        ):
            with self.subTest(path=path), wire.Raw(self.daemon.port) as raw:
                self.assertIn(
                    raw.exchange(
                        wire.request(
                            "POST", path, ["Content-Type: application/json"], '{"type":"started"}'
                        )
                    ).status,
                    (400, 404),
                )

    def test_a_wrong_signature(self):
        body = (
            b"event=NOTIFY_START&call_start=2025-11-20+15%3A00%3A00&pbx_call_id="
            + MARK.encode()
            + b"&caller_id=1&called_did=2"
        )
        self.refused(
            self.hook(body, "application/x-www-form-urlencoded", "zd", "Signature: " + MARK),
            401,
            "signature_invalid",
        )

    def test_bodies_that_are_not_json(self):
        for body in (
            "",
            "{",
            '{"type":"started",}',
            '{"type":"started"} ' + MARK,
            "{'type':'started'}",
            '{"type":"started"}\0',
            "nan",
            '{"type":"started","type":"ended"}',
            "[1,]",
        ):
            with self.subTest(body=body[:40]):
                self.refused(self.hook(body), 400, "bad_json", counted=False)
        self.refused(self.hook(MARK), 400, "bad_json")

    def test_text_that_is_not_utf_8(self):
        for body in (
            b'{"type":"started","reason":"\xff"}',
            b'{"type":"started","reason":"\xc0\xaf"}',
            b'{"type":"started","reason":"\xed\xa0\x80"}',
            b'{"type":"started","reason":"\\ud800"}',
            "\ufeff{}".encode(),
        ):
            with self.subTest(body=body), wire.Raw(self.daemon.port) as raw:
                answer = raw.exchange(self.hook(body))
                self.assertEqual(answer.status, 400)
                self.assertIn(wire.problem_of(answer)["code"], ("bad_encoding", "bad_json"))

    def test_json_that_is_no_fact(self):
        for fact in (
            {"type": MARK},
            {},
            5,
            "started",
            None,
            [[]],
            {"type": "started", "direction": MARK},
            {"type": "started", "ids": MARK},
            {"type": "started", "custom_data": "x" * 2001},
            {"type": "started", "at": MARK},
        ):
            with self.subTest(fact=str(fact)[:50]):
                self.refused(self.hook(json.dumps(fact)), 400, "bad_request", counted=False)

    def test_a_document_that_is_too_deep(self):
        for body in ("[" * 33 + "]" * 33, "[" * 100_000, '{"a":' * 40 + "1" + "}" * 40):
            self.refused(self.hook(body), 400, "too_deep")

    def test_more_facts_than_one_request_may_hold(self):
        self.refused(
            self.hook(json.dumps([{"type": "updated", "ids": {"call": ["m"]}}] * 257)),
            400,
            "too_many_fields",
        )

    def test_a_body_over_the_limit(self):
        self.refused(
            self.hook('{"type":"started","reason":"' + MARK * 40_000 + '"}'), 413, "body_too_large"
        )

    def test_a_body_that_is_announced_over_the_limit_is_not_waited_for(self):
        data = wire.request(
            "POST",
            "/v1/hooks/cloud",
            ["Content-Type: application/json", "X-Mark: " + MARK, "Content-Length: 99999999999"],
        )
        started = time.monotonic()
        self.refused(data, 413, "body_too_large", closes=True)
        self.assertLess(time.monotonic() - started, 3)

    def test_a_chunked_body_over_the_limit(self):
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        self.refused(
            wire.request(
                "POST",
                "/v1/hooks/cloud",
                ["Content-Type: application/json", "Transfer-Encoding: chunked"],
                chunk * 6,
            ),
            413,
            "body_too_large",
        )

    def test_a_content_type_that_the_source_does_not_take(self):
        self.refused(self.hook("<fact/>", "application/xml"), 415, "unsupported_media_type")

    def test_who_only_looks_tells_nothing(self):
        status, headers, _ = self.daemon.http("HEAD", "/v1/hooks/cloud")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))

    def test_methods_that_are_not_allowed_are_told_which_are(self):
        for method, path, allowed in (
            ("DELETE", "/v1/hooks/cloud", "POST"),
            ("PATCH", "/v1/hooks/zd", "POST"),
            ("POST", "/metrics", "GET"),
            ("PUT", "/v1/calls", "GET"),
            ("DELETE", "/livez", "GET"),
            ("POST", "/v1/events", "GET"),
        ):
            with self.subTest(method=method, path=path):
                answer = self.refused(
                    wire.request(method, path, ["X-Mark: " + MARK, "Content-Length: 0"]),
                    405,
                    "method_not_allowed",
                )
                self.assertIn(allowed, re.split(r"\s*,\s*", answer.header("Allow") or ""))

    def test_a_method_nobody_knows(self):
        with wire.Raw(self.daemon.port) as raw:
            self.assertIn(
                raw.exchange(
                    wire.request(MARK.upper(), "/v1/hooks/cloud", ["Content-Length: 0"])
                ).status,
                (400, 405, 501),
            )

    def test_a_header_over_the_limit(self):
        self.refused(
            wire.request(
                "POST", "/v1/hooks/cloud", ["X-Mark: " + MARK * 2000, "Content-Length: 0"]
            ),
            431,
            "headers_too_large",
            closes=True,
        )
        self.refused(
            wire.request("GET", "/version", ["X-%d: %s" % (i, MARK) for i in range(2000)]),
            431,
            "headers_too_large",
            closes=True,
        )

    def smuggles(self, *headers, body=b"0\r\n\r\n", version="HTTP/1.1", host="127.0.0.1"):
        """A request whose length two readers could see differently, and behind it one that must not
        be answered."""
        behind = wire.request("GET", "/version")
        lines = ["Content-Type: application/json", "X-Mark: " + MARK, *headers]
        data = wire.request("POST", "/v1/hooks/cloud", lines, body, host=host, version=version)
        self.refused(data + behind, 400, "bad_request", closes=True)

    def test_transfer_encodings_other_than_exactly_chunked(self):
        for value in (
            "gzip, chunked",
            "chunked, gzip",
            "chunked, identity",
            "identity",
            "chunked, chunked",
            "xchunked",
            "gzip",
            "chunked;q=1",
            '"chunked"',
            "",
        ):
            with self.subTest(value=value):
                self.smuggles("Transfer-Encoding: " + value)
        self.smuggles("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")

    def test_a_length_told_twice(self):
        self.smuggles("Content-Length: 2", "Content-Length: 2", body=b"{}")
        self.smuggles("Content-Length: 2", "Content-Length: 3", body=b"{} ")
        self.smuggles("Content-Length: 2, 2", body=b"{}")
        self.smuggles("Content-Length: 5", "Transfer-Encoding: chunked")
        self.smuggles("Transfer-Encoding: chunked", "Content-Length: 5")

    def test_a_length_that_is_no_number(self):
        for value in ("-1", "+2", "0x2", "2 2", "", "99999999999999999999999", "2a"):
            with self.subTest(value=value), wire.Raw(self.daemon.port) as raw:
                answer = raw.exchange(
                    wire.request(
                        "POST",
                        "/v1/hooks/cloud",
                        ["Content-Type: application/json", "Content-Length: " + value],
                        b"{}",
                    )
                )
                self.assertIn(answer.status, (400, 413), value)
                self.assertTrue(raw.is_closed())

    def test_chunked_in_http_1_0(self):
        self.smuggles("Transfer-Encoding: chunked", version="HTTP/1.0")

    def test_no_host_or_two(self):
        self.smuggles("Content-Length: 2", body=b"{}", host=None)
        self.smuggles("Content-Length: 2", "Host: other.example", body=b"{}")

    def test_lines_that_two_readers_could_see_differently(self):
        for lines in (
            ["X-Fold: a\r\n b", "Content-Length: 2"],
            ["Content-Length : 2"],
            ["X-Bare: a\rb", "Content-Length: 2"],
            ["X-Nul: \0", "Content-Length: 2"],
            [" X-Space: a", "Content-Length: 2"],
        ):
            with self.subTest(lines=lines):
                self.smuggles(*lines, body=b"{}")

    def test_bytes_that_are_no_http(self):
        with wire.Raw(self.daemon.port) as raw:
            raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n")
            answer = raw.response()
            self.assertTrue(answer is None or answer.status == 400, answer)
            self.assertTrue(raw.is_closed())

    def test_a_slow_header_is_not_waited_for(self):
        with wire.Raw(self.daemon.port, seconds=0.2) as raw:
            started = time.monotonic()
            raw.send("POST /v1/hooks/cloud HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            closed = False
            while not closed and time.monotonic() - started < 8:
                try:  # always a byte within the time: only the header's own clock can end it
                    raw.send("x")
                    closed = raw.socket.recv(4096) == b""
                except TimeoutError:
                    continue
                except (ConnectionResetError, BrokenPipeError):
                    closed = True
            took = time.monotonic() - started
        self.assertTrue(closed, "a header may trickle for ever")
        self.assertGreater(took, 0.5)
        self.assertLess(took, 5)

    def test_the_daemon_is_well_after_all_of_this(self):
        self.assertEqual(self.daemon.http("GET", "/readyz")[0], 200)


if __name__ == "__main__":
    unittest.main()
