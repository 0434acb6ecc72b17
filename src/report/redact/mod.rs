//! A result that can be shown to strangers: addresses and names replaced, everywhere in the same way.
//!
//! The fields that hold names are walked first, each name gets a substitute, and then the texts that quote names are
//! searched for them. What is not a name stays: times, ports, lengths, numbers, versions, suites.

mod addresses;
mod facts;
mod message;
mod names;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::analysis::Analysis;
use crate::facts::Endpoint;
use crate::rules::Finding;
use crate::tls::CertificateInfo;

use addresses::Addresses;
use names::Names;

/// Replaces addresses and names. The same original has the same substitute for as long as it lives, and the same analysis
/// gives the same substitutes.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    addresses: Addresses,
    names: Names,
    /// No text quotes these.
    cases: BTreeMap<String, String>,
    /// Chains are shared between connections, and so are what stands for them: by where the original stands, which is kept
    /// so that nothing else comes to stand there.
    chains: BTreeMap<usize, (Chain, Chain)>,
}

type Chain = Arc<Vec<CertificateInfo>>;

impl Redactor {
    /// One that knows no name yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces every address and name in an analysis; every report of it can then be shown.
    pub fn redact(&mut self, analysis: &mut Analysis) {
        self.number_addresses(analysis);
        let mut paths = Vec::new();
        for capture in &mut analysis.captures {
            if capture.format != crate::facts::CaptureFacts::LIVE {
                let instead = self.capture(&capture.path);
                paths.push(std::mem::replace(&mut capture.path, instead));
            }
        }
        for server in &mut analysis.servers {
            self.server(server);
        }
        for judged in &mut analysis.connections {
            self.connection(&mut judged.facts);
        }
        for facts in &mut analysis.quoted {
            self.connection(facts);
        }
        for lookup in &mut analysis.browser {
            self.endpoint(&mut lookup.client);
            self.endpoint(&mut lookup.server);
            self.name("instance", &mut lookup.instance);
        }
        // Names are known now: texts that quote them come last.
        for judged in &mut analysis.connections {
            self.connection_texts(&mut judged.facts);
        }
        for capture in &mut analysis.captures {
            capture.error = capture.error.as_deref().map(|error| self.text(error));
            capture.damage.iter_mut().for_each(|damage| damage.what = self.text(&damage.what));
        }
        for finding in &mut analysis.findings {
            self.finding(finding);
        }
        // What is said of the next capture does not quote this one: it need not be searched for there.
        paths.iter().for_each(|path| self.names.no_longer_quoted(path));
    }

    /// What stands for an address.
    pub fn address(&mut self, address: IpAddr) -> IpAddr {
        self.addresses.of(address)
    }

    /// A text with every address and name replaced that was met so far.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.names.text(text, &self.addresses)
    }

    /// What stands for a file that texts may quote, such as that of a policy. Only its extension stays.
    pub fn file(&mut self, path: &str) -> String {
        let extension = extension(path);
        self.names.with("file", path, |number| format!("file-{number}{extension}"))
    }

    /// What stands for the file of a capture. Only its extension stays.
    pub fn capture(&mut self, path: &str) -> String {
        let extension = extension(path);
        self.names.with("capture", path, |number| format!("capture-{number}{extension}"))
    }

    /// What stands for a case.
    pub fn case(&mut self, case: &str) -> String {
        if case.is_empty() {
            return String::new();
        }
        let number = self.cases.len() + 1;
        self.cases.entry(case.to_owned()).or_insert_with(|| format!("case-{number}")).clone()
    }

    /// Servers first, then the clients of findings, then all others: the first ones are those that are talked about.
    fn number_addresses(&mut self, analysis: &Analysis) {
        let servers = analysis.servers.iter().map(|server| server.endpoint.ip);
        let clients = analysis.findings.iter().flat_map(|finding| finding.client.ips.iter().copied());
        let listed = analysis.connections.iter().map(|judged| judged.facts.as_ref());
        let others = listed.chain(&analysis.quoted).flat_map(|facts| {
            let routers = facts.tcp.icmp.iter().map(|icmp| icmp.from);
            [facts.client.ip, facts.server.ip].into_iter().chain(routers)
        });
        for address in servers.chain(clients).chain(others) {
            self.addresses.of(address);
        }
        let named = analysis.findings.iter().filter_map(|finding| finding.server).map(|server| server.ip);
        let asked = analysis.browser.iter().flat_map(|lookup| [lookup.client.ip, lookup.server.ip]);
        for address in named.chain(asked) {
            self.addresses.of(address);
        }
    }

    fn finding(&mut self, finding: &mut Finding) {
        for text in [&mut finding.detail, &mut finding.display_filter, &mut finding.story] {
            *text = self.text(text);
        }
        for text in [&mut finding.application_sees, &mut finding.client.hint].into_iter().flatten() {
            *text = self.text(text);
        }
        finding.server.iter_mut().for_each(|server| self.endpoint(server));
        for ip in &mut finding.client.ips {
            *ip = self.addresses.of(*ip);
        }
        finding.client.ips.sort_unstable();
        finding.evidence.iter_mut().for_each(|line| line.text = self.text(&line.text));
        finding.ruled_out.iter_mut().for_each(|cause| cause.because = self.text(&cause.because));
        finding.candidates.iter_mut().for_each(|cause| cause.because = self.text(&cause.because));
        for step in &mut finding.remedy {
            step.text = self.text(&step.text);
            step.command = step.command.as_deref().map(|command| self.text(command));
        }
    }

    fn endpoint(&mut self, endpoint: &mut Endpoint) {
        endpoint.ip = self.addresses.of(endpoint.ip);
    }

    fn name(&mut self, kind: &'static str, name: &mut String) {
        *name = self.names.of(kind, name);
    }
}

/// The extensions of a capture's or a policy's file, such as `.pcapng.gz`; nothing that could be a part of a name.
fn extension(path: &str) -> String {
    const KNOWN: [&str; 19] = [
        "pcap", "pcapng", "cap", "etl", "ntar", "snoop", "gz", "lz4", "xz", "zst", "dmp", "zip", "tar",
        "tgz", "tzst", "txt", "json", "reg", "csv",
    ];
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let mut kept: Vec<&str> =
        name.rsplit('.').take_while(|part| KNOWN.contains(part) && *part != name).take(2).collect();
    kept.reverse();
    kept.iter().map(|part| format!(".{part}")).collect()
}

#[cfg(test)]
mod tests;
