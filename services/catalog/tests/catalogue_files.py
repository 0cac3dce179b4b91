"""Taking a salon's catalogue out and bringing one in, as the tests do it."""

import csv
import io

from google.api.httpbody_pb2 import HttpBody
from kursi.catalog.v1 import transfer_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.testing.rpc import bearer


async def export(world, salon, number=pb.JSON):
    request = pb.ExportCatalogueRequest(salon_id=salon.id, format=number)
    return (await world.call("ExportCatalogue", request, world.token(salon.id))).data


def import_request(salon, content, number=pb.JSON, **changes):
    data = content if isinstance(content, bytes) else content.encode()
    return pb.ImportCatalogueRequest(salon_id=salon.id, format=number, file=HttpBody(data=data), **changes)


async def bring(world, salon, content, number=pb.JSON, **changes):
    request = import_request(salon, content, number, **{"apply": True, **changes})
    # On a busy machine thousands of rows take longer than a server gives a call that has no deadline.
    metadata = bearer(world.token(salon.id, Role.MANAGER))
    return await world.methods["ImportCatalogue"](request, metadata=metadata, timeout=100)


def counts(report):
    return report.created, report.updated, report.unchanged


def named(report):
    return [(one.line, one.kind, one.key, one.column, one.reason) for one in report.problems]


async def touched(world, salon):
    """What an import that did something would have left: version, lines, events."""
    (row,) = await world.rows("SELECT version FROM salons WHERE id = %s", salon.id)
    lines = await world.rows("SELECT count(*) AS number FROM audit WHERE salon_id = %s", salon.id)
    events = await world.rows("SELECT count(*) AS number FROM outbox WHERE aggregate_id = %s", salon.id)
    return row["version"], lines[0]["number"], events[0]["number"]


def as_csv(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


HAND_MADE = """\
type;key;staff;displayNames.ar;kind;names.en;names.ar;category;duration;price;performers;day;start;end;breaks
staff;sara;;سارة;;;;;;;;;;;
resource;c1;;;chair;Chair 1;;;;;;;;;
service;cut;;;;Haircut;قص;hair;45;150,50;sara;;;;
opening_hours;;;;;;;;;;;SUNDAY;09:00;21:00;12:00-12:30|16:00-16:15
shift;;sara;;;;;;;;;SUNDAY;10:00;18:00;
"""
