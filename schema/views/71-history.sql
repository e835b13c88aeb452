-- view: history
-- level: household
-- forms: hh.facts
-- reads: status members
-- keeps: history
-- What the files of a village ask of its households at past moments (78-exit-village), so that they are
-- asked again when it changes: {"since": the stamp of the first facts, "members": [[since, left]…]} as
-- 05-members has them. Of households that are or were poor or in need of visits, or whose facts were
-- written more than once: all others can have changed only when they were imported.
SELECT c.subject, 'history' AS name, s.place, NULL AS num, NULL AS den, json_object(
         'since', (SELECT min(r.hlc) FROM stored_record r WHERE r.subject = c.subject AND r.form = 'hh.facts'),
         'members', (SELECT json_group_array(json_array(q.value ->> '$.since', q.value ->> '$.left'))
                       FROM ledger m CROSS JOIN json_each(unsealed(m.doc)) q
                      WHERE m.subject = c.subject AND m.view = 'members')) AS doc
  FROM changed c CROSS JOIN ledger s ON s.subject = c.subject AND s.view = 'status'
 WHERE NOT (mentions(s.doc, '"status":"none"') AND mentions(s.doc, '"turns":null'))
    OR EXISTS (SELECT 1 FROM stored_record r WHERE r.subject = c.subject AND r.form = 'hh.facts' LIMIT 1 OFFSET 1)
