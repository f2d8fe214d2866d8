"""A WebSocket origin of the websockets library. What it does is in the path; what it sees goes to its output.

Over TLS if it is given a certificate and its key.
"""

import asyncio
import http
import ssl
import sys

import websockets
from websockets.asyncio.server import serve


def refuse(connection, request):
    if request.path == "/refuse":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not you\n")
    return None


def choose(connection, offered):
    return "superchat" if "superchat" in offered else None


async def handle(socket):
    path = socket.request.path
    print("opened", path, flush=True)
    try:
        if path.startswith("/close/"):
            await socket.close(int(path.rsplit("/", 1)[1]), "so long")
        elif path == "/push":
            for number in range(200):
                await socket.send(bytes([number]) * 262_144)
            print("pushed", flush=True)
            await socket.wait_closed()
        elif path == "/deaf":
            # Reads nothing until told to by the passing of time.
            await asyncio.sleep(3)
            total = 0
            async for message in socket:
                total += len(message)
                if message == "end":
                    break
            await socket.send(str(total))
        elif path == "/vanish":
            await socket.recv()
            socket.transport.abort()
        elif path == "/hang-up":
            await socket.recv()
            socket.transport.close()
        else:
            async for message in socket:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    finally:
        await asyncio.sleep(0)
        print("closed", path, socket.close_code, socket.close_reason, flush=True)


async def main():
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    async with serve(
        handle,
        "127.0.0.1",
        0,
        ssl=context,
        subprotocols=["superchat"],
        select_subprotocol=choose,
        process_request=refuse,
        max_size=32 * 1024 * 1024,
        ping_interval=None,
        max_queue=4,
        close_timeout=2,
    ) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
