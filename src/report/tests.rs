use super::*;
use crate::forecast::backtest::tests::SAMPLE;
use crate::forecast::fixture::{Story, log};
use crate::format::ident::{CriterionId, DealId};
use crate::metrics::fixture::{self, date, day, deal, money, path, text, with};
use crate::metrics::period::Span;

/// A pipeline with some of everything.
struct Small {
    pipeline: Pipeline,
    deals: Vec<Deal>,
    spells: Spells,
    source: Source,
    waivers: Vec<Waiver>,
    attention: Vec<Attention>,
    tracks: Tracks,
    log: Log,
    removed: Vec<Deal>,
    told: Vec<Arc<str>>,
    asked: Asked,
}

impl Small {
    fn new() -> Self {
        let mut pipeline = fixture::pipeline(&["brief", "proposal", "contract"]);
        pipeline.title = "Service company".to_owned();
        for (stage, (title, chance)) in
            pipeline.stages.iter_mut().zip([("Collecting the inputs", 0.1), ("Proposal", 0.4), ("Signing", 0.8)])
        {
            stage.title = title.to_owned();
            stage.probability = Some(chance);
        }
        let open = |id: &str, stage: &str, title: &str, owner: &str| {
            with(with(deal(id, stage), "title", text(title)), "owner", text(owner))
        };
        let deals = vec![
            with(
                with(open("acme-site", "brief", "Site for ACME", "olga"), "amount", money("18000")),
                "close_date",
                date("2026-03-31"),
            ),
            open("beta-app", "brief", "Beta | app", "petr"),
            with(
                with(
                    with(open("gamma", "proposal", "Gamma portal", "olga"), "amount", money("42500.50")),
                    "close_date",
                    date("2026-02-10"),
                ),
                "category",
                text("commit"),
            ),
            with(
                with(open("delta", "contract", "Delta shop", "petr"), "amount", money("12000")),
                "close_date",
                date("2026-02-28"),
            ),
            with(open("epsilon", "contract", "Epsilon", "petr"), "amount", money("9000 USD")),
            deal("w0", "won"),
            deal("l0", "lost"),
        ];
        let open: [(&str, &[(&str, i64)]); 5] = [
            ("acme-site", &[("brief", 20)]),
            ("beta-app", &[("brief", 3)]),
            ("gamma", &[("brief", 0), ("proposal", 9)]),
            ("delta", &[("brief", 0), ("contract", 30)]),
            ("epsilon", &[("brief", 1), ("proposal", 5), ("brief", 7), ("proposal", 9), ("contract", 38)]),
        ];
        let mut ways: Vec<(String, Vec<(&str, i64)>)> =
            open.iter().map(|(id, way)| ((*id).to_owned(), way.to_vec())).collect();
        for i in 0..6 {
            let way = vec![("brief", i), ("proposal", 5 + i), ("contract", 14 + 2 * i), ("won", 25 + i)];
            ways.push((format!("w{i}"), way));
        }
        for i in 0..4 {
            ways.push((format!("l{i}"), vec![("brief", i), ("proposal", 6 + i), ("lost", 20 + i)]));
        }
        ways.push(("r0".to_owned(), vec![("brief", 2), ("recycled", 4)]));
        let spells = ways.iter().flat_map(|(id, way)| path(id, way)).collect::<Vec<_>>();
        let stories: Vec<Story<'_>> = ways.iter().map(|(id, way)| (id.as_str(), way.as_slice(), &[][..])).collect();
        let log = log(&stories);
        let source = Source {
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            deals: deals.len(),
            files: Some(data::Files { unreadable: 1, doubled: 0 }),
            uncommitted: Some(3),
            clamped: 1,
            jumps: 1,
            version: "0.1.0".to_owned(),
        };
        let waiver = Waiver {
            deal: DealId::new("delta").unwrap(),
            criterion: CriterionId::new("budget-known").unwrap(),
            by: "boss".to_owned(),
            reason: "Strategic account".to_owned(),
            on: "2026-02-01".parse().unwrap(),
        };
        let attention =
            Attention { rule: "overdue".to_owned(), text: "the close date has passed".to_owned(), deals: 1 };
        Small {
            pipeline,
            deals,
            spells: Spells::from(spells.as_slice()),
            log,
            source,
            waivers: vec![waiver],
            attention: vec![attention],
            tracks: Tracks::default(),
            removed: Vec::new(),
            told: Vec::new(),
            asked: Asked { by: vec!["owner".to_owned()], ..Asked::default() },
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            pipeline: &self.pipeline,
            deals: &self.deals,
            spells: &self.spells,
            all_spells: &self.spells,
            removed: &self.removed,
            told: &self.told,
            as_of: KnownAt(day(40) + 36_000),
            tracks: &self.tracks,
            log: Some(&self.log),
            today: "2026-02-14".parse().unwrap(),
            source: &self.source,
            waivers: &self.waivers,
            attention: &self.attention,
            history: None,
            before: None,
            backtest: Some(&SAMPLE),
            all: &[],
            unread: &[],
            floors: Floors::default(),
            asked: &self.asked,
        }
    }

