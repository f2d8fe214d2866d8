"""httpx through the gateway to nginx: pooled, concurrent, streamed."""

import asyncio
import sys

import httpx

BASE = f"http://{sys.argv[1]}:{sys.argv[2]}"


def one_by_one():
    with httpx.Client(base_url=BASE, timeout=20) as client:
        assert client.get("/").text == "hello from nginx\n"
        assert client.get("/files/page").text == "a page of nginx"
        assert client.get("/gone").status_code == 410
        moved = client.get("/moved")
        assert moved.status_code == 302 and moved.headers["location"].endswith("/files/"), moved.headers
        stored = client.put("/put/x", content=(b"piece %d\n" % number for number in range(1000)))
        assert stored.status_code == 201, stored
        with client.stream("GET", "/files/page") as response:
            assert b"".join(response.iter_bytes(3)) == b"a page of nginx"
        assert "ringgate" in response.headers["via"]


async def all_at_once():
    async with httpx.AsyncClient(base_url=BASE, timeout=20) as client:
        answers = await asyncio.gather(*(client.get("/", params={"n": number}) for number in range(200)))
    assert all(answer.text == "hello from nginx\n" for answer in answers)


one_by_one()
asyncio.run(all_at_once())
