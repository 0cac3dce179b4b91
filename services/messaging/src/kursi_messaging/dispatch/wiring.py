"""Puts the dispatcher together from settings."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.http_client import http_client

from kursi_messaging.adapters.senders.console import ConsoleSender
from kursi_messaging.adapters.senders.smtp import SmtpSender
from kursi_messaging.adapters.senders.smtp_connections import MailRelay
from kursi_messaging.adapters.senders.twilio import TwilioAccount, TwilioSender
from kursi_messaging.adapters.twilio_reports import TwilioReports
from kursi_messaging.adapters.twilio_signature import SigningKeys
from kursi_messaging.dispatch.composing import Composer, Senders
from kursi_messaging.dispatch.dispatcher import Dispatcher
from kursi_messaging.dispatch.overdue import OverdueReports
from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.dispatch.sweeper import Sweeper
from kursi_messaging.domain.retry_schedule import RetrySchedule
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Contacts, Sender
from kursi_messaging.settings import MessagingSettings
from kursi_messaging.usecases.apply_delivery_report import DeliveryReports


@asynccontextmanager
async def dispatcher(
    settings: MessagingSettings,
    database: Database,
    contacts: Contacts,
    clock: Clock,
    jitter: Callable[[], float] = lambda: random.uniform(-1, 1),
) -> AsyncIterator[Dispatcher]:
    """A dispatcher, its clients open while the block runs.

    `database` is a pool of its own: other pools of the process may then nudge the dispatcher whenever they
    commit, and its own commits do not.
    """
    rules = dispatch_rules(settings, jitter)
    async with senders(settings, clock) as providers:
        reports = delivery_reports(settings, database, clock)
        sources = {sender.name: sender for sender in providers.values() if isinstance(sender, TwilioSender)}
        yield Dispatcher(
            database,
            clock,
            rules,
            contacts=contacts,
            composer=Composer(providers, rules),
            sweeper=Sweeper(database, clock, rules, contacts=contacts, senders=providers, reports=reports),
            overdue=OverdueReports(
                database, clock, rules, contacts=contacts, sources=sources, learned=reports
            ),
        )


def delivery_reports(settings: MessagingSettings, database: Database, clock: Clock) -> DeliveryReports:
    """What takes the reports of the providers that send any."""
    keys = SigningKeys(
        settings.twilio_auth_token.get_secret_value(),
        {name: key.get_secret_value() for name, key in settings.twilio_webhook_keys.items()},
    )
    readers = {TwilioReports.name: TwilioReports(keys, settings.public_url)}
    return DeliveryReports(database, clock, readers, timedelta(seconds=settings.report_parking_seconds))


def dispatch_rules(settings: MessagingSettings, jitter: Callable[[], float]) -> DispatchRules:
    """What the operator decided."""
    return DispatchRules(
        schedule=RetrySchedule(jitter=jitter),
        default_language=settings.default_language,
        default_zone=settings.default_time_zone,
        lease=timedelta(seconds=settings.lease_seconds),
        report_wait=timedelta(seconds=settings.report_wait_seconds),
        report_overdue=timedelta(seconds=settings.report_overdue_seconds),
        concurrency=settings.dispatch_concurrency,
        batch=settings.dispatch_batch,
        idle=timedelta(seconds=settings.dispatch_idle_seconds),
        sweep=timedelta(seconds=settings.dispatch_sweep_seconds),
    )


@asynccontextmanager
async def senders(settings: MessagingSettings, clock: Clock) -> AsyncIterator[Senders]:
    """Who delivers on which channel."""
    async with AsyncExitStack() as stack:
        mail = SmtpSender(_relay(settings), clock)
        stack.push_async_callback(mail.close)
        twilio = await stack.enter_async_context(_twilio(settings))
        providers: dict[str, Sender | None] = {
            "console": ConsoleSender(clock, settings.console_outbox),
            "smtp": mail,
            "twilio": twilio,
            "off": None,
        }
        whatsapp = providers[settings.whatsapp_provider]
        yield {
            Channel.EMAIL: providers[settings.email_provider],
            Channel.SMS: providers[settings.sms_provider],
            # A WhatsApp number is registered apart; who has none does not offer WhatsApp.
            Channel.WHATSAPP: whatsapp if whatsapp and whatsapp.serves(Channel.WHATSAPP) else None,
        }


@asynccontextmanager
async def _twilio(settings: MessagingSettings) -> AsyncIterator[TwilioSender]:
    account = TwilioAccount(
        sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token.get_secret_value(),
        sms_sender=settings.twilio_sms_sender,
        whatsapp_sender=settings.twilio_whatsapp_sender,
        public_url=settings.public_url,
    )
    async with http_client(
        settings.twilio_base_url, timeout_seconds=settings.provider_timeout_seconds
    ) as http:
        yield TwilioSender(http, account)


def _relay(settings: MessagingSettings) -> MailRelay:
    return MailRelay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        ca_file=settings.smtp_ca_file,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.smtp_sender,
        timeout_seconds=settings.provider_timeout_seconds,
        connections=settings.smtp_connections,
        mails_each=settings.smtp_mails_per_connection,
        idle_seconds=settings.smtp_idle_seconds,
    )
