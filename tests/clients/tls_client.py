"""Python's ssl and httpx against a gateway that speaks TLS, before an origin that echoes."""

import socket
import ssl
import sys

import httpx

HOST, PORT, CA = sys.argv[1], int(sys.argv[2]), sys.argv[3]
CONTEXT = ssl.create_default_context(cafile=CA)


def connect():
    raw = socket.create_connection((HOST, PORT), timeout=20)
    # Truncation is an error here, as it should be.
    return CONTEXT.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)


def pooled():
    with httpx.Client(base_url=f"https://localhost:{PORT}", verify=CONTEXT, timeout=20) as client:
        for number in range(50):
            body = bytes([number]) * (number * 1000)
            assert client.post("/", content=body).content == body


def pipelined():
    with connect() as tls:
        one = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
        tls.sendall(one * 20 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        answer = b""
        while part := tls.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200") == 21, answer
    assert answer.count(b"hello") == 21, answer


def parted():
    """A goodbye is answered with a goodbye."""
    with connect() as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += tls.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        # Waits for the gateway's own close_notify.
        tls.unwrap().close()


def many():
    for _ in range(30):
        with connect() as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while tls.recv(65536):
                pass


pooled()
pipelined()
parted()
many()
print("all good")
