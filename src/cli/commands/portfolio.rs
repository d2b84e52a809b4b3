//! `tussock portfolio`.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::report::{Asking, Name};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::printing::{Format, write_whole};
use crate::cli::rendering;
use crate::cli::reporting::{Known, Viewpoint, Wanted};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, tell_half_done};
use crate::format::money::Currency;
use crate::format::rates::Rates;
use crate::metrics::rates::Converter;
use crate::output::terminal::plain;
use crate::output::text::Look;
use crate::output::{csv, html, json, page_text};
use crate::repo::discover::{Home, find, find_all};
use crate::report::csv_table::of_portfolio;
use crate::report::lang::Lang;
use crate::report::page::Page;
use crate::report::portfolio::{Failed, Line, Portfolio, line};
use crate::report::{Kind, Needs, Report};

/// Columns of a text that goes to a file.
const FILE_COLUMNS: usize = 120;

/// More than this is no list of folders, and no table of rates, that a person means.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Problems of a file of rates that are told.
const TOLD: usize = 5;

/// Report on several pipelines at once
///
/// A line for each pipeline, of one repository or of many, with the sums of all in one currency; below it, where a report
/// is named, that report of each. A repository that cannot be read is named, and the others are reported on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock portfolio                                      all pipelines of this repository
  tussock portfolio --repo ../north --repo ../south
  tussock portfolio forecast --list teams.txt -o all.html
  tussock portfolio --repo ../sales#pipelines/new --currency EUR --period quarter
  tussock portfolio --list teams.txt --currency EUR --rates ecb.csv --format json
  tussock portfolio funnel --repo ../north --repo ../south --format csv --table stages

Exit codes: 0 done · 1 a pipeline could not be reported on, or some files of one could not be read · 2 wrong arguments · 8 a file cannot be read or written; where no pipeline could be reported on, the code of the first")]
pub struct Args {
    /// Also this report of each pipeline, one below the other
    #[arg(value_enum, value_name = "REPORT")]
    report: Option<Name>,
    /// All pipelines in this folder; DIR#FOLDER for one alone; may be given several times
    #[arg(long, value_name = "DIR")]
    repo: Vec<String>,
    /// A file with such folders, one a line; they are found from where the file lies
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// The currency of all sums; else that of the first pipeline
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Exchange rates to that currency, in the form of a pipeline's own, which are taken otherwise
    #[arg(long, value_name = "FILE", requires = "currency")]
    rates: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    #[command(flatten)]
    asking: Asking,
    /// How to print: text on a terminal, as the name of the file says, else md
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// In CSV, this table instead of the lines of the pipelines: `failed`, or one of the report of each
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Write into this file, whole or not at all; its ending (.md, .html, .json, .csv, .txt) says how
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::new(code).map_err(|e| e.to_string())
}

/// A pipeline that is to be reported on, or why it is none.
struct Asked {
    name: String,
    home: Result<Home, CommandError>,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    if let Some(name) = &global.pipeline_name {
        return Err(CommandError::usage("-p chooses one pipeline, and a portfolio is about several")
            .hint(format!("one of a repository is `--repo DIR#{name}`")));
    }
    let format = Format::of(args.format, args.output.as_deref(), args.table.as_deref())?;
    let kind = args.report.map(Name::kind);
    args.asking.fits(kind.unwrap_or(Kind::Overview))?;
    let here = current(global)?;
    let rates = match (&args.rates, args.currency) {
        (Some(file), Some(currency)) => Some(read_rates(&here.join(file), currency)?),
        _ => None,
    };
    let (currency, lang) = (args.currency, args.asking.lang());
    let mut job = Job { args, global, kind, format, rates, currency, lang, pages: Vec::new(), unreadable: false };
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    for Asked { name, home } in asked(args, &here)? {
        // One after the other: nothing of a pipeline is kept but its line and its printed report.
        match home.and_then(|home| job.report(ui, &name, &home)) {
            Ok(line) => lines.push(line),
            Err(error) => errors.push((name, error)),
        }
    }
    if lines.is_empty() && !errors.is_empty() {
        let (name, mut error) = errors.swap_remove(0);
        error.message = format!("{name}: {}", error.message);
        for (name, other) in errors {
            error = error.hint(format!("{name}: {}", other.message));
        }
        return Err(error);
    }
    errors.iter().for_each(|(name, error)| ui.warn(&format!("{name}: {}", error.message)));
    let some_failed = !errors.is_empty();
    let failed = errors.into_iter().map(|(name, error)| Failed { name, message: plain(&error.message) }).collect();
    let text = job.print(ui, lines, failed)?;
    match &args.output {
        Some(file) => write_whole(&here.join(file), &text)?,
        None => ui.print(&text),
    }
    Ok(if some_failed || job.unreadable { Exit::Findings } else { Exit::Done })
}

