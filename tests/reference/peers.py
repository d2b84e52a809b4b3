#!/usr/bin/env python3
"""Holds the numbers of tussock's reports against those of independent programs.

    pip install -r tests/reference/requirements.txt
    python tests/reference/peers.py REPOSITORY --tussock target/debug/tussock [--as-of DATE ...]

What is computed here without tussock's own arithmetic, from the event log (`tussock log --format csv`), the list of deals
(`tussock list --format csv`) and git itself (`git log --raw`, `git ls-tree`, `git cat-file`, the files read with PyYAML):

* the event log itself: every arrival, move and removal against the trees of the commits; the list against the files
* conversions, with competing risks: scikit-survival; their plain shares and intervals: SciPy
* lengths of visits, their medians, nine-tenths and intervals: lifelines, and pm4py where all visits are over
* moves between stages: the directly-follows graph of pm4py
* counts, sums and shares: plain SQL in DuckDB, in decimal numbers
* the waterfall, losses, hours, payments, slippage and pushes: from the deal files of the commits, in decimal numbers;
  that the waterfall adds up to the last cent

Numbers must agree to 1e-9, relative; whole numbers, texts and sums of money must be equal. Prints what was compared and
how far apart the numbers were, and exits with 1 when any is further. `--store FILE` also writes what the independent
programs said, for tests that run without them.
"""

import argparse
import csv
import datetime
import importlib.metadata
import io
import json
import sys
from collections import Counter
from decimal import Decimal

from peers_kit import funnel as funnels
from peers_kit import money, times, worth
from peers_kit import state as states
from peers_kit.comparison import Comparison
from peers_kit.journeys import journeys
from peers_kit.repository import Repository, parse_money, rfc3339, seconds
from peers_kit.waterfall import waterfall

PROGRAMS = ("lifelines", "scikit-survival", "pm4py", "duckdb", "pandas", "numpy", "scipy", "PyYAML")
REPORTS = ("log", "list", "funnel", "pipeline", "time", "waterfall", "losses", "effort", "cash")


