//! Findings as Markdown, for the summary of a job: what was found in all, then deal by deal.

use std::collections::HashMap;

use crate::check::{Files, Finding, Level, Report};
use crate::report::markdown::code_outside_tables as code;

use super::places::{Columns, Places, plural, sentences};
use super::text::closing;

/// Bytes that the page takes at most. GitHub takes a summary of 1 MiB and refuses a longer one whole; what other steps or
/// the caller add needs some room.
const MOST_BYTES: usize = 1_000_000;

/// The page: one line with the counts, then each deal or file with its findings, those with errors first. Whatever comes
/// from the repository stands in code spans. What has no room is counted at the end.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    within(report, files, MOST_BYTES)
}

fn within(report: &Report, files: &Files<'_>, most: usize) -> String {
    let mut out = format!("### tussock: {}\n", closing(&report.summary));
    let mut places = Places::new(files, Columns::Characters);
    let groups = groups(report);
    // The last line has room in any case.
    let most = most.saturating_sub(200);
    for (done, group) in groups.iter().enumerate() {
        let part = part(group, &mut places);
        if out.len() + part.len() > most {
            let rest = groups.get(done..).unwrap_or_default();
            let findings = plural(rest.iter().map(Vec::len).sum(), "more finding");
            let word = if rest.len() == 1 { "deal or file" } else { "deals or files" };
            out.push_str(&format!("\n… and {findings} of {} more {word}\n", rest.len()));
            break;
        }
        out.push_str(&part);
    }
    out
}

/// The findings of each deal, or of each file that is none's; those with the worst first.
fn groups(report: &Report) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    // Only looked up, never gone through, so that its order shows nowhere.
    let mut known: HashMap<&str, usize> = HashMap::new();
    for finding in &report.findings {
        let about = finding.deal.as_ref().map_or(finding.path.as_str(), |deal| deal.as_str());
        let at = *known.entry(about).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    let worst = |group: &Vec<&Finding>| group.iter().map(|f| f.level).max();
    groups.sort_by_key(|group| std::cmp::Reverse(worst(group)));
    groups
}

fn part(group: &[&Finding], places: &mut Places<'_>) -> String {
    let Some(first) = group.first() else { return String::new() };
    let one_file = group.iter().all(|f| f.path == first.path);
    let name = |finding: &Finding| code(&places.files.name(&finding.path));
    let mut out = match &first.deal {
        Some(deal) if one_file => format!("\n**{}** · {}\n\n", code(deal.as_str()), name(first)),
        Some(deal) => format!("\n**{}**\n\n", code(deal.as_str())),
        None => format!("\n**{}**\n\n", name(first)),
    };
    for finding in group {
        let sign = match finding.level {
            Level::Error => ":x: error",
            Level::Warning => ":warning: warning",
            Level::Info => ":information_source: info",
        };
        let mut place = if one_file { String::new() } else { format!(", {}", code(&places.files.name(&finding.path))) };
        if let Some((start, _)) = places.lines(&finding.path, finding.span) {
            place.push_str(&format!(", line {}", start.line));
        }
        let mut words = sentences(finding).map(code);
        let message = words.next().unwrap_or_default();
        out.push_str(&format!("- {sign} `{}`{place}: {message}\n", finding.rule.id));
        out.extend(words.map(|advice| format!("  - {advice}\n")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Summary, rule};
    use crate::format::ident::DealId;
    use crate::format::span::Span;

    fn finding(rule: &str, path: &str, deal: Option<&str>) -> Finding {
        Finding::new(rule::find(rule).unwrap(), path, Span::new(9, 16), "x|`y`")
            .with_deal(deal.map(|id| DealId::new(id).unwrap()))
    }

    #[test]
    fn findings_stand_under_their_deal_the_worst_first() {
        let report = Report {
            findings: vec![
                Finding { span: Span::default(), ..finding("missing-placeholder", "brief", None) },
                finding("unknown-field", "brief/acme.yaml", Some("acme")).with_help("is `amount` meant?"),
                finding("duplicate-deal", "brief/borg.yaml", Some("borg")),
                finding("duplicate-deal", "won/borg.yaml", Some("borg")),
            ],
            summary: Summary { deals: 2, files: 4, errors: 3, warnings: 1, ..Summary::default() },
        };
        let files = Files::of_texts([("brief/acme.yaml", "title: x\nammount: 5\n")]);
        let expected = "\
### tussock: 3 errors, 1 warning in 4 files (2 deals checked)

**`acme`** · `brief/acme.yaml`

- :x: error `unknown-field`, line 2: `` x|`y` ``
  - ``is `amount` meant?``

**`borg`**

- :x: error `duplicate-deal`, `brief/borg.yaml`: `` x|`y` ``
- :x: error `duplicate-deal`, `won/borg.yaml`: `` x|`y` ``

**`brief`**

- :warning: warning `missing-placeholder`: `` x|`y` ``
";
        assert_eq!(render(&report, &files), expected);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let findings = (0..400).map(|i| finding("unknown-field", &format!("brief/deal-{i}.yaml"), None)).collect();
        let report = Report { findings, summary: Summary { errors: 400, ..Summary::default() } };
        let page = within(&report, &Files::of_texts([]), 4_000);
        assert!(page.len() <= 4_000, "{}", page.len());
        let shown = page.matches(":x: error").count();
        assert!(shown > 20, "{page}");
        let rest = format!("… and {0} more findings of {0} more deals or files\n", 400 - shown);
        assert!(page.ends_with(&rest), "{page}");
        assert!(page.starts_with("### tussock: 400 errors"), "{page}");
    }
}
