"""One route per public method, by its gRPC path, which is the path after transcoding; everything else is 404."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any  # Envoy's configuration is untyped JSON

from kursi_gateway.contract import Method, public_methods, request_sizes
from kursi_gateway.pages import PAGES
from kursi_gateway.schemas import lower_camel
from kursi_gateway.settings import GatewaySettings

# Seconds that a method may take. A provider of payments may need 30 to answer; everything else is ours and fast.
DEADLINE_SECONDS = 10
SLOW_METHODS = {
    "CreatePayment": 35,
    "CapturePayment": 35,
    "VoidPayment": 35,
    "RefundPayment": 35,
    "GetPayment": 15,
    "RequestOtp": 20,
    "UploadPhoto": 30,
    "ImportCatalogue": 30,
}
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
# Headers that only services may set on each other; a client's are dropped at the door.
INTERNAL_HEADERS = ["x-kursi-user-token"]
ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "accept-language",
    "idempotency-key",
    "x-request-id",
    "x-grpc-web",
    "x-user-agent",
    "grpc-timeout",
)
EXPOSED_HEADERS = (
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "x-request-id",
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
)
OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
TRANSCODER_OFF = {
    f"envoy.filters.http.{name}": OFF for name in ("grpc_json_transcoder", "jwt_authn", "local_ratelimit")
}
NO_GRPC = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
# The CORS filter looks at nothing that has no route to a cluster: an answer that is given here would be kept from every web app,
# and so would whatever follows once the path is known.
NOWHERE = {"route": {"cluster": "nowhere"}}
PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts"
PREVIOUS_HOSTS_CONFIG = (
    "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
)
VARIABLE = re.compile(r"\{[^}]*\}")
BOUND = re.compile(r"(/[^/{}]+/)\{([^}=]+)")


def routes(settings: GatewaySettings) -> dict[str, Any]:
    """The route table."""
    return {
        "name": "edge",
        "max_direct_response_body_size_bytes": 4_194_304,
        "request_headers_to_remove": INTERNAL_HEADERS,
        "request_headers_to_add": [
            _header("x-forwarded-host", "%REQ(:AUTHORITY)%"),
            _header("x-envoy-external-address", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            # A service resets a call without it, and whose calls are reset is taken for broken.
            _header("te", "trailers"),
        ],
        "response_headers_to_add": [
            *(_header(name, value) for name, value in SECURITY_HEADERS.items()),
            _header("cache-control", "no-store", "ADD_IF_ABSENT"),
        ],
        "response_headers_to_remove": ["server", "x-envoy-upstream-service-time"],
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "typed_per_filter_config": {"envoy.filters.http.cors": _cors(settings)},
                "routes": [
                    *(_method(method, settings) for method in public_methods()),
                    *(_large_body(method) for method in public_methods() if method.is_large),
                    *(_page(settings, path, name, kind) for path, (name, kind) in PAGES.items()),
                    # REST paths until they are transcoded, and those of preflights, which never are. What nobody knows the
                    # transcoder refuses.
                    {"match": {"prefix": "/", "headers": [NO_GRPC]}, **NOWHERE},
                    {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
                ],
            }
        ],
    }


def limit_class(method: Method) -> str:
    """Which of a client address's buckets a call is taken from."""
    if method.path.startswith("/v1/auth/"):
        return "auth"
    if method.path.startswith("/v1/webhooks/"):
        return "webhook"
    if method.is_large:
        return "upload"
    return "read" if method.is_read else "write"


def bound_fields() -> Mapping[str, tuple[str, ...]]:
    """The fields that paths say, as a query could spell them, and behind what they stand: `salonId` behind `/salons/`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for method in public_methods():
        for collection, field in BOUND.findall(method.path):
            for spelling in (field, lower_camel(field)):
                found[spelling].add(collection)
    return {field: tuple(sorted(found[field])) for field in sorted(found)}


def size_filter(size: int) -> str:
    """The name of the filter that refuses bodies of more bytes."""
    return f"body_size_limit.{size}"


def _body_filters(method: Method) -> dict[str, Any]:
    """No limit but the method's own: the filters of smaller sizes let it pass."""
    smaller = (size for size in request_sizes() if size < method.most_bytes)
    return {f"envoy.filters.http.{size_filter(size)}": OFF for size in smaller}


