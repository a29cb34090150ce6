"""What the black-box tests share beyond harness.py: raw HTTP, tokens, metrics, recorded requests,
and the check of a history.

Everything here knows the contract (proto/, the words of the model) and nothing of the daemon's
inside.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import schemas  # noqa: E402

ROOT = schemas.ROOT
PAYLOADS = ROOT / "tests/data/payloads"
JWT_SECRET = b"0123456789abcdef" * 4  # what harness.Daemon writes into jwt.secret

NATIVE = """
[[source]]
name = "cloud"
org = "acme"
kind = "webhook"
dialect = "native"
"""


# ---- facts


def facts_of_call(
    vendor_id, ext="101", number="+12025550143", types=("started", "ringing", "answered", "ended")
):
    """The facts of one plain inbound call of the native dialect, in order."""
    leg = vendor_id + "-" + ext
    common = {
        "direction": "inbound",
        "from": {"number": number, "name": "Jane Doe"},
        "did": "+12025550100",
    }
    made = {
        "started": {"ids": {"call": [vendor_id]}},
        "ringing": {"ids": {"call": [vendor_id], "leg": leg}, "agent": {"ext": ext}},
        "answered": {"ids": {"call": [vendor_id], "leg": leg}, "agent": {"ext": ext}},
        "held": {"ids": {"call": [vendor_id], "leg": leg}, "agent": {"ext": ext}},
        "resumed": {"ids": {"call": [vendor_id], "leg": leg}, "agent": {"ext": ext}},
        "ended": {"ids": {"call": [vendor_id]}, "disposition": "answered"},
    }
    return [{"type": t, **common, **made[t]} for t in types]


def vendor_ids(call):
    return [i["value"] for i in call["ids"] if i["kind"] == "vendor_call_id"]


def of_vendor_id(events, vendor_id):
    """The events of the call that a source knows by this id, also those from before the id was
    known."""
    calls = {
        e["subject"]
        for e in events
        if "call" in e["data"] and vendor_id in vendor_ids(e["data"]["call"])
    }
    return [e for e in events if e.get("subject") in calls]


def types_of(events, leaving_out=("call.updated",)):
    return [e["type"] for e in events if e["type"] not in leaving_out]


# ---- tokens


def jwt(claims, secret=JWT_SECRET, algorithm="HS256"):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = (
        part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
        + b"."
        + part(json.dumps(claims).encode())
    )
    signature = (
        b"" if algorithm == "none" else part(hmac.new(secret, head, hashlib.sha256).digest())
    )
    return (head + b"." + signature).decode()


def token(user="alice", scope="events:own", org="acme", seconds=3600):
    return jwt({"sub": user, "org": org, "scope": scope, "exp": int(time.time()) + seconds})


def read_jwt(text, secret=JWT_SECRET):
    """The claims, when the signature is right."""
    head, _, signature = text.rpartition(".")
    padded = lambda s: base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
    if not hmac.compare_digest(
        padded(signature), hmac.new(secret, head.encode(), hashlib.sha256).digest()
    ):
        raise ValueError("wrong signature")
    header, claims = (json.loads(padded(part)) for part in head.split("."))
    if header["alg"] != "HS256":
        raise ValueError("not HS256")
    return claims


# ---- HTTP, byte by byte


class Response:
    def __init__(self, status, headers, body, version):
        self.status, self.headers, self.body, self.version = status, headers, body, version

    def header(self, name):
        """The value; None if it is not there. Twice the same header is a failure."""
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) < 2, "%s is there %d times" % (name, len(found))
        return found[0] if found else None

    def __repr__(self):
        return "%s %s %r" % (self.status, self.headers, self.body[:300])


def read_response(file, head_only=False):
    """One HTTP/1.1 response from a binary file; None at its end."""
    line = file.readline()
    if not line:
        return None
    match = re.fullmatch(rb"(HTTP/1\.[01]) (\d{3})(?: ([^\r\n]*))?\r\n", line)
    assert match, "no status line: %r" % line
    headers = []
    while True:
        line = file.readline()
        if line in (b"\r\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    status = int(match.group(2))
    found = dict(headers)
    if head_only or status < 200 or status in (204, 304):
        body = b""
    elif "content-length" in found:
        body = file.read(int(found["content-length"]))
    elif found.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(file.readline().split(b";")[0], 16):
            body += file.read(size)
            file.readline()
        file.readline()
    else:
        body = file.read()
    return Response(status, headers, body, match.group(1).decode())


class Raw:
    """A TCP connection on which anything can be sent."""

    def __init__(self, port, seconds=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def response(self):
        return read_response(self.file)

    def exchange(self, data):
        """Sends and reads one response. A peer that answers early may close before it has read
        all."""
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self.response()

    def is_closed(self):
        """Waits for the peer's end of the connection; False when something else comes or nothing
        does."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def request(method, path, headers=(), body=b"", host="127.0.0.1", version="HTTP/1.1"):
    """The bytes of a request. `headers` are lines; Content-Length is added unless a line speaks of
    the length."""
    body = body.encode() if isinstance(body, str) else body
    lines = ["%s %s %s" % (method, path, version)]
    if host is not None:
        lines.append("Host: " + host)
    lines += headers
    if not any(
        re.match(r"(?i)(content-length|transfer-encoding)\s*:", line) for line in headers
    ) and (body or method == "POST"):
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def curl(daemon, path, *arguments, body=None):
    """(status, body) of a request made with curl, which is none of ours."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as data:
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--output",
            out.name,
            "--write-out",
            "%{http_code}",
            *arguments,
        ]
        if body is not None:
            data.write(body)
            data.flush()
            command += ["--data-binary", "@" + data.name]
        run = subprocess.run(
            [*command, "http://127.0.0.1:%d%s" % (daemon.port, path)],
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert run.returncode == 0, run.stderr
        return int(run.stdout), pathlib.Path(out.name).read_bytes()


def recorded(dialect, name):
    """A recorded request: (method, query, header lines, body)."""
    body = next(
        p for p in (PAYLOADS / dialect).glob(name + ".*") if p.suffix != ".headers"
    ).read_bytes()
    lines = [
        line
        for line in (PAYLOADS / dialect / (name + ".headers")).read_text().splitlines()
        if line and not line.startswith("#")
    ]
    method, target, _ = lines[0].split(" ")
    headers = [
        line for line in lines[1:] if not line.lower().startswith(("host:", "content-length:"))
    ]
    return method, target.partition("?")[2], headers, body


def curl_recorded(daemon, source, dialect, name):
    method, query, headers, body = recorded(dialect, name)
    arguments = ["--request", method] + [part for line in headers for part in ("--header", line)]
    return curl(
        daemon,
        "/v1/hooks/" + source + ("?" + query if query else ""),
        *arguments,
        body=body if method != "GET" else None,
    )


def problem_of(response):
    """The problem document of a refusal, checked: its type, its schema, its status. AssertionError
    otherwise."""
    kind = response.header("Content-Type") or ""
    assert kind.split(";")[0].strip() == "application/problem+json", "Content-Type is %r: %r" % (
        kind,
        response,
    )
    document = json.loads(response.body)
    wrong = schemas.problems("problem", document, closed=True)
    assert not wrong, wrong
    assert document["status"] == response.status, document
    return document


# ---- metrics

LINE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})?'
    r" (-?[0-9.eE+-]+|[+-]Inf|NaN)"
)


def read_metrics(text):
    """[(name, {label: value}, number)] of Prometheus text; AssertionError on a line that is
    none."""
    out, told, typed = [], set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            told.add(line.split(" ")[2])
        elif line.startswith("# TYPE "):
            typed.add(line.split(" ")[2])
            assert line.split(" ")[3] in ("counter", "gauge", "histogram", "summary"), line
        elif line:
            match = LINE.fullmatch(line)
            assert match, "not a sample: %r" % line
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
            out.append((match.group(1), labels, float(match.group(3))))
    for name, _, _ in out:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert {name, family} & typed and {name, family} & told, "%s has no HELP or TYPE" % name
    return out


def metrics(daemon):
    status, _, body = daemon.http("GET", "/metrics")
    assert status == 200, status
    return read_metrics(body.decode())


def total(daemon, name_part, *label_values):
    """Sum of all samples whose name contains `name_part` and that have all these values among their
    labels."""
    return sum(
        value
        for name, labels, value in metrics(daemon)
        if name.startswith("hookswitch_")
        and name_part in name
        and set(label_values) <= set(labels.values())
    )


# ---- what holds of every history

RANK = {"trying": 0, "proceeding": 1, "early": 2, "confirmed": 3, "held": 3, "terminated": 4}
AFTER_THE_END = {"call.report", "call.amended", "call.merged"}


def history_problems(events, whole_calls=True):
    """What is wrong with events as one client saw them, in order. `whole_calls`: the client sees
    all of the organisation."""
    out, last, state, first, ended, once = [], None, {}, {}, {}, set()
    for event in events:
        epoch, _, offset = event["cursor"].rpartition(".")
        if last and (epoch != last[0] or int(offset) <= last[1]):
            out.append("%s follows %s.%d" % (event["cursor"], *last))
        last = (epoch, int(offset))
        if "call" not in event["data"]:
            continue
        call, kind = event["data"]["call"], event["type"]
        if call["id"] not in first:
            first[call["id"]] = kind
            if whole_calls and kind != "call.started":
                out.append("%s: the first event of %s is %s" % (event["cursor"], call["id"], kind))
        elif kind == "call.started":
            out.append("%s: %s starts twice" % (event["cursor"], call["id"]))
        if call["id"] in ended and kind not in AFTER_THE_END:
            out.append("%s: %s after the end of %s" % (event["cursor"], kind, call["id"]))
        if kind == "call.ended":
            ended[call["id"]] = event["cursor"]
        if kind in ("call.ringing", "call.answered"):
            step = (call["id"], event["data"]["leg"]["id"], kind)
            if step in once:
                out.append("%s: %s twice for one leg" % (event["cursor"], kind))
            once.add(step)
        for leg in call["legs"]:
            before, now = state.get((call["id"], leg["id"]), "trying"), leg["state"]
            if RANK[now] < RANK[before]:
                out.append("%s: a leg goes from %s to %s" % (event["cursor"], before, now))
            state[call["id"], leg["id"]] = now
    return out


EVENT_OF = {
    "started": "call.started",
    "ringing": "call.ringing",
    "answered": "call.answered",
    "held": "call.held",
    "resumed": "call.resumed",
    "ended": "call.ended",
}


def missing(events, acknowledged):
    """What was answered 200 and did not arrive. `acknowledged`: {vendor call id: [fact types]};
    each call is posted once."""
    by_vendor_id = {}
    of_call = {}
    for event in events:
        if "call" not in event["data"]:
            continue
        of_call.setdefault(event["subject"], []).append(event["type"])
        for value in vendor_ids(event["data"]["call"]):
            by_vendor_id.setdefault(value, set()).add(event["subject"])
    out = []
    for vendor_id, types in acknowledged.items():
        calls = by_vendor_id.get(vendor_id, set())
        if len(calls) != 1:
            out.append("%s is %d calls" % (vendor_id, len(calls)))
            continue
        seen = of_call[next(iter(calls))]
        out += [
            "%s: %s did not arrive" % (vendor_id, EVENT_OF[t])
            for t in types
            if EVENT_OF[t] not in seen
        ]
    return out


def contract_problems(frames):
    """Every frame that a client got, against the schemas, with no member that they do not name."""
    out = []
    for frame in frames:
        out += [
            "%s %s" % (frame.get("cursor") or frame.get("op"), p)
            for p in schemas.frame_problems(frame)
        ]
    return out


def page_problems(protocol, frames):
    """Frames of a page dialect, each against the schema of its message."""
    out = []
    for frame in frames:
        kind = (
            frame.get("type")
            if protocol == "rc-embeddable"
            else frame.get("method")
            if protocol == "opencti-dialpad"
            else next(iter(frame), None)
        )
        name = "pages/%s/%s" % (protocol, kind)
        if not kind or "/" in kind or not schemas.path_of(name).exists():
            out.append("no schema for a %s message %r" % (protocol, kind))
        else:
            out += ["%s %s" % (kind, p) for p in schemas.problems(name, frame)]
    return out
