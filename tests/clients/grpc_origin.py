"""A gRPC server of grpcio, in raw bytes so that nothing has to be generated. What it sees goes to its output.

Speaks TLS where a certificate and its key are given.
"""

import sys
import threading
import time
from concurrent import futures

import grpc


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    context.set_trailing_metadata((("x-seen", metadata.get("x-sent", "")), ("x-bytes-bin", b"\x00\xff\x10")))
    context.send_initial_metadata((("x-early", "1"),))
    return request


def numbers(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def total(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, context):
    for request in requests:
        yield b"re: " + request


def quiet(requests, context):
    next(requests)
    for number in range(6):
        time.sleep(0.4)
        yield b"%d" % number


def fail(request, context):
    context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05details"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100% sure")


def slow(request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    print("slow begins", round(context.time_remaining() or 0), flush=True)
    ended.wait(10)
    print("slow ends", flush=True)
    return b""


ONE = {"Unary": unary, "Fail": fail, "Slow": slow}
HANDLERS = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in ONE.items()}
HANDLERS["Numbers"] = grpc.unary_stream_rpc_method_handler(numbers)
HANDLERS["Total"] = grpc.stream_unary_rpc_method_handler(total)
HANDLERS["Chat"] = grpc.stream_stream_rpc_method_handler(chat)
HANDLERS["Quiet"] = grpc.stream_stream_rpc_method_handler(quiet)

LARGE = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]
server = grpc.server(futures.ThreadPoolExecutor(16), options=LARGE)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", HANDLERS),))
if len(sys.argv) > 2:
    with open(sys.argv[1], "rb") as certificate, open(sys.argv[2], "rb") as key:
        pair = (key.read(), certificate.read())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print("listening", port, flush=True)
server.wait_for_termination()
