"""The providers that the settings name, with their clients."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from kursi_chassis.clock import Clock
from kursi_chassis.http_client import http_client

from kursi_identity.adapters.console import ConsoleProvider
from kursi_identity.adapters.failover import Failover
from kursi_identity.adapters.smtp import Relay, SmtpProvider
from kursi_identity.adapters.twilio import TwilioProvider, TwilioSender
from kursi_identity.adapters.wording import Wording
from kursi_identity.domain.otp import Channel
from kursi_identity.ports import CodeProvider, CodeSender
from kursi_identity.settings import CONSOLE, IdentitySettings, TwilioAccount


@asynccontextmanager
async def code_sender(settings: IdentitySettings, clock: Clock) -> AsyncIterator[CodeSender]:
    """Sends codes as the settings say; clients are open while the block runs."""
    wording = Wording({"en": settings.brand_name, "ar": settings.brand_name_ar})
    console = ConsoleProvider(wording, clock, settings.console_outbox)
    async with AsyncExitStack() as stack:
        providers: dict[str, CodeProvider] = {CONSOLE: console}
        for name, account in settings.twilio_accounts.items():
            providers[name] = await _twilio(stack, name, account, wording)
        yield Failover(
            {
                Channel.SMS: [providers[name] for name in settings.sms_providers],
                Channel.WHATSAPP: [providers[name] for name in settings.whatsapp_providers],
                Channel.EMAIL: [_smtp(settings, wording, clock) if settings.smtp_host else console],
            }
        )


async def _twilio(
    stack: AsyncExitStack, name: str, account: TwilioAccount, wording: Wording
) -> TwilioProvider:
    http = await stack.enter_async_context(
        http_client(account.base_url, timeout_seconds=account.timeout_seconds)
    )
    return TwilioProvider(
        name,
        http,
        account_sid=account.account_sid,
        auth_token=account.auth_token.get_secret_value(),
        sender=TwilioSender(account.sms_sender, account.whatsapp_sender, account.whatsapp_templates),
        wording=wording,
    )


def _smtp(settings: IdentitySettings, wording: Wording, clock: Clock) -> SmtpProvider:
    relay = Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.smtp_sender,
    )
    return SmtpProvider(relay, wording, clock)
