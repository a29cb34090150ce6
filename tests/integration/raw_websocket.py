"""WebSocket (RFC 6455) byte by byte, for tests that must send what no library would.

    with RawWebSocket(port) as ws:
        ws.upgrade()
        ws.send(text('{"op":"hello"}') + frame(PING, b"x"))
        frames, close = ws.read_to_end()

What the server sends is held to the RFC here, for every test: never masked, no reserved bit or
opcode, the shortest length, control frames short and whole. Otherwise ServerBrokeRfc6455.
"""
import base64
import hashlib
import json
import os
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the RFC's own example


class ServerBrokeRfc6455(AssertionError):
    pass


def masked(payload, key):
    if not payload:
        return b""
    whole = key * (len(payload) // 4 + 1)
    return (
        int.from_bytes(payload, "little") ^ int.from_bytes(whole[: len(payload)], "little")
    ).to_bytes(len(payload), "little")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, length_bytes=None, length=None):
    """One frame as a client sends it (RFC 6455 section 5.2).

    `length_bytes`: 0, 2 or 8, how the length is written, whatever is the shortest. `length`: what
    is written instead of the true one."""
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    out = bytearray([fin << 7 | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if length_bytes == 0:
        out.append(bit | size)
    elif length_bytes == 2:
        out += struct.pack("!BH", bit | 126, size)
    else:
        out += struct.pack("!BQ", bit | 127, size)
    if not mask:
        return bytes(out) + payload
    key = os.urandom(4)
    return bytes(out) + key + masked(payload, key)


def text(payload, **more):
    """A text frame; anything but str and bytes goes as JSON."""
    if not isinstance(payload, (str, bytes)):
        payload = json.dumps(payload)
    return frame(TEXT, payload, **more)


def fragments(payload, sizes, opcode=TEXT, between=()):
    """A message cut into pieces of these sizes, the rest in the last one; `between` goes behind
    every piece but the last."""
    payload = payload.encode() if isinstance(payload, str) else payload
    pieces, at = [], 0
    for size in sizes:
        pieces.append(payload[at : at + size])
        at += size
    pieces.append(payload[at:])
    out = b""
    for i, piece in enumerate(pieces):
        last = i == len(pieces) - 1
        out += frame(opcode if i == 0 else CONTINUATION, piece, fin=last)
        if not last:
            out += b"".join(between)
    return out


def close(code=None, reason=b""):
    reason = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def close_code(payload):
    """The code of a close frame's payload; None where it has none."""
    return struct.unpack_from("!H", payload)[0] if len(payload) >= 2 else None


def upgrade_request(
    path="/v1/events",
    method="GET",
    version="HTTP/1.1",
    host="127.0.0.1",
    upgrade=("Upgrade: websocket",),
    connection=("Connection: Upgrade",),
    key=("Sec-WebSocket-Key: " + KEY,),
    ws_version=("Sec-WebSocket-Version: 13",),
    more=(),
):
    """The bytes of an opening handshake; every header is a tuple of whole lines."""
    lines = ["%s %s %s" % (method, path, version)]
    if host is not None:
        lines.append("Host: " + host)
    lines += [*upgrade, *connection, *key, *ws_version, *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class FrameReader:
    """Bytes of a server in, whole frames out: (opcode, payload). Fragments are not joined: a
    server of ours sends none, and `frames` refuses them."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data

    def frames(self):
        """The whole frames so far, taken out of the buffer."""
        out, at, buffer = [], 0, self.buffer
        size = len(buffer)
        while size - at >= 2:
            first, second = buffer[at], buffer[at + 1]
            start, length = at + 2, second & 0x7F
            if length == 126:
                if size - at < 4:
                    break
                length = buffer[at + 2] << 8 | buffer[at + 3]
                start = at + 4
                if length < 126:
                    raise ServerBrokeRfc6455("length %d in 2 bytes" % length)
            elif length == 127:
                if size - at < 10:
                    break
                length = struct.unpack_from("!Q", buffer, at + 2)[0]
                start = at + 10
                if length < 65536:
                    raise ServerBrokeRfc6455("length %d in 8 bytes" % length)
            if first != 0x81:
                self._check(first, length)
            if second & 0x80:
                raise ServerBrokeRfc6455("a server's frame is masked")
            if size - start < length:
                break
            out.append((first & 15, bytes(buffer[start : start + length])))
            at = start + length
        if at:
            del buffer[:at]
        return out

    @staticmethod
    def _check(first, length):
        opcode = first & 15
        if first & 0x70:
            raise ServerBrokeRfc6455("reserved bits in %02x" % first)
        if opcode not in NAMES:
            raise ServerBrokeRfc6455("reserved opcode %d" % opcode)
        if not first & 0x80 or opcode == CONTINUATION:
            raise ServerBrokeRfc6455("a fragment: %02x" % first)
        if opcode >= 8 and length > 125:
            raise ServerBrokeRfc6455("a control frame of %d bytes" % length)


class RawWebSocket:
    """A TCP connection to /v1/events. `seconds` is the patience of every single wait."""

    def __init__(self, port, seconds=10, receive_buffer=None):
        self.seconds = seconds
        self.socket = socket.socket()
        if receive_buffer:  # before connect: it decides the window that is offered
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = FrameReader()
        self.waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends all; a peer that has had enough may have closed already."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_byte_by_byte(self, data):
        try:
            for byte in data:
                self.socket.send(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def response(self):
        """(status, [(name, value)]) of the answer to the handshake; what follows it are frames.
        A status of None: closed without one."""
        head = bytearray()
        while b"\r\n\r\n" not in head:
            data = self._receive()
            if not data:
                return None, []
            head += data
        head, _, rest = bytes(head).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines[1:])
        ]
        status = int(lines[0].split(" ")[1])
        if status == 101:
            self.reader.feed(rest)
        else:
            self.body = rest
        return status, headers

    def upgrade(self, more=()):
        """The plain handshake; AssertionError unless it is accepted."""
        self.send(upgrade_request(more=more))
        status, headers = self.response()
        assert status == 101, "the upgrade was answered %s" % status
        return headers

    def frame(self):
        """The next frame; None at the end of the connection, TimeoutError when none comes."""
        while not self.waiting:
            self.waiting = self.reader.frames()
            if self.waiting:
                break
            data = self._receive()
            if not data:
                return None
            self.reader.feed(data)
        return self.waiting.pop(0)

    def json(self):
        """The next text frame's JSON."""
        got = self.frame()
        assert got and got[0] == TEXT, "no text frame but %r" % (got,)
        return json.loads(got[1])

    def hello(self, **hello):
        """Sends hello and returns the welcome."""
        self.send(text({"op": "hello", **hello}))
        welcome = self.json()
        assert welcome.get("op") == "welcome", welcome
        return welcome

    def read_to_end(self, answer=True):
        """(frames before the close, close frame's payload or None). A close frame is answered, as
        section 5.5.1 wants it, unless `answer` is false. The end of the connection must follow;
        what comes behind a close frame is a fault of the server's."""
        frames, closing = [], None
        deadline = time.monotonic() + self.seconds
        while (got := self.frame()) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError("the connection does not end")
            if closing is not None:
                raise ServerBrokeRfc6455("%s behind a close frame" % NAMES[got[0]])
            if got[0] == CLOSE:
                closing = got[1]
                if answer:
                    self.send(frame(CLOSE, closing[:2]))
            else:
                frames.append(got)
        if self.reader.buffer:
            raise ServerBrokeRfc6455("the last frame is cut: %r" % bytes(self.reader.buffer[:40]))
        return frames, closing

    def _receive(self):
        try:
            return self.socket.recv(1 << 18)
        except ConnectionResetError:
            return b""
