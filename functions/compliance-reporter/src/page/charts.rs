//! Charts: inline SVG without text, so that nothing is too small on a phone; labels and figures stand beside them in the page.

use maud::{Markup, html};

use crate::report::number;

/// A part of a whole, by its style and count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) style: &'static str,
    pub(super) name: &'static str,
    pub(super) count: usize,
}

pub(super) fn part(style: &'static str, name: &'static str, count: usize) -> Part {
    Part { style, name, count }
}

fn words(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{} {}", part.count, part.name)).collect::<Vec<_>>().join(", ")
}

/// A whole in one bar. `id` is unique in the page.
pub(super) fn bar(id: &str, title: &str, parts: &[Part]) -> Markup {
    let whole: f64 = parts.iter().map(|part| number(part.count)).sum();
    let mut ends = 0.0;
    let pieces: Vec<_> = parts
        .iter()
        .filter(|part| part.count > 0)
        .map(|part| {
            let (at, width) = (ends, number(part.count) / whole * 100.0);
            ends += width;
            (part.style, format!("{at:.3}"), format!("{width:.3}"))
        })
        .collect();
    html! {
        svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-labelledby={ (id) "-t " (id) "-d" } {
            title id={ (id) "-t" } { (title) }
            desc id={ (id) "-d" } { @if pieces.is_empty() { "nothing to show" } @else { (words(parts)) } }
            rect.empty x="0" y="0" width="100" height="1" {}
            @for (style, x, width) in &pieces { rect class=(style) x=(x) y="0" width=(width) height="1" {} }
        }
    }
}

/// What the colours of a bar mean, with figures.
pub(super) fn legend(parts: &[(Part, Markup)]) -> Markup {
    html! {
        ul.legend {
            @for (part, figure) in parts { li { span class={ "swatch " (part.style) } {} (part.name) " " strong { (figure) } } }
        }
    }
}

/// A line of rates from 0 to 100; where there is none, the line has a gap.
pub(super) fn line(id: &str, title: &str, said: &str, rates: &[Option<f64>]) -> Markup {
    let step = 100.0 / number(rates.len().saturating_sub(1).max(1));
    let mut pieces: Vec<Vec<String>> = vec![Vec::new()];
    for (index, rate) in rates.iter().enumerate() {
        match (rate, pieces.last_mut()) {
            (Some(rate), Some(piece)) => piece.push(format!("{:.2},{:.2}", number(index) * step, 100.0 - rate)),
            _ => pieces.push(Vec::new()),
        }
    }
    html! {
        svg.line viewBox="0 -3 100 106" preserveAspectRatio="none" role="img" aria-labelledby={ (id) "-t " (id) "-d" } {
            title id={ (id) "-t" } { (title) }
            desc id={ (id) "-d" } { (said) }
            @for y in [0, 50, 100] { line.grid x1="0" x2="100" y1=(y) y2=(y) {} }
            @for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                // A line of no length is a dot.
                @let points = if piece.len() == 1 { format!("{0} {0}", piece.concat()) } else { piece.join(" ") };
                polyline points=(points) {}
            }
        }
    }
}

/// A column for each day, of two parts.
pub(super) fn columns(id: &str, title: &str, said: &str, days: &[(usize, usize)], styles: (&'static str, &'static str)) -> Markup {
    let highest = days.iter().map(|(one, other)| one + other).max().unwrap_or(0).max(1);
    let width = number(days.len().max(1));
    html! {
        svg.columns viewBox={ "0 0 " (width) " " (highest) } preserveAspectRatio="none" role="img" aria-labelledby={ (id) "-t " (id) "-d" } {
            title id={ (id) "-t" } { (title) }
            desc id={ (id) "-d" } { (said) }
            @for (index, (one, other)) in days.iter().enumerate() {
                @let x = number(index) + 0.12;
                @if *one > 0 { rect class=(styles.0) x=(x) y=(highest - one) width="0.76" height=(one) {} }
                @if *other > 0 { rect class=(styles.1) x=(x) y=(highest - one - other) width="0.76" height=(other) {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_bar_fill_it() {
        let svg = bar("b", "t", &[part("good", "passed", 3), part("bad", "failed", 1), part("none", "not assessed", 0)]).into_string();
        assert!(svg.contains(r#"x="0.000" y="0" width="75.000""#) && svg.contains(r#"x="75.000" y="0" width="25.000""#), "{svg}");
        assert!(svg.contains("3 passed, 1 failed, 0 not assessed"), "{svg}");
        assert!(bar("b", "t", &[part("good", "passed", 0)]).into_string().contains("nothing to show"));
    }

    #[test]
    fn a_line_breaks_where_there_is_no_rate() {
        let svg = line("l", "t", "d", &[Some(0.0), Some(50.0), None, Some(100.0)]).into_string();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains(r#"points="0.00,100.00 33.33,50.00""#) && svg.contains(r#"points="100.00,0.00 100.00,0.00""#), "{svg}");
        assert!(!line("l", "t", "d", &[]).into_string().contains("NaN"));
    }

    #[test]
    fn columns_stand_on_the_ground() {
        let svg = columns("c", "t", "d", &[(2, 1), (0, 0)], ("good", "bad")).into_string();
        assert!(svg.contains(r#"viewBox="0 0 2 3""#) && svg.contains(r#"y="1" width="0.76" height="2""#), "{svg}");
    }
}
