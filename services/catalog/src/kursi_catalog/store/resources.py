"""Resources as rows."""

from psycopg.types.json import Jsonb

from kursi_catalog.domain.resource import Resource
from kursi_catalog.store.rows import Row
from kursi_catalog.store.table import Table, read_history


def read(row: Row) -> Resource:
    return Resource(**read_history(row), kind=row["kind"], names=row["names"])


def _write(resource: Resource) -> Row:
    return {"kind": resource.kind, "names": Jsonb(resource.names)}


RESOURCES: Table[Resource] = Table("resources", "it.kind, it.names", read, _write)
