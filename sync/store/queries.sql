-- Every statement of the program, by name. Prepared once, kept.

-- name: data_version
PRAGMA data_version;

-- name: meta_get
SELECT value FROM meta WHERE name = ?1;

-- name: meta_set
INSERT INTO meta(name, value) VALUES(?1, ?2)
  ON CONFLICT(name) DO UPDATE SET value = excluded.value;

-- name: param_get
SELECT value FROM param WHERE name = ?1;

-- name: param_set
INSERT INTO param(name, value) VALUES(?1, ?2)
  ON CONFLICT(name) DO UPDATE SET value = excluded.value;

-- name: dirty_add
INSERT INTO dirty(level, id, forms) VALUES(?1, ?2, ?3)
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
  WHERE forms | excluded.forms <> forms;

-- name: form_bit_add
INSERT INTO form(form, bit) SELECT ?1, coalesce(max(bit) + 1, 0) FROM form
  WHERE true ON CONFLICT(form) DO NOTHING;

-- name: form_bit
SELECT bit FROM form WHERE form = ?1;

-- name: cadre_history
SELECT hlc, json_extract(body, '$.data') FROM stored_record
  WHERE subject = ?1 AND form = 'register.cadre' ORDER BY hlc, id;

-- What the register said of a cadre at ?3; before its first record, what that says (authority.c).
-- name: cadre_at
SELECT body ->> ('$.data.' || ?2) FROM stored_record
  WHERE subject = ?1 AND form = 'register.cadre'
    AND hlc <= max(?3, (SELECT min(hlc) FROM stored_record
      WHERE subject = ?1 AND form = 'register.cadre'))
    AND json_type(body, '$.data.' || ?2) IS NOT NULL
  ORDER BY hlc DESC, id DESC LIMIT 1;

-- name: assigned
SELECT 1 FROM assignment INDEXED BY assignment_target
  WHERE target IN (?1, ?2, ?3, ?4) AND (cadre = ?5 OR (unit <> '' AND unit = ?6))
    AND from_day <= ?7 AND to_day >= ?7 LIMIT 1;

-- name: assigned_in_town
SELECT 1 FROM assignment
  WHERE (cadre = ?1 OR unit = nullif(?2, '')) AND target >= ?3 AND target < ?4 || '~'
    AND from_day <= ?5 AND to_day >= ?5 LIMIT 1;

-- name: task_root
SELECT level, root FROM task WHERE id = ?1;

-- name: division_registered
SELECT 1 FROM entity WHERE kind = 'division' AND id = ?1 AND registered AND gone = '';

-- Who may read what a division is like, from the division ?1 (places ?2 to ?3 are its township's).
-- name: division_readers
INSERT INTO dirty(level, id, forms)
  SELECT 'household', id, ?4 FROM entity WHERE place >= ?2 AND place <= ?3 AND kind = 'household'
  UNION ALL SELECT 'finding', id_text(id), ?4 FROM record WHERE subject = ?1 AND outcome = 1
  ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms
  WHERE forms | excluded.forms <> forms;

-- name: principal_get
SELECT kind, town, revoked_ms FROM principal WHERE id = ?1;

-- name: device_authors
SELECT cadre FROM device_author WHERE device = ?1 ORDER BY cadre;

-- name: record_by_id
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class FROM record WHERE id = ?1;

-- name: record_amending
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class FROM record WHERE amends = ?1 AND outcome = 1;

-- name: chain_of
SELECT coalesce(chain, rec) FROM record WHERE rec = ?1;

-- name: chain_set
UPDATE record SET chain = ?2 WHERE rec = ?1 AND chain IS NOT ?2;

-- name: chain_greatest
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class FROM record
  WHERE chain = ?1 ORDER BY hlc DESC, id DESC LIMIT 1;

-- name: record_acts_on
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class, coalesce(coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) ->> '$.data.restore', 0) FROM record
  WHERE subject = ?1 AND form = ?2 AND outcome = 1;

-- name: record_acts
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class FROM record
  INDEXED BY record_acts
  WHERE place BETWEEN ?1 AND ?2 AND (?3 = '' OR author = ?3) AND outcome = 1
    AND (length(subject) = 36
      OR subject GLOB 'T-*-????????-????-7???-????-????????????-*');

-- Bodies are read whole: that of a secret record stands apart.
-- name: record_body
SELECT coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) FROM record WHERE rec = ?1;

-- name: record_problems
SELECT problems FROM record WHERE rec = ?1;

-- name: record_add
INSERT INTO record(id, form, fv, outcome, effect, subject, place, hlc, author, device, seq, via,
                   received_ms, rev, amends, batch, class, body, problems)
  VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19);

-- name: secret_add
INSERT INTO secret(rec, body) VALUES(?1, ?2) ON CONFLICT DO NOTHING;

