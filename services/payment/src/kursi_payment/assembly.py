"""How the use cases fit together, given a database, a provider and booking."""

from datetime import timedelta
from typing import Final

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.call import remaining_seconds

from kursi_payment.adapters.moyasar_notices import MoyasarNotices
from kursi_payment.api.rendering import reply
from kursi_payment.api.servicer import UseCases
from kursi_payment.domain.timing import Patience
from kursi_payment.ports import Bookings, Provider
from kursi_payment.settings import PaymentSettings
from kursi_payment.store.conversations import AdvisoryConversations
from kursi_payment.store.work import begin_with
from kursi_payment.usecases.attend import Attend
from kursi_payment.usecases.create_payment import CreatePayment
from kursi_payment.usecases.list_payments import ListPayments
from kursi_payment.usecases.move_money import MoveMoney
from kursi_payment.usecases.read_payment import ReadPayment
from kursi_payment.usecases.receive_webhook import ReceiveWebhook
from kursi_payment.usecases.talk import Talk

_LONGEST_WAIT: Final = 8.0
_KEPT_FOR_THE_ANSWER: Final = 0.5


class Assembly:
    """One process's use cases: they share the conversations, so that its own twins wait without the database."""

    def __init__(
        self, settings: PaymentSettings, database: Database, provider: Provider, clock: Clock
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.begin = begin_with(database)
        self.conversations = AdvisoryConversations(database, settings.most_conversations)
        self.talk = Talk(self.begin, provider, clock, patience_of(settings))

    def use_cases(self, bookings: Bookings) -> UseCases:
        """What callers can do."""
        return UseCases(
            create=CreatePayment(
                begin=self.begin,
                bookings=bookings,
                conversations=self.conversations,
                talk=self.talk,
                clock=self.clock,
                render=reply,
                largest_tip_minor=self.settings.largest_tip_minor,
                patience=patience_of_caller,
            ),
            read=ReadPayment(
                begin=self.begin,
                conversations=self.conversations,
                talk=self.talk,
                clock=self.clock,
                ask_within_seconds=self.settings.ask_within_seconds,
            ),
            list=ListPayments(self.begin),
            move=MoveMoney(
                begin=self.begin,
                conversations=self.conversations,
                talk=self.talk,
                clock=self.clock,
                render=reply,
                patience=patience_of_caller,
            ),
            receive_webhook=ReceiveWebhook(self.begin, {"moyasar": self._notices()}, self.clock),
        )

    def attend(self) -> Attend:
        """What the jobs do."""
        return Attend(
            begin=self.begin,
            conversations=self.conversations,
            talk=self.talk,
            clock=self.clock,
            sweep_every=timedelta(hours=self.settings.sweep_every_hours),
            sweep_for=timedelta(days=self.settings.sweep_for_days),
        )

    def _notices(self) -> MoyasarNotices:
        secret = self.settings.moyasar_webhook_secret.get_secret_value()
        return MoyasarNotices(secret, is_live=self.settings.moyasar_live)


def patience_of(settings: PaymentSettings) -> Patience:
    return Patience(
        outcome_settles_after=timedelta(seconds=settings.outcome_settles_seconds),
        recheck_created_after=timedelta(seconds=settings.recheck_created_seconds),
        recheck_pending_after=timedelta(seconds=settings.recheck_pending_seconds),
        action_limit=timedelta(minutes=settings.action_limit_minutes),
        ask_every=timedelta(seconds=settings.ask_every_seconds),
    )


def patience_of_caller() -> timedelta:
    """How long a call may wait for its turn: until shortly before its caller gives up."""
    remaining = remaining_seconds()
    longest = _LONGEST_WAIT if remaining is None else min(remaining - _KEPT_FOR_THE_ANSWER, _LONGEST_WAIT)
    return timedelta(seconds=max(longest, 0))
