//! Charts in Mermaid, in the words that Mermaid 10, 11 and 12 all take.

use super::{Bars, Chart, Drawing, Fan, Flow, Lines, Shape, Times, Unit, Waterfall};
use crate::metrics::DAY;
use crate::report::markdown;

/// Characters of a label beyond which it is cut.
const MAX_LABEL: usize = 40;

/// Characters of a title that holds more than one name.
const MAX_TITLE: usize = 100;

/// A chart as it stands in Markdown: a fenced Mermaid block, or a list for big numbers, each line with its end. Empty
/// where there is nothing to draw, or where no kind of diagram that all versions take can show it as it is.
pub fn block(chart: &Chart) -> String {
    if !chart.is_drawable() {
        return String::new();
    }
    let diagram = match &chart.drawing {
        Drawing::Bars(bars) => bar_chart(&chart.title, bars),
        Drawing::Flow(flow) => Some(sankey(flow).unwrap_or_else(|| flowchart(flow))),
        Drawing::Times(times) => time_chart(&chart.title, times),
        Drawing::Waterfall(waterfall) => waterfall_chart(&chart.title, waterfall),
        Drawing::Lines(lines) => Some(line_chart(&chart.title, lines)),
        Drawing::Fan(fan) => Some(fan_chart(&chart.title, fan)),
        Drawing::Figures(figures) => {
            let mut out = String::new();
            for figure in &figures.figures {
                let [label, value, note] = [&figure.label, &figure.value, &figure.note].map(|t| markdown::text(t));
                let note = if figure.note.trim().is_empty() { String::new() } else { format!(" ({note})") };
                out.push_str(&format!("- {label}: **{value}**{note}\n"));
            }
            return out;
        }
    };
    diagram.map_or_else(String::new, |text| format!("```mermaid\n{text}```\n"))
}

/// The parts of an `xychart-beta`.
struct Xy<'a> {
    horizontal: bool,
    title: String,
    labels: Vec<String>,
    axis: &'a str,
    from: String,
    to: String,
    /// `bar` or `line`, with the values as they are written.
    series: Vec<(&'static str, Vec<String>)>,
    /// The colours of the series. Those that Mermaid has of its own are too pale for a line.
    colours: Option<&'static str>,
    /// Whether numbers stand along the axis; not where every label says its own, and long ones would run into each other.
    numbered: bool,
}

impl Xy<'_> {
    fn write(self) -> String {
        let direction = if self.horizontal { " horizontal" } else { "" };
        let colours =
            self.colours.map(|c| format!("\"themeVariables\": {{\"xyChart\": {{\"plotColorPalette\": \"{c}\"}}}}"));
        let axis = (!self.numbered)
            .then(|| "\"xyChart\": {\"yAxis\": {\"showLabel\": false, \"showTick\": false}}".to_owned());
        let settings: Vec<String> = axis.into_iter().chain(colours).collect();
        let mut out = String::new();
        if !settings.is_empty() {
            out.push_str(&format!("%%{{init: {{{}}}}}%%\n", settings.join(", ")));
        }
        out.push_str(&format!(
            "xychart-beta{direction}\n    title {}\n    x-axis [{}]\n    y-axis {} {} --> {}\n",
            self.title,
            self.labels.join(", "),
            label(self.axis),
            self.from,
            self.to,
        ));
        for (kind, values) in self.series {
            out.push_str(&format!("    {kind} [{}]\n", values.join(", ")));
        }
        out
    }
}

