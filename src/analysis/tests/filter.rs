//! What the user wants to hear about.

use crate::tds::Guid;
use std::net::{IpAddr, Ipv4Addr};

use crate::analysis::{Filter, TimeBound};
use crate::facts::{Side, Time};
use crate::rules::tests::case::*;

/// Nanoseconds of an hour.
const HOUR: i64 = 3600 * SECOND;

fn wants(filter: &Filter) -> bool {
    // It begins a second after START and takes 6 ms.
    filter.wants(&Connection::offering(modern()).fin(Side::Server).facts, Time(START))
}

fn other() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9))
}

#[test]
fn an_empty_filter_wants_everything_and_restricts_nothing() {
    assert!(wants(&Filter::default()));
    assert!(!Filter::default().restricts());
    let ports = Filter { ports: vec![50_000], ..Filter::default() };
    assert!(wants(&ports) && !ports.restricts(), "ports add certainty and restrict nothing");
}

#[test]
fn clients_and_servers_are_matched_by_address_and_port() {
    let clients = |ips: &[IpAddr]| Filter { clients: ips.to_vec(), ..Filter::default() };
    assert!(wants(&clients(&[other(), CLIENT])));
    assert!(!wants(&clients(&[other(), SERVER])));
    assert!(clients(&[other()]).restricts());
    let servers =
        |servers: &[(IpAddr, Option<u16>)]| Filter { servers: servers.to_vec(), ..Filter::default() };
    assert!(wants(&servers(&[(SERVER, None)])));
    assert!(wants(&servers(&[(other(), None), (SERVER, Some(1433))])));
    assert!(!wants(&servers(&[(SERVER, Some(1434))])));
    assert!(!wants(&servers(&[(CLIENT, None)])));
}

#[test]
fn since_looks_at_the_last_packet_and_until_at_the_first() {
    let connection = Connection::offering(modern()).fin(Side::Server).facts;
    let since = |time: i64| Filter { since: Some(TimeBound::Absolute(Time(time))), ..Filter::default() };
    let until = |time: i64| Filter { until: Some(TimeBound::Absolute(Time(time))), ..Filter::default() };
    let (first, last) = (connection.first.time.0, connection.last.time.0);
    assert!(first < last);
    assert!(wants(&since(last)) && !wants(&since(last + 1)));
    assert!(wants(&until(first)) && !wants(&until(first - 1)));
    assert!(wants(&since(first + 1)), "it is still going on");
    assert!(since(0).restricts() && until(0).restricts());
}

#[test]
fn a_time_of_day_is_on_the_capture_s_first_day_in_its_zone() {
    // START is 2026-03-01T02:14:00Z.
    let midnight = START - 2 * HOUR - 14 * 60 * SECOND;
    let of_day = |nanoseconds, offset| TimeBound::OfDay { nanoseconds, offset }.resolve(Time(START)).0;
    assert_eq!(of_day(0, 0), midnight);
    assert_eq!(of_day(5 * HOUR, 0), midnight + 5 * HOUR);
    // Two hours east it is 04:14 of the same day; 03:00 there is 01:00 UTC.
    assert_eq!(of_day(3 * HOUR, 7200), midnight + HOUR);
    // Five hours west it is 21:14 of the day before; 22:00 there is 03:00 UTC.
    assert_eq!(of_day(22 * HOUR, -5 * 3600), midnight + 3 * HOUR);
    assert_eq!(TimeBound::Absolute(Time(7)).resolve(Time(START)), Time(7));
    let limits = TimeBound::OfDay { nanoseconds: i64::MAX, offset: i32::MIN };
    assert!(limits.resolve(Time(i64::MIN)) <= limits.resolve(Time(i64::MAX)));
}

#[test]
fn a_client_connection_id_is_matched_in_any_case() {
    let id = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
    let connection = Connection::answered().with(|facts| {
        facts.tds.prelogin.as_mut().unwrap().client_connection_id = Some(Guid([
            0xFF, 0x19, 0x96, 0x6F, 0x86, 0x8B, 0x11, 0xD0, 0xB4, 0x2D, 0x00, 0xC0, 0x4F, 0xC9, 0x64, 0xFF,
        ]));
    });
    let filter = |wanted: &str| Filter { client_connection_id: Some(wanted.to_owned()), ..Filter::default() };
    assert!(filter(id).wants(&connection.facts, Time(START)));
    assert!(!filter("6F9619FF-8B86-D011-B42D-00C04FC964FE").wants(&connection.facts, Time(START)));
    assert!(!filter(id).wants(&Connection::answered().facts, Time(START)), "it sent none");
    assert!(!filter(id).wants(&Connection::syn().facts, Time(START)));
}

#[test]
fn conditions_add_up() {
    let filter = Filter { clients: vec![CLIENT], servers: vec![(other(), None)], ..Filter::default() };
    assert!(!wants(&filter));
}