struct Job<'a> {
    args: &'a Args,
    global: &'a Global,
    kind: Option<Kind>,
    format: Format,
    rates: Option<Rates>,
    /// That of the first pipeline that was read, where none was asked for.
    currency: Option<Currency>,
    /// That of the first pipeline that was read, or the one that was asked for.
    lang: Option<Lang>,
    /// The reports as pages, in order.
    pages: Vec<Page>,
    unreadable: bool,
}

impl Job<'_> {
    /// Reads a pipeline, and makes its line and its report.
    fn report(&mut self, ui: &mut Ui, name: &str, home: &Home) -> Result<Line, CommandError> {
        let Job { args, global, kind, .. } = *self;
        tell_half_done(ui, home)?;
        home.place()?;
        let past = match (&args.as_of.as_of, global.today) {
            (Some(as_of), _) => Some(Then::find(ui, global, home, as_of, args.allow)?),
            (None, Some(day)) => Some(Then::on(ui, home, day, args.allow)?),
            (None, None) => None,
        };
        let needs = Needs { deals: true, ..kind.map(Kind::needs).unwrap_or_default() };
        let wanted = Wanted { needs, uncommitted: false, events: false, allow: args.allow };
        let point = Viewpoint::open(ui, home, past)?;
        let ask = kind.unwrap_or(Kind::Overview);
        let known = Known::gather(ui, home, point, wanted, |pipeline, day| args.asking.asked(ask, pipeline, day))?;
        let facts = known.facts();
        let report = kind.map(|kind| Report::make(kind, &facts));
        // Only now that nothing can fail any more but its printing is its currency the one of all.
        let page = match (&report, self.format) {
            (None, _) | (_, Format::Json | Format::Csv) => None,
            (Some(report), _) => {
                Some(rendering::page(report, &known.templates).map_err(|e| CommandError::usage(e.to_string()))?)
            }
        };
        let currency = *self.currency.get_or_insert(facts.pipeline.currency);
        self.lang.get_or_insert(facts.asked.lang);
        let rates = self.rates.as_ref().or(facts.pipeline.exchange.as_deref());
        let mut line = line(name.to_owned(), &facts, Converter::new(currency, rates));
        if let (Some(report), Format::Json | Format::Csv) = (report, self.format) {
            let value = serde_json::to_value(report);
            line.report = Some(value.map_err(|e| CommandError::new(Exit::Io, format!("cannot write JSON: {e}")))?);
        }
        self.pages.extend(page);
        if let Some((reading, _)) = known.reading() {
            let faulty = reading.rates.as_ref().is_some_and(|file| file.fault.is_some()) && self.rates.is_none();
            self.unreadable |= faulty || !reading.unreadable.is_empty();
            if faulty {
                ui.warn(&format!(
                    "{name}: its file of exchange rates cannot be used; `tussock validate` there says why"
                ));
            }
            if !reading.unreadable.is_empty() {
                let files = match reading.unreadable.len() {
                    1 => "1 file could not be read and is not counted".to_owned(),
                    n => format!("{n} files could not be read and are not counted"),
                };
                ui.warn(&format!("{name}: {files}; `tussock validate` there says why"));
            }
        }
        Ok(line)
    }

    fn print(&mut self, ui: &Ui, lines: Vec<Line>, failed: Vec<Failed>) -> Result<String, CommandError> {
        let wrong = |e: crate::report::ReportError| CommandError::usage(e.to_string());
        let asking = &self.args.asking;
        let lang = self.lang.unwrap_or_default();
        let portfolio = Portfolio::new(lines, failed, asking.filter(), asking.profile(), lang);
        if self.format == Format::Json {
            let text = serde_json::to_string_pretty(&portfolio)
                .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the portfolio as JSON: {e}")))?;
            return Ok(json::escaped(&(text + "\n")));
        }
        if self.format == Format::Csv {
            let table = of_portfolio(&portfolio, self.kind, self.args.table.as_deref()).map_err(wrong)?;
            let table = table.map_err(|e| CommandError::usage(e.to_string()))?;
            let written = csv::values(&table.columns, &table.rows);
            let bytes = written.map_err(|e| CommandError::new(Exit::Io, format!("cannot write the table: {e}")))?;
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        let mut page = portfolio.to_page().map_err(wrong)?;
        std::mem::take(&mut self.pages).into_iter().for_each(|below| page.append(below));
        Ok(match self.format {
            Format::Md | Format::Json | Format::Csv => page.to_markdown(),
            Format::Html => html::render(&page, None).map_err(|e| CommandError::usage(e.to_string()))?,
            Format::Text => {
                let to_file = self.args.output.is_some();
                let columns = if to_file { FILE_COLUMNS } else { ui.columns() };
                page_text::render(&page, Look { colour: ui.colour && !to_file, columns })
            }
        })
    }
}

