//! `docs/rules.md`, made from the catalogue of rules.

use crate::check::rule;

/// The page, as Markdown.
pub fn render() -> String {
    let mut page = String::from(
        "# Rules\n\n\
         What `tussock validate` looks for, and (`merge-…`) `tussock merge-check`. This page is made from the same catalogue\n\
         that the commands use.\n\n\
         A pipeline sets levels under `rules` in its `pipeline.yaml`: `error`, `warning`, `info` or `off`. A comment\n\
         `# tussock: ignore[RULE] reason` on the line of a finding, or on the line above it, silences a rule there; the\n\
         reason is required, and a comment that silences nothing is reported.\n\n\
         | rule | level | finds |\n| --- | --- | --- |\n",
    );
    for rule in rule::all() {
        page.push_str(&format!("| [{0}](#{0}) | {1} | {2} |\n", rule.id, rule.level.as_str(), rule.summary));
    }
    for rule in rule::all() {
        let silence = if rule.suppressible { "A comment can silence it." } else { "No comment silences it." };
        page.push_str(&format!(
            "\n## {}\n\nFinds: {}. Level: {}. {silence}\n\n{}\n\nBad:\n\n```yaml\n{}\n```\n\nGood:\n\n```yaml\n{}\n```\n",
            rule.id,
            rule.summary,
            rule.level.as_str(),
            rule.why,
            rule.bad,
            rule.good,
        ));
    }
    page
}