/// Bars from zero. A second row of bars would hide the first: over bars that stand in the order of time, a second value is
/// a line; beside others, it is written at the label. Bars without a value are left out: they would read as zero. `None`
/// where none is left.
fn bar_chart(title: &str, bars: &Bars) -> Option<String> {
    let known: Vec<_> = bars.bars.iter().filter_map(|bar| Some((bar, bar.value?))).collect();
    let seconds: Option<Vec<i64>> = known.iter().map(|(bar, _)| bar.second.as_ref().map(|s| s.value)).collect();
    let vertical = bars.shape == Shape::Vertical;
    let seconds = seconds.filter(|_| vertical).unwrap_or_default();
    let named = |bar: &super::Bar| match &bar.second {
        Some(second) if !vertical => with_values(&bar.label, &format!("{} ({})", bar.shown, second.shown)),
        _ => label(&bar.label),
    };
    let compared = !vertical && known.iter().any(|(bar, _)| bar.second.is_some());
    let title = match bars.names.as_slice() {
        [first, second] if compared => quoted(&format!("{title}: {first} ({second})"), MAX_TITLE),
        _ => label(title),
    };
    let largest = known.iter().map(|(_, v)| *v).chain(seconds.iter().copied()).max().filter(|v| *v > 0)?;
    let written = |value: i64| in_unit(value, bars.unit);
    let mut series = vec![("bar", known.iter().map(|(_, v)| written(*v)).collect())];
    if !seconds.is_empty() {
        series.push(("line", seconds.iter().map(|v| written(*v)).collect()));
    }
    Some(
        Xy {
            horizontal: !vertical,
            title,
            labels: known.iter().map(|(bar, _)| named(bar)).collect(),
            axis: &bars.axis,
            from: "0".to_owned(),
            to: written(largest),
            series,
            colours: None,
            numbered: true,
        }
        .write(),
    )
}

/// The longer bar is the later time, the shorter one over it the median; both are written at the label. Where a time is
/// not reached, the bar ends where knowledge ends, and the label says so.
fn time_chart(title: &str, times: &Times) -> Option<String> {
    let days = |seconds: i64| tenths(seconds.saturating_mul(10) / DAY);
    let rows: Vec<_> =
        times.rows.iter().filter_map(|r| Some((r, r.median.known.seconds()?, r.p90.known.seconds()?))).collect();
    let largest = rows.iter().map(|(_, median, p90)| *median.max(p90)).max().filter(|s| *s >= DAY / 10)?;
    let title = format!("{title}: {}, {}", times.names.0, times.names.1);
    Some(
        Xy {
            horizontal: true,
            title: quoted(&title, MAX_TITLE),
            labels: rows
                .iter()
                .map(|(r, ..)| with_values(&r.label, &format!("{}, {}", r.median.short, r.p90.short)))
                .collect(),
            axis: &times.axis,
            from: "0".to_owned(),
            to: days(largest),
            series: vec![
                ("bar", rows.iter().map(|(_, _, p90)| days(*p90)).collect()),
                ("bar", rows.iter().map(|(_, median, _)| days(*median)).collect()),
            ],
            colours: Some("#9ccbe8, #0072b2"),
            numbered: true,
        }
        .write(),
    )
}

/// Bars cannot hang in the air here, so each one is the level that its step leads to, and its label says the step.
/// `None` where a level is below zero, which a bar cannot show.
fn waterfall_chart(title: &str, waterfall: &Waterfall) -> Option<String> {
    let levels: Vec<i64> = waterfall.levels().iter().map(|(_, to)| *to).collect();
    let largest = levels.iter().copied().max().filter(|v| *v > 0)?;
    if levels.iter().any(|level| *level < 0) {
        return None;
    }
    let labels = waterfall.steps.iter().map(|s| with_values(&s.label, &s.shown)).collect();
    let series = vec![("bar", levels.iter().map(i64::to_string).collect())];
    let (from, to) = ("0".to_owned(), largest.to_string());
    let (axis, title, colours) = (waterfall.axis.as_str(), label(title), Some("#0072b2"));
    Some(Xy { horizontal: true, title, labels, axis, from, to, series, colours, numbered: false }.write())
}

fn line_chart(title: &str, lines: &Lines) -> String {
    let values = || lines.lines.iter().flat_map(|l| &l.points).map(|p| p.value);
    let written = |value: i64| in_unit(value, lines.unit);
    let (low, high) = (values().min().unwrap_or(0).min(0), values().max().unwrap_or(0).max(0));
    let names: Vec<&str> = lines.lines.iter().map(|l| l.name.as_str()).filter(|n| !n.trim().is_empty()).collect();
    let title = if names.is_empty() { title.to_owned() } else { format!("{title}: {}", names.join(", ")) };
    Xy {
        horizontal: false,
        title: quoted(&title, MAX_TITLE),
        labels: lines.labels.iter().map(|l| label(l)).collect(),
        axis: &lines.axis,
        from: written(low),
        to: written(high),
        series: lines.lines.iter().map(|l| ("line", l.points.iter().map(|p| written(p.value)).collect())).collect(),
        colours: Some("#0072b2, #d55e00"),
        numbered: true,
    }
    .write()
}

