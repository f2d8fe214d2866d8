"""httpx over HTTP/2 through the gateway to nginx: one connection, many streams, bodies of unknown length."""

import asyncio
import ssl
import sys

import httpx

host, port, scheme, ca = sys.argv[1:5]
BASE = f"{scheme}://{host}:{port}"
TRUST = ssl.create_default_context(cafile=ca) if ca else True
# Without TLS only prior knowledge tells: no HTTP/1.1.
OPTIONS = {"base_url": BASE, "timeout": 20, "verify": TRUST, "http2": True, "http1": scheme == "https"}


def one_by_one():
    with httpx.Client(**OPTIONS) as client:
        page = client.get("/")
        assert page.text == "hello from nginx\n" and page.http_version == "HTTP/2", page
        assert client.get("/files/page").text == "a page of nginx"
        assert client.get("/gone").status_code == 410
        assert client.head("/files/page").headers["content-length"] == "15"
        moved = client.get("/moved")
        assert moved.status_code == 302 and moved.headers["location"].endswith("/files/"), moved.headers
        stored = client.put("/put/h2", content=(b"piece %d\n" % number for number in range(20000)))
        assert stored.status_code in (201, 204), stored
        with client.stream("GET", "/files/page") as response:
            assert b"".join(response.iter_bytes(3)) == b"a page of nginx"
        assert "ringgate" in response.headers["via"]


async def all_at_once():
    async with httpx.AsyncClient(**OPTIONS) as client:
        answers = await asyncio.gather(*(client.get("/", params={"n": number}) for number in range(300)))
    assert all(answer.text == "hello from nginx\n" for answer in answers)


one_by_one()
asyncio.run(all_at_once())
