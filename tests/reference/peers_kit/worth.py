"""What deals were worth when, by the event log, and conversion by amount; win rates in the ways people count them."""

from decimal import Decimal

import numpy

from .funnel import holds, next_time, won_time
from .repository import parse_money, seconds
from .survival import step, variance_of_first, wilson_share

# Earlier than all clocks.
ALWAYS = -(2**63)
EPSILON = 2.220446049250313e-16


class Tracks:
    """The values of told fields over time: the changes of the event log known at a time, and before the first one what the
    deal came in with, which is what that changed, or else what its file says to this day."""

    def __init__(self, repository, rows, deals, as_of):
        self.changes = {}
        known = [row for row in rows if seconds(row["known_at"]) <= as_of]
        for row in known:
            if row["event"] == "changed":
                told = self.changes.setdefault((row["deal"], row["field"]), [(ALWAYS, row["from"])])
                told.append((seconds(row["at"]), row["to"]))
        gone = {row["deal"]: row for row in known if row["event"] == "removed" and row["deal"] not in deals}
        files = deals | {deal: repository.removed(deal, row["from"], row["commit"]) for deal, row in gone.items()}
        for deal, file in files.items():
            for field in ("amount", "close_date"):
                self.changes.setdefault((deal, field), [(ALWAYS, file.text(field))])

    def of(self, deal, field):
        """(seconds, text or empty), oldest first."""
        return self.changes.get((deal, field), [])

    def at(self, deal, field, time):
        known = [text for at, text in self.of(deal, field) if at <= time]
        return (known[-1] or None) if known else None

    def worth(self, deal, time, currency):
        """The amount in the pipeline's currency; `foreign` for another currency, `missing` for none above zero."""
        return worth(parse_money(self.at(deal, "amount", time), currency), currency)


def worth(amount, currency):
    if amount is None:
        return "missing"
    if amount[1] != currency:
        return "foreign"
    return amount[0] if amount[0] > 0 else "missing"


def early(n):
    return {"state": "too_early", "n": n}


def known(value, n, low=None, high=None):
    return {"state": "known", "value": value, "n": n, "low": low, "high": high}


def by_amount(rows, currency, floor, estimated):
    """A share in which each deal counts with its amount; rows are (worth, seconds, cause), cause 1 got there."""
    own = sorted(((float(w), max(t, 0), c, w) for w, t, c in rows if not isinstance(w, str)), key=lambda row: row[1])
    total = lambda rows: {"amount": sum((row[3] for row in rows), Decimal(0)), "currency": currency}
    got = [row for row in own if row[2] == 1]
    finished = sum(row[2] > 0 for row in own)
    told = {
        "deals": len(own),
        "without_amount": sum(row[0] == "missing" for row in rows),
        "other_currency": sum(row[0] == "foreign" for row in rows),
        "raw": early(finished),
        "estimate": early(finished) if estimated else None,
        "entered": total(own),
        "reached": total(got),
    }
    if not own or finished < max(floor, 1):
        return told
    weights = numpy.array([row[0] for row in own])
    causes = numpy.array([row[2] for row in own])
    times = numpy.array([row[1] for row in own])
    kish = weights.sum() ** 2 / (weights**2).sum()
    ratio = float(told["reached"]["amount"] / told["entered"]["amount"])
    variance = float(((weights * ((causes == 1) - ratio)) ** 2).sum()) / float(weights.sum()) ** 2
    plain = ratio * (1 - ratio)
    relative = variance > EPSILON and plain > EPSILON
    low, high = wilson_share(ratio, max(min(plain / variance, kish) if relative else kish, 1.0))
    told["raw"] = known(ratio, len(own), min(low, ratio), max(high, ratio))
    if estimated:
        share, still, at_risk = 0.0, 1.0, weights.sum()
        for moment in numpy.unique(times):
            here = times == moment
            ended, arrived = weights[here & (causes > 0)].sum(), weights[here & (causes == 1)].sum()
            if ended > 0 and at_risk > 0:
                share += still * min(arrived / at_risk, 1.0)
                still *= max(1 - ended / at_risk, 0.0)
            at_risk -= weights[here].sum()
        share = float(min(max(share, 0.0), 1.0))
        precision = precision_of(times, causes) * kish / len(own)
        low, high = wilson_share(share, max(precision, 1.0))
        told["estimate"] = known(share, finished, min(low, share), max(high, share))
    return told


