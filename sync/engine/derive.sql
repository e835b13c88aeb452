-- Statements of derivation, by name. `slice` = the subjects of this step with their form masks;
-- `changed` = those that a file is asked about; `found` and `wanted` = what it answered.

-- name: temp_tables
CREATE TEMP TABLE IF NOT EXISTS slice(subject TEXT PRIMARY KEY, forms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS changed(subject TEXT PRIMARY KEY) WITHOUT ROWID;
-- The table of level.c.
CREATE TEMP TABLE IF NOT EXISTS level(name TEXT PRIMARY KEY, rank INTEGER, retained INTEGER) WITHOUT ROWID;
-- Names in headers. use: 0 a row kept, 1 published, 3 its level's document, 4 read from other files;
-- 2 a form whose records are subjects of the level, 5 asked when the sums of a place change
CREATE TEMP TABLE IF NOT EXISTS view_name(file INTEGER, name TEXT, use INTEGER, level TEXT, PRIMARY KEY(file, use, name)) WITHOUT ROWID;
-- Rows that changed in this slice and are read by files or by phones.
CREATE TEMP TABLE IF NOT EXISTS altered(name TEXT, subject TEXT, PRIMARY KEY(name, subject)) WITHOUT ROWID;
-- Ledger rows of the slice's subjects as they were when it was taken.
CREATE TEMP TABLE IF NOT EXISTS standing(view TEXT, subject TEXT, PRIMARY KEY(view, subject)) WITHOUT ROWID;
-- The same of their tasks.
CREATE TEMP TABLE IF NOT EXISTS standing_task(rule TEXT, level TEXT, root TEXT, id TEXT, PRIMARY KEY(rule, level, id)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS check_name(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS indicator_name(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS found(
  subject TEXT, name TEXT, place TEXT, num REAL, den REAL, doc TEXT, class INTEGER, audience TEXT,
  PRIMARY KEY(subject, name)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS differs(subject TEXT, name TEXT, PRIMARY KEY(subject, name)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS wanted(
  id TEXT PRIMARY KEY, rule TEXT, level TEXT, root TEXT, subject TEXT, place TEXT,
  opened TEXT NOT NULL, due TEXT NOT NULL, stop TEXT, closed TEXT NOT NULL, state TEXT NOT NULL,
  priority INTEGER, title_zh TEXT, title_en TEXT, assignee_role TEXT, assignee TEXT,
  verifier_role TEXT, cause TEXT, milestones TEXT, unattainable INTEGER, carried INTEGER,
  class INTEGER, audience TEXT, escalated TEXT, doc TEXT) WITHOUT ROWID;
-- Of a scout's slice, the subjects of which something would change.
CREATE TEMP TABLE IF NOT EXISTS unlike(subject TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS todo(n INTEGER PRIMARY KEY, id TEXT, doc TEXT);
CREATE TEMP TABLE IF NOT EXISTS sums(place TEXT, name TEXT, num REAL, den REAL, PRIMARY KEY(place, name)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS moved(place TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS said(
  place TEXT, section TEXT, name TEXT, value TEXT, PRIMARY KEY(place, section, name)) WITHOUT ROWID;

-- name: form_bit
SELECT bit FROM form WHERE form = ?1;

-- name: form_add
INSERT INTO form(form, bit) SELECT ?1, coalesce(max(bit) + 1, 0) FROM form;

-- name: view_name_next
SELECT coalesce(max(file) / ?1 + 1, 0) * ?1 FROM temp.view_name;

-- Parts of one rule are asked together.
-- name: reads_share
INSERT OR IGNORE INTO temp.view_name(file, name, use, level)
  SELECT ?2, name, use, level FROM temp.view_name WHERE file = ?1 AND use = 4;

-- name: view_name_drop
DELETE FROM temp.view_name WHERE file BETWEEN ?1 AND ?2;

-- name: view_name_add
INSERT OR IGNORE INTO temp.view_name(file, name, use, level) VALUES(?1, ?2, ?3, ?4);

-- name: level_add
INSERT OR IGNORE INTO temp.level(name, rank, retained) VALUES(?1, ?2, ?3);

-- name: names_refill
DELETE FROM temp.check_name;
INSERT OR IGNORE INTO temp.check_name
  SELECT name FROM temp.view_name WHERE use = 1 AND name GLOB 'check.*';
DELETE FROM temp.indicator_name;
INSERT OR IGNORE INTO temp.indicator_name
  SELECT name FROM temp.view_name
    WHERE use = 1 AND name NOT GLOB 'check.*' AND name NOT GLOB 'fact.*';

-- ---------------------------------------------------------------- dirty

-- name: dirty_any
SELECT EXISTS (SELECT 1 FROM dirty WHERE level IN (SELECT name FROM temp.level));

-- Parameters that changed since everything was derived.
-- name: params_changed
SELECT id FROM dirty WHERE level = 'param';

-- Of everybody's forms, what the register's changes are still to be marked for.
-- name: register_forms
SELECT forms FROM dirty WHERE level = 'all';

-- name: params_done
DELETE FROM dirty WHERE level = 'param' AND forms = 2;

-- ---------------------------------------------------------------- what everything was derived with

-- name: derived_same
SELECT 1 FROM derived WHERE kind = 'file' AND name = ?1 AND hash = ?2;

-- name: derived_differs
INSERT INTO derived(kind, name, level, hash) VALUES('file', ?1, '', '')
  ON CONFLICT(kind, name, level) DO UPDATE SET hash = '';

-- name: derived_files
SELECT name FROM derived WHERE kind = 'file';

-- name: derived_lost
UPDATE derived SET hash = '' WHERE kind = 'file' AND name = ?1;

-- ?1, ?2: the indexes of the set's files.
-- name: derived_rows
INSERT OR IGNORE INTO derived(kind, name, level, hash)
  SELECT 'row', name, level, '' FROM temp.view_name
    WHERE file BETWEEN ?1 AND ?2 AND use IN (0, 1, 3);

-- name: derived_rule
INSERT OR IGNORE INTO derived(kind, name, level, hash) VALUES('rule', ?1, ?2, '');

-- Names that no file of the set makes any more: rows, by level.
-- name: derived_orphan_rows
SELECT d.name FROM derived d
  WHERE d.kind = 'row' AND d.level = ?3 AND NOT EXISTS (
    SELECT 1 FROM temp.view_name n WHERE n.file BETWEEN ?1 AND ?2 AND n.use IN (0, 1, 3)
       AND n.name = d.name AND n.level = d.level);

-- name: derived_rules
SELECT name, level FROM derived WHERE kind = 'rule';

-- Of the stand-in ?1, a file of the level ?2.
-- name: derived_forget_rows
DELETE FROM derived WHERE kind = 'row' AND level = ?2
  AND name IN (SELECT name FROM temp.view_name WHERE file = ?1);

-- name: derived_forget_rule
DELETE FROM derived WHERE kind = 'rule' AND name = ?1 AND level = ?2;

-- name: derived_file
UPDATE derived SET hash = ?2 WHERE kind = 'file' AND name = ?1;

-- name: derived_forget_files
DELETE FROM derived WHERE kind = 'file' AND hash = '';

-- name: slice_clear
DELETE FROM temp.slice;

-- name: slice_take
INSERT INTO temp.slice(subject, forms)
  SELECT id, forms FROM dirty WHERE level = ?1 ORDER BY id LIMIT ?2;

-- name: slice_take_after
INSERT INTO temp.slice(subject, forms)
  SELECT id, forms FROM dirty WHERE level = ?1 AND id > ?3 ORDER BY id LIMIT ?2;

-- name: slice_add
INSERT INTO temp.slice(subject, forms) VALUES(?1, ?2);

-- name: slice_done
DELETE FROM dirty WHERE level = ?1 AND id IN (SELECT subject FROM temp.slice);

-- name: standing_clear
DELETE FROM temp.standing;

-- name: standing_task_clear
DELETE FROM temp.standing_task;

-- name: standing_fill
INSERT INTO temp.standing(view, subject)
  SELECT l.view, l.subject FROM temp.slice s CROSS JOIN ledger l ON l.subject = s.subject;

-- name: standing_task_fill
INSERT INTO temp.standing_task(rule, level, root, id)
  SELECT t.rule, t.level, t.root, t.id FROM temp.slice s CROSS JOIN task t ON t.root = s.subject
   WHERE t.gone = '';

-- name: slice_forms
SELECT forms FROM temp.slice;

-- name: slice_last
SELECT max(subject) FROM temp.slice;

-- name: changed_clear
DELETE FROM temp.changed;

-- name: changed_fill
INSERT INTO temp.changed SELECT subject FROM temp.slice WHERE forms & ?1;

-- name: changed_fill_reading
INSERT INTO temp.changed SELECT subject FROM temp.slice WHERE forms & ?1
  UNION SELECT a.subject FROM temp.view_name n CROSS JOIN temp.altered a ON a.name = n.name
    WHERE n.file = ?2 AND n.use = 4;

-- name: altered_clear
DELETE FROM temp.altered;

-- name: altered_add
INSERT OR IGNORE INTO temp.altered(name, subject)
  SELECT name, subject FROM temp.differs
    WHERE name IN (SELECT name FROM temp.view_name WHERE use = 4)
      OR name > 'check.' AND name < 'check/' OR name > 'fact.' AND name < 'fact/';

-- name: mark_entities
INSERT INTO dirty(level, id, forms)
  SELECT ?1, id, ?4 FROM entity
    WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- name: mark_entities_end
SELECT id FROM entity WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT 1 OFFSET ?3 - 1;

-- Divisions of one rank, or of any.
-- name: mark_divisions
INSERT INTO dirty(level, id, forms)
  SELECT ?1, id, 4611686018427387904
    FROM entity WHERE kind = 'division' AND id > ?2 AND id < ?2 || ':'
      AND ?3 IN (0, iif(substr(id, 10) <> '000', 1, iif(substr(id, 7) <> '000000', 2, 3)))
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- The records of the forms that headers name under `opened-by`: findings, leads.
-- name: mark_records
INSERT INTO dirty(level, id, forms)
  SELECT n.level, id_text(r.id), 4611686018427387904 FROM record r
    CROSS JOIN (SELECT DISTINCT level, name FROM temp.view_name WHERE use = 2) n
    WHERE n.name = r.form AND r.outcome = 1
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- What records are about, by its first letters.
-- name: mark_subjects
INSERT INTO dirty(level, id, forms)
  SELECT DISTINCT ?1, subject, 4611686018427387904 FROM record
    WHERE subject > ?2 AND subject < ?2 || ':'
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- name: mark_keys
INSERT INTO dirty(level, id, forms)
  SELECT DISTINCT ?1, place, 4611686018427387904 FROM ledger WHERE place > ':'
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- Files of divisions that ask for the sums (the pseudo-form `indicator`): those of the places
-- computed, and of the divisions above them.
-- name: mark_counted
INSERT INTO dirty(level, id, forms)
  SELECT l.name, p.id, ?1 FROM (
    SELECT m.id FROM (
      SELECT subject AS id FROM temp.slice WHERE forms & 4611686018427387904
      UNION SELECT place FROM temp.moved) m
    UNION SELECT substr(m.id, 1, 9) || '000' FROM (
      SELECT subject AS id FROM temp.slice WHERE forms & 4611686018427387904
      UNION SELECT place FROM temp.moved) m
    UNION SELECT substr(m.id, 1, 6) || '000000' FROM (
      SELECT subject AS id FROM temp.slice WHERE forms & 4611686018427387904
      UNION SELECT place FROM temp.moved) m) p
  JOIN temp.level l
    ON l.rank = iif(substr(p.id, 10) <> '000', 1, iif(substr(p.id, 7) <> '000000', 2, 3))
   AND l.name IN (SELECT level FROM temp.view_name WHERE use = 5)
  WHERE true
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms;

-- name: dirty_count
SELECT count(*) FROM dirty WHERE level IN (SELECT name FROM temp.level);

-- ---------------------------------------------------------------- what views found

-- name: found_clear
DELETE FROM temp.found;

-- name: differs_clear
DELETE FROM temp.differs;

-- name: differs_new
INSERT INTO temp.differs
  SELECT f.subject, f.name FROM temp.found f
    LEFT JOIN ledger l ON l.subject = f.subject AND l.view = f.name
  WHERE f.name <> ?1
    AND (l.subject IS NULL OR l.place <> coalesce(f.place, '') OR l.num IS NOT f.num
         OR l.den IS NOT f.den OR l.doc <> coalesce(f.doc, '{}'));

-- Names are few and rows are fewer than subjects times names.
-- name: differs_gone
INSERT INTO temp.differs
  SELECT s.subject, s.view FROM temp.view_name n CROSS JOIN temp.standing s ON s.view = n.name
    CROSS JOIN temp.changed c ON c.subject = s.subject
  WHERE n.file = ?1 AND n.use IN (0, 1)
    AND NOT EXISTS (SELECT 1 FROM temp.found f WHERE f.subject = s.subject AND f.name = s.view);

-- name: differs_any
SELECT EXISTS (SELECT 1 FROM temp.differs);

-- Places and keys that rows leave or enter; ?1: the subjects are places themselves.
-- name: ledger_dirty
INSERT INTO dirty(level, id, forms)
  SELECT iif(p GLOB '[0-9]*', 'place', 'key'), p, 4611686018427387904 FROM (
    SELECT l.place AS p FROM temp.differs d
      CROSS JOIN ledger l ON l.subject = d.subject AND l.view = d.name
    UNION SELECT f.place FROM temp.differs d
      CROSS JOIN temp.found f ON f.subject = d.subject AND f.name = d.name
    UNION SELECT d.subject FROM temp.differs d WHERE ?1)
  WHERE p <> ''
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
    WHERE forms | excluded.forms <> forms;

-- Subjects that rows named marks.LEVEL tell or told of, in JSON arrays.
-- name: ledger_marks
INSERT INTO dirty(level, id, forms)
  SELECT v.name, x.value, 4611686018427387904 FROM (
    SELECT d.name, l.doc FROM temp.differs d
      CROSS JOIN ledger l ON l.subject = d.subject AND l.view = d.name
    UNION ALL SELECT d.name, f.doc FROM temp.differs d
      CROSS JOIN temp.found f ON f.subject = d.subject AND f.name = d.name) m
    CROSS JOIN temp.level v ON v.name = substr(m.name, 7)
    CROSS JOIN json_each(m.doc) x
  WHERE m.name > 'marks.' AND m.name < 'marks/'
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
    WHERE forms | excluded.forms <> forms;

-- name: ledger_delete
DELETE FROM ledger WHERE (subject, view) IN (SELECT subject, name FROM temp.differs);

-- name: ledger_insert
INSERT INTO ledger(subject, view, place, num, den, doc)
  SELECT f.subject, f.name, coalesce(f.place, ''), f.num, f.den, coalesce(f.doc, '{}')
    FROM temp.differs d CROSS JOIN temp.found f ON f.subject = d.subject AND f.name = d.name;

-- name: checks_new
SELECT EXISTS (SELECT 1 FROM temp.slice s CROSS JOIN entity e ON e.kind = ?1 AND e.id = s.subject
  WHERE e.checks = '{}');

-- What phones see of a subject beside its facts: check.* rows, and fact.* rows in place of facts
-- (feed.sql). New ones, and those of which such a row changed.
-- name: checks_differ
INSERT INTO temp.todo(id, doc)
  WITH altered_check AS MATERIALIZED (
    SELECT subject, max(name GLOB 'fact.*') AS fact FROM temp.altered
      WHERE name > 'check.' AND name < 'check/' OR name > 'fact.' AND name < 'fact/'
      GROUP BY subject)
  SELECT id, doc FROM (
    SELECT e.id, e.checks, a.fact, (
        SELECT json_group_object(substr(n.name, 7), json(coalesce(l.doc -> '$.value',
                 nullif(l.doc -> '$.state', 'null'), '"unknown"')))
          FROM temp.check_name n LEFT JOIN ledger l ON l.subject = s.subject AND l.view = n.name)
        AS doc
      FROM temp.slice s CROSS JOIN entity e ON e.kind = ?1 AND e.id = s.subject
      LEFT JOIN altered_check a ON a.subject = s.subject
     WHERE a.subject IS NOT NULL OR e.checks = '{}')
  WHERE checks <> doc OR fact;

-- name: check_names
SELECT coalesce(group_concat(name, ' '), '') FROM (SELECT name FROM temp.check_name ORDER BY name);

-- name: checks_forget
UPDATE entity SET checks = '{}' WHERE kind = ?1;

-- name: checks_write
UPDATE entity SET checks = t.doc, rev = ?2 + t.n FROM temp.todo t
  WHERE entity.kind = ?1 AND entity.id = t.id;

-- name: checks_dirty
INSERT INTO dirty(level, id, forms)
  SELECT 'place', e.place, 4611686018427387904
    FROM temp.todo t CROSS JOIN entity e ON e.kind = ?1 AND e.id = t.id WHERE e.place <> ''
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
    WHERE forms | excluded.forms <> forms;

-- Rows named like their level (?1) are the documents of its entities.
-- name: document_differ
INSERT INTO temp.todo(id, doc)
  SELECT f.subject, f.doc FROM temp.found f
    LEFT JOIN entity e ON e.kind = ?1 AND e.id = f.subject
  WHERE f.name = ?1
    AND (e.id IS NULL OR e.doc <> f.doc OR e.place <> coalesce(f.place, '')
         OR e.subject <> coalesce(f.doc ->> '$.subject', '') OR e.class <> coalesce(f.class, 1)
         OR e.audience <> coalesce(f.audience, '') OR e.gone <> '');

-- name: document_write
INSERT INTO entity(kind, id, place, subject, registered, class, audience, doc, seen, conflicts,
                   checks, gone, rev)
  SELECT ?1, f.subject, coalesce(f.place, ''), coalesce(f.doc ->> '$.subject', ''), 1,
         coalesce(f.class, 1), coalesce(f.audience, ''), f.doc, '{}', '[]', '{}', '', ?2 + t.n
    FROM temp.todo t CROSS JOIN temp.found f ON f.subject = t.id AND f.name = ?1
    WHERE true
  ON CONFLICT(kind, id) DO UPDATE SET place = excluded.place, subject = excluded.subject,
    class = excluded.class, audience = excluded.audience, doc = excluded.doc, gone = '',
    rev = excluded.rev;

-- name: document_lost
INSERT INTO temp.todo(id)
  SELECT e.id FROM temp.changed c CROSS JOIN entity e ON e.kind = ?1 AND e.id = c.subject
  WHERE e.gone = '' AND NOT EXISTS (
    SELECT 1 FROM temp.found f WHERE f.subject = c.subject AND f.name = ?1);

-- name: document_void
UPDATE entity SET gone = 'void', rev = ?2 + t.n FROM temp.todo t
  WHERE entity.kind = ?1 AND entity.id = t.id;

-- ---------------------------------------------------------------- tasks

-- name: todo_clear
DELETE FROM temp.todo;

-- name: todo_count
SELECT count(*) FROM temp.todo;

-- name: wanted_clear
DELETE FROM temp.wanted;

-- name: wanted_any
SELECT EXISTS (SELECT 1 FROM temp.wanted);

-- The wire form of protocol §9, without rev.
-- name: wanted_doc
UPDATE temp.wanted SET doc = '{"v":1,"id":' || json_quote(id) || ',"rule":' || json_quote(rule)
  || ',"village":' || json_quote(place) || ',"subject":' || json_quote(subject)
  || ',"state":' || json_quote(state) || ',"priority":' || priority
  || ',"opened":' || json_quote(opened) || iif(due <> '', ',"due":' || json_quote(due), '')
  || iif(closed <> '', ',"closed":' || json_quote(closed), '')
  || iif(milestones IS NOT NULL, ',"milestones":' || milestones, '')
  || ',"assignee":{"role":' || json_quote(assignee_role)
  || CASE WHEN assignee = '' THEN '' WHEN assignee GLOB 'U-*' THEN ',"unit":' || json_quote(assignee)
          ELSE ',"cadre":' || json_quote(assignee) END || '}'
  || iif(verifier_role <> '', ',"verifier":{"role":' || json_quote(verifier_role) || '}', '')
  || ',"title":{"zh":' || json_quote(title_zh) || ',"en":' || json_quote(title_en) || '}'
  || iif(cause IS NOT NULL, ',"cause":' || json_quote(cause), '')
  || iif(escalated <> '', ',"escalated":' || json_quote(escalated), '')
  || ',"carried":' || carried || iif(unattainable, ',"unattainable":true', '') || '}';

-- name: task_differ
INSERT INTO temp.todo(id)
  SELECT w.id FROM temp.wanted w LEFT JOIN task t ON t.id = w.id
  WHERE t.id IS NULL OR t.doc <> w.doc OR t.gone <> '' OR t.class <> w.class
     OR t.audience <> w.audience OR t.root <> w.root;

-- Places that a task leaves or enters.
-- name: task_dirty
INSERT INTO dirty(level, id, forms)
  SELECT 'place', t.place, 4611686018427387904
    FROM temp.todo d CROSS JOIN task t ON t.id = d.id WHERE t.place <> ''
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
    WHERE forms | excluded.forms <> forms;

-- name: task_write
INSERT OR REPLACE INTO task(id, rule, subject, level, root, place, state, priority, opened, due,
    closed, assignee_role, assignee, verifier_role, escalated, carried, unattainable, class,
    audience, doc, gone, rev)
  SELECT w.id, w.rule, w.subject, w.level, w.root, w.place, w.state, w.priority, w.opened, w.due,
      w.closed, w.assignee_role, w.assignee, w.verifier_role, w.escalated, w.carried,
      w.unattainable, w.class, w.audience, w.doc, '', ?1 + d.n
    FROM temp.todo d CROSS JOIN temp.wanted w ON w.id = d.id;

-- name: task_lost
INSERT INTO temp.todo(id)
  SELECT t.id FROM temp.standing_task t
  WHERE t.level = ?1 AND t.rule = ?2 AND t.root IN (SELECT subject FROM temp.changed)
    AND NOT EXISTS (SELECT 1 FROM temp.wanted w WHERE w.id = t.id);

-- name: task_void
UPDATE task SET state = 'void', gone = 'void', rev = ?1 + d.n,
    doc = json_set(task.doc, '$.state', 'void')
  FROM temp.todo d WHERE task.id = d.id;

-- name: task_retain
SELECT t.id, t.place, t.doc, t.rev, t.closed = '' AND t.gone = ''
  FROM temp.todo d CROSS JOIN task t ON t.id = d.id
  WHERE t.class <= 1 AND t.level IN (SELECT name FROM temp.level WHERE retained) AND substr(t.place, 10) <> '000';

-- name: retain
INSERT INTO retained(topic, payload, sent, due_ms) VALUES(?1, ?2, 0, ?3)
  ON CONFLICT(topic) DO UPDATE SET payload = excluded.payload, sent = 0,
    due_ms = iif(sent, max(excluded.due_ms, due_ms + ?4), due_ms);

-- Due now: what was due before is behind the sender's position.
-- name: retain_clear
UPDATE retained SET payload = NULL, sent = 0, due_ms = max(due_ms, ?2)
  WHERE topic = ?1 AND payload IS NOT NULL;

-- name: retained_get
SELECT payload FROM retained WHERE topic = ?1;

-- ---------------------------------------------------------------- places

-- name: sums_clear
DELETE FROM temp.sums;

-- name: sums_village
INSERT INTO temp.sums
  SELECT c.subject, l.view, sum(l.num), sum(l.den) FROM temp.changed c CROSS JOIN ledger l
    WHERE l.place = c.subject GROUP BY c.subject, l.view;

-- name: sums_township
INSERT INTO temp.sums
  SELECT c.subject, i.name, sum(i.num), sum(i.den) FROM temp.changed c CROSS JOIN indicator i
    WHERE i.place > c.subject AND i.place < substr(c.subject, 1, 9) || ':'
    GROUP BY c.subject, i.name;

-- name: sums_county
INSERT INTO temp.sums
  SELECT c.subject, i.name, sum(i.num), sum(i.den)
    FROM temp.changed c CROSS JOIN entity d CROSS JOIN indicator i
    WHERE d.kind = 'division' AND d.id > c.subject AND d.id < substr(c.subject, 1, 6) || ':'
      AND substr(d.id, 10) = '000' AND i.place = d.id
    GROUP BY c.subject, i.name;

-- name: moved_clear
DELETE FROM temp.moved;

-- name: moved_new
INSERT OR IGNORE INTO temp.moved
  SELECT s.place FROM temp.sums s LEFT JOIN indicator i ON i.place = s.place AND i.name = s.name
    WHERE i.place IS NULL OR i.num IS NOT s.num OR i.den IS NOT s.den;

-- name: moved_gone
INSERT OR IGNORE INTO temp.moved
  SELECT i.place FROM temp.changed c CROSS JOIN indicator i WHERE i.place = c.subject
    AND NOT EXISTS (SELECT 1 FROM temp.sums s WHERE s.place = i.place AND s.name = i.name);

-- name: indicator_delete
DELETE FROM indicator WHERE place IN (
  SELECT c.subject FROM temp.changed c CROSS JOIN temp.moved m ON m.place = c.subject);

-- name: indicator_insert
INSERT INTO indicator(place, name, num, den)
  SELECT s.place, s.name, s.num, s.den FROM temp.moved m CROSS JOIN temp.sums s ON s.place = m.place;

-- The divisions above the places that moved, and those that are dirty themselves.
-- name: changed_townships
INSERT OR IGNORE INTO temp.changed
  SELECT substr(place, 1, 9) || '000' FROM temp.moved WHERE substr(place, 10) <> '000'
  UNION SELECT subject FROM temp.slice
    WHERE substr(subject, 10) = '000' AND substr(subject, 7) <> '000000';

-- name: changed_county
INSERT OR IGNORE INTO temp.changed
  SELECT substr(place, 1, 6) || '000000' FROM temp.moved
  UNION SELECT subject FROM temp.slice WHERE substr(subject, 7) = '000000';

-- name: changed_villages
INSERT INTO temp.changed SELECT subject FROM temp.slice WHERE substr(subject, 10) <> '000';

-- name: changed_places
INSERT OR IGNORE INTO temp.changed SELECT place FROM temp.moved UNION SELECT subject FROM temp.slice;

-- name: said_clear
DELETE FROM temp.said;

-- name: said_rows
SELECT c.subject, s.section, s.name, s.value
  FROM temp.changed c LEFT JOIN temp.said s ON s.place = c.subject
  ORDER BY c.subject, s.section DESC, s.name;

-- name: open_tasks
SELECT id, rev FROM task WHERE place = ?1 AND closed = '' AND gone = '' AND class <= 1
  AND level IN (SELECT name FROM temp.level WHERE retained);

-- ---------------------------------------------------------------- scout

-- name: names_all
SELECT file, name, use, level FROM temp.view_name;

-- name: dirty_of
SELECT 1 FROM dirty WHERE level = ?1 LIMIT 1;

-- The last ?4 subjects before ?3, and whether they are marked for nothing but the bits ?2.
-- name: marked_last
SELECT id, forms, forms & ~?2 = 0 FROM dirty WHERE level = ?1 AND id < ?3 ORDER BY id DESC LIMIT ?4;

-- name: marked_enough
SELECT count(*) = ?4 AND sum(forms & ~?2 = 0) >= ?4 / 2
  FROM (SELECT forms FROM dirty WHERE level = ?1 AND id < ?3 ORDER BY id DESC LIMIT ?4);

-- Unless it was marked for more since.
-- name: marked_done
DELETE FROM dirty WHERE level = ?1 AND id = ?2 AND forms = ?3;

-- name: unlike_clear
DELETE FROM temp.unlike;

-- name: unlike_rows
INSERT OR IGNORE INTO temp.unlike SELECT subject FROM temp.differs;

-- name: unlike_checks
INSERT OR IGNORE INTO temp.unlike SELECT id FROM temp.todo;

-- name: unlike_wanted
INSERT OR IGNORE INTO temp.unlike
  SELECT w.root FROM temp.todo d CROSS JOIN temp.wanted w ON w.id = d.id;

-- name: unlike_lost
INSERT OR IGNORE INTO temp.unlike
  SELECT t.root FROM temp.todo d CROSS JOIN temp.standing_task t
      ON t.rule = ?2 AND t.level = ?1 AND t.id = d.id;

-- name: slice_verdicts
SELECT s.subject NOT IN (SELECT subject FROM temp.unlike) FROM temp.slice s ORDER BY s.subject DESC;

-- ---------------------------------------------------------------- check

-- name: check_keep
CREATE TEMP TABLE kept_task AS SELECT id, rule, subject, level, root, place, state, priority,
  opened, due, closed, assignee_role, assignee, verifier_role, escalated, carried, unattainable,
  class, audience, doc FROM task WHERE gone = '';
CREATE TEMP TABLE kept_ledger AS SELECT * FROM ledger;
CREATE TEMP TABLE kept_indicator AS SELECT * FROM indicator;
CREATE TEMP TABLE kept_checks AS SELECT id, checks FROM entity WHERE kind = 'household';
CREATE TEMP TABLE kept_document AS SELECT kind, id, place, subject, class, audience, doc FROM entity
  WHERE kind IN (SELECT name FROM temp.view_name WHERE use = 3) AND gone = '';
DELETE FROM task;
DELETE FROM ledger;
DELETE FROM indicator;
UPDATE entity SET checks = '{}' WHERE kind = 'household';
DELETE FROM entity WHERE kind IN (SELECT name FROM temp.view_name WHERE use = 3);

-- name: check_compare
SELECT 'task', id, 'present', doc FROM (SELECT * FROM kept_task EXCEPT SELECT id, rule, subject,
  level, root, place, state, priority, opened, due, closed, assignee_role, assignee, verifier_role,
  escalated, carried, unattainable, class, audience, doc FROM task WHERE gone = '')
UNION ALL SELECT 'task', id, 'from scratch', doc FROM (SELECT id, rule, subject, level, root, place,
  state, priority, opened, due, closed, assignee_role, assignee, verifier_role, escalated, carried,
  unattainable, class, audience, doc FROM task WHERE gone = '' EXCEPT SELECT * FROM kept_task)
UNION ALL SELECT 'ledger', subject, 'present', view || ' ' || place || ' ' || coalesce(num, '?')
  || '/' || coalesce(den, '?') || ' ' || doc FROM (SELECT * FROM kept_ledger EXCEPT SELECT * FROM ledger)
UNION ALL SELECT 'ledger', subject, 'from scratch', view || ' ' || place || ' ' || coalesce(num, '?')
  || '/' || coalesce(den, '?') || ' ' || doc FROM (SELECT * FROM ledger EXCEPT SELECT * FROM kept_ledger)
UNION ALL SELECT 'indicator', place, 'present', name || ' ' || coalesce(num, '?') || '/'
  || coalesce(den, '?') FROM (SELECT * FROM kept_indicator EXCEPT SELECT * FROM indicator)
UNION ALL SELECT 'indicator', place, 'from scratch', name || ' ' || coalesce(num, '?') || '/'
  || coalesce(den, '?') FROM (SELECT * FROM indicator EXCEPT SELECT * FROM kept_indicator)
UNION ALL SELECT 'checks', id, 'present', checks FROM (SELECT * FROM kept_checks
  EXCEPT SELECT id, checks FROM entity WHERE kind = 'household')
UNION ALL SELECT 'checks', id, 'from scratch', checks FROM (SELECT id, checks FROM entity
  WHERE kind = 'household' EXCEPT SELECT * FROM kept_checks)
UNION ALL SELECT kind, id, 'present', doc FROM (SELECT * FROM kept_document
  EXCEPT SELECT kind, id, place, subject, class, audience, doc FROM entity
    WHERE kind IN (SELECT name FROM temp.view_name WHERE use = 3) AND gone = '')
UNION ALL SELECT kind, id, 'from scratch', doc FROM (SELECT kind, id, place, subject, class, audience,
  doc FROM entity WHERE kind IN (SELECT name FROM temp.view_name WHERE use = 3) AND gone = ''
  EXCEPT SELECT * FROM kept_document);
