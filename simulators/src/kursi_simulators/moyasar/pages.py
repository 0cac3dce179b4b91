"""The bank's pages that a payer meets: approve or decline, or type the STC Pay code."""

from html import escape

from starlette.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bank simulator</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1.1rem system-ui;max-width:28rem;margin:3rem auto;padding:0 1rem;text-align:center}}
button,input{{font:inherit;padding:.6rem 1.4rem;margin:.4rem}}</style></head>
<body><h1>Bank simulator <span lang="ar" dir="rtl">محاكي البنك</span></h1>
<p>{what}</p><form method="post">{controls}</form></body></html>"""

_DECISION = """<button name="decision" value="approve">Approve <span lang="ar">موافقة</span></button>
<button name="decision" value="decline">Decline <span lang="ar">رفض</span></button>"""

_CODE = """<label>STC Pay code <span lang="ar">رمز التحقق</span>
<input name="otp_value" inputmode="numeric" autocomplete="one-time-code" required></label>
<button>Continue <span lang="ar">متابعة</span></button>"""


def decision_page(what: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(what=escape(what), controls=_DECISION))


def code_page(what: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(what=escape(what), controls=_CODE))


def done_page(what: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(what=escape(what), controls=""))
