-- Rows that readers could see and perhaps no longer can, as they were before: the feed owes those
-- readers a `gone`. (A row with `gone` set, or a record withdrawn, tells that by itself.)
-- So whoever writes these tables gives a change of class, audience, place, subject or outcome a new
-- `rev` in the same statement, and deletes no row (or calls feed_begin_anew). Tasks may be written
-- by REPLACE, the others by UPDATE or upsert.
CREATE TABLE IF NOT EXISTS feed_left(
  feed_left INTEGER PRIMARY KEY,
  rev INTEGER NOT NULL, kind TEXT NOT NULL, id ANY NOT NULL,
  place TEXT NOT NULL, subject TEXT NOT NULL, class INTEGER NOT NULL, audience TEXT NOT NULL,
  form TEXT NOT NULL, fv INTEGER NOT NULL, level TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS feed_left_rev ON feed_left(rev);

CREATE TRIGGER IF NOT EXISTS feed_left_entity
AFTER UPDATE OF place, subject, class, audience ON entity
WHEN OLD.class <> NEW.class OR OLD.audience <> NEW.audience
  OR OLD.place <> NEW.place OR OLD.subject <> NEW.subject
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, OLD.kind, OLD.id, OLD.place, OLD.subject, OLD.class, OLD.audience, '', 0, '');
END;

CREATE TRIGGER IF NOT EXISTS feed_left_task
AFTER UPDATE OF place, subject, class, audience, level ON task
WHEN OLD.class <> NEW.class OR OLD.audience <> NEW.audience OR OLD.level <> NEW.level
  OR OLD.place <> NEW.place OR OLD.subject <> NEW.subject
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'task', OLD.id, OLD.place, OLD.subject, OLD.class, OLD.audience, '', 0,
         OLD.level);
END;

CREATE TRIGGER IF NOT EXISTS feed_left_task_replaced
BEFORE INSERT ON task
WHEN EXISTS (SELECT 1 FROM task WHERE id = NEW.id
  AND (class <> NEW.class OR audience <> NEW.audience OR level <> NEW.level
    OR place <> NEW.place OR subject <> NEW.subject))
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  SELECT NEW.rev, 'task', id, place, subject, class, audience, '', 0, level
    FROM task WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS feed_left_record
AFTER UPDATE OF place, class ON record
WHEN OLD.outcome = 1 AND (OLD.class <> NEW.class OR (OLD.place <> NEW.place AND OLD.place <> ''))
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'record', OLD.id, OLD.place, OLD.subject, OLD.class, '', OLD.form, OLD.fv, '');
END;

CREATE TRIGGER IF NOT EXISTS feed_left_held
AFTER UPDATE OF outcome, place, class ON record
WHEN OLD.outcome = 2 AND (NEW.outcome <> 2 OR OLD.class <> NEW.class OR OLD.place <> NEW.place)
BEGIN
  INSERT INTO feed_left(rev, kind, id, place, subject, class, audience, form, fv, level)
  VALUES(NEW.rev, 'held', OLD.id, OLD.place, OLD.subject, OLD.class, '', OLD.form, OLD.fv, '');
END;
