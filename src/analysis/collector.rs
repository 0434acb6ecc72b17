//! Keeps what finished connections taught, until the rules are asked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashSet;

use super::browser::Browser;
use super::calls::Calls;
use super::evictions::Evictions;
use super::fold::Folder;
use super::judge::{calls_sql_server, count_outcome};
use super::learning::{count_login, is_probe, learn_dialogue, learn_probe, learn_transport, unknown_server};
use super::load::{learn_load, merge_load, windows_of};
use super::losses::Losses;
use super::opinion::Opinion;
use super::scan::Scans;
use super::taken_at::Votes;
use super::{Settings, Totals};
use crate::facts::{ConnectionFacts, EndedBy, EndedHow, Endpoint, Offer, Phase, ServerFacts, Time};
use crate::rules::Case;
use crate::session::{KnownPorts, Untold};
use crate::steps::step;
use crate::tls::{CertificateInfo, Fingerprint};

/// Hosts kept by a shard that were seen to call a SQL Server.
const CLIENTS: usize = 1 << 12;
/// Of the connections that are held, one in so many may be one in which nothing was said.
const SILENT_SHARE: usize = 4;
/// Distinct offers, fingerprints and certificate chains shared between connections of a shard.
const SHARED: usize = 256;

/// A connection that is held: facts are large, and moved as a pointer.
pub(super) type Held = Box<ConnectionFacts>;

/// Everything learnt so far.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    pub(super) settings: Settings,
    pub(super) known: Arc<KnownPorts>,
    pub(super) servers: BTreeMap<Endpoint, ServerFacts>,
    /// Hosts that spoke TDS as clients; never read in order.
    pub(super) clients: HashSet<IpAddr>,
    /// Connections that may carry a verdict, to be judged at the end.
    pub(super) pending: Vec<Held>,
    /// Connections in which nothing was said; whether they are ours is known at the end.
    pub(super) silent: Vec<Held>,
    /// Healthy connections kept as examples.
    pub(super) healthy: Vec<Held>,
    pub(super) healthy_kept: BTreeMap<Endpoint, usize>,
    /// Healthy connections judged for warnings at once, then let go.
    pub(super) folded: Folder,
    pub(super) browser: Browser,
    pub(super) totals: Totals,
    /// Connections with a verdict that were judged early and let go.
    pub(super) omitted: u64,
    /// Their servers.
    pub(super) failing: BTreeSet<Endpoint>,
    pub(super) quality: ConnectionQuality,
    /// Where the files and the connections of each server were captured.
    pub(super) taken_at: (BTreeMap<u32, Votes>, BTreeMap<Endpoint, Votes>),
    pub(super) scans: Scans,
    /// Who called whom, to find where redirected clients went.
    pub(super) calls: Calls,
    /// Earliest first packet of any connection.
    pub(super) first: Option<Time>,
    /// What left the table to make room.
    pub(super) evictions: Evictions,
    /// What became of connections that are not held, when somebody watches.
    pub(super) gone: Option<Gone>,
    /// When packets were dropped.
    pub(super) losses: Losses,
    offers: BTreeMap<u64, Vec<Arc<Offer>>>,
    fingerprints: BTreeSet<Arc<Fingerprint>>,
    chains: Vec<Arc<Vec<CertificateInfo>>>,
}

/// Connections that were let go since somebody last looked.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone {
    /// Ids of those that did not fail.
    pub(super) well: Vec<u64>,
    /// Those that were judged early.
    pub(super) early: Vec<Held>,
}

impl Gone {
    /// Connections kept between two looks.
    const KEPT: usize = 1 << 12;

    fn note_well(&mut self, connection: &ConnectionFacts) {
        if self.well.len() < Self::KEPT {
            self.well.push(connection.id);
        }
    }

    fn note_early(&mut self, connection: &ConnectionFacts) {
        if self.early.len() < Self::KEPT {
            self.early.push(Box::new(connection.clone()));
        }
    }
}

/// What connections say about the capture, by file.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionQuality {
    pub(super) midstream: BTreeMap<u32, u64>,
    pub(super) one_sided: BTreeMap<u32, u64>,
    pub(super) gapped: BTreeMap<u32, u64>,
    pub(super) duplicates: BTreeMap<u32, u64>,
}

