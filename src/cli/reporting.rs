//! Gathers what reports are made of from the repository.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::check::{Finding, Level, Rule, check_and_read};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Facts as StageFacts, listed, read_pipeline, tell_history, visits_at, with_chronicle};
use crate::forecast::log::{self, Log};
use crate::forecast::scenario;
use crate::format;
use crate::format::deal::Deal;
use crate::format::expr::Expression;
use crate::format::ident::{CriterionId, DealId};
use crate::format::judge::Circumstances;
use crate::format::load::{Listing, Reading};
use crate::format::pipeline::{Pipeline, deal_path};
use crate::format::source::{EntryKind, Source as _};
use crate::history::event::KnownAt;
use crate::history::spell::Spells;
use crate::history::track::Tracks;
use crate::history::{Chronicle, History, Options, Summary, Visits};
use crate::metrics::DAY;
use crate::metrics::estimate::Floors;
use crate::repo::discover::Home;
use crate::repo::objects::ObjectId;
use crate::repo::revision::{differing, head};
use crate::repo::snapshot::Snapshot;
use crate::report::asked::Asked;
use crate::report::data::{Attention, Files, Source, Waiver};
use crate::report::history::HistoryBlock;
use crate::report::{Before, Facts, Needs};

use super::lately::lately;
use super::{chosen, removed};

/// The folder of the pipeline that holds its own templates.
const TEMPLATES: &str = "templates";

/// For so long before now closed deals are needed to tell how far a target is covered, in seconds: the year whose deals make
/// the win rate, or the fiscal year, with some days for time zones.
const COVERED: i64 = 370 * DAY;

/// From where a report looks.
pub(in crate::cli) struct Viewpoint {
    home: Home,
    commit: ObjectId,
    files: Snapshot,
    /// Up to when knowledge counts and the day taken for today, where they were asked for.
    asked: Option<(KnownAt, NaiveDate)>,
    /// The pipeline that is reported on.
    pub(in crate::cli) pipeline: Pipeline,
}

impl Viewpoint {
    /// A point of the past, or the commit that is checked out.
    ///
    /// # Errors
    /// When there is no commit, or its pipeline file is broken.
    pub(in crate::cli) fn open(
        ui: &mut Ui,
        home: &Home,
        past: Option<(Then, Snapshot)>,
    ) -> Result<Viewpoint, CommandError> {
        home.place()?;
        let (commit, home, files, asked) = match past {
            Some((then, snapshot)) => (then.commit, then.home, snapshot, Some((then.until, then.today))),
            None => {
                let tip = head(home)?.and_then(|h| h.commit).ok_or_else(|| {
                    CommandError::new(Exit::NotInState, "there is no commit yet, so there is nothing to report")
                })?;
                (tip, home.clone(), Snapshot::of_folder(home, tip, TEMPLATES)?, None)
            }
        };
        let pipeline = read_pipeline(ui, &files)?;
        Ok(Viewpoint { home, commit, files, asked, pipeline })
    }

    /// Where it lies, the commit, and up to when knowledge counts where that was asked for.
    pub(in crate::cli) fn ground(&self) -> (Home, ObjectId, Option<KnownAt>) {
        (self.home.clone(), self.commit, self.asked.map(|(until, _)| until))
    }

    /// As it was known at the end of a day, where something became known after it.
    ///
    /// # Errors
    /// When nothing was known yet on that day, or history cannot be read.
    pub(in crate::cli) fn at_the_end_of(
        self,
        ui: &mut Ui,
        day: NaiveDate,
        allow: AllowIncomplete,
    ) -> Result<Viewpoint, CommandError> {
        match Then::known_by(ui, &self.home, self.commit, day, allow)? {
            Some((then, _)) if then.commit == self.commit => Ok(self),
            Some((then, snapshot)) => Viewpoint::open(ui, &self.home, Some((then, snapshot))),
            None => Err(CommandError::usage(format!("there was no pipeline yet on {day}"))),
        }
    }
}

