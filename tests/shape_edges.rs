//! Repositories that are read and not written, that may not be opened, or that give less than they promise.

mod kit;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::freeze::{differences, freeze};
use kit::{Ran, TestRepo};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

/// The formats of repositories; those that this git does not make are left out.
fn formats() -> Vec<(&'static str, TestRepo)> {
    let all = [("sha1", "files"), ("sha256", "files"), ("sha1", "reftable"), ("sha256", "reftable")];
    let made = all.into_iter().filter_map(|(names, refs)| {
        let repo = TestRepo::without_git();
        let mut args = vec!["init", "-q", "-b", "main"];
        let format = format!("--object-format={names}");
        args.extend((names != "sha1").then_some(format.as_str()));
        args.extend((refs != "files").then_some("--ref-format=reftable"));
        if repo.try_git(&args).code != 0 {
            println!("skipped: this git knows no {names} with {refs}");
            return None;
        }
        fill(&repo);
        Some((if refs == "files" { names } else { refs }, repo))
    });
    made.collect()
}

fn fill(repo: &TestRepo) {
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE);
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    repo.write("sales/brief/acme.yaml", ACME);
    repo.commit("Set up");
}

fn plain() -> TestRepo {
    let repo = TestRepo::new();
    fill(&repo);
    repo
}

