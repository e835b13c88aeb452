#!/usr/bin/python3
"""The subscriber one would write in Python: paho-mqtt, jsonschema, sqlite3, 512 records a
transaction, a receipt after the commit. It knows no authority, merge or tasks.

subscriber.py PORT PASSWORD_FILE COUNTY DATABASE FORMS_DIR"""
import glob
import json
import queue
import sqlite3
import sys
import uuid

import paho.mqtt.client as mqtt
from jsonschema import Draft202012Validator

PORT, PASSWORD_FILE, COUNTY, DATABASE, FORMS = sys.argv[1:]
TRANSACTION = 512
INSERT = """INSERT INTO record(id, form, fv, outcome, effect, subject, place, hlc, author, device,
    seq, via, received_ms, rev, class, body)
    VALUES(?, ?, ?, 1, 1, ?, ?, 0, ?, ?, ?, '', 0, ?, 0, ?)"""

messages = queue.SimpleQueue()


def load_forms():
    forms = {}
    for path in glob.glob(FORMS + "/*.json"):
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        forms[schema["x-form"], schema["x-version"]] = Draft202012Validator(schema)
    return forms


def take(forms, payload, rows, receipts, rev):
    envelope = json.loads(payload)
    device = envelope["device"]
    for r in envelope["records"]:
        errors = list(forms[r["form"], r["fv"]].iter_errors(r["data"]))
        if errors:
            outcome = {"id": r["id"], "seq": r["seq"], "outcome": "rejected",
                       "errors": [{"path": e.json_path, "en": e.message} for e in errors]}
        else:
            outcome = {"id": r["id"], "seq": r["seq"], "outcome": "stored"}
            rev += 1
            rows.append((uuid.UUID(r["id"]).bytes, r["form"], r["fv"], r["subject"],
                         r["subject"][:12], r["by"], device, r["seq"], rev,
                         json.dumps(r, ensure_ascii=False)))
        receipts.setdefault(device, []).append(outcome)
    return rev


def commit(client, db, rows, receipts):
    with db:
        db.executemany(INSERT, rows)
    for device, outcomes in receipts.items():
        client.publish(f"zf/1/{COUNTY}/down/{device}/receipts",
                       json.dumps({"v": 1, "device": device, "receipts": outcomes},
                                  separators=(",", ":")), qos=1)


def main():
    forms = load_forms()
    db = sqlite3.connect(DATABASE)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 8000")
    client = mqtt.Client(client_id="zoufang", clean_session=True)
    client.username_pw_set("zoufang", open(PASSWORD_FILE).read().strip())
    client.max_inflight_messages_set(500)
    client.on_message = lambda c, u, m: messages.put(m.payload)
    client.on_connect = lambda c, u, f, rc: c.subscribe(f"zf/1/{COUNTY}/up/+/records", qos=1)
    client.on_subscribe = lambda c, u, mid, qos: print("ready", flush=True)
    client.connect("127.0.0.1", int(PORT))
    client.loop_start()
    rev = 1000000000
    while True:
        rows, receipts = [], {}
        payload = messages.get()
        while payload is not None:
            rev = take(forms, payload, rows, receipts, rev)
            try:
                payload = messages.get_nowait() if len(rows) < TRANSACTION else None
            except queue.Empty:
                payload = None
        commit(client, db, rows, receipts)


main()
