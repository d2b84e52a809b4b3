//! Reads `pipeline.yaml`, as strictly as a deal: every unknown key, doubled id and misspelt field is named.

use std::collections::{BTreeMap, BTreeSet};

use super::builtins;
use super::calendar;
use super::date::{Period, parse_share};
use super::expr::Expression;
use super::field_file::FieldReader;
use super::ident::{CriterionId, StageId};
use super::money::Currency;
use super::nearest::nearest;
use super::pipeline::{
    Criterion, CriterionTest, End, EndKind, ExtraFields, Lang, Pipeline, RESERVED_FOLDERS, RuleLevel, Stage,
};
use super::problem::{Problem, ProblemKind};
use super::schema::{self, FieldSpec, FieldType};
use super::span::Span;
use super::tree::{self, Core, Mapping, Node, NodeKind, resolve};
use super::zone::Zone;

const TOP: [&str; 18] = [
    "version",
    "title",
    "currency",
    "timezone",
    "calendar",
    "fiscal_year_start",
    "targets",
    "forecast",
    "rates",
    "won_at",
    "groups",
    "stages",
    "ends",
    "fields",
    "extra_fields",
    "rules",
    "labels",
    "lang",
];
const STAGE: [&str; 12] =
    ["id", "title", "goal", "roles", "limit", "probability", "decided_in", "sla", "optional", "was", "entry", "exit"];
const END: [&str; 6] = ["id", "title", "goal", "kind", "was", "entry"];
const CRITERION: [&str; 7] = ["id", "text", "require", "check", "approval", "level", "waivable"];

/// Reads a pipeline file. Beside the pipeline come problems that are only warnings.
///
/// # Errors
/// All that is wrong with it, in the order of the file.
pub fn read(source: &[u8]) -> Result<(Pipeline, Vec<Problem>), Vec<Problem>> {
    let document = tree::read_as(source, "pipeline file")?;
    let mut reader = Reader { text: &document.text, problems: document.problems.clone() };
    let pipeline = reader.pipeline(&document.root, document.span);
    let mut problems = reader.problems;
    problems.sort_by_key(|p| p.span);
    match pipeline {
        Some(pipeline) if problems.is_empty() => Ok((pipeline, problems)),
        _ => Err(problems),
    }
}

