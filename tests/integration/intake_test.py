#!/usr/bin/env python3
"""What a webhook source takes: the same delivery once, also over a restart and a kill -9; who may
post at all."""
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

SIGNED = {
    "dialect": "signed",
    "decode": ["json"],
    "auth": [
        {
            "scheme": "hmac",
            "hash": "sha256",
            "secret": "KEY",
            "header": "x-signature",
            "encode": "hex",
            "signed": ["/header/x-time", ".", "$raw"],
            "timestamp": {"$int": "/header/x-time"},
            "tolerance": 300,
        }
    ],
    "rules": [{"emit": {"type": "/body/type", "ids": {"call": "/body/call"},
                        "agent": {"ext": "101"}, "direction": "inbound"}}],
}
SOURCES = (
    wire.NATIVE
    + """
[[source]]
name = "signed"
org = "acme"
kind = "webhook"
dialect = "./signed.json"
secret_file = "signed.secret"

[[source]]
name = "once"
org = "acme"
kind = "webhook"
dialect = "native"
dedupe_untimed_window_s = 600
"""
)
FILES = {"signed.json": json.dumps(SIGNED), "signed.secret": "signed-test-secret"}


def signature(body, when, secret="signed-test-secret"):
    return hmac.new(secret.encode(), b"%d." % when + body, hashlib.sha256).hexdigest()


def sample(daemon, name, **labels):
    """The value of one metric, 0 if there is none."""
    return sum(v for n, of, v in wire.metrics(daemon) if n == name and of == labels)


class IntakeCase(unittest.TestCase):
    toml, files = SOURCES, FILES

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(cls.toml, cls.files))

    def repeats(self, source):
        return sample(self.daemon, "hookswitch_hook_repeats_total", source=source)

    def facts(self, source):
        return sample(self.daemon, "hookswitch_source_facts_total", source=source)

    def post(self, body, source="cloud", headers=None):
        return self.daemon.http("POST", "/v1/hooks/" + source, body, headers)


