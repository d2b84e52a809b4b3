//! What is said about a pipeline file that does not hold together.

use tussock::format::forecast::Horizon;
use tussock::format::pipeline::{CriterionTest, Status};
use tussock::format::pipeline_file::read;
use tussock::format::schema::FieldType;
use tussock::format::span::LineIndex;

const HEAD: &str = "version: 1\ncurrency: EUR\nends:\n  - {id: won, kind: won}\n";

/// `line:column message (help)` of every problem.
fn problems(text: &str) -> String {
    let Err(problems) = read(text.as_bytes()) else { return "none".into() };
    let index = LineIndex::new(text);
    let lines = problems.iter().map(|p| {
        let at = index.position(text, p.span.start);
        let help = p.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{}:{} {}{help}", at.line, at.column, p.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn with(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn a_full_file_is_read_whole() {
    let text = "\
version: 1
title: Service company sales
currency: EUR
timezone: Europe/Moscow
fiscal_year_start: 4
won_at: kickoff
groups: {chiefs: [boss@example.com]}
stages:
  - id: brief
    title: Brief
    limit: 14d
    probability: 5%
    sla: 24h
    exit:
      - id: goal
        text: The goal is known
        require: [inputs.goal]
      - id: small
        text: Small
        check: effort | sum(attribute=\"hours\") * 50 <= amount.value * 0.05
        level: warning
  - id: kickoff
    was: [start]
    optional: true
    entry:
      - id: go
        approval: {by: chiefs, not: owner}
        waivable: false
ends:
  - {id: won, kind: won}
  - {id: lost, kind: lost, entry: [{id: reason, require: [lost.reason]}]}
fields:
  owner: {required: true, label: Who}
  source: {enum: [inbound, referral]}
  inputs:
    goal: text
  lost:
    reason: {enum: [price, timing]}
  kinds:
    type: text
    other: date
  tags: {list: text}
  parts: {list: {name: text, price: money}}
extra_fields: warn
rules: {stale-deal: warning, missing-next-step: off}
labels: {deal: project}
lang: ru
";
    let (pipeline, _) = read(text.as_bytes()).unwrap_or_else(|p| panic!("{p:?}"));
    assert_eq!(pipeline.stages.len(), 2);
    assert_eq!(pipeline.lang.map(|lang| lang.as_str()), Some("ru"));
    assert_eq!(pipeline.stages[0].limit.map(|l| l.hours), Some(14 * 24));
    assert_eq!(pipeline.stages[0].probability, Some(0.05));
    assert_eq!(pipeline.current_name("start").map(|s| s.as_str()), Some("kickoff"));
    assert!(matches!(pipeline.stages[1].entry[0].test, CriterionTest::Approval { .. }));
    let owner = pipeline.field("owner").expect("owner");
    assert!(owner.required && owner.of == FieldType::Person, "a built-in keeps its type when only more is asked of it");
    assert!(
        matches!(pipeline.field("kinds.type").map(|f| &f.of), Some(FieldType::Text)),
        "a block may have a field called type"
    );
    assert!(matches!(pipeline.field("parts.price").map(|f| &f.of), Some(FieldType::Money)));
    let status = |id: &str| pipeline.status(pipeline.place(id).expect(id).id());
    assert_eq!(
        (status("brief"), status("kickoff"), status("won"), status("lost")),
        (Status::Open, Status::Won, Status::Won, Status::Lost)
    );
    let order: Vec<&str> = pipeline.fields.iter().map(|f| f.name.as_str()).collect();
    let head = ["title", "account", "amount", "close_date", "segment", "region", "category", "confidence", "next_step"];
    let own = ["owner", "source", "inputs", "lost", "kinds", "tags", "parts"];
    let tail = ["effort", "activity", "payments", "approvals", "waivers", "follows", "was", "notes"];
    let card: Vec<&str> = head.into_iter().chain(own).chain(tail).collect();
    assert_eq!(order, card, "the file's order is the order of the card, the built-ins stand around it");
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    let text = with("stages:\n  - {id: a, titel: A}\ncurency: EUR\n");
    insta::assert_snapshot!(problems(&text), @"
    6:13 a stage has no key `titel` (did you mean `title`?)
    7:1 pipeline.yaml has no key `curency` (did you mean `currency`?)
    ");
}

#[test]
fn two_stages_of_one_id_and_names_that_lead_nowhere_are_told() {
    let text = with(
        "won_at: prposal\nstages:\n  - id: proposal\n  - id: proposal\n  - id: Big Stage\n  - id: reports\n  - {id: b, was: [won]}\n",
    );
    assert_eq!(
        problems(&text),
        "\
4:10 `won` is the name of two stages or ends
5:9 won_at names \"prposal\", which is no stage (did you mean `proposal`?)
8:9 `proposal` is the name of two stages or ends
9:9 \"Big Stage\" is not an id: use 1 to 100 of a-z, 0-9, `.`, `_` and `-`, and begin with a letter or a digit (`big-stage` would do; names for people go into `title`)
10:9 \"reports\" cannot be a stage: the folder has another use"
    );
}

#[test]
fn a_criterion_that_names_an_unknown_field_is_told_at_the_very_word() {
    let text = with(
        "stages:
  - id: a
    exit:
      - {id: one, require: [inputs.gaol]}
      - id: two
        check: amout.value > 5 and owner is filled
      - id: three
        check: amount > 5
      - id: four
        approval: {by: cheifs, not: amount}
      - id: one
        check: owner is filled
      - id: five
groups: {chiefs: [a@example.com]}
fields:
  inputs: {goal: text}
",
    );
    assert_eq!(
        problems(&text),
        "\
8:29 there is no field `inputs.gaol` (did you mean `inputs.goal`?)
10:16 there is no field `amout.value` (did you mean `amount`?)
12:16 money is compared with a number, which is never true (write the other side as money(\"10000 EUR\"), or take the bare number with `.value`)
14:24 there is no group `cheifs` (did you mean `chiefs`?)
14:37 `amount` holds no person
15:13 `one` is the id of two criteria
17:13 the criterion `five` needs one of require, check and approval (none is there)"
    );
}

#[test]
fn a_built_in_field_can_be_narrowed_and_not_turned_into_something_else() {
    let stages = "stages:\n  - id: a\n";
    for good in [
        "source: {enum: [ad, friend]}",
        "owner: {enum: [olga, petr], required: true}",
        "owner: {required: true}",
        "confidence: integer",
        "category: {enum: [a, b]}",
        "next_step: {what: text, due: date, where: text}",
        "effort: {list: {on: date, who: person, hours: integer, role: text}}",
        "amount:",
    ] {
        assert_eq!(problems(&with(&format!("{stages}fields:\n  {good}\n"))), "none", "{good}");
    }
    let help = "(reports count on it; leave its type out, or choose another name)";
    for (bad, message) in [
        ("amount: text", "`amount` is built in as an amount (18000 or 18000 USD) and cannot become text"),
        ("close_date: text", "`close_date` is built in as a date (YYYY-MM-DD) and cannot become text"),
        (
            "owner: {list: person}",
            "`owner` is built in as a person (a name or an e-mail address) and cannot become a list of a person (a name or an e-mail address)",
        ),
        ("follows: text", "`follows` is built in as the id of a deal and cannot become text"),
        (
            "payments: {list: {amount: number}}",
            "`payments` is built in as a list of a block of fields and cannot become a list of a block of fields",
        ),
        ("approvals: text", "`approvals` is built in as a block of fields and cannot become text"),
    ] {
        let found = problems(&with(&format!("{stages}fields:\n  {bad}\n")));
        assert!(found.ends_with(&format!("{message} {help}")), "{bad}: {found}");
    }
}

#[test]
fn names_that_expressions_take_for_something_else_are_no_fields() {
    for name in ["stage", "deal", "today", "days_in_stage", "money", "date", "not", "in", "if"] {
        let found = problems(&with(&format!("stages:\n  - id: a\nfields:\n  {name}: text\n")));
        assert_eq!(
            found,
            format!(
                "8:3 `{name}` cannot be the name of a field: expressions mean something else by it (call it `{name}_`, \
                 or put it into a block)"
            )
        );
    }
    assert_eq!(problems(&with("stages:\n  - id: a\nfields:\n  visit: {date: date, stage: text}\n")), "none");
}

#[test]
fn what_no_deal_could_ever_have_is_not_required() {
    let found = problems(&with("stages:\n  - id: a\n    exit:\n      - {id: x, require: [payments.paid_on]}\n"));
    assert_eq!(
        found,
        "8:27 `payments.paid_on` is in the items of a list, so no deal could ever have it (require `payments`, or check \
         its items: payments | selectattr(\"…\") | length > 0)"
    );
    let free = "stages:\n  - id: a\n    exit:\n      - {id: x, require: [x-score, inputs.x-mood, approvals.x.by]}\n";
    assert_eq!(problems(&with(free)), "none");
}

#[test]
fn a_misspelt_list_of_stages_is_one_slip_and_not_five() {
    let text = with("won_at: a\nstagez:\n  - {id: a}\nfields:\n  b: {type: text, required_from: a}\n");
    assert_eq!(
        problems(&text),
        "\
1:1 there are no stages (list them under `stages:`)
6:1 pipeline.yaml has no key `stagez` (did you mean `stages`?)"
    );
}

#[test]
fn values_of_the_wrong_kind_say_what_is_taken() {
    let text = "version: 2\ncurrency: Euro\ntimezone: Europe/Berln\nfiscal_year_start: 13\nstages:\n  - {id: a, probability: 30, limit: 2 weeks}\nends:\n  - {id: won, kind: victory}\nfields:\n  a: txet\n  b: {enum: []}\n  c d: text\n  e: {type: text, requred: true}\nextra_fields: maybe\nrules: {yaml-syntax: loud}\n";
    assert_eq!(
        problems(text),
        "\
1:1 no deal can ever be won here (add an end of kind won, or name with won_at the first stage that counts as won)
1:10 version 2 is not known (this tussock reads version 1; a newer file needs a newer tussock)
2:11 \"Euro\" is not a currency code of ISO 4217 (a currency is three capital letters of ISO 4217: EUR, USD, RUB)
3:11 \"Europe/Berln\" is no time zone (did you mean `Europe/Berlin`?)
4:20 fiscal_year_start must be a month from 1 to 12
6:26 probability must be a share (write it with a percent sign, from 0% to 100%: 30%)
6:37 limit must be a length of time (write 24h, 14d or 2w)
8:21 the end won needs a kind (kind: won, lost or recycled)
10:6 \"txet\" is no type (did you mean `text`?)
11:13 the enum of `b` has no words
12:3 `c d` cannot be the name of a field (use letters, digits and _; names for people go into `label`)
13:19 the field `e` has no key `requred` (did you mean `required`?)
14:15 extra_fields must be deny, warn or allow
15:22 the level of yaml-syntax must be error, warning, info or off"
    );
}

#[test]
fn a_calendar_is_read_strictly() {
    let calendar = |text: &str| with(&format!("stages: [{{id: a}}]\ncalendar: {text}\n"));
    let full = calendar("{days: [mon, sat], hours: \"08:30-24:00\", holidays: [2026-01-01]}");
    let (pipeline, _) = read(full.as_bytes()).unwrap_or_else(|p| panic!("{p:?}"));
    let read = pipeline.calendar.unwrap();
    assert_eq!((read.days, read.from, read.to), ([true, false, false, false, false, true, false], 510, 1440));
    assert_eq!(read.holidays.len(), 1);
    let says = |text: &str| problems(&calendar(text)).split_once(' ').map(|(_, said)| said.to_owned()).unwrap();
    assert_eq!(says("{days: [mon]}"), "the calendar has no working hours (write `hours: \"09:00-18:00\"`)");
    let hours =
        "hours must be two times of the day, the earlier one first (write them within one day: \"09:00-18:00\")";
    for bad in ["18:00-09:00", "9-18", "09:00", "09:00-25:00", "22:00-06:00"] {
        assert_eq!(says(&format!("{{hours: \"{bad}\"}}")), hours);
    }
    assert_eq!(says("{days: [], hours: \"09:00-18:00\"}"), "the calendar has no working day (write [mon, tue, wed])");
    let far = says("{days: [monday], hours: \"09:00-18:00\"}");
    assert!(far.starts_with("\"monday\" is no day of the week (days are mon, tue,"), "{far}");
    assert_eq!(says("{day: [mon], hours: \"09:00-18:00\"}"), "calendar has no key `day` (did you mean `days`?)");
    let day = says("{hours: \"09:00-18:00\", holidays: [2026-02-30]}");
    assert!(day.starts_with("2026-02-30 does not exist"), "{day}");
    assert_eq!(says("[mon]"), "calendar must be a block of keys");
    assert_eq!(
        says("{hours: \"09:00-18:00\", holidays: 2026-01-01}"),
        "holidays must be a list (write [2026-01-01, 2026-05-01])"
    );
}

const HEAD_WITH_STAGE: &str = "version: 1\ncurrency: EUR\nstages: [{id: a}]\nends: [{id: won, kind: won}]\n";

#[test]
fn targets_are_of_months_quarters_and_years() {
    let text = format!("{HEAD_WITH_STAGE}targets: {{FY2027: 1500000, 2026-Q1: 300000.50, 2026-04: 80000 EUR}}\n");
    let (pipeline, _) = read(text.as_bytes()).unwrap();
    let told = pipeline.targets.iter().map(|t| format!("{} {}", t.span.name(1), t.amount));
    assert_eq!(told.collect::<Vec<_>>(), ["2026-Q1 300000.50", "2026-04 80000", "2027 1500000"]);
    let text = format!("{HEAD_WITH_STAGE}fiscal_year_start: 4\ntargets: {{FY2027-Q1: 5}}\n");
    let (pipeline, _) = read(text.as_bytes()).unwrap();
    assert_eq!(pipeline.targets[0].span.from.to_string(), "2026-04-01");
}

#[test]
fn a_target_that_says_nothing_clear_is_named() {
    let targets =
        "targets:\n  2026-Q5: 1\n  2026-Q1: 3e5\n  2026-Q2: 5 USD\n  2026-Q3: 0\n  2026-Q4: 1\n  FY2026-Q4: 2\n";
    assert_eq!(
        problems(&format!("{HEAD_WITH_STAGE}{targets}")),
        "\
6:3 \"2026-Q5\" is no month, quarter or year (write 2026-04, 2026-Q1 or FY2026)
7:12 the target for 2026-Q1: \"3e5\" is not an amount (write it without separators: 300000)
8:12 the target for 2026-Q2 is in USD (targets are in the pipeline's currency, EUR)
9:12 the target for 2026-Q3 must be above 0
11:3 there are two targets for 2026-Q4"
    );
    assert_eq!(
        problems(&format!("{HEAD_WITH_STAGE}fiscal_year_start: 4\ntargets: {{2026-Q1: 1}}\n")),
        "6:11 \"2026-Q1\" is no month, quarter or year (write 2026-04, FY2026-Q1 or FY2026; a fiscal year is called \
         after the calendar year in which it ends)"
    );
}

#[test]
fn a_forecast_has_settings_that_go_without_saying() {
    let (plain, _) = read(HEAD_WITH_STAGE.as_bytes()).unwrap();
    let settings = plain.forecast;
    assert_eq!((settings.horizon, settings.ages.as_slice()), (Horizon::Days(90), &[0, 7, 14, 30, 60, 90, 180][..]));
    assert_eq!((settings.weight, settings.dependence), (10.0, 0.05));
    assert!(settings.drift && settings.new_business && settings.coefficients.is_empty());

    let text = "version: 1\ncurrency: EUR\nstages: [{id: a, decided_in: 6w}]\nends: [{id: won, kind: won}]\n\
        fields: {size: {enum: [s, l]}, team: {site: text}}\n\
        forecast:\n  horizon: quarter\n  ages: [10, 20]\n  weight: 2.5\n  coefficients: [region, size, team.site, x-partner]\n  \
        drift: false\n  dependence: 0\n  new_business: false\n";
    let (pipeline, _) = read(text.as_bytes()).unwrap_or_else(|p| panic!("{p:?}"));
    let settings = &pipeline.forecast;
    assert_eq!((settings.horizon, settings.ages.as_slice()), (Horizon::Quarter, &[0, 10, 20][..]));
    assert_eq!((settings.weight, settings.dependence, settings.drift, settings.new_business), (2.5, 0.0, false, false));
    assert_eq!(settings.coefficients, ["region", "size", "team.site", "x-partner"]);
    assert_eq!(pipeline.stages[0].decided_in.unwrap().days(), 42.0);
}

#[test]
fn what_a_forecast_cannot_use_is_named() {
    let says = |text: &str| {
        let told = problems(&format!("{HEAD_WITH_STAGE}forecast: {text}\n"));
        told.split_once(' ').map(|(_, said)| said.to_owned()).unwrap()
    };
    assert_eq!(says("90d"), "forecast must be a block of keys");
    assert_eq!(says("{horizn: 90d}"), "forecast has no key `horizn` (did you mean `horizon`?)");
    assert_eq!(says("{horizon: soon}"), "\"soon\" is no horizon (write 90d, 12w, month, quarter or year)");
    assert_eq!(says("{horizon: 800d}"), "the horizon must be 1 to 730 days");
    assert_eq!(says("{horizon: }"), "the horizon is missing (write 90d, 12w, month, quarter or year)");
    assert!(says("{horizon: 2026-12-31}").starts_with("the horizon 2026-12-31 would be over some day"));
    let ages = "(write [0, 7, 14, 30, 60, 90, 180])";
    assert_eq!(says("{ages: 7}"), format!("ages must be a list of days {ages}"));
    assert_eq!(says("{ages: [7, 7]}"), format!("the age 7 must be above the one before it {ages}"));
    assert_eq!(says("{ages: [7, 0]}"), format!("the age 0 must be above the one before it {ages}"));
    assert_eq!(says("{ages: [731]}"), "\"731\" is no age, it is a whole number of days from 0 to 730");
    assert_eq!(says("{ages: [7.5]}"), "\"7.5\" is no age, it is a whole number of days from 0 to 730");
    let many = (1..=16).map(|age| age.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(says(&format!("{{ages: [{many}]}}")), format!("there can be at most 16 ages {ages}"));
    for bad in ["-1", "1001", "ten", "\"10\"", ".nan", ".inf", "[1]"] {
        let said = says(&format!("{{weight: {bad}}}"));
        assert!(said.starts_with("weight must be a number from 0 to 1000 (10 deals"), "{bad}: {said}");
    }
    let said = says("{dependence: 1}");
    assert!(said.starts_with("dependence must be a number from 0 to 0.95 (0.05 is usual"), "{said}");
    assert_eq!(says("{drift: none}"), "drift must be true or false");
    assert_eq!(says("{new_business: 1}"), "new_business must be true or false");
}

#[test]
fn coefficients_are_declared_fields_that_deals_share() {
    let says = |fields: &str| {
        let told = problems(&format!("{HEAD_WITH_STAGE}forecast: {{coefficients: {fields}}}\n"));
        told.split_once(' ').map(|(_, said)| said.to_owned()).unwrap()
    };
    assert_eq!(says("[regoin]"), "there is no field `regoin` (did you mean `region`?)");
    assert_eq!(says("[wingspan]"), "there is no field `wingspan` (declare it under `fields`)");
    assert_eq!(says("[region, region]"), "`region` is there twice");
    assert_eq!(says("[category]"), "`category` is the sellers' own opinion (a forecast is made without it)");
    let shared = "(a coefficient is a field of which many deals have the same value, such as region or source)";
    assert_eq!(says("[amount]"), format!("`amount` is an amount (18000 or 18000 USD) {shared}"));
    assert_eq!(says("[next_step]"), format!("`next_step` is a block of fields {shared}"));
    assert_eq!(
        says("[effort.who]"),
        format!("`effort.who` is in the list `effort`, so a deal has no single value of it {shared}")
    );
    assert_eq!(
        says("[region, segment, source, owner, account]"),
        "there can be at most 4 coefficients (each field splits the same deals again; keep those that matter most)"
    );
    let free = format!("{HEAD_WITH_STAGE}extra_fields: allow\nforecast: {{coefficients: [wingspan]}}\n");
    assert_eq!(read(free.as_bytes()).unwrap().0.forecast.coefficients, ["wingspan"]);
}
