//! Report templates that came with the repository: what they may do, what they cannot, and how that is said.

mod kit;

use kit::{Ran, TestRepo};

/// A repository with a deal and a template of the team's own.
fn with_template(name: &str, text: &str) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/a.yaml", "title: \"[Alpha](https://example.com)\"\namount: 1000\n");
    repo.write(&format!("sales/templates/{name}"), text);
    repo.commit("A template of our own");
    repo
}

fn funnel(text: &str) -> Ran {
    with_template("funnel.md.jinja", text).tussock(&["report", "funnel"])
}

#[test]
fn a_template_of_the_teams_own_takes_the_place_of_ours() {
    let ran = funnel("{{ funnel.overall.entered }} came in.");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "1 came in.\n", ""));
}

#[test]
fn a_template_can_extend_ours_and_replace_one_part() {
    let ran = funnel(
        "{% extends 'tussock/funnel.md.jinja' %}{% import 'macros.md.jinja' as m %}\n\
         {% block exits %}\n## Our own words on {{ m.deals(words, funnel.overall.entered) }}\n{% endblock %}\n",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("## Our own words on 1 deal\n"), "{}", ran.out);
    assert!(ran.out.contains("## Conversion\n") && !ran.out.contains("## Where they leave"), "{}", ran.out);
}

#[test]
fn the_other_process_says_what_this_one_says() {
    let repo = with_template("unused.md.jinja", "{{ nothing }}");
    for report in ["overview", "pipeline", "funnel", "forecast"] {
        let with_child = repo.ok(&["report", report]);
        repo.git(&["mv", "sales/templates", "elsewhere"]);
        repo.git(&["commit", "-q", "--amend", "-m", "A template of our own"]);
        let without: Vec<String> = repo.ok(&["report", report]).lines().map(str::to_owned).collect();
        let same = with_child.lines().zip(&without).filter(|(a, b)| a != b).collect::<Vec<_>>();
        // The line of the source names the commit.
        assert!(same.iter().all(|(a, _)| a.starts_with("<sub>Commit")), "{same:?}");
        repo.git(&["mv", "elsewhere", "sales/templates"]);
        repo.git(&["commit", "-q", "--amend", "-m", "A template of our own"]);
    }
}

#[test]
fn what_deals_say_stays_text_whatever_the_template_does() {
    let ran = with_template("pipeline.md.jinja", "{% autoescape false %}{{ state.deals[0].title }}{% endautoescape %}")
        .tussock(&["report", "pipeline"]);
    assert_eq!(ran.out, "`[Alpha](https://example.com)`\n");
}

#[test]
fn a_template_that_eats_memory_or_time_is_stopped() {
    let bombs = [
        "{% set big = namespace(s='a') %}{% for i in range(40) %}{% set big.s = big.s ~ big.s %}{% endfor %}{{ big.s }}",
        "{% for i in range(50) %}{{ 'a' * 100000000 }}{% endfor %}",
        "{{ (['a'] * 100000000)|join }}",
        "{{ 'a' * 100000000 * 100000000 }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% include 'funnel.md.jinja' %}",
        "{{ [1, 2, 3]|map('string')|join('a' * 90000000)|upper|lower|title }}",
    ];
    for bomb in bombs {
        let ran = funnel(bomb);
        assert_eq!(ran.code, 2, "{bomb}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with("error: cannot render the report"), "{bomb}: {}", ran.err);
        assert!(ran.out.is_empty(), "{bomb}");
        assert!(ran.err.len() < 1000, "{bomb}: {}", ran.err);
    }
}

#[test]
fn an_error_points_at_the_line_of_the_template() {
    let ran = funnel("one\n\n{{ funnel.overal }}\n");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.starts_with("error: cannot render the report: templates/funnel.md.jinja, line 3: undefined value"),
        "{}",
        ran.err
    );
}

#[test]
fn a_template_reads_nothing_outside_its_folder() {
    for name in ["../pipeline.yaml", "/etc/passwd", "../../etc/passwd", "tussock/../macros.md.jinja"] {
        let ran = funnel(&format!("{{% include '{name}' %}}"));
        assert_eq!(ran.code, 2, "{name}: {}", ran.out);
        assert!(ran.err.contains("template not found"), "{name}: {}", ran.err);
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_no_template() {
    let repo = TestRepo::with_pipeline();
    repo.write("secret.txt", "the words behind the link");
    repo.write("sales/brief/a.yaml", "title: Alpha\n");
    std::fs::create_dir_all(repo.path().join("sales/templates")).unwrap();
    std::os::unix::fs::symlink("../../secret.txt", repo.path().join("sales/templates/funnel.md.jinja")).unwrap();
    repo.commit("A link for a template");
    let ran = repo.tussock(&["report", "funnel"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.out.contains("behind the link"), "{}", ran.out);
}

#[test]
fn the_data_of_a_template_can_be_seen() {
    let repo = with_template("funnel.md.jinja", "{{ nothing }}");
    let context: serde_json::Value = serde_json::from_str(&repo.ok(&["report", "funnel", "--context"])).unwrap();
    assert_eq!(context["schema_version"], 1);
    assert_eq!(context["words"]["deals"], "deals");
    assert_eq!(context["funnel"]["overall"]["entered"], 1);
}
