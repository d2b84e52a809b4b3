//! Another id for a deal: its file, the old id under `was`, the links of other deals, its history.

mod kit;

use kit::freeze::refuses;
use kit::{SMALL_PIPELINE, TestRepo};

const ACME: &str = "# The big one\ntitle: ACME site\nowner: olga   # since May\namount: 18000\nnotes: |\n  acme\n";

fn with(deals: &[(&str, &str)]) -> TestRepo {
    let repo = TestRepo::new();
    let fields = "  partner: deal\n  tied: {list: deal}\n  parts: {list: {deal: deal, share: text}}\n";
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("fields:\n", &format!("fields:\n{fields}")));
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    for (path, text) in deals {
        repo.write(&format!("sales/{path}"), text);
    }
    repo.commit("Set up");
    repo
}

#[test]
fn the_file_is_renamed_in_its_folder_and_keeps_every_other_byte() {
    let repo = with(&[("recycled/2019/acme.yaml", ACME)]);
    let told = repo.ok(&["rename", "acme", "acme-shop", "-m", "They changed their name"]);
    assert!(
        told.starts_with("acme: renamed to acme-shop (sales/recycled/2019/acme-shop.yaml)\ncommitted as "),
        "{told}"
    );
    assert!(!repo.has("sales/recycled/2019/acme.yaml"));
    let text = repo.read("sales/recycled/2019/acme-shop.yaml");
    assert!(text.contains("was:\n  - acme\n") || text.contains("was: [acme]\n"), "{text}");
    let rest: String =
        text.lines().filter(|l| !l.starts_with("was") && *l != "  - acme").map(|l| format!("{l}\n")).collect();
    assert_eq!(rest, ACME);
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        "acme: renamed to acme-shop\n\nThey changed their name\n\nDeal: acme-shop\nWas: acme\n\n"
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.tussock(&["validate"]).out, "");
}

#[test]
fn links_of_other_deals_follow_in_the_same_commit() {
    let one = "title: One   # of two\nfollows: acme\npartner: \"acme\"\n";
    let two = "title: Two\ntied: [globex, 'acme']   # both\nparts:\n  - {deal: acme, share: half}\n  - deal: globex\n";
    let repo = with(&[
        ("brief/acme.yaml", &format!("{ACME}follows: globex\n")),
        ("brief/globex.yaml", "title: Globex acme\nnotes: acme\n"),
        ("brief/one.yaml", one),
        ("recycled/2025/two.yaml", two),
    ]);
    let told = repo.ok(&["rename", "acme", "2026"]);
    assert_eq!(told.lines().count(), 4, "{told}");
    assert_eq!(repo.read("sales/brief/one.yaml"), "title: One   # of two\nfollows: \"2026\"\npartner: \"2026\"\n");
    let expected =
        "title: Two\ntied: [globex, \"2026\"]   # both\nparts:\n  - {deal: \"2026\", share: half}\n  - deal: globex\n";
    assert_eq!(repo.read("sales/recycled/2025/two.yaml"), expected);
    assert_eq!(repo.read("sales/brief/globex.yaml"), "title: Globex acme\nnotes: acme\n");
    assert_eq!(repo.tussock(&["validate"]).out, "");
    assert_eq!(
        repo.git(&["show", "--format=", "--name-status", "--no-renames"]),
        "A\tsales/brief/2026.yaml\nD\tsales/brief/acme.yaml\nM\tsales/brief/one.yaml\nM\tsales/recycled/2025/two.yaml\n"
    );
    repo.ok(&["rename", "globex", "globex-2"]);
    assert!(repo.read("sales/brief/2026.yaml").contains("follows: globex-2\n"));
}

#[test]
fn history_stays_one() {
    let repo = with(&[("brief/acme.yaml", &format!("{ACME}inputs: {{goal: x}}\n"))]);
    repo.ok(&["move", "acme", "proposal"]);
    repo.ok(&["rename", "acme", "beta"]);
    repo.ok(&["rename", "beta", "gamma"]);
    assert!(repo.read("sales/proposal/gamma.yaml").contains("- acme\n  - beta\n"));
    let log = repo.ok(&["log", "gamma", "--format", "table"]);
    assert!(log.contains("created in brief") && log.contains("brief → proposal"), "{log}");
    // Back to what it was: the first id is no old one any more.
    repo.ok(&["rename", "gamma", "acme"]);
    let text = repo.read("sales/proposal/acme.yaml");
    assert!(text.contains("was: [beta, gamma]\n"), "{text}");
    assert_eq!(repo.tussock(&["validate"]).out, "");
}

#[test]
fn an_id_that_is_taken_or_was_anothers_is_refused() {
    let repo = with(&[
        ("brief/acme.yaml", ACME),
        ("brief/globex.yaml", "title: Globex\nwas: [initech]\n"),
        ("lost/2020/old.yaml", "title: Old\n"),
        ("lost/2020/broken.yaml", "title: [\n"),
    ]);
    let ran = refuses(&repo, 2, &["rename", "acme", "old"], "there is already a deal `old`: lost/2020/old.yaml");
    assert!(!ran.err.contains("--id"), "rename has no such option: {}", ran.err);
    refuses(&repo, 2, &["rename", "acme", "broken"], "there is already a deal `broken`");
    refuses(&repo, 2, &["rename", "acme", "initech"], "`initech` was the id of `globex` before");
    refuses(&repo, 2, &["new", "Initech"], "`initech` was the id of `globex` before");
    refuses(&repo, 2, &["rename", "acme", "Acme Shop"], "is not an id");
    refuses(&repo, 2, &["rename", "acme", "../x"], "is not an id");
    refuses(&repo, 2, &["rename", "acmee", "x"], "did you mean `acme`?");
    refuses(&repo, 2, &["set", "initech", "amount=1"], "there is no deal `initech`, did you mean `globex`?");
    assert!(repo.ok(&["rename", "acme", "acme"]).contains("already so, nothing to do"));
    repo.write("sales/brief/acme.yaml", format!("{ACME}follows: globex\n"));
    refuses(&repo, 4, &["rename", "globex", "globex-2"], "sales/brief/acme.yaml has changes that are not committed");
}
