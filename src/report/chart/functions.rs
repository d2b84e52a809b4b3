//! What templates call to draw charts.
//!
//! A call leaves a mark in the text and the chart in a list. Where there is nothing to draw, it leaves nothing: the table
//! beside it says all of it anyway.

use std::sync::{Arc, Mutex};

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use pulldown_cmark::{Event, Parser};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{
    Bar, Bars, Chart, Drawing, Fan, Figure, Figures, Flow, Known, Length, Line, Lines, Link, Node, Place, Point, Shape,
    Step, TimeRow, Times, Unit, Waterfall,
};
use crate::format::money::parse_decimal;
use crate::report::lang::Lang;
use crate::report::{number, page};

/// The charts that the templates of one report have asked for, in their order.
pub type Drawn = Arc<Mutex<Vec<Chart>>>;

/// Charts of one report beyond which no more is drawn.
const MAX_CHARTS: usize = 100;

/// Gives templates the functions that draw.
///
/// | function | draws |
/// | --- | --- |
/// | `bar_chart(title, axis, labels, values, horizontal=true, funnel=false, unit="whole", low, high, second, names, onward, alt)` | bars; values are numbers, money or, with `unit="share"`, estimates of shares |
/// | `flow_chart(title, nodes, links, back="back to", alt)` | a flow; nodes are names or `{label, place, value}` with the places `stage`, `won`, `lost`, `end` |
/// | `time_chart(title, rows, names, axis="days", alt)` | lengths of time; rows are `{label, median_seconds, p90_seconds}` |
/// | `waterfall_chart(title, steps, axis="", alt)` | steps `{label, amount or value, is_total, is_good}`; without a word, what goes up is good |
/// | `line_chart(title, axis, labels, values, second, names, unit="whole", alt)` | one line or two |
/// | `fan_chart(title, axis, labels, values, low, high, names, target, alt)` | a line in the middle of a band, and what is to be reached; numbers or money |
/// | `figures(list)` | big numbers `{label, value, note}` |
pub fn add_to(env: &mut Environment<'_>, lang: Lang, drawn: &Drawn) {
    let keep = |drawn: &Drawn| {
        let drawn = Arc::clone(drawn);
        move |chart: Option<Chart>| leave(&drawn, chart)
    };
    let out = keep(drawn);
    env.add_function(
        "bar_chart",
        move |title: &Value, axis: &Value, labels: Vec<Value>, values: Vec<Value>, options: Kwargs| {
            out(bar_chart(lang, title, axis, &labels, &values, &options)?)
        },
    );
    let out = keep(drawn);
    env.add_function("flow_chart", move |title: &Value, nodes: Vec<Value>, links: Vec<Value>, options: Kwargs| {
        out(flow_chart(lang, title, &nodes, &links, &options)?)
    });
    let out = keep(drawn);
    env.add_function("time_chart", move |title: &Value, rows: Vec<Value>, options: Kwargs| {
        out(time_chart(lang, title, &rows, &options)?)
    });
    let out = keep(drawn);
    env.add_function("waterfall_chart", move |title: &Value, steps: Vec<Value>, options: Kwargs| {
        out(waterfall_chart(lang, title, &steps, &options)?)
    });
    let out = keep(drawn);
    env.add_function(
        "line_chart",
        move |title: &Value, axis: &Value, labels: Vec<Value>, values: Vec<Value>, options: Kwargs| {
            out(line_chart(lang, title, axis, &labels, &values, &options)?)
        },
    );
    let out = keep(drawn);
    env.add_function(
        "fan_chart",
        move |title: &Value, axis: &Value, labels: Vec<Value>, values: Vec<Value>, options: Kwargs| {
            out(fan_chart(lang, title, axis, &labels, &values, &options)?)
        },
    );
    let out = keep(drawn);
    env.add_function("figures", move |list: Vec<Value>| out(figures(&list)?));
}

/// Keeps a chart that can be drawn and prints its mark.
fn leave(drawn: &Drawn, chart: Option<Chart>) -> Result<Value, Error> {
    let Some(chart) = chart.filter(Chart::is_drawable) else { return Ok(Value::from_safe_string(String::new())) };
    // A list that was being written to when something failed is as good as before: charts are added whole.
    let mut drawn = drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if drawn.len() >= MAX_CHARTS {
        return Err(invalid(format!("a report has at most {MAX_CHARTS} charts")));
    }
    drawn.push(chart);
    Ok(Value::from_safe_string(page::mark(drawn.len() - 1)))
}

