//! Whatever stands in a repository, no build server takes a line of ours for a command.

mod kit;

use std::process::Command;

use kit::{Ran, TestRepo};

/// What people wrote into fields to make a build server obey.
const INJECTIONS: [&str; 30] = [
    "::error::x",
    " ::set-output name=a::b",
    "\t::add-mask::0",
    "::stop-commands::token",
    "::set-env name=PATH::x",
    "::ERROR file=a::b",
    "::error",
    "::add-path::x",
    "x\n::error::y",
    "x\r::warning::y",
    "x\r\n  ::notice::y",
    "\u{2028}::error::y",
    "\u{a0}::error::y",
    "\u{3000}::group::y",
    "\u{feff}::error::y",
    ":::debug::y",
    "a::b::c",
    "`::error::`",
    "|::error::|",
    "##[add-mask]0",
    "a ##[error]b",
    "##[set-env name=A]b",
    "###[group]x",
    "#\u{200b}##[group]x",
    "##vso[task.setvariable variable=a]b",
    "x ##VSO[task.complete result=Succeeded]",
    "##teamcity[buildStop comment='x']",
    "section_start:1560896352:a\r\u{1b}[0Kb",
    "section_end:1560896353:a\r\u{1b}[0K",
    "one word and another and one more and then some so that the line is broken somewhere near here ::error::x or here ::error::y or there ::error::z",
];

fn strings() -> Vec<String> {
    let mut strings: Vec<String> = INJECTIONS.map(str::to_owned).into();
    // A long word is broken where the room ends, wherever that is.
    strings.extend((60..110).step_by(7).map(|n| format!("{}::error::x", "y".repeat(n))));
    if let Some(folder) = kit::shared("data/naughty-strings") {
        let text = std::fs::read_to_string(folder.join("blns.json")).unwrap();
        strings.extend(serde_json::from_str::<Vec<String>>(&text).unwrap());
    }
    strings
}

/// What a runner of GitHub's reads as a command in a line: `::name props::data` after blanks at its beginning, or the
/// older `##[name props]data` anywhere. The runner looks whether it knows the name; here any will do.
fn github_command(line: &str) -> Option<&str> {
    if let Some(rest) = line.trim_start().strip_prefix("::")
        && let Some((info, _)) = rest.split_once("::")
    {
        let name = info.split(' ').next().unwrap_or_default();
        if !name.is_empty() {
            return Some(name);
        }
    }
    let (_, rest) = line.split_once("##[")?;
    let (info, _) = rest.split_once(']')?;
    info.split(' ').next().filter(|name| !name.is_empty())
}

/// The commands that any build server finds in a log, but for those of `allowed`.
fn commands<'l>(log: &'l str, allowed: &[&str]) -> Vec<&'l str> {
    // A runner ends a line at either of these.
    let lines = log.split(['\n', '\r']);
    let obeyed = |line: &&str| {
        let lower = line.to_lowercase();
        github_command(line).is_some_and(|name| !allowed.contains(&name))
            || ["##[", "##vso[", "##teamcity["].iter().any(|mark| lower.contains(mark))
    };
    let mut found: Vec<&str> = lines.filter(obeyed).collect();
    // GitLab folds a log at `section_start:TIME:NAME`, a carriage return and "erase the line".
    if log.contains("\r\u{1b}[0K") {
        found.push("a section of GitLab's");
    }
    found
}

#[test]
fn the_port_of_the_parsers_finds_what_the_runners_find() {
    for line in ["::error::x", "  ::set-output name=a::b", "a ##[error]b", "##[group x]", "\u{a0}::debug::"] {
        assert!(github_command(line).is_some(), "{line}");
        assert_eq!(commands(line, &[]).len(), 1, "{line}");
    }
    for line in ["a ::error::x", "::error:x", "## [error]", ":: error::x", "\"::error::x\"", "::::"] {
        assert_eq!(commands(line, &[]), Vec::<&str>::new(), "{line}");
    }
    assert_eq!(commands("a ##vso[x", &[]).len(), 1);
    assert_eq!(commands("section_start:1:a\r\u{1b}[0K", &[]).len(), 1);
}