-- A record that turned out to be about a secret one, or about covert work.
-- name: record_hide
UPDATE record SET class = 6, body = ?2, rev = ?3 WHERE rec = ?1;

-- name: record_cover
UPDATE record SET class = 5, rev = ?2 WHERE rec = ?1;

-- About the record ?1, or a task of it, and of a lower class.
-- name: record_unplaced_about
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class FROM record
  INDEXED BY record_acts
  WHERE place = '' AND (length(subject) = 36
      OR subject GLOB 'T-*-????????-????-7???-????-????????????-*')
    AND instr(subject, ?1) AND class < ?2;

-- name: record_set_effect
UPDATE record SET effect = ?2, rev = ?3 WHERE rec = ?1;

-- name: record_set_place
UPDATE record SET place = ?2, rev = ?3 WHERE rec = ?1 AND place <> ?2;

-- name: record_set_outcome
UPDATE record SET outcome = ?2, problems = ?3, rev = ?4 WHERE rec = ?1;

-- Held and refused records (outcome 2 and 4): which are to be looked at again, then one or all of
-- an atomic envelope.
-- name: held_all
SELECT rec, batch FROM record WHERE outcome = 2 AND rec > 0 ORDER BY rec;

-- name: refused_all
SELECT rec, batch FROM record WHERE outcome = 4 AND rec > 0 ORDER BY rec;

-- Of the cadre, and of who shares a device: a relay is judged by all of them.
-- name: held_of_cadre
SELECT rec, batch FROM record INDEXED BY record_held_author
  WHERE outcome = 2 AND author IN (SELECT ?1 UNION SELECT b.cadre
    FROM device_author a JOIN device_author b ON b.device = a.device WHERE a.cadre = ?1);

-- name: refused_of_cadre
SELECT rec, batch FROM record INDEXED BY record_refused_author
  WHERE outcome = 4 AND author IN (SELECT ?1 UNION SELECT b.cadre
    FROM device_author a JOIN device_author b ON b.device = a.device WHERE a.cadre = ?1);

-- name: held_by_id
SELECT rec, batch FROM record WHERE id = ?1 AND outcome IN (2, 4);

-- name: held_one
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class, device, via, seq,
    coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) AS body, cleared FROM record
  WHERE rec = ?1 AND outcome IN (2, 4);

-- name: held_batch
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class, device, via, seq,
    coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) AS body, cleared FROM record
  WHERE batch = ?1 AND outcome IN (2, 4) ORDER BY rec;

-- name: held_marks
SELECT id FROM dirty WHERE level = 'held' ORDER BY id LIMIT ?1;

-- name: held_marks_done
DELETE FROM dirty WHERE level = 'held' AND id <= ?1;

-- name: record_clear
UPDATE record SET cleared = 1 WHERE rec = ?1;

-- name: record_join_batch
UPDATE record SET batch = ?2 WHERE rec = ?1;

-- name: record_join_batches
UPDATE record SET batch = ?2 WHERE batch = ?1;

-- name: refusal_add
INSERT INTO refusal(device, via, received_ms, payload_sha256, problems, body)
  VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(device, payload_sha256) DO NOTHING;

-- name: fact_source_add
INSERT INTO fact_source(kind, id, rec, facts) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING;

-- name: fact_sources
SELECT r.id, r.hlc, r.author, r.form, r.fv, r.effect, unsealed(r.body)
  FROM fact_source f CROSS JOIN record r ON r.rec = f.rec
  WHERE f.kind = ?1 AND f.id = ?2 AND f.facts & ?3 AND r.outcome = 1;

-- name: entity_get
SELECT rowid, doc, seen, conflicts, place, subject, registered, gone, class FROM entity
  WHERE kind = ?1 AND id = ?2;

-- name: entity_known
SELECT 1 FROM entity WHERE kind = ?1 AND id = ?2;

-- name: entity_add
INSERT INTO entity(kind, id, place, subject, registered, class, audience, doc, seen, conflicts,
                   checks, gone, rev)
  VALUES(?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?8, ?9, '{}', ?10, ?11);

-- What stands in an index, or a trigger watches, only if it moved: entity_move.
-- name: entity_set
UPDATE entity SET registered = ?2, doc = ?3, seen = ?4, conflicts = ?5, gone = ?6, rev = ?7
  WHERE rowid = ?1;

-- name: entity_move
UPDATE entity SET place = ?2, subject = ?3, class = ?4, rev = ?5 WHERE rowid = ?1;

-- name: tenure_sources
SELECT e.id, e.doc, min(r.hlc), max(r.hlc)
  FROM entity e INDEXED BY entity_subject
  CROSS JOIN fact_source f ON f.kind = 'assignment' AND f.id = e.id
  CROSS JOIN record r ON r.rec = f.rec AND r.outcome = 1 AND r.effect = 1
  WHERE e.subject = ?1 AND e.kind = 'assignment' GROUP BY e.id;

