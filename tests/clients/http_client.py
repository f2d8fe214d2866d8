"""http.client through the gateway to an echo origin: one connection, every way to send a body."""

import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)


def ask(method, target, body=None, headers=None, **options):
    connection.request(method, target, body=body, headers=headers or {}, **options)
    response = connection.getresponse()
    return response.status, response.read().decode()


assert ask("GET", "/plain") == (200, "/plain")
assert ask("HEAD", "/head") == (200, "")
assert ask("POST", "/length", body=b"x" * 100_000) == (200, "/length")
assert ask("POST", "/chunked", body=iter([b"one", b"two", b"three"]), encode_chunked=True) == (200, "/chunked")
assert ask("DELETE", "/empty") == (200, "/empty")
for number in range(200):
    assert ask("GET", f"/{number}") == (200, f"/{number}")

connection.close()
