//! Finding pipelines and reading them from the work tree, the index and commits.

mod kit;

use std::process::Command;

use kit::TestRepo;
use tussock::format::source::{EntryKind, Source};
use tussock::repo::discover::{Home, find};
use tussock::repo::error::Class;
use tussock::repo::revision::{differing, head, is_shallow, resolve};
use tussock::repo::snapshot::Snapshot;
use tussock::repo::worktree::WorkTree;

fn home(repo: &TestRepo) -> Home {
    find(&repo.path(), None).unwrap()
}

fn two_pipelines() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("people/hiring/pipeline.yaml", "version: 1\n").write("docs/readme.md", "");
    repo.commit("Hire");
    repo
}

#[test]
fn the_only_pipeline_is_found_from_anywhere_in_the_repository() {
    let repo = TestRepo::with_pipeline();
    repo.write("docs/deep/readme.md", "");
    for start in ["", "sales", "sales/brief", "docs/deep"] {
        let home = find(&repo.path().join(start), None).unwrap();
        assert_eq!(home.prefix, "sales", "from {start:?}");
        assert_eq!(home.root, repo.path().canonicalize().unwrap().join("sales"));
        assert!(home.repo.is_some());
    }
}

#[test]
fn of_several_pipelines_the_one_around_wins_and_else_a_name_is_asked_for() {
    let repo = two_pipelines();
    assert_eq!(find(&repo.path().join("people/hiring"), None).unwrap().prefix, "people/hiring");
    let error = find(&repo.path().join("docs"), None).unwrap_err();
    assert_eq!(error.class(), Class::NoPipeline);
    assert_eq!(error.to_string(), "there are several pipelines here (people/hiring, sales); choose one with -p NAME");
    for name in ["hiring", "people/hiring", "./people/hiring/"] {
        assert_eq!(find(&repo.path().join("sales/brief"), Some(name)).unwrap().prefix, "people/hiring");
    }
    let error = find(&repo.path(), Some("--x")).unwrap_err();
    assert_eq!(error.to_string(), "there is no pipeline called \"--x\" here; there are: people/hiring, sales");
}

#[test]
fn a_pipeline_may_lie_at_the_root_or_in_a_plain_folder() {
    let repo = TestRepo::new();
    repo.write("pipeline.yaml", "version: 1\n").write("brief/acme.yaml", "title: A\n");
    let found = find(&repo.path().join("brief"), None).unwrap();
    assert_eq!((found.prefix.as_str(), found.in_repository("brief/acme.yaml").as_str()), ("", "brief/acme.yaml"));

    let plain = TestRepo::without_git();
    plain.write("sales/pipeline.yaml", "version: 1\n").write("sales/brief/acme.yaml", "title: A\n");
    let found = find(&plain.path().join("sales/brief"), None).unwrap();
    assert!(found.repo.is_none());
    assert_eq!(found.root, plain.path().canonicalize().unwrap().join("sales"));
    assert_eq!(find(&plain.path(), None).unwrap().root, found.root);
    assert_eq!(find(&plain.path().join("sales"), Some("sales")).unwrap().root, found.root);
    let error = resolve(&found, "HEAD").unwrap_err();
    assert_eq!(error.class(), Class::NotInState);
}

#[test]
fn without_a_pipeline_init_is_suggested_and_the_search_stays_in_the_repository() {
    let outer = TestRepo::with_pipeline();
    outer.git(&["init", "-q", "sales/brief/inner"]);
    let error = find(&outer.path().join("sales/brief/inner"), None).unwrap_err();
    assert_eq!(error.class(), Class::NoPipeline);
    assert!(error.to_string().ends_with("`tussock init` makes one"), "{error}");
}

#[test]
fn a_linked_work_tree_has_its_own_git_folder_and_shares_the_common_one() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = repo.path().join("../side").canonicalize().unwrap();
    let place = find(&side.join("sales"), None).unwrap().repo.unwrap();
    let main = home(&repo).repo.unwrap();
    assert_eq!(place.workdir.as_ref(), Some(&side));
    assert_eq!(place.common_dir, main.git_dir);
    assert_ne!(place.git_dir, main.git_dir);
    let linked = find(&side, None).unwrap();
    assert_eq!(head(&linked).unwrap().unwrap().branch.as_deref(), Some("side"));
}