/// Gathers problems while reading.
pub(super) struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn problem(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        let mut problem = Problem::new(ProblemKind::PipelineFile, span, message);
        problem.help = help;
        self.problems.push(problem);
    }

    pub(super) fn unknown_keys(&mut self, mapping: &Mapping, known: &[&str], of: &str) {
        for entry in mapping.entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let near = nearest(&entry.key, known.iter().copied());
            let help =
                near.map_or_else(|| format!("keys are {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
            self.problem(entry.key_span, format!("{of} has no key `{}`", entry.key), Some(help));
        }
    }

    /// The text of a scalar; a problem for anything else. Null is `None` without a problem.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            NodeKind::Scalar { text, style } if resolve(text, *style) != Core::Null => Some(text),
            NodeKind::Scalar { .. } => None,
            _ => {
                self.problem(node.span, format!("{what} must be a text"), None);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let NodeKind::Scalar { text, style } = &node.kind
            && let Core::Bool(truth) = resolve(text, *style)
        {
            return Some(truth);
        }
        self.problem(node.span, format!("{what} must be true or false"), None);
        None
    }

    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<(String, Span)> {
        match &node.kind {
            NodeKind::Sequence { items, .. } => {
                items.iter().filter_map(|i| self.text(i, what).map(|t| (t.to_owned(), i.span))).collect()
            }
            NodeKind::Scalar { .. } => self.text(node, what).map(|t| (t.to_owned(), node.span)).into_iter().collect(),
            NodeKind::Mapping(_) => {
                self.problem(node.span, format!("{what} must be a list"), Some("write [one, two]".into()));
                Vec::new()
            }
        }
    }

    pub(super) fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Mapping> {
        if let NodeKind::Mapping(mapping) = &node.kind {
            return Some(mapping);
        }
        if !is_null(node) {
            self.problem(node.span, format!("{what} must be a block of keys"), None);
        }
        None
    }

    fn sequence<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let NodeKind::Sequence { items, .. } = &node.kind {
            return items;
        }
        if !is_null(node) {
            self.problem(node.span, format!("{what} must be a list"), Some("begin each item with `- `".into()));
        }
        &[]
    }

    fn pipeline(&mut self, root: &Mapping, span: Span) -> Option<Pipeline> {
        self.unknown_keys(root, &TOP, "pipeline.yaml");
        match root.get("version") {
            Some(node) => match self.text(node, "version") {
                Some("1") => {}
                found => {
                    let found = found.unwrap_or("nothing").to_owned();
                    let help = "this tussock reads version 1; a newer file needs a newer tussock";
                    self.problem(node.span, format!("version {found} is not known"), Some(help.into()));
                }
            },
            None => self.problem(Span::at(span.start), "the version is missing", Some("write `version: 1`".into())),
        }
        let title = root.get("title").and_then(|n| self.text(n, "title")).unwrap_or("Pipeline").to_owned();
        let currency = self.currency(root, span);
        let timezone = self.timezone(root);
        let calendar = root.get("calendar").and_then(|node| calendar::read(self, node));
        let fiscal_year_start = root.get("fiscal_year_start").map_or(1, |node| {
            let month = self.text(node, "fiscal_year_start").and_then(|t| t.parse().ok());
            month.filter(|m| (1..=12).contains(m)).unwrap_or_else(|| {
                self.problem(node.span, "fiscal_year_start must be a month from 1 to 12", None);
                1
            })
        });
        let targets = self.targets(root, currency, fiscal_year_start);
        let rates = root.get("rates").and_then(|n| self.text(n, "rates")).map(str::to_owned);
        let groups = self.groups(root);
        let mut stages = self.stages(root, span);
        let mut ends = self.ends(root);
        self.check_ids(&stages, &ends);
        let stage_ids: Vec<StageId> = stages.iter().map(|s| s.stage.id.clone()).collect();
        let won_at = self.won_at(root, &stage_ids);
        if won_at.is_none() && !ends.iter().any(|e| e.end.kind == EndKind::Won) {
            let help = "add an end of kind won, or name with won_at the first stage that counts as won";
            self.problem(Span::at(span.start), "no deal can ever be won here", Some(help.into()));
        }
        let extra_fields = self.extra_fields(root);
        let fields = match root.get("fields") {
            Some(node) => match self.mapping(node, "fields") {
                Some(mapping) => FieldReader { reader: self, stages: &stage_ids }.all(mapping),
                None => builtins::fields(),
            },
            None => builtins::fields(),
        };
        let forecast = root.get("forecast").map(|node| self.forecast(node, &fields, extra_fields)).unwrap_or_default();
        let rules = self.rules(root);
        let labels = self.labels(root);
        let lang = self.lang(root);
        let mut criteria = CriteriaReader { fields: &fields, groups: &groups, extra_fields, seen: BTreeSet::new() };
        for stage in &mut stages {
            stage.stage.entry = criteria.list(self, stage.entry);
            stage.stage.exit = criteria.list(self, stage.exit);
        }
        for end in &mut ends {
            end.end.entry = criteria.list(self, end.entry);
        }
        Some(Pipeline {
            title,
            currency: currency?,
            timezone,
            calendar,
            fiscal_year_start,
            targets,
            forecast,
            rates,
            exchange: None,
            won_at,
            groups,
            stages: stages.into_iter().map(|s| s.stage).collect(),
            ends: ends.into_iter().map(|e| e.end).collect(),
            fields,
            extra_fields,
            rules,
            labels,
            lang,
        })
    }

    fn currency(&mut self, root: &Mapping, span: Span) -> Option<Currency> {
        let Some(node) = root.get("currency") else {
            let help = "write the currency of bare amounts: `currency: EUR`";
            self.problem(Span::at(span.start), "the currency is missing", Some(help.into()));
            return None;
        };
        let code = self.text(node, "currency")?;
        match Currency::new(code) {
            Ok(currency) => Some(currency),
            Err(error) => {
                let help = "a currency is three capital letters of ISO 4217: EUR, USD, RUB";
                self.problem(node.span, error.to_string(), Some(help.into()));
                None
            }
        }
    }

    fn timezone(&mut self, root: &Mapping) -> Zone {
        let Some(node) = root.get("timezone") else { return Zone::UTC };
        let Some(name) = self.text(node, "timezone") else { return Zone::UTC };
        Zone::named(name).unwrap_or_else(|| {
            let names = Zone::names();
            let near = nearest(name, names.iter().map(String::as_str));
            let help = near.map_or("write it as Europe/Berlin".to_owned(), |n| format!("did you mean `{n}`?"));
            self.problem(node.span, format!("{name:?} is no time zone"), Some(help));
            Zone::UTC
        })
    }

    fn groups(&mut self, root: &Mapping) -> BTreeMap<String, Vec<String>> {
        let Some(mapping) = root.get("groups").and_then(|n| self.mapping(n, "groups")) else { return BTreeMap::new() };
        let group = |entry: &tree::Entry, reader: &mut Self| {
            let people = reader.texts(&entry.value, "a group").into_iter().map(|(name, _)| name).collect();
            (entry.key.clone(), people)
        };
        mapping.entries.iter().map(|e| group(e, self)).collect()
    }

    fn won_at(&mut self, root: &Mapping, stages: &[StageId]) -> Option<StageId> {
        let node = root.get("won_at")?;
        let name = self.text(node, "won_at")?;
        let found = stages.iter().find(|s| **s == *name).cloned();
        // Where no stage could be read, that is the one thing to say.
        if found.is_none() && !stages.is_empty() {
            let near = nearest(name, stages.iter().map(StageId::as_str));
            let help = near.map(|n| format!("did you mean `{n}`?"));
            self.problem(node.span, format!("won_at names {name:?}, which is no stage"), help);
        }
        found
    }

    fn extra_fields(&mut self, root: &Mapping) -> ExtraFields {
        let Some(node) = root.get("extra_fields") else { return ExtraFields::Deny };
        match self.text(node, "extra_fields") {
            Some("deny") => ExtraFields::Deny,
            Some("warn") => ExtraFields::Warn,
            Some("allow") => ExtraFields::Allow,
            _ => {
                self.problem(node.span, "extra_fields must be deny, warn or allow", None);
                ExtraFields::Deny
            }
        }
    }

    pub(super) fn level(&mut self, node: &Node, what: &str) -> Option<RuleLevel> {
        match self.text(node, what) {
            Some("error") => Some(RuleLevel::Error),
            Some("warning") => Some(RuleLevel::Warning),
            Some("info") => Some(RuleLevel::Info),
            Some("off") => Some(RuleLevel::Off),
            _ => {
                self.problem(node.span, format!("{what} must be error, warning, info or off"), None);
                None
            }
        }
    }

    fn rules(&mut self, root: &Mapping) -> BTreeMap<String, RuleLevel> {
        let Some(mapping) = root.get("rules").and_then(|n| self.mapping(n, "rules")) else { return BTreeMap::new() };
        let levels = mapping.entries.iter().filter_map(|entry| {
            Some((entry.key.clone(), self.level(&entry.value, &format!("the level of {}", entry.key))?))
        });
        levels.collect()
    }

    fn lang(&mut self, root: &Mapping) -> Option<Lang> {
        let node = root.get("lang")?;
        let word = self.text(node, "lang")?;
        let known = [Lang::En, Lang::Ru].into_iter().find(|lang| lang.as_str() == word);
        if known.is_none() {
            self.problem(node.span, format!("{word:?} is no language of reports"), Some("write `en` or `ru`".into()));
        }
        known
    }

    fn labels(&mut self, root: &Mapping) -> BTreeMap<String, String> {
        let Some(mapping) = root.get("labels").and_then(|n| self.mapping(n, "labels")) else { return BTreeMap::new() };
        let labels = mapping.entries.iter().filter_map(|entry| {
            let word = self.text(&entry.value, "a label")?.to_owned();
            Some((entry.key.clone(), word))
        });
        labels.collect()
    }

    fn stage_id(&mut self, mapping: &Mapping, node: &Node, what: &str) -> Option<(StageId, Span)> {
        let Some(id) = mapping.get("id") else {
            self.problem(Span::at(node.span.start), format!("{what} has no id"), Some("write `id: proposal`".into()));
            return None;
        };
        let name = self.text(id, "id")?;
        if RESERVED_FOLDERS.contains(&name) {
            self.problem(id.span, format!("{name:?} cannot be {what}: the folder has another use"), None);
            return None;
        }
        match StageId::new(name) {
            Ok(stage) => Some((stage, id.span)),
            Err(error) => {
                let help = super::slug::slug(name).map(|s| format!("`{s}` would do; names for people go into `title`"));
                self.problem(id.span, error.to_string(), help);
                None
            }
        }
    }

    fn old_names(&mut self, mapping: &Mapping) -> Vec<StageId> {
        let Some(node) = mapping.get("was") else { return Vec::new() };
        let names = self.texts(node, "was");
        let read = |(name, span): (String, Span), reader: &mut Self| match StageId::new(&name) {
            Ok(id) => Some(id),
            Err(error) => {
                reader.problem(span, error.to_string(), None);
                None
            }
        };
        names.into_iter().filter_map(|n| read(n, self)).collect()
    }

    fn period(&mut self, mapping: &Mapping, key: &str) -> Option<Period> {
        let node = mapping.get(key)?;
        let text = self.text(node, key)?;
        let period = Period::parse(text);
        if period.is_none() {
            self.problem(node.span, format!("{key} must be a length of time"), Some("write 24h, 14d or 2w".into()));
        }
        period
    }

    fn stages<'n>(&mut self, root: &'n Mapping, span: Span) -> Vec<StageNode<'n>> {
        let Some(node) = root.get("stages") else {
            self.problem(Span::at(span.start), "there are no stages", Some("list them under `stages:`".into()));
            return Vec::new();
        };
        let mut stages = Vec::new();
        for item in self.sequence(node, "stages") {
            let Some(mapping) = self.mapping(item, "a stage") else { continue };
            self.unknown_keys(mapping, &STAGE, "a stage");
            let Some((id, id_span)) = self.stage_id(mapping, item, "a stage") else { continue };
            let title = mapping.get("title").and_then(|n| self.text(n, "title")).unwrap_or(id.as_str()).to_owned();
            let probability = mapping.get("probability").and_then(|node| {
                let share = self.text(node, "probability").and_then(parse_share);
                if share.is_none() {
                    let help = "write it with a percent sign, from 0% to 100%: 30%";
                    self.problem(node.span, "probability must be a share", Some(help.into()));
                }
                share
            });
            let roles = mapping.get("roles").map(|n| self.texts(n, "roles")).unwrap_or_default();
            let stage = Stage {
                title,
                goal: mapping.get("goal").and_then(|n| self.text(n, "goal")).map(|t| t.trim().to_owned()),
                roles: roles.into_iter().map(|(role, _)| role).collect(),
                limit: self.period(mapping, "limit"),
                probability,
                decided_in: self.period(mapping, "decided_in"),
                sla: self.period(mapping, "sla"),
                optional: mapping.get("optional").and_then(|n| self.boolean(n, "optional")).unwrap_or(false),
                was: self.old_names(mapping),
                entry: Vec::new(),
                exit: Vec::new(),
                span: id_span,
                id,
            };
            stages.push(StageNode { stage, entry: mapping.get("entry"), exit: mapping.get("exit") });
        }
        if stages.is_empty() && self.problems.is_empty() {
            self.problem(node.span, "there are no stages", None);
        }
        stages
    }

    fn ends<'n>(&mut self, root: &'n Mapping) -> Vec<EndNode<'n>> {
        let Some(node) = root.get("ends") else { return Vec::new() };
        let mut ends = Vec::new();
        for item in self.sequence(node, "ends") {
            let Some(mapping) = self.mapping(item, "an end") else { continue };
            self.unknown_keys(mapping, &END, "an end");
            let Some((id, id_span)) = self.stage_id(mapping, item, "an end") else { continue };
            let kind = match mapping.get("kind").and_then(|n| self.text(n, "kind")) {
                Some("won") => EndKind::Won,
                Some("lost") => EndKind::Lost,
                Some("recycled") => EndKind::Recycled,
                _ => {
                    let at = mapping.get("kind").map_or(id_span, |n| n.span);
                    self.problem(at, format!("the end {id} needs a kind"), Some("kind: won, lost or recycled".into()));
                    continue;
                }
            };
            let title = mapping.get("title").and_then(|n| self.text(n, "title")).unwrap_or(id.as_str()).to_owned();
            let end = End { title, kind, was: self.old_names(mapping), entry: Vec::new(), span: id_span, id };
            ends.push(EndNode { end, entry: mapping.get("entry") });
        }
        ends
    }

    fn check_ids(&mut self, stages: &[StageNode<'_>], ends: &[EndNode<'_>]) {
        let mut seen: BTreeMap<StageId, Span> = BTreeMap::new();
        let of_stages = stages.iter().map(|s| (&s.stage.id, s.stage.span, &s.stage.was));
        for (id, span, was) in of_stages.chain(ends.iter().map(|e| (&e.end.id, e.end.span, &e.end.was))) {
            for (name, old) in std::iter::once((id, false)).chain(was.iter().map(|w| (w, true))) {
                match seen.insert(name.clone(), span) {
                    Some(first) if first != span || old => {
                        let words = if old { format!("`{name}` under `was`") } else { format!("`{name}`") };
                        let problem = Problem::new(
                            ProblemKind::PipelineFile,
                            span,
                            format!("{words} is the name of two stages or ends"),
                        );
                        self.problems.push(problem.with_related(first, "also here"));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar { text, style } if resolve(text, *style) == Core::Null)
}

struct StageNode<'n> {
    stage: Stage,
    entry: Option<&'n Node>,
    exit: Option<&'n Node>,
}

struct EndNode<'n> {
    end: End,
    entry: Option<&'n Node>,
}

struct CriteriaReader<'a> {
    fields: &'a [FieldSpec],
    groups: &'a BTreeMap<String, Vec<String>>,
    extra_fields: ExtraFields,
    seen: BTreeSet<CriterionId>,
}