/// There are no bands here: the line in the middle, and one at each edge.
fn fan_chart(title: &str, fan: &Fan) -> String {
    let target: Vec<i64> = fan.target.iter().flat_map(|target| fan.labels.iter().map(|_| target.value)).collect();
    let largest = fan.high.iter().chain(&fan.middle).map(|p| p.value).chain(target.iter().copied()).max();
    let line = |points: &[super::Point]| ("line", points.iter().map(|p| p.value.to_string()).collect());
    let mut series = vec![line(&fan.middle), line(&fan.low), line(&fan.high)];
    let mut names = vec![fan.names.0.as_str(), fan.names.1.as_str()];
    if !target.is_empty() {
        series.push(("line", target.iter().map(i64::to_string).collect()));
        names.push(&fan.names.2);
    }
    let names: Vec<&str> = names.into_iter().filter(|name| !name.trim().is_empty()).collect();
    let title = if names.is_empty() { title.to_owned() } else { format!("{title}: {}", names.join(", ")) };
    Xy {
        horizontal: false,
        title: quoted(&title, MAX_TITLE),
        labels: fan.labels.iter().map(|l| label(l)).collect(),
        axis: &fan.axis,
        from: "0".to_owned(),
        to: largest.unwrap_or(0).max(1).to_string(),
        series,
        colours: Some("#0072b2, #6aaed6, #6aaed6, #6b7280"),
        numbered: true,
    }
    .write()
}

/// A Sankey diagram takes letters of ASCII only, and no circle: what goes back ends in a node of its own. `None` where the
/// labels do not fit, or two are alike.
fn sankey(flow: &Flow) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || " ,.()'+/-".contains(c);
    let back = flow.back.trim();
    let mut labels: Vec<&str> = flow.nodes.iter().map(|n| n.label.trim()).collect();
    if !labels.iter().chain([&back]).all(|l| !l.is_empty() && l.len() <= MAX_LABEL && l.chars().all(fits)) {
        return None;
    }
    let row = |link: &super::Link| {
        let (from, to) = (labels.get(link.from)?, labels.get(link.to)?);
        let back = if flow.is_back(link) { format!("{back} ") } else { String::new() };
        Some(format!("\"{from}\",\"{back}{to}\",{}\n", link.value))
    };
    let rows: Vec<String> = flow.links.iter().map(row).collect::<Option<_>>()?;
    labels.sort_unstable();
    let twice = labels.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    (!twice).then(|| format!("sankey-beta\n\n{}", rows.concat()))
}

/// Boxes and arrows, with the numbers at the arrows; what goes back is dotted.
fn flowchart(flow: &Flow) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (at, node) in flow.nodes.iter().enumerate() {
        out.push_str(&format!("    n{at}[{}]\n", label(&node.label)));
    }
    for link in &flow.links {
        let arrow = if flow.is_back(link) { "-.->" } else { "-->" };
        out.push_str(&format!("    n{} {arrow}|{}| n{}\n", link.from, label(&link.shown), link.to));
    }
    out
}

/// Shares are written in percent.
fn in_unit(value: i64, unit: Unit) -> String {
    match unit {
        Unit::Whole => value.to_string(),
        Unit::Share => tenths(value),
    }
}

/// A number of tenths as a decimal.
fn tenths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / 10, value.unsigned_abs() % 10);
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// A text as a quoted label. A double quote cannot be escaped, a backtick begins formatted text, `%%{` begins a directive
/// anywhere, `#…;` is an entity: each is replaced by something that looks alike; what does not print is left out.
fn label(text: &str) -> String {
    quoted(text, MAX_LABEL)
}

/// A label with its values behind it; where both are too long, the name is cut and the values are not.
fn with_values(name: &str, values: &str) -> String {
    let (name, room) = (markdown::plain(name), MAX_LABEL.saturating_sub(values.chars().count() + 2).max(8));
    let cut: String = match name.char_indices().nth(room) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or_default().trim_end()),
        None => name,
    };
    quoted(&format!("{cut}: {values}"), 2 * MAX_LABEL)
}

