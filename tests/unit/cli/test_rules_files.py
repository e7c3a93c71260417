"""Rules from files: each mistake is told with file, line, path, value and way out."""

from __future__ import annotations

import json

import pytest

from aegispay.errors import ConfigurationError
from aegispay.rule_files import load_rules
from tests.checkout import ROOT

GOOD = """\
rules:
  - name: large
    when: {field: amount, operator: at_least, value: 1000.00, currency: USD}
    gateways: [beta, alpha]
    priority: 5
  - name: split
    weights: {alpha: 70, beta: 30}
otherwise: cost_optimised
"""


def refused(tmp_path, text, name="rules.yaml"):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_rules(path)
    return [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors]


def test_yaml_toml_and_json_say_the_same(tmp_path):
    toml = """\
otherwise = "cost_optimised"
[[rules]]
name = "large"
when = {field = "amount", operator = "at_least", value = 1000.00, currency = "USD"}
gateways = ["beta", "alpha"]
priority = 5
[[rules]]
name = "split"
weights = {alpha = 70, beta = 30}
"""
    (tmp_path / "rules.yaml").write_text(GOOD)
    (tmp_path / "rules.toml").write_text(toml)
    from_yaml = load_rules(tmp_path / "rules.yaml")
    (tmp_path / "rules.json").write_text(json.dumps(from_yaml.model_dump(mode="json")))
    assert [rule.name for rule in from_yaml.rules] == ["large", "split"]
    assert load_rules(tmp_path / "rules.toml") == from_yaml
    assert load_rules(tmp_path / "rules.json") == from_yaml


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("value: 1000.00", "value: [1000.00]"), "rules.yaml:3: rules[0].when.value: takes one amount, not a list"),
        (("value: 1000.00", "value: 1000.001"), "rules.yaml:3: rules[0].when.value: USD has 2 decimals"),
        (("currency: USD", "curency: USD"), "rules.yaml:3: rules[0].when.curency: is not known; did you mean cur"),
        (("operator: at_least", "operator: atleast"),
         "rules.yaml:3: rules[0].when.operator: is not known; did you mean at_least? (got 'atleast')"),
        (("gateways:", "gatways:"), "rules.yaml:4: rules[0].gatways: is not known; did you mean gateways?"),
        (("priority: 5", "priority: high"), "rules.yaml:5: rules[0].priority: "),
        (("name: split", "name: large"), "rules.yaml:6: rules[1].name: is the name of rules[0] too (got 'large')"),
        (("beta: 30", "beta: -30"), "rules.yaml:7: rules[1].weights.beta: must be greater than or equal to 0"),
        (("alpha: 70, beta: 30", "alpha: 0, beta: 0"), "rules.yaml:7: rules[1].weights: give at least one gateway"),
        (("otherwise:", "otherwize:"), "rules.yaml:8: otherwize: is not known; did you mean otherwise?"),
        (("cost_optimised", "cost_optimized"), "rules.yaml:8: otherwise: the strategy is not known; did you mean cost"),
        (("rules:", "rule:"), "rules.yaml:1: rules: use a mapping with rules"),
        ((GOOD, "rules: large"), "rules.yaml:1: rules: "),
        ((GOOD, "rules: [{gateway: alpha}]"), "rules.yaml:1: rules[0].name: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_path_and_way_out(tmp_path, change, said):
    (line,) = refused(tmp_path, GOOD.replace(*change))
    assert line.startswith(said)


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace("value: 1000.00", "value: lots").replace("beta: 30", "beta: -30")
    assert [line.split(": ")[1] for line in refused(tmp_path, text)] == ["rules[0].when.value", "rules[1].weights.beta"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rules.yaml", "- just\n- a list\n", "use a mapping with rules"),
        ("rules.yaml", "rules: [a: b: c]", "is not YAML"),
        ("rules.json", "{", "is not JSON"),
        ("rules.txt", GOOD, "the name must end with one of"),
        ("rules.yaml", "rules: !!python/object/apply:os.system ['true']\n", ""),
        ("rules.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ), "values"),
        ("rules.yaml", "rules: &r\n  - *r\n", ""),
        ("rules.yaml", "rules:\n  - name: " + "x" * (1 << 20), "larger than"),
        ("rules.json", '{"rules": ' + "[" * 5_000 + "]" * 5_000 + "}", "nested"),
    ],
)  # fmt: skip
def test_files_that_are_broken_hostile_or_huge_are_refused(tmp_path, name, text, said):
    (line,) = refused(tmp_path, text, name)
    assert said in line
    assert len(line) < 500


def test_a_condition_that_is_an_alias_of_another_is_fine(tmp_path):
    text = """\
rules:
  - name: one
    when: &us {field: country, operator: equals, value: US}
    gateway: alpha
  - name: two
    when: {all: [*us, {field: method, operator: equals, value: card}]}
    gateway: beta
"""
    (tmp_path / "rules.yaml").write_text(text)
    first, second = load_rules(tmp_path / "rules.yaml").rules
    assert second.when.conditions[0] == first.when


def test_norway_is_a_country_and_no_boolean(tmp_path):
    text = "rules: [{name: no, when: {field: country, operator: in, value: [NO, SE]}, gateway: alpha}]"
    (tmp_path / "rules.yaml").write_text(text)
    (rule,) = load_rules(tmp_path / "rules.yaml").rules
    assert (rule.name, rule.when.value) == ("no", ("NO", "SE"))


def test_the_example_file_loads():
    strategy = load_rules(ROOT / "examples" / "rules.yaml")
    assert len(strategy.rules) == 4
    assert strategy.otherwise.kind == "cost_optimised"
