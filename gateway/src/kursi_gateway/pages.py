"""The pages that the gateway serves by itself: the OpenAPI document, and documentation for people made from it."""

import json
from html import escape
from typing import Any  # an OpenAPI document is untyped JSON

from kursi_gateway.openapi import document

# Path: file in the output folder, content type.
PAGES = {
    "/openapi.json": ("openapi.json", "application/json"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h2 { margin-top: 3rem; text-transform: capitalize; } details { border-top: 1px solid #d6d3d1; padding: .6rem 0; }
summary { cursor: pointer; } code { font-size: .92em; } .verb { display: inline-block; width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #e7e5e4; padding: .3rem .8rem .3rem 0; vertical-align: top; }
"""


def render() -> dict[str, bytes]:
    """The pages by file name."""
    described = document()
    return {
        "openapi.json": json.dumps(described, ensure_ascii=False, indent=1).encode(),
        "docs.html": _html(described).encode(),
    }


def _html(described: dict[str, Any]) -> str:
    sections = "".join(_section(tag["name"], described) for tag in described["tags"])
    responses = described["components"]["responses"]
    errors = "".join(
        f"<tr><td>{status}</td><td>{escape(entry['description'])}</td></tr>"
        for status, entry in responses.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Kursi API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>Kursi API</h1><p>{escape(described['info']['summary'])} {escape(described['info']['description'])}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>{sections}'
        f"<h2>Errors</h2><table>{errors}</table></body></html>"
    )


def _section(tag: str, described: dict[str, Any]) -> str:
    operations = "".join(
        _operation(path, verb, operation, described)
        for path, verbs in described["paths"].items()
        for verb, operation in verbs.items()
        if tag in operation["tags"]
    )
    return f"<h2>{escape(tag)}</h2>{operations}"


def _operation(path: str, verb: str, operation: dict[str, Any], described: dict[str, Any]) -> str:
    parameters = [
        (entry["name"], entry["in"], entry.get("description", "")) for entry in operation["parameters"]
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers = operation["responses"]["200"]["content"]
    rows = [*parameters, *_fields(body, "body", described)]
    for kind, answer in answers.items():
        is_json = kind == "application/json"
        rows += _fields(answer["schema"], "answer", described) if is_json else [(kind, "answer", "A file.")]
    table = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{place}</td><td>{escape(text)}</td></tr>"
        for name, place, text in rows
    )
    access = "needs an access token" if operation["security"] else "needs no token"
    summary = (
        f'<span class="verb">{verb.upper()}</span><code>{escape(path)}</code> {escape(operation["summary"])}'
    )
    description = f"{escape(operation.get('description', ''))} ({access})"
    return (
        f'<details id="{operation["operationId"]}"><summary>{summary}</summary>'
        f"<p>{description}</p><table>{table}</table></details>"
    )


def _fields(schema: dict[str, Any], place: str, described: dict[str, Any]) -> list[tuple[str, str, str]]:
    if reference := schema.get("$ref"):
        schema = described["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return [
        (name, place, entry.get("description", "")) for name, entry in schema.get("properties", {}).items()
    ]