/// How much is to be gathered.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Wanted {
    /// What the report is made of.
    pub(in crate::cli) needs: Needs,
    /// Whether to look for deals that differ in the work tree.
    pub(in crate::cli) uncommitted: bool,
    /// Whether to keep what happened to the deals, commit by commit.
    pub(in crate::cli) events: bool,
    pub(in crate::cli) allow: AllowIncomplete,
}

/// What is taken from a history.
#[derive(Default)]
struct Told {
    summary: Summary,
    spells: Spells,
    tracks: Tracks,
    /// The file of each deal.
    homes: Vec<(DealId, String)>,
    /// What was known of the deals at any time.
    log: Option<Log>,
    history: Option<History>,
}

/// Everything a report is made of, as it was known at one time.
pub(in crate::cli) struct Known {
    pipeline: Pipeline,
    /// The deals; `None` where the report needs none.
    state: Option<State>,
    block: HistoryBlock,
    spells: Spells,
    /// The visits of all deals, where `spells` are those of some.
    all_spells: Option<Spells>,
    tracks: Tracks,
    log: Option<Log>,
    /// Deals whose file was removed, where deals are told apart.
    removed: Vec<Deal>,
    /// The fields that history tells of.
    told: Vec<Arc<str>>,
    as_of: KnownAt,
    today: NaiveDate,
    source: Source,
    attention: Vec<Attention>,
    before: Option<Before>,
    /// Deals whose file could not be read.
    unread: Vec<DealId>,
    asked: Asked,
    /// What happened, where it was to be kept.
    pub(in crate::cli) history: Option<History>,
    /// The pipeline's own templates, by file name.
    pub(in crate::cli) templates: BTreeMap<String, String>,
}

/// The deals as the commit has them.
struct State {
    snapshot: Snapshot,
    reading: Reading,
    /// The deals that count: each once, and only those that were asked for. `None` where these are all.
    chosen: Option<Vec<Deal>>,
    doubled: usize,
    waivers: Vec<Waiver>,
}

impl State {
    fn deals(&self) -> &[Deal] {
        self.chosen.as_deref().unwrap_or(&self.reading.deals)
    }
}

