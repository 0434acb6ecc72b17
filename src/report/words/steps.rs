//! A connection as steps in order of time: what a diagram of it shows.

use crate::facts::{
    At, ConnectionFacts, EndedHow, Moment, Owing, ResetFact, Side, TcpFacts, TdsFacts, TlsFacts,
};
use crate::rules::{Evidence, Finding, duration};

/// Steps shown; facts hold fewer than this.
const MOST: usize = 64;

/// Who sent a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Sender {
    /// An end.
    End(Side),
    /// Another machine in the name of an end.
    InTheNameOf(Side),
    /// A router, to an end.
    Network(Side),
}

impl Sender {
    /// In whose name, as evidence has it.
    fn name(self) -> &'static str {
        match self {
            Self::End(Side::Client) | Self::InTheNameOf(Side::Client) => "client",
            Self::End(Side::Server) | Self::InTheNameOf(Side::Server) => "server",
            Self::Network(_) => "",
        }
    }
}

/// What a step is to the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Standing {
    /// It happened.
    Plain,
    /// The finding rests on it.
    Evidence,
    /// It decided.
    Decisive,
}

/// What one packet of a connection said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Step {
    /// The packet.
    pub(in crate::report) moment: Moment,
    /// Who sent it.
    pub(in crate::report) sender: Sender,
    /// What it holds, such as `ServerHello`, `Certificate`.
    pub(in crate::report) names: Vec<String>,
    /// What the finding says of it.
    pub(in crate::report) details: Vec<String>,
    /// What it is to the finding.
    pub(in crate::report) standing: Standing,
}

/// The steps of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Ladder {
    /// In order of time.
    pub(in crate::report) steps: Vec<Step>,
    /// What did not come after the last of them.
    pub(in crate::report) silence: Option<String>,
}

impl Ladder {
    /// The steps of `connection`, with what `finding` says of them.
    pub(in crate::report) fn of(connection: &ConnectionFacts, finding: &Finding) -> Self {
        let mut said = Vec::new();
        transport(&connection.tcp, &mut said);
        tds(&connection.tds, &mut said);
        tls(&connection.tls, &mut said);
        let mut steps = joined(said);
        for line in &finding.evidence {
            explain(&mut steps, line);
        }
        let silence = silence(connection);
        if silence.is_none() {
            decide(&mut steps, connection);
        }
        Self { steps, silence }
    }
}

type Said = (Moment, Sender, String);

fn say(said: &mut Vec<Said>, side: Side, at: Option<Moment>, name: &str) {
    said.extend(at.map(|at| (at, Sender::End(side), name.to_owned())));
}

fn transport(tcp: &TcpFacts, said: &mut Vec<Said>) {
    use Side::{Client, Server};
    say(said, Client, tcp.syn, "SYN");
    let again = format!("SYN again ({} in all)", tcp.syns);
    say(said, Client, tcp.last_syn, &again);
    say(said, Server, tcp.syn_ack, "SYN-ACK");
    say(said, Server, tcp.challenge_ack, "challenge ACK");
    say(said, Client, tcp.established, "ACK");
    say(said, Client, tcp.client_fin, "FIN");
    say(said, Server, tcp.server_fin, "FIN");
    for (side, half) in [(Client, &tcp.client), (Server, &tcp.server)] {
        let again = format!("a segment sent again ({} in all)", half.retransmissions);
        say(said, side, half.last_retransmission, &again);
    }
    for reset in &tcp.resets {
        said.push((reset.moment, reset_sender(reset), "RST".to_owned()));
    }
    for icmp in &tcp.icmp {
        said.push((
            icmp.moment,
            Sender::Network(icmp.about),
            format!("ICMP of {}: {}", icmp.from, icmp.reason),
        ));
    }
}

fn reset_sender(reset: &ResetFact) -> Sender {
    if reset.is_foreign() { Sender::InTheNameOf(reset.from) } else { Sender::End(reset.from) }
}

fn tds(tds: &TdsFacts, said: &mut Vec<Said>) {
    use Side::{Client, Server};
    say(said, Client, tds.prelogin.as_ref().map(|prelogin| prelogin.moment), "PRELOGIN");
    say(said, Server, tds.response.as_ref().map(|response| response.moment), "PRELOGIN answer");
    if let Some(login) = &tds.login {
        say(said, Client, Some(login.moment), if login.encrypted { "login (encrypted)" } else { "login" });
    }
    say(said, Server, tds.login_ack.as_ref().map(|ack| ack.moment), "LOGINACK");
    for error in &tds.errors {
        let name = format!("error {}, state {}", error.number, error.state);
        say(said, Server, Some(error.moment), &name);
    }
    if let Some(routing) = &tds.routing {
        let name = format!("sent on to {}:{}", routing.host, routing.port);
        say(said, Server, Some(routing.moment), &name);
    }
    if let Some(other) = &tds.other_service {
        say(said, Server, Some(other.moment), &other.service);
    }
    say(said, Client, tds.attention, "ATTENTION");
}

