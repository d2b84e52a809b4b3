//! The write transaction: one commit of the paths of one action, and nothing else touched, whatever happens.

mod kit;

use std::path::Path;
use std::process::Command;

use kit::TestRepo;
use tussock::repo::discover::{Home, find};
use tussock::repo::error::{Class, WriteError};
use tussock::repo::git::init_repository;
use tussock::repo::transaction::{Action, Done, Ending, FileChange, Recovered, commit, recover, stage, unfinished};

const ACME: &str = "title: Acme\namount: 100 EUR\n";

fn act(repo: &TestRepo, start: &Path, changes: Vec<FileChange>) -> Result<Done, WriteError> {
    let home = find(start, None).unwrap();
    let action = Action {
        changes,
        subject: "acme: brief → proposal".into(),
        body: "Sent v1".into(),
        trailers: vec![("Deal".into(), "acme".into())],
        date: None,
        command: None,
    };
    commit(&home, &repo.library_git(&home), &action, &mut |_| ())
}

fn acme_to_proposal() -> Vec<FileChange> {
    vec![FileChange::relocate("sales/brief/acme.yaml", ACME, "sales/proposal/acme.yaml", ACME)]
}

fn move_acme(repo: &TestRepo) -> Result<Done, WriteError> {
    act(repo, &repo.path(), acme_to_proposal())
}

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME).write("sales/brief/other.yaml", "title: Other\n").write("readme", "1\n");
    repo.commit("Add");
    repo
}

/// Everything that a refused action must leave as it is: HEAD, refs, the index to the byte, files with bytes and
/// times, and no temporary files anywhere. Objects that nothing refers to may be added.
fn state(repo: &TestRepo) -> Vec<String> {
    let mut seen = Vec::new();
    let mut folders = vec![repo.path()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(repo.path()).unwrap().display().to_string();
            let whole_object = name.starts_with(".git/objects/") && !name.contains("tmp_obj");
            if name == ".git/tussock/lock" || whole_object && !path.is_dir() {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
                if name != ".git/tussock" && !name.starts_with(".git/objects") {
                    seen.push(format!("{name}/"));
                }
                continue;
            }
            let metadata = path.symlink_metadata().unwrap();
            let bytes = std::fs::read(&path).unwrap_or_default();
            seen.push(format!("{name} {:?} {:?}", metadata.modified().unwrap(), bytes));
        }
    }
    seen.sort();
    seen
}

fn refused(repo: &TestRepo, changes: Vec<FileChange>) -> WriteError {
    let before = state(repo);
    let error = act(repo, &repo.path(), changes).unwrap_err();
    assert_eq!(before, state(repo), "something changed although: {error}");
    error
}

fn commits(repo: &TestRepo) -> usize {
    repo.git(&["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
}

#[test]
fn a_move_is_one_commit_of_two_paths_and_leaves_a_clean_status() {
    let repo = with_acme();
    let done = move_acme(&repo).unwrap();
    assert_eq!(repo.git(&["rev-parse", "HEAD"]).trim(), done.commit.to_string());
    assert_eq!(done.paths, ["sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B%an <%ae> %ct"]),
        format!("acme: brief → proposal\n\nSent v1\n\nDeal: acme\nOlga Sokolova <olga@example.com> {}\n", repo.now())
    );
    assert_eq!(
        repo.git(&["show", "--format=", "--name-status", "--no-renames"]),
        "D\tsales/brief/acme.yaml\nA\tsales/proposal/acme.yaml\n"
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["diff-files"]), "", "the index knows the new file's times");
    assert_eq!(repo.read("sales/proposal/acme.yaml"), ACME);
    assert!(!repo.has("sales/brief/acme.yaml"));
    assert!(repo.git(&["reflog", "-1"]).contains("tussock: acme: brief → proposal"));
    repo.git(&["fsck", "--strict"]);
    assert_eq!(std::fs::read_dir(repo.path().join(".git/tussock")).unwrap().count(), 1, "only the lock stays");
}

