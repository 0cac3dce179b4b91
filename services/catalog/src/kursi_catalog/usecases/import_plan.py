"""What a file changes in a catalogue: decided before anything is written, and the same for a dry run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.ids import new_id

from kursi_catalog.domain.hours import Availability, OpeningHours
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.service import AddOn, Performer, Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.domain.transfer import (
    THING_KINDS,
    CatalogueDraft,
    HoursDraft,
    Place,
    Problem,
    ThingDraft,
    ThingKind,
)
from kursi_catalog.store.catalogue import Catalogue
from kursi_catalog.usecases.collection import MOST_OF_A_KIND
from kursi_catalog.usecases.kinds import RESOURCE, SERVICE, STAFF_MEMBER, Kind

Thing = StaffMember | Resource | Service
KINDS: Mapping[ThingKind, Kind[Any]] = {"staff": STAFF_MEMBER, "resource": RESOURCE, "service": SERVICE}
"""Any: each kind has things of its own type, and a plan holds all of them."""
_NEEDED: Mapping[ThingKind, tuple[str, ...]] = {
    "staff": ("display_names",),
    "resource": ("kind",),
    "service": ("names", "price"),
}
"""Fields without which nothing new is made; what else is wrong with a new thing its kind says."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to write: new without a `before`."""

    kind: ThingKind
    before: Thing | None
    after: Thing
    key: str


@dataclass(slots=True)
class Plan:
    """All that a file does, and all that is wrong with it."""

    steps: list[Step] = field(default_factory=list)
    hours: OpeningHours | None = None
    availability: dict[UUID, Availability] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