fn bar_chart(
    lang: Lang,
    title: &Value,
    axis: &Value,
    labels: &[Value],
    values: &[Value],
    options: &Kwargs,
) -> Result<Option<Chart>, Error> {
    let horizontal = options.get::<Option<bool>>("horizontal")?.unwrap_or(true);
    let funnel = options.get::<Option<bool>>("funnel")?.unwrap_or(false);
    let unit = unit(options)?;
    let [low, high, second, onward] =
        [list(options, "low")?, list(options, "high")?, list(options, "second")?, list(options, "onward")?];
    let names = list(options, "names")?.iter().map(plain).collect();
    let alt = alt(options)?;
    let mut bars = Vec::with_capacity(labels.len());
    for (at, (label, value)) in labels.iter().zip(values).enumerate() {
        // A number that is not known would be a missing bar, which reads as zero: then no chart at all. An estimate says
        // why it is not known.
        let Some(measure) = measure(lang, value, unit)? else { return Ok(None) };
        let bound = |bounds: &[Value]| bounds.get(at).map(|v| whole(v, unit)).transpose().map(Option::flatten);
        let range = bound(&low)?.zip(bound(&high)?).or(measure.range);
        let second = second.get(at).map(|v| self::measure(lang, v, unit)).transpose()?.flatten();
        let second = second.and_then(|m| Some(Point { value: m.value?, shown: m.shown }));
        let onward = onward.get(at).map(|v| estimated_share(lang, v)).transpose()?.unwrap_or_default();
        bars.push(Bar { label: plain(label), value: measure.value, shown: measure.shown, range, second, onward });
    }
    let shape = match (funnel, horizontal) {
        (true, _) => Shape::Funnel,
        (false, true) => Shape::Horizontal,
        (false, false) => Shape::Vertical,
    };
    let bars = Bars { axis: plain(axis), unit, shape, names, bars };
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Bars(bars) }))
}

fn flow_chart(
    lang: Lang,
    title: &Value,
    nodes: &[Value],
    links: &[Value],
    options: &Kwargs,
) -> Result<Option<Chart>, Error> {
    let back = options.get::<Option<Value>>("back")?.map_or_else(|| "back to".to_owned(), |v| plain(&v));
    let alt = alt(options)?;
    let node = |value: &Value| -> Result<Node, Error> {
        if value.kind() == ValueKind::String {
            return Ok(Node { label: plain(value), place: Place::Stage, shown: String::new() });
        }
        let place = match member(value, "place")?.as_str() {
            Some("stage") | None => Place::Stage,
            Some("won") => Place::Won,
            Some("lost") => Place::Lost,
            Some("end") => Place::End,
            Some(other) => return Err(invalid(format!("a node is a stage, won, lost or an end, not {other:?}"))),
        };
        let own = member(value, "value")?;
        let own = if own.is_none() || own.is_undefined() { None } else { measure(lang, &own, Unit::Whole)? };
        Ok(Node { label: plain(&value.get_attr("label")?), place, shown: own.map_or_else(String::new, |m| m.shown) })
    };
    let nodes: Vec<Node> = nodes.iter().map(node).collect::<Result<_, _>>()?;
    let mut flow = Flow { nodes, links: Vec::with_capacity(links.len()), back };
    for link in links {
        let index = |name: &str| -> Result<usize, Error> {
            let index = link.get_attr(name)?.as_usize();
            index.filter(|i| *i < flow.nodes.len()).ok_or_else(|| invalid(format!("a link's {name} is no node")))
        };
        let (from, to) = (index("from")?, index("to")?);
        let Some(measure) = measure(lang, &link.get_attr("value")?, Unit::Whole)? else { return Ok(None) };
        let Some(value) = measure.value else { return Ok(None) };
        let link = Link { from, to, value, shown: measure.shown };
        // A link that nobody took, and one that leads nowhere else, is not seen.
        let between_ends = [from, to].iter().all(|at| flow.nodes.get(*at).is_some_and(|n| n.place != Place::Stage));
        if value != 0 && from != to && !between_ends {
            flow.links.push(link);
        }
    }
    // An end is as large as what came to it; of a stage, more may have come in than its links tell.
    for at in 0..flow.nodes.len() {
        let came = flow.links.iter().filter(|l| l.to == at).fold(0_i64, |sum, l| sum.saturating_add(l.value));
        if let Some(node) = flow.nodes.get_mut(at).filter(|n| n.place != Place::Stage && n.shown.is_empty()) {
            node.shown = number::thousands(&came.to_string(), lang);
        }
    }
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Flow(flow) }))
}

