"""E-mail addresses."""

import pytest
from kursi_chassis.errors import Invalid
from kursi_chassis.validation import Violations
from kursi_identity.domain.email import read_email


def read(written: str) -> str:
    with Violations() as check:
        return read_email(check, "email", written)


def test_an_address_is_kept_in_lower_case():
    assert read(" Sara.Ali+kursi@Example.COM ") == "sara.ali+kursi@example.com"


@pytest.mark.parametrize(
    "written",
    ["", "sara", "@example.com", "sara@", "sara@localhost", "sa ra@example.com", "sara@exa_mple.com",
     "sara@example.com\nBcc: x@example.com", "sara@-example.com", "a" * 65 + "@example.com", "ساره@example.com",
     "a@" + "b" * 250 + ".com", "sara..ali@example.com", "sara@example.com\u202e"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(written):
    with pytest.raises(Invalid):
        read(written)
