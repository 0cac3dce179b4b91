"""Works off the payments that are due, as soon as they are."""

from dataclasses import dataclass

from kursi_payment.store.wakeups import Wakeups
from kursi_payment.usecases.attend import Attend


@dataclass(frozen=True, slots=True)
class Attending:
    """One round of the job: wait to be woken, a second at most, then look at everything that is due."""

    attend: Attend
    wakeups: Wakeups

    async def __call__(self) -> None:
        await self.wakeups.wait()
        while await self.attend.due():
            pass
