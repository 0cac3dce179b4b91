import asyncio
import json
import sys

import httpx


async def test_the_process_says_its_ports_and_stops_at_the_signal_whoever_waits():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kursi_simulators", stdout=asyncio.subprocess.PIPE
    )
    ports = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    async with httpx.AsyncClient(timeout=60) as client:
        control = f"http://127.0.0.1:{ports['moyasar']}/_control"
        await client.post(f"{control}/faults", json={"fault": "timeout_after_accept"})
        hanging = asyncio.create_task(client.get(f"http://127.0.0.1:{ports['moyasar']}/v1/payments"))
        while not (await client.get(f"{control}/books")).json()["attempts"]:
            pass
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0
        await asyncio.wait({hanging})
        assert isinstance(hanging.exception(), httpx.NetworkError)
