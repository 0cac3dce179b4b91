"""What tests of races ask when all have come home."""

import grpc
from kursi_chassis.testing.rpc import refused

OVERLAPS = """
SELECT count(*) FROM claims AS a JOIN claims AS b ON a.resource_id = b.resource_id AND a.during && b.during AND a.id < b.id
WHERE a.state <> 'released' AND b.state <> 'released'
"""


async def attempt(call):
    """`done`, or the code and reason of the refusal."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return f"{answer.code.name} {answer.reason}"
    return "done"