    fn report(&self, kind: Kind) -> Report {
        // Only the open deals are split; the other reports say what they say of all.
        let asked = match kind {
            Kind::Pipeline => self.asked.clone(),
            _ => Asked { by: Vec::new(), ..self.asked.clone() },
        };
        Report::make(kind, &Facts { asked: &asked, ..self.facts() })
    }

    fn all(&self) -> Vec<Report> {
        Kind::ALL.iter().map(|kind| self.report(*kind)).collect()
    }
}

fn markdown_of(report: &Report) -> String {
    report.to_markdown(&BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"))
}

/// Compares with the file of this name in `tests/snapshots`.
fn golden(report: &Report) {
    insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("report-{}", report.name()), markdown_of(report));
    });
}

#[test]
fn each_report_reads_as_agreed() {
    Small::new().all().iter().for_each(golden);
}

#[test]
fn two_reports_read_as_agreed_in_russian() {
    let mut small = Small::new();
    small.asked.lang = lang::Lang::Ru;
    for kind in [Kind::Overview, Kind::Funnel] {
        let report = small.report(kind);
        insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("report-ru-{}", report.name()), markdown_of(&report));
        });
    }
}

#[test]
fn both_languages_say_the_same_numbers() {
    let digits = |text: &str| {
        let bare = text.replace([',', '.', '\u{a0}'], "").replace("1 000", "1000");
        let numbers = bare.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        numbers.map(str::to_owned).collect::<Vec<_>>()
    };
    let english = Small::new();
    let mut russian = Small::new();
    russian.asked.lang = lang::Lang::Ru;
    for (report, own) in english.all().iter().zip(&russian.all()) {
        let (text, own) = (markdown_of(report), markdown_of(own));
        assert_eq!(digits(&text), digits(&own), "{text}\n{own}");
    }
}

