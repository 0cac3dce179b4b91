"""Entity tags: the quoted revision of a resource."""

from kursi_chassis.errors import StaleEtag


def etag_of(revision: int) -> str:
    """The tag of a revision, as it stands in the resource and in the HTTP header."""
    return f'"{revision}"'


def check_etag(given: str, revision: int) -> None:
    """Refuse a change that is based on an older revision; an empty tag asks for no check.

    Raises: StaleEtag (STALE_ETAG) when the tag is not the revision's.
    """
    if given and given.removeprefix("W/").strip('"') != str(revision):
        raise StaleEtag(revision=revision)
