"""Geographic routing: countries, regions, and payers of whom no country is known."""

import pytest

from aegispay.domain.routing import route
from aegispay.domain.routing.geographic import Geographic
from aegispay.domain.routing.regions import CONTINENTS, COUNTRIES, REGIONS
from aegispay.errors import ValidationError
from tests.unit.domain.routing_snapshots import gateway, proven, request, request_from

NAMES = ("global", "adyen", "stripe", "razorpay")
GATEWAYS = [gateway(name) for name in NAMES]
WORLD = Geographic(gateways={"EU": ["adyen", "stripe"], "IN": ["razorpay"], "ASIA": ["adyen"], "FR": ["stripe"]})


def decide(country: str, strategy=WORLD, snapshots=GATEWAYS):
    return route(snapshots, request_from(country), strategy=strategy)


@pytest.mark.parametrize(
    ("country", "order", "why"),
    [
        ("DE", ("adyen", "stripe", "global", "razorpay"), "for DE in EU"),
        ("FR", ("stripe", "global", "adyen", "razorpay"), "for FR"),
        ("IN", ("razorpay", "global", "adyen", "stripe"), "for IN"),
        ("JP", ("adyen", "global", "stripe", "razorpay"), "for JP in ASIA"),
        ("US", ("global", "adyen", "stripe", "razorpay"), "nobody is named for US; highest success rate"),
    ],
)
def test_a_country_counts_before_its_region_and_the_others_follow(country, order, why):
    decision = decide(country)
    assert (decision.order, decision.why) == (order, why)


def test_without_a_country_the_other_strategy_decides_and_the_reason_says_so():
    decision = route([proven("global", 0.5), proven("adyen", 0.99)], request(), strategy=WORLD)
    assert decision.order == ("adyen", "global")
    assert decision.why == "the payer's country is not known; highest success rate"


def test_where_the_countrys_gateways_cannot_take_it_the_regions_are_next():
    down = [gateway("global"), gateway("adyen"), gateway("stripe", is_enabled=False)]
    assert decide("FR", snapshots=down).order == ("adyen", "global")
    assert decide("FR", snapshots=down).why == "for FR in EU"


def test_where_none_of_the_named_can_take_it_the_other_strategy_decides():
    down = [gateway("global"), gateway("razorpay", is_enabled=False)]
    decision = decide("IN", snapshots=down, strategy=Geographic(gateways={"IN": ["razorpay"]}))
    assert decision.order == ("global",)
    assert decision.explain() == (
        "global by geographic (nobody is named for IN; highest success rate): "
        "global scored 0.9; razorpay dropped (disabled by an operator)"
    )


def test_regions_of_ones_own_come_beside_the_known_ones_and_instead_of_their_names():
    own = Geographic(regions={"DACH": ["DE", "AT", "CH"], "EU": ["FR"]}, gateways={"DACH": ["adyen"], "EU": ["stripe"]})
    assert [decide(country, own).order[0] for country in ("CH", "FR", "IT")] == ["adyen", "stripe", "global"]


def test_the_first_region_that_holds_the_country_counts():
    both = Geographic(gateways={"EUROPE": ["stripe"], "EU": ["adyen"]})
    assert decide("DE", both).order[0] == "stripe"


def test_every_country_is_on_exactly_one_continent():
    assert sum(map(len, CONTINENTS.values())) == len(COUNTRIES) == 249 + len({"XK"})
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)
    assert not COUNTRIES & REGIONS.keys()


def test_the_groups_have_as_many_members_as_they_should():
    found = {name: len(REGIONS[name]) for name in ("EU", "EEA", "GCC", "ASEAN")}
    assert found == {"EU": 27, "EEA": 30, "GCC": 6, "ASEAN": 11}
    assert all(countries <= COUNTRIES for countries in REGIONS.values())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gateways": {"UK": ["a"]}}, r"gateways: use countries .* or regions \(AFRICA, .*\), not UK"),
        ({"gateways": {"GB": ["a"]}, "regions": {"BRITAIN": ["UK"]}}, "regions: use countries .* not UK"),
        ({"gateways": {"GB": []}}, r"gateways\.GB: use at least 1 item"),
        ({"gateways": {"GB": "alpha"}}, r"gateways\.GB: must be a list"),
        ({"gateways": {"GB": ["No Name"]}}, r"gateways\.GB\[0\]: use 1 to 64 of a-z"),
        ({"gateways": {}}, "gateways: use at least 1 item"),
        ({"gateways": {"GB": ["a"]}, "countries": {}}, "countries: is not known"),
        ({}, "gateways: is missing"),
    ],
)
def test_places_that_are_none_are_refused_by_name(settings, said):
    with pytest.raises(ValidationError, match=said):
        Geographic(**settings)


def test_it_is_written_the_same_whatever_the_order_of_its_sets():
    written = Geographic(
        regions={"HOME": ["SE", "DE", "FR", "AT", "NO"]}, gateways={"HOME": ["adyen"]}
    ).model_dump_json()
    assert '"HOME":["AT","DE","FR","NO","SE"]' in written
    assert Geographic.model_validate_json(written).model_dump_json() == written