#[test]
fn a_text_of_ours_is_markdown_and_what_a_deal_says_is_not() {
    let own = |lang: lang::Lang, template: &str| {
        let mut small = Small::new();
        small.asked.lang = lang;
        let link = "**[Beta](https://example.com)** & {n}";
        small.deals[1] = with(with(deal("beta-app", "brief"), "title", text(link)), "owner", text("petr"));
        let own = BTreeMap::from([("pipeline.md.jinja".to_owned(), template.to_owned())]);
        small.report(Kind::Pipeline).to_markdown(&own).unwrap()
    };
    let title = "state.deals[0].title";
    for lang in [lang::Lang::En, lang::Lang::Ru] {
        let said = own(lang, &format!("{{{{ t({title}, n=3) }}}}"));
        assert_eq!(said, "&#42;&#42;&#91;Beta&#93;(https&#58;//example.com)&#42;&#42; & 3\n".replace(" & ", " &#38; "));
        // Macros of ours trust what they say themselves, and not what they are given.
        let head = own(lang, &format!("{{% import 'macros.md.jinja' as m %}}{{{{ m.head({title}, pipeline) }}}}"));
        assert!(head.contains("&#91;Beta&#93;") && !head.contains("[Beta]"), "{head}");
    }
    assert_eq!(
        own(lang::Lang::En, "{{ t('*Ours*, {n} {deal} |*Ours*, {n} {deals} !', n=2) }}"),
        "&#42;Ours&#42;, 2 deals &#33;\n"
    );
    let copied = "{{ t('**{n} {deal}** open, worth **{amount}**.|**{n} {deals_of}** open, worth **{amount}**.', n=2, amount='7') }}";
    assert_eq!(own(lang::Lang::En, copied), "**2 deals** open, worth **`7`**.\n");
    assert_eq!(own(lang::Lang::Ru, copied), "В работе **2 сделки** на **`7`**.\n");
}

#[test]
fn the_same_facts_give_the_same_bytes_whatever_their_order() {
    let small = Small::new();
    let mut turned = Small::new();
    turned.deals.reverse();
    let mut spells = turned.spells.named();
    spells.reverse();
    turned.spells = Spells::from(spells.as_slice());
    for (a, b) in small.all().iter().zip(turned.all().iter()) {
        assert_eq!(markdown_of(a), markdown_of(b));
        assert_eq!(a.to_json().unwrap(), b.to_json().unwrap());
    }
}

#[test]
fn json_says_what_it_is_and_keeps_money_as_text() {
    let small = Small::new();
    let json = |report: &Report| -> serde_json::Value { serde_json::from_str(&report.to_json().unwrap()).unwrap() };
    for report in small.all() {
        let value = json(&report);
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["kind"], "report");
        assert_eq!(value["report"], report.name());
        assert_eq!(value["as_of"], "2026-02-14T10:00:00Z");
        assert_eq!(value["source"]["jumps"], 1);
        assert_eq!(value["source"]["clamped"], 1);
        assert!(!value["definitions"].as_object().unwrap().is_empty());
    }
    let [open, funnel, forecast] = [Kind::Pipeline, Kind::Funnel, Kind::Forecast].map(|kind| json(&small.report(kind)));
    assert_eq!(open["state"]["total"]["amount"], serde_json::json!({"amount": "72500.50", "currency": "EUR"}));
    assert_eq!(open["state"]["other_currencies"][0]["currency"], "USD");
    let proposal = &funnel["funnel"]["stages"][1]["to_next"];
    assert_eq!((proposal["entered"].as_u64(), proposal["reached"].as_u64()), (Some(12), Some(7)));
    assert_eq!(proposal["raw"]["state"], "known");
    assert!(proposal["raw"]["low"].as_f64().unwrap() < proposal["raw"]["value"].as_f64().unwrap());
    assert_eq!(funnel["funnel"]["stages"][2]["median_seconds"], serde_json::json!({"state": "too_early", "n": 6}));
    assert_eq!(forecast["forecast"]["close_dates"][0]["when"], "overdue");
    assert_eq!(forecast["forecast"]["months"][0]["month"], "2026-02");
    assert_eq!(forecast["forecast"]["trust"], "mostly_assumed");
}

#[test]
fn no_deals_and_no_history_are_survived() {
    let mut empty = Small::new();
    empty.deals.clear();
    (empty.spells, empty.log) = (Spells::default(), Log::default());
    empty.waivers.clear();
    empty.source = Source::default();
    for report in empty.all() {
        let text = markdown_of(&report);
        // What forecasts of the past scored does not depend on what there is now.
        assert!(!text.contains("mermaid") || report.name() == "backtest", "{text}");
        assert!(!text.contains("NaN"), "{text}");
        report.to_json().unwrap();
    }
    assert!(markdown_of(&empty.report(Kind::Funnel)).contains("There is no history here"));
    let mut young = Small::new();
    (young.spells, young.log) = (Spells::default(), Log::default());
    for report in young.all() {
        let text = markdown_of(&report);
        // Sums of money and next steps need no number of observations.
        let needs_none = ["forecast", "waterfall", "cash", "agenda", "backtest"].contains(&report.name());
        assert!(text.contains("too early (n = 0)") || needs_none, "{text}");
    }
    let forecast = markdown_of(&young.report(Kind::Forecast));
    assert!(forecast.contains("**Assumed:**"), "{forecast}");
}