fn time_chart(lang: Lang, title: &Value, rows: &[Value], options: &Kwargs) -> Result<Option<Chart>, Error> {
    let axis = options.get::<Option<Value>>("axis")?.map_or_else(|| "days".to_owned(), |v| plain(&v));
    let names = list(options, "names")?;
    let name = |at: usize, usual: &str| names.get(at).map_or_else(|| usual.to_owned(), plain);
    let names = (name(0, "half are over by"), name(1, "nine of ten are over by"));
    let alt = alt(options)?;
    let row = |value: &Value| -> Result<TimeRow, Error> {
        let length = |name: &str| length(lang, &value.get_attr(name)?);
        Ok(TimeRow {
            label: plain(&value.get_attr("label")?),
            median: length("median_seconds")?,
            p90: length("p90_seconds")?,
        })
    };
    let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
    let times = Times { axis, names, rows };
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Times(times) }))
}

fn waterfall_chart(lang: Lang, title: &Value, steps: &[Value], options: &Kwargs) -> Result<Option<Chart>, Error> {
    let axis = options.get::<Option<Value>>("axis")?.map_or_else(String::new, |v| plain(&v));
    let alt = alt(options)?;
    let mut drawn = Vec::with_capacity(steps.len());
    for step in steps {
        let amount = member(step, "amount")?;
        let amount = if amount.is_undefined() { step.get_attr("value")? } else { amount };
        let Some(value) = whole(&amount, Unit::Whole)? else { return Ok(None) };
        let is_total = member(step, "is_total")?.is_true();
        let digits = number::thousands(&value.unsigned_abs().to_string(), lang);
        let shown = match (is_total, value) {
            (true, 0..) | (_, 0) => digits,
            (false, 0..) => format!("+{digits}"),
            (_, ..0) => format!("−{digits}"),
        };
        let good = member(step, "is_good")?;
        let is_good = if good.is_undefined() || good.is_none() { value >= 0 } else { good.is_true() };
        drawn.push(Step { label: plain(&step.get_attr("label")?), value, shown, is_total, is_good });
    }
    let waterfall = Waterfall { axis, steps: drawn };
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Waterfall(waterfall) }))
}

fn line_chart(
    lang: Lang,
    title: &Value,
    axis: &Value,
    labels: &[Value],
    values: &[Value],
    options: &Kwargs,
) -> Result<Option<Chart>, Error> {
    let unit = unit(options)?;
    let names: Vec<String> = list(options, "names")?.iter().map(plain).collect();
    let second = list(options, "second")?;
    let alt = alt(options)?;
    let mut lines = Vec::new();
    for (at, values) in [values, &second].into_iter().enumerate().filter(|(at, v)| *at == 0 || !v.is_empty()) {
        let mut points = Vec::with_capacity(values.len());
        for value in values {
            // A gap in a line reads as a straight way from one side to the other.
            let Some(measure) = measure(lang, value, unit)? else { return Ok(None) };
            let Some(value) = measure.value else { return Ok(None) };
            points.push(Point { value, shown: measure.shown });
        }
        lines.push(Line { name: names.get(at).cloned().unwrap_or_default(), points });
    }
    let lines = Lines { axis: plain(axis), unit, labels: labels.iter().map(plain).collect(), lines };
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Lines(lines) }))
}

fn fan_chart(
    lang: Lang,
    title: &Value,
    axis: &Value,
    labels: &[Value],
    middle: &[Value],
    options: &Kwargs,
) -> Result<Option<Chart>, Error> {
    let name = |names: &[Value], at: usize| names.get(at).map_or_else(String::new, plain);
    let [names, low, high] = [list(options, "names")?, list(options, "low")?, list(options, "high")?];
    let target = options.get::<Option<Value>>("target")?;
    let alt = alt(options)?;
    let point = |value: &Value| -> Result<Option<Point>, Error> {
        let measure = measure(lang, value, Unit::Whole)?;
        Ok(measure.and_then(|m| Some(Point { value: m.value?, shown: m.shown })))
    };
    // A gap reads as a straight way from one side to the other.
    let line = |values: &[Value]| values.iter().map(point).collect::<Result<Option<Vec<Point>>, Error>>();
    let [Some(low), Some(middle), Some(high)] = [line(&low)?, line(middle)?, line(&high)?] else {
        return Ok(None);
    };
    let target = target.as_ref().map(point).transpose()?.flatten();
    let names = (name(&names, 0), name(&names, 1), name(&names, 2));
    let labels = labels.iter().map(plain).collect();
    let fan = Fan { axis: plain(axis), labels, names, low, middle, high, target };
    Ok(Some(Chart { title: plain(title), alt, drawing: Drawing::Fan(fan) }))
}

