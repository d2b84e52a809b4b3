#!/usr/bin/env python3
"""Count what happened to deals in the plainest way, and hold a log of tussock's against it.

Usage:
  count.py REPOSITORY [EVENTS.csv]     the CSV is what `tussock log --format csv` printed there

Reads `git log --first-parent -m --raw --no-renames` from the first commit to the last and keeps, for every id, the
stage folders that hold a file of it. A deal is where it was for as long as a file of it is there, else in the first of
its folders by name. It knows no renamed folders, no side branches and no pipeline file, so what differs from the CSV
is what tussock made of those; it is printed by kind, with the commits.
"""
import csv
import subprocess
import sys
from collections import Counter, defaultdict


def raw(repository):
    """Each commit of the first-parent line, oldest first, with (status, path) of its changes."""
    told = subprocess.run(
        ["git", "-C", repository, "-c", "core.quotepath=off", "log", "--first-parent", "-m", "--raw", "--no-renames",
         "--root", "--reverse", "--no-abbrev", "--format=C%H %s"], capture_output=True, check=True).stdout
    commit, subject, changes = None, "", []
    for line in told.decode("utf-8", "replace").splitlines():
        if line.startswith("C") and len(line) > 40:
            if commit:
                yield commit, subject, changes
            commit, subject, changes = line[1:41], line[42:], []
        elif line.startswith(":"):
            words, path = line.split("\t", 1)
            changes.append((words.split(" ")[4], path))
    yield commit, subject, changes


def main():
    folders = defaultdict(list)  # of each id: its stage folders, where it is first
    told = set()
    events, subjects, of_commit = [], {}, defaultdict(list)
    commits = 0
    for commit, subject, changes in raw(sys.argv[1]):
        commits += 1
        subjects[commit] = subject
        gone, come = defaultdict(set), defaultdict(set)
        for status, path in changes:
            parts = path.split("/")
            if len(parts) < 3 or not path.endswith(".yaml"):
                continue
            name = parts[-1][:-5]
            if status == "D":
                gone[name].add("/".join(parts[1:-1]))
            elif status == "A":
                come[name].add("/".join(parts[1:-1]))
        for name in sorted(gone.keys() | come.keys()):
            before = folders[name]
            after = [f for f in before if f not in gone[name] - come[name]]
            after += sorted(f for f in come[name] if f not in after)
            if before:
                stay = [f for f in after if f.split("/")[0] == before[0].split("/")[0]]
                after = stay[:1] + [f for f in after if f not in stay[:1]]
            folders[name] = after
            was, now = (held[0].split("/")[0] if held else None for held in (before, after))
            if was == now:
                continue
            kind = "moved" if was and now else "removed" if was else "restored" if name in told else "created"
            told.add(name)
            event = (name, kind, was or "", now or "")
            events.append(event)
            of_commit[commit].append(event)
    kinds = Counter(event[1] for event in events)
    print(f"plain: {commits} commits on the line, {len(told)} deals, " + ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())))
    many = {c: Counter((e[2], e[3]) for e in found if e[1] == "moved") for c, found in of_commit.items()}
    for commit, pairs in many.items():
        if sum(pairs.values()) >= 10:
            ways = ", ".join(f"{f} to {t} {n}" for (f, t), n in pairs.most_common(4))
            print(f"  {commit[:10]} {sum(pairs.values())} moved: {ways}; {subjects[commit][:60]}")
    if len(sys.argv) < 3:
        return
    ours = []
    with open(sys.argv[2], newline="") as file:
        for row in csv.DictReader(file):
            if row["event"] in ("created", "moved", "removed", "restored"):
                ours.append(((row["deal"], row["event"], row["from"], row["to"]), row["commit"]))
    kinds = Counter(event[1] for event, _ in ours)
    print("tussock: " + ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())))
    theirs, mine = Counter(events), Counter(event for event, _ in ours)
    made = defaultdict(list)
    for event, commit in ours:
        made[event].append(commit[:10])
    for title, left in (("only in the plain count", theirs - mine), ("only in tussock's log", mine - theirs)):
        print(f"{title}: {sum(left.values())}")
        for event, number in sorted(left.items()):
            if title.startswith("only in the plain"):
                where = [c[:10] for c, found in of_commit.items() if event in found]
            else:
                where = made[event]
            print(f"  {number} x {' '.join(part or '-' for part in event)}  in {' '.join(where[:4])}")


if __name__ == "__main__":
    main()
