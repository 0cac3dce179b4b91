import json
from pathlib import Path

import pytest
from kursi_simulators.twilio.segments import segments_of
from kursi_simulators.twilio.signature import sign

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "twilio_signatures.json").read_text())["cases"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_signatures_agree_with_the_vectors(case):
    params = [(name, value) for name, value in case["params"]]
    assert sign(case["url"], params, case["secret"]) == case["expected"]


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ح" * 70, 1),
        ("ح" * 71, 2),
        ("💇" * 35, 1),
        ("💇" * 36, 2),
    ],
)
def test_a_text_takes_as_many_parts_as_its_alphabet_needs(body, segments):
    assert segments_of(body) == segments