impl Known {
    /// Reads what a report needs. `asked` is what its reader asks for, by the pipeline's own calendar.
    ///
    /// # Errors
    /// When history or the deals cannot be read, or the expression of `--where` is wrong.
    pub(in crate::cli) fn gather(
        ui: &mut Ui,
        home: &Home,
        point: Viewpoint,
        wanted: Wanted,
        ask: impl FnOnce(&Pipeline, NaiveDate) -> Result<Asked, CommandError>,
    ) -> Result<Known, CommandError> {
        let Wanted { needs, uncommitted, events, allow } = wanted;
        let Viewpoint { home: then, commit, files, asked: when, mut pipeline } = point;
        let templates = own_templates(&files, commit)?;
        drop(files);
        let as_of = |summary: &Summary| {
            let known_at = summary.tip_known_at.unwrap_or(KnownAt(i64::MIN));
            when.map_or(known_at, |(until, _)| until)
        };
        let ask = |summary: &Summary| ask(&pipeline, pipeline.day_of(as_of(summary).0));
        let (told, asked) = if needs.deals || needs.tracks {
            let told = |chronicle: &Chronicle<'_>| {
                let summary = chronicle.summary();
                let asked = ask(&summary);
                // What is known of removed deals are the values that their fields had.
                let tracks = needs.tracks || needs.deals && asked.as_ref().is_ok_and(tells_apart);
                // In full it is large.
                let history = (needs.log || events).then(|| chronicle.history());
                let told = Told {
                    summary,
                    spells: chronicle.spells(true),
                    tracks: if tracks { chronicle.tracks() } else { Tracks::default() },
                    homes: if needs.deals { chronicle.homes() } else { Vec::new() },
                    log: history.as_ref().filter(|_| needs.log).map(Log::of),
                    history: history.filter(|_| events),
                };
                (told, asked)
            };
            let fields = if needs.log { log::fields(&pipeline.forecast) } else { Vec::new() };
            with_chronicle(&then, commit, &pipeline, &Options { fields, ..allow.options() }, told)?
        } else {
            // Who needs no deal needs none by name either.
            let Visits { summary, spells } = visits_at(&then, commit, &pipeline, &allow.options())?;
            let asked = ask(&summary);
            (Told { summary, spells, ..Told::default() }, asked)
        };
        let Told { summary, mut spells, tracks, homes, log, history } = told;
        tell_history(ui, home, &summary, &pipeline)?;
        let as_of = as_of(&summary);
        let today = when.map_or_else(|| pipeline.day_of(as_of.0), |(_, today)| today);
        let asked = asked?;
        let filter = asked.filter.as_deref().map(|text| chosen::compile(text, &pipeline)).transpose()?;
        let tells_apart = needs.deals && tells_apart(&asked);
        let earlier = asked.before.or_else(|| asked.span.and_then(|span| span.from.pred_opt()));
        let mut earlier = match earlier.filter(|_| needs.before) {
            Some(day) => Some(Earlier::find(ui, &then, commit, day, &summary, &pipeline, allow)?),
            None => None,
        };
        // What is asked of all deals, whatever became of them, has to be read of all.
        let are_few = needs.lately && !tells_apart && asked.scenario.is_empty();
        let mut few = None;
        let mut listed_deals = 0;
        let mut removed = Vec::new();
        let mut all_spells = None;
        let mut state = None;
        let mut attention = Vec::new();
        if needs.deals {
            let mut snapshot = Snapshot::of_commit(&then, commit)?;
            let asks_for_days = filter.as_ref().is_some_and(Expression::uses_days_in_stage);
            let facts = match needs.attention || asks_for_days {
                true => StageFacts::of_spells(spells.named(), &pipeline, today),
                false => StageFacts::default(),
            };
            let mut findings = Vec::new();
            let mut listing = listed(ui, &snapshot)?;
            listed_deals = listing.deals.len();
            if are_few {
                let before = earlier.as_ref().and_then(|earlier| earlier.state.as_ref()).map(|state| &state.listing);
                let since = (!pipeline.targets.is_empty()).then(|| as_of.0.saturating_sub(COVERED));
                let ids = lately(&listing, before, &spells, since);
                listing.deals.retain(|deal| ids.contains(&deal.id));
                few = Some(ids);
            }
            let reading = if needs.attention {
                let (reading, found) = check_and_read(listing, &facts.for_check(today, &snapshot), &Found::of);
                findings = found;
                reading
            } else {
                listing.values(&snapshot)
            };
            snapshot.let_go();
            let once = each_once(&reading.deals, &homes);
            drop(homes);
            let doubled = match few {
                Some(_) => reading.names.windows(2).filter(|pair| pair.first() == pair.last()).count(),
                None => once.as_ref().map_or(0, |once| reading.deals.len() - once.len()),
            };
            let waivers = waivers(&reading);
            let mut own = State { waivers, snapshot, reading, chosen: once, doubled };
            if tells_apart {
                removed = removed::removed(&pipeline, &spells, &tracks, &own.reading.deals);
            }
            if let Some(filter) = &filter {
                let matching = matching(ui, &pipeline, own.deals(), filter, &facts, today, &own.snapshot);
                removed = removed_matching(ui, &pipeline, removed, filter, &tracks, today, &own.snapshot);
                let ids: HashSet<&DealId> = matching.iter().chain(&removed).map(|deal| &deal.id).collect();
                let chosen = spells.split(1, |id| ids.contains(id).then_some(0)).pop().unwrap_or_default();
                all_spells = Some(std::mem::replace(&mut spells, chosen));
                own.waivers.retain(|waiver| ids.contains(&waiver.deal));
                own.chosen = Some(matching);
            }
            scenario::check(&asked.scenario, &pipeline, own.deals(), &own.reading.deals)
                .map_err(|e| CommandError::usage(format!("--what-if: {e}")))?;
            if needs.attention {
                attention = attention_of(&own, findings);
            }
            pipeline.exchange = own.reading.pipeline.exchange.clone();
            state = Some(own);
        }
        if let (Some(few), Some(Earlier { state: Some(state), .. })) = (&few, &mut earlier) {
            state.listing.deals.retain(|deal| few.contains(&deal.id));
        }
        let before = earlier.map(|earlier| earlier.read(ui, &pipeline, filter.as_ref()));
        let counted = |state: &State| match few {
            Some(_) => listed_deals.saturating_sub(state.doubled + state.reading.unreadable.len()),
            None => state.deals().len(),
        };
        let source = Source {
            commit: Some(commit.to_string()),
            deals: state.as_ref().map_or(summary.deals, counted),
            files: state
                .as_ref()
                .map(|state| Files { unreadable: state.reading.unreadable.len(), doubled: state.doubled }),
            uncommitted: if uncommitted && when.is_none() { Some(differing(home)?) } else { None },
            clamped: summary.clamped_valid,
            jumps: summary.skips,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let block = HistoryBlock::of(&summary, &pipeline);
        let unread = state.as_ref().map(|state| unread(&state.reading)).unwrap_or_default();
        Ok(Known {
            pipeline,
            state,
            block,
            spells,
            all_spells,
            told: removed::told(&tracks),
            tracks,
            log,
            removed,
            as_of,
            today,
            source,
            attention,
            before,
            unread,
            asked,
            history,
            templates,
        })
    }