class Repeats(IntakeCase):
    def fact(self, call, type_="ringing", **more):
        return {"type": type_, "ids": {"call": [call]}, "agent": {"ext": "101"}, **more}

    def test_the_same_delivery_is_answered_as_before_and_gives_no_facts(self):
        body = self.fact("r-1", at="2026-11-20T15:00:00Z")
        first = self.post(body)
        facts, repeats = self.facts("cloud"), self.repeats("cloud")
        again = self.post(body)
        self.assertEqual((first[0], first[2]), (200, b""))
        self.assertEqual((again[0], again[2]), (200, b""))
        self.assertEqual(self.facts("cloud"), facts)
        self.assertEqual(self.repeats("cloud"), repeats + 1)

    def test_the_same_body_to_another_source_is_another_delivery(self):
        body = self.fact("r-2", at="2026-11-20T15:00:00Z")
        self.post(body)
        facts = self.facts("once")
        self.post(body, "once")
        self.assertEqual(self.facts("once"), facts + 1)

    def test_what_tells_neither_id_nor_time_nor_order_may_have_happened_twice(self):
        facts = self.facts("cloud")
        for type_ in ("answered", "held", "resumed", "held"):
            self.post(self.fact("r-3", type_))
        self.assertEqual(self.facts("cloud"), facts + 4)

    def test_but_a_source_may_say_that_it_never_does(self):
        body = self.fact("r-4")
        self.post(body, "once")
        facts = self.facts("once")
        self.assertEqual(self.post(body, "once")[0], 200)
        self.assertEqual(self.facts("once"), facts)

    def test_the_same_at_once_gives_its_facts_once(self):
        body = self.fact("r-5", at="2026-11-20T15:00:00Z")
        facts = self.facts("cloud")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.post(body)[0], range(8)))
        self.assertEqual(answers, [200] * 8)
        self.assertEqual(self.facts("cloud"), facts + 1)

    def test_a_refused_delivery_is_not_remembered(self):
        body = json.dumps({"type": "ringing", "call": "r-6"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(body, when)}
        bad = {**good, "X-Signature": "0" * 64}
        self.assertEqual(self.post(body, "signed", bad)[0], 401)
        facts = self.facts("signed")
        self.assertEqual(self.post(body, "signed", good)[0], 200)
        self.assertEqual(self.facts("signed"), facts + 1)

    def test_a_replay_of_a_signed_request_gives_nothing_whatever_unsigned_was_changed(self):
        body = json.dumps({"type": "ringing", "call": "r-7"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(body, when)}
        self.assertEqual(self.post(body, "signed", good)[0], 200)
        facts = self.facts("signed")
        for headers in (good, {**good, "User-Agent": "another", "X-More": "1"}):
            self.assertEqual(self.post(body, "signed", headers)[0], 200)
        self.assertEqual(self.facts("signed"), facts)
        late = {"X-Time": str(when - 301), "X-Signature": signature(body, when - 301)}
        self.assertEqual(self.post(body, "signed", late)[0], 401)

    def test_what_was_taken_is_known_after_a_kill_and_a_restart(self):
        body = self.fact("r-8", at="2026-11-20T15:00:00Z")
        signed = json.dumps({"type": "ringing", "call": "r-9"}).encode()
        when = int(time.time())
        good = {"X-Time": str(when), "X-Signature": signature(signed, when)}
        with harness.Daemon(self.toml, self.files) as daemon:
            def post(*args):
                return daemon.http("POST", *args)[0]
            self.assertEqual(post("/v1/hooks/cloud", body), 200)
            daemon.kill()
            daemon.start()
            self.assertEqual(post("/v1/hooks/signed", signed, good), 200)
            daemon.stop()
            daemon.start()
            self.assertEqual(post("/v1/hooks/cloud", body), 200)
            self.assertEqual(post("/v1/hooks/signed", signed, good), 200)
            for source in ("cloud", "signed"):
                self.assertEqual(
                    sample(daemon, "hookswitch_hook_repeats_total", source=source), 1)
            self.assertEqual(sample(daemon, "hookswitch_facts_total"), 0)


class Senders(IntakeCase):
    proxy_port, tls_port = harness.free_tcp_port(), harness.free_tcp_port()
    toml = SOURCES + """
[[source]]
name = "near"
org = "acme"
kind = "webhook"
allow_from = ["203.0.113.0/24", "192.0.2.7"]

[[source]]
name = "off"
org = "acme"
kind = "webhook"
disabled = true

[[source]]
name = "private"
org = "acme"
kind = "webhook"
tls_only = true

[[source]]
name = "known"
org = "acme"
kind = "webhook"
client_names = ["pbx.example.com"]

[[listen]]
address = "127.0.0.1:%d"
trusted_proxies = ["127.0.0.0/8"]

[[listen]]
address = "127.0.0.1:%d"
certificate_file = "server.pem"
key_file = "server.key"
client_ca_file = "ca.pem"
""" % (proxy_port, tls_port)

    @classmethod
    def setUpClass(cls):
        cls.pki = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        for name in ("server", "ca", "other-ca"):
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", name + ".key",
                        "-out", name + ".pem")
        for name, ca, subject, alternative in (
            ("pbx", "ca", "/CN=whoever", "DNS:pbx.example.com"),
            ("stranger", "ca", "/CN=stranger.example.com", "DNS:stranger.example.com"),
            ("forged", "other-ca", "/CN=pbx.example.com", "DNS:pbx.example.com"),
        ):
            cls.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", subject, "-keyout", name + ".key", "-out", name + ".csr")
            (cls.pki / "ext").write_text("subjectAltName=" + alternative)
            cls.openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey",
                        ca + ".key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out",
                        name + ".pem")
        texts = {n: (cls.pki / n).read_text() for n in ("server.pem", "server.key", "ca.pem")}
        cls.files = {**FILES, **texts}
        super().setUpClass()

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *arguments], cwd=cls.pki, check=True, capture_output=True)

    def refusals(self, source, code):
        return sample(self.daemon, "hookswitch_hook_refusals_total", source=source, code=code)

    def by_proxy(self, source, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/hooks/" + source, '{"type":"updated"}',
                               {"Content-Type": "application/json", **headers})
            return connection.getresponse().status

    def test_who_is_not_on_the_list_is_refused_and_counted(self):
        before = self.refusals("near", "sender_refused")
        for headers in ({}, {"X-Forwarded-For": "203.0.113.9"}):  # nobody here is a proxy of ours
            status, _, body = self.post({"type": "updated"}, "near", headers)
            self.assertEqual((status, json.loads(body)["code"]), (403, "sender_refused"))
        self.assertEqual(self.refusals("near", "sender_refused"), before + 2)

    def test_a_trusted_proxy_says_who_sent_it_and_nobody_else_does(self):
        for forwarded, status in (
            ("203.0.113.9", 200),
            ("198.51.100.1, 192.0.2.7", 200),
            ("192.0.2.7, 127.0.0.9", 200),
            ("203.0.113.9, 198.51.100.1", 403),  # the left one the sender wrote itself
            ("198.51.100.1", 403),
            ("unknown", 403),
            (None, 403),
        ):
            with self.subTest(forwarded=forwarded):
                headers = {"X-Forwarded-For": forwarded} if forwarded else {}
                self.assertEqual(self.by_proxy("near", headers), status)

    def test_a_source_that_is_switched_off_says_so(self):
        status, _, body = self.post({"type": "updated"}, "off")
        self.assertEqual((status, json.loads(body)["code"]), (410, "source_disabled"))
        self.assertGreater(self.refusals("off", "source_disabled"), 0)

    def by_tls(self, certificate, source="known"):
        context = ssl.create_default_context(cafile=self.pki / "server.pem")
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(self.pki / (certificate + ".pem"),
                                    self.pki / (certificate + ".key"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=10,
                                                 context=context)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/hooks/" + source, '{"type":"updated"}',
                               {"Content-Type": "application/json"})
            return connection.getresponse().status

    def test_a_source_may_want_tls(self):
        self.assertEqual(self.by_tls(None, "private"), 200)
        self.assertEqual(self.by_proxy("private", {"X-Forwarded-Proto": "https"}), 200)
        self.assertEqual(self.by_proxy("private", {"X-Forwarded-Proto": "http"}), 403)
        self.assertEqual(self.post({"type": "updated"}, "private",
                                   {"X-Forwarded-Proto": "https"})[0], 403)

    def test_a_certificate_must_have_a_name_of_the_source(self):
        self.assertEqual(self.by_tls("pbx"), 200)
        self.assertEqual(self.by_tls("stranger"), 403)
        self.assertEqual(self.by_tls(None), 403)
        self.assertEqual(self.by_tls(None, "cloud"), 200)  # others need none
        self.assertEqual(self.post({"type": "updated"}, "known")[0], 403)

    def test_a_certificate_of_another_authority_gives_no_connection(self):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.by_tls("forged")

    def test_two_keys_live_while_one_is_replaced_and_only_then(self):
        native = ("""
[[source]]
name = "turning"
org = "acme"
kind = "webhook"
dialect = "./signed.json"
""")
        both = 'secrets = { KEY = { file = "new.secret", previous_file = "old.secret" } }\n'
        files = {**FILES, "old.secret": "old-key", "new.secret": "new-key"}
        with harness.Daemon(native + 'secret_file = "old.secret"\n', files) as daemon:
            base = daemon.config.read_text()
            calls = iter(range(100))

            def taken():
                out = []
                for key in ("old-key", "new-key", "no-key"):
                    body = json.dumps({"type": "ringing", "call": "k%d" % next(calls)}).encode()
                    when = int(time.time())
                    headers = {"X-Time": str(when), "X-Signature": signature(body, when, key)}
                    if daemon.http("POST", "/v1/hooks/turning", body, headers)[0] == 200:
                        out.append(key)
                return out

            def turn(toml):
                seen = daemon.log().count(" reloaded") + daemon.log().count(">reloaded")
                daemon.config.write_text(toml)
                daemon.reload()
                harness.wait_until(
                    lambda: daemon.log().count(" reloaded") + daemon.log().count(">reloaded") > seen,
                    10, "a reload")

            self.assertEqual(taken(), ["old-key"])
            turn(base.replace('secret_file = "old.secret"\n', both))
            self.assertEqual(taken(), ["old-key", "new-key"])
            turn(base.replace("old.secret", "new.secret"))
            self.assertEqual(taken(), ["new-key"])


