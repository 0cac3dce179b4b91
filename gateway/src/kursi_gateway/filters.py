"""Envoy's HTTP filters as configuration spells them, and those that run for some requests only, so that the others do not pay."""

from pathlib import Path
from typing import Any  # Envoy's configuration is untyped JSON

FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
HEAD_LUA = Path(__file__).with_name("head.lua")
MESSAGE_LUA = Path(__file__).with_name("message.lua")


def http_filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """A filter by its kind."""
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{FILTERS}.{kind}", **config},
    }


def script(path: Path, before: str = "") -> dict[str, Any]:
    """What a Lua filter runs."""
    return {"default_source_code": {"inline_string": before + path.read_text(encoding="utf-8")}}


def for_head() -> dict[str, Any]:
    """Leaves out the content."""
    return _unless("head", HEAD_LUA, {"not_matcher": _header(":method", {"exact": "HEAD"})})


def for_grpc() -> dict[str, Any]:
    """Refuses a call without a message. Envoy lets no client say the header that marks what was REST."""
    others = [
        _header("x-envoy-original-path", {"prefix": "/"}),
        {"not_matcher": _header("content-type", {"prefix": "application/grpc"})},
    ]
    return _unless("message", MESSAGE_LUA, {"or_matcher": {"predicate": others}})


def _header(name: str, value: dict[str, Any]) -> dict[str, Any]:
    header = {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": name,
    }
    return {"single_predicate": {"input": {"name": "header", "typed_config": header}, "value_match": value}}


def _unless(name: str, path: Path, predicate: dict[str, Any]) -> dict[str, Any]:
    """A script that runs for what does not match."""
    skip = {"@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"}
    others = {"predicate": predicate, "on_match": {"action": {"name": "skip", "typed_config": skip}}}
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": http_filter(name, "lua.v3.Lua", script(path)),
            "xds_matcher": {"matcher_list": {"matchers": [others]}},
        },
    }
