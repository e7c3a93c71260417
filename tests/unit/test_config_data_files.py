"""Files of settings and rules: read within limits, never executed, and what is wrong in them is named."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.data_files import DEPTH_MAX, SIZE_MAX, VALUES_MAX, parse_data, read_data_file
from aegispay.errors import ConfigurationError

DOCUMENT = {"routing": "cost_optimised", "retry": {"attempts_max": 2}, "check_delays_s": [1, 2.5], "on": True}
YAML = "routing: cost_optimised\nretry:\n  attempts_max: 2\ncheck_delays_s: [1, 2.5]\non: true\n"
TOML = 'routing = "cost_optimised"\ncheck_delays_s = [1, 2.5]\non = true\n[retry]\nattempts_max = 2\n'


def yaml(text):
    return parse_data(text, form="YAML", name="f.yaml").data


def refusal(text, form="YAML"):
    with pytest.raises(ConfigurationError) as raised:
        parse_data(text, form=form, name="f")
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", YAML), ("a.YML", YAML), ("a.toml", TOML), ("a.json", json.dumps(DOCUMENT))]
)
def test_the_same_document_is_read_from_each_form(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert read_data_file(tmp_path / name).data == DOCUMENT


def test_a_byte_order_mark_is_no_part_of_the_document(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert read_data_file(tmp_path / "a.json").data == {"a": 1}


def test_yaml_means_what_version_1_2_says():
    read = yaml(
        "a: NO\nb: on\nc: 12:30\nd: 2026-01-01\ne: 0o17\nf: 0x1F\ng: 1_000\nh: ~\ni: 'true'\nj: -1.5e3\nk: 010\n"
    )

    assert read == {
        "a": "NO", "b": "on", "c": "12:30", "d": "2026-01-01", "e": 15, "f": 31, "g": "1_000", "h": None, "i": "true",
        "j": -1500.0, "k": 10,
    }  # fmt: skip


def test_yaml_knows_the_line_of_each_value():
    file = parse_data("a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - 4\n", form="YAML", name="f.yaml")

    assert file.where(("b", "c")) == "f.yaml:3"
    assert file.where(("b", "d", 1)) == "f.yaml:6"
    assert file.where(("b", "missing", "inner")) == "f.yaml:2"


def test_other_forms_say_the_file_only():
    assert parse_data('{"a": 1}', form="JSON", name="f.json").where(("a",)) == "f.json"


def test_an_alias_stands_for_its_value():
    assert yaml("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "f: is not YAML: line 2: 'a' stands there twice in one mapping"),
        ("a: !!python/object/apply:os.system ['true']", "tags are not supported"),
        ("a: !secret x", "tags are not supported"),
        ("a: {<<: {b: 1}}", "line 1: merge keys are not supported"),
        ("? [a]\n: 1", "line 1: a key must be a text"),
        ("--- 1\n--- 2\n", "found another document"),
        ("a: [1", "is not YAML: line 1"),
        ("a: *nobody", "found undefined alias"),
        ("a: \x00", "special characters are not allowed"),
        ("a: " + "9" * 5000, "a number has too many digits"),
        ("a: 1e999", "a: infinity and not-a-number are no settings"),
        ("a: &a [*a]", f"is nested more than {DEPTH_MAX} levels deep, or contains itself"),
        ("[" * 3000, f"is nested more than {DEPTH_MAX} levels deep"),
        ("- " * 100 + "1", f"is nested more than {DEPTH_MAX} levels deep"),
    ],
)
def test_yaml_that_surprises_is_refused(text, message):
    assert message in refusal(text)


def test_aliases_of_aliases_end_before_they_fill_the_memory():
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]

    assert "too many values" in refusal("\n".join(laughs))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "'a' stands there twice in one object"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1e999}', "a: infinity and not-a-number are no settings"),
        ("[" * 100_000, f"is nested more than {DEPTH_MAX} levels deep"),
        ('{"a":' * 40 + "1" + "}" * 40, f"is nested more than {DEPTH_MAX} levels deep"),
        ("[" + "1," * VALUES_MAX + "1]", f"has more than {VALUES_MAX:,} values"),
        ("9" * 5000, "a number has too many digits"),
        ("", "is not JSON"),
    ],
)
def test_json_beyond_the_limits_is_refused(text, message):
    assert message in refusal(text, "JSON")


@pytest.mark.parametrize(
    ("text", "message"),
    [("a = 1\na = 2", "is not TOML"), ("a = inf", "a: infinity"), ("a = " + "[" * 3000, "levels deep"), ("a", "TOML")],
)
def test_toml_beyond_the_limits_is_refused(text, message):
    assert message in refusal(text, "TOML")


def test_what_is_no_readable_file_is_named(tmp_path):
    (tmp_path / "large.json").write_bytes(b" " * (SIZE_MAX + 1))
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "folder.toml").mkdir()

    for name, message in {
        "large.json": f"is larger than {SIZE_MAX:,} bytes",
        "latin.yaml": "is not UTF-8",
        "folder.toml": "Is a directory",
        "missing.yaml": "No such file or directory",
        "settings.ini": "the name must end with one of .yaml, .yml, .toml, .json",
        "nul\0.json": "is no path",
    }.items():
        with pytest.raises(ConfigurationError, match=message) as raised:
            read_data_file(tmp_path / name)
        assert raised.value.errors[0].field == str(tmp_path / name)


def test_a_card_number_in_an_error_is_masked():
    assert "4111" not in refusal("4111111111111111: 1\n4111111111111111: 2")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_json_is_read_as_the_standard_library_reads_it(value):
    assert parse_data(json.dumps(value), form="JSON", name="f").data == value


@given(st.text(max_size=200), st.sampled_from(["YAML", "TOML", "JSON"]))
def test_any_text_is_read_or_refused(text, form):
    said = "f: "
    try:
        parse_data(text, form=form, name="f")
    except ConfigurationError as error:
        said = str(error)
    assert said.startswith("f: ")


def test_the_standard_library_agrees_on_toml():
    assert parse_data(TOML, form="TOML", name="f").data == tomllib.loads(TOML)
