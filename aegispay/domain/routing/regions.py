"""Countries (ISO 3166-1 alpha-2) and the regions they are in.

The continents are the United Nations' (M49), with three differences: Cyprus is in Europe, as a member of the EU; Taiwan
and Kosovo (XK), which that list leaves out, are in Asia and Europe. North America reaches from Greenland to Panama.
"""

from __future__ import annotations

_CONTINENTS = {
    "AFRICA": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA MG ML MR MU "
    "MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
    "ASIA": "AE AF AM AZ BD BH BN BT CN GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH "
    "PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    "EUROPE": "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC "
    "MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    "NORTH_AMERICA": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM "
    "PR SV SX TC TT US VC VG VI",
    "SOUTH_AMERICA": "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
    "OCEANIA": "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "ANTARCTICA": "AQ",
}
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_GROUPS = {
    "EU": _EU,
    "EEA": f"{_EU} IS LI NO",
    "LATAM": "AR BO BR CL CO CR CU DO EC GT HN HT MX NI PA PE PR PY SV UY VE",
    "GCC": "AE BH KW OM QA SA",
    "ASEAN": "BN ID KH LA MM MY PH SG TH TL VN",
}

CONTINENTS = {name: frozenset(codes.split()) for name, codes in _CONTINENTS.items()}
"""Every country is in exactly one."""
REGIONS = CONTINENTS | {name: frozenset(codes.split()) for name, codes in _GROUPS.items()}
"""Every region that has a name, with its countries."""
COUNTRIES = frozenset[str]().union(*CONTINENTS.values())
