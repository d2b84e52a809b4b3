#!/usr/bin/env python3
"""Turn a repository of documents, in which a document's folder is its state, into a repository of deals.

Usage:
  convert.py RECIPE SOURCE_GIT_DIR OUT_DIR [--branch REV]

Every commit is written again, with its parents, authors, times and message, also the ones that touch no document. A
document becomes a deal:

  * its folder becomes the stage's folder (what a recipe does with deeper folders is said there);
  * its name becomes the id, without what the recipe says is no part of it (the number that a draft gets when it is
    accepted, the title after a task's number);
  * `amount` is the number of bytes of the document, so that an edit of the document is an edit of the deal, and
    `x-document` is the id of its blob.

A `pipeline.yaml` lies in the pipeline's folder from its first document on, always with the same text: the stages that
have a document at the newest commit, and no others, so that a folder that has gone is known by history alone.

Only the standard library and the `git` program are used. What is printed tells what was made.
"""
import argparse
import re
import subprocess
import sys
from collections import Counter

NO_DOCUMENT = re.compile(r"(^|/)(readme|index|template|.*-template|redirects|0000-template)(\.[a-z]+)?$", re.I)


def nova(path):
    """specs/CYCLE/STATE/NAME.rst: the stage is the whole folder below specs/, CYCLE-STATE."""
    found = re.fullmatch(r"specs/(.+)/([^/]+)\.rst", path)
    return found and ("sales", found[1].replace("/", "-"), found[2])


def nova_states(path):
    """As nova, but the stage is the last folder, and the cycle a folder below it, whose name means nothing."""
    found = re.fullmatch(r"specs/(?:([^/]+)/)?([^/]+)/([^/]+)\.rst", path)
    return found and ("sales", found[2] + ("/" + found[1] if found[1] else ""), found[3])


def keystone(path):
    """specs/FOLDERS/NAME.rst, attic/… and superseded/…: the stage is the whole folder, but for specs/."""
    found = re.fullmatch(r"(?:specs/)?((?:(?<=specs/)[^/]+|attic|superseded)(?:/.+)?)/([^/]+)\.rst", path)
    return found and ("sales", found[1].replace("/", "-"), found[2])


def rfcs(path):
    """STATE/NUMBER-NAME.md: the id is NAME, as a draft has the number 0000 until it is accepted."""
    found = re.fullmatch(r"(active|complete|rejected|text)/(?:\d+-)?([^/]+)\.md", path)
    return found and ("sales", found[1], found[2])


def backlog(path):
    """.backlog/STATE/task-NUMBER - TITLE.md, later backlog/…: the pipeline's folder is the repository's own, and the id is
    task-NUMBER, also since the prefix became back-."""
    found = re.fullmatch(r"(\.?backlog)/((?:archive/)?(?:tasks|completed|drafts))/(task|back|draft)-([\d.]+)[^/]*\.md", path)
    if not found:
        return None
    kind = "draft" if found[3] == "draft" else "task"
    return (found[1], found[2].replace("/", "-"), f"{kind}-{found[4]}")


RECIPES = {"nova": nova, "nova-states": nova_states, "keystone": keystone, "rfcs": rfcs, "backlog": backlog}


