"""Time in stages by visit and by deal, the sales cycle, and the flow between stages: lifelines, NumPy and pm4py."""

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy

from .funnel import directly_follows, holds, name, process_rows, won_time
from .survival import Z, Curve, step, wilson
from .worth import watched


def lengths(timed, untimed, floors):
    """What some lengths say: `timed` are (seconds, whether it ended)."""
    curve = Curve(timed)
    return {
        "timed": curve.n,
        "ended": curve.events,
        "censored": curve.n - curve.events,
        "untimed": untimed,
        "median_seconds": curve.quantile(0.5, max(floors["quantile"], 1)),
        "p90_seconds": curve.quantile(0.9, max(floors["quantile"], 1)),
    }


def stage_times(pipeline, journeys, as_of, window, floors):
    """The time in every stage, each visit by itself and all visits of a deal added up."""
    found = []
    for index, stage in enumerate(pipeline.stages):
        visits, deals, untimed_visits, untimed_deals, returned = [], [], 0, 0, 0
        for journey in journeys.values():
            own = [visit for visit in journey.visits if visit.spot == index]
            inside = [visit for visit in own if holds(window, visit.entered)]
            visits += [visit.length(as_of) for visit in inside if not visit.untimed]
            untimed_visits += sum(visit.untimed for visit in inside)
            if not own or not holds(window, own[0].entered):
                continue
            returned += len(own) > 1
            if any(visit.untimed for visit in own):
                untimed_deals += 1
            else:
                each = [visit.length(as_of) for visit in own]
                deals.append((sum(time for time, _ in each), all(ended for _, ended in each)))
        found.append(
            {
                "stage": stage.id,
                "visits": lengths(visits, untimed_visits, floors),
                "deals": lengths(deals, untimed_deals, floors),
                "returned": returned,
                "is_won": index >= pipeline.won_index,
            }
        )
    return found


def mean(times, floors):
    """The mean of some lengths, with the interval of the normal distribution."""
    n = len(times)
    if n < max(floors["quantile"], 2):
        return {"state": "too_early", "n": n}
    middle, half = numpy.mean(times), Z * numpy.std(times, ddof=1) / math.sqrt(n)
    whole = lambda value: math.floor(max(value, 0.0) + 0.5)
    return {"state": "known", "value": whole(middle), "n": n, "low": whole(middle - half), "high": whole(middle + half)}


def cycle(journeys, as_of, window, floors):
    """From coming in to the end: deals won and lost in a window, and those that came in in it until they were decided."""
    ended = {"won": ([], []), "lost": ([], [])}
    decided, untimed = [], 0
    for journey in journeys.values():
        first = next((visit for visit in journey.visits if isinstance(visit.spot, int)), None)
        if first is None:
            continue
        start = first.entered
        if journey.outcome in ended and holds(window, journey.decided):
            ended[journey.outcome][first.untimed].append(max(journey.decided - start, 0))
        if not holds(window, start):
            continue
        if first.untimed:
            untimed += 1
        elif journey.outcome in ("won", "lost", "recycled"):
            decided.append((max(journey.decided - start, 0), True))
        else:
            decided.append((max((as_of if journey.until is None else journey.until) - start, 0), False))
    told = {"decided": lengths(decided, untimed, floors)}
    for outcome, (timed, unknown) in ended.items():
        told[outcome] = lengths([(time, True) for time in timed], len(unknown), floors) | {"mean_seconds": mean(timed, floors)}
    return told


def flow(pipeline, journeys, window):
    """How many moves led from each place to each other one, by pm4py: stages by number, then won, lost and recycled."""
    places = [name(index) for index in range(len(pipeline.stages))] + ["won", "lost", "recycled"]
    rows = process_rows(pipeline, journeys, (None, None))
    if window != (None, None):
        rows = []
        for journey in journeys.values():
            for position, (start, end) in enumerate(zip(journey.visits, journey.visits[1:])):
                if start.moved_on and holds(window, end.entered):
                    case = f"{journey.deal} {position}"
                    rows += [(case, name(start.spot), start.entered), (case, name(end.spot), end.entered)]
    counted = directly_follows(rows)
    links = [
        {"from": places.index(start), "to": places.index(end), "value": count}
        for (start, end), count in counted.items()
        if start in places and end in places and start != end
    ]
    return sorted(links, key=lambda link: (link["from"], link["to"]))


