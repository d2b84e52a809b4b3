"""Holds what tussock says against what independent programs say, number by number."""

from dataclasses import dataclass, field
from decimal import Decimal

# The largest relative difference of two numbers that are the same; sums of money must be equal.
TOLERANCE = 1e-9
# Numbers below this are compared absolutely: what is left of one minus almost one is rounding.
SMALL = 1e-3


@dataclass
class Group:
    """The numbers of one name, wherever they stand in lists."""

    compared: int = 0
    largest: float = 0.0
    differences: list = field(default_factory=list)


class Comparison:
    def __init__(self):
        self.groups = {}

    @property
    def differences(self):
        return [difference for group in self.groups.values() for difference in group.differences]

    def check(self, name, place, ours, theirs):
        """Compares one number, text or nothing. `ours` is tussock's."""
        group = self.groups.setdefault(name, Group())
        group.compared += 1
        if isinstance(theirs, Decimal):
            same = ours is not None and Decimal(ours) == theirs
        elif isinstance(theirs, float) and isinstance(ours, (int, float)) and not isinstance(ours, bool):
            relative = abs(ours - theirs) / max(abs(theirs), SMALL)
            group.largest = max(group.largest, relative)
            same = relative <= TOLERANCE
        else:
            same = ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
        if not same:
            group.differences.append(f"{place}: tussock says {ours!r}, they say {theirs!r}")

    def tree(self, ours, theirs, name, place):
        """Compares a part of a report with what is expected of it; keys that only the report has are not asked about."""
        if isinstance(theirs, dict):
            if not isinstance(ours, dict):
                self.check(name, place, ours, "an object")
                return
            for key, value in theirs.items():
                if key in ours:
                    self.tree(ours[key], value, f"{name}.{key}", f"{place}.{key}")
                else:
                    self.check(f"{name}.{key}", f"{place}.{key}", "no such key", value)
        elif isinstance(theirs, list):
            if not isinstance(ours, list):
                self.check(name, place, ours, "a list")
                return
            self.check(f"{name}[]", f"{place}, its length", len(ours), len(theirs))
            for number, (one, other) in enumerate(zip(ours, theirs)):
                label = next((other[key] for key in ("id", "deal", "stage", "value", "when") if isinstance(other, dict) and other.get(key)), number)
                self.tree(one, other, f"{name}[]", f"{place}[{label}]")
        else:
            self.check(name, place, ours, theirs)

    def show(self, detail=False):
        """The table of what was compared: by the parts of reports, or by every key of them."""
        parts = {}
        for name, group in self.groups.items():
            part = name if detail or name.count(".") < 2 else name.rsplit(".", 1)[0]
            compared, largest, differing = parts.get(part, (0, 0.0, 0))
            largest = max(largest, group.largest)
            parts[part] = (compared + group.compared, largest, differing + len(group.differences))
        whole = [sum(part[0] for part in parts.values()), max((part[1] for part in parts.values()), default=0.0)]
        parts["all"] = (*whole, len(self.differences))
        width = max(map(len, parts))
        rows = [f"{'what':<{width}}  {'numbers':>8}  {'farthest apart':>14}  differing"]
        for name, (compared, largest, differing) in parts.items():
            rows.append(f"{name:<{width}}  {compared:>8}  {largest or 0:>14.1e}  {differing or '-':>9}")
        return "\n".join(rows)