-- name: assignment_clear
DELETE FROM assignment WHERE target = ?1;

-- name: assignment_whose
SELECT DISTINCT iif(unit = '', cadre, '') FROM assignment WHERE target = ?1;

-- name: assignment_set
INSERT INTO assignment(id, target, kind, cadre, unit, from_day, to_day)
  VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: awaited_take
DELETE FROM awaited WHERE id = ?1 RETURNING waiter;

-- name: awaited_any
SELECT 1 FROM awaited LIMIT 1;

-- name: awaited_has
SELECT 1 FROM awaited WHERE id = ?1;

-- name: awaited_add
INSERT INTO awaited(id, waiter) VALUES(?1, ?2) ON CONFLICT DO NOTHING;

-- name: device_seq_get
SELECT ranges, pending FROM device_seq WHERE device = ?1;

-- name: device_seq_set
INSERT INTO device_seq(device, ranges, pending) VALUES(?1, ?2, ?3)
  ON CONFLICT(device) DO UPDATE SET ranges = excluded.ranges, pending = excluded.pending;

-- name: outbox_add
INSERT INTO outbox(outbox, topic, payload) VALUES(?1, ?2, ?3);

-- name: reviews_of
SELECT rec, id, form, fv, outcome, effect, subject, place, hlc, author, amends, batch, class, coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body) ->> '$.data.accept' FROM record
  WHERE subject = ?1 AND form = 'record.review' AND outcome = 1;

-- name: outbox_next
SELECT outbox, topic, payload FROM outbox WHERE outbox > ?1 ORDER BY outbox LIMIT ?2;

-- name: outbox_done
DELETE FROM outbox WHERE outbox = ?1;

-- name: retained_next
SELECT due_ms, topic, payload FROM retained
  WHERE sent = 0 AND (due_ms, topic) > (?1, ?2) AND due_ms <= ?3
  ORDER BY due_ms, topic LIMIT ?4;

-- Nothing is planned a minute ahead: the clock was set back since.
-- name: retained_due_again
UPDATE retained SET due_ms = ?1 WHERE sent = 0 AND due_ms > ?1 + 60000;

-- name: retained_set
INSERT INTO retained(topic, payload, sent, due_ms) VALUES(?1, ?2, 0, ?3)
  ON CONFLICT(topic) DO UPDATE SET payload = excluded.payload, sent = 0, due_ms = excluded.due_ms
  WHERE payload IS NOT excluded.payload;

-- Topics from ?1 to ?2 that are not in the JSON array ?3.
-- name: retained_clear_others
UPDATE retained SET payload = NULL, sent = 0, due_ms = max(due_ms, ?4)
  WHERE topic > ?1 AND topic < ?2 AND payload IS NOT NULL
    AND topic NOT IN (SELECT value FROM json_each(?3));

-- An acknowledged payload that is no longer the one: another went out before it and must again.
-- name: retained_acked
INSERT INTO retained(topic, payload, sent, due_ms) VALUES(?1, NULL, 0, ?3)
  ON CONFLICT(topic) DO UPDATE SET sent = payload IS ?2,
    due_ms = CASE WHEN payload IS ?2 THEN due_ms ELSE max(due_ms, ?3) END;

-- name: retained_cleared
DELETE FROM retained WHERE topic = ?1 AND payload IS NULL;

-- name: retained_cleared_since
UPDATE retained SET sent = 0, due_ms = max(due_ms, ?2) WHERE topic = ?1;

-- name: retained_all
SELECT topic, payload FROM retained ORDER BY topic;

-- name: retained_resend
UPDATE retained SET sent = 0, due_ms = ?2 WHERE topic = ?1;

-- name: retained_clear
INSERT INTO retained(topic, payload, sent, due_ms) VALUES(?1, NULL, 0, ?2)
  ON CONFLICT(topic) DO NOTHING;

-- name: retained_payload
SELECT payload FROM retained WHERE topic = ?1 AND payload IS NOT NULL;

-- The day since when a division is in the register.
-- name: registered_since
SELECT hlc_day(min(hlc)) FROM record WHERE subject = ?1 AND form = 'register.division' AND outcome = 1;

-- name: dirty_has
SELECT forms FROM dirty WHERE level = ?1 AND id = '';

-- name: dirty_take
DELETE FROM dirty WHERE level = ?1 RETURNING forms;

-- What was marked of everybody's forms; an import may have added others meanwhile.
-- name: dirty_all_marked
UPDATE dirty SET forms = forms & ~?1 WHERE level = 'all';

