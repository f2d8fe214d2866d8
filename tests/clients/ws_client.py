"""WebSocket conversations of the websockets library, through the gateway to ws_origin.py.

Over TLS if the last argument is `ca=` and the file of an authority.
"""

import asyncio
import random
import ssl
import sys
import time

import websockets
from websockets.asyncio.client import connect

OPTIONS = {"max_size": 32 * 1024 * 1024, "ping_interval": None, "open_timeout": 20, "close_timeout": 10}
SCHEME = "ws"
if sys.argv[-1].startswith("ca="):
    SCHEME = "wss"
    OPTIONS["ssl"] = ssl.create_default_context(cafile=sys.argv.pop().removeprefix("ca="))
BASE = f"{SCHEME}://{sys.argv[1]}:{sys.argv[2]}"


def to(path, **options):
    return connect(BASE + path, **{**OPTIONS, **options})


async def many_messages():
    async with to("/echo") as socket:
        for number in range(2_000):
            await socket.send(f"message {number}")
            assert await socket.recv() == f"message {number}"
    async with to("/echo", compression=None) as socket:
        async def send():
            for number in range(20_000):
                await socket.send(str(number))
        sending = asyncio.create_task(send())
        for number in range(20_000):
            assert await socket.recv() == str(number)
        await sending


async def big_messages():
    for compression in (None, "deflate"):
        async with to("/echo", compression=compression) as socket:
            for size in (1, 125, 126, 65_535, 65_536, 1_000_000, 8_000_000):
                message = random.randbytes(size)
                await socket.send(message)
                assert await socket.recv() == message, size


async def fragments_and_pings():
    async with to("/echo", compression=None) as socket:
        parts = [f"part {number} " * 100 for number in range(50)]
        await socket.send(parts)
        assert await socket.recv() == "".join(parts)
        for _ in range(20):
            await (await socket.ping(b"are you there"))

        async def slowly():
            for part in parts[:5]:
                yield part
                await asyncio.sleep(0.01)
        sending = asyncio.create_task(socket.send(slowly()))
        await asyncio.sleep(0.02)
        await (await socket.ping())
        await sending
        assert await socket.recv() == "".join(parts[:5])


async def codes_of_the_client():
    for code in (1000, 1001, 1011, 3000, 4999):
        socket = await to("/echo/code")
        await socket.close(code, "bye")
        assert socket.close_code == code, (code, socket.close_code)


async def codes_of_the_origin():
    for code in (1000, 1001, 1008, 1011, 4321):
        async with to(f"/close/{code}") as socket:
            try:
                await socket.recv()
                raise AssertionError("closed")
            except websockets.ConnectionClosed as closed:
                assert closed.rcvd.code == code and closed.rcvd.reason == "so long", closed


async def what_both_agree_on():
    async with to("/echo", subprotocols=["chat", "superchat"]) as socket:
        assert socket.subprotocol == "superchat"
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        assert socket.response.headers["X-Request-Id"]
        assert socket.response.headers["X-Added"] == "yes"
        await socket.send("x" * 100_000)
        assert await socket.recv() == "x" * 100_000
    async with to("/echo", compression=None) as socket:
        assert socket.subprotocol is None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def refused():
    try:
        async with to("/refuse"):
            raise AssertionError("refused")
    except websockets.InvalidStatus as answer:
        assert answer.response.status_code == 403 and answer.response.body == b"not you\n", answer.response


async def vanished():
    for path in ("/vanish", "/hang-up"):
        async with to(path) as socket:
            await socket.send("go")
            try:
                await socket.recv()
                raise AssertionError("vanished")
            except websockets.ConnectionClosedError as closed:
                assert closed.rcvd is None, closed


async def side_by_side():
    async def one(number):
        async with to("/echo") as socket:
            for turn in range(20):
                await socket.send(f"{number} {turn}")
                assert await socket.recv() == f"{number} {turn}"
    await asyncio.gather(*(one(number) for number in range(100)))


async def slow_reader():
    """200 messages of 256 KiB, of which none is read for a while: the gateway must not hold them."""
    async with to("/push", compression=None, max_queue=2) as socket:
        print("waiting", flush=True)
        await asyncio.sleep(3)
        for number in range(200):
            assert await socket.recv() == bytes([number]) * 262_144, number


async def slow_origin():
    async with to("/deaf", compression=None) as socket:
        total = 0
        for number in range(200):
            await socket.send(bytes([number]) * 262_144)
            total += 262_144
        await socket.send("end")
        assert int(await socket.recv()) == total + 3


async def stay():
    """Opens connections, says so, and tells how the first of them is closed."""
    path = sys.argv[4]
    count = int(sys.argv[5])
    sockets = [await to(path) for _ in range(count)]
    if path == "/echo":
        for socket in sockets:
            await socket.send("hello")
            assert await socket.recv() == "hello"
    print("open", flush=True)
    begun = time.monotonic()
    try:
        while True:
            await sockets[0].recv()
    except websockets.ConnectionClosed as closed:
        how = f"{closed.rcvd.code} {closed.rcvd.reason}" if closed.rcvd else "abnormally"
        print("closed", how, f"after {time.monotonic() - begun:.1f} s", flush=True)
    for socket in sockets:
        await socket.wait_closed()
    print("codes", sorted({int(socket.close_code) for socket in sockets}), flush=True)


async def vanish():
    socket = await to("/echo/left")
    await socket.send("x")
    await socket.recv()
    socket.transport.abort()


async def unruly():
    """A crowd that leaves in every way there is, in the middle of whatever it does."""
    dice = random.Random(7)

    async def one():
        turn = dice.randrange(6)
        path = dice.choice(["/echo", "/push", "/vanish", "/hang-up", "/close/1011"])
        try:
            socket = await to(path, max_queue=1, close_timeout=0.5, compression=None)
            if turn == 0:
                socket.transport.abort()
            elif turn == 1:
                socket.transport.write(b"\x82\xff\x00\x00\x00\x00")
                await asyncio.sleep(dice.random() / 5)
                socket.transport.close()
            elif turn == 2:
                sending = asyncio.create_task(socket.send(b"x" * 5_000_000))
                await asyncio.sleep(dice.random() / 5)
                socket.transport.abort()
                await sending
            elif turn == 3:
                await socket.send("x")
                await socket.recv()
                await socket.close(3000 + dice.randrange(1000))
            elif turn == 4:
                # A Close frame with garbage behind it.
                socket.transport.write(b"\x88\x80\0\0\0\0what is this")
            else:
                socket.transport.write(dice.randbytes(dice.randrange(1, 2000)))
                await asyncio.sleep(dice.random() / 5)
                socket.transport.write_eof()
                await asyncio.sleep(dice.random())
                socket.transport.abort()
        except (websockets.ConnectionClosed, OSError, RuntimeError):
            # The other side was faster.
            pass

    for _ in range(6):
        await asyncio.gather(*(one() for _ in range(50)))


async def main(mode):
    if mode == "talk":
        for part in (many_messages, big_messages, fragments_and_pings, codes_of_the_client, codes_of_the_origin,
                     what_both_agree_on, refused, vanished, side_by_side):
            begun = time.monotonic()
            await part()
            print(part.__name__, f"{time.monotonic() - begun:.2f} s", flush=True)
    else:
        await globals()[mode.replace("-", "_")]()


asyncio.run(asyncio.wait_for(main(sys.argv[3]), 100))
