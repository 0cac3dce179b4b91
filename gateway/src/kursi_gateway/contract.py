"""The contract as the gateway sees it: every method with its REST path and who may call it.

Read from `contract.binpb`, the descriptor set that `make protos` writes beside this file (comments included).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from kursi.options.v1 import options_pb2

CONTRACT = Path(__file__).with_name("contract.binpb")
USUAL_REQUEST_BYTES = 256 * 1024
# HTTP/1.1 has no way to answer a client that goes on writing: it finds the connection reset before it has read why. So up to
# twice the bytes of an upload are taken, and the service refuses them; only what is larger still is cut off.
UPLOAD_MARGIN = 2
HTTP_VERBS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the contract."""

    service: str
    name: str
    upstream: str
    access: options_pb2.Access
    idempotent: bool
    verb: str
    path: str
    body: str
    input_type: str
    output_type: str
    comment: str
    max_request_bytes: int
    media_types: tuple[str, ...]

    @property
    def grpc_path(self) -> str:
        """The path of a gRPC call, which is also the path after transcoding."""
        return f"/{self.service}/{self.name}"

    @property
    def is_public(self) -> bool:
        """Whether the method can be reached through the gateway: it has a REST path."""
        return bool(self.path)

    @property
    def needs_token(self) -> bool:
        """Whether a call without a token is refused at the door."""
        return self.access.who != options_pb2.Access.PUBLIC

    @property
    def ignores_token(self) -> bool:
        """Whether a token that comes along is not looked at, good or bad."""
        return bool(self.access.ignores_token)

    @property
    def is_large(self) -> bool:
        """Whether it takes larger requests than methods usually do."""
        return self.max_request_bytes > USUAL_REQUEST_BYTES

    @property
    def most_bytes(self) -> int:
        """How many bytes the gateway takes before it refuses a request by itself."""
        return self.max_request_bytes * UPLOAD_MARGIN if self.is_large else self.max_request_bytes

    @property
    def is_read(self) -> bool:
        """Whether the method changes nothing, so that a failed call may be tried again."""
        return self.verb == "get"


@cache
def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """All files of the contract and what they import, with comments."""
    files = descriptor_pb2.FileDescriptorSet.FromString(CONTRACT.read_bytes())
    present = {file.name for file in files.file}
    # The transcoder renders the details of an error only if it knows their types; no file of ours needs to import them.
    if error_details_pb2.DESCRIPTOR.name not in present:
        error_details_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    return files


@cache
def methods() -> tuple[Method, ...]:
    """Every method, in the order of the contract."""
    return tuple(
        _method(file, service_index, method_index)
        for file in descriptor_set().file
        if file.package.startswith("kursi.")
        for service_index, service in enumerate(file.service)
        for method_index in range(len(service.method))
    )


def public_methods() -> tuple[Method, ...]:
    """The methods that the gateway serves."""
    return tuple(method for method in methods() if method.is_public)


def request_sizes() -> tuple[int, ...]:
    """The sizes that the gateway refuses requests by, the usual one first."""
    return tuple(sorted({USUAL_REQUEST_BYTES, *(method.most_bytes for method in public_methods())}))


def upstreams() -> tuple[str, ...]:
    """The services behind the gateway, by domain name."""
    return tuple(dict.fromkeys(method.upstream for method in public_methods()))


def comment_at(file: descriptor_pb2.FileDescriptorProto, *path: int) -> str:
    """The comment above an element of a file of the contract, in one paragraph per blank line."""
    return _comments()[file.name].get(path, "")


@cache
def _comments() -> Mapping[str, Mapping[tuple[int, ...], str]]:
    """By file and by the path of the element in it."""
    return {
        file.name: {
            tuple(location.path): "\n".join(
                line.strip() for line in location.leading_comments.strip().splitlines()
            )
            for location in file.source_code_info.location
            if location.leading_comments
        }
        for file in descriptor_set().file
    }


def _method(file: descriptor_pb2.FileDescriptorProto, service_index: int, method_index: int) -> Method:
    service = file.service[service_index]
    method = service.method[method_index]
    verb, path, body = _http(method.options.Extensions[annotations_pb2.http])
    return Method(
        service=f"{file.package}.{service.name}",
        name=method.name,
        upstream=file.package.split(".")[1],
        access=method.options.Extensions[options_pb2.access],
        idempotent=method.options.Extensions[options_pb2.idempotent],
        verb=verb,
        path=path,
        body=body,
        input_type=method.input_type.lstrip("."),
        output_type=method.output_type.lstrip("."),
        comment=comment_at(file, 6, service_index, 2, method_index),
        max_request_bytes=method.options.Extensions[options_pb2.max_request_bytes] or USUAL_REQUEST_BYTES,
        media_types=tuple(method.options.Extensions[options_pb2.media_types]),
    )


def _http(rule: http_pb2.HttpRule) -> tuple[str, str, str]:
    for verb in HTTP_VERBS:
        if path := getattr(rule, verb):
            return verb, path, rule.body
    return "", "", ""
