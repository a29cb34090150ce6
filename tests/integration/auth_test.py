#!/usr/bin/env python3
"""Who is let in, by each kind of token, and what becomes of it when the configuration changes.

Keys are made and used by the `openssl` of the system: an implementation that is not the daemon's.
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import wire  # noqa: E402

OTHER_SECRET = "fedcba9876543210" * 4
KINDS = {
    "RS256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ES256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "EdDSA": ("-algorithm", "ED25519"),
}


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True,
                          check=True, timeout=30).stdout


def b64(data):
    return wire.base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_pair(der):
    """r || s of an ECDSA signature in DER."""
    out, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class Signer:
    """An identity provider with one key."""

    def __init__(self, folder, alg, kid):
        self.alg, self.kid, self.file = alg, kid, folder / ("%s.key" % kid)
        self.file.write_bytes(openssl("genpkey", *KINDS[alg]))

    def pem(self):
        return openssl("pkey", "-in", self.file, "-pubout").decode()

    def jwk(self):
        der = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")
        if self.alg == "RS256":
            text = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode()
            own = {"kty": "RSA", "n": b64(bytes.fromhex(text.strip().partition("=")[2])), "e": "AQAB"}
        elif self.alg == "ES256":
            own = {"kty": "EC", "crv": "P-256", "x": b64(der[-64:-32]), "y": b64(der[-32:])}
        else:
            own = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        return {**own, "kid": self.kid, "use": "sig"}

    def token(self, **more):
        claims = {"sub": "alice", "org": "acme", "scope": "openid events:own",
                  "exp": int(time.time()) + 3600, **more}
        text = "%s.%s" % (b64(json.dumps({"alg": self.alg, "kid": self.kid}).encode()),
                          b64(json.dumps(claims).encode()))
        if self.alg == "EdDSA":  # openssl 3.0 reads what it signs so from a file alone
            file = self.file.with_suffix(".text")
            file.write_text(text)
            signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", file)
        else:
            signature = openssl("dgst", "-sha256", "-sign", self.file, data=text.encode())
        return "%s.%s" % (text, b64(raw_pair(signature) if self.alg == "ES256" else signature))


class AuthCase(unittest.TestCase):
    def start(self, auth='hs256_secret_file = "jwt.secret"\n', more="", files=None):
        """The daemon with these lines in [auth]."""
        self.daemon = harness.Daemon(wire.NATIVE + more, files)
        self.rest = self.daemon.config.read_text()
        self.write(auth)
        self.enterContext(self.daemon)
        return self.daemon

    def write(self, auth, more=""):
        self.daemon.config.write_text(
            self.rest.replace('hs256_secret_file = "jwt.secret"\n', auth) + more)

    def reload(self, word="reloaded"):
        seen = self.daemon.log().count(word)
        self.daemon.reload()
        harness.wait_until(lambda: self.daemon.log().count(word) > seen, 10, word)

    def welcomed(self, token):
        client = harness.Client(self.daemon, token)
        self.addCleanup(client.close)
        self.assertIsNotNone(client.welcome, client.close_code)
        self.assertEqual(client.welcome["user"], "alice")
        return client

    def refused(self, token):
        client = harness.Client(self.daemon, token)
        self.addCleanup(client.close)
        self.assertIsNone(client.welcome)
        return client.close_code

    def closed(self, client):
        harness.wait_until(lambda: client.close_code is not None, 10, "the session is closed")
        return client.close_code

    def stays(self, client, seconds=2.5):
        """Longer than two ticks of a session, at which it is looked at."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.assertIsNone(client.close_code)
            time.sleep(0.1)
        client.ping()


