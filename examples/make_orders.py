"""Write the demo's orders: ``python examples/make_orders.py > examples/orders.csv``. The same seed, the same file."""

import csv
import random
import sys

COLUMNS = (
    *("idempotency_key", "amount", "currency", "method", "token", "vpa", "bank_code", "provider"),
    *("customer_id", "email", "country", "metadata.basket", "metadata.channel"),
)

# For each currency its share, decimals, cheapest and dearest order, and the country.
MARKETS = {
    "USD": (34, 2, 5, 400, "US"),
    "EUR": (24, 2, 5, 300, "DE"),
    "GBP": (12, 2, 4, 250, "GB"),
    "INR": (14, 2, 99, 20000, "IN"),
    "JPY": (10, 0, 500, 40000, "JP"),
    "KWD": (6, 3, 1, 90, "KW"),
}
DECLINES = ("tok_insufficient_funds", "tok_declined", "tok_expired_card", "tok_lost_card", "tok_fraud")
BASKETS = ("books", "shoes", "coffee", "garden", "toys", "music")


def amount(rng: random.Random, currency: str) -> str:
    _, decimals, cheapest, dearest, _ = MARKETS[currency]
    units = rng.randint(cheapest * 10**decimals, dearest * 10**decimals)
    return f"{units / 10**decimals:.{decimals}f}"


def method(rng: random.Random, currency: str) -> dict[str, str]:
    roll = rng.random()
    if currency == "INR" and roll < 0.6:
        return {"method": "upi", "vpa": f"payer{rng.randint(1, 900)}@bank"}
    if currency == "INR" and roll < 0.75:
        return {"method": "net_banking", "bank_code": rng.choice(("HDFC", "ICIC", "SBIN"))}
    if currency == "EUR" and roll < 0.15:
        return {"method": "pay_later", "provider": "klarna"}
    if roll < 0.25:
        return {"method": "wallet", "provider": rng.choice(("apple_pay", "google_pay", "paypal"))}
    token = rng.choice(DECLINES) if rng.random() < 0.035 else f"tok_{rng.getrandbits(48):012x}"
    return {"method": "card", "token": token}


def order(rng: random.Random, number: int) -> dict[str, str]:
    currency = rng.choices(list(MARKETS), weights=[market[0] for market in MARKETS.values()])[0]
    customer = rng.randint(1, 400)
    return {
        "idempotency_key": f"order-2026-{number:05d}",
        "amount": amount(rng, currency),
        "currency": currency,
        "customer_id": f"cust_{customer:04d}",
        "email": f"customer{customer}@example.com",
        "country": MARKETS[currency][4],
        "metadata.basket": rng.choice(BASKETS),
        "metadata.channel": rng.choice(("web", "app", "store")),
    } | method(rng, currency)


def broken(rng: random.Random, good: dict[str, str]) -> list[list[str]]:
    """Rows that no engine should accept, each for a reason of its own."""
    changes = (
        {"amount": "abc"},
        {"amount": "0.00"},
        {"amount": "-12.50"},
        {"currency": "JPY", "amount": "1200.50"},
        {"currency": "XYZ"},
        {"currency": "KWD", "amount": "1.2345"},
        {"idempotency_key": ""},
        {"method": "cheque"},
        {"method": "card", "token": "4242424242424242", "vpa": ""},
        {"email": "not an address"},
        {"method": "upi", "vpa": "no-at-sign", "token": ""},
    )
    rows = [
        [(good | {"idempotency_key": f"bad-{index}"} | change).get(c, "") for c in COLUMNS]
        for index, change in enumerate(changes)
    ]
    rows.append([*(good.get(column, "") for column in COLUMNS), "one cell too many"])
    return rows


def main() -> None:
    rng = random.Random(2026)
    orders = [order(rng, number) for number in range(1, 1171)]
    rows = [[each.get(column, "") for column in COLUMNS] for each in orders]
    for index in rng.sample(range(600), 15):
        rows.insert(rng.randint(index + 1, len(rows)), list(rows[index]))
    for index in rng.sample(range(600), 3):
        changed = list(rows[index])
        changed[1] = changed[1].replace(changed[1][0], "9" if changed[1][0] != "9" else "8", 1)
        rows.append(changed)
    good_card = next(each for each in orders if each["method"] == "card" and each["currency"] == "USD")
    for row in broken(rng, good_card):
        rows.insert(rng.randint(0, len(rows)), row)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)


if __name__ == "__main__":
    main()