class Planner:
    """Makes the plan of one file for one salon."""

    def __init__(
        self, salon: Salon, present: Catalogue, defaults: Mapping[ThingKind, Mapping[str, Any]], now: datetime
    ) -> None:
        self._salon = salon
        self._present = present
        self._defaults = defaults
        self._now = now
        self._things: dict[ThingKind, Mapping[UUID, Thing]] = {
            "staff": {it.id: it for it in present.staff},
            "resource": {it.id: it for it in present.resources},
            "service": {it.id: it for it in present.services},
        }
        self._ids: dict[tuple[str, str], UUID] = dict(present.keys)
        self._away = {it.id for it in present.staff if it.archive_time is not None}
        self._plan = Plan()
        self._staff_keys: Mapping[UUID, str] = {}
        self._broken: set[str] = set()

    def plan(self, draft: CatalogueDraft) -> Plan:
        """Every row is looked at, whatever is wrong with others."""
        self._staff_keys = draft.staff_keys
        self._broken = {one.place.key for one in draft.problems if one.place.kind == "staff"}
        self._plan.problems.extend(draft.problems)
        for kind in THING_KINDS:
            self._plan_things(kind, draft.things[kind])
        if draft.hours is not None:
            self._plan_hours(draft.hours)
        for one in draft.availability:
            self._plan_availability(one.staff_key, one.value, next(iter(one.rows.values())))
        self._plan.problems.sort(key=lambda problem: (problem.place.line, problem.violation.field))
        return self._plan

    def _plan_things(self, kind: ThingKind, drafts: list[ThingDraft]) -> None:
        room = MOST_OF_A_KIND - len(self._things[kind])
        seen: set[str] = set()
        for draft in drafts:
            key = draft.place.key
            if key in seen:
                self._wrong(draft.place, Violation("key", "DUPLICATE"))
                continue
            seen.add(key)
            before = self._find(kind, key)
            if before is None:
                room -= 1
                if room < 0:
                    self._wrong(draft.place, Violation("", "SALON_FULL", {"most": MOST_OF_A_KIND}))
                    continue
            self._plan_thing(kind, draft, before)

    def _plan_thing(self, kind: ThingKind, draft: ThingDraft, before: Thing | None) -> None:
        if before is not None and before.archive_time is not None:
            self._wrong(draft.place, Violation("key", "ARCHIVED"))
            return
        asked = self._changed(draft, before) if before is not None else self._fresh(kind, draft)
        if asked is None:
            return
        if isinstance(asked, Service):
            asked = self._with_people(draft.place, asked, before if isinstance(before, Service) else None)
        if asked is None:
            return
        if asked == before:
            self._plan.unchanged += 1
            return
        try:
            settled = KINDS[kind].settle(self._salon, before, asked)
        except Invalid as error:
            self._wrong(draft.place, *error.violations)
            return
        after = (
            settled
            if before is None
            else replace(settled, revision=before.revision + 1, update_time=self._now)
        )
        self._plan.steps.append(Step(kind, before, after, draft.place.key))
        self._plan.created += before is None
        self._plan.updated += before is not None

    def _changed(self, draft: ThingDraft, before: Thing) -> Thing:
        fields = dict(draft.fields)
        if isinstance(before, Service) and "add_ons" in fields:
            fields["add_ons"] = tuple(_known_add_ons(fields["add_ons"], before.add_ons))
        return replace(before, **fields)

    def _fresh(self, kind: ThingKind, draft: ThingDraft) -> Thing | None:
        missing = [name for name in _NEEDED[kind] if name not in draft.fields]
        if missing:
            self._wrong(draft.place, *(Violation(name, "REQUIRED") for name in missing))
            return None
        fields = {**self._defaults[kind], **draft.fields}
        thing_id = new_id()
        self._ids[kind, draft.place.key] = thing_id
        made: Thing = KINDS[kind].make(
            id=thing_id, salon_id=self._salon.id, revision=1, create_time=self._now, update_time=self._now,
            archive_time=None, **fields,
        )  # fmt: skip
        return made

    def _with_people(self, place: Place, service: Service, before: Service | None) -> Service | None:
        """The service with ids for the stand-ins of its performers. Those who are archived are in no file: they stay."""
        found = []
        for number, performer in enumerate(service.performers):
            key = self._staff_keys.get(performer.staff_id)
            staff_id = performer.staff_id if key is None else self._staff_id(key)
            if staff_id is None:
                self._wrong(place, Violation(f"performers[{number}].staff", "UNKNOWN_STAFF"))
                return None
            found.append(replace(performer, staff_id=staff_id))
        performers = tuple(found)
        if before is not None:
            performers = self._with_archived(performers, before.performers)
        return replace(service, performers=performers)

    def _with_archived(
        self, asked: tuple[Performer, ...], before: tuple[Performer, ...]
    ) -> tuple[Performer, ...]:
        shown = tuple(one for one in before if one.staff_id not in self._away)
        named = {one.staff_id for one in asked}
        hidden = tuple(one for one in before if one.staff_id in self._away - named)
        return before if asked == shown else (*asked, *hidden)

    def _plan_hours(self, draft: HoursDraft) -> None:
        before = self._present.opening
        after = replace(draft.value, prayer_breaks=before.prayer_breaks)
        if after == before:
            self._plan.unchanged += 1
            return
        self._plan.hours = after
        self._plan.updated += 1

    def _plan_availability(self, staff_key: str, asked: Availability, place: Place) -> None:
        staff_id = self._staff_id(staff_key)
        if staff_id is None:
            self._wrong(place, Violation("staff", "UNKNOWN_STAFF"))
        elif self._present.availability.get(staff_id, Availability()) == asked:
            self._plan.unchanged += 1
        else:
            self._plan.availability[staff_id] = asked
            self._plan.updated += 1

    def _staff_id(self, key: str) -> UUID | None:
        if key in self._broken:
            return new_id()  # their own row is wrong, which is said there; nothing is written anyway
        member = self._find("staff", key)
        return member.id if member is not None else self._ids.get(("staff", key))

    def _find(self, kind: ThingKind, key: str) -> Thing | None:
        known = self._ids.get((kind, key)) or _as_id(key)
        return self._things[kind].get(known) if known else None

    def _wrong(self, place: Place, *violations: Violation) -> None:
        self._plan.problems.extend(Problem(place, violation) for violation in violations)


def _known_add_ons(asked: tuple[AddOn, ...], before: tuple[AddOn, ...]) -> Iterator[AddOn]:
    """Add-ons have no key in a file: one with the names of one that is there is that one."""
    there = list(before)
    for extra in asked:
        known = next((one for one in there if one.names == extra.names), None)
        if known is not None:
            there.remove(known)
        yield replace(extra, id=known.id if known else None)


def _as_id(key: str) -> UUID | None:
    try:
        found = UUID(key)
    except ValueError:
        return None
    return found if str(found) == key else None
