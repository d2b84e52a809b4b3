//! Waivers and approvals: who may give them, what is written, and what is refused.

mod kit;

use kit::freeze::refuses;
use kit::{SMALL_PIPELINE, TestRepo};

const ACME: &str = "title: ACME site\nowner: petr\namount: 18000\n";

fn with_pipeline(groups: &str) -> TestRepo {
    let repo = TestRepo::new();
    let exit = "    exit:
      - id: start
        text: The bosses say go
        approval: {by: chiefs, not: owner}
        waivable: false
      - id: second-look
        text: Somebody else has looked
        approval: {not: owner}
";
    let pipeline = SMALL_PIPELINE.replace("    probability: 80%\n", &format!("    probability: 80%\n{exit}"));
    repo.write(
        "sales/pipeline.yaml",
        pipeline.replace("stages:\n", &format!("groups:\n  chiefs: {groups}\nstages:\n")),
    );
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    repo.write("sales/brief/acme.yaml", ACME).write("sales/brief/globex.yaml", ACME);
    repo.commit("Set up");
    repo
}

#[test]
fn a_waiver_says_what_who_why_and_when_and_opens_the_gate() {
    let repo = with_pipeline("[olga@example.com]");
    refuses(&repo, 1, &["move", "acme", "proposal"], "missing inputs.goal");
    repo.ok(&["waive", "acme", "goal-known", "--reason", "Strategic: they said, \"later\"", "--today", "2026-01-07"]);
    let text = repo.read("sales/brief/acme.yaml");
    let line = "by: olga@example.com, reason: 'Strategic: they said, \"later\"', on: 2026-01-07}";
    assert!(text.contains(line), "{text}");
    assert_eq!(repo.git(&["show", "-s", "--format=%s"]), "acme: waive goal-known\n");
    let why = repo.ok(&["why", "acme"]);
    assert!(why.contains("waived by olga@example.com on 2026-01-07"), "{why}");
    repo.ok(&["move", "acme", "proposal"]);
    refuses(&repo, 1, &["waive", "acme", "goal-known", "--reason", "again"], "is waived for `acme` already, by olga");
    repo.ok(&["waive", "acme", "proposal-sent", "--reason", "by phone", "--by", "Boss, the big one"]);
    assert!(repo.read("sales/proposal/acme.yaml").contains("by: \"Boss, the big one\""));
    assert_eq!(repo.tussock(&["validate"]).code, 0);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_waiver_that_cannot_be_is_refused() {
    let repo = with_pipeline("[olga@example.com]");
    refuses(&repo, 1, &["waive", "acme", "start", "--reason", "x"], "takes no waiver");
    refuses(&repo, 2, &["waive", "acme", "goal-knwon", "--reason", "x"], "did you mean `goal-known`?");
    refuses(&repo, 2, &["waive", "acme", "zzzzzzzzzz", "--reason", "x"], "criteria are goal-known, proposal-sent");
    refuses(&repo, 2, &["waive", "nobody", "goal-known", "--reason", "x"], "there is no deal `nobody`");
    refuses(&repo, 2, &["waive", "acme", "goal-known", "--reason", " "], "needs a reason");
    refuses(&repo, 2, &["waive", "acme", "goal-known"], "--reason");
    refuses(&repo, 2, &["waive", "goal-known", "--reason", "x"], "name the deal, then the criterion");
}

#[test]
fn many_deals_are_waived_in_one_commit() {
    let repo = with_pipeline("[olga@example.com]");
    let before = repo.git(&["rev-list", "--count", "HEAD"]).trim().parse::<u32>().unwrap();
    repo.ok(&["waive", "--where", "owner == \"petr\"", "goal-known", "--reason", "Partners"]);
    assert_eq!(repo.git(&["show", "-s", "--format=%s"]), "2 deals: waive goal-known\n");
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]).trim().parse::<u32>().unwrap(), before + 1);
    repo.ok(&["move", "acme", "globex", "proposal"]);
}

#[test]
fn the_member_of_a_group_approves_in_the_form_the_group_has() {
    for (group, form) in [("[boss, olga]", "olga"), ("[olga@example.com]", "olga@example.com"), ("[Olga Sokolova]", "")]
    {
        let repo = with_pipeline(group);
        let told = repo.ok(&["approve", "acme", "start", "--today", "2026-01-07"]);
        assert!(told.starts_with("acme: changed"), "{told}");
        let form = if form.is_empty() { "Olga Sokolova" } else { form };
        let text = repo.read("sales/brief/acme.yaml");
        assert!(text.contains(&format!("start: {{by: {form}, on: 2026-01-07}}\n")), "{text}");
        assert!(text.starts_with(ACME.lines().next().unwrap()), "{text}");
        assert_eq!(repo.git(&["show", "-s", "--format=%s"]), "acme: approve start\n");
        assert!(repo.ok(&["approve", "acme", "start"]).contains("already so, nothing to do"));
        repo.ok(&["approve", "acme", "second-look"]);
        assert_eq!(repo.tussock(&["validate"]).code, 0, "{}", repo.tussock(&["validate"]).out);
    }
}

#[test]
fn who_may_not_approve_is_told_why() {
    let repo = with_pipeline("[boss@example.com]");
    let words = "start cannot be approved by Olga Sokolova <olga@example.com>, who is not in the group chiefs";
    refuses(&repo, 1, &["approve", "acme", "start"], words);
    refuses(&repo, 2, &["approve", "acme", "goal-known"], "goal-known is no approval");
    refuses(&repo, 2, &["approve", "acme", "strat"], "did you mean `start`?");
    for owner in ["olga", "olga@example.com", "Olga Sokolova"] {
        let repo = with_pipeline("[olga@example.com]");
        repo.write("sales/brief/acme.yaml", ACME.replace("petr", owner));
        repo.commit("Hers");
        refuses(&repo, 1, &["approve", "acme", "start"], "who is the owner; another person must approve it");
    }
    let repo = with_pipeline("[olga@example.com]");
    repo.write("sales/brief/acme.yaml", "title: ACME\n");
    repo.commit("Nobody's");
    refuses(&repo, 1, &["approve", "acme", "start"], "while the deal lacks owner");
}

#[test]
fn an_approval_by_somebody_else_is_put_right() {
    let repo = with_pipeline("[olga@example.com]");
    repo.write(
        "sales/brief/acme.yaml",
        format!("{ACME}approvals:\n  start: {{by: mallory, on: 2026-01-01}}   # who?\n"),
    );
    repo.commit("Mallory approves");
    repo.ok(&["approve", "acme", "start", "--today", "2026-01-07"]);
    let text = repo.read("sales/brief/acme.yaml");
    assert!(text.ends_with("  start: {by: olga@example.com, on: 2026-01-07}   # who?\n"), "{text}");
}

#[test]
fn a_refused_move_says_how_an_approval_is_given() {
    let repo = with_pipeline("[olga@example.com]");
    repo.ok(&["set", "acme", "inputs.goal=x", "proposal.sent_on=today"]);
    refuses(&repo, 1, &["move", "acme", "won"], "with: tussock approve acme start");
    repo.ok(&["approve", "acme", "start"]);
    repo.ok(&["approve", "acme", "second-look"]);
    repo.ok(&["move", "acme", "won"]);
}

#[test]
fn the_mailmap_says_who_somebody_is() {
    let repo = with_pipeline("[boss@example.com]");
    repo.write(".mailmap", "The Boss <boss@example.com> <olga@example.com>\n");
    repo.commit("Name the boss");
    repo.ok(&["approve", "acme", "start"]);
    assert!(repo.read("sales/brief/acme.yaml").contains("by: boss@example.com"));
}
