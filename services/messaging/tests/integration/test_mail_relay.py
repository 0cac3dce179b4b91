"""Connections to a mail relay: kept, bounded, renewed when the relay closes them, and never to the wrong one."""

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kursi_chassis.clock import SystemClock
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.adapters.senders.smtp import SmtpSender
from kursi_messaging.adapters.senders.smtp_connections import MailRelay
from kursi_messaging.domain.outcome import Accepted, Ambiguous, Refused, Retryable
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Outgoing
from kursi_simulators import credentials


@pytest.fixture
async def relay(simulators):
    """`relay(idle_seconds=1)`: a sender that hands mail to the simulator."""
    simulators.reset()
    senders = []

    def make(**changes):
        usual = {
            "host": simulators.smtp.host,
            "port": simulators.smtp.port,
            "security": "none",
            "ca_file": None,
            "username": "",
            "password": "",
            "sender": "Kursi <no-reply@kursi.example>",
            "timeout_seconds": 20,
            "connections": 3,
            "mails_each": 100,
            "idle_seconds": 60,
        }
        senders.append(SmtpSender(MailRelay(**{**usual, **changes}), SystemClock()))
        return senders[-1]

    yield make
    await asyncio.gather(*(sender.close() for sender in senders))


def mail(to="sara@example.com"):
    return Outgoing(new_id(), Channel.EMAIL, to, "Hello", "See you soon", "", "en")


async def test_one_mail_after_the_other_goes_over_the_same_connection(relay, simulators):
    sender = relay(username=credentials.SMTP_USERNAME, password=credentials.SMTP_PASSWORD)
    outcomes = [await sender.send(mail()) for _ in range(5)]
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert (simulators.smtp.opened, len(simulators.smtp.mails())) == (1, 5)
    assert simulators.smtp.books()["logins"] == [credentials.SMTP_USERNAME]


async def test_many_mails_at_once_share_as_many_connections_as_are_allowed(relay, simulators):
    simulators.smtp.fault("slow", method="DATA", seconds=0.02, times=30)
    sender = relay(connections=3)
    outcomes = await asyncio.gather(*(sender.send(mail()) for _ in range(30)))
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert (simulators.smtp.opened, len(simulators.smtp.mails())) == (3, 30)


async def test_a_mail_that_finds_no_connection_in_time_is_tried_again_later(relay, simulators):
    sender = relay(connections=1, timeout_seconds=2)
    async with sender.connections.ready_for("no-reply@kursi.example", "sara@example.com") as client:
        assert await sender.send(mail("late@example.com")) == Retryable("smtp_TimeoutError")
        client.close()
    assert simulators.smtp.mails() == []
    assert isinstance(await sender.send(mail()), Accepted)


@pytest.mark.parametrize("waits", [True, False], ids=["noticed", "unnoticed"])
async def test_a_connection_that_the_relay_closed_while_it_rested_is_replaced(relay, simulators, waits):
    sender = relay()
    await asyncio.gather(*(sender.send(mail()) for _ in range(3)))
    before = simulators.smtp.opened
    simulators.smtp.hang_up()
    await eventually(lambda: not waits or simulators.smtp.open_now == 0)
    assert isinstance(await sender.send(mail("next@example.com")), Accepted)
    assert len(simulators.smtp.mails(to="next@example.com")) == 1
    assert simulators.smtp.opened == before + 1


@pytest.mark.parametrize("fault", ["status", "reset_before_accept", "timeout_before_accept"])
async def test_a_relay_that_ends_a_connection_at_the_next_mail_gets_it_on_a_new_one(relay, simulators, fault):
    sender = relay(timeout_seconds=8)
    await sender.send(mail())
    simulators.smtp.fault(fault, method="MAIL", code=421)
    assert isinstance(await sender.send(mail("next@example.com")), Accepted)
    assert len(simulators.smtp.mails(to="next@example.com")) == 1
    assert simulators.smtp.opened == 2


async def test_a_connection_carries_so_many_mails_and_no_more(relay, simulators):
    sender = relay(mails_each=2)
    for _ in range(5):
        await sender.send(mail())
    assert simulators.smtp.opened == 3
    await eventually(lambda: simulators.smtp.open_now == 1)


async def test_a_connection_without_mail_is_closed_after_a_while(relay, simulators):
    sender = relay(idle_seconds=0.05)
    await sender.send(mail())
    await eventually(lambda: simulators.smtp.open_now == 0)
    assert isinstance(await sender.send(mail()), Accepted)
    assert simulators.smtp.opened == 2


async def test_a_refused_recipient_leaves_the_connection_to_the_next_mail(relay, simulators):
    sender = relay()
    simulators.smtp.fault("status", method="RCPT", code=550)
    assert await sender.send(mail("nobody@example.com")) == Refused("smtp_550", {"code": 550})
    assert isinstance(await sender.send(mail()), Accepted)
    (kept,) = simulators.smtp.mails()
    assert (kept.rcpt_to, simulators.smtp.opened) == (["sara@example.com"], 1)


async def test_a_mail_in_doubt_ends_its_connection(relay, simulators):
    simulators.smtp.fault("timeout_after_accept", method="DATA")
    assert await relay(timeout_seconds=3).send(mail()) == Ambiguous("smtp_TimeoutError")
    await eventually(lambda: simulators.smtp.open_now == 0)


async def test_closing_says_goodbye(relay, simulators):
    sender = relay()
    await sender.send(mail())
    await sender.close()
    await eventually(lambda: simulators.smtp.open_now == 0)


@pytest.fixture(scope="module")
def self_made(tmp_path_factory):
    """`self_made("name")`: a server's context, and the file of who signed it (itself)."""

    def make(*names):
        folder = tmp_path_factory.mktemp("certificate")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        public, private = folder / "relay.pem", folder / "relay.key"
        public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(public, private)
        return context, public

    return make


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("mail.example.com")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_out_under_tls_to_a_relay_that_proves_who_it_is(
    relay, simulators, self_made, security
):
    context, signer = self_made(HERE)
    async with simulators.smtp.secured(security, context) as port:
        sender = relay(port=port, security=security, ca_file=signer)
        outcomes = [await sender.send(mail()) for _ in range(2)]
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert (simulators.smtp.opened, len(simulators.smtp.mails())) == (1, 2)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("names", "is_trusted"), [([ELSEWHERE], True), ([HERE], False)], ids=["name", "signer"]
)
async def test_a_relay_with_another_name_or_an_unknown_signer_is_told_nothing(
    relay, simulators, self_made, security, names, is_trusted
):
    context, signer = self_made(*names)
    async with simulators.smtp.secured(security, context) as port:
        sender = relay(
            port=port,
            security=security,
            ca_file=signer if is_trusted else None,
            username=credentials.SMTP_USERNAME,
            password=credentials.SMTP_PASSWORD,
        )
        assert await sender.send(mail()) == Retryable("smtp_certificate")
    assert simulators.smtp.books() == {"mails": [], "attempts": [], "logins": []}


async def test_a_relay_that_does_not_offer_tls_is_told_nothing(relay, simulators):
    sender = relay(
        security="starttls", username=credentials.SMTP_USERNAME, password=credentials.SMTP_PASSWORD
    )
    assert isinstance(await sender.send(mail()), Retryable)
    assert simulators.smtp.books() == {"mails": [], "attempts": [], "logins": []}
