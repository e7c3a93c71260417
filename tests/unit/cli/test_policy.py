"""The policy in words."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aegispay.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, ["policy", *arguments], env={"COLUMNS": "200"})


def explained(*arguments):
    result = run("explain", *arguments)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def written(tmp_path, text):
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


END = "after attempt 1: the payment fails"
PATIENT = """
[retry]
attempts_max = 4
deadline_s = 864000
[[retry.rules]]
reason = "insufficient_funds"
gateway = "alpha"
action = "same_gateway_later"
delays_s = [86400, 259200]
why = "salaries come"
"""


def test_by_default_missing_money_ends_the_payment():
    assert explained("--code", "insufficient_funds", "--gateway", "alpha") == [
        "insufficient_funds at alpha: declined, customer fixable",
        "row: built in (anything else)",
        "after attempt 1: the payment fails, because the answer is final for this payment method",
        "bounds: 3 attempts in all, none later than 14 days after the first",
        "network cap: none, because a card without a known brand has no network here",
        "retry budget: attempts after the first are at most 100 plus 20% of first attempts, in 1 minute",
    ]


def test_a_policy_of_ones_own_is_explained_with_its_delays_and_why(tmp_path):
    config = written(tmp_path, PATIENT)
    lines = explained("--code", "insufficient_funds", "--gateway", "alpha", "--brand", "visa", "--config", config)
    later = "because salaries come; the caller is answered before, with retry_at"
    assert lines[1:] == [
        "row: rule 1 (reason insufficient_funds, gateway alpha)",
        f"after attempt 1: at alpha again, 1 day after the first attempt, {later}",
        f"after attempt 2: at alpha again, 4 days after the first attempt, {later}",
        f"after attempt 3: at alpha again, 7 days after the first attempt, {later}",
        "after attempt 4: the payment fails, because 4 of 4 attempts were made",
        "bounds: 4 attempts in all, none later than 10 days after the first",
        "network cap: visa: 20 in 1 day, 20 in 30 days, for one card over all payments",
        "retry budget: attempts after the first are at most 100 plus 20% of first attempts, in 1 minute",
    ]


def test_the_same_failure_at_another_gateway_is_decided_by_another_row(tmp_path):
    lines = explained("--code", "insufficient_funds", "--gateway", "beta", "--config", written(tmp_path, PATIENT))
    assert lines[1] == "row: built in (anything else)"


def test_a_networks_advice_is_named():
    asked = ("--code", "05", "--reason", "do_not_honor", "--gateway", "alpha", "--brand", "mastercard")
    lines = explained(*asked, "--advice", "24")
    ended = f"{END}, because mastercard advice 24: try again after 1 hour; puts_off_on_advice is off"
    assert lines[2:4] == [
        "network: mastercard advice 24: try again after 1 hour",
        ended,
    ]


def test_an_unknown_outcome_is_said_to_have_no_next_attempt():
    lines = explained("--code", "timeout", "--gateway", "alpha")
    assert lines[1] == (
        "An outcome that is not known is never followed by another attempt; its own gateway is asked until it is."
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--code", "51", "--gateway", "alpha"), "say with --reason what it means"),
        (("--code", "not_sent", "--gateway", "alpha", "--config", "missing.toml"), "missing.toml"),
        (("--code", "", "--gateway", "alpha"), "--code"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(arguments, said):
    result = run("explain", *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_lint_of_the_defaults_finds_nothing():
    result = run("lint")
    assert (result.exit_code, result.output) == (0, "0 rules, 0 problems\n")


def test_lint_finds_what_is_wrong_in_a_file_and_exits_with_1(tmp_path):
    text = PATIENT + '[[retry.rules]]\nreason = "insufficient_funds"\ngateway = "alpha"\naction = "fail"\n'
    result = run("lint", "--config", written(tmp_path, text), "--gateways", "alphe,beta")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "rule 1: there is no gateway alpha; did you mean alphe?",
        "rule 2: is never reached: rule 1 holds wherever it does, which says same_gateway_later",
        "rule 2: there is no gateway alpha; did you mean alphe?",
        "2 rules, 3 problems",
    ]


def test_a_rule_that_may_not_be_is_refused_with_its_place(tmp_path):
    text = '[[retry.rules]]\nkind = "hard"\naction = "other_gateway"\n'
    result = run("lint", "--config", written(tmp_path, text))
    assert result.exit_code == 2
    assert "retry.rules[0].action: must be fail" in result.output