#[test]
fn a_file_can_be_created_edited_in_place_and_removed() {
    let repo = with_acme();
    act(&repo, &repo.path(), vec![FileChange::create("sales/won/2026/new.yaml", "title: New\n")]).unwrap();
    assert_eq!(repo.read("sales/won/2026/new.yaml"), "title: New\n");
    act(&repo, &repo.path(), vec![FileChange::edit("sales/brief/acme.yaml", ACME, "title: B\n")]).unwrap();
    assert_eq!(repo.git(&["show", "HEAD:sales/brief/acme.yaml"]), "title: B\n");
    act(&repo, &repo.path(), vec![FileChange::remove("sales/brief/other.yaml", "title: Other\n")]).unwrap();
    assert!(!repo.has("sales/brief/other.yaml"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(commits(&repo), 5);
    let same = vec![FileChange::edit("sales/brief/acme.yaml", "title: B\n", "title: B\n")];
    assert!(matches!(refused(&repo, same), WriteError::Unchanged));
}

#[test]
fn a_batch_is_one_commit() {
    let repo = TestRepo::with_pipeline();
    let name = |i: usize| format!("deal-{i}");
    for i in 0..40 {
        repo.write(&format!("sales/brief/{}.yaml", name(i)), format!("title: {i}\n"));
    }
    repo.commit("Add");
    let changes = (0..40).map(|i| {
        let (from, to) = (format!("sales/brief/{}.yaml", name(i)), format!("sales/proposal/{}.yaml", name(i)));
        FileChange::relocate(from, format!("title: {i}\n"), to, format!("title: {i}\nowner: olga\n"))
    });
    act(&repo, &repo.path(), changes.collect()).unwrap();
    assert_eq!(commits(&repo), 3);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.read("sales/proposal/deal-7.yaml"), "title: 7\nowner: olga\n");
    assert_eq!(repo.git(&["show", "HEAD:sales/proposal/deal-39.yaml"]), "title: 39\nowner: olga\n");
}

#[test]
fn other_changes_of_the_user_stay_staged_unstaged_and_untracked() {
    let repo = with_acme();
    repo.write("readme", "staged\n").write("new-and-staged", "x\n");
    repo.git(&["add", "-A"]);
    repo.git(&["mv", "sales/contract/.gitkeep", "sales/contract/kept"]);
    repo.write("readme", "staged and edited\n")
        .write("sales/brief/other.yaml", "title: edited\n")
        .write("loose", "y\n");
    repo.write("announced", "z\n");
    repo.git(&["add", "-N", "announced"]);
    let seen = || {
        let (staged, unstaged) = (repo.git(&["diff", "--cached", "HEAD"]), repo.git(&["diff"]));
        let files: Vec<_> = ["readme", "new-and-staged", "sales/brief/other.yaml", "loose", "announced"]
            .map(|f| (repo.read(f), repo.path().join(f).metadata().unwrap().modified().unwrap()))
            .into();
        (staged, unstaged, repo.git(&["status", "--porcelain=v2", "-uall"]), files)
    };
    let before = seen();
    move_acme(&repo).unwrap();
    assert_eq!(before, seen());
    assert_eq!(
        repo.git(&["show", "--format=", "--name-only", "--no-renames"]),
        "sales/brief/acme.yaml\nsales/proposal/acme.yaml\n"
    );
}

#[test]
fn a_deal_with_changes_of_its_own_is_not_moved() {
    let edited = |staged: bool| {
        let repo = with_acme();
        repo.write("sales/brief/acme.yaml", "title: Edited\n");
        if staged {
            repo.git(&["add", "-A"]);
        }
        repo
    };
    let repo = edited(false);
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(error.class(), Class::NotInState);
    assert_eq!(
        error.to_string(),
        "sales/brief/acme.yaml has changes that are not committed; commit or stash that first (`git status` shows it)"
    );
    let repo = edited(true);
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("has staged changes"));
    repo.write("sales/brief/acme.yaml", ACME);
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("has staged changes"));

    let repo = with_acme();
    std::fs::remove_file(repo.path().join("sales/brief/acme.yaml")).unwrap();
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("was deleted in the work tree"));
    repo.git(&["rm", "-q", "--cached", "sales/brief/acme.yaml"]);
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("is staged for removal"));

    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    assert!(matches!(refused(&repo, acme_to_proposal()), WriteError::Untracked { .. }));
    repo.git(&["add", "-A"]);
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("is staged and was never committed"));
}

#[test]
fn an_edit_that_git_would_overlook_is_seen() {
    let repo = with_acme();
    repo.git(&["update-index", "--assume-unchanged", "sales/brief/acme.yaml"]);
    repo.write("sales/brief/acme.yaml", "title: Acme\namount: 900 EUR\n");
    assert!(matches!(refused(&repo, acme_to_proposal()), WriteError::Dirty { .. }));
}

#[test]
fn a_deal_that_was_committed_by_another_since_it_was_read_is_a_conflict() {
    let repo = with_acme();
    repo.write("sales/brief/acme.yaml", "title: Changed by Petr\n");
    repo.commit("Petr");
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(error.class(), Class::Conflict);
}

#[test]
fn nothing_is_overwritten_at_the_destination() {
    let repo = with_acme();
    repo.write("sales/proposal/acme.yaml", "title: Tracked\n");
    repo.commit("There");
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(error.to_string(), "sales/proposal/acme.yaml exists already (in HEAD); nothing is overwritten");

    let repo = with_acme();
    repo.write("sales/proposal/acme.yaml", "title: Loose\n");
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("(in the work tree)"));
    repo.git(&["add", "sales/proposal/acme.yaml"]);
    std::fs::remove_file(repo.path().join("sales/proposal/acme.yaml")).unwrap();
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("(staged)"));

    let repo = with_acme();
    repo.write("sales/proposal/acme.yaml/x", "a folder\n");
    assert!(matches!(refused(&repo, acme_to_proposal()), WriteError::Exists { .. }));
}

#[test]
fn names_that_differ_only_by_case_are_refused_on_every_system() {
    let repo = with_acme();
    repo.write("sales/proposal/Acme.yaml", "title: Twin\n");
    let error = refused(&repo, acme_to_proposal());
    assert!(matches!(&error, WriteError::Twin { other, .. } if other == "sales/proposal/Acme.yaml"), "{error}");
    let repo = with_acme();
    repo.write("sales/Offer/x.yaml", "title: Twin\n");
    repo.commit("Twin");
    std::fs::remove_dir_all(repo.path().join("sales/Offer")).unwrap();
    let changes = vec![FileChange::relocate("sales/brief/acme.yaml", ACME, "sales/offer/acme.yaml", ACME)];
    let error = refused(&repo, changes);
    assert!(matches!(&error, WriteError::Twin { other, .. } if other == "sales/Offer"), "{error}");
}

#[test]
fn nothing_new_gets_the_name_of_a_device_of_windows() {
    let repo = with_acme();
    for name in ["con", "nul.2026", "lpt1"] {
        let error = refused(&repo, vec![FileChange::create(format!("sales/brief/{name}.yaml"), ACME)]);
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().contains("on Windows its name means a device"), "{error}");
    }
    // What is there already is not held fast.
    repo.write("sales/brief/aux.yaml", ACME).commit("By hand");
    let moved = FileChange::relocate("sales/brief/aux.yaml", ACME, "sales/proposal/aux.yaml", ACME);
    act(&repo, &repo.path(), vec![moved, FileChange::create("sales/brief/console.yaml", ACME)]).unwrap();
}

