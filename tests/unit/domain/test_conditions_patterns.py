"""Regular expressions of conditions: the answers of Python's own, and no way to run away."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegispay.domain.conditions import Subject, compile_condition, parse_condition
from aegispay.domain.conditions.pattern import PLACES_MAX, SUBJECT_LENGTH_MAX, Pattern
from aegispay.domain.conditions.pattern_syntax import WrongPatternError
from aegispay.errors import ValidationError
from tests import builders as b

_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "-",
        ".",
        r"\.",
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        r"\W",
        r"\S",
        "[ab]",
        "[^a]",
        "[a-c1]",
        r"[\d_]",
        "[-a]",
        "[a-]",
    ]
)
_COUNTS = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,}", "{1,3}", "{0,2}"])
PATTERNS = st.recursive(
    st.builds(lambda atom, count: atom + count, _ATOMS, _COUNTS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.builds(lambda parts, count: f"({'|'.join(parts)}){count}", st.lists(inner, min_size=1, max_size=3), _COUNTS),
    ),
    max_leaves=6,
)
TEXTS = st.text("ab1_-. c\n", max_size=8)


@given(PATTERNS, TEXTS)
@example("(a|ab)(c|bcd)?", "abc")
@example("(a*)*b", "aaab")
@example("(a?){3}", "aa")
@example("(a*|b){2}", "ab")
def test_it_answers_as_python_does(source, text):
    assert Pattern(source).matches(text) is (re.fullmatch(source, text, re.ASCII) is not None)


@given(PATTERNS, TEXTS)
@example("[^a]", "a")
@example("[^a-c1]", "b")
def test_without_regard_to_capitals_it_answers_as_python_does(source, text):
    folded = Pattern(source.replace("a", "A") if "\\" not in source else source, is_folded=True)
    assert folded.matches(text) is (re.fullmatch(source, text, re.ASCII | re.IGNORECASE) is not None)


EVIL = [
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+b",
    "(.*)*x",
    "(.*a){12}x",
    "([a-z]+)*1",
    "(a?){50}a{50}b",
    ".*.*.*.*.*.*b",
]


def steps(source: str, text: str) -> int:
    """Count the function calls that matching takes: what a machine does not change."""
    pattern, calls = Pattern(source), 0

    def count(frame, event, _):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        pattern.matches(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("source", EVIL)
def test_an_evil_pattern_takes_a_few_steps_per_character(source):
    assert not Pattern(source).matches("a" * SUBJECT_LENGTH_MAX)
    assert steps(source, "a" * SUBJECT_LENGTH_MAX) <= 4 * SUBJECT_LENGTH_MAX + 10 * PLACES_MAX


def test_the_number_of_sets_in_memory_is_bounded():
    pattern = Pattern("(a|b)*a(a|b){60}")
    text = "".join("ab"[(place * place // 7) % 2] for place in range(SUBJECT_LENGTH_MAX))
    for start in range(40):
        pattern.matches(text[start:])
    assert len(pattern._after) <= 1_000
    assert len(pattern._masks) <= 1_000


def test_a_text_that_is_too_long_does_not_match():
    assert Pattern(".*").matches("a" * SUBJECT_LENGTH_MAX)
    assert not Pattern(".*").matches("a" * (SUBJECT_LENGTH_MAX + 1))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "empty group"),
        ("a|", "empty group or alternative"),
        ("()", "empty group or alternative"),
        ("(a", "( without its )"),
        ("a)", ") without its ("),
        ("[a", "[ without its ]"),
        ("[]", "empty [ ]"),
        ("[z-a]", "range"),
        (r"[\d-z]", "range"),
        ("[[a]", "[ inside [ ]"),
        ("*a", "nothing can be repeated"),
        ("a**", "repeats a repetition"),
        ("a+?", "repeats a repetition"),
        ("a{2}{3}", "repeats a repetition"),
        ("a{,3}", "use {2}"),
        ("a{3,2}", "smaller one first"),
        ("a{0}", "counts must be"),
        ("a{101}", "counts must be"),
        ("a{1000}", "use {2}"),
        ("^a$", "leave ^ and $ out"),
        (r"(a)\1", r"\1 is not known"),
        (r"\bword", r"\b is not known"),
        ("(?=a)", "(?…) group"),
        ("(?P<n>a)", "(?…) group"),
        ("(?i)a", "(?…) group"),
        ("a\\", "ends with a backslash"),
        ("(" * 11 + "a" + ")" * 11, "more than 10 deep"),
        ("(" * 190, "more than 10 deep"),
        ("a" * 201, "at most 200 characters"),
        ("(a{100}){3}", "more than 256 places"),
        ("(((((a{100}){100}){100}){100}){100}){100}", "more than 256 places"),
    ],
)
def test_what_it_does_not_know_is_refused_with_a_reason(source, said):
    with pytest.raises(WrongPatternError) as caught:
        Pattern(source)
    assert said in str(caught.value)
    condition = {"field": "customer.name", "operator": "matches", "value": source}
    with pytest.raises(ValidationError) as refused:
        parse_condition(condition, path="when")
    assert [error.field for error in refused.value.errors] == ["when.value"]


@pytest.mark.parametrize(
    ("field", "source", "customer", "expected"),
    [
        ("customer.email", r".+@Example\.COM", {"email": "ada@EXAMPLE.com"}, True),
        ("customer.email", r".+@example\.com", {"email": "ada@example.com.evil.org"}, False),
        ("customer.id", r"vip-\d+", {"id": "vip-42"}, True),
        ("customer.id", r"vip-\d+", {"id": "VIP-42"}, False),
        ("customer.id", r"vip", {"id": "vip-42"}, False),
        ("customer.name", r".*", {}, False),
        ("customer.name", r"é+", {"name": "ÉÉ"}, True),
    ],
)
def test_the_whole_text_of_a_field_is_compared(field, source, customer, expected):
    asked = b.request(customer={"id": "c-1"} | customer)
    condition = parse_condition({"field": field, "operator": "matches", "value": source})
    assert compile_condition(condition)(Subject(asked)) is expected
