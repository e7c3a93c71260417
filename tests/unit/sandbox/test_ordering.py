"""How faults are ordered: by header, armed, or drawn from a seeded plan."""

import random

import pytest

from tests.unit.sandbox.rig import Rig, virtually

RATES = {"rate_limit_before": 0.3, "error_504_after": 0.3, "lookup_stale": 0.2}


@virtually
async def test_an_armed_fault_strikes_the_next_requests_that_match_and_no_other():
    async with Rig() as rig:
        match = {"operation": "charge", "reference": "b"}
        await rig.admin("POST", "/faults", {"fault": "rate_limit_before", "count": 2, "match": match})
        statuses = [(await rig.charge(name)).status_code for name in ("a1", "b1", "b2", "b3")]
        assert statuses == [201, 429, 429, 201]


@virtually
async def test_a_fault_that_cannot_happen_to_a_request_waits_for_one_to_which_it_can():
    async with Rig() as rig:
        await rig.admin("POST", "/faults", {"fault": "lookup_stale"})
        assert (await rig.charge()).status_code == 201
        assert [(await rig.find("r1"))[0]["status"] for _ in range(2)] == ["processing", "captured"]


@virtually
async def test_an_armed_fault_lasts_as_long_as_it_says():
    async with Rig() as rig:
        await rig.admin("POST", "/faults", {"fault": "lookup_not_found", "seconds": 0})
        await rig.charge()
        assert len(await rig.find("r1")) == 1


@virtually
async def test_disarming_ends_what_was_armed_and_planned():
    async with Rig() as rig:
        await rig.admin("POST", "/faults", {"fault": "rate_limit_before", "count": 5})
        await rig.admin("POST", "/plan", {"seed": 1, "rates": {"rate_limit_before": 1.0}})
        assert (await rig.charge()).status_code == 429
        await rig.admin("DELETE", "/faults")
        assert (await rig.charge()).status_code == 201


async def _outcomes(names, seed):
    async with Rig() as rig:
        assert (await rig.admin("POST", "/plan", {"seed": seed, "rates": RATES})).status_code == 200
        for name in names:
            for _ in range(2):
                await rig.charge(name)
        return sorted((each["reference"], each["id"], each["fault"]) for each in await rig.wire())


def _by_reference(outcomes):
    found = {}
    for reference, _, fault in outcomes:
        found.setdefault(reference, []).append(fault)
    return found


@virtually
async def test_a_plan_draws_the_same_faults_whatever_the_order_of_arrival():
    names = [f"r{number}" for number in range(100)]
    shuffled = random.Random(5).sample(names, len(names))
    first, second = _by_reference(await _outcomes(names, 7)), _by_reference(await _outcomes(shuffled, 7))
    assert first == second
    assert first != _by_reference(await _outcomes(names, 8))
    assert any(one != two for one, two in first.values())


@virtually
async def test_a_plan_keeps_its_rates_and_draws_only_what_can_happen():
    faults = [fault for _, _, fault in await _outcomes([f"r{number}" for number in range(200)], 3)]
    assert set(faults) == {None, "rate_limit_before", "error_504_after"}
    assert 80 <= faults.count("rate_limit_before") <= 160
    assert 80 <= faults.count("error_504_after") <= 160


@virtually
async def test_a_plan_and_its_counts_survive_a_restart(tmp_path):
    ledger = str(tmp_path / "ledger.db")
    seen = []
    for is_restarted in (False, True):
        async with Rig(ledger=f"{ledger}{is_restarted}") as rig:
            await rig.admin("POST", "/plan", {"seed": 7, "rates": RATES})
            await rig.charge()
            if not is_restarted:
                await rig.charge(key="k2")
        async with Rig(ledger=f"{ledger}{is_restarted}", seed=2) as rig:
            if is_restarted:
                await rig.charge(key="k2")
            seen.append([each["fault"] for each in await rig.wire()])
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[0][1], "a seed that draws the same twice shows nothing"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/faults", {"fault": "no_such"}, "fault"),
        ("/faults", {"fault": "hang_after", "count": 0}, "count"),
        ("/faults", {"fault": "hang_after", "match": {"operation": "settle"}}, "match.operation"),
        ("/plan", {"seed": 1, "rates": {"hang_after": 0.6, "hang_before": 0.6}}, "rates"),
        ("/plan", {"seed": 1, "rates": {"hang_after": -1}}, "rates.hang_after"),
        ("/webhooks", {"url": "file:///etc/passwd", "secret": "whsec_aGVsbG8="}, "url"),
        ("/webhooks", {"url": "http://x", "secret": "whsec_!"}, "secret"),
        ("/payments/sp_1/chargeback", {"amount": 0}, "amount"),
    ],
)
@virtually
async def test_a_wrong_order_is_refused_by_the_name_of_the_field(path, body, field):
    async with Rig() as rig:
        answer = await rig.admin("POST", path, body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@virtually
async def test_an_unknown_fault_in_the_header_is_refused():
    async with Rig() as rig:
        assert (await rig.charge(fault="no_such")).status_code == 400
        assert await rig.moved() == []