#[test]
fn ignored_destinations_and_links_are_refused() {
    let repo = with_acme();
    repo.write(".gitignore", "sales/proposal/acme*\n");
    repo.commit("Ignore");
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(
        error.to_string(),
        "sales/proposal/acme.yaml is ignored by git (.gitignore:1:sales/proposal/acme*); change that rule first"
    );

    let repo = with_acme();
    std::fs::create_dir(repo.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", repo.path().join("sales/offer")).unwrap();
    let changes = vec![FileChange::relocate("sales/brief/acme.yaml", ACME, "sales/offer/acme.yaml", ACME)];
    assert!(refused(&repo, changes).to_string().contains("link"));
    repo.git(&["init", "-q", "sales/inner"]);
    let changes = vec![FileChange::create("sales/inner/x.yaml", "x")];
    assert!(refused(&repo, changes).to_string().contains("another repository"));
    let changes = vec![FileChange::create("sales/../.git/hooks/post-commit", "x")];
    assert_eq!(refused(&repo, changes).class(), Class::Usage);

    let repo = with_acme();
    std::fs::remove_file(repo.path().join("sales/brief/acme.yaml")).unwrap();
    std::os::unix::fs::symlink("other.yaml", repo.path().join("sales/brief/acme.yaml")).unwrap();
    assert_eq!(refused(&repo, acme_to_proposal()).class(), Class::Io);
}

#[test]
fn a_rejecting_hook_leaves_everything_as_it_was_and_is_heard() {
    for name in ["pre-commit", "prepare-commit-msg", "commit-msg"] {
        let repo = with_acme();
        repo.write("readme", "staged\n");
        repo.git(&["add", "-A"]);
        repo.hook(name, "echo to out; echo to err >&2; exit 1");
        let error = refused(&repo, acme_to_proposal());
        assert_eq!(error.class(), Class::Rejected);
        let text = error.to_string();
        assert!(text.starts_with(&format!("the {name} hook refused, nothing was changed:\n")), "{text}");
        assert!(text.contains("to out") && text.contains("to err"), "{text}");
    }
    let repo = with_acme();
    repo.hook("reference-transaction", "test \"$1\" != prepared || { echo frozen >&2; exit 1; }");
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(error.class(), Class::Rejected, "{error}");
    assert!(error.to_string().contains("frozen"), "{error}");
}

#[test]
fn hooks_see_what_is_committed_and_their_changes_are_honoured() {
    let repo = with_acme();
    repo.write("readme", "staged by the user\n");
    repo.git(&["add", "-A"]);
    repo.hook(
        "pre-commit",
        "git diff --cached --name-only --no-renames > .git/seen
blob=$(printf 'title: Formatted\\n' | git hash-object -w --stdin)
git update-index --cacheinfo 100644,$blob,sales/proposal/acme.yaml
echo generated > list; git add list",
    );
    repo.hook("commit-msg", "echo 'Ticket: 7' >> \"$1\"; echo checked");
    repo.hook("post-commit", "git rev-parse HEAD > .git/after");
    let done = move_acme(&repo).unwrap();
    assert_eq!(repo.read(".git/seen"), "sales/brief/acme.yaml\nsales/proposal/acme.yaml\n");
    assert_eq!(repo.read("sales/proposal/acme.yaml"), "title: Formatted\n");
    assert_eq!(repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]), "title: Formatted\n");
    assert!(repo.git(&["show", "-s", "--format=%B"]).contains("Deal: acme\nTicket: 7\n"));
    assert_eq!(repo.read(".git/after").trim(), done.commit.to_string());
    assert!(done.printed.contains("checked"));
    assert_eq!(done.paths, ["list", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "M  readme\n");
}

#[test]
fn a_hook_may_write_thousands_of_files_and_the_users_staged_ones_stay() {
    let repo = with_acme();
    repo.hook(
        "pre-commit",
        "blob=$(git hash-object -w --stdin < .git/text)
for i in $(seq 5000); do printf '100644 %s\\tlists/%s\\n' $blob $i; done | git update-index --index-info",
    );
    repo.write(".git/text", "one\n");
    act(&repo, &repo.path(), vec![FileChange::edit("sales/brief/acme.yaml", ACME, "title: A\n")]).unwrap();
    repo.write("lists/7", "mine\n").git(&["add", "lists/7"]);
    repo.write(".git/text", "two\n");
    let begun = std::time::Instant::now();
    let edit = FileChange::edit("sales/brief/acme.yaml", "title: A\n", "title: B\n");
    let done = act(&repo, &repo.path(), vec![edit]).unwrap();
    assert!(begun.elapsed().as_secs() < 5, "{:?} for 5000 files", begun.elapsed());
    assert_eq!(done.paths.len(), 5000);
    assert_eq!(repo.git(&["show", "HEAD:lists/8"]), "two\n");
    assert_eq!(repo.git(&["show", ":lists/8"]), "two\n");
    assert_eq!(repo.git(&["show", ":lists/7"]), "mine\n");
}

#[test]
fn a_signed_commit_verifies_and_a_missing_key_changes_nothing() {
    let repo = with_acme();
    let key = repo.path().join("../home/key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).output();
    if !made.is_ok_and(|o| o.status.success()) {
        println!("skipped: there is no ssh-keygen");
        return;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = repo.path().join("../home/signers");
    std::fs::write(&signers, format!("olga@example.com {public}")).unwrap();
    repo.git(&["config", "gpg.format", "ssh"]);
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "user.signingkey", "/nowhere/key"]);
    repo.git(&["config", "gpg.ssh.allowedSignersFile", &signers.display().to_string()]);
    assert_eq!(refused(&repo, acme_to_proposal()).class(), Class::Rejected);
    repo.git(&["config", "user.signingkey", &key.display().to_string()]);
    move_acme(&repo).unwrap();
    repo.git(&["verify-commit", "HEAD"]);
}

