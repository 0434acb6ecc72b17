//! What every chart over time has: a frame, axes, a legend and a text for those who do not see it.

use super::Report;
use super::table::scrolling;
use super::windows::Windows;
use super::writer::Html;

/// Width of a chart, in its own units.
const WIDTH: i64 = 760;
/// Height of a chart.
const HEIGHT: i64 = 210;
/// Where the plot begins.
const LEFT: i64 = 70;
/// Where the plot ends.
const RIGHT: i64 = 745;
/// Top of the plot.
pub(super) const TOP: i64 = 12;
/// Bottom of the plot.
pub(super) const BOTTOM: i64 = 150;

/// A chart.
pub(super) struct Chart<'a> {
    /// Where it stands in the document.
    pub(super) id: String,
    /// What it shows.
    pub(super) title: String,
    /// What is to be seen in it, in words.
    pub(super) description: String,
    /// Names of what is drawn, with their classes.
    pub(super) legend: &'a [(&'static str, &'static str)],
    /// Marks of the vertical axis: heights and labels.
    pub(super) marks: Vec<(i64, String)>,
}

impl Chart<'_> {
    /// Draws it; `plot` draws what stands between the axes.
    pub(super) fn draw(
        &self,
        html: &mut Html,
        report: &Report<'_>,
        windows: &Windows,
        plot: impl FnOnce(&mut Html),
    ) {
        let names = [format!("{}-title", self.id), format!("{}-text", self.id)];
        let [title, text] = &names;
        html.element("figure", &[], |html| {
            html.words("figcaption", &[], &self.title);
            scrolling(html, &self.title, |html| {
                let view = format!("0 0 {WIDTH} {HEIGHT}");
                let attributes = [
                    ("class", "chart"),
                    ("viewBox", view.as_str()),
                    ("role", "img"),
                    ("aria-labelledby", title),
                    ("aria-describedby", text),
                ];
                html.element("svg", &attributes, |html| {
                    html.words("title", &[("id", title)], &self.title);
                    html.words("desc", &[("id", text)], &self.description);
                    self.axes(html, report, windows);
                    plot(html);
                    self.legend(html);
                });
            });
        });
    }

    fn axes(&self, html: &mut Html, report: &Report<'_>, windows: &Windows) {
        for (y, label) in &self.marks {
            line(html, "grid", (LEFT, *y), (RIGHT, *y));
            text(html, "axis", "end", (LEFT - 6, y + 4), label);
        }
        line(html, "axis-line", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        let ends = [(0, "start"), (windows.places / 2, "middle"), (windows.places, "end")];
        for (place, anchor) in ends {
            let time = report.times.second(windows.begin(place));
            text(html, "axis", anchor, (left(windows, place), BOTTOM + 18), &time);
        }
    }

    fn legend(&self, html: &mut Html) {
        let mut x = LEFT;
        for (class, name) in self.legend {
            let y = BOTTOM + 36;
            shape(html, class, (x, y), (12, 12));
            text(html, "axis", "start", (x + 17, y + 11), name);
            x += 34 + 7 * i64::try_from(name.chars().count()).unwrap_or_default();
        }
    }
}

/// Where a place begins on the horizontal axis.
pub(super) fn left(windows: &Windows, place: i64) -> i64 {
    LEFT + (RIGHT - LEFT) * place / windows.places.max(1)
}

/// The height of a value on a linear axis that ends at `most`.
pub(super) fn height(value: u64, most: u64) -> i64 {
    let room = u64::try_from(BOTTOM - TOP).unwrap_or_default();
    let value = u128::from(value.min(most)) * u128::from(room) / u128::from(most.max(1));
    i64::try_from(value).unwrap_or_default()
}

/// A rectangle.
pub(super) fn shape(html: &mut Html, class: &str, (x, y): (i64, i64), (width, height): (i64, i64)) {
    let [x, y, width, height] = [x, y, width, height].map(|number| number.to_string());
    html.shape("rect", &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
}

fn line(html: &mut Html, class: &str, (x1, y1): (i64, i64), (x2, y2): (i64, i64)) {
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(|number| number.to_string());
    html.shape("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

fn text(html: &mut Html, class: &str, anchor: &str, (x, y): (i64, i64), text: &str) {
    let (x, y) = (x.to_string(), y.to_string());
    html.words("text", &[("class", class), ("text-anchor", anchor), ("x", &x), ("y", &y)], text);
}

/// The next of 1, 2, 5, 10, 20, … that is not below `value`.
pub(super) fn round_up(value: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let candidate = step.saturating_mul(factor);
            if candidate >= value {
                return candidate;
            }
        }
        step = step.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 1, 3, 7, 11, 60, 500].map(round_up), [1, 1, 5, 10, 20, 100, 500]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn heights_fill_the_plot_and_no_more() {
        assert_eq!([height(0, 10), height(10, 10), height(99, 10)], [0, BOTTOM - TOP, BOTTOM - TOP]);
        assert_eq!(height(u64::MAX, u64::MAX), BOTTOM - TOP);
        assert_eq!(height(5, 0), 0);
    }
}
