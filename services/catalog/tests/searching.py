"""How salons are searched for."""

from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_service_pb2 as api

Request = api.SearchSalonsRequest


async def search(world, **question):
    return await world.call("SearchSalons", api.SearchSalonsRequest(**question))


async def names(world, **question):
    return [result.salon.names["en"] for result in (await search(world, **question)).results]


def at(latitude, longitude):
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)
