"""How what happened leaves the engine: subscriptions, webhooks, sinks, and the public form of an event."""
