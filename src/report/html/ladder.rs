//! A connection as a ladder: two lifelines, an arrow for each packet, time going down.

use super::Report;
use super::table::scrolling;
use super::writer::Html;
use crate::facts::{ConnectionFacts, Side};
use crate::report::words::{Ladder, LadderStep, Sender, Standing, Times};
use crate::rules::{Finding, duration};

/// Width of the drawing, in its own units.
const WIDTH: u32 = 760;
/// Where the client's lifeline stands.
const CLIENT: u32 = 140;
/// Where the server's lifeline stands.
const SERVER: u32 = 730;
/// Where frames and times begin.
const LEFT: u32 = 4;
/// Height of the names of the ends.
const HEAD: u32 = 40;
/// Height of a line of text.
const LINE: u32 = 16;
/// Height of what tells of time that passed.
const PAUSE: u32 = 30;
/// Letters that fit between the lifelines.
const LETTERS: usize = 84;
/// Lines of what is said of a packet; the table of packets has all of it.
const LINES: usize = 3;
/// From here on the time between two packets is told, in nanoseconds: 200 ms, which no healthy login takes on a local
/// network.
const TOLD: i64 = 200_000_000;

/// Draws the connection of a finding; `id` names the finding in the document.
pub(super) fn draw(
    html: &mut Html,
    report: &Report<'_>,
    finding: &Finding,
    connection: &ConnectionFacts,
    id: &str,
) {
    let ladder = Ladder::of(connection, finding);
    if ladder.steps.is_empty() {
        return;
    }
    let height = height(&ladder);
    let names = [format!("{id}-ladder"), format!("{id}-steps")];
    let [title, description] = &names;
    scrolling(html, "Diagram of the connection", |html| {
        let view = format!("0 0 {WIDTH} {height}");
        let attributes = [
            ("class", "ladder"),
            ("viewBox", view.as_str()),
            ("role", "img"),
            ("aria-labelledby", title),
            ("aria-describedby", description),
        ];
        html.element("svg", &attributes, |html| {
            let (client, server) = (connection.client, connection.server);
            html.words(
                "title",
                &[("id", title)],
                &format!("The packets between {client} and {server}, in order of time"),
            );
            html.words("desc", &[("id", description)], &in_words(&ladder, &report.times));
            let mut drawing = Drawing { html, times: &report.times, y: HEAD };
            drawing.ends(connection, height);
            drawing.ladder(&ladder);
        });
    });
}

/// The whole diagram as a sentence a step.
fn in_words(ladder: &Ladder, times: &Times) -> String {
    let mut text = String::new();
    for step in &ladder.steps {
        let decisive = if step.standing == Standing::Decisive { " This decides." } else { "" };
        let clock = times.clock(step.moment);
        let frame = times.frame(step.moment.at);
        text.push_str(&format!(
            "{frame} at {clock}, {}: {}.{decisive} ",
            who(step.sender),
            step.names.join(", ")
        ));
    }
    text.push_str(ladder.silence.as_deref().unwrap_or_default());
    text.trim_end().to_owned()
}

fn who(sender: Sender) -> &'static str {
    match sender {
        Sender::End(Side::Client) => "client",
        Sender::End(Side::Server) => "server",
        Sender::InTheNameOf(Side::Client) => "another machine in the client's name",
        Sender::InTheNameOf(Side::Server) => "another machine in the server's name",
        Sender::Network(_) => "network",
    }
}

/// The time before a step, where it is long.
fn pause(ladder: &Ladder, index: usize) -> Option<i64> {
    let before = ladder.steps.get(index.checked_sub(1)?)?;
    let passed = ladder.steps.get(index)?.moment.time.since(before.moment.time);
    (passed >= TOLD).then_some(passed)
}

fn height(ladder: &Ladder) -> u32 {
    let steps: u32 = ladder.steps.iter().map(rung).sum();
    let pauses = (0..ladder.steps.len()).filter(|index| pause(ladder, *index).is_some()).count();
    let pauses = u32::try_from(pauses).unwrap_or_default() + u32::from(ladder.silence.is_some());
    HEAD + steps + pauses * PAUSE + LINE
}

/// Height of a step.
fn rung(step: &LadderStep) -> u32 {
    // Frame and time need two lines beside it.
    let lines = u32::try_from(lines(step).len()).unwrap_or(1).max(1);
    lines * LINE + 22
}

/// The text above the arrow: the names, then what is said of them.
fn lines(step: &LadderStep) -> Vec<String> {
    let mut lines = wrapped(&heading(step), 1);
    let details = step.details.join("; ");
    if !details.is_empty() {
        lines.extend(wrapped(&details, LINES));
    }
    lines
}

