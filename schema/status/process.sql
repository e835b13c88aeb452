-- status: process
-- The board. leaders: townships for which a leader of the county answers, of all. At the county besides: of
-- the items of lists and orders, those due in this week (from Monday), month and quarter and those done
-- of them, how many are open, overdue and carried over, and in which of the last three months the county
-- dispatched.
WITH town AS MATERIALIZED (
  SELECT c.subject, l.num FROM changed c CROSS JOIN ledger l ON l.subject = c.subject AND l.view = 'leader.town'
  UNION ALL
  SELECT c.subject, l.num FROM changed c CROSS JOIN ledger l ON l.place = c.subject AND l.view = 'leader.town'),
county AS MATERIALIZED (SELECT subject FROM changed WHERE substr(subject, 7) = '000000'),
item AS MATERIALIZED (
  SELECT c.subject, o.doc ->> '$.due' AS due, o.doc ->> '$.done' AS done, o.doc ->> '$.carried' AS carried
    FROM county c CROSS JOIN ledger o ON o.place = c.subject AND o.view = 'order'),
span AS (
  SELECT 'week' AS name, date(today(), '-6 days', 'weekday 1') AS first,
         date(today(), '-6 days', 'weekday 1', '+6 days') AS last
  UNION ALL
  SELECT 'month', date(today(), 'start of month'), date(today(), 'start of month', '+1 month', '-1 day')
  UNION ALL
  SELECT 'quarter', date(today(), 'start of month', '-' || ((strftime('%m', today()) + 2) % 3) || ' months'),
         date(today(), 'start of month', '-' || ((strftime('%m', today()) + 2) % 3) || ' months', '+3 months', '-1 day'))
SELECT subject AS place, 'board' AS section, 'leaders' AS name,
       json_object('num', CAST(sum(num) AS INTEGER), 'den', count(*), 'ok', json(iif(sum(num) = count(*), 'true', 'false')))
         AS value
  FROM town GROUP BY subject
UNION ALL
SELECT c.subject, 'board', p.name, json_object('first', p.first, 'last', p.last,
         'due', (SELECT count(*) FROM item i WHERE i.subject = c.subject AND i.due BETWEEN p.first AND p.last),
         'done', (SELECT count(*) FROM item i
                   WHERE i.subject = c.subject AND i.due BETWEEN p.first AND p.last AND i.done IS NOT NULL))
  FROM county c CROSS JOIN span p
UNION ALL
SELECT c.subject, 'board', 'items', json_object(
         'open', (SELECT count(*) FROM item i WHERE i.subject = c.subject AND i.done IS NULL),
         'overdue', (SELECT count(*) FROM item i WHERE i.subject = c.subject AND i.done IS NULL AND i.due < today()),
         'carried', (SELECT count(*) FROM item i WHERE i.subject = c.subject AND i.done IS NULL AND i.carried > 0))
  FROM county c
UNION ALL
SELECT c.subject, 'board', 'dispatch', (
    SELECT json_group_object(m.month, json(iif(EXISTS (
             SELECT 1 FROM task t WHERE t.id = 'T-Z1-' || c.subject || '-dispatch-' || m.month AND t.closed <> ''),
             'true', 'false')))
      FROM (SELECT substr(date(today(), 'start of month', '-2 months'), 1, 7) AS month
            UNION ALL SELECT substr(date(today(), 'start of month', '-1 month'), 1, 7)
            UNION ALL SELECT substr(today(), 1, 7)) m)
  FROM county c