class Peers:
    """All comparisons of one repository."""

    def __init__(self, repository, reports):
        self.repository = repository
        # What the program at hand does not know yet cannot be compared.
        told = repository.tussock("report", "--help")
        self.reports = [name for name in reports if name in ("log", "list") or f"- {name}:" in told]
        self.comparison = Comparison()
        #: What the independent programs say of each report: arguments -> tree.
        self.said = {}
        self.log = repository.log()

    def held(self, arguments, theirs):
        """Compares one report with what is expected of it."""
        told = " ".join(arguments)
        self.comparison.tree(self.repository.report(*arguments), theirs, arguments[0], f"{told}:")
        self.said[told] = theirs

    def run(self, day):
        """All reports as of a day, or of the last commit."""
        repository = self.repository
        head = repository.line[-1]
        if day is None:
            commit, as_of, arguments = head, head.known, []
        else:
            as_of = repository.pipeline_at(head.id).end_of_day(day)
            commit = repository.last_known(as_of)
            arguments = ["--as-of", str(day)]
        if commit is None:
            raise SystemExit(f"nothing was known on {day}")
        pipeline = repository.pipeline_at(commit.id)
        found = journeys(pipeline, self.log, as_of)
        floors = {"rate": 5, "quantile": 8}
        head = {"as_of": rfc3339(as_of), "day": str(pipeline.day(as_of)), "source": {"commit": commit.id}}
        if "log" in self.reports and day is None:
            self.check_log()
        if "funnel" in self.reports:
            tracks = worth.Tracks(repository, self.log, repository.deals_at(commit.id), as_of)
            all_of = lambda window: {
                "funnel": funnels.funnel(pipeline, found, as_of, window, floors),
                "conversion": worth.conversion(pipeline, found, tracks, as_of, window, floors),
                "win_rates": worth.win_rates(pipeline, found, tracks, as_of, window, floors),
                "flow": {"links": times.flow(pipeline, found, window)},
            }
            # Without days it tells the cohorts alone.
            whole = funnels.funnel(pipeline, found, as_of, (None, None), floors)
            self.held(["funnel", *arguments], head | {"funnel": whole})
            start = pipeline.day(as_of) - datetime.timedelta(days=120)
            end = pipeline.day(as_of) - datetime.timedelta(days=30)
            window = (pipeline.begin_of_day(start), pipeline.end_of_day(end) + 1)
            self.held(["funnel", *arguments, "--from", str(start), "--to", str(end)], all_of(window))
        at = arguments or ["--as-of", commit.id]
        text = repository.tussock("list", "--all", "--columns", states.COLUMNS, "--format", "csv", *at)
        state = states.State(pipeline, text, found, as_of, floors)
        if "list" in self.reports:
            self.check_list(pipeline, state, commit.id)
        if "pipeline" in self.reports:
            self.held(["pipeline", *arguments], head | {"state": states.snapshot(state, ["owner"])})
            self.check_table(state, arguments)
        self.check_rest(pipeline, found, commit, as_of, arguments, floors)

    def check_rest(self, pipeline, found, commit, as_of, arguments, floors):
        """Times, the waterfall, losses, effort and cash: of all that was known, and of ninety days."""
        repository, day = self.repository, pipeline.day(as_of)
        deals = repository.deals_at(commit.id)
        tracks = worth.Tracks(repository, self.log, deals, as_of)
        start = day - datetime.timedelta(days=90)
        span, days = (str(start), str(day)), ["--from", str(start), "--to", str(day)]
        window = (pipeline.begin_of_day(start), pipeline.end_of_day(day) + 1)
        for about, of_span, of_window in ((arguments, None, (None, None)), ([*arguments, *days], span, window)):
            if "time" in self.reports:
                cycle = times.cycle(found, as_of, of_window, floors)
                cycle["velocity"] = times.velocity(pipeline, found, tracks, as_of, of_window, floors)
                told = {
                    "stages": times.stage_times(pipeline, found, as_of, of_window, floors),
                    "cycle": cycle,
                    "sla": times.slas(pipeline, deals, found, day, of_window, floors),
                }
                self.held(["time", *about], {"time": told})
            if "losses" in self.reports:
                self.held(["losses", *about], money.losses(pipeline, deals, found, str(day), of_window, floors))
            if "effort" in self.reports:
                self.held(["effort", *about], {"effort": money.effort(pipeline, deals, found, str(day), of_span, floors)})
            if "cash" in self.reports:
                self.held(["cash", *about], {"cash": money.cash(pipeline, deals, str(day), of_span, floors)})
        if "waterfall" in self.reports:
            earlier = repository.last_known(pipeline.end_of_day(start - datetime.timedelta(days=1)))
            before = (pipeline, {})
            if earlier is not None:
                before = (repository.pipeline_at(earlier.id), repository.deals_at(earlier.id))
            after = (pipeline, deals)
            told = {
                "from": span[0],
                "to": span[1],
                "whole": waterfall(before, after, found),
                "closing": waterfall(before, after, found, span),
                "slippage": money.slippage(before, after, span, floors),
                "pushes": money.pushes(pipeline, deals, tracks, window),
                "coverage": money.coverage(pipeline, deals, found, day, span, floors),
            }
            self.held(["waterfall", *arguments, *days], told)
            owner = max((deal.text("owner") for deal in deals.values() if deal.text("owner")), default=None)
            if owner is not None:
                part = {
                    "whole": waterfall(before, after, found, None, owner),
                    "closing": waterfall(before, after, found, span, owner),
                }
                self.held(["waterfall", *arguments, *days, "--where", f"owner=={json.dumps(owner)}"], part)
            if arguments:
                # The last day asks for what was known then.
                self.held(["waterfall", *days], told)

    def check_table(self, state, arguments):
        """The sums of the report's stages against its own table of deals, both as CSV, by SQL."""
        tables = {}
        for name in ("stages", "deals"):
            text = self.repository.tussock("report", "pipeline", "--format", "csv", "--table", name, *arguments)
            tables[name] = list(csv.DictReader(io.StringIO(text)))
        state.db.execute("CREATE OR REPLACE TABLE csv_deals (stage VARCHAR, amount DECIMAL(28, 4), currency VARCHAR)")
        for row in tables["deals"]:
            amount = row["amount"] or None
            state.sql("INSERT INTO csv_deals VALUES (?, ?, ?)", row["stage"], amount, row["amount.currency"] or None)
        query = "SELECT stage, count(*), sum(amount) FILTER (currency = ?) FROM csv_deals GROUP BY stage"
        sums = {stage: (deals, amount) for stage, deals, amount in state.sql(query, state.pipeline.currency)}
        for row in tables["stages"]:
            deals, amount = sums.get(row["stage"], (0, None))
            place = f"pipeline {arguments}, CSV: {row['stage']}"
            self.comparison.check("csv.deals", place, int(row["deals"]), deals)
            self.comparison.check("csv.amount", place, row["amount"], states.plain(amount))

    def check_log(self):
        """The event log against the trees of the commits on the branch's line, and its times against their clocks."""
        if any(row["event"] == "renamed" for row in self.log):
            print("the log is not held against git: deals have been renamed")
            return
        events, places = self.repository.moves_from_git()
        events = Counter(events)
        clocks = {commit.id: commit for commit in self.repository.line}
        check = self.comparison.check
        told, last_at = Counter(), {}
        for row in self.log:
            deal, at, commit = row["deal"], seconds(row["at"]), clocks.get(row["commit"])
            if commit and len(commit.parents) < 2:
                # When it happened: by the author's clock, not after it was known nor before what the deal did last.
                happened = max(min(commit.author_time, commit.known), last_at.get(deal, -(2**63)))
                check("log.known_at", f"log: {row}", seconds(row["known_at"]), commit.known)
                check("log.at", f"log: {row}", at, happened)
                if row["event"] != "changed":
                    key = (row["commit"], deal, row["event"], row["from"], row["to"])
                    told[key] += 1
            last_at[deal] = at
        for key in sorted({*told, *events}):
            check("log.events", f"log: {key}", told[key], events[key])
        # What merges brought: where the last event inside the merged branch puts the deal.
        brought = {merge: self.repository.brought(merge) for merge in sorted({place[0] for place in places})}
        for merge, deal, folder in places:
            rows = [row for row in self.log if row["deal"] == deal and row["event"] != "changed"]
            rows = [row for row in rows if row["commit"] in brought[merge]]
            check("log.places", f"log: {deal} after {merge}", (rows[-1]["to"] or None) if rows else None, folder)

    def check_list(self, pipeline, state, commit):
        """The list of deals against their files, and their days in a stage, which a list counts by the calendar."""
        for deal, days in state.sql("SELECT id, days_in_stage FROM deals"):
            visit = state.journeys[deal].visits[-1]
            ours = None if days is None else int(days)
            self.comparison.check("list.days_in_stage", f"list: {deal}", ours, (state.day - pipeline.day(visit.entered)).days)
        files = self.repository.deals_at(commit)
        rows = {row[0]: row[1:] for row in state.sql("SELECT id, stage, status, owner, amount, close_date FROM deals")}
        check = self.comparison.check
        for deal in sorted({*files, *rows}):
            if deal not in files or deal not in rows:
                check("list.deals", f"list: {deal}", deal in rows, deal in files)
                continue
            stage, status, owner, amount, close_date = rows[deal]
            file = files[deal]
            check("list.stage", f"list: {deal}", stage, file.stage)
            check("list.status", f"list: {deal}", status, pipeline.status_of_folder(file.stage))
            check("list.owner", f"list: {deal}", owner, file.text("owner"))
            check("list.close_date", f"list: {deal}", close_date, file.text("close_date"))
            told, asked = parse_money(amount, pipeline.currency), file.money(pipeline.currency)
            check("list.amount", f"list: {deal}", told, asked)