    /// What a report is made of.
    pub(in crate::cli) fn facts(&self) -> Facts<'_> {
        Facts {
            pipeline: &self.pipeline,
            deals: self.state.as_ref().map_or(&[], State::deals),
            all: self.state.as_ref().map_or(&[], |state| &state.reading.deals),
            unread: &self.unread,
            spells: &self.spells,
            all_spells: self.all_spells.as_ref().unwrap_or(&self.spells),
            removed: &self.removed,
            told: &self.told,
            tracks: &self.tracks,
            log: self.log.as_ref(),
            as_of: self.as_of,
            today: self.today,
            source: &self.source,
            waivers: self.state.as_ref().map_or(&[], |state| &state.waivers),
            attention: &self.attention,
            history: Some(&self.block),
            before: self.before.as_ref(),
            backtest: None,
            floors: Floors::default(),
            asked: &self.asked,
        }
    }

    /// The deals as they were read and where, for who tells of files that could not be.
    pub(in crate::cli) fn reading(&self) -> Option<(&Reading, &Snapshot)> {
        self.state.as_ref().map(|state| (&state.reading, &state.snapshot))
    }
}

/// Whether some deals are told from others.
fn tells_apart(asked: &Asked) -> bool {
    asked.filter.is_some() || !asked.by.is_empty()
}

/// The deals for which the expression holds. One for which it cannot be answered is left out, which is said.
fn matching(
    ui: &mut Ui,
    pipeline: &Pipeline,
    deals: &[Deal],
    filter: &Expression,
    facts: &StageFacts,
    today: NaiveDate,
    source: &Snapshot,
) -> Vec<Deal> {
    let mut matching = Vec::new();
    let mut unanswered: Option<(&DealId, String)> = None;
    let mut more = 0;
    for deal in deals {
        let circumstances = Circumstances {
            today,
            source,
            days_in_stage: facts.days_in_stage.as_ref().and_then(|days| days.get(&deal.id).copied()),
            visited: facts.visited.as_ref().and_then(|visited| visited.get(&deal.id)).map(Vec::as_slice),
        };
        match filter.evaluate(pipeline, deal, &circumstances) {
            Ok(answer) if answer.holds => matching.push(deal.clone()),
            Ok(_) => {}
            Err(why) if unanswered.is_none() => unanswered = Some((&deal.id, why)),
            Err(_) => more += 1,
        }
    }
    if let Some((id, why)) = unanswered {
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        ui.warn(&format!("--where cannot be answered for {id}{more}, which are in no number: {why}"));
    }
    matching
}

