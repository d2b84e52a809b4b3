//! `tussock diff`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::check::{Files, Level as Finding, check_pipeline_file};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::past::{Asked as RulesAsk, Told, moment};
use crate::cli::ui::{Ui, in_ci};
use crate::cli::workspace::{Facts, HistoryFailure, current, home, today, with_chronicle, work_tree};
use crate::forecast::log::{self, Log};
use crate::format::ident::StageId;
use crate::format::load::LoadError;
use crate::format::pipeline::Pipeline;
use crate::format::source::Source;
use crate::history::{Chronicle, HistoryError, Options};
use crate::output::json;
use crate::output::review::{Forge, markdown, text};
use crate::output::text::{Look as Sheet, render};
use crate::repo::difference::{
    FileDifference, between, commits_between, committed_at, link_target, merge_base, of_work_tree,
};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::objects::ObjectId;
use crate::repo::revision::{head, resolve};
use crate::repo::snapshot::Snapshot;
use crate::review::document::{Hash, Level, MOST_BYTES, NoHistory, Point, Trust};
use crate::review::{Asked, Changed, CommitDate, Ground, Knowledge, Known, Past, Review};

/// Show what a change does to the pipeline: deals, money, policy
///
/// Compares two states deal by deal: what is new, moved (with the criteria it met, missed or had waived) and removed, which
/// amounts, close dates and owners are others, what is broken, whether the pipeline file itself changed, and what all of it
/// does to the forecast. The worst comes first, then the largest change of money. Works on commits without a checkout.
///
/// Without RANGE: HEAD against the files as they lie here. `BASE` alone: that commit against the files. `BASE..HEAD`: one
/// commit against another. `BASE...HEAD`: what HEAD has done since it went its own way, as a pull request shows it; an
/// end that is left out is HEAD.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock diff                              what is not committed yet
  tussock diff HEAD~1..HEAD                 what the last commit did
  tussock diff origin/main...               what this branch would bring
  tussock diff origin/main... --format md   the same as the comment of a pull request
  tussock diff origin/main... --format json > review.json
  tussock diff --from-json review.json --format md       the comment, without the repository
  tussock diff v1.0..v1.1 --all             every deal of a long range

