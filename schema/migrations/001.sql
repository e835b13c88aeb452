-- The county's database. Everything below the line "derived" can be rebuilt from `record`.
-- Division codes have 12 digits; days are local dates 'YYYY-MM-DD'; *_ms are UTC milliseconds;
-- hlc = milliseconds << 16 | counter; rev = number of a change, growing, never used twice.

CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Thresholds and dates of the county; value NULL = not set, which rules treat as unknown.
CREATE TABLE param(name TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID;

-- The record log: everything that came with a well-formed id.
CREATE TABLE record(
  rec      INTEGER PRIMARY KEY,
  id       BLOB NOT NULL UNIQUE,         -- 16 bytes
  form     TEXT NOT NULL,
  fv       INTEGER NOT NULL,
  outcome  INTEGER NOT NULL,             -- 1 stored, 2 held, 3 rejected, 4 rejected by a review
                                         -- (an acceptance or authority that comes later still stores it)
  effect   INTEGER NOT NULL,             -- 1 current, 0 replaced, -1 withdrawn, -2 without effect
  subject  TEXT NOT NULL,
  place    TEXT NOT NULL,                -- division code that decides scope, '' while unknown
  hlc      INTEGER NOT NULL,
  author   TEXT NOT NULL,
  device   TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  via      TEXT NOT NULL,                -- relay, or ''
  received_ms INTEGER NOT NULL,
  rev      INTEGER NOT NULL,
  amends   BLOB,
  chain    INTEGER,                      -- the same for all that amendments link; NULL = alone
  batch    BLOB,                         -- of an atomic envelope that is held: id of its first record
  cleared  INTEGER NOT NULL DEFAULT 0,   -- 1: of such, it came again by a path that has the authority
  body     TEXT NOT NULL,                -- the record's JSON as it came; of class 6 without what it says
  class    INTEGER NOT NULL,             -- 0; 5: covert work or about such, seen by the covert team, the county
                                         -- and its author; 6: of a secret form, or about such: `secret`
                                         -- has the rest
  problems TEXT                          -- JSON array: errors, of a stored record warnings
) STRICT;
-- With all that stored_record asks, so that what needs no body reads no row.
CREATE INDEX record_subject ON record(subject, form, hlc, outcome, effect, class);
CREATE INDEX record_place ON record(place, rev);
CREATE INDEX record_amends ON record(amends) WHERE amends IS NOT NULL;
CREATE INDEX record_chain ON record(chain, hlc, id) WHERE chain IS NOT NULL;
-- Records about records, or about tasks of such: assignments decide whether they have effect.
CREATE INDEX record_acts ON record(place, author)
  WHERE length(subject) = 36 OR subject GLOB 'T-*-????????-????-7???-????-????????????-*';
CREATE INDEX record_held ON record(outcome, rec) WHERE outcome = 2;
CREATE INDEX record_refused ON record(rec) WHERE outcome = 4;
CREATE INDEX record_held_author ON record(author, rec) WHERE outcome = 2;
CREATE INDEX record_refused_author ON record(author, rec) WHERE outcome = 4;
CREATE INDEX record_batch ON record(batch) WHERE batch IS NOT NULL;

-- What records of class 6 say, apart from all others: the JSON as it came.
CREATE TABLE secret(rec INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;

-- Refused before they had an identity (malformed payload, id conflict): kept with the reason.
CREATE TABLE refusal(
  refusal INTEGER PRIMARY KEY, device TEXT NOT NULL, via TEXT NOT NULL, received_ms INTEGER NOT NULL,
  payload_sha256 TEXT NOT NULL, problems TEXT NOT NULL, body BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX refusal_once ON refusal(device, payload_sha256);
CREATE INDEX refusal_received ON refusal(received_ms);

-- Principals of the broker.
CREATE TABLE principal(
  id       TEXT PRIMARY KEY,             -- d-…, r-…, m-…
  kind     TEXT NOT NULL,                -- device, relay, monitor
  verifier TEXT NOT NULL,                -- password hash in the broker's format
  town     TEXT NOT NULL DEFAULT '',     -- of a relay: 3 digits
  created_ms INTEGER NOT NULL,
  revoked_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE device_author(
  device TEXT NOT NULL, cadre TEXT NOT NULL, PRIMARY KEY(device, cadre)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_author_cadre ON device_author(cadre);

-- Sequence numbers with an outcome, per device, as sorted ranges "1-43,46-46".
CREATE TABLE device_seq(device TEXT PRIMARY KEY, ranges TEXT NOT NULL, pending INTEGER) STRICT, WITHOUT ROWID;

-- To be published and not yet acknowledged by the broker.
-- Ids are change numbers: they only grow, also after every row was deleted.
CREATE TABLE outbox(outbox INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT;

-- The last change before each day began: what may be pruned.
CREATE TABLE change_day(day TEXT PRIMARY KEY, rev INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- What the broker should retain. payload NULL = the topic is to be cleared.
CREATE TABLE retained(
  topic   TEXT PRIMARY KEY,
  payload BLOB,
  sent    INTEGER NOT NULL,              -- 1 once the broker acknowledged this payload
  due_ms  INTEGER NOT NULL               -- not to be published before
) STRICT, WITHOUT ROWID;
CREATE INDEX retained_unsent ON retained(due_ms) WHERE sent = 0;

-- What everything was derived with: kind 'file', a rule, view or status file and the hash of its text
-- ('' = not yet); 'row' and 'rule', the names of what files made at a level. What no file makes any
-- more is taken back (derive_changes.c).
CREATE TABLE derived(
  kind TEXT NOT NULL, name TEXT NOT NULL, level TEXT NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY(kind, name, level)
) STRICT, WITHOUT ROWID;

-- Subjects whose derived state is out of date; forms = mask of the forms that touched them. At the
-- levels scope and all '' only; at the level held '', a record, or a cadre (held.c); at the level param
-- a parameter that changed, forms = 1, or 2 while what reads it is being derived.
CREATE TABLE dirty(
  level TEXT NOT NULL, id TEXT NOT NULL, forms INTEGER NOT NULL, PRIMARY KEY(level, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE form(form TEXT PRIMARY KEY, bit INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Who waits for a record: it is named as amended, or as what another record is about, and is not
-- stored yet, or has no place yet itself.
CREATE TABLE awaited(id BLOB NOT NULL, waiter BLOB NOT NULL, PRIMARY KEY(id, waiter)) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- derived

-- Households, persons, divisions, cadres, units, projects, assignments, findings:
-- winning facts and what phones see of them.
CREATE TABLE entity(
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  place      TEXT NOT NULL,
  subject    TEXT NOT NULL,              -- the household, person or division it is about
  registered INTEGER NOT NULL,
  class      INTEGER NOT NULL,           -- 0 to 4; 5 = only `audience`, the covert team and the county
  audience   TEXT NOT NULL,              -- unit that may see it besides, or ''
  doc        TEXT NOT NULL,              -- {"fact": value}
  seen       TEXT NOT NULL,              -- {"fact": ["id tail", …]}
  conflicts  TEXT NOT NULL,              -- JSON array of protocol §8, '[]' mostly
  checks     TEXT NOT NULL,              -- {"housing": "gap"}: what household views found
  gone       TEXT NOT NULL,              -- '', 'void'
  rev        INTEGER NOT NULL,
  PRIMARY KEY(kind, id)
) STRICT;
CREATE INDEX entity_place ON entity(place, rev);
CREATE INDEX entity_subject ON entity(subject, kind);
CREATE INDEX entity_cadre ON entity(place) WHERE kind = 'cadre';

-- Which records write facts of which entity.
CREATE TABLE fact_source(
  kind TEXT NOT NULL, id TEXT NOT NULL, rec INTEGER NOT NULL,
  facts INTEGER NOT NULL,                -- mask of the names of the facts (facts.c)
  PRIMARY KEY(kind, id, rec)
) STRICT, WITHOUT ROWID;

-- Assignments with the days on which they count for authority.
CREATE TABLE assignment(
  id TEXT PRIMARY KEY, target TEXT NOT NULL, kind TEXT NOT NULL, cadre TEXT NOT NULL,
  unit TEXT NOT NULL, from_day TEXT NOT NULL, to_day TEXT NOT NULL -- '9999-12-31' = open
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_target ON assignment(target);
CREATE INDEX assignment_cadre ON assignment(cadre);
CREATE INDEX assignment_unit ON assignment(unit);

-- What each device may read: division-code prefixes and entity ids, with the changes at which
-- they came and went (removed 0 = still there).
CREATE TABLE scope(
  device TEXT NOT NULL, item TEXT NOT NULL, added INTEGER NOT NULL, removed INTEGER NOT NULL,
  PRIMARY KEY(device, item)
) STRICT, WITHOUT ROWID;

CREATE INDEX scope_removed ON scope(removed) WHERE removed > 0;

-- Tasks that rules ask for, open and ended.
CREATE TABLE task(
  id         TEXT PRIMARY KEY,
  rule       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  level      TEXT NOT NULL,              -- of the rule: household, village, township, finding
  root       TEXT NOT NULL,              -- the rule's subject: what `dirty` names
  place      TEXT NOT NULL,              -- village, or township, or county
  state      TEXT NOT NULL,              -- open accepted reported returned reopened closed void
  priority   INTEGER NOT NULL,
  opened     TEXT NOT NULL,
  due        TEXT NOT NULL,              -- day, '' without one: never overdue
  closed     TEXT NOT NULL,              -- day, '' while it runs
  assignee_role TEXT NOT NULL, assignee TEXT NOT NULL,
  verifier_role TEXT NOT NULL,
  escalated  TEXT NOT NULL,              -- '', village, township, county, discipline
  carried    INTEGER NOT NULL,
  unattainable INTEGER NOT NULL,
  class      INTEGER NOT NULL, audience TEXT NOT NULL,
  doc        TEXT NOT NULL,              -- the wire form of protocol §9 without rev
  gone       TEXT NOT NULL,
  rev        INTEGER NOT NULL
) STRICT;
CREATE INDEX task_root ON task(root, level, rule);
CREATE INDEX task_place ON task(place, rev);
CREATE INDEX task_subject ON task(subject);

-- What views found: one row a subject and view. num and den feed indicators; doc is what it found.
CREATE TABLE ledger(
  subject TEXT NOT NULL,                 -- household, village, finding…
  view    TEXT NOT NULL,
  place   TEXT NOT NULL,                 -- village (or township) that it is counted in
  num     REAL, den REAL,                -- NULL = unknown
  doc     TEXT NOT NULL,
  PRIMARY KEY(subject, view)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_place ON ledger(place, view, num, den);

-- The sums by village, township and county.
CREATE TABLE indicator(
  place TEXT NOT NULL, name TEXT NOT NULL, num REAL, den REAL, PRIMARY KEY(place, name)
) STRICT, WITHOUT ROWID;

-- Records with effect, as rules, views and status files read them: none that is secret, so that
-- nothing counts or shows those by mistake.
CREATE VIEW stored_record AS
  SELECT rec, id, form, subject, place, hlc, author, device, rev, received_ms, amends, class, body
  FROM record WHERE outcome = 1 AND effect = 1 AND class < 6;

-- The secret ones (of secret forms, and about such records), with what they say: only for files
-- whose rows none but the readers of leads see.
CREATE VIEW secret_record AS
  SELECT r.rec, r.id, r.form, r.subject, r.place, r.hlc, r.author, r.device, r.rev, r.received_ms,
         r.amends, r.class, s.body
  FROM record r CROSS JOIN secret s ON s.rec = r.rec
  WHERE r.outcome = 1 AND r.effect = 1 AND r.class = 6;

-- Both, for folds of tasks: a secret one is about a task that only the readers of leads see.
CREATE VIEW any_record AS
  SELECT rec, id, form, subject, place, hlc, author, device, rev, received_ms, amends, class,
         coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) AS body
  FROM record WHERE outcome = 1 AND effect = 1;

-- ---------------------------------------------------------------- the feed

-- Rows that readers could see and perhaps no longer can, as they were before: the feed owes those
-- readers a `gone`. (A row with `gone` set, or a record withdrawn, tells that by itself.)
-- So whoever writes these tables gives a change of class, audience, place, subject or outcome a new
-- `rev` in the same statement, and deletes no row (or calls feed_begin_anew). Tasks may be written
-- by REPLACE, the others by UPDATE or upsert.
CREATE TABLE feed_left(
  feed_left INTEGER PRIMARY KEY,
  rev INTEGER NOT NULL, kind TEXT NOT NULL, id ANY NOT NULL,
  place TEXT NOT NULL, subject TEXT NOT NULL, class INTEGER NOT NULL, audience TEXT NOT NULL,
  form TEXT NOT NULL, fv INTEGER NOT NULL, level TEXT NOT NULL
) STRICT;
CREATE INDEX feed_left_rev ON feed_left(rev);

CREATE TRIGGER feed_left_entity
AFTER UPDATE OF place, subject, class, audience ON entity
WHEN OLD.class <> NEW.class OR OLD.audience <> NEW.audience
  OR OLD.place <> NEW.place OR OLD.subject <> NEW.subject
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, OLD.kind, OLD.id, OLD.place, OLD.subject, OLD.class, OLD.audience, '', 0, '');
END;

CREATE TRIGGER feed_left_task
AFTER UPDATE OF place, subject, class, audience, level ON task
WHEN OLD.class <> NEW.class OR OLD.audience <> NEW.audience OR OLD.level <> NEW.level
  OR OLD.place <> NEW.place OR OLD.subject <> NEW.subject
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'task', OLD.id, OLD.place, OLD.subject, OLD.class, OLD.audience, '', 0,
         OLD.level);
END;

CREATE TRIGGER feed_left_task_replaced
BEFORE INSERT ON task
WHEN EXISTS (SELECT 1 FROM task WHERE id = NEW.id
  AND (class <> NEW.class OR audience <> NEW.audience OR level <> NEW.level
    OR place <> NEW.place OR subject <> NEW.subject))
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  SELECT NEW.rev, 'task', id, place, subject, class, audience, '', 0, level
    FROM task WHERE id = NEW.id;
END;

CREATE TRIGGER feed_left_record
AFTER UPDATE OF place, class ON record
WHEN OLD.outcome = 1 AND (OLD.class <> NEW.class OR (OLD.place <> NEW.place AND OLD.place <> ''))
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'record', OLD.id, OLD.place, OLD.subject, OLD.class,
         iif(OLD.class = 5, OLD.author, ''), OLD.form, OLD.fv, '');
END;

CREATE TRIGGER feed_left_held
AFTER UPDATE OF outcome, place, class ON record
WHEN OLD.outcome = 2 AND (NEW.outcome <> 2 OR OLD.class <> NEW.class OR OLD.place <> NEW.place)
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'held', OLD.id, OLD.place, OLD.subject, OLD.class,
         iif(OLD.class = 5, OLD.author, ''), OLD.form, OLD.fv, '');
END;