/// Those of the removed deals for which the expression holds, by what history tells of them. Where it asks for more than
/// that, none is let through, which is said.
fn removed_matching(
    ui: &mut Ui,
    pipeline: &Pipeline,
    removed: Vec<Deal>,
    filter: &Expression,
    tracks: &Tracks,
    today: NaiveDate,
    source: &Snapshot,
) -> Vec<Deal> {
    if filter.reads_only(&removed::told(tracks)) {
        return matching(ui, pipeline, &removed, filter, &StageFacts::default(), today, source);
    }
    match removed.len() {
        0 => {}
        1 => ui.note("1 deal whose file was removed is in no number: --where asks for more than history tells of it"),
        n => ui.note(format!(
            "{n} deals whose files were removed are in no number: --where asks for more than history tells of them"
        )),
    }
    Vec::new()
}

/// The state at the end of an earlier day, before its deals are read.
struct Earlier {
    day: NaiveDate,
    /// `None` where there was no pipeline yet.
    state: Option<EarlierState>,
}

struct EarlierState {
    then: Then,
    snapshot: Snapshot,
    listing: Listing,
}

impl Earlier {
    fn find(
        ui: &mut Ui,
        home: &Home,
        tip: ObjectId,
        day: NaiveDate,
        summary: &Summary,
        pipeline: &Pipeline,
        allow: AllowIncomplete,
    ) -> Result<Earlier, CommandError> {
        let end = pipeline.end_of(day);
        if summary.first_known_at.is_none_or(|first| first.0 > end) {
            return Ok(Earlier { day, state: None });
        }
        let Some((then, snapshot)) = Then::known_by(ui, home, tip, day, allow)? else {
            return Ok(Earlier { day, state: None });
        };
        let listing = listed(ui, &snapshot)?;
        Ok(Earlier { day, state: Some(EarlierState { then, snapshot, listing }) })
    }

    /// Reads the deals of its listing. `pipeline` is today's, for a day that had none.
    fn read(self, ui: &mut Ui, pipeline: &Pipeline, filter: Option<&Expression>) -> Before {
        let day = self.day;
        let Some(EarlierState { then, mut snapshot, listing }) = self.state else {
            return Before { day, pipeline: pipeline.clone(), deals: Vec::new(), all: None, unread: Vec::new() };
        };
        let reading = listing.values(&snapshot);
        snapshot.let_go();
        let unread = unread(&reading);
        let mut seen: HashSet<DealId> = HashSet::with_capacity(reading.deals.len());
        let mut deals: Vec<Deal> = reading.deals;
        // Which of two files of a deal counted then is a question of the history up to then; the first is as good.
        deals.retain(|deal| seen.insert(deal.id.clone()));
        let mut all = None;
        if let Some(filter) = filter {
            let matching = matching(ui, &then.pipeline, &deals, filter, &StageFacts::default(), day, &snapshot);
            all = Some(std::mem::replace(&mut deals, matching).into());
        }
        Before { day, pipeline: then.pipeline, deals, all, unread }
    }
}

/// The deals whose files could not be read.
fn unread(reading: &Reading) -> Vec<DealId> {
    reading.unreadable.iter().filter_map(|file| deal_path(&file.path)).map(|(_, id)| id).collect()
}

/// Something that `validate` would say of a deal or a file.
struct Found {
    level: Level,
    rule: &'static Rule,
    deal: Option<DealId>,
    /// The file; empty where the deal is known.
    path: String,
}

impl Found {
    /// What a finding counts as, where it does.
    fn of(finding: Finding) -> Option<Found> {
        let Finding { level, rule, deal, path, .. } = finding;
        let path = if deal.is_some() { String::new() } else { path };
        (level > Level::Info).then_some(Found { level, rule, deal, path })
    }
}