impl CriteriaReader<'_> {
    fn list(&mut self, reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<Criterion> {
        let Some(node) = node else { return Vec::new() };
        let mut criteria = Vec::new();
        for item in reader.sequence(node, "criteria") {
            let Some(mapping) = reader.mapping(item, "a criterion") else { continue };
            reader.unknown_keys(mapping, &CRITERION, "a criterion");
            criteria.extend(self.one(reader, mapping, item));
        }
        criteria
    }

    fn one(&mut self, reader: &mut Reader<'_>, mapping: &Mapping, item: &Node) -> Option<Criterion> {
        let Some(id_node) = mapping.get("id") else {
            let help = "write `id: inputs-collected`; waivers and approvals name it";
            reader.problem(Span::at(item.span.start), "a criterion has no id", Some(help.into()));
            return None;
        };
        let id = match CriterionId::new(reader.text(id_node, "id")?) {
            Ok(id) => id,
            Err(error) => {
                reader.problem(id_node.span, error.to_string(), None);
                return None;
            }
        };
        if !self.seen.insert(id.clone()) {
            reader.problem(id_node.span, format!("`{id}` is the id of two criteria"), None);
        }
        let text = mapping.get("text").and_then(|n| reader.text(n, "text")).unwrap_or(id.as_str()).trim().to_owned();
        let level = mapping.get("level").and_then(|n| reader.level(n, "level")).unwrap_or(RuleLevel::Error);
        let waivable = mapping.get("waivable").and_then(|n| reader.boolean(n, "waivable")).unwrap_or(true);
        let kinds: Vec<&str> =
            ["require", "check", "approval"].into_iter().filter(|k| mapping.get(k).is_some()).collect();
        let test = match kinds[..] {
            ["require"] => self.require(reader, mapping.get("require")?),
            ["check"] => self.check(reader, mapping.get("check")?)?,
            ["approval"] => self.approval(reader, mapping.get("approval")?),
            _ => {
                let message = format!("the criterion `{id}` needs one of require, check and approval");
                let found =
                    if kinds.is_empty() { "none is there".into() } else { format!("found {}", kinds.join(" and ")) };
                reader.problem(id_node.span, message, Some(found));
                return None;
            }
        };
        Some(Criterion { id, text, test, level, waivable, span: id_node.span })
    }

    fn require(&self, reader: &mut Reader<'_>, node: &Node) -> CriterionTest {
        let names = reader.texts(node, "require");
        for (name, span) in &names {
            if let Some(list) = schema::list_above(self.fields, name) {
                let help = format!("require `{list}`, or check its items: {list} | selectattr(\"…\") | length > 0");
                reader.problem(
                    *span,
                    format!("`{name}` is in the items of a list, so no deal could ever have it"),
                    Some(help),
                );
            } else if schema::find(self.fields, name).is_none()
                && self.extra_fields == ExtraFields::Deny
                && !schema::is_free(name)
            {
                let help = self.nearest_field(name);
                reader.problem(*span, format!("there is no field `{name}`"), Some(help));
            }
        }
        if names.is_empty() {
            reader.problem(node.span, "require names no field", Some("write require: [inputs.goal]".into()));
        }
        CriterionTest::Require(names.into_iter().map(|(name, _)| name).collect())
    }

    fn nearest_field(&self, name: &str) -> String {
        let paths = schema::paths(self.fields);
        match nearest(name, paths.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it under `fields`".to_owned(),
        }
    }

    fn check(&self, reader: &mut Reader<'_>, node: &Node) -> Option<CriterionTest> {
        let source = reader.text(node, "check")?;
        match Expression::compile(source, self.fields, self.extra_fields != ExtraFields::Deny) {
            Ok(expression) => Some(CriterionTest::Check(expression)),
            Err(error) => {
                let span = span_in(reader.text, node.span, source, &error.range);
                reader.problem(span, error.message, error.help);
                None
            }
        }
    }

    fn approval(&self, reader: &mut Reader<'_>, node: &Node) -> CriterionTest {
        let Some(mapping) = reader.mapping(node, "approval") else {
            return CriterionTest::Approval { by: None, not: None };
        };
        reader.unknown_keys(mapping, &["by", "not"], "an approval");
        let by = mapping.get("by").and_then(|n| reader.text(n, "by").map(|t| (t.to_owned(), n.span)));
        if let Some((group, span)) = &by
            && !self.groups.contains_key(group)
        {
            let near = nearest(group, self.groups.keys().map(String::as_str));
            let help = near.map_or_else(|| "declare it under `groups`".to_owned(), |n| format!("did you mean `{n}`?"));
            reader.problem(*span, format!("there is no group `{group}`"), Some(help));
        }
        let not = mapping.get("not").and_then(|n| reader.text(n, "not").map(|t| (t.to_owned(), n.span)));
        if let Some((field, span)) = &not {
            match schema::find(self.fields, field).map(|f| &f.of) {
                Some(FieldType::Person | FieldType::Text) => {}
                Some(_) => reader.problem(*span, format!("`{field}` holds no person"), None),
                None => {
                    let help = self.nearest_field(field);
                    reader.problem(*span, format!("there is no field `{field}`"), Some(help));
                }
            }
        }
        CriterionTest::Approval { by: by.map(|(by, _)| by), not: not.map(|(not, _)| not) }
    }
}

/// The place of a range of a scalar's text in the file: exact where the scalar is written as it reads, else the whole
/// scalar.
fn span_in(file: &str, scalar: Span, text: &str, range: &std::ops::Range<usize>) -> Span {
    match file.get(scalar.start..scalar.end).and_then(|raw| raw.find(text)) {
        Some(offset) => Span::new(scalar.start + offset + range.start, scalar.start + offset + range.end),
        None => scalar,
    }
}
