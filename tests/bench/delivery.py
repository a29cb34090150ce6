#!/usr/bin/env python3
"""./dev bench delivery [--quick] [--only NAME] [--daemon FILE]: what delivery costs, beside a floor in the same minute.

The floor (floor/) does the least that the kernel asks of anybody: it keeps nothing, checks nothing and knows no calls. Absolute
figures drift with the machine; the ratios count. Each line shows its limit. Exit status 1 only if something was lost or doubled.
"""
import argparse
import contextlib
import json
import pathlib
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
ORG = "acme"
SQLITE = ROOT / "build/release/journal_bench"
BATCH = 256  # facts a request
CLIENTS = 10_000

# One POST, one event: the call is there already and gets another note. The mark tells a receiver which it is. An extension's events
# are about several calls in turn, for of two facts about one call that overtake each other only the newer is news.
FACT = '{"type":"updated","ids":{"call":["c{topic}-{turn}"]},"agent":{"ext":"{topic}"},"custom_data":"{mark}"}'


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("not within %s s: %s" % (seconds, what))
        time.sleep(0.02)


def is_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Process:
    """A server of ours, ended with the block."""

    def __init__(self, command, port, log=subprocess.DEVNULL):
        self.port = port
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        self.pid = self.process.pid

    def __enter__(self):
        wait_until(lambda: is_open(self.port), 20, "port %d is open" % self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Floor(Process):
    def __init__(self, mode, event_bytes):
        port = free_port()
        super().__init__([OUT / "floor", "--port", port, "--mode", mode], port)
        self.body = '{"m":"{mark}","pad":"%s"}' % ("x" * max(0, event_bytes - 60))

    def load(self):
        return ["--port", self.port, "--path", "/t/{topic}", "--pub-path", "/p/{topic}",
                "--body", self.body, "--pid", self.pid]


class Daemon(Process):
    """hookswitchd in a folder of its own, with `turns` live calls per extension in `extensions`."""

    def __init__(self, binary, engine, extensions=(), turns=1, tls=False, more=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=OUT))
        self.binary, self.extensions, self.turns, self.tls = binary, extensions, turns, tls
        port, self.plain_port = free_port(), free_port()
        secret = self.folder / "jwt.secret"
        secret.touch(0o600)
        secret.write_text("0123456789abcdef" * 4)
        listen = '[[listen]]\naddress = "127.0.0.1:%d"\n' % port
        if tls:
            self.make_certificate()
            listen += 'certificate_file = "cti.pem"\nkey_file = "cti.key"\n'
            listen += '[[listen]]\naddress = "127.0.0.1:%d"\n' % self.plain_port
        else:
            self.plain_port = port
        engine = "" if engine == "sqlite" else 'engine = "%s"\n' % engine
        self.config = self.folder / "bench.toml"
        self.config.write_text(
            listen + '[auth]\nhs256_secret_file = "jwt.secret"\n[log]\nlevel = "warning"\n'
            '[journal]\npath = "journal.db"\n%s[[org]]\nid = "%s"\n'
            '[[source]]\nname = "bench"\norg = "%s"\nkind = "webhook"\n%s' % (engine, ORG, ORG, more)
        )
        self.log = open(self.folder / "daemon.log", "wb")
        super().__init__([binary, "serve", "--config", self.config], port, self.log)

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", self.folder / "cti.key",
             "-out", self.folder / "cti.pem"], check=True, capture_output=True)
        (self.folder / "cti.key").chmod(0o600)

    def __enter__(self):
        super().__enter__()
        self.token = subprocess.run(
            [self.binary, "token", "--config", self.config, "--org", ORG, "--scope", "events:org"],
            check=True, capture_output=True, text=True).stdout.strip()
        self.post([self.ringing(ext, turn) for ext in self.extensions for turn in range(self.turns)])
        # With it a client resumes and is not told of every call that lives.
        self.cursor = self.ask("/v1/calls?ext=none")[1]["Hookswitch-Cursor"]
        return self

    def __exit__(self, *failed):
        super().__exit__(*failed)
        self.log.close()
        if failed[0]:
            print((self.folder / "daemon.log").read_text()[-4000:], file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def ringing(ext, turn):
        call = "c%s-%d" % (ext, turn)
        return {"type": "ringing", "ids": {"call": [call]}, "agent": {"ext": str(ext)}}

    def post(self, facts):
        for at in range(0, len(facts), BATCH):
            request = urllib.request.Request(
                "http://127.0.0.1:%d/v1/hooks/bench" % self.plain_port,
                json.dumps(facts[at:at + BATCH]).encode(), {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=30).read()

    def ask(self, path):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.plain_port, path),
                                         headers={"Authorization": "Bearer " + self.token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode(), answer.headers

    def metric(self, name):
        """Sum over all labels that `name` (a regular expression) matches."""
        lines = re.findall(r"^%s (\S+)$" % name, self.ask("/metrics")[0], re.M)
        return sum(float(value) for value in lines)

    def load(self, ext="{topic}", body=FACT, since=None):
        hello = {"op": "hello", "token": self.token, "since": since or self.cursor,
                 "subscribe": [{"ext": [ext]}]}
        return ["--port", self.port, "--path", "/v1/events", "--init", json.dumps(hello),
                "--ready-expect", '"welcome"', "--pub-port", self.plain_port,
                "--pub-path", "/v1/hooks/bench", "--body", body, "--turns", self.turns,
                "--pid", self.pid,
                *(["--tls"] if self.tls else [])]


class Bench:
    def __init__(self, wish):
        self.wish = wish
        self.times = dict(warmup=0.5, duration=2.0) if wish.quick else dict(warmup=2, duration=5)
        self.repeat = 1 if wish.quick else 3
        self.rows, self.lost, self.event_bytes = [], 0, 700

    # ---- runs

    def start_load(self, arguments, **more):
        options = dict(self.times, drain=5, max_seconds=180, connect_parallel=256) | more
        command = [OUT / "wsload", "--quiet", *arguments]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), value]
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def end_load(self, process, label):
        out, err = process.communicate(timeout=200)
        if not out.strip():
            raise RuntimeError("%s: no result: %s" % (label, err[-500:]))
        result = json.loads(out.splitlines()[-1])
        errors = result["errors"]
        bad = {name: errors[name] for name in ("lost", "dup", "parse") if errors[name]}
        if "await" in result:  # it published nothing itself
            bad.pop("lost", None)
        if errors["closed_by_server"]:
            # Who was sent away would resume, which this generator does not: no word on what it then misses.
            print("  %s: %d clients were closed" % (label, errors["closed_by_server"]), file=sys.stderr)
            bad.pop("lost", None)
        if result["connect"]["failed"]:
            bad["not_connected"] = result["connect"]["failed"]
        if bad and not label.startswith("floor"):
            self.lost += sum(abs(count) for count in bad.values())
            print("  LOST OR DOUBLED %s: %s" % (label, bad), file=sys.stderr)
        if errors["pub_bad"]:
            print("  %s: %d requests refused" % (label, errors["pub_bad"]), file=sys.stderr)
        return result

    def load(self, side, label, **more):
        result = self.end_load(self.start_load(side.load(), **more), label)
        if isinstance(side, Daemon) and result["errors"]["delivered"] > 20 * result["clients"]:
            self.event_bytes = round(result["run"]["bytes"] / result["errors"]["delivered"])
        return result

    def daemon(self, engine="memory", **more):
        return Daemon(self.wish.daemon, engine, **more)

    def pairs(self, label, floor_mode, engine="memory", extensions=(), turns=1, **more):
        """[(ours, floor)] of several runs in turns, at the same size of event."""
        out = []
        for _ in range(self.repeat):
            with self.daemon(engine, extensions=extensions, turns=turns) as daemon:
                ours = self.load(daemon, label, **more)
            with Floor(floor_mode, self.event_bytes) as floor:
                out.append((ours, self.load(floor, "floor " + label, **more)))
        return out

    # ---- the table

    def row(self, name, unit, ours, beside, limit, at_least=False, against="floor"):
        """`limit` is of ours/beside when there is something beside, else of ours itself."""
        value = ours / beside if beside else ours
        good = limit is None or (value >= limit if at_least else value <= limit)
        verdict = "" if limit is None else ("ok" if good else "OVER" if not at_least else "UNDER")
        text = "%-50s %10.3g %-6s" % (name, ours, unit)
        text += " %-10s %9.3g  ratio %5.2f" % (against, beside, value) if beside else " " * 34
        if limit is not None:
            text += "  %s %-5g %s" % (">=" if at_least else "<=", limit, verdict)
        print(text, flush=True)
        self.rows.append(dict(name=name, unit=unit, ours=ours, beside=beside, against=against,
                              ratio=value if beside else None, limit=limit, good=good))

    @staticmethod
    def median(results, *path):
        def look(result):
            for key in path:
                result = result[key]
            return result
        return statistics.median(look(result) for result in results)

    def ratio_row(self, name, pairs, path, limit, unit="us", against="floor"):
        self.row(name, unit, self.median([ours for ours, _ in pairs], *path),
                 self.median([floor for _, floor in pairs], *path), limit, against=against)

    # ---- cases

    def broadcast(self):
        path = ("server", "us_per_delivery")
        all_of_one = dict(clients=CLIENTS, topics=1, pub_conns=16, turns=64)
        pairs = self.pairs("broadcast", "send", extensions=[0], window=1, **all_of_one)
        self.ratio_row("broadcast to 10,000, 1 in flight: CPU a delivery", pairs, path, 1.1)
        pairs = self.pairs("broadcast 16", "flat", extensions=[0], window=15 * CLIENTS + 1,
                           **all_of_one)
        # 1.25 times what uWebSockets needs, which is 0.71 of the flat floor.
        self.ratio_row("broadcast to 10,000, 16 in flight: CPU a delivery", pairs, path,
                       round(1.25 * 0.48 / 0.68, 2), against="flat floor")

    def targeted(self):
        topics = CLIENTS * 2 // 3
        load = dict(clients=CLIENTS, topics=topics, turns=2, pub_conns=64, window=4096)
        for engine, name, limit in (("memory", "in memory", 1.35), ("sqlite", "durable", 2.0)):
            pairs = self.pairs("targeted " + name, "send", engine, range(topics), **load)
            self.ratio_row("targeted, 64 posters, %s: CPU an event" % name, pairs,
                           ("server", "us_per_event"), limit)
            self.ratio_row("targeted, 64 posters, %s: events/s" % name, pairs,
                           ("run", "events_per_s"), None, unit="/s")

    def fixed(self):
        topics = CLIENTS * 2 // 3
        pairs = self.pairs("5,000/s", "send", "sqlite", range(topics), 2, clients=CLIENTS,
                           topics=topics, pub_conns=64, rate=5000)
        for name, key, limit in (("p50", "p50", 1), ("p99", "p99", 5), ("p99.9", "p999", 20)):
            ours, floor = (self.median(side, "latency_us", key) / 1000 for side in zip(*pairs))
            self.row("5,000 events/s durable, POST to frame: %s" % name, "ms", ours, None, limit)
            self.row("    the floor's, keeping nothing", "ms", floor, None, None)

    def webhooks(self):
        per_second = []
        for _ in range(self.repeat):
            with self.daemon("sqlite", extensions=range(64), turns=32) as daemon:
                per_second.append(self.load(daemon, "webhooks", clients=64, topics=64,
                                            pub_conns=64))
        alone = self.group_commit()
        self.row("acknowledged durable webhooks, 64 connections", "/s",
                 self.median(per_second, "run", "events_per_s"), alone, 0.8 if alone else None,
                 at_least=True, against="SQLite")
        if not alone:
            print("    SQLite alone is not measured: build journal_bench")
        acks = self.median(per_second, "ack_us", "p99") / 1000
        self.row("    their answer: p99", "ms", acks, None, None)

    def group_commit(self):
        """Events/s of SQLite's own group commit of such rows, by the journal's benchmark; None: it is not built."""
        if not SQLITE.exists():
            return None
        with tempfile.TemporaryDirectory(dir=OUT) as folder:
            out = subprocess.run([SQLITE, folder, "1"], capture_output=True, text=True, timeout=300)
        closed_loop = out.stdout.split("events/s\n")[0] if out.returncode == 0 else ""
        rates = re.findall(r"^plain\s+(\d+)", closed_loop or out.stdout, re.M)[:3]
        return statistics.median(map(float, rates)) if rates else None

    def memory(self):
        load = dict(clients=CLIENTS, topics=CLIENTS, pub="none", settle=3, connect_timeout=90)
        per_client = ("idle", "rss_per_conn_b")
        plain = []
        for _ in range(self.repeat):
            with self.daemon() as daemon:
                plain.append(self.load(daemon, "idle", **load))
        self.row("memory an idle client, plain", "KiB", self.median(plain, *per_client) / 1024,
                 None, 3)
        with self.daemon(tls=True) as daemon:
            if not self.speaks_tls(daemon.port):
                print("memory an idle client, TLS: this daemon does not speak it")
                return
            result = self.load(daemon, "idle TLS", **load)
        self.row("memory an idle client, TLS", "KiB", result["idle"]["rss_per_conn_b"] / 1024,
                 None, 25)

    @staticmethod
    def speaks_tls(port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 3) as sock:
            with context.wrap_socket(sock):
                return True
        return False

    def storm(self):
        """Everybody comes back at once and fetches what he missed, while the calls go on."""
        missed = 1
        times, latencies = [], []
        for _ in range(self.repeat):
            others = ["a%d" % i for i in range(100)]
            with self.daemon("sqlite", extensions=[*range(CLIENTS), *others]) as daemon:
                for seq in range(1, missed + 1):
                    daemon.post([json.loads(
                        FACT.replace("{topic}", str(topic)).replace("{turn}", "0").replace(
                            "{mark}", "wl1.%06d.%010d.%019d." % (topic, seq, time.monotonic_ns())))
                        for topic in range(CLIENTS)])
                steady = self.start_load(
                    daemon.load("a{topic}", FACT.replace("{topic}", "a{topic}")), clients=100,
                    topics=100, pub_conns=16, rate=1000, warmup=0.5, duration=6)
                time.sleep(0.5)
                storm = self.start_load(
                    daemon.load(), clients=CLIENTS, topics=CLIENTS, pub="none", settle=40,
                    connect_parallel=4096, **{"await": missed * CLIENTS})
                result = self.end_load(storm, "storm")
                times.append(result["await"]["seconds"])
                gap = missed * CLIENTS - result["errors"]["delivered"]
                if gap:
                    self.lost += abs(gap)
                    print("  LOST: %d of what was missed did not come within 40 s" % gap,
                          file=sys.stderr)
                result = self.end_load(steady, "storm's steady clients")
                late = result["errors"]["lost"] > 0
                latencies.append(float("inf") if late else result["latency_us"]["p99"])
        self.row("connect storm of 10,000 with token and resume", "s", statistics.median(times),
                 None, 5)
        self.row("    publishing meanwhile: p99", "ms",
                 statistics.median(latencies) / 1000, None, 100)

    def stalled(self):
        """100 of 1,000 stop reading; when they are sent away is the daemon's own count."""
        p99, gone = {0: [], 100: []}, []
        # Large, for the kernel keeps some megabytes of what a client does not read before the daemon knows.
        pad = ",".join('"v%d":"%s"' % (i, "x" * 1900) for i in range(4))
        large = FACT[:-1] + ',"variables":{%s}}' % pad
        age = 3 if self.wish.quick else 10
        more = "[delivery]\nclient_queue_age_ms_max = %d\n" % (1000 * age)
        for _ in range(self.repeat):
            for stalled in p99:
                with self.daemon(extensions=[0], turns=32, more=more) as daemon:
                    started = time.monotonic()
                    running = self.start_load(
                        daemon.load(body=large), clients=1000, topics=1, pub_conns=16, rate=25,
                        rcvbuf=16384, stall=stalled, warmup=0.5, duration=age + 20)
                    while stalled and running.poll() is None:
                        slow = daemon.metric(
                            r'hookswitch_client_disconnects_total\{reason="slow_client"\}')
                        if slow >= stalled:
                            gone.append(time.monotonic() - started)
                            break
                        time.sleep(0.2)
                    p99[stalled].append(self.end_load(running, "stalled %d" % stalled))
        before, after = (self.median(p99[n], "latency_us", "p99") / 1000 for n in (0, 100))
        self.row("100 of 1,000 stop reading: p99 of the others", "ms", after, before, 1.05,
                 against="none does")
        if gone:
            self.row("    all closed 4008, after full sockets and %d s" % age, "s",
                     statistics.median(gone), None, None)
        else:
            print("    they were not closed within the run")

    def bystanders(self):
        costs = {}
        for count in (1000, 18_000):  # as many as one process may have open
            with self.daemon(extensions=range(100), turns=32) as daemon:
                crowd = self.start_load(
                    daemon.load("nobody{topic}"), clients=count, topics=count, pub="none",
                    settle=150, src_addrs=2)
                try:
                    wait_until(lambda: daemon.metric("hookswitch_websockets") >= count, 60,
                               "the bystanders are connected")
                    costs[count] = self.median(
                        [self.load(daemon, "bystanders", clients=100, topics=100, pub_conns=64)
                         for _ in range(self.repeat)], "server", "us_per_event")
                finally:
                    crowd.kill()
                    crowd.communicate()
        self.row("an event beside 18,000 others: CPU", "us", costs[18_000], costs[1000], 1.2,
                 against="1,000")


CASES = ("broadcast", "targeted", "fixed", "webhooks", "memory", "storm", "stalled", "bystanders")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short run of each: two minutes")
    parser.add_argument("--only", action="append", choices=CASES)
    parser.add_argument("--daemon", default=ROOT / "build/release/hookswitchd", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows there too")
    wish = parser.parse_args()
    wish.daemon = wish.daemon.resolve()
    bench = Bench(wish)
    for case in wish.only or CASES:
        try:
            getattr(bench, case)()
        except (RuntimeError, OSError, subprocess.SubprocessError, KeyError) as failure:
            print("%s: could not be measured: %r" % (case, failure), flush=True)
    print("lost or doubled: %d" % bench.lost)
    if wish.json:
        wish.json.write_text(json.dumps(bench.rows, indent=1))
    sys.exit(1 if bench.lost else 0)


if __name__ == "__main__":
    main()
