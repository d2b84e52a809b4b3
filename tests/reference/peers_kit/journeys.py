"""Visits of deals to stages, made of the rows of an event log by the definitions of docs/history.md and docs/reports.md."""

from dataclasses import dataclass, field

from .repository import seconds

# Ten deals or more that appear in one commit at the beginning are an import.
IMPORT = 10
# Times that no clock can have shown.
FIRST_CLOCK, LAST_CLOCK = 86_400, 2**31 - 1


@dataclass
class Visit:
    deal: str
    folder: str
    spot: object
    entered: int
    left: int | None = None
    #: Whether the true beginning is not known.
    untimed: bool = False
    #: Whether it ended with a move.
    moved_on: bool = False

    def length(self, as_of):
        """(seconds, whether it ended), or None."""
        if self.untimed:
            return None
        end = as_of if self.left is None else self.left
        return max(end - self.entered, 0), self.moved_on


@dataclass
class Journey:
    deal: str
    visits: list = field(default_factory=list)
    outcome: str = "open"
    #: When it came to stand so.
    decided: int | None = None

    @property
    def until(self):
        """When the last visit ended; None while it lasts."""
        return self.visits[-1].left


def imports(rows):
    """The commits at the beginning of a log that bring in many deals at a time."""
    found, group, known = set(), [], None

    def settle():
        if len(group) < IMPORT:
            return False
        found.update(group)
        return True

    for row in rows:
        if row["known_at"] != known:
            if known is not None and not settle():
                return found
            group, known = [], row["known_at"]
        if row["event"] == "created":
            group.append(row["commit"])
    if known is not None:
        settle()
    return found


def odd(time):
    return not FIRST_CLOCK <= time <= LAST_CLOCK


def journeys(pipeline, rows, as_of):
    """The journeys of all deals, as known at a time (seconds since 1970): id -> Journey."""
    known = [row for row in rows if seconds(row["known_at"]) <= as_of]
    imported = imports(sorted(known, key=lambda row: row["known_at"]))
    found = {}
    for row in known:
        event, at = row["event"], seconds(row["at"])
        if event not in ("created", "moved", "removed", "restored"):
            continue
        journey = found.setdefault(row["deal"], Journey(row["deal"]))
        last = journey.visits[-1] if journey.visits else None
        if event in ("moved", "removed") and last and last.left is None:
            last.left, last.moved_on = max(at, last.entered), event == "moved"
            last.untimed |= odd(at)
        if event != "removed":
            untimed = odd(at) or (event == "created" and row["commit"] in imported)
            journey.visits.append(Visit(row["deal"], row["to"], pipeline.spot(row["to"]), at, untimed=untimed))
    for journey in found.values():
        settle(pipeline, journey)
    return found


def settle(pipeline, journey):
    """What is known last decides; a closed deal whose file was removed stays what it was."""
    last = journey.visits[-1]
    status = pipeline.status(last.spot)
    if status == "open":
        if last.left is not None:
            journey.outcome, journey.decided = "withdrawn", last.left
        return
    journey.outcome = status
    for visit in reversed(journey.visits):
        if pipeline.status(visit.spot) != status:
            break
        journey.decided = visit.entered
