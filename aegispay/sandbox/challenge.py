"""The 3-D Secure page: the payer passes or fails, and goes back to the shop."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from aegispay.sandbox.bodies import SIZE_MAX
from aegispay.sandbox.books import Books
from aegispay.sandbox.courier import Courier
from aegispay.sandbox.payment import Payment, RefusedError, Status
from aegispay.sandbox.provider import Provider
from aegispay.sandbox.refusals import invalid, too_large

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>3-D Secure (sandbox)</title></head>
<body><h1>Sandbox bank</h1><p>{text}</p>{forms}</body></html>
"""
_FORM = '<form method="post"><input type="hidden" name="result" value="{0}"><button>{0}</button></form>'
_FORMS = _FORM.format("pass") + _FORM.format("fail")


class ChallengePage:
    """Serves the payer.

    Args:
        books, provider, courier: what is told how the payer did.
    """

    def __init__(self, books: Books, provider: Provider, courier: Courier) -> None:
        self._books = books
        self._provider = provider
        self._courier = courier

    def routes(self) -> list[Route]:
        """Return the page and what its forms are sent to."""
        return [
            Route("/challenge/{payment_id}", self._show, methods=["GET"]),
            Route("/challenge/{payment_id}", self._answer, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        with self._books.transaction():
            self._provider.run_due()
            payment = self._provider.payment(request.path_params["payment_id"])
        if payment.status is not Status.REQUIRES_ACTION:
            return _page(payment, f"Nothing to do: the payment is {payment.status}.", "", status=410)
        return _page(payment, f"Pay {payment.amount} {payment.currency} (minor units)?", _FORMS)

    async def _answer(self, request: Request) -> Response:
        raw = await request.body()
        if len(raw) > SIZE_MAX:
            raise too_large(SIZE_MAX)
        result = parse_qs(raw.decode("latin-1")).get("result", [""])[0]
        if result not in {"pass", "fail"}:
            raise invalid("result", "use pass or fail")
        payment_id = request.path_params["payment_id"]
        with self._books.transaction():
            self._provider.run_due()
        try:
            with self._books.transaction():
                payment = self._provider.answer_challenge(payment_id, is_passed=result == "pass")
        except RefusedError:
            payment = self._provider.payment(payment_id)
            return _page(payment, f"Too late: the payment is {payment.status}.", "", status=410)
        self._courier.wake()
        if payment.return_url is None:
            return _page(payment, f"Thank you: the payment is {payment.status}.", "")
        return RedirectResponse(_returning(payment.return_url, payment), 303)


def _page(payment: Payment, text: str, forms: str, *, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(text=escape(f"{text} ({payment.id})"), forms=forms), status)


def _returning(url: str, payment: Payment) -> str:
    parts = urlsplit(url)
    query = "&".join(each for each in (parts.query, urlencode({"payment": payment.id})) if each)
    return urlunsplit(parts._replace(query=query))