Exit codes: 0 nothing found at or above --fail-on · 1 findings · 2 wrong arguments or a broken pipeline file · 3 no pipeline here · 4 no repository here · 8 the repository cannot be read")]
pub struct Args {
    /// What to compare: BASE, BASE..HEAD or BASE...HEAD
    #[arg(value_name = "RANGE")]
    range: Option<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
    /// Whose criteria deals are judged by. Without it: those of the base with three dots and where the variable CI is set,
    /// else those of the change
    #[arg(long, value_name = "STATE", value_enum)]
    trust: Option<TrustWord>,
    /// Leave something out, for comments that everybody can read
    #[arg(long, value_name = "WHAT", value_enum)]
    redact: Option<Redact>,
    /// As text: every deal and every note, not the first ones only
    #[arg(long)]
    all: bool,
    /// As Markdown: the most characters that the forge takes (GitHub 65536, GitLab 1000000, Bitbucket 32768)
    #[arg(long, value_name = "CHARACTERS", default_value_t = Forge::default().limit, value_parser = characters)]
    limit: usize,
    /// Read a review that was written with --format json, not the repository; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["range", "trust"])]
    from_json: Option<PathBuf>,
    /// The lowest level that makes the exit code 1
    #[arg(long, value_name = "LEVEL", default_value = "error", value_enum)]
    fail_on: FailOn,
    /// Exit with 0 whatever is found
    #[arg(long)]
    exit_zero: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For the comment of a pull request
    Md,
    /// For scripts
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TrustWord {
    /// Those before the change
    Base,
    /// Those of the change itself
    Head,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Redact {
    /// Amounts, and what they could be reckoned from
    Amounts,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

/// Fewer characters than this have no room for a headline.
const FEWEST_CHARACTERS: usize = 2_000;

fn characters(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if number < FEWEST_CHARACTERS { Err(format!("it must be {FEWEST_CHARACTERS} or more")) } else { Ok(number) }
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let review = match &args.from_json {
        Some(file) => written(file)?,
        None => compared(ui, global, args)?,
    };
    let review = match args.redact {
        Some(Redact::Amounts) => review.without_amounts(),
        None => review,
    };
    match args.format {
        Format::Text => {
            let look = Sheet { colour: ui.colour, columns: ui.columns() };
            ui.print(text(&review, look, ui.table_columns(), args.all));
        }
        Format::Md => ui.print(markdown(&review, Forge { limit: args.limit })),
        Format::Json => {
            let document = serde_json::to_value(&review)
                .map_err(|e| CommandError::new(Exit::Io, format!("cannot write it as JSON: {e}")))?;
            ui.print(json::write(&document));
        }
    }
    let floor = match args.fail_on {
        FailOn::Error => Level::Error,
        FailOn::Warning => Level::Warning,
        FailOn::Info => Level::Info,
    };
    let fails = review.worst().is_some_and(|worst| worst >= floor);
    Ok(if fails && !args.exit_zero { Exit::Findings } else { Exit::Done })
}

/// A review that was written before.
fn written(file: &Path) -> Result<Review, CommandError> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(file).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|e| CommandError::new(Exit::Io, format!("cannot read {name}: {e}")))?;
    Review::read(&bytes).map_err(|why| CommandError::usage(format!("cannot read {name}: {why}")))
}

/// The two states that a range names.
struct Range {
    /// How the base was named.
    base_name: String,
    base: Option<ObjectId>,
    head_name: String,
    /// `None` for the work tree.
    head: Option<ObjectId>,
    /// Whether it begins at the merge base.
    dots: bool,
}

fn range(home: &Home, git: &Result<Git, CommandError>, text: Option<&str>) -> Result<Range, CommandError> {
    let end = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
    let Some(text) = text else {
        let base = head(home)?.and_then(|head| head.commit);
        return Ok(Range { base_name: "HEAD".into(), base, head_name: String::new(), head: None, dots: false });
    };
    if let Some((base, head)) = text.split_once("...") {
        let (base_name, head_name) = (end(base), end(head));
        let (base, head) = (resolve(home, &base_name)?, resolve(home, &head_name)?);
        let git = git.as_ref().map_err(|e| CommandError::new(e.exit, e.message.clone()))?;
        let Some(start) = merge_base(git, base, head)? else {
            let message = format!("{base_name} and {head_name} have no commit in common");
            let error = CommandError::new(Exit::Incomplete, message);
            return Err(error.hint("in a shallow clone fetch the rest: `git fetch --unshallow`"));
        };
        return Ok(Range { base_name, base: Some(start), head_name, head: Some(head), dots: true });
    }
    if let Some((base, head)) = text.split_once("..") {
        let (base_name, head_name) = (end(base), end(head));
        let (base, head) = (resolve(home, &base_name)?, resolve(home, &head_name)?);
        return Ok(Range { base_name, base: Some(base), head_name, head: Some(head), dots: false });
    }
    let base = Some(resolve(home, text)?);
    Ok(Range { base_name: text.to_owned(), base, head_name: String::new(), head: None, dots: false })
}

fn compared(ui: &mut Ui, global: &Global, args: &Args) -> Result<Review, CommandError> {
    let here = current(global)?;
    let home = home(global)?;
    home.place()?;
    let git = Git::new(&home).map_err(CommandError::from);
    let range = range(&home, &git, args.range.as_deref())?;
    let trust = match args.trust {
        Some(TrustWord::Base) => Trust::Base,
        Some(TrustWord::Head) => Trust::Head,
        None if range.dots || in_ci() => Trust::Base,
        None => Trust::Head,
    };
    let base = range.base.map(|base| Snapshot::of_commit(&home, base)).transpose()?;
    let (head_source, files): (Box<dyn Source>, Vec<FileDifference>) = match range.head {
        Some(head) => (Box::new(Snapshot::of_commit(&home, head)?), between(&home, range.base, head)?),
        None => {
            let git = git.as_ref().map_err(|e| CommandError::new(e.exit, e.message.clone()))?;
            (Box::new(work_tree(&home, &here)?), of_work_tree(git, range.base)?)
        }
    };
    let files: Vec<Changed> = files
        .into_iter()
        .map(|file| Changed {
            status: file.status(),
            kind: file.new.map(|side| side.kind),
            target: link_target(&home, &file),
            path: file.path,
        })
        .collect();
    let asked = Asked {
        base: base.as_ref().map(|base| base as &dyn Source),
        head: &*head_source,
        trust,
        folder: &home.prefix,
        files: &files,
    };
    let ground = Ground::read(asked).map_err(|error| not_read(ui, &*head_source, error))?;
    let pipeline = ground.pipeline();
    let today = today(global, pipeline);
    let tip = match range.head {
        Some(head) => Some(head),
        None => head(&home)?.and_then(|head| head.commit),
    };
    let (mut before, mut after) = (Side::default(), Side::default());
    if ground.has_deals() {
        let look = Look { home: &home, pipeline, stages: &ground.stages(), moment: moment(pipeline, today), today };
        before = look.at(range.base)?;
        after = if range.base == tip { before.again() } else { look.at(tip)? };
        if let Some(why) = &after.why {
            ui.note(format!("{why}, so rules and criteria that ask history were not asked"));
        }
    }
    let commits = match (&git, tip) {
        (Ok(git), Some(tip)) => Some(dates(git, range.base, tip)?),
        _ => None,
    };
    let base_time = range.base.map(|base| committed_at(&home, base)).transpose()?;
    let hash = |id: Option<ObjectId>| id.and_then(|id| Hash::new(&id.to_string()).ok());
    Ok(ground.review(&Known {
        base: Point { name: range.base_name, commit: hash(range.base) },
        head: Point { name: range.head_name, commit: hash(range.head) },
        today,
        before: &before.knowledge,
        after: &after.knowledge,
        past: before.past.as_ref().ok_or(before.without),
        commits: commits.as_deref(),
        base_time,
    }))
}

fn dates(git: &Git, base: Option<ObjectId>, tip: ObjectId) -> Result<Vec<CommitDate>, CommandError> {
    let listed = commits_between(git, base, tip)?;
    let dates = listed.into_iter().filter_map(|commit| {
        let hash = Hash::new(&commit.id.to_string()).ok()?;
        Some(CommitDate { commit: hash, author: commit.author, authored: commit.author_time })
    });
    Ok(dates.collect())
}

/// What the history of one side tells.
struct Side {
    knowledge: Knowledge,
    past: Option<Past>,
    /// Why history says nothing, where it does not.
    without: NoHistory,
    /// The same in words, where they are to be told.
    why: Option<String>,
}

impl Default for Side {
    fn default() -> Self {
        Side { knowledge: Knowledge::default(), past: None, without: NoHistory::NotAsked, why: None }
    }
}

impl Side {
    /// The same for the other side, which asks for less.
    fn again(&self) -> Side {
        Side { knowledge: self.knowledge.clone(), past: None, without: self.without, why: self.why.clone() }
    }
}

/// How history is looked at.
struct Look<'a> {
    home: &'a Home,
    pipeline: &'a Pipeline,
    /// The stages that the deals are in.
    stages: &'a BTreeSet<&'a StageId>,
    moment: i64,
    today: NaiveDate,
}

