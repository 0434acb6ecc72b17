//! What the user wants to hear about. What is filtered out still teaches about the servers.

use std::net::IpAddr;

use crate::facts::{ConnectionFacts, Time};

/// Conditions on connections; an empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ports taken for SQL Server, next to the registered ones. They add certainty and restrict nothing.
    pub ports: Vec<u16>,
    /// Client addresses.
    pub clients: Vec<IpAddr>,
    /// Server addresses, with a port or without.
    pub servers: Vec<(IpAddr, Option<u16>)>,
    /// Connections whose last packet comes before this are left out.
    pub since: Option<TimeBound>,
    /// Connections whose first packet comes after this are left out.
    pub until: Option<TimeBound>,
    /// The ClientConnectionId that a driver printed, as it prints it.
    pub client_connection_id: Option<String>,
}

/// A point in time, absolute or on the capture's first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    /// A date and time.
    Absolute(Time),
    /// Nanoseconds after midnight of the capture's first day, in a zone that lies `offset` seconds east of UTC.
    OfDay {
        /// Nanoseconds after midnight.
        nanoseconds: i64,
        /// Seconds east of UTC.
        offset: i32,
    },
}

impl TimeBound {
    /// The point in time, given the capture's first packet.
    #[must_use]
    pub fn resolve(self, capture_first: Time) -> Time {
        /// Nanoseconds of a day.
        const DAY: i64 = 86_400_000_000_000;
        match self {
            Self::Absolute(time) => time,
            Self::OfDay { nanoseconds, offset } => {
                let shift = i64::from(offset) * 1_000_000_000;
                let midnight = capture_first.0.saturating_add(shift).div_euclid(DAY).saturating_mul(DAY);
                Time(midnight.saturating_add(nanoseconds).saturating_sub(shift))
            }
        }
    }
}

impl Filter {
    /// Whether the user wants to hear of this connection; `capture_first` is the capture's first packet.
    #[must_use]
    pub fn wants(&self, connection: &ConnectionFacts, capture_first: Time) -> bool {
        let server = connection.server;
        let client = self.clients.is_empty() || self.clients.contains(&connection.client.ip);
        let listener = self.servers.is_empty()
            || self
                .servers
                .iter()
                .any(|(ip, port)| *ip == server.ip && port.is_none_or(|port| port == server.port));
        let since = self.since.is_none_or(|bound| connection.last.time >= bound.resolve(capture_first));
        let until = self.until.is_none_or(|bound| connection.first.time <= bound.resolve(capture_first));
        client && listener && since && until && self.wants_id(connection)
    }

    fn wants_id(&self, connection: &ConnectionFacts) -> bool {
        let Some(wanted) = &self.client_connection_id else { return true };
        let prelogin = connection.tds.prelogin.as_ref();
        prelogin
            .and_then(|prelogin| prelogin.client_connection_id.as_ref())
            .is_some_and(|id| id.to_string().eq_ignore_ascii_case(wanted))
    }

    /// Whether anything but the ports is restricted.
    #[must_use]
    pub fn restricts(&self) -> bool {
        let ports_only = Self { ports: self.ports.clone(), ..Self::default() };
        *self != ports_only
    }
}
