"""What is open and what is expected of it: counts, sums and shares by plain SQL (DuckDB) over the CSV of `tussock list`."""

import csv
import io
import math
from decimal import ROUND_HALF_EVEN, Decimal

import duckdb

from .funnel import observation, won_time
from .survival import Curve, step

PRIOR_WEIGHT = 10
COLUMNS = "id,stage,status,owner,source,region,amount,close_date,category,days_in_stage"


def table(text):
    """A DuckDB connection in which `deals` is the CSV of `tussock list --all`, with the amount taken apart."""
    db = duckdb.connect()
    db.execute("CREATE TABLE told (" + ", ".join(f"{column} VARCHAR" for column in text.split("\n", 1)[0].strip().split(",")) + ")")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    if rows:
        places = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO told VALUES ({places})", [[cell or None for cell in row] for row in rows])
    db.execute(
        """
        CREATE TABLE deals AS SELECT told.*,
            CAST(split_part(amount, ' ', 1) AS DECIMAL(28, 4)) AS number, split_part(amount, ' ', 2) AS currency
        FROM told
        """
    )
    return db


def plain(number):
    """A decimal number of SQL without the zeros that its type adds."""
    return Decimal(0) if number is None else Decimal(number).normalize()


def rounded(number, digits):
    return plain(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def money(number, currency):
    return {"amount": plain(number), "currency": currency}


def priors(pipeline):
    """The chance of each stage before anything was seen: as given, on straight lines between, or from 1 % to 90 %."""
    given = [stage.probability for stage in pipeline.stages[: pipeline.won_index]]
    count = len(given)
    if all(share is None for share in given):
        return [(0.01 * 90 ** (i / (count - 1) if count > 1 else 0.5), True) for i in range(count)]
    known = [(0, 0.0), *((i, share) for i, share in enumerate(given, 1) if share is not None), (count + 1, 1.0)]
    found = []
    for at, share in enumerate(given, 1):
        if share is not None:
            found.append((share, False))
            continue
        (x0, y0), (x1, y1) = next(pair for pair in zip(known, known[1:]) if pair[0][0] <= at <= pair[1][0])
        found.append((y0 + (y1 - y0) * (at - x0) / (x1 - x0), True))
    return found


def chances(pipeline, journeys, as_of):
    """The chance of each stage to be won, and where it comes from; competing risks by scikit-survival."""
    found = []
    for index, (prior, assumed) in enumerate(priors(pipeline)):
        cohort = []
        for journey in journeys.values():
            first = next((visit for visit in journey.visits if visit.spot == index), None)
            if first:
                cohort.append(observation(journey, first.entered, won_time(journey), as_of))
        told = step(cohort, 1)
        history = told["estimate"].get("value")
        n, undecided = len(cohort), told["undecided"]
        blend = (n * (history or 0.0) + (n * undecided + PRIOR_WEIGHT) * prior) / (n + PRIOR_WEIGHT)
        found.append(
            {
                "stage": pipeline.stages[index].id,
                "prior": prior,
                "prior_assumed": assumed,
                "history": history,
                "n": n,
                "undecided": undecided,
                "evidence": n * (1 - undecided) / (n + PRIOR_WEIGHT),
                "chance": math.floor(min(max(blend, 0.0), 1.0) * 1e9 + 0.5) / 1e9,
            }
        )
    return found


class State:
    """The open deals at one time, in SQL."""

    def __init__(self, pipeline, text, journeys, as_of, floors):
        self.pipeline, self.journeys, self.as_of, self.floors = pipeline, journeys, as_of, floors
        self.chances = chances(pipeline, journeys, as_of)
        self.chance_of = {line["stage"]: line["chance"] for line in self.chances}
        self.db = table(text)
        self.db.execute("CREATE TABLE chances (stage VARCHAR, chance DECIMAL(10, 9))")
        for stage, chance in self.chance_of.items():
            self.db.execute("INSERT INTO chances VALUES (?, ?)", [stage, f"{chance:.9f}"])
        self.db.execute(
            """
            CREATE TABLE open_deals AS SELECT deals.*, chance, currency = ? AS ours
            FROM deals LEFT JOIN chances USING (stage) WHERE status = 'open'
            """,
            [pipeline.currency],
        )
        self.day = pipeline.day(as_of)

    def sql(self, query, *values):
        return self.db.execute(query, list(values)).fetchall()

    def lines(self, key):
        """Number, sum, shares and weighted sum of the open deals by an SQL expression: value -> line."""
        rows = self.sql(
            f"""
            WITH whole AS (SELECT count(*) AS deals, sum(number) FILTER (ours) AS amount FROM open_deals)
            SELECT {key}, count(*), count(*)::DOUBLE / any_value(whole.deals), sum(number) FILTER (ours),
                CASE WHEN any_value(whole.amount) > 0
                    THEN coalesce(sum(number) FILTER (ours), 0)::DOUBLE / any_value(whole.amount)::DOUBLE END,
                sum(number * chance) FILTER (ours), count(*) FILTER (open_deals.amount IS NULL), sum(chance)
            FROM open_deals, whole GROUP BY ALL
            """
        )
        return {row[0]: self.line(*row[1:]) for row in rows}

    def line(self, deals, share, amount, share_of_amount, weighted, without, wins):
        currency, digits = self.pipeline.currency, self.pipeline.minor_digits
        return {
            "deals": deals,
            "share_of_deals": share,
            "amount": money(amount, currency),
            "share_of_amount": share_of_amount,
            "weighted": {"amount": rounded(weighted, digits), "currency": currency},
            "without_amount": without,
            "expected_wins": float(wins or 0),
        }

    def nothing(self):
        """The line of a stage in which no deal is open."""
        whole = self.lines("1").get(1)
        share = None if whole is None else 0.0
        share_of_amount = 0.0 if whole and whole["amount"]["amount"] > 0 else None
        return self.line(0, share, None, share_of_amount, None, 0, 0)

    def total(self):
        return self.lines("1").get(1) or self.nothing()

    def other_currencies(self):
        rows = self.sql(
            """
            SELECT currency, count(*), sum(number) FROM open_deals WHERE amount IS NOT NULL AND NOT ours
            GROUP BY currency ORDER BY currency
            """
        )
        return [{"currency": code, "deals": deals, "amount": money(sum_, code)} for code, deals, sum_ in rows]


    def values(self, column):
        """The values of a column and the deals that have each, the one of most deals first, those without one last."""
        rows = self.sql(f"SELECT {column}, list(id) FROM deals GROUP BY {column}")
        return sorted(rows, key=lambda row: (row[0] is None, -len(row[1]), row[0] or ""))


def snapshot(state, group_by):
    """What `tussock report pipeline` says under `state`."""
    snapshot_keys = ("deals", "share_of_deals", "amount", "share_of_amount", "weighted", "without_amount")
    pick = lambda line: {key: line[key] for key in snapshot_keys}
    by_stage = state.lines("stage")
    stages = []
    for line in state.chances:
        own = by_stage.pop(line["stage"], None) or state.nothing()
        stages.append({"stage": line["stage"], "known": True, "chance": line["chance"]} | pick(own))
    for stage, own in sorted(by_stage.items()):
        stages.append({"stage": stage, "known": False, "chance": None} | pick(own))
    groupings = []
    for column in group_by:
        values = [{"value": value} | pick(line) for value, line in state.lines(column).items()]
        values.sort(key=lambda line: (line["value"] is None, -line["amount"]["amount"], -line["deals"], line["value"] or ""))
        groupings.append({"field": column, "values": values})
    status = dict(state.sql("SELECT status, count(*) FROM deals GROUP BY status"))
    return {
        "currency": state.pipeline.currency,
        "stages": stages,
        "total": pick(state.total()),
        "groupings": groupings,
        "other_currencies": state.other_currencies(),
        "won": status.get("won", 0),
        "lost": status.get("lost", 0),
        "recycled": status.get("recycled", 0),
        "deals": open_deals(state),
    }


def open_deals(state):
    """The open deals, the longest in their stage first, with the share of visits that were over by their age."""
    lengths = {}
    for journey in state.journeys.values():
        for visit in journey.visits:
            if isinstance(visit.spot, int) and not visit.untimed:
                lengths.setdefault(visit.spot, []).append(visit.length(state.as_of))
    curves = {spot: Curve(seen) for spot, seen in lengths.items()}
    found = []
    rows = state.sql("SELECT id, stage, owner, number, currency, amount, close_date FROM open_deals")
    for deal, stage, owner, number, currency, amount, close_date in rows:
        visit = state.journeys[deal].visits[-1]
        assert visit.left is None, f"{deal} is gone and listed"
        age = max(state.as_of - visit.entered, 0)
        curve = curves.get(visit.spot) or Curve([])
        older = {"state": "too_early", "n": curve.events}
        if curve.events >= state.floors["quantile"] and not visit.untimed:
            older = {"state": "known", "value": curve.share_over(age), "n": curve.events, "low": None, "high": None}
        found.append(
            {
                "id": deal,
                "owner": owner,
                "stage": stage,
                "amount": money(number, currency) if amount is not None else None,
                "close_date": close_date,
                "days_in_stage": max((state.pipeline.day(state.as_of) - state.pipeline.day(visit.entered)).days, 0),
                "at_least": visit.untimed,
                "older_than": older,
            }
        )
    return sorted(found, key=lambda line: (-line["days_in_stage"], line["id"]))