def _large_body(method: Method) -> dict[str, Any]:
    """What counts for the REST path of a method with large bodies until it is transcoded."""
    pattern = "".join(
        re.escape(part) if number % 2 == 0 else "[^/]+"
        for number, part in enumerate(re.split(f"({VARIABLE.pattern})", method.path))
    )
    verb = {"name": ":method", "string_match": {"exact": method.verb.upper()}}
    return {
        "match": {"safe_regex": {"regex": pattern}, "headers": [verb, NO_GRPC]},
        **NOWHERE,
        "typed_per_filter_config": _body_filters(method),
    }


def _method(method: Method, settings: GatewaySettings) -> dict[str, Any]:
    seconds = SLOW_METHODS.get(method.name, DEADLINE_SECONDS)
    # From the first byte of a request to the last one of its answer; this is also what ends a request that arrives too slowly.
    whole = seconds + (settings.upload_seconds if method.is_large else 0)
    route: dict[str, Any] = {
        "cluster": method.upstream,
        # Both are needed: the first makes the service see the deadline, the second caps what a client asks for.
        "max_stream_duration": {
            "max_stream_duration": f"{whole}s",
            "grpc_timeout_header_max": f"{whole}s",
        },
        "retry_policy": _retries(method),
    }
    # The gateway's own fetch of the keys must not be starved by other clients of its address.
    if method.path != "/.well-known/jwks.json":
        route["rate_limits"] = [
            {
                "actions": [
                    {"generic_key": {"descriptor_key": "class", "descriptor_value": limit_class(method)}},
                    # A client with IPv6 has 64 bits of addresses to itself.
                    {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}},
                ]
            }
        ]
    return {
        "match": {"path": method.grpc_path},
        "route": route,
        # The time in which an upload arrived is not the service's to use.
        "request_headers_to_add": [
            _header("grpc-timeout", f"{seconds}S", *([] if method.is_large else ["ADD_IF_ABSENT"]))
        ],
        "typed_per_filter_config": _body_filters(method),
    }


def _retries(method: Method) -> dict[str, Any]:
    retry_on = "connect-failure,refused-stream,reset-before-request"
    return {
        # Only a read may have reached the service before it is tried again. CANCELLED is what a dying server says.
        "retry_on": f"{retry_on},reset,cancelled,unavailable" if method.is_read else retry_on,
        "num_retries": 2,
        # Not where it has just failed: of two replicas the dead one would be next in turn again as often as not.
        "retry_host_predicate": [{"name": PREVIOUS_HOSTS, "typed_config": {"@type": PREVIOUS_HOSTS_CONFIG}}],
        "host_selection_retry_max_attempts": 3,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }


def _page(settings: GatewaySettings, path: str, name: str, kind: str) -> dict[str, Any]:
    return {
        "match": {"path": path, "headers": [_is_read()]},
        "direct_response": {"status": 200, "body": {"filename": str(settings.output / name)}},
        "response_headers_to_add": [
            _header("content-type", kind),
            _header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ],
        "typed_per_filter_config": TRANSCODER_OFF,
    }


def _header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": action}


def _is_read() -> dict[str, Any]:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}


def _cors(settings: GatewaySettings) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in settings.cors_origins],
        "allow_methods": "GET,POST,PUT,PATCH,DELETE,OPTIONS",
        "allow_headers": ",".join(ALLOWED_HEADERS),
        "expose_headers": ",".join(EXPOSED_HEADERS),
        "max_age": "600",
        "allow_credentials": True,
    }
