//! The same short story in every shape of repository: what tussock says, and what git has afterwards, is the same as in
//! a plain one.

mod kit;

use kit::{SMALL_PIPELINE, TestRepo};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000 # net\n";

/// What a deal needs to be past the second stage.
const EARNED: &str = "inputs:\n  goal: a shop\nproposal:\n  sent_on: 2025-11-03\n";

/// A repository and where in it the story takes place, seen from the kit's folder.
struct Place {
    repo: TestRepo,
    at: String,
}

impl Place {
    fn new(repo: TestRepo) -> Place {
        Place { repo, at: ".".into() }
    }

    /// Runs tussock and notes what it said, with the ids of commits taken out: they differ between SHA-1 and SHA-256.
    fn say(&self, args: &[&str]) -> String {
        let ran = self.repo.tussock(&[&["-C", &self.at, "--today", "2026-01-20"], args].concat());
        format!("$ {}\n{}{}= {}\n", args.join(" "), without_ids(&ran.out), without_ids(&ran.err), ran.code)
    }

    fn git(&self, args: &[&str]) -> String {
        self.repo.git(&[&["-C", &self.at], args].concat())
    }

    /// A pipeline with three deals, one of them closed long ago, committed.
    fn fill(&self) -> &Self {
        let file = |path: &str, text: &str| self.repo.write(&format!("{}/{path}", self.at), text);
        file("sales/pipeline.yaml", SMALL_PIPELINE);
        for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
            file(&format!("sales/{stage}/.gitkeep"), "");
        }
        file("sales/brief/acme.yaml", ACME);
        file("sales/contract/globex.yaml", &format!("title: Globex\nowner: petr\namount: 7000\n{EARNED}"));
        file("sales/won/2025/initech.yaml", &format!("title: Initech\nowner: olga\namount: 5000\n{EARNED}"));
        file("notes.md", "not ours\n");
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "Set up"]);
        self
    }

    /// The story: writing commands, refused ones among them, then all the reading ones, then what git has.
    fn story(&self) -> String {
        let mut told = String::new();
        let begun = self.git(&["rev-parse", "HEAD"]);
        for args in [
            &["new", "Beta shop", "--set", "owner=olga", "--set", "amount=4000"][..],
            &["move", "acme", "proposal"],
            &["set", "acme", "inputs.goal=more leads"],
            &["move", "acme", "--next"],
            &["move", "acme", "brief"],
            &["move", "acme", "proposal"],
            &["lose", "beta-shop", "--reason", "price", "-m", "They had less"],
            &["win", "globex"],
        ] {
            told += &self.say(args);
            self.repo.set_now(self.repo.now() + 3600);
        }
        told += &self.reading(begun.trim());
        told += &self.git(&["status", "--porcelain"]);
        told += &self.git(&["log", "--format=%s|%an|%at|%b", &format!("{}..HEAD", begun.trim())]);
        for line in self.git(&["ls-tree", "-r", "HEAD", "--", "sales"]).lines() {
            let (mode, path) = (&line[..6], line.split('\t').nth(1).unwrap_or_default());
            told += &format!("{mode} {path}\n{}", self.git(&["cat-file", "blob", &format!("HEAD:{path}")]));
        }
        assert_eq!(self.git(&["fsck", "--no-dangling"]), "");
        told
    }

    /// What the reading commands say.
    fn reading(&self, begun: &str) -> String {
        let mut told = String::new();
        for args in [
            &["validate"][..],
            &["validate", "--staged"],
            &["validate", "--rev", "HEAD~2"],
            &["list", "--all"],
            &["show", "acme"],
            &["why", "acme"],
            &["log", "--format", "csv"],
            &["report"],
            &["report", "funnel"],
            &["report", "--as-of", "HEAD~1"],
            &["report", "--as-of", "2026-01-05"],
        ] {
            told += &self.say(args);
        }
        told + &self.say(&["validate", "--rev", begun]).replace(begun, "BEGUN")
    }

    /// Holds that the story went as in a plain repository.
    fn as_in_a_plain_one(&self) {
        self.git(&["rev-parse", "HEAD"]);
        similar_asserts(&plain(), &self.story());
    }
}

/// The story in a plain repository, which is told once.
fn plain() -> String {
    static TOLD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TOLD.get_or_init(|| Place::new(TestRepo::new()).fill().story()).clone()
}