impl Look<'_> {
    /// Reads the history up to a commit once, for all that is asked of it.
    fn at(&self, tip: Option<ObjectId>) -> Result<Side, CommandError> {
        let without = |without: NoHistory, why: Option<String>| Side { without, why, ..Side::default() };
        let Some(tip) = tip else { return Ok(without(NoHistory::NoCommit, None)) };
        let asked = RulesAsk::in_stages(self.pipeline, self.stages, Finding::Info);
        let fields = log::fields(&self.pipeline.forecast).into_iter().chain(asked.fields().iter().cloned()).collect();
        let options = Options { fields, ..Options::default() };
        let told = |chronicle: &Chronicle<'_>| {
            let history = chronicle.history();
            let facts = Facts::of(&history, self.pipeline, self.today);
            let rules = Told::of(chronicle, &asked, self.pipeline, self.moment);
            (history.summary.tip_known_at, Log::of(&history), facts, rules)
        };
        let (known_at, log, facts, rules) = match with_chronicle(self.home, tip, self.pipeline, &options, told) {
            Ok(told) => told,
            Err(HistoryFailure::History(HistoryError::Shallow)) => {
                let why = "history is cut off in this shallow clone".to_owned();
                return Ok(without(NoHistory::Shallow, Some(why)));
            }
            Err(HistoryFailure::History(error)) => return Ok(without(NoHistory::Damaged, Some(error.to_string()))),
            Err(HistoryFailure::Repo(error)) => return Err(error),
        };
        let knowledge = Knowledge {
            days_in_stage: facts.days_in_stage,
            visited: facts.visited,
            past: Some(rules.past(self.home, &asked, self.moment)?),
        };
        Ok(Side { knowledge, past: known_at.map(|at| Past { log, as_of: at.0 }), ..Side::default() })
    }
}

fn not_read(ui: &mut Ui, source: &dyn Source, error: LoadError) -> CommandError {
    match error {
        LoadError::Broken { text, problems } => {
            let report = check_pipeline_file(&problems);
            let look = Sheet { colour: ui.colour, columns: ui.columns() };
            let shown = render(&report, &Files::of_pipeline_file(&text, source), look);
            ui.note(shown.trim_end());
            CommandError::new(Exit::Usage, "the pipeline file has errors, so no deal can be read")
        }
        LoadError::NoPipeline => CommandError::new(Exit::NoPipeline, error.to_string()),
        LoadError::Io { .. } => CommandError::new(Exit::Io, error.to_string()),
    }
}