fn heading(step: &LadderStep) -> String {
    let mark = if step.standing == Standing::Decisive { "✖ " } else { "" };
    let name = match step.sender {
        Sender::InTheNameOf(Side::Client) => " in the client's name",
        Sender::InTheNameOf(Side::Server) => " in the server's name",
        Sender::End(_) | Sender::Network(_) => "",
    };
    format!("{mark}{}{name}", step.names.join(", "))
}

/// Words into lines; what does not fit into `most` of them is cut.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LETTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let cut = lines.len() > most;
    lines.truncate(most);
    for line in &mut lines {
        if line.chars().count() > LETTERS {
            *line = line.chars().take(LETTERS - 1).chain(['…']).collect();
        }
    }
    if let Some(last) = lines.last_mut().filter(|_| cut) {
        last.push_str(" …");
    }
    lines
}

/// The drawing so far.
struct Drawing<'a> {
    html: &'a mut Html,
    times: &'a Times,
    y: u32,
}

impl Drawing<'_> {
    fn ends(&mut self, connection: &ConnectionFacts, height: u32) {
        let [client, server] =
            [format!("client {}", connection.client), format!("server {}", connection.server)];
        // Two long IPv6 addresses do not fit beside each other.
        let below = if client.len() + server.len() > LETTERS { LINE } else { 0 };
        self.label(LEFT, "start", "end-name", &client, 14);
        self.label(WIDTH - LEFT, "end", "end-name", &server, 14 + below);
        for x in [CLIENT, SERVER] {
            self.line("lifeline", (x, HEAD - 4), (x, height));
        }
    }

    fn ladder(&mut self, ladder: &Ladder) {
        let begin = ladder.steps.first().map(|step| step.moment.time).unwrap_or_default();
        for (index, step) in ladder.steps.iter().enumerate() {
            if let Some(passed) = pause(ladder, index) {
                self.passed(&format!("{} later", duration(passed)), "pause");
            }
            self.step(step, step.moment.time.since(begin));
        }
        if let Some(silence) = &ladder.silence {
            self.passed(&format!("✖ {silence}"), "pause decisive");
        }
    }

    fn step(&mut self, step: &LadderStep, since: i64) {
        let class = match step.standing {
            Standing::Plain => "step",
            Standing::Evidence => "step evidence",
            Standing::Decisive => "step decisive",
        };
        let top = self.y;
        let lines = lines(step);
        self.label(LEFT, "start", "frame", &self.times.frame(step.moment.at), top + LINE - 2);
        self.label(LEFT, "start", "since", &format!("+{}", duration(since)), top + 2 * LINE - 2);
        for (index, line) in lines.iter().enumerate() {
            let class = if index == 0 { format!("{class} name") } else { class.to_owned() };
            self.y += LINE;
            self.label((CLIENT + SERVER) / 2, "middle", &class, line, self.y - 2);
        }
        self.y += 6;
        self.arrow(step.sender, class);
        self.y = top + rung(step);
    }

    /// An arrow at the present height.
    fn arrow(&mut self, sender: Sender, class: &str) {
        let middle = (CLIENT + SERVER) / 2;
        let (from, to) = match sender {
            Sender::End(Side::Client) => (CLIENT, SERVER),
            Sender::End(Side::Server) => (SERVER, CLIENT),
            Sender::InTheNameOf(Side::Client) => (middle, SERVER),
            Sender::InTheNameOf(Side::Server) => (middle, CLIENT),
            Sender::Network(Side::Client) => (middle, CLIENT),
            Sender::Network(Side::Server) => (middle, SERVER),
        };
        let class = if from == middle { format!("{class} from-network") } else { class.to_owned() };
        let y = self.y;
        let (tip, back) = if to > from { (to - 2, to - 11) } else { (to + 2, to + 11) };
        self.line(&class, (from, y), (back, y));
        let points = format!("{tip},{y} {back},{} {back},{}", y - 5, y + 5);
        self.html.shape("polygon", &[("class", &format!("head {class}")), ("points", &points)]);
    }

    /// Time that passed: the lifelines are broken.
    fn passed(&mut self, text: &str, class: &str) {
        let y = self.y;
        for x in [CLIENT, SERVER] {
            self.line("break", (x, y + 3), (x, y + PAUSE - 3));
        }
        let text = wrapped(text, 1).join("");
        self.label((CLIENT + SERVER) / 2, "middle", class, &text, y + PAUSE / 2 + 4);
        self.y += PAUSE;
    }

    fn label(&mut self, x: u32, anchor: &str, class: &str, text: &str, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.html.words("text", &[("class", class), ("x", &x), ("y", &y), ("text-anchor", anchor)], text);
    }

    fn line(&mut self, class: &str, (x1, y1): (u32, u32), (x2, y2): (u32, u32)) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(|number| number.to_string());
        self.html.shape("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
    }
}
