"""Envoy's configuration: one listener that speaks REST, gRPC and gRPC-Web over the same contract, and a cluster per service.

Three files: the bootstrap, and the listener and the clusters, which Envoy watches: replacing one is a reload without a
lost request. The same settings make the same bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any  # Envoy's configuration is untyped JSON

from kursi_gateway import contract, pages
from kursi_gateway.clusters import clusters
from kursi_gateway.filters import for_grpc, for_head, http_filter, script
from kursi_gateway.replies import local_reply_config
from kursi_gateway.routes import bound_fields, routes, size_filter
from kursi_gateway.settings import GatewaySettings

COMPRESSED = [
    {"prefix": "application/json"},
    {"prefix": "text/html"},
    {"prefix": "text/css"},
    {"prefix": "text/calendar"},
]
# The weights of two languages make a longer expression than Envoy expects; it is matched for its own errors only.
RUNTIME = {"re2.max_program_size.error_level": 2_000}
EDGE_LUA = Path(__file__).with_name("edge.lua")


def write(settings: GatewaySettings) -> Path:
    """Write all files into the output folder and return the bootstrap's path. Existing files are replaced at once, never half."""
    settings.output.mkdir(parents=True, exist_ok=True)
    descriptors = contract.descriptor_set().SerializeToString(deterministic=True)
    name = f"contract-{hashlib.sha256(descriptors).hexdigest()[:16]}.binpb"
    _replace(settings.output / name, descriptors)
    for page, content in pages.render().items():
        _replace(settings.output / page, content)
    _replace(settings.output / "clusters.json", _resources(clusters(settings), "cluster.v3.Cluster"))
    _replace(
        settings.output / "listener.json",
        _resources([listener(settings, settings.output / name)], "listener.v3.Listener"),
    )
    bootstrap = settings.output / "envoy.json"
    _replace(bootstrap, _json(_bootstrap(settings)))
    return bootstrap


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _resources(entries: list[dict[str, Any]], kind: str) -> bytes:
    return _json(
        {"resources": [{"@type": f"type.googleapis.com/envoy.config.{kind}", **entry} for entry in entries]}
    )


def _bootstrap(settings: GatewaySettings) -> dict[str, Any]:
    def watched(name: str) -> dict[str, Any]:
        return {"resource_api_version": "V3", "path_config_source": {"path": str(settings.output / name)}}

    connections = {
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": 10_000,
    }
    return {
        "node": {"id": "gateway", "cluster": "kursi"},
        "admin": {"address": _socket(settings.admin.host, settings.admin.port)},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": connections,
                }
            ]
        },
        "layered_runtime": {"layers": [{"name": "fixed", "static_layer": RUNTIME}]},
        "dynamic_resources": {"lds_config": watched("listener.json"), "cds_config": watched("clusters.json")},
    }


def _socket(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def listener(settings: GatewaySettings, descriptors: Path) -> dict[str, Any]:
    """The one listener."""
    manager = _connection_manager(settings, descriptors)
    return {
        "name": "edge",
        "address": _socket(settings.listen.host, settings.listen.port),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _connection_manager(settings: GatewaySettings, descriptors: Path) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.trusted_hops,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_header_transformation": "PASS_THROUGH",
        # A client gets 5 s for its headers and, here, the time of an upload for its whole request; every other method ends it
        # sooner, by its route's duration of the whole call. Slow ones are cut, others are served.
        "request_headers_timeout": "5s",
        "request_timeout": f"{settings.upload_seconds}s",
        "stream_idle_timeout": "60s",
        # A service reads 16 KiB of headers; what is longer its gRPC library refuses, as a limit that is over soon. The difference
        # is for what is added here and for the 32 bytes that each header counts for there. The longest access token has 8 KiB.
        "max_request_headers_kb": 12,
        "drain_timeout": "5s",
        # Closed sooner, the rest of a body that was refused early is answered with a reset, and many a client then loses the
        # refusal that it has received already.
        "delayed_close_timeout": f"{settings.linger_seconds}s",
        "always_set_request_id_in_response": True,
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": 80,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "early_header_mutation_extensions": [_without_binary_headers()],
        "access_log": _access_logs(settings),
        "local_reply_config": local_reply_config(),
        "route_config": routes(settings),
        "http_filters": _filters(settings, descriptors),
    }


def _without_binary_headers() -> dict[str, Any]:
    """Drops what gRPC would decode: no method reads such a header, and one that is not base64 ends a call as an error of ours."""
    kind = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"type.googleapis.com/{kind}",
            "mutations": [{"remove_on_match": {"key_matcher": {"suffix": "-bin", "ignore_case": True}}}],
        },
    }


