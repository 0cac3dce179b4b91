"""The page for a person who tries the platform: what was sent, newest first, in either script direction."""

import re
from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse

from kursi_simulators.moyasar.model import Payment
from kursi_simulators.smtp import Mail
from kursi_simulators.twilio.simulator import TwilioMessage

SHOWN = 50

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Kursi: what was sent</title>
<style>
body{{font:1rem/1.5 system-ui;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}}
h1 span,h2 span{{float:right;font-weight:normal}}
article{{border:1px solid #ddd;border-radius:.5rem;padding:.6rem 1rem;margin:.6rem 0}}
p{{margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}} small{{color:#666}}
</style></head><body>
<h1>What was sent <span lang="ar" dir="rtl">ما تم إرساله</span></h1>
<h2>Waiting for the payer <span lang="ar" dir="rtl">بانتظار الدفع</span></h2>{payments}
<h2>Messages <span lang="ar" dir="rtl">الرسائل</span></h2>{messages}
<h2>Mails <span lang="ar" dir="rtl">البريد</span></h2>{mails}
</body></html>"""

_NOTHING = '<p><small>Nothing yet. <span lang="ar" dir="rtl">لا شيء بعد.</span></small></p>'


def sent_page(
    *, payments: Sequence[Payment], messages: Sequence[TwilioMessage], mails: Sequence[Mail]
) -> HTMLResponse:
    waiting = [payment for payment in payments if payment.status == "initiated"]
    content = _PAGE.format(
        payments=_newest([_payment(payment) for payment in waiting]),
        messages=_newest([_message(message) for message in messages]),
        mails=_newest([_mail(mail) for mail in mails]),
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return HTMLResponse(content, headers={"content-security-policy": policy, "cache-control": "no-store"})


def _newest(articles: Sequence[str]) -> str:
    return "".join(reversed(articles[-SHOWN:])) or _NOTHING


def _payment(payment: Payment) -> str:
    what = f"{payment.amount / 100:.2f} {payment.currency}"
    link = escape(payment.source.transaction_url or "", quote=True)
    return f'<article><a href="{link}">{escape(what)}</a> <small>{escape(payment.id)}</small></article>'


def _message(message: TwilioMessage) -> str:
    text = message.body or f"{message.content_sid} {message.content_variables}"
    moment = message.created_at.isoformat(timespec="seconds")
    return _article(f"{moment} · {message.to} · {message.status}", "", text)


def _mail(mail: Mail) -> str:
    text = mail.text or re.sub(r"<[^>]*>", " ", mail.html)
    files = ", ".join(attachment["name"] for attachment in mail.attachments)
    return _article(f"{mail.received_at} · {', '.join(mail.rcpt_to)} · {files}", mail.subject, text)


def _article(about: str, title: str, text: str) -> str:
    """`dir=auto` lets each text choose its own direction from its first strong letter."""
    heading = f'<p dir="auto"><strong>{escape(title)}</strong></p>' if title else ""
    body = f'{heading}<p dir="auto">{escape(text)}</p>'
    return f'<article><small dir="ltr">{escape(about)}</small>{body}</article>'