#[test]
fn work_tree_index_and_commit_are_told_apart() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: committed\n");
    repo.commit("Add");
    repo.write("sales/brief/acme.yaml", "title: staged\n");
    repo.git(&["add", "-A"]);
    repo.write("sales/brief/acme.yaml", "title: edited\n");
    let home = home(&repo);
    let head = resolve(&home, "HEAD").unwrap();
    let text = |source: &dyn Source| String::from_utf8(source.read("brief/acme.yaml").unwrap()).unwrap();
    let tree = WorkTree::new(&home, &repo.path());
    let (commit, index) = (Snapshot::of_commit(&home, head).unwrap(), Snapshot::of_index(&home).unwrap());
    assert_eq!(text(&commit), "title: committed\n");
    assert_eq!(text(&index), "title: staged\n");
    assert_eq!(text(&tree), "title: edited\n");
    assert_eq!(tree.display("brief/acme.yaml"), "sales/brief/acme.yaml");
    assert_eq!(WorkTree::new(&home, &repo.path().join("sales/brief")).display("brief/acme.yaml"), "../brief/acme.yaml");
    assert_eq!(commit.display("brief/acme.yaml"), "sales/brief/acme.yaml");
    let names = |source: &dyn Source| -> Vec<String> {
        source.entries().unwrap().into_iter().map(|e| format!("{} {:?}", e.path, e.kind)).collect()
    };
    assert_eq!(names(&commit), names(&index));
    assert_eq!(names(&commit), names(&tree));
    for source in [&commit as &dyn Source, &index, &tree] {
        assert!(source.repository_has("sales/pipeline.yaml"));
        assert!(!source.repository_has("sales"));
        assert!(!source.repository_has("../sales/pipeline.yaml"));
        assert!(!source.repository_has("sales/brief/none.yaml"));
    }
}

#[test]
fn snapshots_stop_at_nested_pipelines_submodules_and_dot_folders() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/inner/pipeline.yaml", "version: 1\n").write("sales/inner/brief/x.yaml", "title: x\n");
    repo.write("sales/.notes/x.yaml", "title: x\n");
    repo.commit("More");
    let id = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sales/brief/module")]);
    repo.git(&["commit", "-q", "-m", "Module"]);
    let home = find(&repo.path().join("sales"), None).unwrap();
    let head = resolve(&home, "HEAD").unwrap();
    for source in [Snapshot::of_commit(&home, head).unwrap(), Snapshot::of_index(&home).unwrap()] {
        let entries = source.entries().unwrap();
        let kind = |path: &str| entries.iter().find(|e| e.path == path).map(|e| e.kind);
        assert_eq!(kind("inner"), Some(EntryKind::Folder));
        assert_eq!(kind("inner/brief"), None);
        assert_eq!(kind(".notes"), Some(EntryKind::Folder));
        assert_eq!(kind(".notes/x.yaml"), None);
        assert_eq!(kind("brief/module"), Some(EntryKind::Other));
        assert_eq!(kind("brief/.gitkeep"), Some(EntryKind::File));
    }
}

#[test]
fn a_split_index_is_read_through_the_program() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\n");
    repo.commit("Add");
    repo.git(&["update-index", "--split-index"]);
    let home = home(&repo);
    assert_eq!(Snapshot::of_index(&home).unwrap().read("brief/acme.yaml").unwrap(), b"title: A\n");
    assert_eq!(differing(&home).unwrap(), 0);
    repo.write("sales/brief/acme.yaml", "title: B\n");
    assert_eq!(differing(&home).unwrap(), 1);
}

#[test]
fn revisions_are_named_as_git_names_them_and_never_options() {
    let repo = TestRepo::with_pipeline();
    let first = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.write("x", "");
    repo.commit("More");
    repo.git(&["tag", "v1", &first]);
    let home = home(&repo);
    for spec in ["HEAD~1", "v1", "main^", &first[..8]] {
        assert_eq!(resolve(&home, spec).unwrap().to_string(), first, "{spec}");
    }
    for spec in ["--output=x", "-1", "", "nothing", "HEAD:sales", "main~99"] {
        let error = resolve(&home, spec).unwrap_err();
        assert_eq!(error.class(), Class::Usage, "{spec}: {error}");
    }
    let seen = head(&home).unwrap().unwrap();
    assert_eq!(seen.branch.as_deref(), Some("main"));
    repo.git(&["checkout", "-q", "--detach", &first]);
    let seen = head(&home).unwrap().unwrap();
    assert_eq!((seen.branch, seen.commit.unwrap().to_string()), (None, first));
}

