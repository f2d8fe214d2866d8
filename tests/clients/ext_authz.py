"""An authorization service of grpcio by Envoy's own interface. What it is asked goes to its output."""

import sys
import threading
from concurrent import futures

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.type.v3 import http_status_pb2
from google.rpc import status_pb2


def header(name, value):
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=value))


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):
    def Check(self, request, context):
        attributes = request.attributes
        http = attributes.request.http
        who = http.headers.get("authorization", "")
        print(
            "asked", http.method, http.path, http.host, attributes.context_extensions["route"],
            attributes.source.address.socket_address.address, sorted(http.headers), flush=True,
        )
        if who == "Bearer good":
            ok = external_auth_pb2.OkHttpResponse(
                headers=[header("x-user", "ann"), header("content-length", "7")],
                headers_to_remove=["x-internal"],
            )
            return external_auth_pb2.CheckResponse(status=status_pb2.Status(code=0), ok_response=ok)
        if who == "Bearer broken":
            context.abort(grpc.StatusCode.UNAVAILABLE, "out of order")
        denied = external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=401),
            headers=[header("www-authenticate", "Bearer realm=x")],
            body="who are you?",
        )
        return external_auth_pb2.CheckResponse(status=status_pb2.Status(code=16), denied_response=denied)


server = grpc.server(futures.ThreadPoolExecutor(8))
external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Authorization(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening {port}", flush=True)
threading.Event().wait()
sys.exit(0)