class Overload(IntakeCase):
    toml = """
[[source]]
name = "again"
org = "acme"
kind = "webhook"
facts_per_second = 5

[[source]]
name = "once"
org = "acme"
kind = "webhook"
facts_per_second = 5
retries = false

[[source]]
name = "full"
org = "acme"
kind = "webhook"
facts_per_second = 5
retries = false
"""

    def test_what_would_not_come_again_waits_instead_of_being_refused(self):
        def facts(kind, n):
            return [{"type": "started", "ids": {"call": ["%s-%d" % (kind, n)]}}]
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.daemon.port)) as link:
            def statuses(source):
                out = []
                for n in range(15):
                    link.request("POST", "/v1/hooks/" + source, json.dumps(facts(source, n)),
                                 {"Content-Type": "application/json"})
                    answer = link.getresponse()
                    answer.read()
                    out.append((answer.status, answer.getheader("Retry-After") is not None))
                return out
            self.assertIn((503, True), statuses("again"))
            self.assertEqual(statuses("once"), [(200, False)] * 15)
        harness.wait_until(lambda: self.facts("once") == 15, 20, "all of them are taken at last")

    def test_but_only_as_many_as_there_is_room_for(self):
        answers = [self.post([{"type": "presence", "agent": {"ext": "101"}}] * 256, "full")
                   for _ in range(20)]
        self.assertEqual([status for status, _, _ in answers[:4]], [200] * 4)
        status, headers, _ = answers[-1]
        self.assertEqual(status, 503)
        self.assertIsNotNone(headers["Retry-After"])