#[test]
fn half_done_operations_are_refused() {
    let diverged = || {
        let repo = with_acme();
        repo.git(&["switch", "-q", "-c", "side"]);
        repo.write("readme", "side\n");
        repo.commit("Side");
        repo.git(&["switch", "-q", "main"]);
        repo.write("readme", "main\n");
        repo.commit("Main");
        repo
    };
    for (start, what) in [
        (&["merge", "side"][..], "a merge is"),
        (&["rebase", "side"], "a rebase is"),
        (&["rebase", "--apply", "side"], "a rebase is"),
        (&["cherry-pick", "side"], "a cherry-pick is"),
        (&["revert", "--no-edit", "HEAD~1"], "a revert is"),
    ] {
        let repo = diverged();
        repo.try_git(start);
        let error = refused(&repo, acme_to_proposal());
        assert_eq!(error.class(), Class::NotInState, "{error}");
        assert!(error.to_string().starts_with(what), "{start:?}: {error}");
    }
    let repo = diverged();
    repo.git(&["bisect", "start"]);
    assert!(refused(&repo, acme_to_proposal()).to_string().contains("bisect"));

    let repo = with_acme();
    repo.write("readme", "mine\n");
    repo.git(&["stash", "-q"]);
    repo.write("readme", "theirs\n");
    repo.commit("Theirs");
    assert_ne!(repo.try_git(&["stash", "pop"]).code, 0);
    let error = refused(&repo, acme_to_proposal());
    assert!(matches!(&error, WriteError::Unmerged { paths } if paths == &["readme"]), "{error}");
}

#[test]
fn detached_and_bare_repositories_and_plain_folders_are_refused() {
    let repo = with_acme();
    repo.git(&["checkout", "-q", "--detach"]);
    assert!(matches!(refused(&repo, acme_to_proposal()), WriteError::Detached));
    repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let error = act(&repo, &repo.path().join("../bare.git"), acme_to_proposal()).unwrap_err();
    assert!(error.to_string().contains("bare"), "{error}");
    assert_eq!(error.class(), Class::NotInState);
    let plain = TestRepo::without_git();
    plain.write("pipeline.yaml", "version: 1\n");
    let error = refused(&plain, vec![FileChange::create("brief/a.yaml", "x")]);
    assert!(error.to_string().contains("`git init` makes one"), "{error}");
}

#[test]
fn without_a_name_nothing_is_written() {
    let repo = with_acme();
    let home = find(&repo.path(), None).unwrap();
    let action = Action { changes: acme_to_proposal(), subject: "x".into(), ..Action::default() };
    let nobody: Vec<(&str, &str)> =
        ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"].map(|k| (k, "")).into();
    let git = repo.library_git(&home).with_env(&nobody);
    let before = state(&repo);
    let error = commit(&home, &git, &action, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("git config --global user.name"), "{error}");
    assert_eq!(error.class(), Class::NotInState);
    assert_eq!(before, state(&repo));
}

#[test]
fn a_lost_race_is_planned_again_and_a_lost_deal_is_a_conflict() {
    let overtaking = |path: &str| {
        let repo = with_acme();
        repo.hook(
            "pre-commit",
            &format!(
                "test -e .git/raced && exit 0; touch .git/raced
export GIT_INDEX_FILE=.git/race-index; git read-tree HEAD
blob=$(echo 'title: Raced' | git hash-object -w --stdin)
git update-index --add --cacheinfo 100644,$blob,{path}
git update-ref HEAD $(git commit-tree -p HEAD -m Raced $(git write-tree)); rm .git/race-index"
            ),
        );
        repo
    };
    let repo = overtaking("elsewhere.txt");
    move_acme(&repo).unwrap();
    let log = repo.git(&["log", "--format=%s", "-3"]);
    assert_eq!(log, "acme: brief → proposal\nRaced\nAdd\n");
    assert_eq!(repo.git(&["show", "HEAD:elsewhere.txt"]), "title: Raced\n");
    assert!(repo.try_git(&["show", "HEAD:sales/brief/acme.yaml"]).code != 0);

    let repo = overtaking("sales/brief/acme.yaml");
    let error = move_acme(&repo).unwrap_err();
    assert_eq!(error.class(), Class::Conflict, "{error}");
    assert_eq!(repo.git(&["log", "--format=%s", "-1"]), "Raced\n");
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
}

#[test]
fn many_at_once_all_land_with_one_commit_each() {
    let repo = TestRepo::with_pipeline();
    for i in 0..8 {
        repo.write(&format!("sales/brief/deal-{i}.yaml"), format!("title: {i}\n"));
    }
    repo.commit("Add");
    let home = find(&repo.path(), None).unwrap();
    let git = repo.library_git(&home);
    std::thread::scope(|scope| {
        for i in 0..8 {
            let (home, git) = (&home, &git);
            scope.spawn(move || {
                let (from, to) = (format!("sales/brief/deal-{i}.yaml"), format!("sales/proposal/deal-{i}.yaml"));
                let bytes = format!("title: {i}\n");
                let changes = vec![FileChange::relocate(from, bytes.clone(), to, bytes)];
                let action = Action { changes, subject: format!("deal-{i}"), ..Action::default() };
                commit(home, git, &action, &mut |_| ()).unwrap();
            });
        }
    });
    assert_eq!(commits(&repo), 10);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    for i in 0..8 {
        assert!(repo.has(&format!("sales/proposal/deal-{i}.yaml")));
        assert_eq!(
            repo.git(&["log", "--format=%s", "--no-renames", "--", &format!("sales/proposal/deal-{i}.yaml")]),
            format!("deal-{i}\n")
        );
    }
    repo.git(&["fsck", "--strict"]);
}

