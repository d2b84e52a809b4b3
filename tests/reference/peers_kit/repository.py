"""A repository with a pipeline, read with git and PyYAML alone, and what tussock says of the same."""

import csv
import datetime
import io
import json
import os
import subprocess
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

import yaml

# Folders below a pipeline that hold no deals.
RESERVED = {"templates", "reports"}
# Digits behind the point that people write; every other currency has two.
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "HUF": 2, "KWD": 3, "BHD": 3, "TND": 3}


def seconds(text):
    """Seconds since 1970 of a time as RFC 3339."""
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def rfc3339(time):
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Stage:
    id: str
    title: str
    probability: float | None
    optional: bool
    was: list


@dataclass
class End:
    id: str
    kind: str
    was: list


class Pipeline:
    """The parts of a pipeline file that numbers depend on."""

    def __init__(self, text):
        # The base loader leaves every scalar a text, so that no amount passes through a float.
        self.told = yaml.load(text, yaml.CBaseLoader)
        self.currency = self.told["currency"]
        self.timezone = ZoneInfo(self.told.get("timezone", "UTC"))
        self.stages = [self._stage(item) for item in self.told["stages"]]
        self.ends = [End(item["id"], item["kind"], _list(item.get("was"))) for item in self.told.get("ends", [])]
        ids = [stage.id for stage in self.stages]
        won_at = self.told.get("won_at")
        self.won_index = ids.index(won_at) if won_at else len(ids)
        self.has_won_end = any(end.kind == "won" for end in self.ends)
        self._spots = {stage.id: number for number, stage in enumerate(self.stages)}
        self._spots |= {end.id: end.kind for end in self.ends}
        self._older = {old: item.id for item in [*self.stages, *self.ends] for old in item.was}

    @staticmethod
    def _stage(item):
        item = {"id": item} if isinstance(item, str) else item
        share = item.get("probability")
        if share is not None:
            share = float(share.rstrip(" %")) / 100 if share.endswith("%") else float(share)
        return Stage(item["id"], item.get("title"), share, item.get("optional") == "true", _list(item.get("was")))

    def spot(self, folder):
        """The number of a stage, the kind of an end (won, lost, recycled), or None; older names count."""
        return self._spots.get(folder if folder in self._spots else self._older.get(folder))

    def status(self, spot):
        if spot in ("won", "lost", "recycled"):
            return spot
        return "won" if spot is not None and spot >= self.won_index else "open"

    def status_of_folder(self, folder):
        """As `status`, of a folder by the name it has now."""
        return self.status(self._spots.get(folder))

    def skips(self, start, end):
        """Whether a move between stages leaves out one that is not optional."""
        return any(not stage.optional for stage in self.stages[start + 1 : end])

    def day(self, time):
        return datetime.datetime.fromtimestamp(time, self.timezone).date()

    def end_of_day(self, day):
        """The last second of a day in the pipeline's time zone."""
        after = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), self.timezone)
        return int(after.timestamp()) - 1

    def begin_of_day(self, day):
        return int(datetime.datetime.combine(day, datetime.time(), self.timezone).timestamp())

    @property
    def minor_digits(self):
        return MINOR_DIGITS.get(self.currency, 2)


def _list(value):
    return [value] if isinstance(value, str) else list(value or [])


@dataclass
class Deal:
    """A deal file at one commit; every scalar is a text."""

    id: str
    stage: str
    fields: dict = field(default_factory=dict)

    def text(self, path):
        """A field as text, dotted; None where it is missing or empty."""
        value = self.fields
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) and value.strip() else None

    def money(self, currency):
        """(Decimal, currency), or None."""
        return parse_money(self.text("amount"), currency)


def parse_money(text, currency):
    """`18000`, `18000.50 USD` or `USD 18000` as a decimal number and a currency; None for no text."""
    if not text:
        return None
    parts = text.split()
    number = next(part for part in parts if not part.isalpha())
    code = next((part for part in parts if part.isalpha()), currency)
    return Decimal(number), code


@dataclass
class Commit:
    id: str
    parents: list
    author_time: int
    #: When the line came to know it: the committer's clock, never running backwards.
    known: int


