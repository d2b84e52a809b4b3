#!/usr/bin/env python3
"""The stage history of a pipeline with GitPython: history_gitpython.py REPOSITORY

Prints one CSV line for each deal that came in, moved or went, by the renames that git finds between a commit and its
first parent. The amounts and dates of deals are not looked at.
"""
import csv
import os
import sys

import git


def place(path):
    """Stage and id of a deal's file."""
    parts = (path or "").split("/")
    if len(parts) < 3 or parts[0] != "sales" or not path.endswith(".yaml"):
        return None, None
    return parts[1], os.path.basename(path)[:-5]


out = csv.writer(sys.stdout)
repository = git.Repo(sys.argv[1])
for commit in repository.iter_commits("HEAD", first_parent=True, reverse=True):
    parent = commit.parents[0] if commit.parents else git.NULL_TREE
    if commit.parents:
        changes = parent.diff(commit)
    else:
        changes = commit.diff(git.NULL_TREE, R=True)
    for change in changes:
        before, was = place(None if change.new_file else change.a_path)
        after, deal = place(None if change.deleted_file else change.b_path)
        if before != after:
            kind = "moved" if before and after else "created" if after else "removed"
            out.writerow([deal or was, kind, before or "", after or "", commit.authored_datetime.isoformat(),
                          commit.author.email, commit.hexsha])
