#!/usr/bin/env python3
"""The stage history of a pipeline with PyDriller: history_pydriller.py REPOSITORY

Prints one CSV line for each deal that came in, moved or went, as far as renames that git finds tell it. What a team
would write first; the amounts and dates of deals are not even looked at.
"""
import csv
import os
import sys

from pydriller import Repository


def place(path):
    """Stage and id of a deal's file."""
    parts = (path or "").split("/")
    if len(parts) < 3 or parts[0] != "sales" or not path.endswith(".yaml"):
        return None, None
    return parts[1], os.path.basename(path)[:-5]


out = csv.writer(sys.stdout)
for commit in Repository(sys.argv[1]).traverse_commits():
    for change in commit.modified_files:
        before, was = place(change.old_path)
        after, deal = place(change.new_path)
        if before != after:
            kind = "moved" if before and after else "created" if after else "removed"
            out.writerow([deal or was, kind, before or "", after or "", commit.author_date.isoformat(),
                          commit.author.email, commit.hash])