/// What `validate` would say of this state, counted by rule.
fn attention_of(state: &State, findings: Vec<Found>) -> Vec<Attention> {
    let chosen: Option<HashSet<&DealId>> = state.chosen.as_ref().map(|deals| deals.iter().map(|d| &d.id).collect());
    let is_chosen = |deal: &Option<DealId>| match (&chosen, deal) {
        (Some(chosen), Some(deal)) => chosen.contains(deal),
        _ => true,
    };
    // One deal may break one rule several times: it is one deal all the same.
    type Kind = (Reverse<Level>, &'static str);
    let mut found: BTreeMap<Kind, (BTreeSet<&str>, &str)> = BTreeMap::new();
    for finding in findings.iter().filter(|f| is_chosen(&f.deal)) {
        let key = (Reverse(finding.level), finding.rule.id);
        let subject = finding.deal.as_ref().map_or(finding.path.as_str(), |deal| deal.as_str());
        found.entry(key).or_insert_with(|| (BTreeSet::new(), finding.rule.summary)).0.insert(subject);
    }
    let line = |((_, rule), (subjects, summary)): (Kind, (BTreeSet<&str>, &str))| Attention {
        rule: rule.to_owned(),
        text: summary.to_owned(),
        deals: subjects.len(),
    };
    found.into_iter().map(line).collect()
}

/// Where a deal's file lies in two places, the deal counts once, where history has it (`homes`): an amount counted twice is
/// worse than one counted in the wrong stage. `None` where no deal does.
fn each_once(deals: &[Deal], homes: &[(DealId, String)]) -> Option<Vec<Deal>> {
    let mut ids: HashSet<&DealId> = HashSet::with_capacity(deals.len());
    if deals.iter().all(|deal| ids.insert(&deal.id)) {
        return None;
    }
    let homes: BTreeSet<(&DealId, &str)> = homes.iter().map(|(id, path)| (id, path.as_str())).collect();
    let home = |deal: &Deal| homes.contains(&(&deal.id, deal.path.as_str()));
    let at_home: BTreeSet<&DealId> = deals.iter().filter(|deal| home(deal)).map(|deal| &deal.id).collect();
    let mut seen: BTreeSet<&DealId> = BTreeSet::new();
    let mut once = Vec::new();
    for deal in deals {
        if (home(deal) || !at_home.contains(&deal.id)) && seen.insert(&deal.id) {
            once.push(deal.clone());
        }
    }
    Some(once)
}

/// The waivers in force: complete, and for a criterion that is there and takes one.
fn waivers(reading: &Reading) -> Vec<Waiver> {
    let takes: BTreeMap<&str, &CriterionId> =
        reading.pipeline.criteria().filter(|c| c.waivable).map(|c| (c.id.as_str(), &c.id)).collect();
    let of_deal = |deal: &Deal| -> Vec<Waiver> {
        let waiver = |w: format::deal::Waiver<'_>| {
            let criterion = (*takes.get(w.criterion)?).clone();
            Some(Waiver {
                deal: deal.id.clone(),
                criterion,
                by: w.by.to_owned(),
                reason: w.reason.to_owned(),
                on: w.on,
            })
        };
        deal.waivers().filter_map(waiver).collect()
    };
    reading.deals.iter().flat_map(of_deal).collect()
}

/// The pipeline's own templates: regular files of the committed `templates` folder, never links.
fn own_templates(snapshot: &Snapshot, commit: ObjectId) -> Result<BTreeMap<String, String>, CommandError> {
    let failed = |e: std::io::Error| {
        CommandError::new(Exit::Io, format!("cannot read the templates of commit {}: {e}", commit.short()))
    };
    let mut templates = BTreeMap::new();
    for entry in snapshot.entries().map_err(failed)? {
        let Some(name) = entry.path.strip_prefix("templates/") else { continue };
        if entry.kind == EntryKind::File && (name.ends_with(".jinja") || name == "style.css") {
            let bytes = snapshot.read(&entry.path).map_err(failed)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| CommandError::usage(format!("the template {} is not UTF-8", entry.path)))?;
            templates.insert(name.to_owned(), text);
        }
    }
    Ok(templates)
}
