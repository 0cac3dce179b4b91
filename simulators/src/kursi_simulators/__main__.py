"""`python -m kursi_simulators`: all simulators in one process, state in memory."""

import argparse
import asyncio
import json
import signal
import sys

from kursi_simulators.suite import Ports, Suite


def main() -> None:
    arguments = _arguments()
    suite = Suite(
        Ports(arguments.moyasar_port, arguments.twilio_port, arguments.smtp_port, arguments.control_port),
        host=arguments.host,
        time_factor=arguments.time_factor,
        moyasar_base_url=arguments.moyasar_base_url,
    )
    asyncio.run(_serve(suite))


async def _serve(suite: Suite) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, stopping.set)
    sys.stdout.write(json.dumps(suite.ports.to_json()) + "\n")
    sys.stdout.flush()
    await suite.run(stopping)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kursi_simulators", description=__doc__)
    for name in ("moyasar", "twilio", "smtp", "control"):
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--moyasar-base-url", help="how a payer's browser reaches the Moyasar simulator")
    parser.add_argument(
        "--time-factor",
        type=float,
        default=0.01,
        help="1 waits as long as the providers do between retries and delivery steps",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
