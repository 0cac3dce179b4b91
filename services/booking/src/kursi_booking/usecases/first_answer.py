"""A repetition that is refused gets the first answer: what refuses it may be the very thing that the first request made."""

from collections.abc import Awaitable

from kursi_chassis.errors import DomainError, RetryLater

from kursi_booking.ports.answers import AlreadyAnswered, FirstAnswers, KeyedRequest


async def or_first_answer(work: Awaitable[bytes], store: FirstAnswers, request: KeyedRequest) -> bytes:
    """The answer of `work`; when that is refused, the first answer of the request if one is kept.

    Raises: what `work` raises; RetryLater when the first answer's time was over just after `work` met it.
    """
    try:
        return await work
    except (AlreadyAnswered, DomainError) as refused:
        first = await store.first_answer(request)
        if first is not None:
            return first
        if isinstance(refused, AlreadyAnswered):
            raise RetryLater from refused
        raise