#[test]
fn enormous_and_negative_amounts_are_survived() {
    let mut small = Small::new();
    for (i, amount) in ["9999999999999999999999999999", "9999999999999999999999999999", "-5", "0"].iter().enumerate() {
        small.deals.push(with(deal(&format!("x{i}"), "brief"), "amount", money(amount)));
    }
    let text = markdown_of(&small.all()[1]);
    assert!(text.contains("9,999,999,999,999,999,999,999,999,999 EUR"), "{text}");
    for i in 4..20 {
        small.deals.push(with(deal(&format!("x{i}"), "brief"), "amount", money("9999999999999999999999999999")));
    }
    for report in small.all() {
        report.to_json().unwrap();
        let text = markdown_of(&report);
        // The others add up nothing of open deals.
        let adds_none =
            ["funnel", "losses", "effort", "cash", "agenda", "time", "health", "backtest"].contains(&report.name());
        assert!(text.contains("too large, EUR") || adds_none, "{text}");
    }
}

#[test]
fn a_funnel_of_a_period_says_which() {
    let mut small = Small::new();
    let date = |text: &str| text.parse().unwrap();
    small.asked.span = Span::new(date("2026-01-06"), date("2026-01-08"));
    let report = small.report(Kind::Funnel);
    let text = markdown_of(&report);
    assert!(text.contains("Only deals that first came to a stage from 2026-01-06 up to 2026-01-08."), "{text}");
    assert!(text.contains("**9 deals** came in"), "{text}");
}