#[test]
fn of_two_that_move_the_same_deal_one_wins() {
    let repo = with_acme();
    let results: Vec<_> = std::thread::scope(|scope| {
        let home = find(&repo.path(), None).unwrap();
        let git = repo.library_git(&home);
        let threads: Vec<_> = ["proposal", "contract"]
            .map(|stage| {
                let (home, git) = (home.clone(), git.clone());
                scope.spawn(move || {
                    let to = format!("sales/{stage}/acme.yaml");
                    let changes = vec![FileChange::relocate("sales/brief/acme.yaml", ACME, to, ACME)];
                    let action = Action { changes, subject: stage.into(), ..Action::default() };
                    commit(&home, &git, &action, &mut |_| ()).is_ok()
                })
            })
            .into();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|ok| **ok).count(), 1);
    assert_eq!(commits(&repo), 3);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_git_that_holds_the_index_is_waited_for() {
    let repo = with_acme();
    let lock = repo.path().join(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            std::fs::remove_file(&lock).unwrap();
        });
        move_acme(&repo).unwrap();
    });
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_linked_work_tree_commits_to_its_own_branch() {
    let repo = with_acme();
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = repo.path().join("../side");
    let main = repo.git(&["rev-parse", "main"]);
    let done = act(&repo, &side.join("sales"), acme_to_proposal()).unwrap();
    assert_eq!(repo.git(&["rev-parse", "main"]), main);
    assert_eq!(repo.git(&["rev-parse", "side"]).trim(), done.commit.to_string());
    assert_eq!(repo.git(&["-C", "../side", "status", "--porcelain"]), "");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(side.join("sales/proposal/acme.yaml").exists() && repo.has("sales/brief/acme.yaml"));
}

#[test]
fn line_ends_stay_as_they_are_and_status_is_clean() {
    let crlf = "title: Acme\r\namount: 100 EUR\r\n";
    let moved = |repo: &TestRepo, bytes: &str| {
        let change = FileChange::relocate("sales/brief/acme.yaml", crlf, "sales/proposal/acme.yaml", bytes);
        act(repo, &repo.path(), vec![change]).unwrap();
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(repo.read("sales/proposal/acme.yaml"), bytes);
        repo.git(&["cat-file", "blob", "HEAD:sales/proposal/acme.yaml"])
    };
    let edited = "title: Acme\r\namount: 200 EUR\r\n";
    for setting in ["eol", "autocrlf"] {
        for bytes in [crlf, edited] {
            let repo = with_acme();
            match setting {
                "eol" => drop(repo.write(".gitattributes", "*.yaml text eol=crlf\n")),
                _ => drop(repo.git(&["config", "core.autocrlf", "true"])),
            }
            repo.write("sales/brief/acme.yaml", crlf);
            repo.commit("CRLF in the work tree");
            assert_eq!(moved(&repo, bytes), bytes.replace('\r', ""), "{setting}");
        }
    }
    // Line ends that were committed before the setting came stay in the blob: no diff of every line.
    for bytes in [crlf, edited] {
        let repo = with_acme();
        repo.write("sales/brief/acme.yaml", crlf);
        repo.commit("CRLF in the blob");
        repo.git(&["config", "core.autocrlf", "true"]);
        assert_eq!(moved(&repo, bytes), bytes);
    }
}

#[test]
fn an_external_filter_is_applied() {
    let repo = with_acme();
    repo.git(&["config", "filter.shout.clean", "tr a-z A-Z"]);
    repo.git(&["config", "filter.shout.smudge", "tr A-Z a-z"]);
    repo.write("sales/.gitattributes", "*.yaml filter=shout\n");
    repo.write("sales/brief/acme.yaml", "title: acme\n");
    repo.commit("Filter");
    let (was, new) = ("title: acme\n", "title: acme two\n");
    let change = FileChange::relocate("sales/brief/acme.yaml", was, "sales/proposal/acme.yaml", new);
    act(&repo, &repo.path(), vec![change]).unwrap();
    assert_eq!(repo.git(&["cat-file", "blob", "HEAD:sales/proposal/acme.yaml"]), "TITLE: ACME TWO\n");
    assert_eq!(repo.read("sales/proposal/acme.yaml"), new);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_pipeline_may_be_the_whole_repository_and_the_branch_without_commits() {
    let repo = TestRepo::new();
    std::fs::remove_dir_all(repo.path().join(".git")).unwrap();
    init_repository(&repo.path()).unwrap();
    let home = Home::at(&repo.path()).unwrap();
    repo.write("notes.txt", "not ours\n");
    let action = Action {
        changes: vec![
            FileChange::create("pipeline.yaml", "version: 1\n"),
            FileChange::create("brief/.gitkeep", ""),
            FileChange::create("brief/acme.yaml", ACME),
        ],
        subject: "Begin".into(),
        ..Action::default()
    };
    let done = commit(&home, &repo.library_git(&home), &action, &mut |_| ()).unwrap();
    assert_eq!(repo.git(&["rev-parse", "main"]).trim(), done.commit.to_string());
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? notes.txt\n");
    act(&repo, &repo.path(), vec![FileChange::relocate("brief/acme.yaml", ACME, "won/2026/acme.yaml", ACME)]).unwrap();
    assert_eq!(repo.git(&["log", "--format=%s"]), "acme: brief → proposal\nBegin\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? notes.txt\n");
}

#[test]
fn modes_of_files_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let repo = with_acme();
    let mode = |path: &str| repo.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(repo.path().join("sales/brief/acme.yaml"), PermissionsExt::from_mode(0o750)).unwrap();
    repo.commit("Executable");
    move_acme(&repo).unwrap();
    assert_eq!(mode("sales/proposal/acme.yaml"), 0o750);
    assert!(repo.git(&["ls-files", "-s", "sales/proposal/acme.yaml"]).starts_with("100755"));
    act(&repo, &repo.path(), vec![FileChange::create("sales/brief/new.yaml", "title: N\n")]).unwrap();
    assert_eq!(mode("sales/brief/new.yaml"), mode("sales/brief/other.yaml"), "as the umask says");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn indexes_that_libgit2_cannot_read_are_written_through_git() {
    for setup in [&["update-index", "--split-index"][..], &["update-index", "--index-version", "4"]] {
        let repo = with_acme();
        repo.git(setup);
        move_acme(&repo).unwrap();
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{setup:?}");
    }
}

#[test]
fn the_author_date_can_be_set_and_the_rest_of_the_environment_does_not_matter() {
    let repo = with_acme();
    let home = find(&repo.path(), None).unwrap();
    let action = Action {
        changes: acme_to_proposal(),
        subject: "x".into(),
        date: Some("2025-12-24T12:00:00+01:00".into()),
        ..Action::default()
    };
    repo.git(&["config", "i18n.commitEncoding", "ISO-8859-1"]);
    commit(&home, &repo.library_git(&home), &action, &mut |_| ()).unwrap();
    assert_eq!(repo.git(&["show", "-s", "--format=%aI %s"]), "2025-12-24T12:00:00+01:00 x\n");
    assert!(!repo.git(&["cat-file", "commit", "HEAD"]).contains("encoding"));
}

#[test]
fn a_hook_cannot_make_tussock_write_again() {
    let repo = with_acme();
    let home = find(&repo.path(), None).unwrap();
    let git = repo.library_git(&home).with_env(&[("TUSSOCK_IN_TRANSACTION", "1")]);
    let action = Action { changes: acme_to_proposal(), subject: "x".into(), ..Action::default() };
    let error = commit(&home, &git, &action, &mut |_| ()).unwrap_err();
    assert_eq!(error.class(), Class::Locked);
}

#[test]
fn an_editor_that_saves_while_a_hook_runs_is_not_overruled() {
    let repo = with_acme();
    repo.hook("commit-msg", "echo 'title: Saved meanwhile' > sales/brief/acme.yaml");
    let head = repo.git(&["rev-parse", "HEAD"]);
    let error = move_acme(&repo).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sales/brief/acme.yaml was changed meanwhile; nothing was changed, run the command again"
    );
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: Saved meanwhile\n");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
    assert!(!repo.has(".git/index.lock") && !repo.has(".git/tussock/journal"));
}

