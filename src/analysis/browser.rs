//! SQL Browser lookups (UDP 1434, MC-SQLR).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::decode::{At, Icmp, Udp};
use crate::facts::{self, BrowserFacts, Endpoint, Moment, Time};
use crate::steps::step;
use crate::tds::{BrowserRequest, parse_browser_answer, parse_browser_request};

/// The SQL Browser's port (MC-SQLR 1.9).
const PORT: u16 = 1434;
/// IP protocol number of UDP.
const UDP: u8 = 17;
/// Lookups and announced ports kept.
const KEPT: usize = 4096;
/// Lookups kept of one port of a client, each of which every answer to it is held against. Drivers open one for a lookup.
const KEPT_OF_A_PORT: usize = 64;

/// Lookups and what they announced.
#[derive(Debug, Clone, Default)]
pub(super) struct Browser {
    lookups: BTreeMap<(Endpoint, Endpoint, String), BrowserFacts>,
    /// Ports announced, with the instance and the frame.
    pub(super) announced: BTreeMap<Endpoint, (Moment, String)>,
}

impl Browser {
    /// Forgets the lookups, and announcements of listeners that nobody cares for.
    pub(super) fn forget_lookups(&mut self, cares: impl Fn(&Endpoint) -> bool) {
        self.lookups.clear();
        self.announced.retain(|listener, _| cares(listener));
    }

    /// Takes in a datagram.
    pub(super) fn datagram(&mut self, datagram: &Udp<'_>) {
        if datagram.dst_port == PORT {
            self.request(datagram);
        } else if datagram.src_port == PORT {
            self.answer(datagram);
        }
    }

    /// Takes in an ICMP error that quotes a lookup.
    pub(super) fn icmp(&mut self, icmp: &Icmp) {
        if icmp.protocol != UDP || icmp.dst_port != PORT {
            return;
        }
        let client = Endpoint { ip: icmp.src, port: icmp.src_port };
        let server = Endpoint { ip: icmp.dst, port: PORT };
        for lookup in self.lookups_of(client) {
            if lookup.server == server && lookup.answered.is_none() {
                lookup.icmp.get_or_insert(moment(icmp.at));
            }
        }
    }

    /// The lookups, in order.
    pub(super) fn into_facts(self) -> Vec<BrowserFacts> {
        let mut lookups: Vec<BrowserFacts> = self.lookups.into_values().collect();
        lookups.sort_by_key(|lookup| lookup.asked);
        lookups
    }

    fn request(&mut self, datagram: &Udp<'_>) {
        let instance = match parse_browser_request(datagram.payload) {
            Some(BrowserRequest::Instance(name) | BrowserRequest::Dac(name)) => name,
            Some(_) => String::new(),
            None => return,
        };
        let client = Endpoint { ip: datagram.ip.src, port: datagram.src_port };
        let server = Endpoint { ip: datagram.ip.dst, port: PORT };
        let key = (client, server, instance.clone());
        let full = self.lookups.len() >= KEPT || self.lookups_of(client).count() >= KEPT_OF_A_PORT;
        if full && !self.lookups.contains_key(&key) {
            return;
        }
        let lookup = self.lookups.entry(key).or_insert_with(|| BrowserFacts {
            client,
            server,
            instance,
            asked: moment(datagram.at),
            requests: 0,
            answered: None,
            instance_missing: false,
            contradicted: None,
            icmp: None,
            broadcast: is_broadcast(datagram.ip.dst),
        });
        lookup.requests += 1;
    }

    fn answer(&mut self, datagram: &Udp<'_>) {
        let Some(answer) = parse_browser_answer(datagram.payload) else { return };
        let at = moment(datagram.at);
        let client = Endpoint { ip: datagram.ip.dst, port: datagram.dst_port };
        let server = Endpoint { ip: datagram.ip.src, port: PORT };
        for instance in &answer.instances {
            step(1);
            let Some(port) = instance.tcp_port else { continue };
            if self.announced.len() < KEPT {
                let listener = Endpoint { ip: server.ip, port };
                self.announced.entry(listener).or_insert_with(|| (at, instance.name.clone()));
            }
        }
        let names: BTreeSet<String> =
            answer.instances.iter().map(|instance| instance.name.to_ascii_lowercase()).collect();
        let is_named = |wanted: &str| names.contains(&wanted.to_ascii_lowercase());
        // One port may ask for several instances: what names one of them is no answer to the others.
        let asked = |lookup: &BrowserFacts| lookup.server == server;
        let named = self.lookups_of(client).any(|lookup| asked(lookup) && is_named(&lookup.instance));
        for lookup in self.lookups_of(client) {
            if asked(lookup) {
                let wanted = &lookup.instance;
                let lacks = !wanted.is_empty() && !names.is_empty() && !is_named(wanted);
                if named && lacks {
                    continue;
                }
                if lookup.answered.is_none() {
                    lookup.answered = Some(at);
                    lookup.instance_missing = lacks;
                } else if lacks != lookup.instance_missing {
                    lookup.contradicted.get_or_insert(at);
                }
            } else if lookup.broadcast {
                // Each server answers from its own address.
                lookup.answered.get_or_insert(at);
            }
        }
    }

    /// The lookups from a port of a client.
    fn lookups_of(&mut self, client: Endpoint) -> impl Iterator<Item = &mut BrowserFacts> {
        let first = Endpoint { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
        let lookups = self.lookups.range_mut((client, first, String::new())..);
        lookups.take_while(move |((asking, ..), _)| *asking == client).map(|(_, lookup)| {
            step(1);
            lookup
        })
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    match ip {
        // A subnet's own broadcast address is not known here; it nearly always ends in 255.
        IpAddr::V4(ip) => ip.is_broadcast() || ip.is_multicast() || ip.octets()[3] == 255,
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

fn moment(at: At) -> Moment {
    Moment { time: Time(at.time), at: facts::At(at.place) }
}