def _access_logs(settings: GatewaySettings) -> list[dict[str, Any]]:
    """JSON lines without personal data: no query string, no address, no token. The path of a calendar feed is its key."""
    secret = [_is_calendar(name) for name in (":path", "x-envoy-original-path")]
    others = [
        {"header_filter": {"header": {**one["header_filter"]["header"], "invert_match": True}}}
        for one in secret
    ]
    return [
        {**_access_log(settings, "%PATH(NQ)%"), "filter": {"and_filter": {"filters": others}}},
        {**_access_log(settings, "/v1/calendars/-/feed.ics"), "filter": {"or_filter": {"filters": secret}}},
    ]


def _is_calendar(name: str) -> dict[str, Any]:
    match = {"contains": "/calendars/", "ignore_case": True}
    return {
        "header_filter": {
            "header": {"name": name, "string_match": match, "treat_missing_header_as_empty": True}
        }
    }


def _access_log(settings: GatewaySettings, path: str) -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": settings.access_log,
            "log_format": {
                "json_format": {
                    "time": "%START_TIME%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "traceparent": "%REQ(TRACEPARENT)%",
                    "method": "%REQ(:METHOD)%",
                    "rpc": path,
                    "status": "%RESPONSE_CODE%",
                    "grpc": "%GRPC_STATUS(SNAKE_STRING)%",
                    "flags": "%RESPONSE_FLAGS%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "ms": "%DURATION%",
                    "upstream_ms": "%RESPONSE_DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "upstream": "%UPSTREAM_HOST%",
                }
            },
        },
    }


def _filters(settings: GatewaySettings, descriptors: Path) -> list[dict[str, Any]]:
    """The filters in order. Tokens are checked after transcoding, on gRPC paths: one table for REST, gRPC and gRPC-Web."""
    named = [
        ("health_check", "health_check.v3.HealthCheck", _health("/healthz")),
        ("health_check.ready", "health_check.v3.HealthCheck", _health("/readyz", contract.upstreams())),
        ("cors", "cors.v3.Cors", {}),
        ("compressor.brotli", "compressor.v3.Compressor", _compressor("brotli", "Brotli", {"quality": 4})),
        (
            "compressor.gzip",
            "compressor.v3.Compressor",
            _compressor("gzip", "Gzip", {"compression_level": "COMPRESSION_LEVEL_3"}),
        ),
        # The largest last; a method that takes more is spared by the smaller ones.
        *(
            (size_filter(size), "body_size_limit.v3.BodySizeLimit", {"max_request_bytes": size})
            for size in contract.request_sizes()
        ),
        ("grpc_web", "grpc_web.v3.GrpcWeb", {}),
        ("lua", "lua.v3.Lua", script(EDGE_LUA, _bound_fields())),
        ("grpc_json_transcoder", "grpc_json_transcoder.v3.GrpcJsonTranscoder", _transcoder(descriptors)),
        ("jwt_authn", "jwt_authn.v3.JwtAuthentication", _tokens(settings)),
        ("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", _limits(settings)),
        # Who writes slowly must not hold one of a service's calls: a thousand of them would be all. So each body waits here until
        # it is whole, after its token was looked at.
        ("buffer", "buffer.v3.Buffer", {"max_request_bytes": contract.request_sizes()[-1] + 65_536}),
    ]
    # What leaves the content out comes first, which is last on the way out.
    return [
        for_head(),
        *(http_filter(*one) for one in named),
        for_grpc(),
        http_filter("router", "router.v3.Router", {}),
    ]