/// Lets an editor save just when the branch has moved, and the work tree has not followed.
fn saved_at_the_last_moment() -> TestRepo {
    let repo = with_acme();
    let script = "test $1 = committed || exit 0; echo 'title: Saved meanwhile' > sales/brief/acme.yaml";
    repo.hook("reference-transaction", script);
    let error = move_acme(&repo).unwrap_err();
    assert_eq!(error.class(), Class::Pending);
    let text = error.to_string();
    assert!(text.contains("sales/proposal/acme.yaml was changed meanwhile and is left as it is"), "{text}");
    std::fs::remove_file(repo.path().join(".git/hooks/reference-transaction")).unwrap();
    repo
}

#[test]
fn what_cannot_be_brought_up_to_the_commit_is_pending() {
    let repo = saved_at_the_last_moment();
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: Saved meanwhile\n", "the user's text is not lost");
    assert_eq!(repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]), ACME);
    let home = find(&repo.path(), None).unwrap();
    assert_eq!(unfinished(&home).unwrap().as_deref(), Some("acme: brief → proposal"));
}

#[test]
fn what_was_pending_is_finished_and_what_somebody_has_changed_is_left_and_named() {
    let repo = saved_at_the_last_moment();
    let home = find(&repo.path(), None).unwrap();
    let recovered = recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap().unwrap();
    assert!(matches!(recovered.ending, Ending::Finished(_)), "{recovered:?}");
    assert_eq!(recovered.left, ["sales/proposal/acme.yaml was changed meanwhile and is left as it is"]);
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: Saved meanwhile\n", "the user's text is not lost");
    assert_eq!(unfinished(&home).unwrap(), None);
    assert_eq!(recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap(), None);
}

/// A repository in which a move was cut short when the branch had moved and the files had not followed it: journal and
/// index are as they were then.
fn cut_short() -> TestRepo {
    let repo = with_acme();
    // While git tells of the moved branch, the journal is there and nothing has followed yet.
    let script = "test $1 = committed || exit 0; cp -rp .git/tussock kept; ln .git/index index.copy";
    repo.hook("reference-transaction", script);
    move_acme(&repo).unwrap();
    std::fs::remove_file(repo.path().join(".git/hooks/reference-transaction")).unwrap();
    std::fs::remove_dir_all(repo.path().join(".git/tussock")).unwrap();
    std::fs::rename(repo.path().join("kept"), repo.path().join(".git/tussock")).unwrap();
    std::fs::rename(repo.path().join("index.copy"), repo.path().join(".git/index")).unwrap();
    std::fs::rename(repo.path().join("sales/proposal/acme.yaml"), repo.path().join("sales/brief/acme.yaml")).unwrap();
    repo
}

fn recovered(repo: &TestRepo) -> Recovered {
    let home = find(&repo.path(), None).unwrap();
    let found = recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap().expect("something is unfinished");
    assert_eq!(unfinished(&home).unwrap(), None, "{found:?}");
    assert!(!repo.has(".git/tussock/journal"));
    found
}

#[test]
fn a_move_that_was_cut_short_is_finished() {
    let repo = cut_short();
    let found = recovered(&repo);
    assert!(matches!(found.ending, Ending::Finished(_)) && found.left.is_empty(), "{found:?}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.read("sales/proposal/acme.yaml"), ACME);
    assert!(!repo.has("sales/brief/acme.yaml"));
}

#[test]
fn a_new_action_begins_when_the_one_that_was_cut_short_is_finished() {
    let repo = cut_short();
    let change = FileChange::edit("sales/brief/other.yaml", "title: Other\n", "title: Another\n");
    act(&repo, &repo.path(), vec![change]).unwrap();
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.read("sales/proposal/acme.yaml"), ACME);
}

#[test]
fn locks_that_the_dead_git_has_left_are_removed_and_no_others() {
    let repo = cut_short();
    let tip = repo.git(&["rev-parse", "HEAD"]);
    repo.write(".git/refs/heads/main.lock", &tip).write(".git/HEAD.lock", "");
    repo.write(".git/refs/heads/other.lock", "").write(".git/packed-refs.lock", "");
    recovered(&repo);
    assert!(!repo.has(".git/refs/heads/main.lock") && !repo.has(".git/HEAD.lock"));
    assert!(repo.has(".git/refs/heads/other.lock") && repo.has(".git/packed-refs.lock"));
}

