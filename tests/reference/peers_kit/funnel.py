"""The funnel: moves counted by pm4py, lengths of visits by lifelines and pm4py, conversions by scikit-survival."""

from collections import Counter, defaultdict

import pandas
import pm4py

from .survival import Curve, step

CAUSES = {"lost": 2, "recycled": 3, "withdrawn": 4}


def holds(window, time):
    start, until = window
    return (start is None or time >= start) and (until is None or time < until)


def observation(journey, start, there, as_of):
    """How long a deal took from a start to somewhere, and whether it got there (1), ended otherwise (2 to 4), or is open."""
    if there is not None:
        return there - start, 1
    if journey.outcome in CAUSES:
        return journey.decided - start, CAUSES[journey.outcome]
    return (as_of if journey.until is None else journey.until) - start, 0


def won_time(journey):
    return journey.decided if journey.outcome == "won" else None


def next_time(pipeline, journey, position, index):
    """When a deal came past a stage after a visit to it."""
    won = won_time(journey)
    if index + 1 == pipeline.won_index:
        return won
    later = journey.visits[position + 1 :]
    times = [visit.entered for visit in later if isinstance(visit.spot, int) and visit.spot > index][:1]
    if index < pipeline.won_index:
        times += [won] if won is not None else []
    elif won is not None:
        times += [visit.entered for visit in later if visit.spot == "won"][:1]
    return min(times, default=None)


def directly_follows(rows):
    """How often one activity directly follows another, by pm4py; rows are (case, activity, seconds) in order."""
    if not rows:
        return Counter()
    log = pandas.DataFrame(rows, columns=["case:concept:name", "concept:name", "time:timestamp"])
    log["time:timestamp"] = pandas.to_datetime(log["time:timestamp"], unit="s", utc=True)
    counted, _, _ = pm4py.discover_dfg(log)
    return Counter({pair: int(count) for pair, count in counted.items()})


def process_rows(pipeline, journeys, window):
    """The visits of journeys as a process log. With a window each visit that began in it is a case of its own with what
    came after it. Activities are spots, so that an old name of a stage is the stage."""
    rows = []
    for journey in journeys.values():
        for position, visit in enumerate(journey.visits):
            follower = journey.visits[position + 1] if position + 1 < len(journey.visits) else None
            case = journey.deal
            if window != (None, None):
                if not holds(window, visit.entered):
                    continue
                case = f"{journey.deal} {position}"
            rows.append((case, name(visit.spot), visit.entered))
            if visit.left is not None and not visit.moved_on:
                rows.append((case, "removed", visit.left))
            elif window != (None, None) and follower:
                rows.append((case, name(follower.spot), follower.entered))
    return rows


def name(spot):
    return f"stage {spot}" if isinstance(spot, int) else str(spot)


def exit_kind(pipeline, index, to):
    """What a move from a stage to an activity is."""
    if to in ("won", "lost", "recycled"):
        return to
    if to == "removed":
        return "withdrawn"
    if not to.startswith("stage "):
        return "other"
    there = int(to.split()[1])
    if there == index:
        return "other"
    if there < index:
        return "back"
    return "skipped" if pipeline.skips(index, there) else "forward"


def middle_of_finished(visits):
    """The middle length of visits that are all over, by pm4py's service times: of an even number the shorter one of the two in
    the middle, which is what is left in the middle without the longest."""
    visits = sorted(visits, key=lambda visit: visit.left - visit.entered)
    if len(visits) % 2 == 0:
        visits = visits[:-1]
    return sojourn(visits, "median")


def sojourn(visits, measure):
    """Seconds spent in visits that are over, by pm4py."""
    log = pandas.DataFrame(
        [(visit.deal, "here", visit.entered, visit.left) for visit in visits],
        columns=["case:concept:name", "concept:name", "start_timestamp", "time:timestamp"],
    )
    for column in ("start_timestamp", "time:timestamp"):
        log[column] = pandas.to_datetime(log[column], unit="s", utc=True)
    return pm4py.get_service_time(log, start_timestamp_key="start_timestamp", aggregation_measure=measure)["here"]


def funnel(pipeline, journeys, as_of, window, floors):
    """What `tussock report funnel` says under `funnel`."""
    counted = directly_follows(process_rows(pipeline, journeys, window))
    exits = defaultdict(Counter)
    reopened = Counter()
    for (start, end), count in counted.items():
        if start.startswith("stage "):
            index = int(start.split()[1])
            exits[index][exit_kind(pipeline, index, end)] += count
    overall, standing, never = [], Counter(), 0
    cohorts = defaultdict(lambda: ([], []))
    visits_to = defaultdict(list)
    skips = returns = reopenings = 0
    for journey in journeys.values():
        first = next((visit for visit in journey.visits if isinstance(visit.spot, int)), None)
        if first is None:
            never += 1
        elif holds(window, first.entered):
            overall.append(observation(journey, first.entered, won_time(journey), as_of))
            standing[journey.outcome] += 1
        seen = set()
        for position, visit in enumerate(journey.visits):
            before = journey.visits[position - 1] if position else None
            if before and before.moved_on and holds(window, visit.entered):
                start, end = before.spot, visit.spot
                if isinstance(start, int) and isinstance(end, int):
                    returns += end < start
                    skips += end > start and pipeline.skips(start, end)
                elif isinstance(start, str) and isinstance(end, int):
                    reopenings += 1
                    reopened[end] += 1
            if not isinstance(visit.spot, int):
                continue
            index, is_first = visit.spot, visit.spot not in seen
            seen.add(index)
            if not holds(window, visit.entered):
                continue
            visits_to[index].append(visit)
            if is_first:
                to_next, to_won = cohorts[index]
                there = next_time(pipeline, journey, position, index)
                to_next.append(observation(journey, visit.entered, there, as_of))
                to_won.append(observation(journey, visit.entered, won_time(journey), as_of))

    can_win = pipeline.won_index < len(pipeline.stages) or pipeline.has_won_end
    stages = []
    for index, stage in enumerate(pipeline.stages):
        visits = visits_to[index]
        timed = [visit.length(as_of) for visit in visits if not visit.untimed]
        curve = Curve(timed)
        median = curve.quantile(0.5, floors["quantile"])
        if median["state"] == "known" and all(ended for _, ended in timed):
            median["value"] = middle_of_finished([visit for visit in visits if not visit.untimed])
        still_here = sum(visit.left is None for visit in visits)
        kinds = ("forward", "skipped", "back", "won", "lost", "recycled", "withdrawn", "other")
        to_next, to_won = cohorts[index]
        has_next = index + 1 < len(pipeline.stages) or pipeline.has_won_end
        stages.append(
            {
                "stage": stage.id,
                "entered": len(to_next),
                "to_next": step(to_next, floors["rate"]) if has_next else None,
                "to_won": step(to_won, floors["rate"]) if can_win and index < pipeline.won_index else None,
                "visits": len(visits),
                "exits": {kind: exits[index][kind] for kind in kinds} | {"open": still_here},
                "reopened": reopened[index],
                "median_seconds": median,
                "p90_seconds": curve.quantile(0.9, floors["quantile"]),
                "untimed": len(visits) - len(timed),
            }
        )
    return {
        "stages": stages,
        "overall": step(overall, floors["rate"]),
        "standing": {kind: standing[kind] for kind in ("open", "won", "lost", "recycled", "withdrawn")},
        "skips": skips,
        "returns": returns,
        "reopened": reopenings,
        "never_in_a_stage": never,
    }