class Keys(AuthCase):
    def test_each_kind_of_key_says_hello_from_pem_and_from_a_set_beside_the_secret(self):
        folder = pathlib.Path(self.enterContext(wire.tempfile.TemporaryDirectory()))
        by_pem = [Signer(folder, alg, "pem-" + alg) for alg in KINDS]
        by_set = [Signer(folder, alg, "set-" + alg) for alg in KINDS]
        keys = [s.jwk() for s in by_set] + [{"kty": "oct", "k": "AAAA"},
                                            {**by_pem[0].jwk(), "use": "enc"}]
        self.start('hs256_secret_file = "jwt.secret"\npublic_key_file = "idp.pem"\n'
                   'jwks_file = "jwks.json"\nissuer = "https://id.example.com"\naudience = "cti"\n',
                   files={"idp.pem": "".join(s.pem() for s in by_pem),
                          "jwks.json": json.dumps({"keys": keys})})
        self.assertRegex(self.daemon.log(), r"token_keys file=\S*idp\.pem taken=3 ")
        self.assertRegex(self.daemon.log(),
                         r"token_keys file=\S*jwks\.json taken=3 other_kind=1 other_use=1")
        ours = {"iss": "https://id.example.com", "aud": ["crm", "cti"]}
        for signer in by_pem + by_set:
            with self.subTest(signer.kid):
                self.welcomed(signer.token(**ours))
                self.assertEqual(self.refused(signer.token(iss=ours["iss"], aud="crm")), 4001)
                self.assertEqual(self.refused(signer.token(aud="cti")), 4001)
                self.assertEqual(self.refused(signer.token(**ours, scope="openid")), 4004)
                self.assertEqual(self.refused(signer.token(**{**ours, "exp": 1})), 4002)
                # Over HTTP it is the same, and a public key is no secret.
                self.daemon.json("GET", "/v1/calls", token=signer.token(**ours))
                claims = {"sub": "alice", "org": "acme", "scope": "events:own", "exp": 4e9, **ours}
                for secret in (signer.pem(), signer.pem().strip()):
                    self.assertEqual(self.refused(wire.jwt(claims, secret.encode())), 4001)
                self.assertEqual(self.refused(wire.jwt(claims, algorithm="none")), 4001)
        self.welcomed(wire.token("alice"))
        stranger = Signer(folder, "ES256", "set-ES256")
        self.assertEqual(self.refused(stranger.token(**ours)), 4001)

    def test_a_key_that_is_taken_out_ends_its_sessions_and_a_new_one_begins_others(self):
        folder = pathlib.Path(self.enterContext(wire.tempfile.TemporaryDirectory()))
        old, kept, new = (Signer(folder, "ES256", kid) for kid in ("old", "kept", "new"))
        as_set = lambda *signers: json.dumps({"keys": [s.jwk() for s in signers]})
        self.start('jwks_file = "jwks.json"\n', files={"jwks.json": as_set(old, kept)})
        file = self.daemon.folder / "jwks.json"
        on_old, on_kept = self.welcomed(old.token()), self.welcomed(kept.token())
        self.assertEqual(self.refused(new.token()), 4001)
        file.write_text(as_set(old, kept, new))
        self.reload()
        self.welcomed(new.token())
        self.stays(on_old)
        file.write_text("{")
        self.reload("reload_kept_old")
        self.stays(on_old)  # a broken file changes nothing
        self.assertRegex(self.daemon.log(), r"hookswitch\.toml:\d+:\d+: auth\.jwks_file: ")
        file.write_text(as_set(kept, new))
        self.reload()
        self.assertEqual(self.closed(on_old), 4002)
        self.assertEqual(self.refused(old.token()), 4001)
        self.stays(on_kept)

    def test_a_weak_key_keeps_it_from_starting(self):
        folder = pathlib.Path(self.enterContext(wire.tempfile.TemporaryDirectory()))
        weak = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        pem = openssl("pkey", "-pubout", data=weak).decode()
        (folder / "weak.pem").write_text(pem)
        (folder / "hookswitch.toml").write_text(
            '[auth]\npublic_key_file = "weak.pem"\n[[org]]\nid = "acme"\n')
        run = subprocess.run([harness.Daemon().binary, "check", "--config",
                              folder / "hookswitch.toml"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 78)
        self.assertRegex(run.stderr, r"hookswitch\.toml:2:1: auth\.public_key_file: .*1024 bits")


class Secrets(AuthCase):
    def test_a_secret_that_is_taken_out_ends_its_sessions_and_streams(self):
        self.start(files={"jwt.other": OTHER_SECRET})
        client = self.welcomed(wire.token("alice"))
        stream = self.daemon_stream(wire.token("alice"))
        both = 'hs256_secret_file = "jwt.other"\nhs256_previous_secret_file = "jwt.secret"\n'
        self.write(both)
        self.reload()
        self.stays(client)  # while it is replaced, both are good
        self.write('hs256_secret_file = "jwt.other"\n')
        self.reload()
        self.assertEqual(self.closed(client), 4002)
        stream.settimeout(10)
        while stream.recv(65536):
            pass  # to its end, within the time
        self.assertEqual(self.refused(wire.token("alice")), 4001)
        fresh = {"sub": "alice", "org": "acme", "scope": "events:own",
                 "exp": int(time.time()) + 60}
        self.welcomed(wire.jwt(fresh, OTHER_SECRET.encode()))

    def daemon_stream(self, token):
        sock = wire.socket.create_connection(("127.0.0.1", self.daemon.port), 10)
        self.addCleanup(sock.close)
        sock.sendall(("GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n"
                      "Authorization: Bearer %s\r\n\r\n" % (self.daemon.port, token)).encode())
        self.assertIn(b" 200 ", sock.recv(65536))
        return sock

    def test_a_client_that_is_closed_so_goes_on_with_a_fresh_token_and_misses_nothing(self):
        self.start(files={"jwt.other": OTHER_SECRET})
        client = self.welcomed(wire.token("alice"))
        self.daemon.http("POST", "/v1/hooks/cloud", wire.facts_of_call("auth-1"))
        last = client.wait_for(lambda e: e["type"] == "call.ended", 10)
        self.write('hs256_secret_file = "jwt.other"\n')
        self.reload()
        self.assertEqual(self.closed(client), 4002)
        self.daemon.http("POST", "/v1/hooks/cloud", wire.facts_of_call("auth-2"))
        fresh = {"sub": "alice", "org": "acme", "scope": "events:own",
                 "exp": int(time.time()) + 60}
        again = harness.Client(self.daemon, wire.jwt(fresh, OTHER_SECRET.encode()),
                               since=last["cursor"])
        self.addCleanup(again.close)
        again.wait_for(lambda e: e["type"] == "call.ended", 10)
        self.assertTrue(again.welcome["resumed"])

    def test_nobody_stays_when_anonymous_is_taken_out(self):
        lines = 'hs256_secret_file = "jwt.secret"\n'
        nobody = 'anonymous = { org = "acme", scope = "events:org" }\n'
        self.start(lines + nobody)
        client = harness.Client(self.daemon)
        self.addCleanup(client.close)
        self.assertIsNotNone(client.welcome)
        self.reload()
        self.stays(client)
        self.write(lines)
        self.reload()
        self.assertEqual(self.closed(client), 4002)


class Static(AuthCase):
    def make(self, *more, user="alice", scope="events:own"):
        """(token, lines for the configuration, all that was printed)."""
        run = subprocess.run(
            [self.daemon.binary, "token", "--static", "--config", self.daemon.config, "--org",
             "acme", "--user", user, "--scope", scope, *more], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        token, _, rest = run.stdout.partition("\n")
        self.assertRegex(token, r"^hs_[A-Za-z0-9_-]{43}$")
        self.assertNotIn(token, rest)
        return token, rest, run.stdout + run.stderr

    def test_one_is_made_pasted_used_and_taken_out_again(self):
        self.start()
        token, lines, _ = self.make("--name", "desk")
        self.assertEqual(self.refused(token), 4001)
        self.write('hs256_secret_file = "jwt.secret"\n', lines)
        self.reload()
        client = self.welcomed(token)
        self.assertEqual(self.daemon.json("GET", "/v1/calls", token=token)["calls"], [])
        # Another beside it, another name for it: nothing to it.
        other, more, _ = self.make()
        self.write('hs256_secret_file = "jwt.secret"\n', lines.replace("desk", "table") + more)
        self.reload()
        self.stays(client)
        self.welcomed(other)
        # Other rights are another thing: who comes back has them.
        self.write('hs256_secret_file = "jwt.secret"\n',
                   lines.replace("events:own", "events:org") + more)
        self.reload()
        self.assertEqual(self.closed(client), 4002)
        client = self.welcomed(token)
        self.write('hs256_secret_file = "jwt.secret"\n', more)
        self.reload()
        self.assertEqual(self.closed(client), 4002)
        self.assertEqual(self.refused(token), 4001)
        self.welcomed(other)
        log = self.daemon.log()
        for secret in (token, other, token[3:], token[3:20]):
            self.assertNotIn(secret, log)
        for hashed in re.findall(r'hash = "([0-9a-f]{64})"', lines + more):
            self.assertNotIn(hashed, log)

    def test_the_first_one_is_made_before_there_is_any_other_proof(self):
        self.daemon = harness.Daemon(wire.NATIVE)
        text = self.daemon.config.read_text().replace('hs256_secret_file = "jwt.secret"\n', "")
        self.daemon.config.write_text(text)
        token, lines, _ = self.make()
        self.daemon.config.write_text(text + lines)
        with self.daemon:
            self.welcomed(token)

    def test_one_ends_when_it_says_so(self):
        self.start()
        token, lines, _ = self.make("--ttl", "3s")
        self.assertRegex(lines, r"(?m)^expires = \d{4}-\d\d-\d\dT[0-9:.]+Z$")
        self.write('hs256_secret_file = "jwt.secret"\n', lines)
        self.reload()
        client = self.welcomed(token)
        self.assertEqual(self.closed(client), 4002)
        self.assertEqual(self.refused(token), 4002)

    def test_a_plain_token_in_the_configuration_is_a_problem_that_does_not_repeat_it(self):
        self.start()
        token, lines, _ = self.make()
        self.write('hs256_secret_file = "jwt.secret"\n',
                   re.sub(r'hash = "[^"]*"', 'hash = "%s"' % token, lines))
        self.reload("reload_kept_old")
        self.assertRegex(self.daemon.log(), r"hookswitch\.toml:\d+:1: token\.hash: must be the SHA-256")
        self.assertNotIn(token, self.daemon.log())

    def test_what_is_refused_is_in_no_log_whatever_kind_it_is(self):
        self.start()
        self.write('hs256_secret_file = "jwt.secret"\n[log]\nlevel = "debug"\n')
        self.reload()
        token, _, _ = self.make()
        for secret in (token, "hs_short", wire.token("alice")[:-3], "a.b.c"):
            self.assertEqual(self.refused(secret), 4001)
            status = self.daemon.http("GET", "/v1/calls", headers={"Authorization": "Bearer " + secret})[0]
            self.assertEqual(status, 401)
            self.daemon.http("GET", "/v1/calls?token=" + secret)
            self.assertNotIn(secret, self.daemon.log())


if __name__ == "__main__":
    unittest.main()