#[test]
fn a_lock_that_says_something_else_or_is_older_stays() {
    let repo = cut_short();
    repo.write(".git/refs/heads/main.lock", "0123456789012345678901234567890123456789\n").write(".git/HEAD.lock", "");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let open = std::fs::OpenOptions::new().write(true).open(repo.path().join(".git/HEAD.lock")).unwrap();
    open.set_modified(old).unwrap();
    recovered(&repo);
    assert!(repo.has(".git/refs/heads/main.lock") && repo.has(".git/HEAD.lock"));
}

#[test]
fn the_index_lock_of_a_dead_tussock_is_taken_over_and_that_of_a_git_is_waited_for() {
    let repo = cut_short();
    let ours = "tussock has the index; should no tussock be running, `tussock doctor` removes this file\n";
    repo.write(".git/index.lock", ours);
    recovered(&repo);
    assert!(!repo.has(".git/index.lock"));

    repo.write(".git/index.lock", ours);
    let home = find(&repo.path(), None).unwrap();
    assert_eq!(recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap(), None);
    assert!(!repo.has(".git/index.lock"), "also without a journal");

    let repo = cut_short();
    repo.write(".git/index.lock", "");
    let lock = repo.path().join(".git/index.lock");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(700));
            std::fs::remove_file(lock).unwrap();
        });
        let begun = std::time::Instant::now();
        recovered(&repo);
        assert!(begun.elapsed().as_millis() >= 500, "it waited");
    });
}

#[test]
fn when_the_branch_was_set_elsewhere_the_files_are_left_and_the_commit_is_named() {
    let repo = cut_short();
    let tip = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let elsewhere = repo.git(&["commit-tree", "-p", "HEAD~1", "-m", "Elsewhere", "HEAD~1^{tree}"]);
    repo.git(&["update-ref", "refs/heads/main", elsewhere.trim()]);
    let found = recovered(&repo);
    let Ending::Superseded { commit, branch, now } = &found.ending else { panic!("{found:?}") };
    assert_eq!(commit.to_string(), tip);
    assert_eq!(branch, "refs/heads/main");
    assert_eq!(format!("{now}\n"), repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
    assert!(!repo.has("sales/proposal/acme.yaml"));
}

#[test]
fn when_another_branch_is_checked_out_its_files_are_left() {
    let repo = cut_short();
    repo.git(&["branch", "aside", "HEAD~1"]);
    repo.git(&["symbolic-ref", "HEAD", "refs/heads/aside"]);
    let found = recovered(&repo);
    assert!(matches!(&found.ending, Ending::Elsewhere { branch, .. } if branch == "refs/heads/main"), "{found:?}");
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
    assert!(!repo.has("sales/proposal/acme.yaml"));
}

#[test]
fn when_the_branch_has_gone_on_the_later_commit_counts() {
    let repo = cut_short();
    // The user commits what lies there, which takes the deal back to where it was.
    repo.git(&["add", "-A", "sales"]);
    repo.git(&["commit", "-q", "-m", "As it lies"]);
    let found = recovered(&repo);
    assert!(matches!(found.ending, Ending::Finished(_)) && found.left.is_empty(), "{found:?}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(repo.has("sales/brief/acme.yaml"));
}

#[test]
fn a_move_that_was_never_committed_is_taken_back() {
    let repo = cut_short();
    repo.git(&["update-ref", "refs/heads/main", "HEAD~1"]);
    repo.write(".git/tussock/tx-dead/index", "");
    let found = recovered(&repo);
    assert_eq!((found.ending, found.left), (Ending::TakenBack, vec![]));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(!repo.has(".git/tussock/tx-dead"));
}

#[test]
fn an_empty_branch_file_is_for_the_doctor() {
    let repo = cut_short();
    repo.write(".git/refs/heads/main", "");
    let home = find(&repo.path(), None).unwrap();
    let error = recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("tussock doctor"), "{error}");
    assert!(repo.has(".git/tussock/journal"), "it says where the branch should be");
}

#[test]
fn litter_without_a_journal_is_removed_when_nobody_is_at_work() {
    let repo = with_acme();
    repo.write(".git/tussock/tx-dead/index", "");
    let home = find(&repo.path(), None).unwrap();
    assert_eq!(recover(&home, &repo.library_git(&home), &mut |_| ()).unwrap(), None);
    assert!(!repo.has(".git/tussock/tx-dead"));
}

#[test]
fn a_linked_work_tree_keeps_its_own_journal() {
    let repo = with_acme();
    repo.git(&["worktree", "add", "-q", "../linked", "-b", "linked"]);
    let script = "test $1 = committed || exit 0; ls .git/tussock $GIT_DIR/tussock > \"$HOME/seen\" 2>&1; true";
    repo.hook("reference-transaction", script);
    act(&repo, &repo.path().join("../linked"), acme_to_proposal()).unwrap();
    assert!(repo.path().join(".git/worktrees/linked/tussock").is_dir());
    assert!(repo.has("sales/brief/acme.yaml"), "the other work tree is as it was");
    let seen = std::fs::read_to_string(repo.path().join("../home/seen")).unwrap();
    assert_eq!(seen.matches("journal").count(), 1, "{seen}");
}

#[test]
fn what_only_a_pack_of_unreferred_things_has_gets_a_file_of_its_own() {
    let repo = with_acme();
    move_acme(&repo).unwrap();
    let ids = |repo: &TestRepo| {
        repo.git(&["rev-parse", "HEAD^{tree}", "HEAD:sales", "HEAD:sales/brief", "HEAD:sales/proposal"])
    };
    let moved = ids(&repo);
    // The action is given up, and housekeeping puts what it had brought aside. Who packs with `repack -a -d` throws that
    // away; who is about to refer to it again must not count on it.
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["-c", "gc.cruftPacks=true", "gc", "-q", "--prune=never"]);
    let file = |id: &str| format!(".git/objects/{}/{}", &id[..2], &id[2..]);
    assert!(moved.lines().all(|id| !repo.has(&file(id))), "all is packed");
    move_acme(&repo).unwrap();
    assert_eq!(ids(&repo), moved, "the same folders as before");
    assert!(moved.lines().all(|id| repo.has(&file(id))), "each has a file");
    repo.git(&["fsck", "--strict"]);
}