def velocity(pipeline, journeys, tracks, as_of, window, floors):
    """Open deals times win rate times average amount, divided by the cycle, all of the deals that came in in a window."""
    currency, digits = pipeline.currency, Decimal(1).scaleb(-pipeline.minor_digits)
    cohort, cycles, amounts, open_ = [], [], [], 0
    for journey in journeys.values():
        first = next((visit for visit in journey.visits if isinstance(visit.spot, int)), None)
        if first is None or not holds(window, first.entered):
            continue
        cohort.append(watched(journey, first.entered, won_time(journey), as_of))
        open_ += journey.outcome == "open"
        if journey.outcome == "won":
            if not first.untimed:
                cycles.append(max(journey.decided - first.entered, 0))
            worth = tracks.worth(journey.deal, journey.decided, currency)
            amounts += [worth] if isinstance(worth, Decimal) else []
    rate = step(cohort, floors["rate"])["estimate"]
    length = mean(cycles, floors)
    average = sum(amounts) / len(amounts) if len(amounts) >= max(floors["rate"], 1) else None
    per_day = None
    if rate["state"] == length["state"] == "known" and average is not None and length["value"] > 0:
        share = Decimal(math.floor(rate["value"] * 1e9 + 0.5)).scaleb(-9)
        per_day = (open_ * share * average * 86_400 / length["value"]).quantize(digits, ROUND_HALF_EVEN)
    money = lambda number: None if number is None else {"amount": number, "currency": currency}
    return {
        "per_day": money(per_day),
        "open": open_,
        "win_rate": rate,
        "average": money(average if average is None else average.quantize(digits, ROUND_HALF_EVEN)),
        "average_of": len(amounts),
        "cycle_seconds": length,
    }


def slas(pipeline, deals, journeys, today, window, floors):
    """How many visits to stages with an `sla` were answered by the day on which it ends, by an activity or by going on."""
    found = []
    for index, told in enumerate(pipeline.told["stages"]):
        if not isinstance(told, dict) or "sla" not in told:
            continue
        number, unit = int(told["sla"][:-1]), told["sla"][-1]
        limit = number * {"h": 3600, "d": 86_400, "w": 7 * 86_400}[unit]
        counts = {"kept": 0, "missed": 0, "pending": 0, "gone": 0, "waiting": 0, "untimed": 0}
        for journey in journeys.values():
            fields = deals[journey.deal].fields if journey.deal in deals else {}
            acted = sorted(item["on"] for item in fields.get("activity") or [] if item.get("on") and item["on"] <= str(today))
            for position, visit in enumerate(journey.visits):
                if visit.spot != index or not holds(window, visit.entered):
                    continue
                if visit.untimed:
                    counts["untimed"] += 1
                    continue
                entered, deadline = str(pipeline.day(visit.entered)), str(pipeline.day(visit.entered + limit))
                left = None if visit.left is None else str(pipeline.day(visit.left))
                after = journey.visits[position + 1].spot if position + 1 < len(journey.visits) else None
                went_on = visit.moved_on and (after == "won" or (isinstance(after, int) and after > index))
                answers = [day for day in acted if day >= entered and (left is None or day <= left)][:1]
                answered = min(answers + ([left] if went_on else []), default=None)
                if answered is not None:
                    counts["kept" if answered <= deadline else "missed"] += 1
                elif left is not None:
                    counts["gone" if left <= deadline else "missed"] += 1
                elif str(today) <= deadline:
                    counts["pending"] += 1
                else:
                    counts["missed"] += 1
                    counts["waiting"] += 1
        n = counts["kept"] + counts["missed"]
        share = {"state": "too_early", "n": n}
        if n >= max(floors["rate"], 1):
            low, high = wilson(counts["kept"], n)
            share = {"state": "known", "value": counts["kept"] / n, "n": n, "low": low, "high": high}
        visits = n + counts["pending"] + counts["gone"]
        found.append({"stage": pipeline.stages[index].id, "visits": visits, "share": share} | counts)
    return found
