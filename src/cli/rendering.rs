//! Renders reports with templates that came with the repository, in a process of its own.
//!
//! A template can ask for more memory in one step than there is, and a process that is refused memory is gone. So the
//! templates of a repository, which may have come with a pull request, are rendered by a child that has little memory and
//! time, no environment, no files to write and nothing to say but its result; ours are rendered here.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::chart::Chart;
use crate::report::lang::Lang;
use crate::report::page::Page;
use crate::report::template::{Rendering, render};
use crate::report::{Report, ReportError};

/// The word that makes this program such a child. It is no command: nobody else is to call it.
pub(super) const WORD: &str = "__render";

/// How the names of templates end.
const TEMPLATE: &str = ".jinja";

/// Memory of a child, in bytes, beside what the report itself takes.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Times the size of the report, read and turned into the values of a template.
const MEMORY_PER_BYTE: u64 = 24;

/// Seconds of the processor that a child may take.
const CPU_SECONDS: u64 = 5;

/// How long its parent waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that a child may answer.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// What a child is asked to render.
#[derive(Serialize, Deserialize)]
struct Task {
    report: String,
    rows: usize,
    lang: Lang,
    words: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
    data: Value,
}

/// What it answers.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    Rendered { markdown: String, charts: Vec<Chart> },
    Template { template: String, line: usize, message: String },
    TooLong { template: String, limit: usize },
}

/// The report as a page. `own` are the templates of the pipeline.
///
/// # Errors
/// As [`Report::to_page`]; and when a template takes more than it may.
pub(super) fn page(report: &Report, own: &BTreeMap<String, String>) -> Result<Page, ReportError> {
    if !own.keys().any(|name| name.ends_with(TEMPLATE)) {
        return report.to_page(&BTreeMap::new());
    }
    let task = Task {
        report: report.name().to_owned(),
        rows: report.rows(),
        lang: report.head.lang,
        words: report.head.words.clone(),
        own: own.clone(),
        data: serde_json::to_value(report)?,
    };
    match asked(&serde_json::to_vec(&task)?).map_err(ReportError::Stopped)? {
        Answer::Rendered { markdown, charts } => Ok(report.page_of(markdown, charts)),
        Answer::Template { template, line, message } => Err(ReportError::Template { template, line, message }),
        Answer::TooLong { template, limit } => Err(ReportError::TooLong { template, limit }),
    }
}

/// Asks a child and waits for its answer; what went wrong is said in words.
fn asked(task: &[u8]) -> Result<Answer, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program is not found: {e}"))?;
    let mut command = Command::new(program);
    command.arg(WORD).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // The allocator would else set aside more than the child may have.
    command.env("MIMALLOC_ARENA_RESERVE", "32768");
    let mut child = command.spawn().map_err(|e| format!("a process to render them cannot be started: {e}"))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("a process to render them has no pipes".to_owned());
    };
    let (done, answered) = mpsc::channel();
    let waited = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut answer = Vec::new();
            let read = output.take(MAX_ANSWER + 1).read_to_end(&mut answer).map(|_| answer);
            // Nobody listens any more when the child took too long.
            let _ = done.send(read);
        });
        scope.spawn(move || {
            // A child that ends before it has read everything says by its end why.
            let _ = input.write_all(task);
        });
        let begun = Instant::now();
        let answer = answered.recv_timeout(PATIENCE);
        let ended = settled(&mut child, PATIENCE.saturating_sub(begun.elapsed()));
        (answer, ended)
    });
    let (Ok(Ok(answer)), true) = waited else {
        return Err(format!("they take more than {CPU_SECONDS} seconds"));
    };
    if answer.len() as u64 > MAX_ANSWER {
        return Err(format!("they print more than {MAX_ANSWER} bytes"));
    }
    serde_json::from_slice(&answer).map_err(|_| {
        format!("they take more than {CPU_SECONDS} seconds or more memory than {} MiB", MEMORY / 1024 / 1024)
    })
}

/// Waits for the end of a child, and ends it where it does not come. `true` when it came by itself.
fn settled(child: &mut Child, patience: Duration) -> bool {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                // Both fail only where it has just ended.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// Renders what standard input asks for: what a child does.
pub(super) fn serve() -> ExitCode {
    let mut task = Vec::new();
    if std::io::stdin().take(u64::from(u32::MAX)).read_to_end(&mut task).is_err() || !bounded(task.len() as u64) {
        return ExitCode::FAILURE;
    }
    let Ok(task) = serde_json::from_slice::<Task>(&task) else { return ExitCode::FAILURE };
    let Task { report, rows, lang, words, own, data } = &task;
    let rendering = Rendering { report, rows: *rows, lang: *lang, words, own };
    let answer = match render(&rendering, data) {
        Ok((markdown, charts)) => Answer::Rendered { markdown, charts },
        Err(ReportError::Template { template, line, message }) => Answer::Template { template, line, message },
        Err(ReportError::TooLong { template, limit }) => Answer::TooLong { template, limit },
        Err(_) => return ExitCode::FAILURE,
    };
    let written = serde_json::to_vec(&answer).map(|answer| std::io::stdout().write_all(&answer));
    match written {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Gives up what rendering does not need. `false` where the system does not let it.
#[cfg(unix)]
fn bounded(task: u64) -> bool {
    use nix::sys::resource::{Resource, setrlimit};
    let set = |resource, limit| setrlimit(resource, limit, limit).is_ok();
    // Address space is not bounded everywhere; the time is.
    let memory = MEMORY.saturating_add(MEMORY_PER_BYTE.saturating_mul(task));
    let memory = set(Resource::RLIMIT_AS, memory) || cfg!(not(target_os = "linux"));
    memory && set(Resource::RLIMIT_CPU, CPU_SECONDS) && set(Resource::RLIMIT_FSIZE, 0) && set(Resource::RLIMIT_CORE, 0)
}

#[cfg(not(unix))]
fn bounded(_: u64) -> bool {
    true
}
