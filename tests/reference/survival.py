"""Writes survival.json: reference values of Kaplan-Meier (lifelines) and Aalen-Johansen (scikit-survival).

    pip install lifelines==0.30.3 scikit-survival==0.28.0
    python survival.py > survival.json
"""

import json
import math
import random

import numpy
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times, qth_survival_times
from sksurv.nonparametric import cumulative_incidence_competing_risks


def sample(seed, n, ties):
    """Times in whole units with causes 1, 2 or 0 (censored); few distinct times where `ties`."""
    generator = random.Random(seed)
    rows = []
    for _ in range(n):
        time = 1 + int(generator.expovariate(1 / (5 if ties else 40)))
        rows.append([time, generator.choices([0, 1, 2], weights=[3, 2, 4])[0]])
    return rows


def number(value):
    return None if value is None or math.isinf(value) or math.isnan(value) else float(value)


def case(name, rows):
    times = numpy.array([r[0] for r in rows])
    causes = numpy.array([r[1] for r in rows])
    fitted = KaplanMeierFitter().fit(times, causes > 0)
    survival = [[int(t), float(s)] for t, s in fitted.survival_function_.iloc[:, 0].items() if t > 0]
    bounds = median_survival_times(fitted.confidence_interval_).iloc[0]
    grid, incidence, band = cumulative_incidence_competing_risks(causes, times, conf_level=0.95, conf_type="log-log")
    return {
        "name": name,
        "observations": rows,
        "survival": survival,
        "median": number(fitted.median_survival_time_),
        "p90": number(qth_survival_times(0.1, fitted.survival_function_)),
        "median_low": number(bounds.iloc[0]),
        "median_high": number(bounds.iloc[1]),
        "incidence": [[int(t), float(a), float(b)] for t, a, b in zip(grid, incidence[1], incidence[2])],
    }


if __name__ == "__main__":
    cases = [
        case("few", sample(1, 12, ties=False)),
        case("heavy ties", sample(2, 300, ties=True)),
        case("spread", sample(3, 500, ties=False)),
    ]
    print(json.dumps({"lifelines": "0.30.3", "scikit-survival": "0.28.0", "cases": cases}))
