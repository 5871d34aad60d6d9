BEGIN TRANSACTION;
CREATE TABLE cases (
	case_id TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	due_kind TEXT NOT NULL, 
	due_at TEXT, 
	body BLOB NOT NULL, 
	report JSON NOT NULL, 
	PRIMARY KEY (case_id), 
	UNIQUE (incident_id)
);
INSERT INTO "cases" VALUES('20261120-000001','inc-1','closed','',NULL,X'7B22636173655F6964223A2232303236313132302D303030303031222C22696E636964656E745F6964223A22696E632D31222C22636173655F636C617373223A227374616C6C222C22636C6173735F636F6465223A2230342D3036222C226C6162656C223A227374616C6C222C226C6174223A33342E302C226C6F6E223A3131372E302C227265706F727465645F6174223A22323032362D31312D32305430323A30303A30305A222C226C696D69745F686F757273223A322E302C227374617465223A22636C6F736564222C22646561646C696E65223A22323032362D31312D32305430343A31303A30305A222C2263726577223A2268616E647365742D32222C226F726465725F6E6F223A322C226F726465725F76657273696F6E223A332C226F726465725F6C697665223A66616C73652C22617474656D7074223A322C22636865636B5F6E6F223A322C226D6973736573223A302C226475655F6B696E64223A22222C226475655F6174223A6E756C6C7D','{"incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "label": "stall", "lat": 34.0, "lon": 117.0, "device": "kiosk-1", "camera": "cam-1"}');
INSERT INTO "cases" VALUES('20261120-000002','inc-2','dispatched','',NULL,X'7B22636173655F6964223A2232303236313132302D303030303032222C22696E636964656E745F6964223A22696E632D32222C22636173655F636C617373223A22706F73746572222C22636C6173735F636F6465223A2230322D3031222C226C6162656C223A22706F73746572222C226C6174223A33342E302C226C6F6E223A3131372E302C227265706F727465645F6174223A22323032362D31312D32305430323A30303A30305A222C226C696D69745F686F757273223A32342E302C227374617465223A2264697370617463686564222C22646561646C696E65223A22323032362D31312D32315430323A31303A30305A222C2263726577223A2268616E647365742D32222C226F726465725F6E6F223A312C226F726465725F76657273696F6E223A312C226F726465725F6C697665223A747275652C22617474656D7074223A312C22636865636B5F6E6F223A302C226D6973736573223A302C226475655F6B696E64223A22222C226475655F6174223A6E756C6C7D','{"incident_id": "inc-2", "case_class": "poster", "class_code": "02-01", "label": "poster", "lat": 34.0, "lon": 117.0, "device": "kiosk-1", "camera": "cam-1"}');
INSERT INTO "cases" VALUES('20261120-000003','inc-3','rejected','',NULL,X'7B22636173655F6964223A2232303236313132302D303030303033222C22696E636964656E745F6964223A22696E632D33222C22636173655F636C617373223A227374616C6C222C22636C6173735F636F6465223A2230342D3036222C226C6162656C223A227374616C6C222C226C6174223A33342E302C226C6F6E223A3131372E302C227265706F727465645F6174223A22323032362D31312D32305430323A30303A30305A222C226C696D69745F686F757273223A322E302C227374617465223A2272656A6563746564222C22646561646C696E65223A6E756C6C2C2263726577223A22222C226F726465725F6E6F223A302C226F726465725F76657273696F6E223A302C226F726465725F6C697665223A66616C73652C22617474656D7074223A302C22636865636B5F6E6F223A302C226D6973736573223A302C226475655F6B696E64223A22222C226475655F6174223A6E756C6C7D','{"incident_id": "inc-3", "case_class": "stall", "class_code": "04-06", "label": "stall", "lat": 34.0, "lon": 117.0, "device": "kiosk-1", "camera": "cam-1"}');
INSERT INTO "cases" VALUES('20261120-000004','inc-4','reported','',NULL,X'7B22636173655F6964223A2232303236313132302D303030303034222C22696E636964656E745F6964223A22696E632D34222C22636173655F636C617373223A227374616C6C222C22636C6173735F636F6465223A2230342D3036222C226C6162656C223A227374616C6C222C226C6174223A33342E302C226C6F6E223A3131372E302C227265706F727465645F6174223A22323032362D31312D32305430323A30303A30305A222C226C696D69745F686F757273223A322E302C227374617465223A227265706F72746564222C22646561646C696E65223A6E756C6C2C2263726577223A22222C226F726465725F6E6F223A302C226F726465725F76657273696F6E223A302C226F726465725F6C697665223A66616C73652C22617474656D7074223A302C22636865636B5F6E6F223A302C226D6973736573223A302C226475655F6B696E64223A22222C226475655F6174223A6E756C6C7D','{"incident_id": "inc-4", "case_class": "stall", "class_code": "04-06", "label": "stall", "lat": 34.0, "lon": 117.0, "device": "kiosk-1", "camera": "cam-1"}');
CREATE TABLE counters (
	name TEXT NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "counters" VALUES('case-20261120',4);
INSERT INTO "counters" VALUES('round_robin',3);
CREATE TABLE events (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	case_id TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	at TEXT NOT NULL, 
	state_before TEXT NOT NULL, 
	state_after TEXT NOT NULL, 
	data JSON NOT NULL
);
INSERT INTO "events" VALUES(1,'20261120-000001','inc-1','reported','kiosk-1/cam-1','','2026-11-20T02:00:00.000000Z','reported','reported','{"standard": "demo-1"}');
INSERT INTO "events" VALUES(2,'20261120-000002','inc-2','reported','kiosk-1/cam-1','','2026-11-20T02:00:00.000000Z','reported','reported','{"standard": "demo-1"}');
INSERT INTO "events" VALUES(3,'20261120-000003','inc-3','reported','kiosk-1/cam-1','','2026-11-20T02:00:00.000000Z','reported','reported','{"standard": "demo-1"}');
INSERT INTO "events" VALUES(4,'20261120-000004','inc-4','reported','kiosk-1/cam-1','','2026-11-20T02:00:00.000000Z','reported','reported','{"standard": "demo-1"}');
INSERT INTO "events" VALUES(5,'20261120-000001','inc-1','filed','Ms Li','','2026-11-20T02:10:00.000000Z','reported','filed','{"deadline": "2026-11-20T04:10:00+00:00"}');
INSERT INTO "events" VALUES(6,'20261120-000001','inc-1','dispatched','registry','to handset-1','2026-11-20T02:10:00.000000Z','filed','dispatched','{"orders": [{"crew": "handset-1", "work": {"order_id": "wo-20261120-000001-1", "case_id": "20261120-000001", "incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0, "attempt": 1, "schema_version": 1, "version": 1, "state": "dispatched", "note": "stall", "deadline": "2026-11-20T04:10:00+00:00"}}]}');
INSERT INTO "events" VALUES(7,'20261120-000002','inc-2','filed','Ms Li','','2026-11-20T02:10:00.000000Z','reported','filed','{"deadline": "2026-11-21T02:10:00+00:00"}');
INSERT INTO "events" VALUES(8,'20261120-000002','inc-2','dispatched','registry','to handset-2','2026-11-20T02:10:00.000000Z','filed','dispatched','{"orders": [{"crew": "handset-2", "work": {"order_id": "wo-20261120-000002-1", "case_id": "20261120-000002", "incident_id": "inc-2", "case_class": "poster", "class_code": "02-01", "lat": 34.0, "lon": 117.0, "attempt": 1, "schema_version": 1, "version": 1, "state": "dispatched", "note": "poster", "deadline": "2026-11-21T02:10:00+00:00"}}]}');
INSERT INTO "events" VALUES(9,'20261120-000003','inc-3','rejected','Ms Li','an allowed stall','2026-11-20T02:10:00.000000Z','reported','rejected','{"cause": "permitted"}');
INSERT INTO "events" VALUES(10,'20261120-000001','inc-1','returned','handset-1','not ours','2026-11-20T02:20:00.000000Z','dispatched','filed','{"orders": [{"crew": "handset-1", "work": {"order_id": "wo-20261120-000001-1", "case_id": "20261120-000001", "incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0, "attempt": 1, "schema_version": 1, "version": 2, "state": "recalled", "note": "stall", "deadline": "2026-11-20T04:10:00+00:00"}}]}');
INSERT INTO "events" VALUES(11,'20261120-000001','inc-1','dispatched','registry','to handset-2','2026-11-20T02:20:00.000000Z','filed','dispatched','{"orders": [{"crew": "handset-2", "work": {"order_id": "wo-20261120-000001-2", "case_id": "20261120-000001", "incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0, "attempt": 1, "schema_version": 1, "version": 1, "state": "dispatched", "note": "stall", "deadline": "2026-11-20T04:10:00+00:00"}}]}');
INSERT INTO "events" VALUES(12,'20261120-000001','inc-1','disposed','handset-2','','2026-11-20T02:30:00.000000Z','dispatched','checking','{}');
INSERT INTO "events" VALUES(13,'20261120-000001','inc-1','check_requested','registry','','2026-11-20T02:30:00.000000Z','dispatched','checking','{"check_id": "chk-20261120-000001-1", "misses": 0}');
INSERT INTO "events" VALUES(14,'20261120-000001','inc-1','verdict','kiosk-1/cam-1','still_there','2026-11-20T02:40:00.000000Z','checking','rework','{"check_id": "chk-20261120-000001-1", "verdict": "still_there"}');
INSERT INTO "events" VALUES(15,'20261120-000001','inc-1','rework','registry','still there in chk-20261120-000001-1','2026-11-20T02:40:00.000000Z','checking','rework','{"orders": [{"crew": "handset-2", "work": {"order_id": "wo-20261120-000001-2", "case_id": "20261120-000001", "incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0, "attempt": 2, "schema_version": 1, "version": 2, "state": "rework", "note": "stall", "deadline": "2026-11-20T04:10:00+00:00"}}]}');
INSERT INTO "events" VALUES(16,'20261120-000001','inc-1','disposed','handset-2','','2026-11-20T02:50:00.000000Z','rework','checking','{}');
INSERT INTO "events" VALUES(17,'20261120-000001','inc-1','check_requested','registry','','2026-11-20T02:50:00.000000Z','rework','checking','{"check_id": "chk-20261120-000001-2", "misses": 0}');
INSERT INTO "events" VALUES(18,'20261120-000001','inc-1','verdict','kiosk-1/cam-1','cleared','2026-11-20T03:00:00.000000Z','checking','closed','{"check_id": "chk-20261120-000001-2", "verdict": "cleared"}');
INSERT INTO "events" VALUES(19,'20261120-000001','inc-1','closed','registry','cleared in chk-20261120-000001-2','2026-11-20T03:00:00.000000Z','checking','closed','{"orders": [{"crew": "handset-2", "work": {"order_id": "wo-20261120-000001-2", "case_id": "20261120-000001", "incident_id": "inc-1", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0, "attempt": 2, "schema_version": 1, "version": 3, "state": "closed", "note": "stall", "deadline": "2026-11-20T04:10:00+00:00"}}]}');
CREATE TABLE idempotency (
	"key" TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	answer JSON NOT NULL, 
	at TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "idempotency" VALUES('k1','e00c88c4f6f2076113455ef99d283f7cf4120f4318c6952b5c2413f9ac01436d','{"case_id": "20261120-000001", "incident_id": "inc-1", "state": "reported"}','2026-11-20T02:00:00.000000Z');
INSERT INTO "idempotency" VALUES('k2','a7e52d0ed588dc43be02d17f5019c189a5c1873a7d094675351051d59cb128e6','{"case_id": "20261120-000002", "incident_id": "inc-2", "state": "reported"}','2026-11-20T02:00:00.000000Z');
INSERT INTO "idempotency" VALUES('k3','60c9928708e87cc3b3f1c7d5c32e709ffe02ad1c697ef7efb7c611c34c68d0ea','{"case_id": "20261120-000003", "incident_id": "inc-3", "state": "reported"}','2026-11-20T02:00:00.000000Z');
INSERT INTO "idempotency" VALUES('k4','bd6b6a47e3265ea51af81d64ba8299b097166b6cd81ba2343221f18f533e5926','{"case_id": "20261120-000004", "incident_id": "inc-4", "state": "reported"}','2026-11-20T02:00:00.000000Z');
CREATE TABLE zhuomu_schema (
	version INTEGER NOT NULL, 
	writes BIGINT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "zhuomu_schema" VALUES(1,0);
CREATE INDEX cases_due ON cases (due_at);
CREATE INDEX cases_state ON cases (state, case_id);
CREATE INDEX events_case ON events (case_id, n);
CREATE INDEX events_kind ON events (kind);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',19);
COMMIT;