/// A pipeline whose deals hold the strings wherever a deal can.
fn hostile() -> (TestRepo, usize) {
    let repo = TestRepo::with_pipeline();
    let strings = strings();
    for (number, string) in strings.iter().enumerate() {
        let quoted = serde_json::to_string(string).unwrap();
        let stage = ["brief", "proposal", "contract"][number % 3];
        let mut text = format!("title: {quoted}\nowner: {quoted}\n");
        match number % 4 {
            0 => text.push_str(&format!("amount: {quoted}\n? {quoted}\n: 1\n")),
            1 => text.push_str(&format!("close_date: {quoted}\naccount: {quoted}\n")),
            2 => text.push_str(&format!("path: {quoted}\nnext_step: {quoted}\nfollows: {quoted}\n")),
            _ => text.push_str(&format!("# tussock: ignore[{string}] {string}\nloss: {string}\n")),
        }
        repo.write(&format!("sales/{stage}/n-{number}.yaml"), text);
        if cfg!(unix) {
            let name: String = string.chars().filter(|c| !matches!(c, '/' | '\0')).take(60).collect();
            if name.trim_start_matches('.').is_empty() {
                continue;
            }
            repo.write(&format!("sales/brief/{name}.yaml"), "title: x\nowner: o\n");
        }
    }
    repo.git(&["add", "-A"]);
    for (number, string) in strings.iter().take(INJECTIONS.len()).enumerate() {
        let name: String = string.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        repo.write(&format!("sales/brief/late-{number}.yaml"), format!("title: {number}\nowner: o\n"));
        repo.git(&["add", "-A"]);
        let author = format!("{name} <{number}@example.com>");
        repo.git(&["commit", "-q", "--allow-empty-message", &format!("--author=x{author}"), "-m", string]);
    }
    (repo, strings.len())
}

fn assert_harmless(ran: &Ran, what: &[&str], allowed: &[&str]) {
    for (stream, text) in [("output", &ran.out), ("errors", &ran.err)] {
        let found = commands(text, allowed);
        assert!(found.is_empty(), "{what:?}: commands in the {stream}: {:#?}", &found[..found.len().min(5)]);
    }
    assert!(!ran.err.contains("panicked"), "{what:?}: {}", ran.err);
}

#[test]
fn no_command_comes_out_of_a_hostile_pipeline() {
    let (repo, _) = hostile();
    let today = ["--today", "2026-06-01"];
    let shown: Vec<String> = (0..INJECTIONS.len()).map(|number| format!("n-{number}")).collect();
    let mut printed = 0;
    let formats = ["text", "json", "sarif", "gitlab", "junit", "rdjson", "markdown", "github"];
    let validate = formats.map(|format| vec!["validate", "--format", format]);
    let reports = [
        ("overview", "md"),
        ("overview", "text"),
        ("agenda", "md"),
        ("agenda", "text"),
        ("losses", "md"),
        ("cash", "text"),
        ("health", "text"),
        ("waterfall", "md"),
    ];
    let reports = reports.into_iter().map(|(report, format)| vec!["report", report, "--format", format]);
    let others: [&[&str]; 20] = [
        &["diff", "HEAD~30..HEAD", "--all"],
        &["diff", "HEAD~30..HEAD", "--format", "md"],
        &["diff", "HEAD~30..HEAD", "--format", "json"],
        &["validate", "--diff"],
        &["validate", "--staged"],
        &["validate", "--rev", "HEAD"],
        &["list"],
        &["list", "--columns", "title,owner,account"],
        &["list", "--columns", "owner,title", "--format", "json"],
        &["board"],
        &["board", "--format", "json"],
        &["log"],
        &["log", "late-3"],
        &["log", "--format", "json"],
        &["forecast"],
        &["report", "--by", "owner", "--format", "json"],
        &["why", "n-1"],
        &["fmt", "--check"],
        &["doctor"],
        &["portfolio"],
    ];
    let show = shown.iter().map(|id| vec!["show", id.as_str()]);
    let all = validate.into_iter().chain(reports).chain(others.iter().map(|args| args.to_vec())).chain(show);
    for args in all {
        let args = [&today[..], &args].concat();
        let ran = repo.tussock(&args);
        let annotations = ["error", "warning", "notice"];
        let allowed = if args.ends_with(&["github"]) { &annotations[..] } else { &[] };
        assert_harmless(&ran, &args, allowed);
        assert!(!args.contains(&"diff") || ran.out.len() > 10_000, "{args:?}: {}{}", ran.out, ran.err);
        printed += ran.out.len();
    }
    assert!(printed > 1_000_000, "{printed}");
}

