"""The template language cannot run away, reach outside or leave a gap."""

import pytest
from kursi_messaging.rendering.language import MAX_SOURCE, TEXT, TemplateMalformed
from liquid.exceptions import LiquidError


def fill(source, **values):
    return TEXT.parse_message(source).render(values)


def test_variables_conditions_loops_and_a_few_filters_are_what_it_has():
    source = "{% if a == 'x' %}{{ a | upcase }}{% endif %}{% for b in bs %}{{ b }},{% endfor %}{{ c | default: '-' }}"
    assert fill(source, a="x", bs=["1", "2"], c="") == "X1,2,-"


@pytest.mark.parametrize(
    "source",
    [
        "{% assign a = 'x' %}",
        "{% capture a %}x{% endcapture %}",
        "{% include 'secrets' %}",
        "{% render 'secrets' %}",
        "{% increment a %}",
        "{% tablerow i in a %}{% endtablerow %}",
        "{{ a | append: a }}",
        "{{ a | replace: 'x', a }}",
        "{{ a | join: ',' }}",
        "{{ a | times: 9 }}",
        "{{ a | safe }}",
        "{% for i in (1..9) %}{% endfor %}",
        "{% if (1..100000000) contains 'x' %}{% endif %}",
        "{% for i in (1..100000000) reversed %}{% endfor %}",
        "{{ (1..100000000) | default: 1 }}",
        "{% if true %}" * 11 + "{% endif %}" * 11,
        "{{ a" + "[a" * 600 + "]" * 600 + " }}",
        "x" * (MAX_SOURCE + 1),
    ],
)
def test_what_could_run_away_is_refused_before_it_runs(source):
    with pytest.raises(TemplateMalformed):
        TEXT.parse_message(source)


@pytest.mark.covers("P5")
def test_a_mistake_is_shown_with_its_place():
    with pytest.raises(TemplateMalformed, match=r"1:6"):
        TEXT.parse_message("Hello {{ start_time")


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{% for a in list %}{% for b in list %}x{% endfor %}{% endfor %}", {"list": ["x"] * 20}),
        ("{% for a in list %}{{ b }}{% endfor %}", {"list": ["x"] * 150, "b": "y" * 1_000}),
    ],
)
def test_what_grows_too_long_is_stopped_while_it_runs(source, values):
    with pytest.raises(LiquidError, match="limit"):
        fill(source, **values)


@pytest.mark.parametrize("path", ["a.__class__", "a.upper", "b.keys", "missing", "b.missing"])
def test_only_what_is_given_can_be_reached(path):
    with pytest.raises(LiquidError, match="undefined"):
        fill("{{ " + path + " }}", a="x", b={"c": "d"})
