//! Where redirected clients went.

use super::analysis_with;
use crate::analysis::Settings;
use crate::facts::{FollowedFact, Side, Time};
use crate::rules::tests::case::*;

/// A login that is sent on to port 11003, which begins that many seconds after [`START`].
fn gateway(id: u64) -> Connection {
    Connection::numbered(id).until_session().routed("db.example", 11_003).fin(Side::Client)
}

/// A session of the same client at the target.
fn target(id: u64, port: u16, second: i64) -> Connection {
    Connection::numbered(id).until_session().with(move |facts| {
        facts.server.port = port;
        facts.first.time = Time(START + second * SECOND);
    })
}

fn followed(connections: impl IntoIterator<Item = Connection>) -> Option<FollowedFact> {
    let said = analysis_with(Settings { all_connections: true, ..Settings::default() }, connections);
    let mut routed = said.connections.iter().filter_map(|judged| judged.facts.tds.routing.as_ref());
    let routing = routed.next().unwrap();
    assert!(routed.next().is_none(), "one is sent on");
    routing.followed
}

#[test]
fn the_next_connection_to_the_port_is_the_one() {
    let order = [gateway(1), target(2, 11_003, 2)];
    let there = followed(order.clone()).unwrap();
    assert!(there.logged_in && there.server.port == 11_003, "{there:?}");
    let [first, second] = order;
    assert!(followed([second, first]).unwrap().logged_in, "the order in which they end does not matter");
}

#[test]
fn what_came_before_or_much_later_or_goes_elsewhere_is_not() {
    assert_eq!(followed([target(2, 11_003, 0), gateway(1)]), None);
    assert_eq!(followed([gateway(1), target(2, 11_003, 120)]), None);
    assert_eq!(followed([gateway(1), target(2, 11_004, 2)]), None);
    assert_eq!(followed([gateway(1)]), None);
}