#[test]
fn a_branch_without_commits_has_no_commit() {
    let repo = TestRepo::new();
    repo.write("pipeline.yaml", "version: 1\n");
    let seen = head(&home(&repo)).unwrap().unwrap();
    assert_eq!((seen.branch.as_deref(), seen.commit), (Some("main"), None));
}

#[test]
fn deals_that_differ_are_counted_once_each() {
    let repo = TestRepo::with_pipeline();
    for id in ["a", "b", "c", "d"] {
        repo.write(&format!("sales/brief/{id}.yaml"), format!("title: {id}\n"));
    }
    repo.commit("Add");
    let home = home(&repo);
    assert_eq!(differing(&home).unwrap(), 0);
    repo.write("elsewhere/x.yaml", "not a deal of this pipeline\n");
    repo.write("sales/brief/a.yaml", "title: edited\n");
    repo.git(&["mv", "sales/brief/b.yaml", "sales/proposal/b.yaml"]);
    std::fs::rename(repo.path().join("sales/brief/c.yaml"), repo.path().join("sales/proposal/c.yaml")).unwrap();
    repo.write("sales/pipeline.yaml", "version: 1\n");
    assert_eq!(differing(&home).unwrap(), 3);
}

#[test]
fn a_bare_repository_is_read_from_its_commits() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let home = find(&repo.path().join("../bare.git"), None).unwrap();
    assert_eq!(home.prefix, "sales");
    let source = Snapshot::of_commit(&home, resolve(&home, "HEAD").unwrap()).unwrap();
    assert!(source.read("pipeline.yaml").unwrap().starts_with(b"version: 1"));
    let error = WorkTree::new(&home, &repo.path()).entries().unwrap_err();
    assert!(error.to_string().contains("--rev"), "{error}");
    assert_eq!(differing(&home).unwrap(), 0);
}

#[test]
fn a_shallow_clone_says_so() {
    let repo = TestRepo::with_pipeline();
    repo.write("x", "");
    repo.commit("More");
    let url = format!("file://{}", repo.path().display());
    repo.run(Command::new("git").args(["clone", "-q", "--depth=1", &url, "../shallow"]));
    assert!(is_shallow(&find(&repo.path().join("../shallow"), None).unwrap()).unwrap());
    assert!(!is_shallow(&home(&repo)).unwrap());
}

#[test]
fn a_sparse_checkout_hides_no_deals() {
    for args in [&["set", "--no-cone", "/*", "!/sales/won/"][..], &["set", "--sparse-index", "sales/brief"]] {
        let repo = TestRepo::with_pipeline();
        repo.write("sales/won/big.yaml", "title: Big\n").write("sales/won/2025/old.yaml", "title: Old\n");
        repo.commit("Add");
        let all = |repo: &TestRepo| WorkTree::new(&home(repo), &repo.path()).entries().unwrap();
        let names = |repo: &TestRepo| all(repo).into_iter().map(|e| (e.path, e.kind)).collect::<Vec<_>>();
        let before = names(&repo);
        repo.git(&[&["sparse-checkout"], args].concat());
        assert!(!repo.has("sales/won/big.yaml"));
        assert_eq!(before, names(&repo), "{args:?}");
        let tree = WorkTree::new(&home(&repo), &repo.path());
        assert_eq!(tree.read("won/2025/old.yaml").unwrap(), b"title: Old\n");
        assert!(tree.repository_has("sales/won/big.yaml"));
        assert_eq!(differing(&home(&repo)).unwrap(), 0);
    }
}

#[test]
fn a_repository_of_somebody_else_is_not_opened() {
    let repo = TestRepo::with_pipeline();
    let chown = |path: &str| std::os::unix::fs::chown(repo.path().join(path), Some(12_345), Some(12_345));
    if chown("").and(chown(".git")).is_err() {
        println!("skipped: only root can give files away");
        return;
    }
    let error = find(&repo.path(), None).unwrap_err();
    assert_eq!(error.class(), Class::Io);
    assert!(error.to_string().contains("git config --global --add safe.directory"), "{error}");
}
