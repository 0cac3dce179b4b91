"""What the message with a code says."""

from collections.abc import Mapping
from datetime import timedelta

from kursi_identity.ports import CodeMessage

_TEXTS: Mapping[str, str] = {
    "en": "{code} is your {brand} code. It expires in {minutes} minutes. Do not share it with anybody.",
    "ar": "رمز {brand} الخاص بك هو {code}. تنتهي صلاحيته خلال {minutes} دقائق. لا تشاركه مع أحد.",
}
_SUBJECTS: Mapping[str, str] = {"en": "Your {brand} code", "ar": "رمز {brand} الخاص بك"}


class Wording:
    """Words messages; `brands` is the platform's name by language (`en`, `ar`)."""

    def __init__(self, brands: Mapping[str, str]) -> None:
        self._brands = brands

    def text(self, message: CodeMessage) -> str:
        """The message itself."""
        return _TEXTS[message.language].format(
            code=message.code,
            brand=self._brands[message.language],
            minutes=message.lifetime // timedelta(minutes=1),
        )

    def subject(self, message: CodeMessage) -> str:
        """The subject of an e-mail: without the code, which would show on a locked screen."""
        return _SUBJECTS[message.language].format(brand=self._brands[message.language])
