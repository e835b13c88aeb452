-- view: dq-visit
-- level: household
-- forms: visit.household inspect.housing inspect.water inspect.env lookback.relocation register.division village.survey
-- keeps: fault.visit dq.visit.0 dq.visit.1 dq.visit.2 dq.visit.3 dq.visit.4 dq.visit.5 dq.visit.6 dq.visit.7 dq.visit.8 dq.visit.9 dq.visit.10 dq.visit.11 dq.visit.12 dq.visit.13 dq.visit.14 dq.visit.15 dq.visit.16 dq.visit.17 dq.visit.18 dq.visit.19 dq.visit.20 dq.visit.21 dq.visit.22 dq.visit.23 dq.visit.24 dq.visit.25 dq.visit.26 dq.visit.27 dq.visit.28 dq.visit.29 dq.visit.30 dq.visit.31 dq.text.0 dq.text.1 dq.text.2 dq.text.3 dq.text.4 dq.text.5 dq.text.6 dq.text.7 dq.text.8 dq.text.9 dq.text.10 dq.text.11 dq.text.12 dq.text.13 dq.text.14 dq.text.15 dq.text.16 dq.text.17 dq.text.18 dq.text.19 dq.text.20 dq.text.21 dq.text.22 dq.text.23 dq.text.24 dq.text.25 dq.text.26 dq.text.27 dq.text.28 dq.text.29 dq.text.30 dq.text.31
-- Visits of a month that were recorded far from the village, until one is recorded near it; dq13: a
-- record made further than that from every village of the town, until one is made nearer (a town with
-- a village whose place is unknown: unknown). A degree is 111.2 km to the north and, at the county's
-- latitude, 95.9 km to the east. The visits of the thirteen months before the newest (at most 32)
-- besides lie under their author (`dq.visit.*`) and under what was written of them (`dq.text.*`; long
-- texts under their beginning and a hash), for the rules that compare households.
WITH made AS MATERIALIZED (
  SELECT c.subject, r.form, r.hlc, r.id, r.author, hlc_day(r.hlc) AS day,
         r.body ->> '$.data.mode' = 'in_person' AS visited,
         r.body ->> '$.gps.lat' AS lat, r.body ->> '$.gps.lng' AS lng,
         iif(r.form = 'visit.household', r.body -> '$.data', NULL) AS data
    FROM changed c CROSS JOIN stored_record r
      ON r.subject = c.subject AND r.form IN ('visit.household', 'inspect.housing', 'inspect.water',
                                              'inspect.env', 'lookback.relocation')),
-- the square of the distance from the own village
placed AS MATERIALIZED (
  SELECT m.subject, m.form, m.hlc, m.id, m.day, m.visited, m.lat, m.lng,
         111.2 * 111.2 * (m.lat - (v.doc ->> '$.lat')) * (m.lat - (v.doc ->> '$.lat'))
         + 95.9 * 95.9 * (m.lng - (v.doc ->> '$.lng')) * (m.lng - (v.doc ->> '$.lng')) AS d2
    FROM made m LEFT JOIN entity v ON v.kind = 'division' AND v.id = substr(m.subject, 1, 12)
   WHERE m.lat IS NOT NULL),
far AS (
  SELECT subject, day, hlc, d2 > param('visit.far_km') * param('visit.far_km') AS far
    FROM placed WHERE form = 'visit.household' AND visited AND d2 IS NOT NULL),
-- only what is far from its own village is held against the others of the town
judged AS MATERIALIZED (
  SELECT p.*, CASE WHEN d2 <= param('dq.gps_km') * param('dq.gps_km') THEN 0
         ELSE d2 > param('dq.gps_km') * param('dq.gps_km') AND (
                 SELECT count(*) = count(v.doc ->> '$.lat') AND min(
                          111.2 * 111.2 * (p.lat - (v.doc ->> '$.lat')) * (p.lat - (v.doc ->> '$.lat'))
                          + 95.9 * 95.9 * (p.lng - (v.doc ->> '$.lng')) * (p.lng - (v.doc ->> '$.lng')))
                        > param('dq.gps_km') * param('dq.gps_km')
                   FROM entity v WHERE v.kind = 'division' AND v.id > substr(p.subject, 1, 9) || '000'
                    AND v.id < substr(p.subject, 1, 9) || ':' AND v.gone = '') END AS lost
    FROM placed p WHERE d2 IS NOT NULL),
