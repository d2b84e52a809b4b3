//! `validate --fix`: what it mends, what it leaves, and that it never loses anything.

mod kit;

use kit::{Ran, SMALL_PIPELINE, TestRepo};

const STEP: &str = "next_step: {what: Call, due: 2026-12-01}\n";

/// A deal with three mistakes, of which one is for a person.
const ACME: &str = "title: ACME: phase 2\nammount: 18000 # agreed\nclose_date: 31.02.2026\n";

fn fix(repo: &TestRepo, args: &[&str]) -> Ran {
    repo.tussock(&[&["validate"], args].concat())
}

#[test]
fn safe_fixes_are_made_told_and_what_is_left_is_reported() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", format!("{ACME}{STEP}"));
    repo.write("sales/brief/borg.yaml", "\u{feff}title: Borg\r\nready:x\r\nowner: @olga\r\n");
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.starts_with(
            "sales/brief/acme.yaml: put the value in quotes; write amount\n\
         sales/brief/borg.yaml: delete the byte order mark; put a space after the colon; put the value in quotes\n\
         5 fixes in 2 files made\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!(
        repo.read("sales/brief/acme.yaml"),
        format!("title: \"ACME: phase 2\"\namount: 18000 # agreed\nclose_date: 31.02.2026\n{STEP}")
    );
    assert_eq!(repo.read("sales/brief/borg.yaml"), "title: Borg\r\nready: x\r\nowner: \"@olga\"\r\n");
    assert!(ran.out.contains("there is no field `ready`") && ran.out.contains("close_date"), "{}", ran.out);
    assert!(!ran.out.contains("yaml-syntax"), "{}", ran.out);
    let again = fix(&repo, &["--fix"]);
    assert!(!again.out.contains(" made\n") && again.code == 1, "{}", again.out);
}

#[test]
fn all_is_well_when_everything_could_be_fixed() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A: b\n");
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "sales/brief/acme.yaml: put the value in quotes\n1 fix in 1 file made\n")
    );
}

#[test]
fn guesses_are_made_only_when_asked_for() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\u{202e}b\nnotes: !important call\n");
    let before = repo.read("sales/brief/acme.yaml");
    let ran = fix(&repo, &["--fix"]);
    assert_eq!((ran.code, repo.read("sales/brief/acme.yaml")), (1, before));
    assert!(ran.out.contains("can be fixed with a guess: tussock validate --unsafe-fixes --diff"), "{}", ran.out);
    let ran = fix(&repo, &["--unsafe-fixes"]);
    assert_eq!(
        (ran.code, repo.read("sales/brief/acme.yaml")),
        (0, "title: Ab\nnotes: \"!important call\"\n".into()),
        "{}",
        ran.out
    );
}

#[test]
fn a_diff_changes_nothing_and_git_can_apply_it() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", format!("{ACME}{STEP}"));
    repo.commit("Add a deal");
    std::fs::remove_file(repo.path().join("sales/won/.gitkeep")).unwrap();
    let before = repo.git(&["status", "--porcelain"]);
    let ran = fix(&repo, &["--diff"]);
    assert_eq!(ran.code, 1, "what is found stays: {}", ran.err);
    assert_eq!(repo.git(&["status", "--porcelain"]), before);
    assert_eq!(
        ran.out,
        "diff --git a/sales/brief/acme.yaml b/sales/brief/acme.yaml\n\
         --- a/sales/brief/acme.yaml\n\
         +++ b/sales/brief/acme.yaml\n\
         @@ -1,4 +1,4 @@\n\
         -title: ACME: phase 2\n\
         -ammount: 18000 # agreed\n\
         +title: \"ACME: phase 2\"\n\
         +amount: 18000 # agreed\n \
         close_date: 31.02.2026\n \
         next_step: {what: Call, due: 2026-12-01}\n\
         diff --git a/sales/won/.gitkeep b/sales/won/.gitkeep\n\
         new file mode 100644\n"
    );
    assert_eq!(ran.err, "3 fixes in 2 files would be made; nothing was changed\n");
    repo.write("../fix.patch", &ran.out);
    repo.git(&["apply", "--check", "../fix.patch"]);
    let fixed = fix(&repo, &["--fix"]);
    assert!(fixed.out.contains("3 fixes in 2 files made\n") && repo.has("sales/won/.gitkeep"), "{}", fixed.out);
}

#[test]
fn a_diff_has_the_guesses_with_unsafe_fixes_only() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\u{202e}b\n");
    assert_eq!(fix(&repo, &["--diff"]).out, "");
    let ran = fix(&repo, &["--unsafe-fixes", "--diff"]);
    assert!(ran.out.contains("-title: AU+202Eb\n+title: Ab\n"), "{}", ran.out);
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: A\u{202e}b\n");
}