fn figures(list: &[Value]) -> Result<Option<Chart>, Error> {
    let figure = |value: &Value| -> Result<Figure, Error> {
        let note = member(value, "note")?;
        let note = if note.is_none() || note.is_undefined() { String::new() } else { plain(&note) };
        Ok(Figure { label: plain(&value.get_attr("label")?), value: plain(&value.get_attr("value")?), note })
    };
    let figures = list.iter().map(figure).collect::<Result<_, _>>()?;
    let drawing = Drawing::Figures(Figures { figures });
    Ok(Some(Chart { title: String::new(), alt: String::new(), drawing }))
}

/// A value with its text.
struct Measure {
    /// `None` for an estimate that is not known.
    value: Option<i64>,
    shown: String,
    range: Option<(i64, i64)>,
}

/// A number, an amount or an estimate; `None` where it is not known or too large to draw.
fn measure(lang: Lang, value: &Value, unit: Unit) -> Result<Option<Measure>, Error> {
    if value.kind() == ValueKind::Map {
        let state = member(value, "state")?;
        match state.as_str() {
            Some("known") => {
                let inner = value.get_attr("value")?;
                let bound = |name: &str| whole(&value.get_attr(name)?, unit);
                let range = bound("low")?.zip(bound("high")?);
                return Ok(measure(lang, &inner, unit)?.map(|m| Measure { range, ..m }));
            }
            Some(_) => {
                let shown = match unit {
                    Unit::Share => estimated_share(lang, value)?,
                    Unit::Whole => length(lang, value)?.shown,
                };
                return Ok(Some(Measure { value: None, shown, range: None }));
            }
            None => {}
        }
    }
    let Some(number) = whole(value, unit)? else { return Ok(None) };
    let shown = match unit {
        Unit::Whole => number::thousands(&number.to_string(), lang),
        Unit::Share => number_of(value).map_or_else(|| number::NONE.to_owned(), |v| number::share(v, lang)),
    };
    Ok(Some(Measure { value: Some(number), shown, range: None }))
}

/// A number or an amount in whole units, or a share in thousandths.
fn whole(value: &Value, unit: Unit) -> Result<Option<i64>, Error> {
    if value.is_none() {
        return Ok(None);
    }
    if value.is_number() {
        let scale = if unit == Unit::Share { 1000.0 } else { 1.0 };
        // A float outside the range of whole numbers becomes the nearest of them, which is too large to be drawn.
        return Ok(number_of(value).filter(|v| v.is_finite()).map(|v| (v * scale).round() as i64));
    }
    let amount = value.get_attr("amount")?;
    match amount.as_str() {
        Some(text) => {
            let amount: Decimal = parse_decimal(text).map_err(|_| invalid(format!("{text:?} is no amount")))?;
            Ok(amount.round().to_i64())
        }
        None if amount.is_none() => Ok(None),
        None => Err(invalid(format!("a {} can not be drawn", value.kind()))),
    }
}

/// A length of time: an estimate, a number of seconds, or nothing.
fn length(lang: Lang, value: &Value) -> Result<Length, Error> {
    let seconds = |value: &Value| number_of(value).and_then(|v| v.to_i64());
    let none = || number::NONE.to_owned();
    if value.is_none() || value.is_number() {
        return Ok(match seconds(value) {
            Some(seconds) => {
                let shown = number::length(seconds, lang);
                Length { known: Known::Exactly { seconds }, short: shown.clone(), shown }
            }
            None => Length { known: Known::TooEarly, shown: none(), short: none() },
        });
    }
    let state = value.get_attr("state")?;
    Ok(match state.as_str() {
        Some("known") => return length(lang, &value.get_attr("value")?),
        Some("not_reached") => {
            let seconds = seconds(&value.get_attr("beyond")?).unwrap_or(0);
            let length = number::length(seconds, lang);
            let shown = lang.say("not reached (> {beyond})", None, |_| Some(length.clone())).unwrap_or_default();
            Length { known: Known::Beyond { seconds }, shown, short: format!("> {length}") }
        }
        Some("too_early") => Length { known: Known::TooEarly, shown: too_early(lang, value)?, short: none() },
        _ => return Err(invalid("neither an estimate nor a number")),
    })
}