/// The pipelines that were asked for, each once, in the order in which they were named.
fn asked(args: &Args, here: &Path) -> Result<Vec<Asked>, CommandError> {
    let mut names: Vec<(String, PathBuf)> = args.repo.iter().map(|name| (name.clone(), here.to_owned())).collect();
    if let Some(file) = &args.list {
        let file = here.join(file);
        let base = file.parent().unwrap_or(here).to_owned();
        let text = String::from_utf8(read_file(&file)?).map_err(|_| {
            CommandError::usage(format!("{} is no list of folders: it is not UTF-8 text", file.display()))
        })?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.extend(said.map(|line| (line.to_owned(), base.clone())));
    }
    if names.is_empty() {
        if args.list.is_some() {
            return Err(CommandError::usage("the list names no folder"));
        }
        names.push((".".to_owned(), here.to_owned()));
    }
    let mut seen: HashSet<(PathBuf, String)> = HashSet::new();
    let mut all = Vec::new();
    for (name, base) in names {
        match homes(&name, &base) {
            Ok(homes) => all.extend(homes.into_iter().filter_map(|(name, home)| {
                // Named twice, a pipeline would be in the sums twice.
                seen.insert((home.root.clone(), home.prefix.clone())).then_some(Asked { name, home: Ok(home) })
            })),
            Err(error) => all.push(Asked { name, home: Err(error) }),
        }
    }
    Ok(all)
}

/// The pipelines of one name, each with how it is called.
fn homes(name: &str, base: &Path) -> Result<Vec<(String, Home)>, CommandError> {
    let whole = base.join(name);
    if let Some((folder, pipeline)) = name.rsplit_once('#').filter(|_| !whole.exists()) {
        return Ok(vec![(name.to_owned(), find(&base.join(folder), Some(pipeline))?)]);
    }
    let homes = find_all(&whole)?;
    let several = homes.len() > 1;
    let called = |home: &Home| match several {
        true => format!("{name}#{}", if home.prefix.is_empty() { "." } else { &home.prefix }),
        false => name.to_owned(),
    };
    Ok(homes.into_iter().map(|home| (called(&home), home)).collect())
}

fn read_file(file: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot read {}: {e}", file.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(file).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(CommandError::usage(format!("{} has more than {MAX_FILE} bytes", file.display())));
    }
    Ok(bytes)
}

fn read_rates(file: &Path, currency: Currency) -> Result<Rates, CommandError> {
    let bytes = read_file(file)?;
    Rates::read(&bytes, currency).map_err(|problems| {
        let line = |at: usize| bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let lines = problems.iter().take(TOLD).map(|p| format!("line {}: {}", line(p.span.start), p.message));
        let message = format!("{} gives no exchange rates", file.display());
        let error = CommandError::usage(message);
        lines.fold(error, CommandError::hint)
    })
}