#[test]
fn no_command_comes_out_of_an_error_about_what_was_typed() {
    let repo = TestRepo::with_pipeline();
    for string in INJECTIONS {
        let commands: [&[&str]; 12] = [
            &["show", "--", string],
            &["validate", "--rev", string],
            &["validate", "--also", string],
            &["validate", "--format", string],
            &["validate", "--", string],
            &["-p", string, "list"],
            &["-C", string, "list"],
            &["explain", "--", string],
            &["report", "--", string],
            &["move", "--", string, string],
            &["list", "--where", string],
            &["log", "--", string],
        ];
        for args in commands {
            let ran = repo.tussock(args);
            assert_ne!(ran.code, 0, "{args:?}");
            assert_harmless(&ran, args, &[]);
        }
    }
}

#[test]
fn no_command_comes_out_of_what_a_pipeline_calls_itself() {
    for (number, string) in INJECTIONS.into_iter().enumerate() {
        let repo = TestRepo::with_pipeline();
        let quoted = serde_json::to_string(string).unwrap();
        let text = kit::SMALL_PIPELINE
            .replace("title: Small", &format!("title: {quoted}"))
            .replace("title: Brief", &format!("title: {quoted}"))
            .replace("text: We know what they want", &format!("text: {quoted}"));
        repo.write("sales/pipeline.yaml", text);
        repo.write("sales/proposal/acme.yaml", "title: x\nowner: o\n");
        for args in
            [&["validate"][..], &["validate", "--format", "markdown"], &["report"], &["board"], &["why", "acme"]]
        {
            let args = [&["--today", "2026-06-01"], args].concat();
            assert_harmless(&repo.tussock(&args), &args, &[]);
        }
        repo.write("sales/pipeline.yaml", format!("version: 1\ntitle: x\n{quoted}: 1\n"));
        let format = ["text", "sarif", "junit", "gitlab", "rdjson", "markdown"][number % 6];
        let ran = repo.tussock(&["validate", "--format", format]);
        assert_eq!(ran.code, 2);
        assert_harmless(&ran, &[format], &[]);
    }
}

/// What the runner makes of a command: its name, its properties and its data.
fn read_annotation(line: &str) -> (String, Vec<(String, String)>, String) {
    let undo = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
    let rest = line.strip_prefix("::").unwrap();
    let (info, data) = rest.split_once("::").unwrap();
    let (name, properties) = info.split_once(' ').unwrap();
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap();
        let value = value.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
        (key.to_owned(), value.replace("%25", "%"))
    };
    (name.to_owned(), properties.split(',').map(pair).collect(), undo(data))
}

#[test]
fn annotations_read_as_the_runner_reads_them_name_a_file_and_a_line() {
    let (repo, _) = hostile();
    let ran = repo.tussock(&["--today", "2026-06-01", "validate", "--format", "github"]);
    let mut errors = 0;
    for line in ran.out.lines().filter(|line| line.starts_with("::")) {
        let (name, properties, data) = read_annotation(line);
        errors += usize::from(name == "error");
        assert!(!data.is_empty(), "{line}");
        if data.contains("not shown here") {
            continue;
        }
        let of = |key: &str| properties.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        assert!(of("file").is_some_and(|file| file.starts_with("sales/")), "{line}");
        assert!(of("line").is_some_and(|line| line.parse::<usize>().is_ok_and(|n| n > 0)), "{line}");
        assert!(of("title").is_some_and(|title| tussock::check::rule::find(title).is_some()), "{line}");
        let known = ["file", "line", "endLine", "col", "endColumn", "title"];
        assert!(properties.iter().all(|(key, _)| known.contains(&key.as_str())), "{line}");
    }
    assert_eq!(errors, 10);
}

#[test]
fn annotations_are_the_default_of_nobody_and_auto_gives_them_on_github_alone() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    let run = |format: &str, server: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.args(["validate", "--format", format]));
        let output = command.envs(server.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let github = [("GITHUB_ACTIONS", "true")];
    assert!(run("auto", &github).starts_with("::error file=sales/brief/acme.yaml,line=3,"));
    for (format, server) in [("text", &github[..]), ("auto", &[("GITLAB_CI", "true")]), ("auto", &[])] {
        assert!(run(format, server).starts_with("error[unknown-field]"), "{format} {server:?}");
    }
}