/// The text of a share that may be an estimate; empty where there is none.
fn estimated_share(lang: Lang, value: &Value) -> Result<String, Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(String::new());
    }
    if value.is_number() {
        return Ok(number_of(value).map_or_else(String::new, |v| number::share(v, lang)));
    }
    let state = value.get_attr("state")?;
    match state.as_str() {
        Some("known") => estimated_share(lang, &value.get_attr("value")?),
        Some("too_early") => too_early(lang, value),
        _ => Err(invalid("neither an estimate nor a share")),
    }
}

fn too_early(lang: Lang, value: &Value) -> Result<String, Error> {
    let n = value.get_attr("n")?.to_string();
    Ok(lang.say("too early (n = {n})", None, |_| Some(n.clone())).unwrap_or_default())
}

fn number_of(value: &Value) -> Option<f64> {
    f64::try_from(value.clone()).ok()
}

/// A member that may be missing.
fn member(value: &Value, name: &str) -> Result<Value, Error> {
    value.get_attr(name).or_else(|e| if e.kind() == ErrorKind::UndefinedError { Ok(Value::UNDEFINED) } else { Err(e) })
}

fn list(options: &Kwargs, name: &str) -> Result<Vec<Value>, Error> {
    Ok(options.get::<Option<Vec<Value>>>(name)?.unwrap_or_default())
}

fn unit(options: &Kwargs) -> Result<Unit, Error> {
    match options.get::<Option<&str>>("unit")? {
        None | Some("whole") => Ok(Unit::Whole),
        Some("share") => Ok(Unit::Share),
        Some(other) => Err(invalid(format!("the unit of a chart is \"whole\" or \"share\", not {other:?}"))),
    }
}

/// The description; nothing else may be left among the options after it.
fn alt(options: &Kwargs) -> Result<String, Error> {
    let alt = options.get::<Option<Value>>("alt")?.map_or_else(String::new, |v| plain(&v));
    options.assert_all_used()?;
    Ok(alt)
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// The text of a value. What a filter made safe is Markdown, of which only the text is taken: whoever draws escapes it in
/// their own way.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(markdown) if value.is_safe() => of_markdown(markdown),
        _ => value.to_string(),
    }
}