fn tls(tls: &TlsFacts, said: &mut Vec<Said>) {
    use Side::{Client, Server};
    say(said, Client, tls.client.as_ref().map(|hello| hello.moment), "ClientHello");
    say(said, Server, tls.retry, "HelloRetryRequest");
    say(said, Server, tls.server.as_ref().map(|hello| hello.moment), "ServerHello");
    say(said, Server, tls.certificate.as_ref().map(|certificate| certificate.moment), "Certificate");
    say(said, Server, tls.server_key.map(|key| key.moment), "ServerKeyExchange");
    say(said, Server, tls.certificate_request, "CertificateRequest");
    say(said, Server, tls.server_hello_done, "ServerHelloDone");
    say(said, Client, tls.client_certificate.map(|certificate| certificate.moment), "Certificate");
    say(said, Client, tls.client_key.map(|key| key.moment), "ClientKeyExchange");
    say(said, Client, tls.client_ccs, "ChangeCipherSpec");
    say(said, Client, tls.client_finished, "Finished");
    say(said, Server, tls.server_ccs, "ChangeCipherSpec");
    say(said, Server, tls.server_finished, "Finished");
    for alert in &tls.alerts {
        let name = alert
            .description
            .map_or_else(|| "alert (encrypted)".to_owned(), |description| format!("alert {description}"));
        say(said, alert.from, Some(alert.moment), &name);
    }
}

/// In order of time, what one packet holds in one step.
fn joined(mut said: Vec<Said>) -> Vec<Step> {
    said.sort_by_key(|(moment, ..)| *moment); // stable: messages of one packet stay in the order of the protocol
    let mut steps: Vec<Step> = Vec::new();
    for (moment, sender, name) in said {
        match steps.iter_mut().rev().find(|step| step.moment == moment && step.sender == sender) {
            Some(step) if step.names.contains(&name) => (),
            Some(step) => step.names.push(name),
            None => {
                let standing = Standing::Plain;
                steps.push(Step { moment, sender, names: vec![name], details: Vec::new(), standing });
            }
        }
    }
    steps.truncate(MOST);
    steps
}

/// Adds what the finding says of a packet. What it says of no end is of a router, or of more than this packet.
fn explain(steps: &mut [Step], line: &Evidence) {
    let same = |step: &&mut Step| step.moment.at == line.moment.at && step.sender.name() == line.who;
    let Some(step) = steps.iter_mut().find(same) else { return };
    step.standing = Standing::Evidence;
    let text = match step.names.as_slice() {
        // The name stands above it already.
        [only] => line
            .text
            .strip_prefix(only)
            .map_or(line.text.as_str(), |rest| rest.trim_start_matches([':', ',', ' '])),
        _ => &line.text,
    };
    if !text.is_empty() {
        step.details.push(text.to_owned());
    }
}

/// The end decides when the finding rests on it; else the last step that it rests on; else the end after all.
fn decide(steps: &mut [Step], connection: &ConnectionFacts) {
    let end: Option<At> = connection.ended.at.map(|moment| moment.at);
    let rests = |step: &Step| step.standing == Standing::Evidence;
    let found = steps
        .iter()
        .rposition(|step| Some(step.moment.at) == end && rests(step))
        .or_else(|| steps.iter().rposition(rests))
        .or_else(|| steps.iter().rposition(|step| Some(step.moment.at) == end));
    if let Some(step) = found.and_then(|index| steps.get_mut(index)) {
        step.standing = Standing::Decisive;
    }
}

/// What did not come any more, when nothing ended the connection.
fn silence(connection: &ConnectionFacts) -> Option<String> {
    if !matches!(connection.ended.how, EndedHow::Silence | EndedHow::Open) {
        return None;
    }
    if let Some(owed) = &connection.owed {
        return Some(format!("{} does not come: nothing for {}", owing(owed.what), duration(owed.waited)));
    }
    (connection.silence_after > 0)
        .then(|| format!("nothing more for {}, until the capture ends", duration(connection.silence_after)))
}

/// What is owed, as the subject of a sentence.
fn owing(what: Owing) -> &'static str {
    match what {
        Owing::SynAck => "an answer to the SYN",
        Owing::Prelogin => "the client's first message",
        Owing::PreloginResponse => "the answer to PRELOGIN",
        Owing::ClientHelloOrLogin => "the client's ClientHello or login",
        Owing::ServerHello => "the ServerHello",
        Owing::ClientKeyExchange => "the client's key exchange",
        Owing::ServerFinished => "the server's Finished",
        Owing::Login => "the login",
        Owing::LoginResponse => "the answer to the login",
        Owing::Response => "the answer to a request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Time;

    fn moment(frame: u64) -> Moment {
        Moment { time: Time(i64::try_from(frame).unwrap()), at: At::new(0, frame) }
    }

    fn steps() -> Vec<Step> {
        let (client, server) = (Sender::End(Side::Client), Sender::End(Side::Server));
        joined(vec![
            (moment(9), Sender::Network(Side::Client), "ICMP".to_owned()),
            (moment(3), server, "ServerHello".to_owned()),
            (moment(1), client, "SYN".to_owned()),
            (moment(3), server, "Certificate".to_owned()),
            (moment(3), server, "Certificate".to_owned()),
        ])
    }

    fn names(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| step.names.join("+")).collect()
    }

    #[test]
    fn what_one_packet_holds_is_one_step_in_order_of_time() {
        assert_eq!(names(&steps()), ["SYN", "ServerHello+Certificate", "ICMP"]);
    }

    #[test]
    fn evidence_explains_the_packet_of_its_sender() {
        let mut steps = steps();
        explain(&mut steps, &Evidence::new(moment(1), "client", "SYN: the third"));
        explain(&mut steps, &Evidence::new(moment(1), "", "3 SYNs in this second"));
        explain(&mut steps, &Evidence::new(moment(9), "", "ICMP host unreachable"));
        explain(&mut steps, &Evidence::new(moment(4), "server", "of another connection"));
        let details: Vec<String> = steps.iter().map(|step| step.details.join("+")).collect();
        assert_eq!(details, ["the third", "", "host unreachable"]);
        let standing = steps.iter().map(|step| step.standing).collect::<Vec<_>>();
        assert_eq!(standing, [Standing::Evidence, Standing::Plain, Standing::Evidence]);
    }
}
