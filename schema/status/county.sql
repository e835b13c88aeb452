-- status: county
-- What the county is judged by as a whole: its exit (c.*), the days that are left, and how much is
-- asked of its cadres (submissions about households, villages, findings, projects, townships and itself
-- last month, of active cadres: to cut form-filling, never to rank anybody). An unknown figure or
-- parameter leaves ok null: where nobody looked for missed and wrongly exited ones, the incidence may be
-- too high but is never known to be low enough.
WITH n AS MATERIALIZED (
  SELECT c.subject,
    max(iif(i.name = 'v.incidence', i.num, NULL)) AS unexited,
    max(iif(i.name = 'v.incidence', i.den, NULL)) AS people,
    max(iif(i.name = 'people.unknown', i.num, 0)) AS people_unknown,
    max(iif(i.name = 'c.missed', i.num, NULL)) AS missed,
    max(iif(i.name = 'c.missed', i.den, NULL)) AS missed_all,
    max(iif(i.name = 'c.wrong_exit', i.num, NULL)) AS wrong,
    max(iif(i.name = 'c.wrong_exit', i.den, NULL)) AS wrong_all,
    max(iif(i.name = 'v.exited', i.num, NULL)) AS exited,
    max(iif(i.name = 'v.exited', i.den, NULL)) AS poor,
    max(iif(i.name = 'opinion.recognise', i.num, NULL)) AS recognise,
    max(iif(i.name = 'opinion.recognise', i.den, NULL)) AS surveyed,
    max(iif(i.name = 'water.safe', i.num, NULL)) AS safe,
    max(iif(i.name = 'water.unjudged', i.num, 0)) AS unjudged,
    max(iif(i.name = 'water.assessed', i.den, NULL)) AS homes,
    max(iif(i.name = 'burden', i.num, NULL)) AS burden
    FROM changed c LEFT JOIN indicator i ON i.place = c.subject
     AND i.name IN ('v.incidence', 'people.unknown', 'c.missed', 'c.wrong_exit', 'v.exited', 'opinion.recognise',
                    'water.safe', 'water.unjudged', 'water.assessed', 'burden')
   WHERE substr(c.subject, 7) = '000000' GROUP BY c.subject),
service AS MATERIALIZED (
  SELECT n.subject, p.name, round(100.0 * p.num / p.den, 1) AS pct,
         param('c.' || p.name || '_province_pct') + 0 AS province,
         CASE WHEN 100.0 * p.num / p.den >= param('c.' || p.name || '_province_pct') + 0 THEN 1
              WHEN 100.0 * (p.num + p.unjudged) / p.den < param('c.' || p.name || '_province_pct') + 0 THEN 0 END AS ok
    FROM n CROSS JOIN (
      SELECT i.place, substr(i.name, 3) AS name, i.num, i.den, 0 AS unjudged FROM changed c CROSS JOIN indicator i
       WHERE i.place = c.subject
         AND i.name IN ('v.road', 'v.power', 'v.broadband', 'v.clinic', 'v.culture')
      UNION ALL SELECT subject, 'safe_water', safe, homes, unjudged FROM n) p ON p.place = n.subject),
judged AS MATERIALIZED (
  SELECT subject, 'c.incidence' AS name, unexited + coalesce(missed, 0) + coalesce(wrong, 0) AS num, people AS den,
         CASE WHEN people_unknown > 0 THEN NULL
              WHEN 100.0 * (unexited + coalesce(missed, 0) + coalesce(wrong, 0)) / people
                   >= param('c.incidence_pct_max') + 0 THEN 0
              ELSE 100.0 * (unexited + missed + wrong) / people < param('c.incidence_pct_max') + 0 END AS ok FROM n
  UNION ALL
  SELECT subject, 'c.villages', exited, poor, exited >= poor FROM n
  UNION ALL
  SELECT subject, 'c.missed', missed, missed_all, 100.0 * missed / missed_all < param('c.missed_pct_max') + 0 FROM n
  UNION ALL
  SELECT subject, 'c.wrong_exit', wrong, wrong_all, 100.0 * wrong / wrong_all < param('c.wrong_exit_pct_max') + 0
    FROM n
  UNION ALL
  SELECT subject, 'c.recognise', recognise, surveyed,
         100.0 * recognise / surveyed >= param('c.recognise_pct_min') + 0 FROM n
  UNION ALL
  SELECT subject, 'c.income', param('c.income_growth_pct') + 0, param('c.income_growth_province_pct') + 0,
         param('c.income_growth_pct') + 0 > param('c.income_growth_province_pct') + 0 FROM n
  UNION ALL
  SELECT n.subject, 'c.services', (SELECT sum(s.ok) FROM service s WHERE s.subject = n.subject), 6,
         (SELECT CASE WHEN min(s.ok) = 0 THEN 0 WHEN count(s.ok) = 6 THEN 1 END
            FROM service s WHERE s.subject = n.subject) FROM n)
SELECT subject AS place, 'county' AS section, name,
       json_object('num', iif(round(num) = num, CAST(num AS INTEGER), num),
                   'den', iif(round(den) = den, CAST(den AS INTEGER), den),
                   'ok', json(CASE ok WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)) AS value
  FROM judged
UNION ALL
SELECT n.subject, 'county', 'c.exit', json_object('ok', json(CASE (
    SELECT CASE WHEN min(j.ok) = 0 THEN 0 WHEN count(j.ok) = 7 THEN 1 END FROM judged j WHERE j.subject = n.subject)
    WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)) FROM n
UNION ALL
SELECT subject, 'county', 'c.services.' || name, json_object('pct', pct, 'province_pct', province,
       'ok', json(CASE ok WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)) FROM service
UNION ALL
SELECT subject, 'county', 'days_left', json_object('until', param('campaign.housing.stop'),
       'days', CAST(julianday(param('campaign.housing.stop')) - julianday(today()) AS INTEGER)) FROM n
UNION ALL
SELECT n.subject, 'county', 'burden', json_object(
       'month', substr(date(today(), 'start of month', '-1 day'), 1, 7),
       'num', CAST(coalesce(burden, 0) + (
         SELECT total(b.num) FROM ledger b WHERE b.place = n.subject AND b.view = 'burden') AS INTEGER), 'den', CAST(l.num AS INTEGER))
  FROM n LEFT JOIN ledger l ON l.subject = n.subject AND l.view = 'cadres'