def slug(text):
    """A deal's or a stage's id."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:100] or "x"


def pipeline_file(stages):
    """The text of pipeline.yaml. What sounds like an end is one, as a pipeline needs a way to win."""
    kinds = {}
    for stage in stages:
        if re.search(r"implemented|completed|text|ongoing", stage):
            kinds[stage] = "won"
        elif re.search(r"abandoned|archive|rejected", stage):
            kinds[stage] = "lost"
    text = "version: 1\ntitle: Documents\ncurrency: EUR\nstages:\n"
    text += "".join(f"  - id: {s}\n" for s in stages if s not in kinds) or "  - id: nowhere\n"
    return text + "ends:\n" + "".join(f"  - {{id: {s}, kind: {k}}}\n" for s, k in kinds.items())


def export(source, rev):
    """The commits of `rev`, parents first: mark, from, merges, header lines, message, changes."""
    told = subprocess.Popen(
        ["git", "-C", source, "-c", "core.quotepath=off", "fast-export", "--no-data", "--reencode=no",
         "--signed-tags=strip", rev], stdout=subprocess.PIPE)
    out = told.stdout
    commit = None
    for line in out:
        if line.startswith(b"commit "):
            if commit:
                yield commit
            commit = {"from": None, "merge": [], "who": [], "message": b"", "changes": []}
        elif line.startswith(b"reset ") or line == b"\n" or line.startswith(b"original-oid") or line.startswith(b"encoding"):
            continue
        elif commit is None:
            continue
        elif line.startswith(b"mark "):
            commit["mark"] = line[5:].strip()
        elif line.startswith((b"author ", b"committer ")):
            commit["who"].append(line)
        elif line.startswith(b"data "):
            commit["message"] = out.read(int(line[5:]))
        elif line.startswith(b"from "):
            commit["from"] = line[5:].strip()
        elif line.startswith(b"merge "):
            commit["merge"].append(line[6:].strip())
        elif line.startswith((b"M ", b"D ", b"deleteall")):
            commit["changes"].append(line.rstrip(b"\n"))
    if commit:
        yield commit
    if told.wait():
        sys.exit("git fast-export failed")


def unquoted(raw):
    """A path as fast-export writes it."""
    if raw.startswith(b'"'):
        return raw[1:-1].decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
    return raw.decode("utf-8", "replace")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("recipe", choices=RECIPES)
    arguments.add_argument("source")
    arguments.add_argument("out")
    arguments.add_argument("--branch", default="HEAD")
    given = arguments.parse_args()
    recipe = RECIPES[given.recipe]

    commits = list(export(given.source, given.branch))
    places = {}

    def place(path):
        """Folder of the pipeline, stage with what is below it, id; None where the path is no document."""
        if path not in places:
            found = None if NO_DOCUMENT.search(path) else recipe(path)
            if found:
                root, stage, name = found
                found = (root, "/".join(slug(part) for part in stage.split("/")), slug(name))
            places[path] = found
        return places[path]

    # The documents after each commit, and how often a commit is still needed as a parent.
    needed = Counter(c["from"] for c in commits if c["from"])
    children = dict(needed)
    documents, blobs = {}, set()
    for commit in commits:
        now = dict(documents[commit["from"]]) if commit["from"] else {}
        for change in commit["changes"]:
            if change == b"deleteall":
                now.clear()
            elif change.startswith(b"D "):
                gone = unquoted(change[2:])
                for path in [p for p in now if p == gone or p.startswith(gone + "/")]:
                    del now[path]
            else:
                mode, blob, path = change[2:].split(b" ", 2)
                path = unquoted(path)
                if mode.startswith(b"100") and place(path):
                    now[path] = blob.decode()
                    blobs.add(blob.decode())
                else:
                    now.pop(path, None)
        documents[commit["mark"]] = now
        commit["documents"] = now
        if commit["from"]:
            needed[commit["from"]] -= 1
            if not needed[commit["from"]]:
                del documents[commit["from"]]
    ordered = sorted(blobs)
    told = subprocess.run(["git", "-C", given.source, "cat-file", "--batch-check=%(objectname) %(objectsize)"],
                          input="\n".join(ordered), capture_output=True, text=True, check=True).stdout
    size = dict(line.split(" ", 1) for line in told.splitlines())

    stages = sorted({place(path)[1].split("/")[0] for path in commits[-1]["documents"]})
    pipeline = pipeline_file(stages)

    subprocess.run(["git", "init", "-q", "-b", "main", given.out], check=True)
    into = subprocess.Popen(["git", "-C", given.out, "fast-import", "--quiet", "--force"], stdin=subprocess.PIPE)
    write = into.stdin.write
    marks, made = {}, {}

    def mark_of(text):
        """A blob's mark; it is written the first time."""
        if text not in marks:
            marks[text] = 1_000_000 + len(marks)
            raw = text.encode()
            write(b"blob\nmark :%d\ndata %d\n%s\n" % (marks[text], len(raw), raw))
        return marks[text]

    doubled = 0
    for commit in commits:
        files, stand = {}, Counter()
        for path in sorted(commit["documents"]):
            root, stage, name = place(path)
            blob = commit["documents"][path]
            target = f"{root}/{stage}/{name}.yaml"
            if target in files:
                continue
            amount = size[blob] if size[blob].isdigit() else "0"
            files[target] = f"title: {name}\namount: {amount}\nx-document: {blob}\n"
            files[f"{root}/pipeline.yaml"] = pipeline
            stand[name] += 1
        doubled = max(doubled, sum(n > 1 for n in stand.values()))
        before = made[commit["from"]] if commit["from"] else {}
        changes = []
        for target in sorted(before.keys() - files.keys()):
            changes.append(b"D " + target.encode())
        for target in sorted(files):
            if before.get(target) != files[target]:
                changes.append(b"M 100644 :%d %s" % (mark_of(files[target]), target.encode()))
        made[commit["mark"]] = files
        commit["documents"] = None
        if commit["from"]:
            needed[commit["from"]] += 1
            if needed[commit["from"]] == children[commit["from"]]:
                del made[commit["from"]]
        else:
            write(b"reset refs/heads/main\n\n")
        write(b"commit refs/heads/main\nmark " + commit["mark"] + b"\n" + b"".join(commit["who"]))
        write(b"data %d\n%s\n" % (len(commit["message"]), commit["message"]))
        if commit["from"]:
            write(b"from " + commit["from"] + b"\n")
        for parent in commit["merge"]:
            write(b"merge " + parent + b"\n")
        write(b"".join(change + b"\n" for change in changes) + b"\n")
    into.stdin.close()
    if into.wait():
        sys.exit("git fast-import failed")
    subprocess.run(["git", "-C", given.out, "reset", "-q", "--hard"], check=True)
    merges = sum(bool(c["merge"]) for c in commits)
    left = sum(name.endswith(".yaml") and not name.endswith("pipeline.yaml") for name in made[commits[-1]["mark"]])
    print(f"{len(commits)} commits, {merges} merges, {len(places)} paths of which {sum(map(bool, places.values()))} are"
          f" documents, {len(blobs)} versions; at the end {left} deals in {len(stages)} stages;"
          f" at most {doubled} ids in two places at once")


if __name__ == "__main__":
    main()
