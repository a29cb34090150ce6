"""WebSocket cases: every one is a row of a table, of what is sent, what must come, and with which
code the connection must be closed, if at all. A row runs twice: sent at once, and one byte per
send."""
import atexit
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "contract")]
import harness  # noqa: E402
import raw_websocket as raw  # noqa: E402
import wire  # noqa: E402
from raw_websocket import CLOSE, TEXT, close, text  # noqa: E402

CONFIG = (
    wire.NATIVE
    + """
[[client]]
id = "crm"
org = "acme"
dialect = "rc-embeddable"
origins = ["https://crm.example.com"]
"""
)
PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = {1002}, {1007}, {1009}
FRAME_BYTES_MAX = 65536  # welcome.limits.frame_bytes_max; a test holds that it is


def subscribe(name):
    """A message whose answer repeats `name`: the echo of these tests."""
    return b'{"op":"subscribe","id":"%s","filter":{}}' % (
        name.encode() if isinstance(name, str) else name
    )


def echo(name):
    return ("subscribed", name)


def pong(payload=b""):
    return ("pong", payload)


def read_as(frames):
    """Frames in the words of the tables below."""
    out = []
    for opcode, payload in frames:
        if opcode == TEXT:
            message = json.loads(payload)
            op = message.get("op")
            out.append(
                (op, message["id"])
                if op == "subscribed"
                else (op, message["code"])
                if op == "error"
                else (op, None)
            )
        else:
            out.append((raw.NAMES[opcode], payload))
    return out


class ConformanceCase(unittest.TestCase):
    cases = 0  # of all classes; printed at the end

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(harness.Daemon(CONFIG))
        cls.token = wire.token("alice", "events:org")

    @classmethod
    def tearDownClass(cls):
        status, _, _ = cls.daemon.http("GET", "/livez")
        assert status == 200, "the daemon does not answer any more"

    def case(self, **names):
        ConformanceCase.cases += 1
        return self.subTest(**names)

    def connected(self, hello=True):
        ws = raw.RawWebSocket(self.daemon.port)
        self.addCleanup(ws.socket.close)
        ws.upgrade()
        if hello:
            ws.hello(token=self.token)
        return ws

    def until_sentinel(self, ws):
        """What came before the echo of a message sent now."""
        ws.send(text(subscribe("sentinel")))
        out = []
        while True:
            got = ws.frame()
            self.assertIsNotNone(got, "the connection ended after %r" % (out,))
            self.assertNotEqual(got[0], CLOSE, "closed with %s" % raw.close_code(got[1]))
            words = read_as([got])
            if words == [echo("sentinel")]:
                return out
            out += words

    def goes_on(self, data, expected, deliver=raw.RawWebSocket.send):
        """`data` is fine: exactly `expected` is said, the connection works, and closes cleanly."""
        with self.connected() as ws:
            deliver(ws, data)
            self.assertEqual(self.until_sentinel(ws), expected)
            ws.send(close(1000))
            frames, closing = ws.read_to_end()
            self.assertEqual((frames, raw.close_code(closing or b"")), ([], 1000))

    def ends(self, data, expected, codes, deliver=raw.RawWebSocket.send):
        """`data` ends the connection with one of `codes`, after exactly `expected`."""
        with self.connected() as ws:
            deliver(ws, data)
            frames, closing = ws.read_to_end()
            self.assertEqual(read_as(frames), expected)
            self.assertIsNotNone(closing, "the connection ended without a close frame")
            self.assertIn(raw.close_code(closing), codes)
            closing[2:].decode()

    def run_table(self, table, codes=None):
        """Rows (name, data, expected[, codes]). Without codes the connection goes on."""
        for name, data, expected, *more in table:
            for how, deliver in (
                ("at once", raw.RawWebSocket.send),
                ("byte by byte", raw.RawWebSocket.send_byte_by_byte),
            ):
                if how == "byte by byte" and len(data) > 3000:
                    continue
                with self.case(case=name, sent=how):
                    end = more[0] if more else codes
                    if end is None:
                        self.goes_on(data, expected, deliver)
                    else:
                        self.ends(data, expected, end, deliver)


@atexit.register
def say_how_many():
    print("%d cases" % ConformanceCase.cases, file=sys.stderr)
