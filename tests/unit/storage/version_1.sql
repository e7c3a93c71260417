-- A database as schema version 1 wrote it. It stands for the files in the field: it is never changed.
PRAGMA application_id = 1095786873;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (payment_id, version)
) STRICT;
INSERT INTO "events" VALUES(1,'pay_00000000000000000000000001',1,'payment.initiated',1,'{"at":"2026-03-01T12:00:00Z","request":{"idempotency_key":"order-1","amount_minor":10000,"currency":"USD","payment_method":{"type":"card","token":"tok_visa","brand":null,"last4":null,"expiry_month":null,"expiry_year":null},"customer":{"id":"cust-1","email":null,"phone":null,"name":null,"billing_address":null,"shipping_address":null},"metadata":{"basket":["shoes"]},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null},"fingerprint":"d747337d7741efb43bbf511cac5ace401b6b5bfd4720386e59d79f836143fe0f","expires_at":"2026-03-08T12:00:00Z"}',1772366400000000,X'D23EB1BA31A7184C3DF1E9D2F142E82D7E0ABF35D60E1703ABB370D444BB87C3');
INSERT INTO "events" VALUES(2,'pay_00000000000000000000000001',2,'payment.authenticated',1,'{"at":"2026-03-01T12:00:00Z"}',1772366400000000,X'FF31963DE478E5DFD8E71759285DC22D3A39F547E03AF0433ADFEC1E45400A98');
INSERT INTO "events" VALUES(3,'pay_00000000000000000000000001',3,'payment.processing',1,'{"at":"2026-03-01T12:00:00Z","number":1,"gateway":"alpha","operation_id":"pay_00000000000000000000000001-a1","idempotency_key":"pay_00000000000000000000000001-a1-alpha","request_digest":"digest","deadline_at":"2026-03-01T12:00:40Z","decision":{"strategy":"highest_success_rate","order":["alpha"],"candidates":[{"gateway":"alpha","score":0.9,"dropped":null}],"turn":null,"probe":null}}',1772366400000000,X'04947E3262C8F364B041910430FE3D38DD2540813696F616CC72FA28598AB5BA');
INSERT INTO "events" VALUES(4,'pay_00000000000000000000000001',4,'payment.succeeded',1,'{"at":"2026-03-01T12:00:00Z","number":1,"reference":"ref-1","amount_minor":10000}',1772366400000000,X'D2281AB781C9C874CC2E18C934D6430CECB0EC803E1EF0124627E1631953CB0A');
INSERT INTO "events" VALUES(5,'pay_00000000000000000000000002',1,'payment.initiated',1,'{"at":"2026-03-01T12:00:00Z","request":{"idempotency_key":"order-2","amount_minor":100,"currency":"JPY","payment_method":{"type":"card","token":"tok_visa","brand":null,"last4":null,"expiry_month":null,"expiry_year":null},"customer":{"id":"cust-1","email":null,"phone":null,"name":null,"billing_address":null,"shipping_address":null},"metadata":{"basket":["shoes"]},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null},"fingerprint":"a0a3ddecd92be2477794a06e0387d3701ccd558c6efd6e7758e2a71d0a98a635","expires_at":"2026-03-08T12:00:00Z"}',1772366400000000,X'C4CE73AADD6D2E389CBE2509E76F1568C500E4DE88FA32E67EFA7F91D27E1C30');
INSERT INTO "events" VALUES(6,'pay_00000000000000000000000002',2,'payment.authenticated',1,'{"at":"2026-03-01T12:00:00Z"}',1772366400000000,X'8CBA700B78F3EB080AA6B617E00E384BBDB1799F575880E6626FCA9A7E1742A2');
INSERT INTO "events" VALUES(7,'pay_00000000000000000000000002',3,'payment.processing',1,'{"at":"2026-03-01T12:00:00Z","number":1,"gateway":"alpha","operation_id":"pay_00000000000000000000000001-a1","idempotency_key":"pay_00000000000000000000000001-a1-alpha","request_digest":"digest","deadline_at":"2026-03-01T12:00:40Z","decision":{"strategy":"highest_success_rate","order":["alpha"],"candidates":[{"gateway":"alpha","score":0.9,"dropped":null}],"turn":null,"probe":null}}',1772366400000000,X'3F1425434FD980FD19EF8C7998942CC3883DCCFE9055500A2F7367025E9C42C4');
INSERT INTO "events" VALUES(8,'pay_00000000000000000000000002',4,'payment.outcome_unknown',1,'{"at":"2026-03-01T12:00:00Z","number":1,"outcome":{"type":"unknown","reason":"timeout","code":"","message":""},"checks":0,"next_check_at":"2026-03-01T12:00:01Z"}',1772366400000000,X'5E190FA5F35D7477D3D2077E7C3DE62776F3F35B7CE68FEBFBD7C779FFE83680');
INSERT INTO "events" VALUES(9,'pay_00000000000000000000000003',1,'payment.initiated',1,'{"at":"2026-03-01T12:00:00Z","request":{"idempotency_key":"order-3","amount_minor":10000,"currency":"USD","payment_method":{"type":"card","token":"tok_visa","brand":null,"last4":null,"expiry_month":null,"expiry_year":null},"customer":null,"metadata":{"basket":["shoes"]},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null},"fingerprint":"ec59fc9025ccf6710c82dbc0dd67c284f87f0052a0bb62ccc89b321b2de067d4","expires_at":"2026-03-08T12:00:00Z"}',1772366400000000,X'3282DE73A019896EA8FCFF84423639B417E43FE16B998A3B22958D3C1B2FFBFB');
CREATE TABLE gateways (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "gateways" VALUES('alpha','{"state": "closed"}');
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('epoch',X'0000000000000001');
INSERT INTO "meta" VALUES('salt',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
CREATE TABLE parking (
    payment_id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    parked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "parking" VALUES('pay_00000000000000000000000003','crash',1772366400000000);
CREATE TABLE payments (
    payment_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    merchant TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    in_doubt INTEGER NOT NULL,
    has_incident INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    captured_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL,
    customer_id TEXT,
    method TEXT NOT NULL,
    gateway TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    wake_at INTEGER,
    UNIQUE (merchant, idempotency_key)
) STRICT, WITHOUT ROWID;
INSERT INTO "payments" VALUES('pay_00000000000000000000000001',4,'default','order-1','success',0,0,10000,'USD',10000,0,'cust-1','card','alpha',1772366400000000,1772366400000000,NULL);
INSERT INTO "payments" VALUES('pay_00000000000000000000000002',4,'default','order-2','processing',1,0,100,'JPY',0,0,'cust-1','card','alpha',1772366400000000,1772366400000000,1772366401000000);
INSERT INTO "payments" VALUES('pay_00000000000000000000000003',1,'default','order-3','initiated',0,0,10000,'USD',0,0,NULL,'card',NULL,1772366400000000,1772366400000000,1772971200000000);
CREATE TABLE recoveries (
    payment_id TEXT PRIMARY KEY,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "recoveries" VALUES('pay_00000000000000000000000002',2);
CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE webhook_inbox (
    gateway TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_created ON payments (created_at, payment_id);
CREATE INDEX payments_merchant ON payments (merchant, created_at, payment_id);
CREATE INDEX payments_state ON payments (state, created_at, payment_id);
CREATE INDEX payments_currency ON payments (currency, created_at, payment_id);
CREATE INDEX payments_customer ON payments (customer_id, created_at, payment_id) WHERE customer_id IS NOT NULL;
CREATE INDEX payments_gateway ON payments (gateway, created_at, payment_id) WHERE gateway IS NOT NULL;
CREATE INDEX payments_in_doubt ON payments (created_at, payment_id) WHERE in_doubt = 1;
CREATE INDEX payments_incident ON payments (created_at, payment_id) WHERE has_incident = 1;
CREATE INDEX payments_wake ON payments (wake_at, payment_id) WHERE wake_at IS NOT NULL;
COMMIT;