/// Runs tussock with some of the environment changed; a value of `None` takes the variable away.
fn with_env(repo: &TestRepo, args: &[&str], env: &[(&str, Option<&str>)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.args(args));
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Gives all below a folder to another user; false where only root could.
fn give_away(folder: &Path, user: u32) -> bool {
    let mut all = vec![folder.to_owned()];
    while let Some(path) = all.pop() {
        if std::os::unix::fs::lchown(&path, Some(user), Some(user)).is_err() {
            println!("skipped: only root can give files away");
            return false;
        }
        if path.is_dir() && !path.is_symlink() {
            all.extend(std::fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
        }
    }
    true
}

#[test]
fn a_bare_repository_is_read_in_every_format() {
    for (format, repo) in formats() {
        repo.ok(&["move", "acme", "proposal"]);
        repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
        for args in [
            &["validate", "--rev", "HEAD"][..],
            &["validate", "--rev", "HEAD~1"],
            &["log", "--format", "csv"],
            &["report"],
            &["report", "--as-of", "HEAD~1"],
        ] {
            let today = ["--today", "2026-01-20"];
            let there = repo.ok(&[&today[..], args].concat());
            let bare = repo.ok(&[&["-C", "../bare.git"], &today[..], args].concat());
            assert_eq!(bare, there, "{format} {args:?}");
        }
        let refused = repo.tussock(&["-C", "../bare.git", "move", "acme", "brief"]);
        assert_eq!(refused.code, 4, "{format}: {}", refused.err);
        assert!(refused.err.contains("is a bare repository"), "{format}: {}", refused.err);
    }
}

#[test]
fn a_shallow_clone_knows_the_present_and_not_the_past() {
    for (format, repo) in formats() {
        repo.ok(&["move", "acme", "proposal"]);
        let url = format!("file://{}", repo.path().display());
        repo.git(&["clone", "-q", "--depth=1", &url, "../shallow"]);
        let at = |args: &[&str]| repo.tussock(&[&["-C", "../shallow"], args].concat());
        assert!(at(&["list"]).out.contains("proposal"), "{format}: {}", at(&["list"]).out);
        assert_eq!(at(&["validate"]).code, 0, "{format}");
        assert_eq!(at(&["set", "acme", "proposal.sent_on=2026-01-06"]).code, 0, "{format}");
        assert_eq!(at(&["move", "acme", "contract"]).code, 0, "{format}");
        let log = at(&["log"]);
        assert_eq!(log.code, 10, "{format}: {}", log.err);
        assert!(log.err.contains("fetch --unshallow"), "{format}: {}", log.err);
        assert_eq!(repo.git(&["-C", "../shallow", "status", "--porcelain"]), "", "{format}");
    }
}

#[test]
fn half_done_operations_are_seen_in_every_format() {
    for (format, repo) in formats() {
        repo.git(&["switch", "-q", "-c", "side"]);
        repo.write("notes.md", "theirs\n");
        repo.commit("Theirs");
        repo.git(&["switch", "-q", "main"]);
        repo.write("notes.md", "ours\n");
        repo.commit("Ours");
        repo.write("notes.md", "later\n");
        repo.commit("Later");
        for (begin, end, what) in [
            (&["merge", "side"][..], &["merge", "--abort"][..], "merge"),
            (&["cherry-pick", "side"], &["cherry-pick", "--abort"], "cherry-pick"),
            (&["revert", "--no-edit", "HEAD~1"], &["revert", "--abort"], "revert"),
            (&["rebase", "side"], &["rebase", "--abort"], "rebase"),
            (&["bisect", "start"], &["bisect", "reset"], "bisect"),
        ] {
            repo.try_git(begin);
            let refused = repo.tussock(&["move", "acme", "proposal"]);
            assert_eq!(refused.code, 4, "{format} {what}: {}", refused.err);
            assert!(refused.err.contains(&format!("a {what} is in progress")), "{format}: {}", refused.err);
            repo.git(end);
        }
        repo.git(&["switch", "-q", "--detach"]);
        assert!(repo.tussock(&["move", "acme", "proposal"]).err.contains("HEAD is detached"), "{format}");
        repo.git(&["switch", "-q", "main"]);
        repo.ok(&["move", "acme", "proposal"]);
    }
}

#[test]
fn work_that_is_not_committed_is_refused_in_every_format() {
    for (format, repo) in formats() {
        repo.write("sales/brief/acme.yaml", format!("{ACME}notes: mine\n"));
        let before = freeze(&repo.path());
        let refused = repo.tussock(&["move", "acme", "proposal"]);
        assert_eq!(refused.code, 4, "{format}: {}", refused.err);
        assert!(refused.err.contains("has changes that are not committed"), "{format}: {}", refused.err);
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{format}");
        repo.git(&["add", "-A"]);
        assert!(repo.tussock(&["move", "acme", "proposal"]).err.contains("has staged changes"), "{format}");
    }
}

#[test]
fn names_of_commits_are_git_s_in_every_format() {
    for (format, repo) in formats() {
        repo.git(&["tag", "-a", "-m", "t", "first"]);
        let blob = repo.git(&["rev-parse", "HEAD:sales/pipeline.yaml"]);
        for (rev, code, words) in [
            ("first", 0, ""),
            ("main", 0, ""),
            (":/Set up", 0, ""),
            ("nowhere", 2, "there is no such branch, tag or commit"),
            (blob.trim(), 2, "it is not a commit"),
            ("--all", 2, "cannot begin with"),
            ("main..first", 2, ""),
        ] {
            let ran = repo.tussock(&["validate", &format!("--rev={rev}")]);
            assert_eq!(ran.code, code, "{format} {rev}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(words), "{format} {rev}: {}", ran.err);
        }
    }
}

#[test]
fn a_branch_without_commits_can_be_begun_in_every_format() {
    for (format, repo) in formats() {
        repo.git(&["switch", "-q", "--orphan", "fresh"]);
        repo.ok(&["init", "deals", "--template", "six-stage"]);
        repo.ok(&["new", "Beta", "--set", "account=Beta", "--set", "owner=olga"]);
        assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "2\n", "{format}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
    }
}

#[test]
fn hooks_run_and_are_obeyed_in_every_format() {
    for (format, repo) in formats() {
        repo.write(".git/hooks/pre-commit", "");
        let hook = repo.path().join(".git/hooks/pre-commit");
        script(&hook, "git diff --cached --name-only; exit 1");
        let refused = repo.tussock(&["move", "acme", "proposal"]);
        assert_eq!(refused.code, 7, "{format}: {}", refused.err);
        assert!(refused.err.contains("sales/proposal/acme.yaml"), "{format}: {}", refused.err);
        script(&hook, "echo 'hooked: yes' > from-hook.md; git add from-hook.md");
        repo.ok(&["move", "acme", "proposal"]);
        assert_eq!(repo.git(&["show", "HEAD:from-hook.md"]), "hooked: yes\n", "{format}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
    }
}

#[test]
fn a_read_only_checkout_is_read_and_nothing_is_made_in_it() {
    for (format, repo) in formats() {
        repo.ok(&["move", "acme", "proposal"]);
        std::fs::remove_dir_all(repo.path().join(".git/tussock")).unwrap();
        let before = freeze(&repo.path());
        // Another user, to whom all of it belongs and who may write none of it: what root may do says nothing.
        const NOBODY: u32 = 65_534;
        let home = repo.path().parent().unwrap().to_owned();
        if !give_away(&home, NOBODY) {
            return;
        }
        let binary = home.join("tussock");
        std::fs::copy(env!("CARGO_BIN_EXE_tussock"), &binary).unwrap();
        repo.run(Command::new("chmod").args(["-R", "a-w", "."]));
        for args in [
            &["validate"][..],
            &["validate", "--staged"],
            &["validate", "--rev", "HEAD~1"],
            &["list"],
            &["show", "acme"],
            &["why", "acme"],
            &["log"],
            &["report"],
            &["report", "--as-of", "HEAD~1"],
        ] {
            let mut command = Command::new(&binary);
            std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
            let ran = repo.run(command.args(args));
            assert_eq!(ran.code, 0, "{format} {args:?}: {}", ran.err);
        }
        let mut command = Command::new(&binary);
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        let ran = repo.run(command.args(["move", "acme", "brief"]));
        assert_eq!(ran.code, 8, "{format}: {}", ran.err);
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{format}");
        assert!(!repo.has(".git/tussock"), "{format}");
    }
}

#[test]
fn a_repository_of_somebody_else_is_opened_where_git_is_told_that_it_is_safe() {
    for (format, repo) in formats() {
        if !give_away(&repo.path(), 12_345) {
            return;
        }
        let home = repo.path().parent().unwrap().join("home");
        for args in [&["list"][..], &["move", "acme", "proposal"]] {
            let refused = repo.tussock(&[&["-C", "sales/brief"], args].concat());
            assert_eq!(refused.code, 8, "{format}: {}", refused.err);
            let advice = "it belongs to somebody else; if you trust it, run `git config --global --add safe.directory";
            assert!(refused.err.contains(&format!("{advice} @@REPO@@`")), "{format}: {}", refused.err);
        }
        let config = format!("[safe]\n\tdirectory = {}\n", repo.path().canonicalize().unwrap().display());
        std::fs::write(home.join(".gitconfig"), &config).unwrap();
        std::fs::write(home.join("elsewhere"), &config).unwrap();
        let ran = with_env(&repo, &["move", "acme", "proposal"], &[("GIT_CONFIG_GLOBAL", None)]);
        assert_eq!(ran.code, 0, "{format}: {}", ran.err);
        // A file that only git is told of.
        std::fs::remove_file(home.join(".gitconfig")).unwrap();
        let elsewhere = home.join("elsewhere");
        let elsewhere = [("GIT_CONFIG_GLOBAL", elsewhere.to_str())];
        let ran = with_env(&repo, &["move", "acme", "brief"], &elsewhere);
        assert_eq!(ran.code, 0, "{format}: {}", ran.err);
        assert_eq!(with_env(&repo, &["log"], &elsewhere).code, 0, "{format}");
    }
}

#[test]
fn a_bare_repository_that_came_with_the_files_is_not_entered() {
    let repo = plain();
    for name in ["sales/brief/evil.git", "evil"] {
        repo.git(&["clone", "-q", "--bare", ".", name]);
        repo.git(&["--git-dir", name, "config", "core.fsmonitor", "touch ../../ran ran; false"]);
        let inside = repo.tussock(&["-C", name, "report"]);
        assert_eq!(inside.code, 8, "{}", inside.err);
        assert!(inside.err.contains("is a bare repository inside the work tree of @@REPO@@"), "{}", inside.err);
        // Whoever means it can say so.
        let folder = repo.path().join(name);
        let told = with_env(&repo, &["report"], &[("GIT_DIR", folder.to_str())]);
        assert_eq!(told.code, 0, "{}", told.err);
    }
    assert!(repo.ok(&["list"]).contains("acme"));
    assert_eq!(repo.ok(&["list", "--all", "--format", "csv"]).lines().count(), 2, "no deal of it is counted");
    repo.ok(&["move", "acme", "proposal"]);
    assert!(!repo.has("ran") && !repo.has("sales/ran"));
}

#[test]
fn a_bare_repository_is_only_used_by_name_where_git_is_told_so() {
    for (format, repo) in formats() {
        repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
        let config = repo.path().parent().unwrap().join("home/explicit");
        std::fs::write(&config, "[safe]\n\tbareRepository = explicit\n").unwrap();
        let explicit = ("GIT_CONFIG_GLOBAL", config.to_str());
        let ran = with_env(&repo, &["-C", "../bare.git", "report"], &[explicit]);
        assert_eq!(ran.code, 8, "{format}: {}", ran.err);
        assert!(ran.err.contains("safe.bareRepository is"), "{format}: {}", ran.err);
        let folder = repo.path().join("../bare.git").canonicalize().unwrap();
        let ran = with_env(&repo, &["report"], &[explicit, ("GIT_DIR", folder.to_str())]);
        assert_eq!(ran.code, 0, "{format}: {}", ran.err);
        assert_eq!(with_env(&repo, &["report"], &[explicit]).code, 0, "{format}: a work tree is no bare repository");
    }
}

#[test]
fn an_extension_that_nobody_knows_is_refused_at_the_start() {
    for (format, repo) in formats() {
        repo.git(&["config", "core.repositoryFormatVersion", "1"]);
        repo.git(&["config", "extensions.frobnicate", "true"]);
        for args in [&["list"][..], &["move", "acme", "proposal"]] {
            let ran = repo.tussock(args);
            assert_eq!(ran.code, 8, "{format}: {}", ran.err);
            assert!(ran.err.contains("extensions.frobnicate"), "{format}: {}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{format}: {}", ran.err);
        }
    }
}

#[test]
fn without_a_git_program_what_only_git_reads_is_refused_and_the_rest_is_read() {
    let empty = tempfile::tempdir().unwrap();
    for (format, repo) in formats() {
        let ran = with_env(&repo, &["list"], &[("PATH", empty.path().to_str())]);
        let moved = with_env(&repo, &["move", "acme", "proposal"], &[("PATH", empty.path().to_str())]);
        if format == "sha1" {
            assert!(ran.out.contains("acme"), "{}", ran.err);
            assert_eq!(with_env(&repo, &["report"], &[("PATH", empty.path().to_str())]).code, 0);
            assert_eq!(moved.code, 4, "{}", moved.err);
            continue;
        }
        let why = if format == "sha256" { "it uses SHA-256 object names" } else { "it keeps its refs in reftables" };
        for ran in [ran, moved] {
            assert_eq!(ran.code, 8, "{format}: {}", ran.err);
            let words = format!("{why}; only the program `git` can read that, and there is none on PATH\n");
            assert!(ran.err.ends_with(&words) && ran.err.lines().count() == 1, "{format}: {}", ran.err);
        }
    }
}

/// A partial clone beside a repository with `versions` versions of a deal.
fn partial(format: &str, repo: &TestRepo, versions: u32) -> PathBuf {
    for version in 0..versions {
        repo.write("sales/brief/acme.yaml", format!("{ACME}notes: version {version}\n"));
        repo.commit("Edit");
    }
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let url = format!("file://{}", repo.path().display());
    let partial = format!("../partial-{format}");
    repo.git(&["clone", "-q", "--filter=blob:none", &url, &partial]);
    repo.path().join(partial)
}

#[test]
fn what_a_partial_clone_lacks_is_fetched_at_once() {
    for (format, repo) in formats() {
        let clone = partial(format, &repo, 30);
        let at = clone.to_str().unwrap();
        let packs = || std::fs::read_dir(clone.join(".git/objects/pack")).unwrap().count();
        let missing = || {
            let list = ["-C", at, "rev-list", "--objects", "--all", "--missing=print"];
            repo.git(&list).lines().filter(|line| line.starts_with('?')).count()
        };
        let before = packs();
        assert!(missing() >= 30, "{format}");
        let whole = repo.ok(&["log", "--field", "notes", "--format", "csv"]);
        assert_eq!(repo.ok(&["-C", at, "log", "--field", "notes", "--format", "csv"]), whole, "{format}");
        assert_eq!(missing(), 0, "{format}");
        // A pack is up to four files beside each other.
        assert!(packs() - before <= 8, "{format}: {} files for two fetches at most", packs() - before);
    }
}

#[test]
fn what_a_partial_clone_cannot_fetch_is_never_taken_for_empty() {
    for (format, repo) in formats() {
        let clone = partial(format, &repo, 3);
        let at = clone.to_str().unwrap();
        let expected = repo.ok(&["validate"]);
        std::fs::rename(repo.path().join(".git"), repo.path().join("gone")).unwrap();
        assert_eq!(repo.ok(&["-C", at, "validate"]), expected, "{format}: all that is checked out is there");
        for args in [&["log"][..], &["report"], &["validate", "--rev", "HEAD~1"]] {
            let ran = repo.tussock(&[&["-C", at], args].concat());
            assert_eq!(
                ran.code,
                if args[0] == "validate" { 1 } else { 10 },
                "{format} {args:?}: {}{}",
                ran.out,
                ran.err
            );
            let said = format!("{}{}", ran.out, ran.err);
            assert!(said.contains("this clone is partial, and its remote did not give it"), "{format}: {said}");
        }
    }
}

#[test]
fn the_past_is_as_it_was_committed_whatever_replaces_it() {
    for (format, repo) in formats() {
        repo.ok(&["move", "acme", "proposal"]);
        let log = repo.ok(&["log", "--format", "csv"]);
        let replaced = repo.git(&["rev-parse", "HEAD"]);
        let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
        // A graft that hides the commits before.
        let other = repo.git(&["commit-tree", tree.trim(), "-m", "Begin here"]);
        repo.git(&["replace", replaced.trim(), other.trim()]);
        assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "1\n");
        assert_eq!(repo.ok(&["log", "--format", "csv"]), log, "{format}");
        repo.ok(&["move", "acme", "brief"]);
        assert_eq!(repo.git(&["--no-replace-objects", "rev-list", "--count", "HEAD"]), "3\n", "{format}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
    }
}

#[test]
fn a_submodule_in_a_stage_is_no_deal_and_is_not_entered() {
    for (format, repo) in formats() {
        repo.git(&["clone", "-q", "--bare", ".", "../module.git"]);
        let add =
            ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../module.git", "sales/brief/inner"];
        repo.git(&add);
        repo.commit("Add a submodule");
        assert_eq!(repo.ok(&["list", "--all", "--format", "csv"]).lines().count(), 2, "{format}");
        repo.ok(&["move", "acme", "proposal"]);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
        assert_eq!(repo.ok(&["log", "--format", "csv"]).matches(",created,").count(), 1, "{format}");
    }
}

#[test]
fn filters_of_files_are_git_s_in_every_format() {
    for (format, repo) in formats() {
        repo.write(".gitattributes", "*.yaml text eol=crlf\nsales/contract/** -text ident\n");
        repo.write("sales/brief/acme.yaml", ACME.replace('\n', "\r\n"));
        repo.write("sales/contract/globex.yaml", "title: Globex # $Id$\nowner: petr\n");
        repo.commit("Attributes");
        repo.git(&["rm", "-q", "--cached", "-r", "."]);
        repo.git(&["reset", "-q", "--hard"]);
        assert!(repo.read("sales/contract/globex.yaml").contains("$Id: "), "git has filled it in");
        repo.ok(&["set", "acme", "amount=19000"]);
        repo.ok(&["move", "acme", "proposal"]);
        repo.ok(&["set", "globex", "amount=5"]);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
        let stored = |path: &str| repo.git(&["cat-file", "blob", &format!("HEAD:{path}")]);
        assert_eq!(stored("sales/proposal/acme.yaml"), ACME.replace("18000", "19000"), "{format}");
        assert_eq!(stored("sales/contract/globex.yaml"), "title: Globex # $Id$\nowner: petr\namount: 5\n", "{format}");
        assert_eq!(repo.git(&["diff", "--numstat", "HEAD~2", "HEAD~1"]), "0\t0\tsales/{brief => proposal}/acme.yaml\n");
        assert!(repo.read("sales/proposal/acme.yaml").contains("19000\r\n"), "{format}");
    }
}

#[test]
fn a_file_in_another_encoding_is_reported_and_not_rewritten() {
    for (format, repo) in formats() {
        repo.write(".gitattributes", "sales/brief/wide.yaml text working-tree-encoding=UTF-16LE\n");
        let wide: Vec<u8> = "title: Wide\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        repo.write("sales/brief/wide.yaml", &wide);
        repo.commit("Wide");
        let ran = repo.tussock(&["validate"]);
        assert_eq!(ran.code, 1, "{format}: {}{}", ran.out, ran.err);
        assert_eq!(repo.tussock(&["validate", "--rev", "HEAD"]).out.matches("wide.yaml").count(), 0, "{format}");
        assert_ne!(repo.tussock(&["move", "wide", "proposal"]).code, 0, "{format}");
        assert_eq!(std::fs::read(repo.path().join("sales/brief/wide.yaml")).unwrap(), wide, "{format}");
        repo.ok(&["move", "acme", "proposal"]);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{format}");
    }
}

#[test]
fn configuration_that_comes_with_the_environment_counts() {
    let repo = plain();
    let home = repo.path().parent().unwrap().join("home");
    std::fs::write(home.join("ignore"), "beta*.yaml\n").unwrap();
    std::fs::write(home.join("attributes"), "*.yaml text eol=crlf\n").unwrap();
    let (ignore, attributes) = (home.join("ignore"), home.join("attributes"));
    let env = [
        ("GIT_CONFIG_COUNT", Some("2")),
        ("GIT_CONFIG_KEY_0", Some("core.excludesFile")),
        ("GIT_CONFIG_VALUE_0", ignore.to_str()),
        ("GIT_CONFIG_KEY_1", Some("core.attributesFile")),
        ("GIT_CONFIG_VALUE_1", attributes.to_str()),
    ];
    let ran = with_env(&repo, &["new", "Beta"], &env);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("is ignored by git") && ran.err.contains("ignore:1:beta*.yaml"), "{}", ran.err);
    // With these line ends git would store the file without its carriage returns: no change at all.
    repo.write("sales/brief/acme.yaml", ACME.replace('\n', "\r\n"));
    let ran = with_env(&repo, &["move", "acme", "proposal"], &env);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(repo.git(&["cat-file", "blob", "HEAD:sales/proposal/acme.yaml"]), ACME);
    // What git itself takes for nonsense is told in its words, and nothing is changed.
    let ran = with_env(&repo, &["move", "acme", "brief"], &[("GIT_CONFIG_COUNT", Some("many"))]);
    assert_eq!(ran.code, 8, "{}", ran.err);
    assert!(ran.err.contains("GIT_CONFIG_COUNT"), "{}", ran.err);
}

#[test]
fn moves_go_on_while_git_packs_the_repository() {
    for (format, repo) in formats() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let folder = repo.path();
        std::thread::scope(|scope| {
            let (stopped, folder) = (&stop, &folder);
            let packing = scope.spawn(move || {
                let mut runs = 0;
                for _ in 0..200 {
                    if stopped.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    for args in [&["repack", "-adq"][..], &["prune-packed", "-q"], &["pack-refs", "--all"]] {
                        let mut git = Command::new("git");
                        git.args(args).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
                        runs += usize::from(git.output().unwrap().status.success());
                    }
                }
                runs
            });
            for _ in 0..6 {
                for args in [["move", "acme", "proposal"], ["move", "acme", "brief"]] {
                    // git may take an empty folder of objects away just when another git is about to write into it.
                    // Nothing is changed then, so the next try does it.
                    let done = (0..5).any(|_| repo.tussock(&args).code == 0);
                    assert!(done, "{format} {args:?}: {}", repo.tussock(&args).err);
                    repo.ok(&["log", "--moves"]);
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(packing.join().unwrap() > 0, "{format}: nothing was packed meanwhile");
        });
        assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "13\n", "{format}");
    }
}
