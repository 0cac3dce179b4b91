"""The methods that services, staff members and resources have alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from kursi_chassis.caller import Caller, current_caller
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.validation import Violations

from kursi_catalog.api.reading import Read, after_id, page_of, read_fields, request_key, salon_id_of, writable
from kursi_catalog.store.table import T
from kursi_catalog.usecases.collection import Collection

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Things(Generic[T, M]):
    """One kind of thing. `field` names it in requests (`staff_member`), `id_field` its id there."""

    collection: Collection[T]
    field: str
    id_field: str
    readers: Mapping[str, Read[M]]
    render: Callable[[T, Caller], M]
    message: type[M]
    tokens: PageTokens

    async def create(self, salon_id: str, thing: M, request: Message, request_id: str) -> M:
        fields = read_fields(self.field, thing, self.readers, frozenset(self.readers))
        caller = current_caller()
        answer = await self.collection.create(
            caller,
            salon_id_of(salon_id),
            fields,
            key=request_key(request, request_id),
            render=lambda made: self.render(made, caller).SerializeToString(deterministic=True),
        )
        return self.message.FromString(answer)

    async def get(self, salon_id: str, thing_id: str) -> M:
        with Violations() as check:
            salon, thing = check.id("salon_id", salon_id), check.id(self.id_field, thing_id)
        caller = current_caller()
        return self.render(await self.collection.get(caller, salon, thing), caller)

    async def page(self, salon_id: str, size: int, token: str, *, show_archived: bool) -> tuple[list[M], str]:
        """The messages, and the token of the next page."""
        salon, limit, caller = salon_id_of(salon_id), page_size(size), current_caller()
        filters = {"salon_id": salon, "show_archived": show_archived}
        after = after_id(self.tokens.decode(token, filters))
        found = await self.collection.page(
            caller, salon, after=after, limit=limit + 1, show_archived=show_archived
        )
        rows, last = page_of(found, limit)
        following = self.tokens.encode([str(last.id)], filters) if last else ""
        return [self.render(row, caller) for row in rows], following

    async def update(self, salon_id: str, thing: M, thing_id: str, etag: str, mask: FieldMask) -> M:
        with Violations() as check:
            salon, thing_uuid = check.id("salon_id", salon_id), check.id(f"{self.field}.id", thing_id)
        fields = read_fields(self.field, thing, self.readers, writable(self.field, thing, mask))
        caller = current_caller()
        changed = await self.collection.update(caller, salon, thing_uuid, etag=etag, fields=fields)
        return self.render(changed, caller)

    async def archive(self, salon_id: str, thing_id: str, etag: str) -> M:
        with Violations() as check:
            salon, thing = check.id("salon_id", salon_id), check.id(self.id_field, thing_id)
        caller = current_caller()
        return self.render(await self.collection.archive(caller, salon, thing, etag=etag), caller)

    async def restore(self, salon_id: str, thing_id: str, etag: str) -> M:
        with Violations() as check:
            salon, thing = check.id("salon_id", salon_id), check.id(self.id_field, thing_id)
        caller = current_caller()
        return self.render(await self.collection.restore(caller, salon, thing, etag=etag), caller)