lost AS (
  SELECT subject, hlc, id, day, lead(day) OVER (PARTITION BY subject ORDER BY hlc, id) AS until, lost
    FROM (
      SELECT *, lag(lost, 1, 0) OVER (PARTITION BY subject ORDER BY hlc, id) AS before
        FROM judged WHERE lost IS NOT NULL)
   WHERE lost <> before),
told AS (
  SELECT subject, NULL AS part, substr(day, 1, 7) AS cycle, min(day) AS opened, (
           SELECT min(n.day) FROM far n WHERE n.subject = f.subject AND NOT n.far AND n.hlc > max(f.hlc)) AS closed,
         NULL AS id
    FROM far f WHERE far GROUP BY subject, substr(day, 1, 7)
  UNION ALL
  SELECT subject, 'dq13', row_number() OVER (PARTITION BY subject ORDER BY hlc, id), day, until, id
    FROM lost WHERE lost),
visit AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY hlc, id) AS n,
         row_number() OVER (PARTITION BY subject ORDER BY hlc DESC, id DESC) AS back,
         date(max(day) OVER (PARTITION BY subject), '-13 months') AS since,
         coalesce(lead(day) OVER (PARTITION BY subject ORDER BY hlc, id), '9999') AS until,
         (SELECT group_concat(text, char(10)) FROM (
            SELECT i.value ->> '$.text' AS text FROM json_each(m.data, '$.issues') i
            UNION ALL SELECT i.value ->> '$.text' FROM json_each(m.data, '$.measures') i
            UNION ALL SELECT m.data ->> '$.event_text')) AS text
    FROM made m WHERE form = 'visit.household' AND substr(subject, 14) <> '00-0000')
SELECT subject, 'fault.visit' AS name, NULL AS place, NULL AS num, NULL AS den,
       json_group_array(json_object('part', part, 'cycle', cycle, 'opened', opened, 'closed', closed,
         'cause', id_text(id),
         'zh', iif(part IS NULL, '核实数据:走访定位远离本村', '核实数据:定位远离本乡镇各村'),
         'en', iif(part IS NULL, 'Check the data: the visit was recorded far from the village',
                                 'Check the data: recorded far from every village of the town'))) AS doc
  FROM (SELECT * FROM told ORDER BY subject, part, cycle) GROUP BY subject
UNION ALL
SELECT subject, 'dq.visit.' || (n % 32), 'by:' || author, NULL, NULL,
       json_object('n', n, 'hlc', hlc, 'id', id_text(id), 'day', day,
         'on', date(upper(data ->> '$.start'), '+8 hours'), 'from', unixepoch(upper(data ->> '$.start')),
         'to', unixepoch(upper(data ->> '$.end')), 'photos', data -> '$.photos')
  FROM visit WHERE visited AND day >= since AND back <= 32
UNION ALL
SELECT subject, 'dq.text.' || (n % 32), 'text:' || iif(length(text) <= 400, text, substr(text, 1, 300)
         || printf(' %02d%02d%02d%02d%02d%02d%02d%02d', sample('1' || text), sample('2' || text), sample('3' || text),
                   sample('4' || text), sample('5' || text), sample('6' || text), sample('7' || text),
                   sample('8' || text))), NULL, NULL,
       json_object('n', n, 'hlc', hlc, 'id', id_text(id), 'day', day, 'until', until)
  FROM visit WHERE text <> '' AND day >= since AND back <= 32
