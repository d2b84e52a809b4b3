"""Makes of a pipeline's pipeline.yaml the JSON schema that says as much of a deal as such a schema can.

    python3 schema.py sales/pipeline.yaml > deal.schema.json

What a deal must have for its stage is not in it: no schema of one file knows the folder that the file lies in.
"""

import json
import sys

import yaml

DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
MONEY = {"type": ["number", "string"], "pattern": r"^[-+]?\d+(\.\d+)?( [A-Z]{3})?$"}
NAMES = {
    "text": {"type": ["string", "number", "boolean"]},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "money": MONEY,
    "date": DATE,
    "boolean": {"type": "boolean"},
    "person": {"type": "string"},
    "path": {"type": "string"},
    "link": {"type": "string", "pattern": "^(https?://|mailto:)"},
    "deal": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,99}$"},
}
BUILT_IN = {
    "title": "text",
    "account": "text",
    "owner": "person",
    "amount": "money",
    "close_date": "date",
    "source": "text",
    "segment": "text",
    "region": "text",
    "next_step": {"what": "text", "due": "date"},
    "effort": {"list": {"on": "date", "who": "person", "hours": "number"}},
    "activity": {"list": {"on": "date", "who": "person", "what": "text", "note": "text"}},
    "payments": {"list": {"what": "text", "amount": "money", "due": "date", "paid_on": "date"}},
    "waivers": {"list": {"criterion": "text", "by": "person", "reason": "text", "on": "date"}},
    "approvals": None,
    "notes": "text",
    "was": {"list": "deal"},
    "confidence": "text",
    "category": "text",
    "follows": "deal",
}


def or_nothing(schema):
    """Every field may be left empty."""
    if "enum" in schema:
        return {**schema, "enum": schema["enum"] + [None]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": kinds + ["null"]}


def of(kind):
    if kind is None:
        return {"type": "object"}
    if isinstance(kind, str):
        return NAMES[kind]
    if "type" in kind:
        return of(kind["type"])
    if "enum" in kind:
        return {"enum": kind["enum"]}
    if "list" in kind:
        return {"type": "array", "items": of(kind["list"])}
    return block(kind)


def block(fields):
    required = [name for name, kind in fields.items() if isinstance(kind, dict) and kind.get("required") is True]
    return {
        "type": "object",
        "properties": {name: or_nothing(of(kind)) for name, kind in fields.items()},
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "required": required,
    }


def schema(pipeline):
    deal = block({**BUILT_IN, **pipeline.get("fields", {})})
    return {"$schema": "http://json-schema.org/draft-07/schema#", **deal}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump(schema(yaml.load(file, yaml.CSafeLoader)), sys.stdout, indent=1)
