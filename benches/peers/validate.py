"""What a team writes that checks its deals by itself: one process, libyaml's loader, jsonschema, and a rule for stages.

    python3 validate.py sales

Prints one line for each thing wrong and ends with 1 where there is any. Needs PyYAML (with libyaml) and jsonschema.
"""

import datetime
import pathlib
import re
import sys

import jsonschema
import yaml

from schema import schema


class Loader(yaml.CSafeLoader):
    """Reads words as YAML 1.2 does: dates stay text, and `on` is a name."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, match) for tag, match in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), "tTfF")


def at(deal, path):
    for part in path.split("."):
        deal = deal.get(part) if isinstance(deal, dict) else None
    return deal


def demands(pipeline):
    """For each place the criteria that a deal there must meet: fields that are filled, marks that are true."""
    before, places = [], {}
    for stage in pipeline["stages"]:
        places[stage["id"]] = before + stage.get("entry", [])
        before = before + stage.get("exit", [])
    for end in pipeline["ends"]:
        places[end["id"]] = (before if end["kind"] == "won" else []) + end.get("entry", [])
    return places


def main(root):
    pipeline = yaml.load((root / "pipeline.yaml").read_bytes(), Loader)
    validator = jsonschema.Draft7Validator(schema(pipeline))
    places = demands(pipeline)
    stages = {stage["id"] for stage in pipeline["stages"]}
    today = datetime.date.today().isoformat()
    seen, wrong = {}, 0

    def tell(path, what):
        nonlocal wrong
        wrong += 1
        print(f"{path}: {what}")

    for path in sorted(root.rglob("*.yaml")):
        place = path.relative_to(root).parts[0]
        if path.name == "pipeline.yaml" or place in ("templates", "reports"):
            continue
        if place not in places:
            tell(path, f"{place} is no stage")
            continue
        if path.stem in seen:
            tell(path, f"lies in {seen[path.stem]} too")
        seen[path.stem] = place
        try:
            deal = yaml.load(path.read_bytes(), Loader)
        except yaml.YAMLError as error:
            tell(path, error)
            continue
        for error in validator.iter_errors(deal):
            tell(path, f"{'.'.join(map(str, error.path))}: {error.message}")
        for criterion in places[place]:
            for field in criterion.get("require", []):
                if at(deal, field) in (None, "", [], {}):
                    tell(path, f"{criterion['id']}: {field} is missing")
            # Expressions are of the form `block.mark` in the generated pipelines.
            if "check" in criterion and at(deal, criterion["check"]) is not True:
                tell(path, f"{criterion['id']}: {criterion['check']} is not true")
        if place in stages:
            if not (at(deal, "next_step.what") and at(deal, "next_step.due")):
                tell(path, "has no next step")
            if (at(deal, "close_date") or today) < today:
                tell(path, f"close_date {deal['close_date']} is over")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
