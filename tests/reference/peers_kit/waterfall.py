"""The waterfall, from the deal files of two commits: git, PyYAML and decimal numbers, nothing else."""

from collections import defaultdict
from decimal import Decimal

COMES = ("new", "reopened", "pulled_in", "pushed_in", "dated", "filter_in", "read_again")
CHANGES = ("increased", "decreased", "priced", "unpriced", "converted")
LEAVES = ("slipped", "pulled_out", "undated", "won", "lost", "recycled", "withdrawn", "filter_out", "unread")
# Those that only a period of close dates can have.
OF_PERIOD = ("pulled_in", "pushed_in", "dated", "slipped", "pulled_out", "undated")


class Standing:
    """A deal at one time."""

    def __init__(self, pipeline, deal, closing, owner):
        self.chosen = owner is None or deal.text("owner") == owner
        self.status = pipeline.status_of_folder(deal.stage)
        self.close = deal.text("close_date")
        self.money = deal.money(pipeline.currency)
        self.is_in = self.chosen and self.status == "open" and within(closing, self.close)


def within(closing, day):
    """Whether a day, as text, is one of the days asked for; all are where no days are asked for."""
    return closing is None or (day is not None and closing[0] <= day <= closing[1])


def partners(before, after):
    """Which deal of the start each deal of the end is: by its id, else by an id that it had before."""
    found = {id: id for id in after if id in before}
    taken = set(found.values())
    for id, deal in after.items():
        older = deal.fields.get("was") or []
        for name in reversed([older] if isinstance(older, str) else older):
            if id not in found and name in before and name not in taken:
                found[id] = name
                taken.add(name)
    return found


def came(a, closing):
    """Why a deal is in the set at the end and was not at the start."""
    if a is None:
        return "new"
    if not a.chosen:
        return "filter_in"
    if a.status != "open" or closing is None:
        return "reopened"
    if a.close is None:
        return "dated"
    return "pushed_in" if a.close < closing[0] else "pulled_in"


def went(b, closing):
    """Why a deal was in the set at the start and is not at the end."""
    if not b.chosen:
        return "filter_out"
    if b.status != "open":
        return b.status
    if b.close is None:
        return "undated"
    return "pulled_out" if b.close < closing[0] else "slipped"


def passed_through(a, b, journey, pipeline, closing):
    """Whether a deal came and was closed between the two times."""
    if not b.chosen or b.status == "open":
        return False
    if a is None:
        imported = all(visit.untimed and pipeline.status(visit.spot) != "open" for visit in journey.visits)
        between = not imported
    else:
        between = a.status != b.status
    won_on = str(pipeline.day(journey.decided)) if journey.outcome == "won" else None
    return between and (within(closing, b.close) or within(closing, won_on))


def waterfall(before, after, journeys, closing=None, owner=None):
    """`before` and `after` are (pipeline, deals) at the two times, `closing` the first and last close date as texts; only
    deals of an owner, where one is named."""
    (old_pipeline, old_deals), (pipeline, deals) = before, after
    booked = defaultdict(list)
    start, end = [], []
    pairs = partners(old_deals, deals)
    gone = set(old_deals) - set(pairs.values())

    def book(a, b, arrival, leaving):
        last = b.money if b else None
        if b is None or not b.is_in:
            # What a filter keeps out is not looked at any more.
            last = (last if b is None or b.chosen else None) or (a.money if a else None)
        if arrival:
            booked[arrival].append(([last] if last else [], False))
        if a and a.is_in:
            start.append(a.money)
            if a.money is None and last is not None:
                booked["priced"].append(([last], bool(leaving)))
            elif a.money is not None and last is None:
                booked["unpriced"].append(([minus(a.money)], bool(leaving)))
            elif a.money and a.money[1] != last[1]:
                booked["converted"].append(([minus(a.money), last], bool(leaving)))
            elif a.money and a.money[0] != last[0]:
                kind = "increased" if a.money[0] < last[0] else "decreased"
                booked[kind].append(([(last[0] - a.money[0], last[1])], bool(leaving)))
        if b and b.is_in:
            end.append(b.money)
        if leaving:
            booked[leaving].append(([minus(last)] if last else [], True))

    for id, deal in deals.items():
        a = Standing(old_pipeline, old_deals[pairs[id]], closing, owner) if id in pairs else None
        b = Standing(pipeline, deal, closing, owner)
        was_in = a is not None and a.is_in
        if was_in or b.is_in or passed_through(a, b, journeys[id], pipeline, closing):
            book(a, b, None if was_in else came(a, closing), None if b.is_in else went(b, closing))
    for id in gone:
        a = Standing(old_pipeline, old_deals[id], closing, owner)
        if a.is_in:
            book(a, None, None, "withdrawn")

    kinds = [kind for kind in (*COMES, *CHANGES, *LEAVES) if closing is not None or kind not in OF_PERIOD]
    steps = [step(kind, booked[kind], pipeline.currency) for kind in kinds]
    told = {"start": level(start, pipeline.currency), "steps": steps, "end": level(end, pipeline.currency)}
    identity(told)
    return told | {"currency": pipeline.currency, "balanced": True}


def minus(money):
    return -money[0], money[1]


def sums(amounts, currency):
    """The sum in the main currency, and those in others by code."""
    found = defaultdict(Decimal)
    for number, code in amounts:
        found[code] += number
    own = {"amount": found.pop(currency, Decimal(0)), "currency": currency}
    return own, [{"amount": found[code], "currency": code} for code in sorted(found)]


def level(amounts, currency):
    own, other = sums([money for money in amounts if money], currency)
    return {"deals": len(amounts), "amount": own, "other": other, "without_amount": amounts.count(None)}


def step(kind, changes, currency):
    own, other = sums([money for booked, _ in changes for money in booked], currency)
    leaving, _ = sums([money for booked, left in changes if left and kind in CHANGES for money in booked], currency)
    direction = 1 if kind in COMES else -1 if kind in LEAVES else 0
    return {
        "kind": kind,
        "deals": len(changes),
        "change_of_deals": direction * len(changes),
        "amount": own,
        "other": other,
        "before_leaving": leaving,
        "without_amount": sum(not booked for booked, _ in changes),
    }


def identity(told):
    """Start and steps make the end, in number and to the last cent."""
    deals = told["start"]["deals"] + sum(step["change_of_deals"] for step in told["steps"])
    assert deals == told["end"]["deals"], f"{deals} deals, not {told['end']['deals']}"
    amount = told["start"]["amount"]["amount"] + sum(step["amount"]["amount"] for step in told["steps"])
    assert amount == told["end"]["amount"]["amount"], f"{amount}, not {told['end']['amount']['amount']}"
