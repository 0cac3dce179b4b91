"""The services behind the gateway, each with health checks, limits and ejection; and the gateway itself, for its key set."""

from typing import Any  # Envoy's configuration is untyped JSON

from kursi_gateway.contract import upstreams
from kursi_gateway.settings import Address, GatewaySettings, UpstreamTls

# Who says NOT_SERVING gets nothing more from then on. Silence counts three times before it is believed, after nine seconds:
# a process may pause for seconds on a busy machine. Dead ones are found sooner, by the calls that fail.
HEALTH_CHECK = {
    "timeout": "2s",
    "interval": "1s",
    "unhealthy_threshold": 3,
    "healthy_threshold": 1,
    "no_traffic_interval": "1s",
    "no_traffic_healthy_interval": "1s",
    "grpc_health_check": {},
}
EJECTION = {
    "consecutive_5xx": 5,
    "consecutive_gateway_failure": 5,
    "interval": "1s",
    "base_ejection_time": "3s",
    # The only replica is never ejected: a failing service must answer with its own error.
    "max_ejection_percent": 50,
}


def clusters(settings: GatewaySettings) -> list[dict[str, Any]]:
    """One cluster per service, one for this gateway, and one that nobody is in (CORS needs a route to a cluster)."""
    return [
        *(_service(name, settings.upstreams[name], settings.upstream_tls) for name in upstreams()),
        _cluster("self", (Address("127.0.0.1", settings.listen.port),)),
        {
            "name": "nowhere",
            "type": "STATIC",
            "connect_timeout": "0.1s",
            "load_assignment": {"cluster_name": "nowhere"},
        },
    ]


def _service(name: str, addresses: tuple[Address, ...], tls: UpstreamTls | None) -> dict[str, Any]:
    http = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {
            "http2_protocol_options": {
                "connection_keepalive": {"interval": "30s", "timeout": "5s"},
                "max_concurrent_streams": 100,
            }
        },
        "common_http_protocol_options": {"idle_timeout": "600s"},
    }
    return {
        **_cluster(name, addresses),
        **({"transport_socket": _encrypted(addresses, tls)} if tls else {}),
        "lb_policy": "ROUND_ROBIN",
        # Below this share of healthy replicas all are tried; Envoy's usual half would send two calls of three to the dead ones
        # where one of three is left. One percent means: only when the check finds nobody. A replica that is merely slow then
        # still answers, and one that is dead refuses the connection, which is the same 503 a moment later.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 64,
                    "max_pending_requests": 256,
                    "max_requests": 1024,
                    "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 10},
                }
            ]
        },
        "outlier_detection": EJECTION,
        "health_checks": [HEALTH_CHECK],
    }


def _encrypted(addresses: tuple[Address, ...], tls: UpstreamTls) -> dict[str, Any]:
    """Both sides show a certificate; a service's has to be of the authority, and for one of the names it is reached by."""
    names = [
        {"san_type": "IP_ADDRESS" if _is_ip(host) else "DNS", "matcher": {"exact": host}}
        for host in dict.fromkeys(address.host for address in addresses)
    ]
    context = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "auto_host_sni": True,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": str(tls.certificate)},
                    "private_key": {"filename": str(tls.key)},
                }
            ],
            "validation_context": {
                "trusted_ca": {"filename": str(tls.ca)},
                "match_typed_subject_alt_names": names,
            },
        },
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _cluster(name: str, addresses: tuple[Address, ...]) -> dict[str, Any]:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": address.host, "port_value": address.port}}}}
        for address in addresses
    ]
    return {
        "name": name,
        "type": "STATIC" if all(_is_ip(address.host) for address in addresses) else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _is_ip(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host