-- name: dirty_all_drop
DELETE FROM dirty WHERE level = 'all' AND forms = 0;

-- name: dirty_chores
SELECT 1 FROM dirty WHERE level IN ('scope', 'held', 'all') OR level = 'param' AND forms & 1 LIMIT 1;

-- Parameters that changed: 1; 3, subjects are being marked; 2, they are.
-- name: dirty_params
SELECT 1 FROM dirty WHERE level = 'param' AND forms & 1 LIMIT 1;

-- name: dirty_params_take
UPDATE dirty SET forms = 3 WHERE level = 'param' AND forms & 1;

-- name: dirty_params_marked
UPDATE dirty SET forms = 2 WHERE level = 'param' AND forms = 3;

-- name: principal_add
INSERT INTO principal(id, kind, verifier, town, created_ms) VALUES(?1, ?2, ?3, ?4, ?5);

-- name: principal_revoke
UPDATE principal SET revoked_ms = ?3 WHERE id = ?1 AND kind = ?2 AND revoked_ms IS NULL;

-- name: principals_active
SELECT id, kind, verifier, town FROM principal WHERE revoked_ms IS NULL ORDER BY id;

-- name: principals_of
SELECT p.id, p.town, p.created_ms, p.revoked_ms, (SELECT json_group_array(cadre)
    FROM device_author WHERE device = p.id), s.ranges, s.pending
  FROM principal p LEFT JOIN device_seq s ON s.device = p.id
  WHERE p.kind = ?1 ORDER BY p.created_ms, p.id;

-- name: device_author_add
INSERT INTO device_author(device, cadre) VALUES(?1, ?2) ON CONFLICT DO NOTHING;

-- name: digest_records
SELECT unsealed(coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body)) FROM record
  WHERE outcome = 1 AND effect = 1 ORDER BY id;

-- Without what views make (level.h).
-- name: digest_facts
SELECT kind, id, doc, conflicts FROM entity WHERE kind NOT IN ('finding', 'project') ORDER BY kind, id;

-- name: digest_effects
SELECT id, effect, place FROM record WHERE outcome = 1 ORDER BY id;

-- name: digest_entities
SELECT kind, id, place, subject, registered, class, doc, seen, conflicts, gone FROM entity
  WHERE kind NOT IN ('finding', 'project') ORDER BY kind, id;

-- name: digest_assignments
SELECT id, target, kind, cadre, unit, from_day, to_day FROM assignment ORDER BY id;

-- name: record_after
SELECT rec, id, unsealed(coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body))
  FROM record WHERE outcome = 1 AND id > ?1 ORDER BY id LIMIT ?2;

-- name: record_count
SELECT count(*) FROM record WHERE outcome = 1;

-- name: scope_assigned
SELECT target FROM assignment WHERE cadre = ?1 AND ?3 BETWEEN from_day AND to_day
UNION ALL SELECT target FROM assignment
  WHERE unit = ?2 AND ?2 <> '' AND ?3 BETWEEN from_day AND to_day;

-- name: scope_current
SELECT item FROM scope WHERE device = ?1 AND removed = 0 ORDER BY item;

-- name: scope_add
INSERT INTO scope(device, item, added, removed) VALUES(?1, ?2, ?3, 0)
  ON CONFLICT(device, item) DO UPDATE SET added = excluded.added, removed = 0;

-- name: scope_remove
UPDATE scope SET removed = ?3 WHERE device = ?1 AND item = ?2;

-- name: scope_devices
SELECT id FROM principal WHERE kind = 'device' ORDER BY id;

-- name: change_day_add
INSERT INTO change_day(day, rev) VALUES(?1, ?2) ON CONFLICT DO NOTHING;

-- name: change_day_rev
SELECT coalesce(max(rev), 0) FROM change_day WHERE day <= ?1;

-- name: change_day_drop
DELETE FROM change_day WHERE rev < ?1;

-- name: prune_left
DELETE FROM feed_left WHERE feed_left IN (
  SELECT feed_left FROM feed_left WHERE rev <= ?1 ORDER BY rev LIMIT ?2);

-- name: prune_scope
DELETE FROM scope WHERE (device, item) IN (
  SELECT device, item FROM scope WHERE removed > 0 AND removed <= ?1 LIMIT ?2);

-- name: prune_refusal
DELETE FROM refusal WHERE refusal IN (
  SELECT refusal FROM refusal WHERE received_ms < ?1 ORDER BY received_ms LIMIT ?2);

-- name: entity_facts
SELECT unsealed(doc) FROM entity WHERE kind = ?1 AND id = ?2 AND registered AND gone = '';

-- name: record_said
SELECT 1 FROM stored_record WHERE subject = ?1 AND form = ?2
  AND unsealed(body) -> '$.data' = json(?3) LIMIT 1;