def precision_of(times, causes):
    """So many plain observations would give the competing-risk share the same precision."""
    unweighted = step(list(zip(times.tolist(), causes.tolist())), 1)
    share, finished = unweighted["estimate"]["value"], int((causes > 0).sum())
    variance, plain = variance_of_first(times, causes), share * (1 - share)
    return plain / variance if variance > EPSILON and plain > EPSILON else finished


def leg(rows, currency, floor, cohort):
    """How many of some deals got somewhere, by number and by amount; rows are (worth, seconds, cause)."""
    counted = step([(time, cause) for _, time, cause in rows], floor)
    estimate = counted["estimate"] if cohort else None
    told = {key: counted[key] for key in ("entered", "reached", "open", "raw")}
    return told | {"estimate": estimate, "by_amount": by_amount(rows, currency, floor, cohort)}


def watched(journey, start, there, as_of, goes_on=False):
    """(seconds, cause): got there (1), ended elsewhere (2), or still on its way (0)."""
    if there is not None:
        return there - start, 1
    if journey.decided is not None and not (goes_on and journey.outcome == "won"):
        return journey.decided - start, 2
    return (as_of if journey.until is None else journey.until) - start, 0


def conversion(pipeline, journeys, tracks, as_of, window, floors):
    """The cohorts' conversion to the next stage and to won."""
    floor, currency, count = floors["rate"], pipeline.currency, len(pipeline.stages)
    to_next, to_won, overall = ([[] for _ in range(count)], [[] for _ in range(count)], [])
    for journey in journeys.values():
        seen = set()
        for position, visit in enumerate(journey.visits):
            if not isinstance(visit.spot, int):
                continue
            index, start = visit.spot, visit.entered
            is_first, is_own_first = not seen, index not in seen
            seen.add(index)
            if not holds(window, start):
                continue
            value = tracks.worth(journey.deal, start, currency)
            won = (value, *watched(journey, start, won_time(journey), as_of))
            if is_first:
                overall.append(won)
            if is_own_first:
                there = next_time(pipeline, journey, position, index)
                goes_on = index + 1 >= pipeline.won_index
                to_next[index].append((value, *watched(journey, start, there, as_of, goes_on)))
                to_won[index].append(won)
    can_win = pipeline.won_index < count or pipeline.has_won_end
    stages = [
        {
            "stage": stage.id,
            "to_next": leg(to_next[index], currency, floor, True) if index + 1 < count or pipeline.has_won_end else None,
            "to_won": leg(to_won[index], currency, floor, True) if can_win and index < pipeline.won_index else None,
        }
        for index, stage in enumerate(pipeline.stages)
    ]
    return {"variant": "cohort", "stages": stages, "overall": leg(overall, currency, floor, True)}


def win_rates(pipeline, journeys, tracks, as_of, window, floors):
    """Won of won and lost in the window, and won of those that came in in it."""
    floor, currency = floors["rate"], pipeline.currency
    closed, cohort = [], []
    for journey in journeys.values():
        if journey.outcome in ("won", "lost") and holds(window, journey.decided):
            value = tracks.worth(journey.deal, journey.decided, currency)
            closed.append((value, 0, 1 if journey.outcome == "won" else 2))
        first = next((visit for visit in journey.visits if isinstance(visit.spot, int)), None)
        if first and holds(window, first.entered):
            value = tracks.worth(journey.deal, first.entered, currency)
            cohort.append((value, *watched(journey, first.entered, won_time(journey), as_of)))
    return {"closed": leg(closed, currency, floor, False), "cohort": leg(cohort, currency, floor, True)}