class Learning(IntakeCase):
    toml = """
[[source]]
name = "fresh"
org = "acme"
kind = "webhook"
dialect = "./signed.json"
secret_file = "signed.secret"
keep_unmatched = 3

[[org]]
id = "other"
"""

    def unmatched(self, scope="admin", org="acme", source="fresh"):
        headers = {"Authorization": "Bearer " + wire.token("alice", scope, org)}
        status, _, body = self.daemon.http(
            "GET", "/v1/sources/%s/unmatched" % source, headers=headers)
        return status, json.loads(body)

    def send(self, document, **headers):
        body, when = json.dumps(document).encode(), int(time.time())
        return self.post(body, "fresh", {"X-Time": str(when), "X-Signature": signature(body, when),
                                         "Content-Type": "application/json", **headers})

    def test_what_no_rule_took_is_kept_without_what_tells_of_people(self):
        before = wire.total(self.daemon, "unmatched")
        secrets = ["+12025550143", "Jane Doe", "jane@example.com", "tok-5f2a9c", "call-77-x",
                   "signed-test-secret"]
        for n in range(5):
            status, _, body = self.send(
                {"kind": "call.ring", "n": n, "caller": {"number": secrets[0], "name": secrets[1]},
                 "contact": secrets[2], "access_token": secrets[3], "id": secrets[4],
                 "note": secrets[5], "when": "2026-11-20T15:00:00Z"}, Cookie="tok-5f2a9c")
            self.assertEqual((status, body), (200, b""))
        self.assertEqual(wire.total(self.daemon, "unmatched"), before + 5)
        status, told = self.unmatched()
        self.assertEqual((status, told["source"], told["total"]), (200, "fresh", 5))
        requests = told["requests"]
        self.assertEqual([r["document"]["body"]["n"] for r in requests], [4, 3, 2])
        text = json.dumps(told)
        for secret in secrets:
            self.assertNotIn(secret, text)
        body = requests[0]["document"]["body"]
        self.assertEqual((body["kind"], body["when"]), ("call.ring", "2026-11-20T15:00:00Z"))
        self.assertRegex(body["caller"]["number"], r"^\+1\d{10}$")
        self.assertEqual(requests[0]["rules"][0]["rule"], "/rules/0")
        # It did no harm: what is understood is still taken.
        facts = self.facts("fresh")
        self.assertEqual(self.send({"type": "ringing", "call": "good"})[0], 200)
        self.assertEqual(self.facts("fresh"), facts + 1)

    def test_only_an_administrator_of_its_organisation_may_look(self):
        self.assertEqual(self.unmatched("events:org users")[0], 403)
        self.assertEqual(self.unmatched("admin", "other")[0], 404)
        self.assertEqual(self.unmatched(source="nobody")[0], 404)
        self.assertEqual(self.daemon.http("GET", "/v1/sources/fresh/unmatched")[0], 401)
        self.assertEqual(self.daemon.http("POST", "/v1/sources/fresh/unmatched", "")[0], 405)

    def test_what_is_not_authentic_is_not_kept(self):
        total = self.unmatched()[1]["total"]
        self.assertEqual(self.post({"kind": "x"}, "fresh")[0], 401)
        self.assertEqual(self.unmatched()[1]["total"], total)


if __name__ == "__main__":
    unittest.main()
