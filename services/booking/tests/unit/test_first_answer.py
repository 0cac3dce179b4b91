"""What a repetition is told when the first request stands in its way."""

import pytest
from kursi_booking.domain.errors import SlotTaken
from kursi_booking.ports.answers import AlreadyAnswered, KeyedRequest
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_chassis.errors import RetryLater

REQUEST = KeyedRequest("user:somebody", "CreateBooking", "a key", b"a hash")


class Kept:
    """A store that keeps this answer, or none."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer

    async def first_answer(self, request: KeyedRequest) -> bytes | None:
        return self.answer


async def refused(error: Exception) -> bytes:
    raise error


@pytest.mark.parametrize("error", [SlotTaken(), AlreadyAnswered()], ids=type)
async def test_a_repetition_that_is_refused_gets_the_first_answer(error):
    assert await or_first_answer(refused(error), Kept(b"the first"), REQUEST) == b"the first"


async def test_a_first_request_that_is_refused_is_told_why():
    with pytest.raises(SlotTaken):
        await or_first_answer(refused(SlotTaken()), Kept(None), REQUEST)


async def test_a_repetition_whose_first_answer_was_deleted_a_moment_ago_may_try_again():
    with pytest.raises(RetryLater):
        await or_first_answer(refused(AlreadyAnswered()), Kept(None), REQUEST)
