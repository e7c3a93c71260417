"""The page about the sandbox names what there is."""

import re

from aegispay.sandbox.faults import Fault
from aegispay.sandbox.verdict import CARDS, DECLINES
from tests.checkout import ROOT, needs_checkout


@needs_checkout
def test_the_page_lists_every_fault_token_and_card():
    words = set(re.findall(r"\w+", (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")))
    assert {*Fault, *DECLINES, *CARDS} - words == set()
