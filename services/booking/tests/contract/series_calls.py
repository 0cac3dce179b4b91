"""Calls about series of visits, as their tests make them."""

from kursi.booking.v1 import booking_service_pb2
from kursi.booking.v1 import series_service_pb2 as pb

ROOMY = {"maximum_active_bookings": 100, "maximum_ahead": {"seconds": 365 * 86_400}}
"""Terms of a service that lets a customer book a whole series."""


def wanted(world, service, start, *, staff=None, **more):
    """A request for a visit every week, four of them unless told otherwise, all or none."""
    ends = {} if "until" in more or "count" in more else {"count": 4}
    usual = {"salon_id": str(world.salon.id), "every_weeks": 1, "mode": pb.Series.ALL}
    return pb.CreateSeriesRequest(
        start_time=world.request(start).start_time,
        items=[booking_service_pb2.WantedItem(service_id=str(service), staff_id=str(staff or ""))],
        **{**usual, **ends, **more},
    )


def shown(world, series, metadata=None):
    request = pb.GetSeriesRequest(series_id=series.id)
    return world.series.GetSeries(request, metadata=metadata or world.customer())


def cancel(world, series, metadata=None, **more):
    request = pb.CancelSeriesRequest(series_id=series.id, **more)
    return world.series.CancelSeries(request, metadata=metadata or world.customer())


def confirm(world, series, metadata=None, **more):
    request = pb.ConfirmSeriesRequest(series_id=series.id, **more)
    return world.series.ConfirmSeries(request, metadata=metadata or world.member())


def local_starts(series):
    return [visit.local_start[5:16] for visit in series.visits]
