-- A database as schema version 6 wrote it. It stands for the files in the field: it is never changed.
PRAGMA application_id = 1095786873;
PRAGMA user_version = 6;
BEGIN TRANSACTION;
CREATE TABLE configurations (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    host_revision INTEGER NOT NULL,
    data TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
INSERT INTO "configurations" VALUES(1,1795576220875513,'host','the first settings',1,'{"routing":{"kind":"highest_success_rate","newcomers":null},"strategies":{},"retry":{"attempts_max":3,"failover_on_soft_decline":true,"deadline_s":1209600.0,"rules":[],"backoff":{"base_s":60.0,"cap_s":21600.0},"puts_off_on_advice":false,"patience_s":60.0,"network_caps":[{"network":"visa","window_s":86400.0,"attempts_max":20},{"network":"visa","window_s":2592000.0,"attempts_max":20},{"network":"mastercard","window_s":86400.0,"attempts_max":10},{"network":"mastercard","window_s":2592000.0,"attempts_max":35},{"network":"amex","window_s":86400.0,"attempts_max":20},{"network":"amex","window_s":2592000.0,"attempts_max":20},{"network":"discover","window_s":86400.0,"attempts_max":20},{"network":"discover","window_s":2592000.0,"attempts_max":20}],"budget":{"share":0.2,"floor":100,"window_s":60.0,"gateways":{}}},"breaker":{"failures_max":5,"failure_share_min":0.2,"calls_min":1,"window_s":60.0,"open_s":60.0,"probes_max":3,"successes_to_close":2},"health_weights":{"success":0.7,"latency":0.3},"health_window_s":300.0,"health_checks":{"idle_s":60.0,"down_s":5.0,"jitter":0.2,"answers_to_probe":2},"approvals_half_life_s":3600.0,"limits":{},"limits_default":{"concurrency_max":null,"rate_per_s":null,"burst":null,"reserved_share":0.1,"adaptive":null},"payment_expiry_s":604800.0,"answer_timeout_s":120.0,"answer_grace_s":5.0,"check_delays_s":[1.0,2.0,5.0,10.0,30.0,60.0,300.0,900.0,3600.0],"wake_interval_s":1.0,"in_flight_max":20000,"mailbox_capacity":5000,"actors_max":200000,"actor_idle_s":60.0,"finished_kept":1000,"crashes_max":3,"crash_window_s":60.0,"common_cause_max":50,"common_cause_window_s":10.0,"recoveries_max":5,"recovery_concurrency":200,"shutdown_s":30.0,"status_interval_s":2.0}','c97b89a0bdf0df3072a578b1126cf6ec3f5527ba03d5df4c663260ef9059168f');
CREATE TABLE customer_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    is_erased INTEGER NOT NULL,
    secret BLOB NOT NULL
) STRICT;
INSERT INTO "customer_keys" VALUES(1,'default','cust-ada',0,X'8E380477A78140161A1A70A019D83DDC877F9D54F3BAD8C55A3FBC9A2FF0C407');
INSERT INTO "customer_keys" VALUES(2,'default','cust-bob',1,X'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE deliveries (
    subscriber TEXT NOT NULL,
    position INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER,
    error TEXT NOT NULL,
    failed_at INTEGER,
    PRIMARY KEY (subscriber, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "deliveries" VALUES('mailer',7,'pay_51yjqsmbbjgzp7r8rvghrdde0t','dead',1,NULL,'ConnectionError: mailbox full',1795576220935100);
CREATE TABLE erasures (
    number INTEGER PRIMARY KEY,
    merchant TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_swept INTEGER NOT NULL
) STRICT;
INSERT INTO "erasures" VALUES(1,'default','cust-bob',1795576220989388,'kim','asked',1);
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
INSERT INTO "events" VALUES(1,'pay_51yjqsmbbjgzp7r8rvghrdde0t',1,'payment.initiated',1,'{"at":"2026-11-25T03:10:20.898994Z","request":{"idempotency_key":"ada","amount_minor":10000,"currency":"USD","payment_method":{"type":"card","token":"tok_visa","brand":"visa"},"customer":{"id":"cust-ada"},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null,"strategy":null},"fingerprint":"2e82f12390aedf311813195d413f94c987b3a1a20081460913ce6676a7278b4e","expires_at":"2026-12-02T03:10:20.898994Z","trace":null,"sealed":"1.WkfSlg3g+5nGnhPHeLda6BXcPNlgV2aYDsiGHKQy/hfQon0r9xMPc5ghp+/EfW13B179iZBDobJYVayjloiKchqptxtMF9ej8/zmi7aZuWx9tNk+ARr7zynWpvhNkanaDkf0Wp/DaWLNr8DLj1CN2KumBjUBnEfDEIR9bwlqA1hT/XDHj1gLHBiUuwKDSg8v2b/As4Bg/xOMeoXJxpDDBZNMaUUogjXBpVcoEE1mpLxxKv5YyJbPZ3B5Jd+tZFGdMmdtXqFv2KPg++tM79gOfqpakmPSHlSrbOg8PZHt9MkVB1brFKEgPpKDTBQf8Ney3Wr8rayBDxzRCbnhIlr9UtMBGfai9u3VRTBbnkBA6zHHsSEA6dS7+fKKYnSpQktCmdHR6xeGEfJch+atiCgCcDQfXOv959qoXXXbX7jrJO+xMkRaZgmOsskmdVkdzAYMJCBIwspp+Ml5zOiPHm763EmczGOC61V5yuSLuvKeG1FDuP6ZKeo+tj8BHyI="}',1795576220899588,X'88DFEDF9438A8F161EBF84484E1E02BA3AD40D73CE970BF258427C4FE9820FC6');
INSERT INTO "events" VALUES(2,'pay_51yjqsmbbjgzp7r8rvghrdde0t',2,'payment.authenticated',1,'{"at":"2026-11-25T03:10:20.899042Z"}',1795576220899588,X'0637B90D72BF8FAA984028679B55F8630F541814CF5E30CCEC6C29C419846FB4');
INSERT INTO "events" VALUES(3,'pay_51yjqsmbbjgzp7r8rvghrdde0t',3,'payment.processing',1,'{"at":"2026-11-25T03:10:20.899240Z","number":1,"gateway":"alpha","operation_id":"pay_51yjqsmbbjgzp7r8rvghrdde0t-a1","idempotency_key":"pay_51yjqsmbbjgzp7r8rvghrdde0t-a1-alpha","request_digest":"c57370e70b042a60fb67be8873a2f502cb33643cc70eca94baed5348593eb5ec","deadline_at":"2026-11-25T03:11:00.899251Z","decision":{"strategy":"highest_success_rate","order":["alpha"],"candidates":[{"gateway":"alpha","score":0.9,"dropped":null,"facts":{"samples":0.0},"parts":{}}],"turn":null,"probe":null,"draw":null,"why":"","preferred":[],"preferred_by":""},"configuration":1}',1795576220899588,X'D3612BBCDBA6591E932803AAFAB53FE2694C70EDED723CCA599CDCE707F0EDD3');
INSERT INTO "events" VALUES(4,'pay_51yjqsmbbjgzp7r8rvghrdde0t',4,'payment.succeeded',1,'{"at":"2026-11-25T03:10:20.909705Z","number":1,"reference":"alpha_efe78290d76b93a4","amount_minor":10000}',1795576220909982,X'4F1CE4A2E5C977A7CA1D91F503C6CC09A3D2F2AE23AE50B89326622DBBDD9690');
INSERT INTO "events" VALUES(5,'pay_51yjqsmbbjgzp7r8rvghrdde0t',5,'payment.refund_requested',1,'{"at":"2026-11-25T03:10:20.916519Z","kind":"refund","operation_id":"pay_51yjqsmbbjgzp7r8rvghrdde0t-refund-04f3320a08d7710b","amount_minor":10000,"idempotency_key":"pay_51yjqsmbbjgzp7r8rvghrdde0t-refund-04f3320a08d7710b-alpha","deadline_at":"2026-11-25T03:11:00.916524Z","final":true,"key":"refund-1","is_rest":true,"reason":""}',1795576220916740,X'CAB2E15D7697E170EC03DD8CA0A4693A800C0786AF38E9428DE3BCA61FB238D1');
INSERT INTO "events" VALUES(6,'pay_51yjqsmbbjgzp7r8rvghrdde0t',6,'payment.refund_succeeded',1,'{"at":"2026-11-25T03:10:20.927106Z","kind":"refund","operation_id":"pay_51yjqsmbbjgzp7r8rvghrdde0t-refund-04f3320a08d7710b","reference":"alpha_ea3ffd53124ba4b1","evidence":"answer","detail":""}',1795576220927397,X'D5CCFFED8E3F7276F7EBA6D298DC4052DB597093BD704D408ADBAB2F15B74405');
INSERT INTO "events" VALUES(7,'pay_51yjqsmbbjgzp7r8rvghrdde0t',7,'payment.refunded',1,'{"at":"2026-11-25T03:10:20.927106Z","refunded_minor":10000}',1795576220927397,X'92FEE2CE14BEC59D3AC8E2A4F4EB8DBF3B7DE21D56C581F36142E901E647424F');
INSERT INTO "events" VALUES(8,'pay_qr7nn5cvrnet2t1cybaq3f5he7',1,'payment.initiated',1,'{"at":"2026-11-25T03:10:20.930219Z","request":{"idempotency_key":"bob","amount_minor":10000,"currency":"USD","payment_method":{"type":"card","token":"tok_visa","brand":null},"customer":{"id":"cust-bob"},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null,"strategy":null},"fingerprint":"de46c56bf71dc661e243432327a2d3316927c31d555856342f709d5b43c12b25","expires_at":"2026-12-02T03:10:20.930219Z","trace":null,"sealed":"2.T1CcjwuzvivnlBbQ+oxP6cAd4owRr/jLJ/jdDcn6HiHY5JKYmgFY400UZWVsCTkyYeaiuW6R+du6Y3o09k348E981xOr53VPD/zmImVu3mC1LVZ3xm94F7HMj72rkivKUz9PoMFDQvRfgyt9DFQoy8OgcgfoivJTNBOtZOQYMEdhJACBn+bepp3z+QKw5vFc5r2MRHnFuxTYPf9929td1cOIAudG4uSKB6f1xGFYaiq7pBU52EWPEesy+JY99CYpV7fCP9keFmWS9WJTJvxZ7wK1v6SUSMlETgo28d75I/BlcoHzfIYafNxZqcouMkMr+DUfWsU5JsTEEMheRNgrzBTXtG7vyYRWuGU="}',1795576220930657,X'1F3A055820DE256D8D63E2F60CAAD4D6DEEAD4A5A84282685798BB59F6C6216E');
INSERT INTO "events" VALUES(9,'pay_qr7nn5cvrnet2t1cybaq3f5he7',2,'payment.authenticated',1,'{"at":"2026-11-25T03:10:20.930259Z"}',1795576220930657,X'E9C24453212244AD902B970A03ADB1C786A5D06BD78DC41E69D66A9B99C9DE90');
INSERT INTO "events" VALUES(10,'pay_qr7nn5cvrnet2t1cybaq3f5he7',3,'payment.processing',1,'{"at":"2026-11-25T03:10:20.930442Z","number":1,"gateway":"alpha","operation_id":"pay_qr7nn5cvrnet2t1cybaq3f5he7-a1","idempotency_key":"pay_qr7nn5cvrnet2t1cybaq3f5he7-a1-alpha","request_digest":"12c7579209a15eea41c505185a53fb5d8684f01002619f0bbe9151626a6eb66a","deadline_at":"2026-11-25T03:11:00.930449Z","decision":{"strategy":"highest_success_rate","order":["alpha"],"candidates":[{"gateway":"alpha","score":0.9,"dropped":null,"facts":{"samples":0.0},"parts":{}}],"turn":null,"probe":null,"draw":null,"why":"","preferred":[],"preferred_by":""},"configuration":1}',1795576220930657,X'C88EBE2B61283615DA0849FB12374F466674A7FE9F7B751FE22D2397F79D74E4');
INSERT INTO "events" VALUES(11,'pay_qr7nn5cvrnet2t1cybaq3f5he7',4,'payment.succeeded',1,'{"at":"2026-11-25T03:10:20.934853Z","number":1,"reference":"alpha_8fe842c2956f44da","amount_minor":10000}',1795576220935636,X'B414BCD6E0D2513DCCC87B29489EA20EE8D14364DA8EA624542F132FA9A7AEF7');
INSERT INTO "events" VALUES(12,'pay_70edw4hd1w873hvegbvqpcf83m',1,'payment.initiated',1,'{"at":"2026-11-25T03:10:20.973190Z","request":{"idempotency_key":"nobody","amount_minor":10000,"currency":"USD","payment_method":{"type":"card","token":"tok_visa","brand":null,"last4":null,"expiry_month":null,"expiry_year":null},"customer":null,"metadata":{"note":"in the open"},"merchant":"default","capture":"automatic","gateway":null,"retry_of":null,"return_url":null,"strategy":null},"fingerprint":"6224cbc8ae43c354da180d17aaaee2bce305bbccf2c1941eedbae7d6b826396e","expires_at":"2026-12-02T03:10:20.973190Z","trace":null}',1795576220973610,X'0C184928E04467FD5A3A07F49A72EB8F45E446A6F1422236EAE39D0BA2F64554');
INSERT INTO "events" VALUES(13,'pay_70edw4hd1w873hvegbvqpcf83m',2,'payment.authenticated',1,'{"at":"2026-11-25T03:10:20.973236Z"}',1795576220973610,X'2E4E0C378A8569C2120B40EC805A066AFFE9CBA8424D85FE59388BFA9A65ADFE');
INSERT INTO "events" VALUES(14,'pay_70edw4hd1w873hvegbvqpcf83m',3,'payment.processing',1,'{"at":"2026-11-25T03:10:20.973428Z","number":1,"gateway":"alpha","operation_id":"pay_70edw4hd1w873hvegbvqpcf83m-a1","idempotency_key":"pay_70edw4hd1w873hvegbvqpcf83m-a1-alpha","request_digest":"a2b27c4ebc15fd0f18e02327092e100fe5cd6073da14552e4bf149ac4af80a56","deadline_at":"2026-11-25T03:11:00.973435Z","decision":{"strategy":"highest_success_rate","order":["alpha"],"candidates":[{"gateway":"alpha","score":0.9,"dropped":null,"facts":{"samples":0.0},"parts":{}}],"turn":null,"probe":null,"draw":null,"why":"","preferred":[],"preferred_by":""},"configuration":1}',1795576220973610,X'C26BE0CCB283AAB12E00D4F97182D228621DE214E543819084116F6E8A8BA8E9');
INSERT INTO "events" VALUES(15,'pay_70edw4hd1w873hvegbvqpcf83m',4,'payment.succeeded',1,'{"at":"2026-11-25T03:10:20.986033Z","number":1,"reference":"alpha_cc2e7c870adf4610","amount_minor":10000}',1795576220986291,X'DBB107CFEDD6719227D4B0FC4496718BF4B97A28FD9187840BC708EDF5DA7C81');
CREATE TABLE gateways (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "gateways" VALUES('alpha','{"saved_at":1795576221.117923,"state":"closed","age_s":0.23172989700105973,"failure_ages_s":[],"breakers":{"charge":{"state":"closed","age_s":0.23172989700105973,"slots":[],"successes":0,"forced_because":"","failure_ages_s":[]},"capture":{"state":"closed","age_s":0.23172989700105973,"slots":[],"successes":0,"forced_because":"","failure_ages_s":[]},"void":{"state":"closed","age_s":0.23172989700105973,"slots":[],"successes":0,"forced_because":"","failure_ages_s":[]},"refund":{"state":"closed","age_s":0.23172989700105973,"slots":[],"successes":0,"forced_because":"","failure_ages_s":[]}},"slots":[{"age_s":0.20802012600324815,"calls":4,"faults":0,"classes":{"0":4}}],"approvals":{"approvals":2.999899373412523,"declines":0.0,"age_s":0.0},"is_enabled":true,"disabled_because":""}');
CREATE TABLE marks (
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key, at, payment_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO "marks" VALUES('card:fee3828217ec8b54348327e00a20e76c2f65b0c5',1795576220899240,'pay_51yjqsmbbjgzp7r8rvghrdde0t',3,1798168220899240);
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('epoch',X'0000000000000001');
INSERT INTO "meta" VALUES('salt',X'B5617C00764CB77AE04E2F6FFBBE9EDEB01CC02D8DBA83F4736E75B51FBC6814');
CREATE TABLE parking (
    payment_id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    parked_at INTEGER NOT NULL
, is_review INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
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
    wake_at INTEGER, doubt_since INTEGER,
    UNIQUE (merchant, idempotency_key)
) STRICT, WITHOUT ROWID;
INSERT INTO "payments" VALUES('pay_51yjqsmbbjgzp7r8rvghrdde0t',7,'default','ada','refunded',0,0,10000,'USD',10000,10000,'cust-ada','card','alpha',1795576220898994,1795576220927106,NULL,NULL);
INSERT INTO "payments" VALUES('pay_70edw4hd1w873hvegbvqpcf83m',4,'default','nobody','success',0,0,10000,'USD',10000,0,NULL,'card','alpha',1795576220973190,1795576220986033,NULL,NULL);
INSERT INTO "payments" VALUES('pay_qr7nn5cvrnet2t1cybaq3f5he7',4,'default','bob','success',0,0,10000,'USD',10000,0,'cust-bob','card','alpha',1795576220930219,1795576220934853,NULL,NULL);
CREATE TABLE recoveries (
    payment_id TEXT PRIMARY KEY,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE subscribers (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    since INTEGER NOT NULL,
    disabled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "subscribers" VALUES('mailer','handler',15,1795576220888112,'');
CREATE TABLE webhook_attempts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    position INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    latency_us INTEGER NOT NULL,
    error TEXT NOT NULL
) STRICT;
CREATE TABLE webhook_inbox (
    gateway TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    data TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (gateway, notification_id)
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
CREATE INDEX payments_doubt_since ON payments (doubt_since) WHERE doubt_since IS NOT NULL;
CREATE INDEX webhook_inbox_due ON webhook_inbox (due_at, gateway, notification_id) WHERE state = 'waiting';
CREATE INDEX marks_expiry ON marks (expires_at);
CREATE INDEX deliveries_payment ON deliveries (subscriber, payment_id, position);
CREATE INDEX deliveries_due ON deliveries (subscriber, due_at, position) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (subscriber, position) WHERE state = 'dead';
CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint, number);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);
CREATE UNIQUE INDEX customer_keys_live ON customer_keys (merchant, customer_id) WHERE is_erased = 0;
CREATE INDEX erasures_to_sweep ON erasures (number) WHERE is_swept = 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('customer_keys',2);
COMMIT;
