//! SQL Browser lookups (UDP 1434, MC-SQLR).

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::decode::{At, Icmp, Udp};
use crate::facts::{self, BrowserFacts, Endpoint, Moment, Time};
use crate::tds::{BrowserRequest, parse_browser_answer, parse_browser_request};

/// The SQL Browser's port (MC-SQLR 1.9).
const PORT: u16 = 1434;
/// IP protocol number of UDP.
const UDP: u8 = 17;
/// Lookups and announced ports kept.
const KEPT: usize = 4096;

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
        for (_, lookup) in self.lookups_of(client, server) {
            if lookup.answered.is_none() {
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
        if self.lookups.len() >= KEPT && !self.lookups.contains_key(&key) {
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
            let Some(port) = instance.tcp_port else { continue };
            if self.announced.len() < KEPT {
                let listener = Endpoint { ip: server.ip, port };
                self.announced.entry(listener).or_insert_with(|| (at, instance.name.clone()));
            }
        }
        let names =
            |wanted: &str| answer.instances.iter().any(|instance| instance.name.eq_ignore_ascii_case(wanted));
        let missing = |wanted: &str| !wanted.is_empty() && !answer.instances.is_empty() && !names(wanted);
        // One port may ask for several instances: what names one of them is no answer to the others.
        let named = self.lookups_of(client, server).any(|(_, lookup)| names(&lookup.instance));
        for (_, lookup) in self.lookups_of(client, server) {
            let lacks = missing(&lookup.instance);
            if named && lacks {
                continue;
            }
            if lookup.answered.is_none() {
                lookup.answered = Some(at);
                lookup.instance_missing = lacks;
            } else if lacks != lookup.instance_missing {
                lookup.contradicted.get_or_insert(at);
            }
        }
        // A broadcast is answered by each server from its own address.
        for lookup in self.lookups.values_mut().filter(|lookup| lookup.broadcast && lookup.client == client) {
            lookup.answered.get_or_insert(at);
        }
    }

    fn lookups_of(
        &mut self,
        client: Endpoint,
        server: Endpoint,
    ) -> impl Iterator<Item = (&(Endpoint, Endpoint, String), &mut BrowserFacts)> {
        self.lookups
            .range_mut((client, server, String::new())..)
            .take_while(move |((c, s, _), _)| *c == client && *s == server)
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