fn quoted(text: &str, longest: usize) -> String {
    let plain = markdown::plain(text);
    let looks = |c: char| match c {
        '"' | '`' => '\'',
        '<' => '‹',
        '>' => '›',
        '%' => '％',
        '#' => '＃',
        '\\' => '＼',
        '{' => '(',
        '}' => ')',
        c => c,
    };
    // One alone begins nothing, and many fonts lack the one that looks alike.
    let plain = plain.trim();
    let alone = |at: usize| {
        let beside = |c: Option<char>| matches!(c, Some('%' | '{'));
        let after = plain.get(at + 1..).and_then(|rest| rest.chars().next());
        !beside(plain.get(..at).and_then(|before| before.chars().next_back())) && !beside(after)
    };
    let safe: String = plain.char_indices().map(|(at, c)| if c == '%' && alone(at) { c } else { looks(c) }).collect();
    let cut: String = match safe.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", safe.get(..at).unwrap_or_default().trim_end()),
        None => safe,
    };
    format!("\"{}\"", if cut.is_empty() { "?" } else { &cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::report::chart::{Bar, Known, Length, Line, Link, Node, Place, Point, Step, TimeRow};

    fn bar(label: &str, value: i64) -> Bar {
        let shown = value.to_string();
        Bar { label: label.to_owned(), value: Some(value), shown, range: None, second: None, onward: String::new() }
    }

    fn chart(title: &str, drawing: Drawing) -> String {
        block(&Chart { title: title.to_owned(), alt: String::new(), drawing })
    }

    fn bars(title: &str, axis: &str, bars: &[Bar], horizontal: bool) -> String {
        let shape = if horizontal { Shape::Horizontal } else { Shape::Vertical };
        let bars = Bars { axis: axis.to_owned(), unit: Unit::Whole, shape, names: Vec::new(), bars: bars.to_vec() };
        chart(title, Drawing::Bars(bars))
    }

    #[test]
    fn draws_quoted_labels_from_zero() {
        let chart = bars("Open deals", "deals", &[bar("Бриф", 3), bar("Say \"yes\"\n", 1)], true);
        assert_eq!(
            chart,
            "```mermaid\nxychart-beta horizontal\n    title \"Open deals\"\n    x-axis [\"Бриф\", \"Say 'yes'\"]\n    \
             y-axis \"deals\" 0 --> 3\n    bar [3, 1]\n```\n"
        );
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(bars("t", "a", &[], false), "");
        assert_eq!(bars("t", "a", &[bar("x", 0)], false), "");
        assert_eq!(bars("t", "a", &[bar("x", 5), bar("y", -1)], false), "");
        assert_eq!(bars("t", "a", &[bar("x", i64::MAX)], false), "");
    }

    #[test]
    fn labels_cannot_break_out() {
        assert_eq!(label("a\"]\n%%{init: {}}%% `x`"), "\"a'] ％％(init: ())％％ 'x'\"");
        assert_eq!(label(" "), "\"?\"");
        assert_eq!(label(&"x".repeat(50)).chars().count(), MAX_LABEL + 3);
    }

    #[test]
    fn bars_of_which_nothing_is_known_are_left_out() {
        let mut unknown = bar("new", 0);
        unknown.value = None;
        let mut compared = bar("x", 5);
        compared.second = Some(Point { value: 7, shown: "7".to_owned() });
        let drawn = bars("t", "a", &[compared, unknown], false);
        assert_eq!(
            drawn,
            "```mermaid\nxychart-beta\n    title \"t\"\n    x-axis [\"x\"]\n    y-axis \"a\" 0 --> 7\n    bar [5]\n    \
             line [7]\n```\n"
        );
    }

    #[test]
    fn a_flow_is_a_sankey_without_circles_or_a_flowchart() {
        let node = |label: &str, place| Node { label: label.to_owned(), place, shown: String::new() };
        let link = |from, to, value: i64| Link { from, to, value, shown: value.to_string() };
        let mut flow = Flow {
            nodes: vec![node("Brief", Place::Stage), node("Proposal, sent", Place::Stage), node("won", Place::Won)],
            links: vec![link(0, 1, 5), link(1, 2, 3), link(1, 0, 1)],
            back: "back to".to_owned(),
        };
        assert_eq!(
            chart("t", Drawing::Flow(flow.clone())),
            "```mermaid\nsankey-beta\n\n\"Brief\",\"Proposal, sent\",5\n\"Proposal, sent\",\"won\",3\n\"Proposal, \
             sent\",\"back to Brief\",1\n```\n"
        );
        flow.nodes[0].label = "Бриф".to_owned();
        assert_eq!(
            chart("t", Drawing::Flow(flow.clone())),
            "```mermaid\nflowchart LR\n    n0[\"Бриф\"]\n    n1[\"Proposal, sent\"]\n    n2[\"won\"]\n    n0 -->|\"5\"| \
             n1\n    n1 -->|\"3\"| n2\n    n1 -.->|\"1\"| n0\n```\n"
        );
        flow.links.push(link(0, 9, 1));
        assert_eq!(chart("t", Drawing::Flow(flow)), "", "a link to nowhere");
    }

    #[test]
    fn times_stand_over_each_other_and_say_what_is_not_reached() {
        let length = |known, shown: &str| Length {
            known,
            shown: shown.to_owned(),
            short: shown.trim_start_matches("not reached ").to_owned(),
        };
        let days = |days: i64| Known::Exactly { seconds: days * DAY };
        let row = |label: &str, median, p90| TimeRow { label: label.to_owned(), median, p90 };
        let times = Times {
            axis: "days".to_owned(),
            names: ("half".to_owned(), "nine of ten".to_owned()),
            rows: vec![
                row("Brief", length(days(4), "4 d"), length(days(12), "12 d")),
                row(
                    "Offer",
                    length(days(9), "9 d"),
                    length(Known::Beyond { seconds: 20 * DAY }, "not reached (> 20 d)"),
                ),
                row("New", length(Known::TooEarly, "too early (n = 1)"), length(Known::TooEarly, "too early (n = 1)")),
            ],
        };
        assert_eq!(
            chart("Time", Drawing::Times(times)),
            "```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#9ccbe8, #0072b2\"}}}}%%\nxychart-beta horizontal\n    title \"Time: half, nine of ten\"\n    x-axis [\"Brief: 4 d, 12 d\", \
             \"Offer: 9 d, (› 20 d)\"]\n    y-axis \"days\" 0 --> 20\n    bar [12, 20]\n    bar [4, 9]\n```\n"
        );
    }

    #[test]
    fn a_waterfall_is_the_level_after_each_step() {
        let step = |label: &str, value: i64, shown: &str, is_total| Step {
            label: label.to_owned(),
            value,
            shown: shown.to_owned(),
            is_total,
            is_good: value >= 0,
        };
        let mut waterfall = Waterfall {
            axis: "EUR".to_owned(),
            steps: vec![
                step("Start", 100, "100", true),
                step("New", 30, "+30", false),
                step("Lost", -50, "−50", false),
                step("End", 80, "80", true),
            ],
        };
        assert_eq!(
            chart("Change", Drawing::Waterfall(waterfall.clone())),
            "```mermaid\n%%{init: {\"xyChart\": {\"yAxis\": {\"showLabel\": false, \"showTick\": false}}, \"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#0072b2\"}}}}%%\nxychart-beta horizontal\n    title \"Change\"\n    x-axis [\"Start: 100\", \"New: +30\", \"Lost: \
             −50\", \"End: 80\"]\n    y-axis \"EUR\" 0 --> 130\n    bar [100, 130, 80, 80]\n```\n"
        );
        waterfall.steps[2].value = -500;
        assert_eq!(chart("Change", Drawing::Waterfall(waterfall)), "", "a bar cannot show a level below zero");
    }

    #[test]
    fn lines_keep_their_sign_and_shares_are_in_percent() {
        let points = |values: &[i64]| values.iter().map(|v| Point { value: *v, shown: String::new() }).collect();
        let lines = Lines {
            axis: "%".to_owned(),
            unit: Unit::Share,
            labels: vec!["a".to_owned(), "b".to_owned()],
            lines: vec![Line { name: "won".to_owned(), points: points(&[-5, 1000]) }],
        };
        assert_eq!(
            chart("t", Drawing::Lines(lines)),
            "```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#0072b2, #d55e00\"}}}}%%\nxychart-beta\n    title \"t: won\"\n    x-axis [\"a\", \"b\"]\n    y-axis \"%\" -0.5 --> 100\n    \
             line [-0.5, 100]\n```\n"
        );
    }
}