/// Compares two texts and shows the first lines in which they differ.
fn similar_asserts(plain: &str, here: &str) {
    let differing = plain.lines().zip(here.lines()).position(|(a, b)| a != b);
    let at = differing.unwrap_or_else(|| plain.lines().count().min(here.lines().count()));
    let around = |text: &str| text.lines().skip(at.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    assert!(plain == here, "in a plain repository:\n{}\n\nhere:\n{}", around(plain), around(here));
}

/// A text with every word of seven or more hexadecimal digits, one of them at least a digit, taken for an id.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let id = word.len() >= 7
            && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && word.len() != 8;
        out += if id { "ID" } else { &word };
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// A repository made by `git init` with these arguments; `None` where this git does not know them.
fn init(args: &[&str]) -> Option<TestRepo> {
    let repo = TestRepo::without_git();
    if repo.try_git(&[&["init", "-q", "-b", "main"], args].concat()).code == 0 {
        return Some(repo);
    }
    println!("skipped: this git does not know `git init {}`", args.join(" "));
    None
}

/// A plain repository that `setup` has been run in once it was filled.
fn after(setup: &[&[&str]]) -> Place {
    let place = Place::new(TestRepo::new());
    place.fill();
    for args in setup {
        place.git(args);
    }
    place
}

#[test]
fn the_story_is_a_story() {
    let told = plain();
    for part in [
        "$ move acme proposal\nerror",
        "acme: proposal → brief",
        "100644 sales/proposal/acme.yaml",
        "title: ACME site\nowner: olga\namount: 18000 # net\ninputs:\n  goal: more leads\n",
        "100644 sales/lost/2026/beta-shop.yaml",
        "100644 sales/won/2026/globex.yaml",
        "globex      won        petr     7,000 EUR",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}

#[test]
fn sha256_names_and_reftables() {
    for args in [
        &["--object-format=sha256"][..],
        &["--ref-format=reftable"],
        &["--object-format=sha256", "--ref-format=reftable"],
    ] {
        let Some(repo) = init(args) else { continue };
        Place::new(repo).fill().as_in_a_plain_one();
    }
}

#[test]
fn indexes_of_every_kind() {
    for setup in [
        &[&["update-index", "--split-index"][..]][..],
        &[&["config", "core.splitIndex", "true"], &["read-tree", "HEAD"]],
        &[&["update-index", "--index-version", "4"]],
        &[&["config", "index.skipHash", "true"], &["read-tree", "HEAD"]],
        &[&["config", "core.untrackedCache", "true"], &["update-index", "--force-untracked-cache"]],
        &[&["config", "feature.manyFiles", "true"], &["read-tree", "HEAD"]],
    ] {
        after(setup).as_in_a_plain_one();
    }
}

#[test]
fn a_program_that_watches_the_files_for_git() {
    use std::os::unix::fs::PermissionsExt;
    let place = after(&[]);
    // It says of every file that it may have changed.
    place.repo.write(".git/monitor", "#!/bin/sh\nprintf 'token\\0/\\0'\n");
    let script = place.repo.path().join(".git/monitor");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.git(&["config", "core.fsmonitor", ".git/monitor"]);
    place.git(&["update-index", "--fsmonitor"]);
    place.as_in_a_plain_one();
}

#[test]
fn sparse_checkouts_with_full_and_sparse_indexes() {
    for kind in ["--no-sparse-index", "--sparse-index"] {
        let place = after(&[&["sparse-checkout", "set", "--cone", kind, "sales/brief", "sales/contract"]]);
        assert!(!place.repo.has("sales/won/2025/initech.yaml") && !place.repo.has("sales/proposal"));
        place.as_in_a_plain_one();
    }
}

#[test]
fn packed_refs_and_objects() {
    for setup in [
        &[&["pack-refs", "--all"][..]][..],
        &[&["gc", "-q", "--prune=now"]],
        &[&["repack", "-adq", "--write-midx"], &["commit-graph", "write", "--reachable"]],
    ] {
        after(setup).as_in_a_plain_one();
    }
}

#[test]
fn a_work_tree_beside_the_first() {
    for args in [&[][..], &["--object-format=sha256"], &["--ref-format=reftable"]] {
        let Some(repo) = init(args) else { continue };
        let mut place = Place::new(repo);
        place.fill();
        place.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
        let main = place.git(&["rev-parse", "main"]);
        place.at = "../side".into();
        place.as_in_a_plain_one();
        assert_eq!(place.repo.git(&["rev-parse", "main"]), main);
        assert_eq!(place.repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_pipeline_inside_a_submodule() {
    for args in [&[][..], &["--object-format=sha256"]] {
        let Some(repo) = init(args) else { continue };
        let mut place = Place::new(repo);
        place.fill();
        place.repo.git(&["clone", "-q", "--bare", ".", "../origin.git"]);
        place.repo.git(&[&["init", "-q"], args, &["-b", "main", "../outer"]].concat());
        let add = [
            "-C",
            "../outer",
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            "../origin.git",
            "sub",
        ];
        place.repo.git(&add);
        place.repo.git(&["-C", "../outer", "commit", "-q", "-m", "Add the submodule"]);
        place.at = "../outer/sub".into();
        place.as_in_a_plain_one();
        assert_eq!(place.repo.git(&["-C", "../outer", "status", "--porcelain"]), " M sub\n");
    }
}

#[test]
fn objects_in_another_repository() {
    for args in [&[][..], &["--object-format=sha256"]] {
        let Some(repo) = init(args) else { continue };
        let mut place = Place::new(repo);
        place.fill();
        place.repo.git(&["clone", "-q", "--shared", ".", "../sharing"]);
        place.at = "../sharing".into();
        place.as_in_a_plain_one();
    }
}

#[test]
fn a_partial_clone() {
    for args in [&[][..], &["--object-format=sha256"]] {
        for filter in ["blob:none", "tree:0"] {
            let Some(repo) = init(args) else { continue };
            let mut place = Place::new(repo);
            place.fill();
            place.git(&["config", "uploadpack.allowFilter", "true"]);
            place.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
            let url = format!("file://{}", place.repo.path().display());
            place.repo.git(&["clone", "-q", &format!("--filter={filter}"), &url, "../partial"]);
            place.at = "../partial".into();
            place.as_in_a_plain_one();
        }
    }
}

#[test]
fn line_ends_that_git_converts() {
    let place = Place::new(TestRepo::new());
    place.git(&["config", "core.autocrlf", "true"]);
    place.fill();
    for path in ["sales/brief/acme.yaml", "sales/contract/globex.yaml"] {
        let text = place.repo.read(path);
        place.repo.write(path, text.replace('\n', "\r\n"));
    }
    place.git(&["add", "--renormalize", "."]);
    assert_eq!(place.git(&["status", "--porcelain"]), "");
    // Blobs have plain line ends, as they have everywhere else, and files keep theirs.
    place.as_in_a_plain_one();
    assert!(place.repo.read("sales/proposal/acme.yaml").ends_with("# net\r\ninputs:\r\n  goal: more leads\r\n"));
}

/// What comes between clones and branches, and what mends: the commands that need more of git than a commit.
fn second_story(place: &Place) -> String {
    let mut told = String::new();
    for args in [
        &["move", "globex", "brief"][..],
        &["undo"],
        &["undo"],
        &["undo", "HEAD"],
        &["hooks", "install"],
        &["hooks", "status"],
        &["hooks", "uninstall"],
        &["doctor"],
        &["sync"],
    ] {
        told += &place.say(args);
        place.repo.set_now(place.repo.now() + 3600);
    }
    // Both sides move and edit one deal.
    place.git(&["switch", "-q", "-c", "north"]);
    told += &place.say(&["set", "globex", "amount=1"]);
    told += &place.say(&["move", "globex", "proposal"]);
    place.git(&["switch", "-q", "-"]);
    told += &place.say(&["set", "globex", "amount=2"]);
    told += &place.say(&["move", "globex", "brief"]);
    for way in [&["merge", "-q", "--squash", "north"][..], &["merge", "-q", "north"]] {
        assert_eq!(place.repo.try_git(&[&["-C", &place.at], way].concat()).code, 1);
        told += &place.say(&["validate"]);
        told += &place.say(&["resolve", "globex"]);
        told += &place.say(&["resolve", "globex", "--take", "theirs"]);
        told += &place.git(&["status", "--porcelain"]);
        if way.contains(&"--squash") {
            place.git(&["reset", "-q", "--hard"]);
        }
    }
    place.git(&["commit", "-q", "--no-edit"]);
    told += &place.say(&["merge-check"]);
    told += &place.say(&["merge-check", "--all"]);
    told += &place.say(&["doctor"]);
    assert_eq!(place.git(&["fsck", "--no-dangling"]), "");
    told + &place.git(&["log", "--format=%s|%an|%at"])
        + &place.repo.read(&format!("{}/sales/proposal/globex.yaml", place.at))
}

#[test]
fn what_settles_takes_back_and_mends_does_so_under_every_form_of_names_and_refs() {
    let plain = Place::new(TestRepo::new());
    let wanted = second_story(plain.fill());
    for part in ["settled in sales/proposal/globex.yaml", "globex: brief → contract", "next: commit it", "= 0"] {
        assert!(wanted.contains(part), "no {part:?} in\n{wanted}");
    }
    for args in [
        &["--object-format=sha256"][..],
        &["--ref-format=reftable"],
        &["--object-format=sha256", "--ref-format=reftable"],
    ] {
        let Some(repo) = init(args) else { continue };
        let place = Place::new(repo);
        similar_asserts(&wanted, &second_story(place.fill()));
    }
}
