"""Calls about group sessions, as their tests make them."""

from kursi.booking.v1 import session_service_pb2 as pb


def shown(world, session, metadata=None):
    return world.sessions.GetSession(pb.GetSessionRequest(session_id=session.id), metadata=metadata)


async def seats_left(world, session, metadata=None):
    return (await shown(world, session, metadata)).seats_left


def call_off(world, session, metadata=None, **more):
    request = pb.CancelSessionRequest(session_id=session.id, **more)
    return world.sessions.CancelSession(request, metadata=metadata or world.member())


def resize(world, session, capacity, metadata=None, **more):
    request = pb.UpdateSessionRequest(session_id=session.id, capacity=capacity, **more)
    return world.sessions.UpdateSession(request, metadata=metadata or world.member())
