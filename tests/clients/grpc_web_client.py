"""gRPC-Web over HTTP/1.1, in raw bytes: a client that knows nothing but the protocol's text."""

import base64
import http.client
import struct
import sys

HOST, PORT = sys.argv[1], int(sys.argv[2])


def frames(body):
    found, trailers = [], None
    while body:
        flag, length = struct.unpack(">BI", body[:5])
        payload, body = body[5 : 5 + length], body[5 + length :]
        assert len(payload) == length, "a frame is cut"
        if flag & 0x80:
            assert not body, "something follows the trailers"
            lines = payload.decode().split("\r\n")[:-1]
            trailers = dict(line.split(": ", 1) for line in lines)
        else:
            found.append(payload)
    return found, trailers


def groups(text):
    """Padded pieces may follow each other anywhere."""
    assert len(text) % 4 == 0, text
    return b"".join(base64.b64decode(text[at : at + 4]) for at in range(0, len(text), 4))


def call(method, message, is_text, chunk=None):
    body = struct.pack(">BI", 0, len(message)) + message
    kind = "application/grpc-web-text+proto" if is_text else "application/grpc-web+proto"
    if is_text:
        body = base64.b64encode(body)
    fields = {"Content-Type": kind, "Accept": kind, "X-Grpc-Web": "1"}
    connection = http.client.HTTPConnection(HOST, PORT, timeout=20)
    if chunk:
        pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        connection.request("POST", f"/t.T/{method}", iter(pieces), fields, encode_chunked=True)
    else:
        connection.request("POST", f"/t.T/{method}", body, fields)
    response = connection.getresponse()
    assert response.status == 200, response.status
    assert response.headers["content-type"].startswith(kind.removesuffix("+proto")), response.headers
    answer = response.read()
    connection.close()
    found, trailers = frames(groups(answer) if is_text else answer)
    return found, trailers, response.headers


for is_text in (False, True):
    for chunk in (None, 7, 1000):
        message = bytes(range(256)) * 40
        found, trailers, headers = call("Unary", message, is_text, chunk)
        assert found == [message] and trailers["grpc-status"] == "0", trailers
        assert headers["x-early"] == "1"
    found, trailers, _ = call("Numbers", b"1000", is_text)
    assert found == [b"%d" % number for number in range(1000)] and trailers["grpc-status"] == "0"
    found, trailers, _ = call("Fail", b"", is_text)
    assert found == [] and trailers["grpc-status"] == "5", trailers
    assert "grpc-status-details-bin" in trailers
    found, trailers, _ = call("Unary", bytes(1 << 20), is_text)
    assert found == [bytes(1 << 20)]