def stored(peers, programs):
    """What the independent programs said, as JSON: decimal numbers become texts, as in reports."""

    def plain(value):
        if isinstance(value, Decimal):
            return format(value, "f")
        raise TypeError(f"{value!r} has no place in JSON")

    line = lambda value: json.dumps(value, default=plain, separators=(",", ":"), sort_keys=True)
    reports = ",\n".join(f"{line(arguments)}:{line(told)}" for arguments, told in sorted(peers.said.items()))
    head = line(peers.repository.line[-1].id)
    return f'{{"programs":{line(programs)},\n"head":{head},\n"reports":{{\n{reports}\n}}}}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", help="a git repository with one pipeline")
    parser.add_argument("--pipeline", help="the pipeline's folder, where the repository has several")
    parser.add_argument("--tussock", default="tussock", help="the program to hold against the others")
    parser.add_argument("--as-of", action="append", default=[], type=datetime.date.fromisoformat, metavar="DATE")
    parser.add_argument("--only", action="append", choices=REPORTS, help="only this report; may be given several times")
    parser.add_argument("--store", metavar="FILE", help="write what the independent programs said")
    parser.add_argument("--detail", action="store_true", help="a line for every key of the reports")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="how many differences to print")
    chosen = parser.parse_args()

    programs = {name: importlib.metadata.version(name) for name in PROGRAMS}
    print(", ".join(f"{name} {version}" for name, version in programs.items()))
    peers = Peers(Repository(chosen.repository, chosen.tussock, chosen.pipeline), chosen.only or REPORTS)
    for day in [None, *chosen.as_of]:
        peers.run(day)
    print(peers.comparison.show(chosen.detail))
    differences = peers.comparison.differences
    for difference in differences[: chosen.show]:
        print(f"differs: {difference}")
    if chosen.store:
        with open(chosen.store, "w", encoding="utf-8") as file:
            file.write(stored(peers, programs))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