def _bound_fields() -> str:
    """A table for the script: behind what a field stands in paths."""
    rows = (
        f'["{field}"] = {{{", ".join(map(json.dumps, collections))}}},'
        for field, collections in bound_fields().items()
    )
    return "\n".join(["local BOUND = {", *rows, "}", ""])


def _health(path: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    config: dict[str, Any] = {
        "pass_through_mode": False,
        "headers": [{"name": ":path", "string_match": {"exact": path}}],
    }
    if needed:
        config["cluster_min_healthy_percentages"] = {name: {"value": 1} for name in needed}
    return config


def _compressor(name: str, kind: str, options: dict[str, Any]) -> dict[str, Any]:
    library = {
        "@type": f"type.googleapis.com/envoy.extensions.compression.{name}.compressor.v3.{kind}",
        **options,
    }
    return {
        "response_direction_config": {
            "common_config": {"min_content_length": 1024, "content_type_matcher": COMPRESSED}
        },
        "choose_first": name == "brotli",
        "compressor_library": {"name": name, "typed_config": library},
    }


def _transcoder(descriptors: Path) -> dict[str, Any]:
    return {
        "proto_descriptor": str(descriptors),
        "services": list(dict.fromkeys(method.service for method in contract.public_methods())),
        "convert_grpc_status": True,
        "auto_mapping": False,
        "match_unregistered_custom_verb": True,
        "query_param_unescape_plus": True,
        "url_unescape_spec": "ALL_CHARACTERS_EXCEPT_SLASH",
        # Twilio adds it to a callback's address for its signature, which is checked over the original path.
        "ignored_query_parameters": ["bodySHA256"],
        # The filters before it are the limit; this is what it may keep to read a request as a whole.
        "max_request_body_size": contract.request_sizes()[-1],
        "max_response_body_size": 8_388_608,
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        # Stable shapes: a zero is printed, not left out.
        "print_options": {"always_print_primitive_fields": True},
    }


def _tokens(settings: GatewaySettings) -> dict[str, Any]:
    provider = {
        "issuer": settings.token_issuer,
        "audiences": [settings.token_audience],
        "forward": True,
        # The scheme's name is read in any case by the services; Envoy compares it letter by letter.
        "from_headers": [
            {"name": "authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer", "BEARER")
        ],
        "require_expiration": True,
        "clock_skew_seconds": 5,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        "remote_jwks": {
            "http_uri": {"uri": "http://gateway/.well-known/jwks.json", "cluster": "self", "timeout": "2s"},
            "cache_duration": f"{settings.key_cache_seconds}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "1s"},
        },
    }
    # A token that is present must be good, also where none is needed: a client with a bad token should hear of it.
    either = {"requires_any": {"requirements": [{"provider_name": "identity"}, {"allow_missing": {}}]}}
    protected = [
        {"match": {"path": method.grpc_path}, "requires": {"provider_name": "identity"}}
        for method in contract.public_methods()
        if method.needs_token
    ]
    ignoring = [
        {"match": {"path": method.grpc_path}} for method in contract.public_methods() if method.ignores_token
    ]
    return {
        "providers": {"identity": provider},
        "rules": [*protected, *ignoring, {"match": {"prefix": "/"}, "requires": either}],
    }


def _limits(settings: GatewaySettings) -> dict[str, Any]:
    def bucket(tokens: int, fill: int) -> dict[str, Any]:
        return {
            "max_tokens": tokens * settings.limit_scale,
            "tokens_per_fill": fill * settings.limit_scale,
            "fill_interval": "1s",
        }

    enabled = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": "address",
        "status": {"code": "TooManyRequests"},
        "rate_limited_as_resource_exhausted": True,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "always_consume_default_token_bucket": False,
        # One bucket per client address and class; the default of 20 would evict busy clients at once.
        "max_dynamic_descriptors": 10_000,
        "filter_enabled": enabled,
        "filter_enforced": enabled,
        "token_bucket": {"max_tokens": 10_000_000, "tokens_per_fill": 10_000_000, "fill_interval": "1s"},
        "descriptors": [
            {
                "entries": [{"key": "class", "value": name}, {"key": "masked_remote_address"}],
                "token_bucket": bucket(limit.burst, limit.per_second),
            }
            for name, limit in settings.limits.items()
        ],
    }
