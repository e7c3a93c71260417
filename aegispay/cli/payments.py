"""``aegispay payments``: lists, and counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aegispay.cli.inspect import list_page, print_page
from aegispay.cli.reporting import out, reported
from aegispay.cli.rows import UsageError
from aegispay.cli.statistics import count_payments, parse_dimensions, parse_time, print_statistics
from aegispay.domain.state import PaymentState
from aegispay.ports import PaymentQuery
from aegispay.ports.audit import GROUPS_MAX, StatisticsQuery


def payments(
    database: Annotated[Path, typer.Option("--database", help="The SQLite file.")] = Path("payments.db"),
    state: Annotated[PaymentState | None, typer.Option(help="Only payments in this state.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Only payments last tried at this gateway.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only payments of this customer.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only payments of this merchant.")] = None,
    in_doubt: Annotated[bool, typer.Option("--in-doubt", help="Only payments whose outcome is not known.")] = False,
    incident: Annotated[bool, typer.Option("--incident", help="Only payments with an open incident.")] = False,
    parked: Annotated[
        bool, typer.Option("--parked", help="Only payments set aside: for a review, or because they kept crashing.")
    ] = False,
    created_after: Annotated[
        str | None, typer.Option(help="Only payments created at this time or later; UTC unless it says otherwise.")
    ] = None,
    created_before: Annotated[str | None, typer.Option(help="Only payments created before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Payments per page.")] = 20,
    after: Annotated[str | None, typer.Option(help="The cursor that the page before ended with.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Count and add up, instead of listing.")] = False,
    by: Annotated[
        str, typer.Option(help="What to group --stats by, such as gateway,hour; the currency always is.")
    ] = "state",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List payments, newest first; or count them and add up their amounts, by groups."""
    with reported():
        query = PaymentQuery(
            merchant=merchant,
            state=state,
            currency=currency,
            gateway=gateway,
            customer_id=customer,
            in_doubt=True if in_doubt else None,
            has_incident=True if incident else None,
            parked=True if parked else None,
            created_after=parse_time("--created-after", created_after),
            created_before=parse_time("--created-before", created_before),
            limit=limit,
            after=after,
        )
        if not stats:
            print_page(list_page(database, query), out, is_json=as_json)
            return
        if parked:
            raise UsageError("--parked is for lists; --stats cannot count by it")
        counted = _counted(query, by)
        print_statistics(count_payments(database, counted), counted.by, out, is_json=as_json)


def _counted(query: PaymentQuery, by: str) -> StatisticsQuery:
    return StatisticsQuery(
        by=parse_dimensions(by),
        merchant=query.merchant,
        state=query.state,
        customer_id=query.customer_id,
        gateway=query.gateway,
        currency=query.currency,
        in_doubt=query.in_doubt,
        has_incident=query.has_incident,
        created_after=query.created_after,
        created_before=query.created_before,
        limit=GROUPS_MAX,
    )
