import asyncio
import smtplib
from email.message import EmailMessage

import httpx
import pytest
from kursi_simulators import credentials

SARA = "sara@salon.test"


def confirmation(subject):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "kursi@salon.test", SARA, subject
    mail["Message-ID"] = "<booking-7f0c@salon.test>"
    mail.set_content("موعدك غداً <b>٤:٠٠</b>")
    mail.add_alternative("<p>موعدك غداً</p>", subtype="html")
    mail.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="booking.ics")
    return mail


def deliver(port, password=credentials.SMTP_PASSWORD, timeout=30, subject="تأكيد الحجز"):
    with smtplib.SMTP("127.0.0.1", port, timeout=timeout) as client:
        client.login(credentials.SMTP_USERNAME, password)
        client.send_message(confirmation(subject))


async def send(simulators, **options):
    await asyncio.to_thread(deliver, simulators.smtp.port, **options)


async def test_a_mail_is_kept_with_its_parts(simulators):
    await send(simulators)
    (mail,) = simulators.smtp.mails(to=SARA)
    assert (mail.subject, mail.message_id) == ("تأكيد الحجز", "<booking-7f0c@salon.test>")
    assert mail.text.strip() == "موعدك غداً <b>٤:٠٠</b>"
    assert mail.attachments == [{"name": "booking.ics", "type": "text/calendar"}]


async def test_a_long_subject_is_read_as_people_see_it(simulators):
    subject = f"Confirmed: Cut, Sunday 22 November {'at ten ' * 6}".strip()
    await send(simulators, subject=subject)
    assert [mail.subject for mail in simulators.smtp.mails(to=SARA)] == [subject]


async def test_a_wrong_password_is_refused(simulators):
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await send(simulators, password="wrong")


@pytest.mark.parametrize(
    ("method", "code", "failure"),
    [
        ("EHLO", 421, smtplib.SMTPException),
        ("RCPT", 451, smtplib.SMTPRecipientsRefused),
        ("RCPT", 550, smtplib.SMTPRecipientsRefused),
        ("DATA", 451, smtplib.SMTPDataError),
        ("DATA", 550, smtplib.SMTPDataError),
    ],
)
async def test_a_refused_mail_is_not_kept(simulators, method, code, failure):
    simulators.smtp.fault("status", method=method, code=code, times=2)
    with pytest.raises(failure):
        await send(simulators)
    assert simulators.smtp.mails() == []


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("reset_before_accept", 0),
        ("reset_after_accept", 1),
        ("timeout_before_accept", 0),
        ("timeout_after_accept", 1),
    ],
)
async def test_a_lost_reply_leaves_the_mail_only_after_the_final_dot(simulators, kind, kept):
    simulators.smtp.fault(kind, method="DATA")
    with pytest.raises((OSError, smtplib.SMTPServerDisconnected)):
        await send(simulators, timeout=1)
    assert len(simulators.smtp.mails()) == kept
    assert [(attempt.accepted, attempt.reply) for attempt in simulators.smtp.attempts()] == [
        (kept == 1, None)
    ]


async def test_the_page_shows_messages_and_mails_and_runs_none_of_their_markup(simulators, sender):
    await send(simulators)
    await sender.post("/Messages.json", data={"To": "+966512345678", "From": "KURSI", "Body": "رمزك 4821"})
    async with httpx.AsyncClient(timeout=30) as browser:
        page = (await browser.get(simulators.control_url)).text
        books = (await browser.get(f"{simulators.control_url}/_control/books")).json()
    assert '<p dir="auto">رمزك 4821</p>' in page
    assert "&lt;b&gt;٤:٠٠&lt;/b&gt;" in page
    assert books["attempts"][0]["handle"] == "<booking-7f0c@salon.test>"
