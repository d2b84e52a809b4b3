#!/usr/bin/env python3
"""What independent programs say of the cases that tests/forecast_peers.rs gives them.

    pip install -r tests/reference/requirements.txt
    python tests/reference/forecast_peers.py CASES.json
    python tests/reference/forecast_peers.py --repository DIR --tussock target/debug/tussock

* `incidence`: what became of visits to a stage, with competing risks: scikit-survival
* `survival`: how long it took until either: lifelines
* `count`: the number of wins among independent deals: fast-poibin
* `money`: the sum of what is won by deals that depend on each other: drawn with NumPy
* `scores`: Brier, log loss, AUC, calibration: scikit-learn
* `pinball`, `ensemble`, `weighted`: quantile loss and CRPS: scoringrules

Of a repository: the incidence of each stage from each age on, by the rows of `tussock log --format csv`.
Prints JSON, the answers in the order of the cases.
"""

import argparse
import importlib.metadata
import json
import warnings

import numpy
from fast_poibin import PoiBin
from lifelines import KaplanMeierFitter
from scipy.stats import norm
from scoringrules import crps_ensemble, quantile_score
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

PROGRAMS = ("scikit-survival", "lifelines", "fast-poibin", "scikit-learn", "scoringrules", "numpy", "scipy")
DAY = 86_400
# Days that are counted from an age on.
DAYS = 730
AGES = (0, 7, 14, 30, 60, 90, 180)


def incidence(case):
    """Rows [days, won by then, lost by then], where something changes. Visits are [day, 1 won, 2 lost, 0 neither yet]."""
    seen = numpy.array(case["visits"])
    # scikit-survival wants times above 0: what is decided on day 0 is decided after one day.
    times, causes = seen[:, 0] + 1, seen[:, 1]
    there = sorted({int(cause) for cause in causes} - {0})
    if not there:
        return []
    # It also wants causes to be counted from 1 without gaps.
    numbers = {cause: number + 1 for number, cause in enumerate(there)}
    codes = numpy.array([numbers.get(int(cause), 0) for cause in causes])
    if len(there) == 1:
        # Nor does it compete with itself: then it is what the survival curve has lost.
        grid, left = kaplan_meier_estimator(codes > 0, times)
        found = [None, 1 - left]
    else:
        grid, found = cumulative_incidence_competing_risks(codes, times)
    of = lambda cause, place: float(found[numbers[cause]][place]) if cause in numbers else 0.0
    return [[int(time), of(1, place), of(2, place)] for place, time in enumerate(grid)]


def survival(case):
    """Rows [days, share undecided then], where something changes."""
    seen = numpy.array(case["visits"])
    fitted = KaplanMeierFitter().fit(seen[:, 0] + 1, seen[:, 1] > 0)
    return [[int(time), float(share)] for time, share in fitted.survival_function_.iloc[:, 0].items() if time > 0]


def count(case):
    """The chance of so many wins or fewer, from none on."""
    return [float(share) for share in PoiBin(case["chances"], mode="dp").cdf]


def money(case):
    """Mean, deviation, quantiles and shares below some sums, each with the error of the draw."""
    generator = numpy.random.Generator(numpy.random.PCG64(case["seed"]))
    draws, rho = case["draws"], case["dependence"]
    chances, amounts = (numpy.array([bet[name] for bet in case["bets"]]) for name in ("chance", "amount"))
    sums = []
    left = draws
    while left > 0:
        size = min(left, 20_000)
        left -= size
        market = generator.standard_normal((size, 1))
        given = norm.cdf((norm.ppf(chances) - numpy.sqrt(rho) * market) / numpy.sqrt(1 - rho))
        won = generator.random((size, len(chances))) < given
        total = won @ amounts
        stream = case.get("stream")
        if stream:
            mean = numpy.full(size, stream["expected"])
            if stream["shape"] is not None:
                mean = mean * generator.gamma(stream["shape"], 1 / stream["shape"], size)
            new = generator.poisson(mean)
            worth = generator.choice(stream["amounts"], size=new.sum())
            total += numpy.bincount(numpy.repeat(numpy.arange(size), new), weights=worth, minlength=size)
        sums.append(total)
    sums = numpy.sort(numpy.concatenate(sums))
    mean, sd = sums.mean(), sums.std(ddof=1)
    fourth = ((sums - mean) ** 4).mean()
    # How far a quantile may be off: between the ranks that the draw leaves open, at four errors.
    open_ranks = lambda level: 4 * numpy.sqrt(draws * level * (1 - level))
    at = lambda rank: float(sums[int(numpy.clip(rank, 0, draws - 1))])
    quantiles = []
    for level in case["levels"]:
        rank = level * draws
        quantiles.append([level, at(rank - open_ranks(level) - 1), at(rank + open_ranks(level) + 1)])
    shares = []
    for sum_of in case["sums"]:
        share = numpy.searchsorted(sums, sum_of, side="right") / draws
        shares.append([sum_of, float(share), float(numpy.sqrt(max(share * (1 - share), 1 / draws) / draws))])
    return {
        "mean": [float(mean), float(sd / numpy.sqrt(draws))],
        "sd": [float(sd), float(numpy.sqrt(max(fourth - sd**4, 0) / draws) / (2 * sd))],
        "quantiles": quantiles,
        "shares": shares,
    }