class Repository:
    """One pipeline in one repository."""

    def __init__(self, path, tussock, pipeline=None):
        self.path = str(path)
        self.tussock_path = tussock
        top = self.git("rev-parse", "--show-toplevel").strip()
        self.path = top
        names = self.git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
        folders = sorted(os.path.dirname(name) for name in names if os.path.basename(name) == "pipeline.yaml")
        if pipeline is not None:
            folders = [folder for folder in folders if folder == pipeline]
        if len(folders) != 1:
            raise SystemExit(f"{path}: expected one pipeline, found {folders or 'none'}")
        self.folder = folders[0]
        self.line = self._line()
        self._snapshots = {}

    # git

    def git(self, *args, data=None):
        ran = subprocess.run(["git", "-C", self.path, *args], capture_output=True, input=data, check=True)
        return ran.stdout.decode("utf-8", "surrogateescape")

    def _line(self):
        """The commits of the branch, first parents only, oldest first."""
        known = None
        line = []
        for row in self.git("log", "--first-parent", "--reverse", "--format=%H %at %ct %P").splitlines():
            commit, author_time, committer_time, *parents = row.split()
            known = int(committer_time) if known is None else max(known, int(committer_time))
            line.append(Commit(commit, parents, int(author_time), known))
        return line

    def last_known(self, time):
        """The last commit that the branch knew at a time; None before the first."""
        return next((commit for commit in reversed(self.line) if commit.known <= time), None)

    def pipeline_at(self, commit):
        return Pipeline(self.git("show", f"{commit}:{self._below('pipeline.yaml')}"))

    def _below(self, name):
        return f"{self.folder}/{name}" if self.folder else name

    def _place(self, path):
        """The deal and the folder of a path in the repository; None for all that is no deal."""
        if self.folder:
            if not path.startswith(self.folder + "/"):
                return None
            path = path[len(self.folder) + 1 :]
        parts = path.split("/")
        if len(parts) < 2 or parts[0] in RESERVED or parts[0].startswith(".") or not parts[-1].endswith(".yaml"):
            return None
        return parts[-1][: -len(".yaml")], parts[0]

    def deals_at(self, commit):
        """All deal files of a commit, read with PyYAML: id -> Deal."""
        if commit not in self._snapshots:
            blobs = {}
            for row in self.git("ls-tree", "-r", "-z", commit).split("\0"):
                about, _, path = row.partition("\t")
                place = self._place(path)
                if place:
                    blobs[place] = about.split()[2]
            deals = {}
            for (deal, stage), text in zip(blobs, self._texts(list(blobs.values()))):
                deals[deal] = Deal(deal, stage, yaml.load(text, yaml.CBaseLoader) or {})
            self._snapshots[commit] = deals
        return self._snapshots[commit]

    def removed(self, deal, stage, commit):
        """A deal as it was before the commit that removed it from a stage."""
        rows = self.git("ls-tree", "-r", "-z", f"{commit}^", "--", self._below(stage)).split("\0")
        blob = next(row.split()[2] for row in rows if row.endswith(f"/{deal}.yaml"))
        return Deal(deal, stage, yaml.load(next(self._texts([blob])), yaml.CBaseLoader) or {})

    def _texts(self, blobs):
        """The bytes of blobs, in order, of one `git cat-file --batch`."""
        command = ["git", "-C", self.path, "cat-file", "--batch"]
        ran = subprocess.run(command, input="".join(f"{blob}\n" for blob in blobs).encode(), capture_output=True, check=True)
        stream = io.BytesIO(ran.stdout)
        for _ in blobs:
            size = int(stream.readline().split()[2])
            yield stream.read(size)
            stream.read(1)

    def moves_from_git(self):
        """What first-parent commits did to deals, by comparing trees: of commits that are no merges (commit, deal, event,
        from, to); of merges the place (commit, deal, folder) that they left a deal in, for what happened inside a merged
        branch is not on the line."""
        raw = self.git("log", "--first-parent", "-m", "--reverse", "--root", "--raw", "--no-renames", "-z", "--format=%x01%H")
        merges = {commit.id for commit in self.line if len(commit.parents) > 1}
        where, gone = {}, set()
        events, places = [], []
        for chunk in raw.split("\x01")[1:]:
            commit = chunk[:40]
            left, came = set(), {}
            entries = chunk[40:].strip("\0\n").split("\0")
            for about, path in zip(entries[::2], entries[1::2]):
                place = self._place(path)
                if place and about.endswith("A"):
                    came[place[0]] = place[1]
                elif place and about.endswith("D"):
                    left.add(place[0])
            for deal in sorted(left | came.keys()):
                old, new = where.get(deal), came.get(deal)
                if commit in merges:
                    places.append((commit, deal, new))
                elif old is None:
                    events.append((commit, deal, "restored" if deal in gone else "created", "", new))
                elif new is None:
                    events.append((commit, deal, "removed", old, ""))
                elif old != new:
                    events.append((commit, deal, "moved", old, new))
                if new is None:
                    where.pop(deal, None)
                    gone.add(deal)
                else:
                    where[deal] = new
        return events, places

    def brought(self, merge):
        """The commits that a merge brings to the line, itself among them."""
        return set(self.git("rev-list", merge, f"^{merge}^1").split())

    # tussock

    def tussock(self, *args):
        command = [self.tussock_path, "-C", os.path.join(self.path, self.folder), *args]
        surroundings = {name: value for name, value in os.environ.items() if name != "TUSSOCK_TODAY"}
        ran = subprocess.run(command, capture_output=True, env=surroundings)
        if ran.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {ran.stderr.decode()}")
        return ran.stdout.decode()

    def report(self, name, *args):
        return json.loads(self.tussock("report", name, "--format", "json", *args))

    def log(self):
        """The event log as tussock tells it: a list of dicts."""
        return list(csv.DictReader(io.StringIO(self.tussock("log", "--format", "csv"))))
