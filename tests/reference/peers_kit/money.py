"""What was lost and why, where hours went, what money is due, what was pushed and what covers the target: from the deal
files as git has them, read with PyYAML, in decimal numbers."""

import datetime
import math
from collections import defaultdict
from decimal import Decimal

from .repository import parse_money
from .survival import wilson, wilson_share
from .waterfall import within
from .worth import early, known

# So many pushes make a close date a wish.
FICTION = 3
YEAR = 365


def amounts(deals, pipeline):
    """Deals counted and their amounts added up, each currency apart."""
    sums, without = defaultdict(Decimal), 0
    for deal in deals:
        money = deal.money(pipeline.currency)
        if money is None:
            without += 1
        else:
            sums[money[1]] += money[0]
    own = total(sums.pop(pipeline.currency, Decimal(0)), pipeline.currency)
    other = [total(sums[code], code) for code in sorted(sums)]
    return {"deals": len(deals), "amount": own, "other": other, "without_amount": without}


def total(number, currency):
    return {"amount": number, "currency": currency}


def ratio(part, whole):
    return float(part / whole) if whole > 0 else None


def quantile(numbers, nine_of_ten, floor):
    """The smallest number that half of all, or nine of ten, do not exceed."""
    n = len(numbers)
    if n == 0 or n < floor:
        return early(n)
    rank = -(-n * 9 // 10) if nine_of_ten else -(-n // 2)
    return known(sorted(numbers)[rank - 1], n)


def entries(deal):
    """What a deal lists under `effort`: (day or None, who or None, hours or None)."""
    for item in deal.fields.get("effort") or []:
        hours = item.get("hours")
        yield item.get("on") or None, item.get("who") or None, Decimal(hours) if hours else None


def hours_until(deal, day):
    return sum((hours for on, _, hours in entries(deal) if hours is not None and (on is None or on <= day)), Decimal(0))


# Losses


def answer(deal, kind, words):
    """What a deal says in a field named for its end."""
    paths = [f"{block}{joint}{word}" for joint in "._" for block in (deal.stage, kind) for word in words]
    return next((text for text in map(deal.text, [*paths, *words]) if text), None)


def losses(pipeline, deals, journeys, day, window, floors):
    """What was lost and what went back, of the deals that ended in a window of (first second, second after)."""
    told = {"currency": pipeline.currency}
    for kind in ("lost", "recycled"):
        rows = []
        for deal in deals.values():
            journey = journeys.get(deal.id)
            if pipeline.status_of_folder(deal.stage) != kind:
                continue
            decided = journey.decided if journey and journey.outcome == kind else None
            if (decided is None and window != (None, None)) or (decided is not None and not inside(window, decided)):
                continue
            stages = [visit.spot for visit in journey.visits if isinstance(visit.spot, int)]
            first = journey.visits[0]
            timed = not first.untimed and not isinstance(first.spot, str)
            rows.append(
                {
                    "deal": deal,
                    "from": stages[-1] if stages else None,
                    "reason": answer(deal, kind, ["reason"]),
                    "competitor": answer(deal, kind, ["competitor", "competitors"]),
                    "age": max(decided - first.entered, 0) if timed else None,
                    "hours": hours_until(deal, day),
                    "ended_on": str(pipeline.day(decided)),
                }
            )
        told[kind] = ended(pipeline, rows, floors)
    return told


def inside(window, time):
    return (window[0] is None or time >= window[0]) and (window[1] is None or time < window[1])


def ended(pipeline, rows, floors):
    whole = amounts([row["deal"] for row in rows], pipeline)

    def line(own):
        counted = amounts([row["deal"] for row in own], pipeline)
        ages = [row["age"] for row in own if row["age"] is not None]
        return counted | {
            "share_of_deals": ratio(Decimal(counted["deals"]), whole["deals"]),
            "share_of_amount": ratio(counted["amount"]["amount"], whole["amount"]["amount"]),
            "median_age_seconds": quantile(ages, False, floors["quantile"]),
            "hours": float(sum((row["hours"] for row in own), Decimal(0))),
        }

    def groups(key):
        values = {row[key] for row in rows}
        found = [{"value": value} | line([row for row in rows if row[key] == value]) for value in values]
        rank = lambda group: (group["value"] is None, -group["deals"], -group["amount"]["amount"], group["value"] or "")
        return sorted(found, key=rank)

    stages = []
    for spot in sorted({row["from"] for row in rows}, key=lambda spot: (spot is None, spot or 0)):
        name = None if spot is None else pipeline.stages[spot].id
        stages.append({"stage": name} | line([row for row in rows if row["from"] == spot]))
    competitors = groups("competitor")
    return {
        "total": line(rows),
        "reasons": groups("reason"),
        "stages": stages,
        "competitors": [] if all(group["value"] is None for group in competitors) else competitors,
        "deals": [
            {
                "id": row["deal"].id,
                "reason": row["reason"],
                "competitor": row["competitor"],
                "from": None if row["from"] is None else pipeline.stages[row["from"]].id,
                "ended_on": row["ended_on"],
                "age_seconds": row["age"],
                "hours": float(row["hours"]),
            }
            for row in sorted(rows, key=lambda row: largest_first(row["deal"], pipeline))
        ],
    }


def largest_first(deal, pipeline):
    """Amounts in the main currency, then in others, then none; the larger first."""
    money = deal.money(pipeline.currency)
    if money is None:
        return 2, 0, deal.id
    return int(money[1] != pipeline.currency), -money[0], deal.id


# Effort


def effort(pipeline, deals, journeys, day, span, floors):
    """Hours up to a day, of the work of a span of days (None: all)."""
    stages, people, outcomes = defaultdict(list), defaultdict(list), defaultdict(list)
    worked, later, without, undated = {}, 0, 0, Decimal(0)
    for deal in deals.values():
        status = pipeline.status_of_folder(deal.stage)
        for on, who, hours in entries(deal):
            if on is not None and on > day:
                later += 1
                continue
            counts = span is None or (on is not None and span[0] <= on <= span[1])
            if hours is None:
                without += counts
                continue
            if on is None:
                undated += hours
            if counts:
                if on is not None:
                    stages[place_on(pipeline, journeys[deal.id], on)].append((deal.id, hours))
                people[who].append((deal.id, hours, status))
                outcomes[status].append(hours)
                worked[deal.id] = deal
    rows = {id: {"hours": hours_until(deal, day), "status": pipeline.status_of_folder(deal.stage)} for id, deal in worked.items()}
    for id, row in rows.items():
        row["paid_on"] = first_payment(worked[id], day)
        until = row["paid_on"]
        row["before"] = hours_until(worked[id], day) if until is None else hours_until(worked[id], min(until, day))
    all_hours = sum((sum(own) for own in outcomes.values()), Decimal(0))
    share = lambda hours: float(hours) / float(all_hours) if all_hours > 0 else None
    of = lambda status: [row for row in rows.values() if row["status"] == status]
    summed = lambda chosen, key: float(sum((row[key] for row in chosen), Decimal(0)))
    won = quantile([float(row["hours"]) for row in of("won")], False, floors["quantile"])
    lost = quantile([float(row["hours"]) for row in of("lost")], True, floors["quantile"])

    def outcome(status):
        priced, worth = Decimal(0), Decimal(0)
        for id, row in rows.items():
            money = worked[id].money(pipeline.currency)
            if row["status"] == status and money and money[1] == pipeline.currency and money[0] > 0:
                priced, worth = priced + row["hours"], worth + money[0]
        hours = sum(outcomes[status], Decimal(0))
        return {
            "outcome": status,
            "deals": len(of(status)),
            "hours": float(hours),
            "share": share(hours),
            "median_hours": quantile([float(row["hours"]) for row in of(status)], False, floors["quantile"]),
            "per_thousand": float(priced / worth * 1000) if worth > 0 else None,
        }

    def spot_line(spot):
        own = stages[spot]
        hours = sum(hours for _, hours in own)
        name = pipeline.stages[spot].id if isinstance(spot, int) else spot
        return {"stage": name, "hours": float(hours), "share": share(hours), "deals": len({id for id, _ in own})}

    def person(who):
        own = people[who]
        hours = sum(hours for _, hours, _ in own)
        told = {"who": who, "hours": float(hours), "share": share(hours), "deals": len({id for id, _, _ in own})}
        parts = ("open", "won", "lost", "recycled")
        return told | {part: float(sum(hours for _, hours, status in own if status == part)) for part in parts}

    order = ["won", "lost", "recycled"]
    spots = sorted(stages, key=lambda spot: (0, spot) if isinstance(spot, int) else (1, order.index(spot)))
    much = lambda row: any(limit["state"] == "known" and float(row["hours"]) > limit["value"] for limit in (won, lost))
    by_hours = lambda ids: sorted(ids, key=lambda id: (-rows[id]["hours"], id))
    return {
        "hours": float(all_hours),
        "deals": len(rows),
        "undated": float(undated),
        "without_hours": without,
        "later": later,
        "stages": [spot_line(spot) for spot in spots],
        "people": sorted(map(person, people), key=lambda line: (-line["hours"], line["who"] or "")),
        "outcomes": [outcome(status) for status in ("open", "won", "lost", "recycled")],
        "won_median": won,
        "lost_p90": lost,
        "won_before_payment": summed(of("won"), "before"),
        "won_hours": summed(of("won"), "hours"),
        "unpaid": summed([row for row in of("open") if row["paid_on"] is None], "hours"),
        "lost_after_much": [{"id": id} for id in by_hours(rows) if rows[id]["status"] == "lost" and much(rows[id])],
        "list": [
            {"id": id, "hours": float(rows[id]["hours"]), "before_payment": float(rows[id]["before"]), "paid_on": rows[id]["paid_on"]}
            for id in by_hours(rows)
        ],
    }


def first_payment(deal, day):
    paid = [item["paid_on"] for item in deal.fields.get("payments") or [] if item.get("paid_on")]
    return min((on for on in paid if on <= day), default=None)


def place_on(pipeline, journey, day):
    """Where a deal was when a day began; work before its first stage belongs to that one."""
    begins = pipeline.begin_of_day(datetime.date.fromisoformat(day))
    then = [visit for visit in journey.visits if visit.entered <= begins]
    return (then[-1] if then else journey.visits[0]).spot


# Cash


def cash(pipeline, deals, day, span, floors):
    """Payments as known on a day, those of a span of days (None: all)."""
    rows, won_without = [], 0
    for deal in deals.values():
        status = pipeline.status_of_folder(deal.stage)
        items = deal.fields.get("payments") or []
        won_without += status == "won" and not items and deal.money(pipeline.currency) is not None
        for item in items:
            due, paid = item.get("due") or None, item.get("paid_on") or None
            paid = paid if paid and paid <= day else None
            if paid:
                state = "paid"
            elif status in ("lost", "recycled"):
                state = "void"
            else:
                state = "undated" if due is None else "overdue" if due < day else "due"
            until = day if state == "overdue" else paid
            late = days_between(due, until) if due and until else None
            money = parse_money(item.get("amount"), pipeline.currency)
            rows.append({"deal": deal.id, "state": state, "due": due, "paid_on": paid, "late": late, "money": money})
    covers = lambda on: span is None or (on is not None and span[0] <= on <= span[1])
    codes = sorted({row["money"][1] for row in rows if row["money"]}, key=lambda code: (code != pipeline.currency, code))
    received = [row for row in rows if row["state"] == "paid" and covers(row["paid_on"])]
    lateness = [row["late"] for row in received if row["late"] is not None]
    listed = [row for row in rows if row["state"] == "overdue" or covers(row["due"]) or covers(row["paid_on"])]
    order = ["overdue", "due", "undated", "paid", "void"]
    rank = lambda row: (order.index(row["state"]), row["due"] or "", row["paid_on"] or "", row["deal"])
    return {
        "currencies": [currency_line(code, rows, covers) for code in codes],
        "months": [line for code in codes for line in month_lines(code, rows, covers)],
        "median_days_late": quantile(lateness, False, floors["quantile"]),
        "paid_late": sum(late > 0 for late in lateness),
        "paid": len(received),
        "without_amount": sum(row["money"] is None for row in rows),
        "won_without_payments": won_without,
        "payments": [
            {"deal": row["deal"], "state": row["state"], "due": row["due"], "paid_on": row["paid_on"], "days_late": row["late"]}
            for row in sorted(listed, key=rank)
        ],
    }


def days_between(first, last):
    return (datetime.date.fromisoformat(last) - datetime.date.fromisoformat(first)).days


def summed(code, rows):
    return total(sum((row["money"][0] for row in rows), Decimal(0)), code)


def currency_line(code, rows, covers):
    own = [row for row in rows if row["money"] and row["money"][1] == code]
    state = lambda word: [row for row in own if row["state"] == word]
    return {
        "currency": code,
        "due": summed(code, [row for row in own if row["due"] and covers(row["due"]) and row["state"] != "void"]),
        "received": summed(code, [row for row in state("paid") if covers(row["paid_on"])]),
        "overdue": summed(code, state("overdue")),
        "overdue_payments": len(state("overdue")),
        "coming": summed(code, state("due")),
        "undated": summed(code, state("undated")),
        "void": summed(code, state("void")),
    }


def month_lines(code, rows, covers):
    own = [row for row in rows if row["money"] and row["money"][1] == code]
    due = [row for row in own if row["due"] and covers(row["due"]) and row["state"] != "void"]
    paid = [row for row in own if row["paid_on"] and covers(row["paid_on"])]
    for month in sorted({row["due"][:7] for row in due} | {row["paid_on"][:7] for row in paid}):
        here = [row for row in due if row["due"].startswith(month)]
        yield {
            "month": month,
            "payments": len(here),
            "due": summed(code, here),
            "due_paid": summed(code, [row for row in here if row["state"] == "paid"]),
            "due_open": summed(code, [row for row in here if row["state"] != "paid"]),
            "overdue": summed(code, [row for row in here if row["state"] == "overdue"]),
            "received": summed(code, [row for row in paid if row["paid_on"].startswith(month)]),
        }


# Slippage, pushes and coverage


def slippage(before, after, closing, floors):
    """What of the deals that were to close in a period at its start is to close after it at its end."""
    (old_pipeline, old_deals), (pipeline, deals) = before, after
    start = {
        id: deal
        for id, deal in old_deals.items()
        if old_pipeline.status_of_folder(deal.stage) == "open" and within(closing, deal.text("close_date"))
    }
    is_open = lambda id: id in deals and pipeline.status_of_folder(deals[id].stage) == "open"
    close = lambda id: deals[id].text("close_date")
    slipped = [id for id in start if is_open(id) and close(id) and close(id) > closing[1]]
    stayed = [id for id in start if is_open(id) and within(closing, close(id))]
    money = lambda ids: sum((own[0] for own in (start[id].money(pipeline.currency) for id in ids) if own and own[1] == pipeline.currency), Decimal(0))
    rate = early(len(start))
    if start and len(start) >= floors["rate"]:
        rate = known(len(slipped) / len(start), len(start), *wilson(len(slipped), len(start)))
    return {
        "deals": len(start),
        "amount": total(money(start), pipeline.currency),
        "slipped": len(slipped),
        "slipped_amount": total(money(slipped), pipeline.currency),
        "rate": rate,
        "rate_by_amount": ratio(money(slipped), money(start)),
        "stayed": len(stayed),
    }


def pushes(pipeline, deals, tracks, window):
    """How often the close dates of open deals moved to later days."""
    found, dated = [], 0
    for deal in deals.values():
        if pipeline.status_of_folder(deal.stage) != "open":
            continue
        dated += deal.text("close_date") is not None
        last, first, times, in_window, days = None, None, 0, 0, 0
        for at, text in tracks.of(deal.id, "close_date"):
            if not text:
                continue
            if last is not None and text > last:
                times += 1
                in_window += inside(window, at)
                days += days_between(last, text)
            first, last = first or text, text
        if times:
            found.append({"id": deal.id, "first_close": first, "pushes": times, "pushes_in_window": in_window, "days": days})
    found.sort(key=lambda row: (-row["pushes"], -row["days"], row["id"]))
    column = lambda key: sum(row[key] for row in found)
    return {
        "deals": dated,
        "pushed": len(found),
        "fiction": sum(row["pushes"] >= FICTION for row in found),
        "pushes": column("pushes"),
        "pushes_in_window": column("pushes_in_window"),
        "days": column("days"),
        "list": found,
    }


def coverage(pipeline, deals, journeys, day, span, floors):
    """What is booked and open for a span of days, and the share of the closed amount of a year that was won."""
    since = str(day - datetime.timedelta(days=YEAR - 1))
    booked, open_, closed = [], [], {"won": [], "lost": []}
    for deal in deals.values():
        status = pipeline.status_of_folder(deal.stage)
        if status == "open" and within(span, deal.text("close_date")):
            open_.append(deal)
        journey = journeys.get(deal.id)
        if status not in closed or journey is None or journey.outcome != status:
            continue
        when = str(pipeline.day(journey.decided))
        if status == "won" and within(span, when):
            booked.append(deal)
        money = deal.money(pipeline.currency)
        if money and money[1] == pipeline.currency and since <= when <= str(day):
            closed[status].append(money[0])
    n = len(closed["won"]) + len(closed["lost"])
    won = [float(amount) for amount in closed["won"] if amount > 0]
    sizes = won + [float(amount) for amount in closed["lost"] if amount > 0]
    rate = early(n)
    if n >= floors["rate"] and math.fsum(sizes) > 0:
        whole = math.fsum(sizes)
        share = math.fsum(won) / whole
        low, high = wilson_share(share, whole**2 / math.fsum(size**2 for size in sizes))
        rate = known(share, n, min(low, share), max(high, share))
    return {
        "booked": amounts(booked, pipeline),
        "open": amounts(open_, pipeline),
        "win_rate_by_value": rate,
        "required": 1 / rate["value"] if rate.get("value") else None,
    }