#[test]
fn a_pipeline_has_its_own_words() {
    let mut small = Small::new();
    small.pipeline.labels = [("deal", "candidate"), ("won", "hired")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    for report in small.all() {
        let text = markdown_of(&report).to_lowercase();
        assert!(text.contains("candidate"), "{text}");
        assert!(text.contains("hired") || ["losses", "cash", "agenda"].contains(&report.name()), "{text}");
        assert!(!text.contains("deal"), "{text}");
    }
}

#[test]
fn a_pipelines_own_template_takes_the_place_of_the_built_in_one() {
    let report = &Small::new().all()[1];
    let own = |text: &str| BTreeMap::from([("pipeline.md.jinja".to_owned(), text.to_owned())]);
    let render = |text: &str| report.to_markdown(&own(text));
    assert_eq!(
        render("{{ state.total.deals }} open, {{ state.total.amount|money }}").unwrap(),
        "5 open, 72,500.50 EUR\n"
    );
    // Who forgets to escape gets a code span, and cannot switch that off by accident.
    assert_eq!(render("{{ state.deals[0].title }}").unwrap(), "`Beta \\| app`\n");
    assert_eq!(
        render("{% autoescape false %}{{ state.deals[0].title }}{% endautoescape %}").unwrap(),
        "`Beta \\| app`\n"
    );
    assert_eq!(render("{{ state.deals|map(attribute='title')|join(', ')|upper }}").unwrap().matches('`').count(), 2);
    let broken_elsewhere = BTreeMap::from([("funnel.md.jinja".to_owned(), "{% if".to_owned())]);
    assert_eq!(report.to_markdown(&broken_elsewhere).unwrap(), markdown_of(report));
    assert_eq!(render("{{ words }}").unwrap().matches('`').count(), 2);
}

#[test]
fn what_is_wrong_with_a_template_is_said_with_its_file_and_line() {
    let report = &Small::new().all()[1];
    let message = |text: &str| {
        let own = BTreeMap::from([("pipeline.md.jinja".to_owned(), text.to_owned())]);
        report.to_markdown(&own).unwrap_err().to_string()
    };
    let begins = |text: &str, start: &str| {
        let said = message(text);
        assert!(said.starts_with(start), "{said}");
    };
    begins("a\n\n{{ state.totl }}", "cannot render the report: templates/pipeline.md.jinja, line 3: undefined value");
    begins("a\n{% if %}", "cannot render the report: templates/pipeline.md.jinja, line 2: syntax error");
    begins("{{ debug() }}", "cannot render the report: templates/pipeline.md.jinja, line 1: unknown function");
    for filter in ["format(1)", "indent(1000000000)", "replace('a', 'b')", "batch(3)", "slice(3)", "pprint", "tojson"] {
        begins(
            &format!("\n{{{{ 'x'|{filter} }}}}"),
            "cannot render the report: templates/pipeline.md.jinja, line 2: unknown filter",
        );
    }
    begins(
        "{% include '../../etc/passwd' %}",
        "cannot render the report: templates/pipeline.md.jinja, line 1: template not found",
    );
    let loops = "{% for i in range(9999) %}{% for j in range(999) %}{% endfor %}{% endfor %}";
    begins(
        loops,
        "cannot render the report: templates/pipeline.md.jinja, line 1: the template takes more than 1001000 steps",
    );
    begins(
        "{{ 'x' * 5000000 }}",
        "cannot render the report: templates/pipeline.md.jinja prints more than 4199424 bytes",
    );
}

/// Cells of the rows of each table: a pipe is one of the row unless a backslash stands right before it.
fn assert_tables_hold(markdown: &str) {
    let mut columns = None;
    for line in markdown.lines() {
        if !line.starts_with('|') {
            columns = None;
            continue;
        }
        let pipes = line.char_indices().filter(|(at, c)| *c == '|' && !line[..*at].ends_with('\\')).count();
        assert_eq!(*columns.get_or_insert(pipes), pipes, "{line}");
        assert!(line.ends_with('|'), "{line}");
    }
}

#[test]
fn naughty_strings_break_no_table_and_no_line() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().skip(1).take(2).map(|up| up.join("shared/data/naughty-strings/blns.json"));
    let Some(text) = found.into_iter().find_map(|path| std::fs::read_to_string(path).ok()) else {
        println!("skipped: ../shared/data/naughty-strings/blns.json is not here");
        return;
    };
    let mut strings: Vec<String> = serde_json::from_str(&text).unwrap();
    strings.extend(["a\\|b", "|", "`|`", "\\", "```", "\u{2028}x\u{202e}", "a\r\n| b |\r\n"].map(str::to_owned));
    for (batch, strings) in strings.chunks(16).enumerate() {
        let mut small = Small::new();
        small.deals.clear();
        small.pipeline.title = strings[0].clone();
        for (stage, title) in small.pipeline.stages.iter_mut().zip(&strings[1..]) {
            stage.title = title.clone();
        }
        for (i, string) in strings.iter().enumerate() {
            let mut own = deal(&format!("d{i}"), "brief");
            for field in ["title", "owner", "category", "confidence"] {
                own = with(own, field, fixture::text(string));
            }
            small.deals.push(own);
            small.waivers[0].reason = string.clone();
        }
        small.pipeline.labels = [("deal".to_owned(), strings.last().unwrap().clone())].into();
        for report in small.all() {
            let markdown = markdown_of(&report);
            assert_tables_hold(&markdown);
            assert!(markdown.chars().all(|c| c == '\n' || !c.is_control()), "{markdown}");
            if let Some(folder) = option_env!("TUSSOCK_DUMP") {
                std::fs::write(format!("{folder}/{batch}-{}.md", report.name()), markdown).unwrap();
            }
        }
    }
}
