"""What an endpoint's answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.outbox.webhooks.answer import Answer, excerpt

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def answer(status, **fields):
    return Answer(status=status, latency_s=0.1, **fields)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_means_delivered(status):
    assert answer(status).is_delivered
    assert answer(status).problem == ""


@pytest.mark.parametrize("status", [None, 100, 199, 300, 400, 404, 410, 429, 500, 503])
def test_nothing_else_does(status):
    assert not answer(status, error="why").is_delivered
    assert answer(status, error="why").problem.endswith("why")


def test_a_redirect_says_that_it_is_not_followed():
    assert answer(302).problem == "answered 302, and redirects are not followed"


def test_only_410_means_gone():
    assert [status for status in range(200, 600) if answer(status).is_gone] == [410]


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 1),
        ("9999999999", 86_400),
        ("Sun, 01 Mar 2026 12:10:00 GMT", 600),
        ("Sun, 01 Mar 2026 12:10:00 -0000", 600),
        ("Sun, 01 Mar 2026 14:10:00 +0200", 600),
        ("Sun, 01 Mar 2020 12:10:00 GMT", 1),
        ("Sun, 01 Mar 2099 12:10:00 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("99999999999999999999", None),
        ("\u0661\u0662", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_within_bounds(status, header, wait_s):
    assert answer(status, retry_after=header).wait_s(NOW) == wait_s


@pytest.mark.parametrize("status", [200, 301, 404, 500, None])
def test_retry_after_means_nothing_with_other_answers(status):
    assert answer(status, retry_after="120").wait_s(NOW) is None


@given(st.text(max_size=200))
def test_no_retry_after_header_can_break_anything(header):
    wait_s = answer(429, retry_after=header).wait_s(NOW)
    assert wait_s is None or 1 <= wait_s <= 86_400


def test_an_excerpt_is_one_short_line():
    assert excerpt(b"no\r\n\x1b[31mgo\x00  area\xff") == "no [31mgo area"
    assert len(excerpt(b"x" * 10_000)) == 200


def test_an_excerpt_has_no_card_number_even_where_it_is_cut():
    body = b"x" * 190 + b" 4242 4242 4242 4242"
    assert "4242" not in excerpt(body)


def test_an_excerpt_has_no_security_code_and_no_e_mail_address():
    said = excerpt(b"cvv=123 refused for ada@example.com, Authorization: Bearer abcdefghijkl")
    for secret in ("123", "ada@", "abcdefghijkl"):
        assert secret not in said


def test_an_excerpt_has_nothing_of_what_is_hidden():
    assert excerpt(b"no route /hooks?t=s3cret", hidden=("/hooks?t=s3cret", "s3cret")) == "no route [removed]"
