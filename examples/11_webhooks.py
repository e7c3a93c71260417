"""Post what happens to a receiver that is down at first, and verify what arrives there."""

import asyncio
import logging
import tempfile
from pathlib import Path

from standardwebhooks import Webhook

from aegispay import AegisPay, Card, RetrySchedule, SimulatedGateway, WebhookEndpoint, WebhookPolicy, new_webhook_secret

SECRET = new_webhook_secret()


class Receiver:
    """A shop's server, in a few lines; the first request it answers with 503."""

    def __init__(self) -> None:
        self.is_up = False
        self.arrived = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        status, self.is_up = (200 if self.is_up else 503), True
        self.take(status, headers, body)
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def take(self, status: int, headers: dict[str, str], body: bytes) -> None:
        said = Webhook(SECRET).verify(body, headers)  # raises if it is not genuine
        print(status, said["type"], "event", said["data"]["sequence"], said["data"]["payment"]["state"])
        if status == 200:
            self.arrived.set()


async def main(database: Path) -> None:
    logging.getLogger("aegispay").setLevel("ERROR")  # a try in vain is a warning
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    endpoint = WebhookEndpoint(
        name="shop",
        url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks",
        secrets=[SECRET],
        events="payment.succeeded",
        retry=RetrySchedule(delays_s=(0.1, 0.1)),  # three days by default
        policy=WebhookPolicy(allowed_hosts=frozenset({"127.0.0.1"})),  # without it: https on public addresses only
    )
    async with AegisPay(database, gateways=[SimulatedGateway("alpha")], webhooks=[endpoint]) as aegis:
        await aegis.pay(idempotency_key="o_1", amount="25.00", currency="EUR", payment_method=Card(token="tok_visa"))
        await receiver.arrived.wait()
    server.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "payments.db"))