#[test]
fn only_the_work_tree_can_be_fixed() {
    let repo = TestRepo::with_pipeline();
    for what in [&["--staged"][..], &["--rev", "HEAD"], &["--as-of", "2026-01-05"]] {
        for how in ["--fix", "--unsafe-fixes", "--diff"] {
            assert_eq!(fix(&repo, &[what, &[how]].concat()).code, 2, "{what:?} {how}");
        }
    }
    assert_eq!(fix(&repo, &["--diff", "--format", "json"]).code, 2);
}

#[test]
fn only_named_files_are_fixed() {
    let repo = TestRepo::with_pipeline();
    for name in ["acme", "borg"] {
        repo.write(&format!("sales/brief/{name}.yaml"), "title: A: b\n");
    }
    assert_eq!(fix(&repo, &["--fix", "sales/brief/borg.yaml"]).code, 0);
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: A: b\n");
    assert_eq!(repo.read("sales/brief/borg.yaml"), "title: \"A: b\"\n");
}

#[test]
fn the_json_of_what_is_left_stays_json() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    let ran = fix(&repo, &["--fix", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 1, "{}", ran.out);
    assert!(ran.err.contains("2 fixes in 1 file made"), "{}", ran.err);
}

#[test]
fn a_fix_that_would_show_another_error_is_taken_back_and_told() {
    let repo = TestRepo::with_pipeline();
    let text = "title: A\nammount: a lot\n";
    repo.write("sales/brief/acme.yaml", text);
    let ran = fix(&repo, &["--fix"]);
    assert_eq!((ran.code, repo.read("sales/brief/acme.yaml").as_str()), (1, text));
    assert!(
        ran.err.contains("sales/brief/acme.yaml is not fixed, because it would be wrong in another way then"),
        "{}",
        ran.err
    );
}

#[test]
fn a_broken_pipeline_file_is_fixed_before_anything_is_looked_at() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("title: Small", "title: Sales: small"));
    repo.write("sales/brief/acme.yaml", "title: A: b\n");
    assert_eq!(fix(&repo, &[]).code, 2);
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(repo.read("sales/pipeline.yaml").contains("title: \"Sales: small\"\n"));
    assert_eq!(repo.read("sales/brief/acme.yaml"), "title: \"A: b\"\n");
}

#[test]
fn comments_that_silence_nothing_are_removed() {
    let repo = TestRepo::with_pipeline();
    repo.write(
        "sales/brief/acme.yaml",
        "title: A\n# tussock: ignore[overdue-close-date] late\namount: 1 # tussock: ignore[wrong-type, impossible-date] x\n\
         # tussock: ignore[unknown-field, stale] known\nmood: good\n",
    );
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(
        repo.read("sales/brief/acme.yaml"),
        "title: A\namount: 1\n# tussock: ignore[unknown-field] known\nmood: good\n",
        "{}",
        ran.out
    );
    assert_eq!(ran.code, 0);
}

#[test]
fn the_canonical_form_is_written_where_the_team_asks_for_it() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", format!("{SMALL_PIPELINE}  non-canonical: warning\n"));
    repo.write("sales/brief/acme.yaml", format!("{STEP}ammount: 5\ntitle: A: b\n"));
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(
        repo.read("sales/brief/acme.yaml"),
        format!("title: \"A: b\"\namount: 5\n{STEP}"),
        "{}{}",
        ran.out,
        ran.err
    );
    assert_eq!(ran.code, 0);
}

#[test]
#[cfg(unix)]
fn a_link_is_never_followed_and_a_file_keeps_its_mode() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let repo = TestRepo::with_pipeline();
    repo.write("elsewhere.yaml", "title: A: b\n").write("sales/brief/acme.yaml", "title: A: b\n");
    let acme = repo.path().join("sales/brief/acme.yaml");
    std::fs::set_permissions(&acme, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("../../elsewhere.yaml", repo.path().join("sales/brief/link.yaml")).unwrap();
    assert_eq!(fix(&repo, &["--unsafe-fixes"]).code, 1);
    assert_eq!(repo.read("elsewhere.yaml"), "title: A: b\n");
    assert!(repo.path().join("sales/brief/link.yaml").symlink_metadata().unwrap().is_symlink());
    assert_eq!(acme.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn outside_of_a_repository_fixes_work_too() {
    let repo = TestRepo::without_git();
    repo.write("pipeline.yaml", SMALL_PIPELINE).write("brief/acme.yaml", "title: A: b\n");
    let ran = fix(&repo, &["--fix"]);
    assert_eq!(repo.read("brief/acme.yaml"), "title: \"A: b\"\n");
    // Every stage gets its placeholder, those too that have no folder yet.
    assert!(repo.has("won/.gitkeep") && repo.has("brief/.gitkeep"), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 0);
}