fn of_markdown(markdown: &str) -> String {
    // A letter at the beginning keeps a line a line of text, whatever follows.
    let line = format!("x {}", markdown.replace(['\n', '\r'], " "));
    let mut out = String::new();
    for event in Parser::new(&line) {
        if let Event::Text(text) | Event::Code(text) = event {
            out.push_str(&text);
        }
    }
    // Filters put a joiner behind these, so that no forge makes a link of them.
    let out = out.replace("@\u{2060}", "@").replace("#\u{2060}", "#");
    out.strip_prefix("x ").unwrap_or_else(|| out.strip_prefix('x').unwrap_or(&out)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    /// What a template draws and prints.
    fn draw(template: &str) -> Result<(Vec<Chart>, String), String> {
        let drawn = Drawn::default();
        let mut env = Environment::new();
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        add_to(&mut env, Lang::En, &drawn);
        let known = context! {state => "known", value => 0.25, n => 8, low => 0.1, high => 0.4};
        let early = context! {state => "too_early", n => 3};
        let beyond = context! {state => "not_reached", beyond => 20 * 86_400, n => 9};
        let days = context! {state => "known", value => 5 * 86_400, n => 9, low => (), high => ()};
        let money = context! {amount => "1800.50", currency => "EUR"};
        let safe = Value::from_safe_string("`50 \\*` &#60;b&#62; **12 d**".to_owned());
        let text = env
            .render_str(template, context! {known, early, beyond, days, money, safe})
            .map_err(|e| e.detail().unwrap_or_default().to_owned())?;
        let charts = drawn.lock().unwrap().clone();
        assert!(charts.iter().all(Chart::is_drawable));
        Ok((charts, text))
    }

    fn bars(template: &str) -> Vec<Bar> {
        let (charts, _) = draw(template).unwrap();
        match charts.into_iter().next().map(|c| c.drawing) {
            Some(Drawing::Bars(bars)) => bars.bars,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn charts_are_kept_in_their_order_and_marked() {
        let template = "{{ bar_chart('a', 'deals', ['x'], [1]) }}{{ bar_chart('none', 'deals', [], []) }}\
                        {{ figures([{'label': 'Open', 'value': 12}]) }}";
        let (charts, text) = draw(template).unwrap();
        assert_eq!(charts.len(), 2);
        assert_eq!(text, format!("{}{}", page::mark(0), page::mark(1)));
    }

    #[test]
    fn values_are_numbers_money_and_estimates() {
        let drawn = bars("{{ bar_chart('a', 'EUR', ['x', 'y'], [money, 1234.5]) }}");
        assert_eq!(
            drawn.iter().map(|b| (b.value, b.shown.as_str())).collect::<Vec<_>>(),
            [(Some(1800), "1,800"), (Some(1235), "1,235")]
        );
        let drawn = bars("{{ bar_chart('a', '%', ['x', 'y'], [known, early], unit='share', onward=[known, none]) }}");
        assert_eq!(drawn[0].value, Some(250));
        assert_eq!(drawn[0].range, Some((100, 400)));
        assert_eq!(drawn[0].onward, "25 %");
        assert_eq!((drawn[1].value, drawn[1].shown.as_str()), (None, "too early (n = 3)"));
    }

    #[test]
    fn what_is_not_known_is_no_bar_of_zero() {
        assert_eq!(draw("{{ bar_chart('a', 'x', ['a', 'b'], [1, none]) }}").unwrap(), (vec![], String::new()));
        assert_eq!(draw("{{ bar_chart('a', 'x', ['a', 'b'], [1, 1e300]) }}").unwrap(), (vec![], String::new()));
        assert_eq!(draw("{{ bar_chart('a', 'x', ['a', 'b'], [1, -1]) }}").unwrap(), (vec![], String::new()));
    }

    #[test]
    fn flows_times_steps_and_lines_are_read() {
        let (charts, _) = draw(
            "{{ flow_chart('f', ['a', {'label': 'won', 'place': 'won'}], [{'from': 0, 'to': 1, 'value': 3}, {'from': 0, \
             'to': 0, 'value': 9}]) }}{{ time_chart('t', [{'label': 'a', 'median_seconds': days, 'p90_seconds': beyond}]) }}\
             {{ waterfall_chart('w', [{'label': 's', 'amount': money, 'is_total': true}, {'label': 'l', 'value': -5}]) }}\
             {{ line_chart('l', 'deals', ['a', 'b'], [1, 2], second=[2, 3], names=['now', 'then']) }}\
             {{ fan_chart('f', 'EUR', ['a', 'b'], [0, money], low=[0, 1], high=[0, 9000], target=5000) }}",
        )
        .unwrap();
        let [flow, times, steps, lines, fan] = charts.try_into().unwrap();
        assert_eq!(flow.description(), "a → won: 3");
        assert_eq!(times.description(), "a: 5 d, not reached (> 20 d)");
        assert_eq!(steps.description(), "s: 1,800; l: −5");
        assert_eq!(lines.description(), "a: 1; b: 2; a: 2; b: 3");
        assert_eq!(fan.description(), "a: 0 (0 – 0); b: 1,800 (1 – 9,000)");
    }

    #[test]
    fn safe_text_comes_without_its_markdown() {
        let (charts, _) = draw("{{ figures([{'label': '*raw*', 'value': safe, 'note': none}]) }}").unwrap();
        let Drawing::Figures(figures) = &charts[0].drawing else { panic!() };
        assert_eq!(figures.figures[0].label, "*raw*");
        assert_eq!(figures.figures[0].value, "50 \\* <b> 12 d");
        for (markdown, text) in
            [("", ""), ("- 5", "- 5"), ("> 3 d", "> 3 d"), ("18,000 EUR", "18,000 EUR"), ("1\\*", "1*")]
        {
            assert_eq!(of_markdown(markdown), text);
        }
    }

    #[test]
    fn mistakes_are_said() {
        for (template, said) in [
            ("{{ bar_chart('a', 'b', ['x'], ['y']) }}", "can not be drawn"),
            ("{{ bar_chart('a', 'b', ['x'], [1], colour='red') }}", "colour"),
            ("{{ bar_chart('a', 'b', ['x'], [1], unit='kg') }}", "\"kg\""),
            ("{{ flow_chart('a', ['x'], [{'from': 0, 'to': 7, 'value': 1}]) }}", "is no node"),
            ("{% for i in range(200) %}{{ bar_chart('a', 'b', ['x'], [1]) }}{% endfor %}", "at most 100"),
        ] {
            let error = draw(template).unwrap_err();
            assert!(error.contains(said), "{template}: {error}");
        }
    }
}