def scores(case):
    """Brier, log loss, AUC and the calibration curve of chances and what came."""
    chances, came = numpy.array(case["chances"]), numpy.array(case["came"], dtype=int)
    shares, means = calibration_curve(came, chances, n_bins=case["bins"], strategy="uniform")
    return {
        "brier": float(brier_score_loss(came, chances)),
        "log_loss": float(log_loss(came, chances, labels=[0, 1])),
        "auc": float(roc_auc_score(came, chances)) if 0 < came.sum() < len(came) else None,
        "calibration": [[float(mean), float(share)] for mean, share in zip(means, shares)],
    }


def pinball(case):
    """The loss of each quantile that was said."""
    return [float(quantile_score(came, said, level)) for level, said, came in case["said"]]


def ensemble(case):
    """The CRPS of equally likely sums, for each sum that may have come."""
    members = numpy.array(case["members"], dtype=float)
    return [float(crps_ensemble(came, members, estimator="qd")) for came in case["came"]]


def weighted(case):
    """The CRPS of the number of wins among independent deals, for each number that may have come."""
    weights = PoiBin(case["chances"], mode="dp").pmf
    members = numpy.arange(len(weights), dtype=float)
    return [float(crps_ensemble(float(came), members, ens_w=weights, estimator="nrg")) for came in case["came"]]


KINDS = {
    "incidence": incidence,
    "survival": survival,
    "count": count,
    "money": money,
    "scores": scores,
    "pinball": pinball,
    "ensemble": ensemble,
    "weighted": weighted,
}


def visits(pipeline, journeys, as_of):
    """What became of the visits to each stage, counted from each age: (stage, age) -> rows as `incidence` wants them."""
    found = {(stage, age): [] for stage in range(pipeline.won_index) for age in AGES}
    causes = {"won": 1, "lost": 2, "recycled": 2}
    for journey in journeys.values():
        cause = causes.get(journey.outcome, 0)
        until = as_of if journey.decided is None else journey.decided
        for visit in journey.visits:
            entered, left = visit.entered, visit.left
            if pipeline.status(visit.spot) != "open" or not isinstance(visit.spot, int) or entered > until:
                continue
            for age in AGES:
                start = entered + age * DAY
                if (age > 0 and left is not None and left <= start) or start > until:
                    break
                # What lasts longer than is counted is neither won nor lost in that time.
                days = (until - start) // DAY
                row = [days, cause] if days < DAYS else [DAYS, 0]
                found[visit.spot, age].append(row)
    return found


def of_repository(directory, program):
    """The incidence of each stage from each age on."""
    from peers_kit.journeys import journeys
    from peers_kit.repository import Repository

    repository = Repository(directory, program, None)
    last = repository.line[-1]
    pipeline = repository.pipeline_at(last.id)
    of_all = visits(pipeline, journeys(pipeline, repository.log(), last.known), last.known)
    return [
        {"stage": stage, "age": age, "visits": len(rows), "incidence": incidence({"visits": rows}) if rows else []}
        for (stage, age), rows in of_all.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?", help="a JSON file with a list of cases")
    parser.add_argument("--repository", help="a git repository with one pipeline, instead of cases")
    parser.add_argument("--tussock", default="tussock", help="the program that reads its history")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)

    if chosen.repository:
        answers = of_repository(chosen.repository, chosen.tussock)
    else:
        with open(chosen.cases, encoding="utf-8") as file:
            cases = json.load(file)
        answers = [KINDS[case["kind"]](case) for case in cases]
    programs = {name: importlib.metadata.version(name) for name in PROGRAMS}
    print(json.dumps({"programs": programs, "answers": answers}, separators=(",", ":")))


if __name__ == "__main__":
    main()
