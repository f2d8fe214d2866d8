"""grpcio through the gateway. The arguments behind the address name what is tried."""

import sys
import time

import grpc

LARGE = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]
channel = grpc.insecure_channel(f"{sys.argv[1]}:{sys.argv[2]}", options=LARGE)


def method(kind, name):
    return getattr(channel, kind)(f"/t.T/{name}")


def failure(call, *arguments, **named):
    try:
        result = call(*arguments, **named)
        list(result) if hasattr(result, "__iter__") and not isinstance(result, bytes) else None
    except grpc.RpcError as error:
        return error
    raise AssertionError("it did not fail")


def kinds():
    assert method("unary_unary", "Unary")(b"hello", timeout=10) == b"hello"
    assert method("unary_unary", "Unary")(b"", timeout=10) == b""
    assert list(method("unary_stream", "Numbers")(b"2000", timeout=20)) == [b"%d" % n for n in range(2000)]
    assert list(method("unary_stream", "Numbers")(b"0", timeout=20)) == []
    pieces = [b"x" * size for size in range(0, 3000, 7)]
    assert method("stream_unary", "Total")(iter(pieces), timeout=20) == b"%d" % sum(map(len, pieces))
    asked = []

    def ask():
        for number in range(200):
            asked.append(number)
            yield b"%d" % number

    for number, answer in enumerate(method("stream_stream", "Chat")(ask(), timeout=20)):
        assert answer == b"re: %d" % number


def turns():
    """Each message is answered before the next is sent: nothing may be held back in either direction."""
    import queue

    to_send = queue.Queue()
    answers = method("stream_stream", "Chat")(iter(to_send.get, None), timeout=20)
    for number in range(50):
        to_send.put(b"%d" % number)
        assert next(answers) == b"re: %d" % number
    to_send.put(None)
    assert list(answers) == []


def large():
    message = bytes(range(256)) * (4 << 12)
    assert len(message) == 4 << 20
    for _ in range(3):
        assert method("unary_unary", "Unary")(message, timeout=30) == message


def metadata():
    call = method("unary_unary", "Unary")
    answer, call = call.with_call(b"x", timeout=10, metadata=(("x-sent", "a value"), ("x-more-bin", b"\x01\x02")))
    assert dict(call.initial_metadata())["x-early"] == "1"
    trailing = dict(call.trailing_metadata())
    assert trailing["x-seen"] == "a value" and trailing["x-bytes-bin"] == b"\x00\xff\x10", trailing


def errors():
    error = failure(method("unary_unary", "Fail"), b"", timeout=10)
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    assert error.details() == "no such thing: 100% sure", error
    assert dict(error.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x05details"
    error = failure(method("unary_unary", "Missing"), b"", timeout=10)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def deadline():
    """The gateway's own, which the client does not know of. The service is told of it, and may be the first to say so."""
    began = time.monotonic()
    error = failure(method("unary_unary", "Slow"), b"", timeout=30)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert time.monotonic() - began < 5


def own_deadline():
    error = failure(method("unary_unary", "Slow"), b"", timeout=0.5)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def cancel():
    call = method("unary_unary", "Slow").future(b"")
    time.sleep(0.5)
    call.cancel()


def quiet():
    """The request direction is silent for longer than the gateway waits for a body; the answer moves."""

    def ask():
        yield b"go"
        time.sleep(3)

    assert list(method("stream_stream", "Quiet")(ask(), timeout=20)) == [b"%d" % n for n in range(6)]


def unavailable():
    error = failure(method("unary_unary", "Unary"), b"", timeout=10)
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    assert "upstream_connect_refused" in error.details(), error


for name in sys.argv[3:]:
    globals()[name]()