#[test]
fn a_sparse_checkout_can_be_written_to_where_it_is_checked_out() {
    for args in [&["set", "--cone", "sales/brief"][..], &["set", "--sparse-index", "sales/brief"]] {
        let repo = with_acme();
        repo.write("sales/won/big.yaml", "title: Big\n");
        repo.commit("Add");
        repo.git(&[&["sparse-checkout"], args].concat());
        assert!(!repo.has("sales/won/big.yaml"));
        let hidden = vec![FileChange::relocate("sales/won/big.yaml", "title: Big\n", "sales/lost/big.yaml", "x")];
        assert!(matches!(refused(&repo, hidden), WriteError::Hidden { .. }));
        move_acme(&repo).unwrap();
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "{args:?}");
        assert_eq!(repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]), ACME);
        assert_eq!(repo.git(&["show", "HEAD:sales/won/big.yaml"]), "title: Big\n");
    }
}

#[test]
fn with_and_without_a_hook_the_same_tree_is_written() {
    let tree = |hooked: bool| {
        let repo = with_acme();
        for i in 0..5 {
            repo.write(&format!("sales/lost/2024/d{i}.yaml"), format!("title: {i}\n"));
        }
        repo.commit("Lost");
        if hooked {
            repo.hook("pre-commit", "exit 0");
        }
        let mut changes = acme_to_proposal();
        for i in 0..5 {
            let (was, new) = (format!("title: {i}\n"), format!("title: {i}\nnotes: x\n"));
            changes.push(FileChange::relocate(
                format!("sales/lost/2024/d{i}.yaml"),
                was,
                format!("sales/won/2026/d{i}.yaml"),
                new,
            ));
        }
        act(&repo, &repo.path(), changes).unwrap();
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        repo.git(&["fsck", "--strict"]);
        repo.git(&["ls-tree", "-r", "-t", "HEAD"])
    };
    let plain = tree(false);
    assert_eq!(plain, tree(true));
    assert!(!plain.contains("2024"), "an emptied folder is in no tree:\n{plain}");
}

#[test]
fn what_is_written_is_flushed_to_the_disk_by_default() {
    let repo = with_acme();
    let home = find(&repo.path(), None).unwrap();
    let git = repo.library_git(&home).with_env(&[("TUSSOCK_FSYNC", "")]);
    let action = Action { changes: acme_to_proposal(), subject: "x".into(), ..Action::default() };
    commit(&home, &git, &action, &mut |_| ()).unwrap();
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.git(&["fsck", "--strict"]);
}

#[test]
fn changes_can_be_staged_only() {
    let repo = with_acme();
    repo.write("readme", "edited\n");
    let home = find(&repo.path(), None).unwrap();
    let changes = vec![FileChange::relocate("sales/brief/acme.yaml", ACME, "sales/proposal/acme.yaml", "title: B\n")];
    let paths = stage(&home, &repo.library_git(&home), &changes, &mut |_| ()).unwrap();
    assert_eq!(paths, ["sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    assert_eq!(
        repo.git(&["status", "--porcelain", "--no-renames"]),
        " M readme\nD  sales/brief/acme.yaml\nA  sales/proposal/acme.yaml\n"
    );
    assert_eq!(repo.read("sales/proposal/acme.yaml"), "title: B\n");
    assert_eq!(commits(&repo), 2);
}

#[test]
fn a_ref_that_is_locked_changes_nothing() {
    let repo = with_acme();
    repo.write(".git/refs/heads/main.lock", "");
    let error = refused(&repo, acme_to_proposal());
    assert_eq!(error.class(), Class::Locked, "{error}");
    assert!(error.to_string().contains("main.lock"), "{error}");
}

#[test]
fn what_others_have_staged_is_no_part_of_the_first_commit() {
    let repo = TestRepo::new();
    repo.write("staged.txt", "x\n");
    repo.git(&["add", "-A"]);
    let home = Home::at(&repo.path()).unwrap();
    for hooked in [false, true] {
        let name = if hooked { "hooked.yaml" } else { "plain.yaml" };
        if hooked {
            repo.git(&["checkout", "-q", "--orphan", "second"]);
            repo.hook("pre-commit", "exit 0");
            repo.git(&["rm", "-q", "--cached", "plain.yaml"]);
        }
        let action =
            Action { changes: vec![FileChange::create(name, "x\n")], subject: "x".into(), ..Action::default() };
        commit(&home, &repo.library_git(&home), &action, &mut |_| ()).unwrap();
        assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", "HEAD"]), format!("{name}\n"));
        assert!(repo.git(&["status", "--porcelain"]).starts_with("A  staged.txt\n"));
    }
}

#[test]
fn a_batch_under_a_hook_is_written_through_the_program() {
    let repo = TestRepo::with_pipeline();
    repo.hook("pre-commit", "exit 0");
    let text = |i: usize| format!("title: {i}\n");
    let changes = (0..30).map(|i| FileChange::create(format!("sales/brief/d{i}.yaml"), text(i)));
    act(&repo, &repo.path(), changes.collect()).unwrap();
    assert_eq!(repo.git(&["show", "HEAD:sales/brief/d29.yaml"]), text(29));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_a_dead_process_left_is_cleared_away() {
    let repo = with_acme();
    repo.write(".git/tussock/tx-dead/index", "half");
    move_acme(&repo).unwrap();
    assert!(!repo.has(".git/tussock/tx-dead"));
}