impl ConnectionQuality {
    fn merge(&mut self, other: Self) {
        let add = |mine: &mut BTreeMap<u32, u64>, theirs: BTreeMap<u32, u64>| {
            for (file, count) in theirs {
                step(1);
                *mine.entry(file).or_default() += count;
            }
        };
        add(&mut self.midstream, other.midstream);
        add(&mut self.one_sided, other.one_sided);
        add(&mut self.gapped, other.gapped);
        add(&mut self.duplicates, other.duplicates);
    }
}

impl Collector {
    pub(super) fn new(settings: Settings, known: Arc<KnownPorts>) -> Self {
        Self {
            settings,
            known,
            servers: BTreeMap::new(),
            clients: HashSet::new(),
            pending: Vec::new(),
            silent: Vec::new(),
            healthy: Vec::new(),
            healthy_kept: BTreeMap::new(),
            folded: Folder::default(),
            browser: Browser::default(),
            totals: Totals::default(),
            omitted: 0,
            failing: BTreeSet::new(),
            quality: ConnectionQuality::default(),
            taken_at: Default::default(),
            scans: Scans::default(),
            calls: Calls::default(),
            first: None,
            evictions: Evictions::default(),
            gone: None,
            losses: Losses::default(),
            offers: BTreeMap::new(),
            fingerprints: BTreeSet::new(),
            chains: Vec::new(),
        }
    }

    /// Takes in a finished connection, whose story is told if it may be read.
    pub(super) fn connection(&mut self, mut connection: Held, story: &Untold) {
        self.first = Some(self.first.map_or(connection.first.time, |first| first.min(connection.first.time)));
        let endpoint = connection.server;
        self.totals.evicted += u64::from(self.evictions.note(&mut connection, &self.known));
        let spoke = connection.tds.recognized;
        if spoke || self.known.has(endpoint.port) {
            self.note_where(&connection);
        }
        self.calls.note(&connection);
        let room = self.servers.len() < self.settings.max_servers;
        let windows = windows_of(self.servers.len());
        let server = match self.servers.get_mut(&endpoint) {
            None if room => Some(self.servers.entry(endpoint).or_insert_with(|| unknown_server(endpoint))),
            known => known,
        };
        match server {
            Some(server) => {
                learn_transport(server, &connection);
                if spoke {
                    learn_load(server, &connection, windows);
                    learn_dialogue(server, &connection);
                }
            }
            None => self.totals.unlearnt += u64::from(spoke),
        }
        if !spoke {
            connection.story = story.tell();
            self.silent_connection(connection);
            return;
        }
        self.totals.tds += 1;
        self.totals.tds_packets += connection.tcp.client.packets + connection.tcp.server.packets;
        self.note_quality(&connection);
        if self.clients.len() < CLIENTS {
            self.clients.insert(connection.client.ip);
        }
        if may_have_failed(&connection) {
            connection.story = story.tell();
            self.hold(connection);
        } else {
            self.let_go(connection, story);
        }
    }

    /// Takes in what another part of the capture taught; what only served to take connections in is not needed any more.
    pub(super) fn merge(&mut self, other: Self) {
        for (endpoint, mut theirs) in other.servers {
            step(1);
            match self.servers.entry(endpoint) {
                Entry::Vacant(entry) => {
                    entry.insert(theirs);
                }
                Entry::Occupied(mut entry) => {
                    merge_load(&mut entry.get_mut().load, std::mem::take(&mut theirs.load));
                    entry.get_mut().merge(theirs);
                }
            }
        }
        self.clients.extend(other.clients);
        self.pending.extend(other.pending);
        self.silent.extend(other.silent);
        self.healthy.extend(other.healthy);
        self.folded.merge(other.folded);
        self.totals.add(&other.totals);
        self.omitted += other.omitted;
        self.failing.extend(other.failing);
        self.quality.merge(other.quality);
        let (files, servers) = other.taken_at;
        for (file, votes) in files {
            step(1);
            self.taken_at.0.entry(file).or_default().merge(&votes);
        }
        for (server, votes) in servers {
            step(1);
            self.taken_at.1.entry(server).or_default().merge(&votes);
        }
        self.scans.merge(other.scans);
        self.calls.merge(other.calls);
        self.first = match (self.first, other.first) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
    }

