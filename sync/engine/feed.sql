-- What the feed reads (feed_rows.c). A row of a walk has the columns rev, key of the row, kind, id,
-- class, audience, place, subject, dead, hlc, form, fv, level; ?2 and ?3 bound the change number. The
-- audience of a record about covert work is its author.

-- By place, in the order of changes.
-- name: entity_place
SELECT rev, rowid, kind, id, class, audience, place, subject, gone <> '', 0, '', 0, '' FROM entity
  WHERE place = ?1 AND rev > ?2 AND rev <= ?3 ORDER BY rev;

-- name: task_place
SELECT rev, rowid, 'task', id, class, audience, place, subject, gone <> '', 0, '', 0, level FROM task
  WHERE place = ?1 AND rev > ?2 AND rev <= ?3 ORDER BY rev;

-- name: record_place
SELECT rev, rec, 'record', id, class, iif(class = 5, author, ''), place, subject, effect <> 1, hlc, form, fv, '' FROM record
  WHERE place = ?1 AND rev > ?2 AND rev <= ?3 AND outcome = 1 ORDER BY rev;

-- By subject and what lies below it. +rev: the subject is what narrows it down.
-- name: entity_subject
SELECT rev, rowid, kind, id, class, audience, place, subject, gone <> '', 0, '', 0, '' FROM entity
  WHERE subject >= ?1 AND subject < ?1 || '.' AND +rev > ?2 AND +rev <= ?3;

-- name: task_subject
SELECT rev, rowid, 'task', id, class, audience, place, subject, gone <> '', 0, '', 0, level FROM task
  WHERE subject >= ?1 AND subject < ?1 || '.' AND +rev > ?2 AND +rev <= ?3;

-- name: record_subject
SELECT rev, rec, 'record', id, class, iif(class = 5, author, ''), place, subject, effect <> 1, hlc, form, fv, '' FROM record
  WHERE subject >= ?1 AND subject < ?1 || '.' AND +rev > ?2 AND +rev <= ?3 AND outcome = 1;

-- The next place.
-- name: entity_next
SELECT place FROM entity WHERE place > ?1 AND place < ?2 ORDER BY place LIMIT 1;

-- name: task_next
SELECT place FROM task WHERE place > ?1 AND place < ?2 ORDER BY place LIMIT 1;

-- name: record_next
SELECT place FROM record WHERE place > ?1 AND place < ?2 ORDER BY place LIMIT 1;

-- Of the whole county.
-- name: held_all
SELECT rev, rec, 'held', id, class, iif(class = 5, author, ''), place, subject, 0, hlc, form, fv, '' FROM record
  WHERE outcome = 2 AND +rev > ?2 AND +rev <= ?3;

-- name: left_all
SELECT rev, feed_left, kind, id, class, audience, place, subject, 1, 0, form, fv, level FROM feed_left
  WHERE rev > ?2 AND rev <= ?3 ORDER BY rev;

-- One row as it is now.
-- name: entity_now
SELECT rev, rowid, kind, id, class, audience, place, subject, gone <> '', 0, '', 0, '' FROM entity
  WHERE kind = ?1 AND id = ?2;

-- name: task_now
SELECT rev, rowid, 'task', id, class, audience, place, subject, gone <> '', 0, '', 0, level FROM task
  WHERE id = ?2;

-- name: record_now
SELECT rev, rec, 'record', id, class, iif(class = 5, author, ''), place, subject, effect <> 1, hlc, form, fv, '' FROM record
  WHERE id = ?2 AND outcome = 1;

-- name: held_now
SELECT rev, rec, 'held', id, class, iif(class = 5, author, ''), place, subject, 0, hlc, form, fv, '' FROM record
  WHERE id = ?2 AND outcome = 2;

-- What is sent of a row. Rows fact.* that views found of a household stand in place of its facts.
-- name: entity_doc
SELECT rev, kind, id, place, iif(kind = 'household', coalesce(json_patch(doc, (
    SELECT json_group_object(substr(l.view, 6), json(l.doc -> '$.value')) FROM ledger l
      WHERE l.subject = entity.id AND l.view > 'fact.' AND l.view < 'fact/' HAVING count(*) > 0)),
    doc), doc), seen, conflicts, checks FROM entity WHERE rowid = ?1;

-- name: task_doc
SELECT rev, 'task', id, place, doc FROM task WHERE rowid = ?1;

-- name: record_doc
SELECT rev, '', id_text(id), place, coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body),
    form, fv, problems FROM record WHERE rec = ?1;

-- name: left_doc
SELECT rev, kind, CASE typeof(id) WHEN 'blob' THEN id_text(id) ELSE id END FROM feed_left
  WHERE feed_left = ?1;

-- Has anything in a place changed since?
-- name: entity_last
SELECT rev FROM entity WHERE place = ?1 ORDER BY rev DESC LIMIT 1;

-- name: task_last
SELECT rev FROM task WHERE place = ?1 ORDER BY rev DESC LIMIT 1;

-- name: record_last
SELECT rev FROM record WHERE place = ?1 ORDER BY rev DESC LIMIT 1;

-- name: left_since
SELECT 1 FROM feed_left WHERE rev > ?2 AND place = ?1 LIMIT 1;

-- What a device may read.
-- name: scope
SELECT item, added, removed FROM scope WHERE device = ?1 ORDER BY item;

-- Whose the device is.
-- name: authors
SELECT cadre FROM device_author WHERE device = ?1 ORDER BY cadre;
