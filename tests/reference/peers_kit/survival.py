"""Kaplan-Meier by lifelines, competing risks by scikit-survival, Wilson's interval by SciPy, as tussock writes estimates."""

import math
import warnings

import numpy
from lifelines import KaplanMeierFitter
from scipy.stats import binomtest, norm
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

Z = float(norm.ppf(0.975))
# Whether a product of fractions touches a share must not hang on its rounding.
TOUCH = 1e-12
# scikit-survival's variance takes room with the square of the distinct times; with more than so many, only ours is used.
MANY_TIMES = 1500


class Curve:
    """A Kaplan-Meier curve by lifelines of (seconds, whether it ended) pairs."""

    def __init__(self, lengths):
        self.lengths = lengths
        self.n = len(lengths)
        self.events = sum(ended for _, ended in lengths)
        self.last = max((time for time, _ in lengths), default=0)
        self._bounds = None
        if lengths:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.fitted = KaplanMeierFitter().fit([t for t, _ in lengths], [ended for _, ended in lengths])

    def share_over(self, age):
        """The share of lengths that were over by an age."""
        return 1.0 - float(self.fitted.survival_function_at_times(age).iloc[0]) if self.lengths else 0.0

    def quantile(self, share, floor):
        """The length by which a share was over, as an estimate."""
        if self.events < floor:
            return {"state": "too_early", "n": self.events}
        still = 1.0 - share
        curve = self.fitted.survival_function_.iloc[:, 0]
        value = first_at_most(curve, still)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = self.fitted.percentile(still)
        if value != theirs and not (value is None and math.isinf(theirs)):
            assert abs(curve[value] - still) <= TOUCH, f"{value} is not {theirs}"
        if value is None:
            return {"state": "not_reached", "beyond": self.last, "n": self.events}
        bounds = self.fitted.confidence_interval_
        # Where nothing is left, the bounds are 0 too.
        over = curve <= 0.0
        low, high = (first_at_most(bounds.iloc[:, column].mask(over, 0.0), still) for column in (0, 1))
        return {"state": "known", "value": value, "n": self.events, "low": low, "high": high}


def first_at_most(curve, share):
    """The first time, above which nothing is asked, at which a curve is at most a share; None where it never is."""
    reached = curve[curve <= share + TOUCH]
    return int(reached.index[0]) if len(reached) else None


def wilson(successes, n):
    interval = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def wilson_share(share, n):
    """Wilson's interval of a share that was estimated with the precision of `n` observations."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def incidence(times, causes):
    """Where the curves end, some observation being over: (share of cause 1, share undecided, variance of the first)."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # scikit-survival wants all causes to happen, and two at least. With one the incidence is what its Kaplan-Meier
        # leaves.
        present = sorted({*causes} - {0})
        if present[0] != 1 or len(present) == 1:
            still = kaplan_meier_estimator(numpy.array(causes) > 0, numpy.array(times, dtype=float))[1][-1]
            share = 1.0 - float(still) if present[0] == 1 else 0.0
            return share, float(still), variance_of_first(numpy.array(times), numpy.array(causes))
        causes = [present.index(cause) + 1 if cause else 0 for cause in causes]
        small = len(set(times)) <= MANY_TIMES
        options = {"conf_level": 0.95, "conf_type": "log-log", "var_type": "Dinse_Approx"} if small else {}
        told = cumulative_incidence_competing_risks(numpy.array(causes), numpy.array(times, dtype=float), **options)
    share = float(told[1][1][-1])
    variance = variance_of_first(numpy.array(times), numpy.array(causes))
    low, high = told[2][1, :, -1] if small else (0.0, 0.0)
    # At a last time that leaves nobody theirs is not a number, and both bounds are the share.
    if low != high and 0.0 < share < 1.0:
        spread = Z * math.sqrt(variance) / (share * math.log(share))
        ours = sorted((share ** math.exp(spread), share ** math.exp(-spread)))
        assert numpy.allclose(ours, sorted((low, high)), rtol=1e-9), f"the variance is not scikit-survival's: {ours}, {low}, {high}"
    return share, 1.0 - float(told[1][0][-1]), variance


def variance_of_first(times, causes):
    """The delta-method variance of the end of the first cause's curve (Dinse and Larson, 1986, equation 6), for samples
    that are too large for scikit-survival's. At a last time that leaves nobody its first term is 0 times infinity: 0."""
    moments = numpy.unique(times[causes > 0])
    ordered = numpy.sort(times)
    at_risk = len(times) - numpy.searchsorted(ordered, moments, side="left")
    ended = numpy.array([0] * len(moments)) if not len(moments) else counts(times[causes > 0], moments)
    own = counts(times[causes == 1], moments)
    before = numpy.concatenate([[1.0], numpy.cumprod(1 - ended / at_risk)[:-1]])
    curve = numpy.cumsum(before * own / at_risk)
    still = curve[-1] - curve
    rest = at_risk - ended
    first = numpy.where(rest > 0, still**2 * ended / (at_risk * numpy.maximum(rest, 1)), 0.0)
    second = before**2 * own * (at_risk - own) / at_risk.astype(float) ** 3
    third = -2 * still * before * own / at_risk.astype(float) ** 2
    return float((first + second + third).sum())


def counts(times, moments):
    ordered = numpy.sort(times)
    return numpy.searchsorted(ordered, moments, side="right") - numpy.searchsorted(ordered, moments, side="left")


def step(observations, floor):
    """How many of a cohort got there: `observations` are (seconds, cause), cause 1 got there, 0 is open."""
    entered = len(observations)
    finished = sum(cause > 0 for _, cause in observations)
    reached = sum(cause == 1 for _, cause in observations)
    told = {"entered": entered, "reached": reached, "open": entered - finished}
    early = {"state": "too_early", "n": finished}
    if finished == 0:
        return told | {"raw": early, "estimate": early, "undecided": 1.0}
    times = [max(time, 0) for time, _ in observations]
    share, undecided, variance = incidence(times, [cause for _, cause in observations])
    told["undecided"] = undecided
    if finished < max(floor, 1):
        return told | {"raw": early, "estimate": early}
    low, high = wilson(reached, entered)
    told["raw"] = {"state": "known", "value": reached / entered, "n": entered, "low": low, "high": high}
    plain = share * (1 - share)
    worth = plain / variance if variance > 2.3e-16 and plain > 2.3e-16 else finished
    low, high = wilson_share(share, max(worth, 1.0))
    told["estimate"] = {"state": "known", "value": share, "n": finished, "low": min(low, share), "high": max(high, share)}
    return told