    /// The healthy connections to show: of each server the first ones, in order.
    pub(super) fn take_healthy(&mut self) -> Vec<Held> {
        let mut healthy = std::mem::take(&mut self.healthy);
        healthy.sort_by_key(|connection| connection.id);
        if self.settings.all_connections {
            return healthy;
        }
        let mut kept = BTreeMap::<Endpoint, usize>::new();
        healthy.retain(|connection| {
            let kept = kept.entry(connection.server).or_default();
            *kept += 1;
            *kept <= self.settings.healthy_exemplars
        });
        healthy
    }

    fn silent_connection(&mut self, connection: Held) {
        if connection.tcp.syn.is_none() && !self.known.has(connection.server.port) {
            return;
        }
        self.scans.note(&connection);
        let windows = windows_of(self.servers.len());
        if is_probe(&connection) {
            if let Some(server) = self.servers.get_mut(&connection.server) {
                learn_load(server, &connection, windows);
                learn_probe(server, &connection);
            }
            return;
        }
        if self.silent.len() < self.settings.max_pending / SILENT_SHARE {
            self.silent.push(connection);
            return;
        }
        if let Some(server) = self.servers.get_mut(&connection.server) {
            learn_load(server, &connection, windows);
        }
        if calls_sql_server(self, &self.scans, &connection) {
            self.judge_early(&connection);
        }
    }

    fn hold(&mut self, mut connection: Held) {
        if self.pending.len() < self.settings.max_pending {
            self.share(&mut connection);
            self.pending.push(connection);
        } else {
            self.judge_early(&connection);
        }
    }

