"""Pages of a salon's members."""

from uuid import UUID

from kursi_chassis.grpc.paging import PageTokens, page_size

from kursi_identity.domain.member import MemberView
from kursi_identity.queries.roster import Position, Roster, position_of


class RosterPages:
    """Reads page by page; a token is good for its salon only."""

    def __init__(self, roster: Roster, page_token_key: str) -> None:
        self._roster = roster
        self._tokens = PageTokens(page_token_key, "identity.members")

    async def page(self, salon_id: UUID, size: int, token: str) -> tuple[list[MemberView], str]:
        """One page, and the token of the next one; empty on the last page."""
        most = page_size(size)
        filters = {"salon": salon_id}
        views = await self._roster.page(salon_id, _position(self._tokens.decode(token, filters)), most + 1)
        if len(views) <= most:
            return views, ""
        end = position_of(views[most - 1])
        return views[:most], self._tokens.encode([end.rank, end.name, str(end.member_id)], filters)


def _position(decoded: list[str | int | None] | None) -> Position | None:
    if decoded is None:
        return None
    rank, name, member_id = decoded
    return Position(int(rank or 0), str(name), UUID(str(member_id)))
