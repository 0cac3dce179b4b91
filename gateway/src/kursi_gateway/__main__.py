"""Write the gateway's files, or check them with the real Envoy.

python -m kursi_gateway render --output DIR --listen HOST:PORT --admin HOST:PORT --issuer URL --upstream identity=HOST:PORT …
python -m kursi_gateway check
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kursi_gateway.binary import envoy_binary
from kursi_gateway.contract import upstreams
from kursi_gateway.envoy import write
from kursi_gateway.settings import Address, GatewaySettings, UpstreamTls


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kursi_gateway", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="generate into a temporary folder and have Envoy validate it")
    render = commands.add_parser("render", help="write the files")
    render.add_argument("--output", type=Path, required=True, help="folder to write into")
    render.add_argument("--listen", type=Address.parse, required=True, help="where clients come in")
    render.add_argument("--admin", type=Address.parse, required=True, help="Envoy's admin page; never public")
    render.add_argument("--issuer", required=True, help="who issues access tokens (`iss`)")
    render.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="NAME=HOST:PORT[,HOST:PORT…]",
        help="a service's replicas",
    )
    render.add_argument("--cors-origin", action="append", default=[], help="a web origin that may call")
    render.add_argument("--limit-scale", type=int, default=1, help="multiplies the limits per client address")
    render.add_argument("--access-log", default="/dev/stdout", help="file for the access log")
    render.add_argument(
        "--trusted-hops", type=int, default=0, help="proxies in front whose X-Forwarded-For is believed"
    )
    for name, what in (
        ("ca", "the authority that services are checked by"),
        ("certificate", "what the gateway shows them"),
        ("key", "the key of that certificate"),
    ):
        render.add_argument(
            f"--tls-{name}", type=Path, help=f"{what}; with the other two: TLS to the services"
        )
    return parser


def _upstream_tls(*files: Path | None) -> UpstreamTls | None:
    named = [file.resolve() for file in files if file is not None]
    if named and len(named) < len(files):
        sys.exit("--tls-ca, --tls-certificate and --tls-key belong together")
    return UpstreamTls(*named) if named else None


def _upstreams(entries: list[str]) -> dict[str, tuple[Address, ...]]:
    named = dict(entry.split("=", 1) for entry in entries)
    if missing := set(upstreams()) - named.keys():
        sys.exit(f"--upstream is missing for: {', '.join(sorted(missing))}")
    return {name: tuple(Address.parse(text) for text in named[name].split(",")) for name in upstreams()}


def _check() -> int:
    """Validate with Envoy; it reads the watched files only when it runs, so they are validated as static resources."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        settings = GatewaySettings(
            output=output,
            listen=Address("127.0.0.1", 8080),
            admin=Address("127.0.0.1", 8081),
            upstreams={name: (Address("127.0.0.1", 7000 + index),) for index, name in enumerate(upstreams())},
            token_issuer="https://kursi.example",  # noqa: S106  an address, not a secret
            cors_origins=("https://app.kursi.example",),
        )
        write(settings)
        return subprocess.run(
            # Where nothing runs, its fetcher of keys cannot but fail, and would say so as an error.
            [envoy_binary(), "--mode", "validate", "--log-level", "critical", "-c", str(static_copy(output))],
            check=False,
        ).returncode


def static_copy(output: Path) -> Path:
    """A copy of the bootstrap that carries the watched resources in itself."""
    bootstrap = json.loads((output / "envoy.json").read_text(encoding="utf-8"))
    del bootstrap["dynamic_resources"]
    resources = {
        name: json.loads((output / f"{name}.json").read_text(encoding="utf-8"))["resources"]
        for name in ("listener", "clusters")
    }
    for entry in (*resources["listener"], *resources["clusters"]):
        del entry["@type"]
    bootstrap["static_resources"] = {"listeners": resources["listener"], "clusters": resources["clusters"]}
    copy = output / "static.json"
    copy.write_text(json.dumps(bootstrap), encoding="utf-8")
    return copy


def main() -> None:
    """Run a command."""
    arguments = _parser().parse_args()
    if arguments.command == "check":
        sys.exit(_check())
    settings = GatewaySettings(
        output=arguments.output.resolve(),
        listen=arguments.listen,
        admin=arguments.admin,
        upstreams=_upstreams(arguments.upstream),
        upstream_tls=_upstream_tls(arguments.tls_ca, arguments.tls_certificate, arguments.tls_key),
        token_issuer=arguments.issuer,
        cors_origins=tuple(arguments.cors_origin),
        limit_scale=arguments.limit_scale,
        access_log=arguments.access_log,
        trusted_hops=arguments.trusted_hops,
    )
    print(write(settings))  # noqa: T201  the path is this command's answer


if __name__ == "__main__":
    main()