    /// Asks about a connection next to what is known of its server: nothing, when that is one too many.
    pub(super) fn about<T>(&self, connection: &ConnectionFacts, ask: impl FnOnce(&Case<'_>) -> T) -> T {
        let policies = &self.settings.policies;
        let dropped = self.losses.touch(connection);
        match self.servers.get(&connection.server) {
            Some(server) => ask(&Case { connection, server, policies, brief: false, dropped }),
            None => {
                let server = &unknown_server(connection.server);
                ask(&Case { connection, server, policies, brief: false, dropped })
            }
        }
    }

    /// There is no room to hold it: it is judged with what is known by now, counted, and let go.
    fn judge_early(&mut self, connection: &ConnectionFacts) {
        self.totals.judged_early += 1;
        if let Some(gone) = &mut self.gone {
            gone.note_early(connection);
        }
        let mut folded = std::mem::take(&mut self.folded);
        let ruling =
            self.about(connection, |case| folded.take(Opinion::of(case), case, &self.settings, self.first));
        self.folded = folded;
        let wanted = self.settings.filter.wants(connection, self.first.unwrap_or_default());
        self.totals.selected += u64::from(wanted);
        if ruling.is_some() {
            self.totals.failed += 1;
            self.omitted += u64::from(wanted);
            self.failing.insert(connection.server);
        }
        count_outcome(self, connection, ruling.is_some());
    }

    /// A healthy connection: its warnings are folded, it is counted, a few are kept to show.
    fn let_go(&mut self, mut connection: Held, story: &Untold) {
        self.totals.logged_in += 1;
        if let Some(gone) = &mut self.gone {
            gone.note_well(&connection);
        }
        self.folded.successes.note(&connection);
        if let Some(server) = self.servers.get_mut(&connection.server) {
            count_login(&mut server.logins, &connection, false);
            let policies = &self.settings.policies;
            let dropped = self.losses.touch(&connection);
            let case = Case { connection: &connection, server, policies, brief: false, dropped };
            let opinion = Opinion::of_healthy(&case);
            if opinion.sorts().any(|sort| !self.folded.has(sort)) {
                connection.story = story.tell();
            }
            let case = Case { connection: &connection, server, policies, brief: false, dropped };
            self.folded.take(opinion, &case, &self.settings, self.first);
        }
        if !self.settings.filter.wants(&connection, self.first.unwrap_or_default()) {
            return;
        }
        self.totals.selected += 1;
        let kept = self.healthy_kept.get(&connection.server).copied().unwrap_or_default();
        if self.settings.all_connections || kept < self.settings.healthy_exemplars {
            self.healthy_kept.insert(connection.server, kept + 1);
            self.share(&mut connection);
            connection.story = story.tell();
            self.healthy.push(connection);
        }
    }

    /// Notes where the connection was captured, for its file and its server.
    fn note_where(&mut self, connection: &ConnectionFacts) {
        let (files, servers) = &mut self.taken_at;
        let votes = Votes::of(connection);
        match files.get_mut(&connection.first.at.file()) {
            Some(known) => known.merge(&votes),
            None => {
                files.insert(connection.first.at.file(), votes);
            }
        }
        if let Some(known) = servers.get_mut(&connection.server) {
            known.merge(&votes);
        } else if servers.len() < self.settings.max_servers {
            servers.insert(connection.server, votes);
        }
    }

    fn note_quality(&mut self, connection: &ConnectionFacts) {
        let file = connection.first.at.file();
        let tcp = &connection.tcp;
        // Pieces of a connection say nothing of the capture.
        let whole = !connection.evicted && !connection.rest;
        if whole && tcp.syn.is_none() && tcp.syn_ack.is_none() {
            *self.quality.midstream.entry(file).or_default() += 1;
        }
        if whole && (tcp.client.packets == 0 || tcp.server.packets == 0) {
            *self.quality.one_sided.entry(file).or_default() += 1;
        }
        if tcp.client.missing + tcp.server.missing > 0 {
            *self.quality.gapped.entry(file).or_default() += 1;
        }
        let duplicates = tcp.client.duplicates + tcp.server.duplicates;
        if duplicates > 0 {
            *self.quality.duplicates.entry(file).or_default() += duplicates;
        }
    }

    /// Equal offers, fingerprints and chains of the connections that are held are kept once.
    fn share(&mut self, connection: &mut ConnectionFacts) {
        if let Some(hello) = &mut connection.tls.client {
            let key = offer_key(&hello.offer);
            let full = self.offers.len() >= SHARED;
            let same = |known: &&Arc<Offer>| Arc::ptr_eq(known, &hello.offer) || **known == hello.offer;
            let known = self.offers.get(&key).and_then(|known| known.iter().find(same));
            match known {
                Some(known) => hello.offer = Arc::clone(known),
                None if !full => self.offers.entry(key).or_default().push(Arc::clone(&hello.offer)),
                None => {}
            }
            if let Some(fingerprint) = &mut hello.fingerprint {
                match self.fingerprints.get(fingerprint) {
                    Some(known) => *fingerprint = Arc::clone(known),
                    None if self.fingerprints.len() < SHARED => {
                        self.fingerprints.insert(Arc::clone(fingerprint));
                    }
                    None => {}
                }
            }
        }
        if let Some(certificate) = &mut connection.tls.certificate {
            // Most captures have a handful of chains; the newest are the likeliest.
            let newest = self.chains.iter().rev().take(64);
            let same = |known: &&Arc<Vec<CertificateInfo>>| {
                Arc::ptr_eq(known, &certificate.chain) || ***known == *certificate.chain
            };
            match newest.into_iter().find(same) {
                Some(known) => certificate.chain = Arc::clone(known),
                None if self.chains.len() < SHARED => self.chains.push(Arc::clone(&certificate.chain)),
                None => {}
            }
        }
    }
}

/// A cheap key that is the same for equal offers.
fn offer_key(offer: &Offer) -> u64 {
    let suites = offer
        .cipher_suites
        .iter()
        .fold(0_u64, |key, suite| key.rotate_left(5).wrapping_mul(31).wrapping_add(u64::from(suite.0)));
    suites ^ (offer.versions.len() as u64)
}

/// Whether the rules should see it at the end, when everything is known. Only a login that was accepted, and a
/// session that ended as sessions do, is let go at once.
pub(super) fn may_have_failed(connection: &ConnectionFacts) -> bool {
    let tcp = &connection.tcp;
    let by_client = connection.ended.by == EndedBy::Client && connection.ended.how != EndedHow::Alert;
    let open = connection.ended.how == EndedHow::Open;
    let quiet = tcp.resets.iter().all(|reset| reset.ignored || reset.after_both_fins || reset.after_own_fin);
    !(connection.phase == Phase::LoggedIn
        && (by_client || open)
        && quiet
        && connection.owed.is_none()
        && connection.tds.errors.is_empty()
        && tcp.client.keep_alives_unanswered + tcp.server.keep_alives_unanswered == 0
        && connection.tds.routing.is_none())
}
