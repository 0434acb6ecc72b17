//! Where redirected clients went.

use super::analysis;
use crate::facts::{FollowedFact, Time};
use crate::rules::tests::case::*;

/// A login that is sent on to port 11003, which begins that many seconds after [`START`].
fn gateway(id: u64) -> Connection {
    Connection::numbered(id).until_session().routed("db.example", 11_003).fin(crate::facts::Side::Client)
}

/// A session of the same client at the target.
fn target(id: u64, port: u16, second: i64) -> Connection {
    Connection::numbered(id).until_session().with(move |facts| {
        facts.server.port = port;
        facts.first.time = Time(START + second * SECOND);
    })
}

fn followed(connections: impl IntoIterator<Item = Connection>) -> Option<FollowedFact> {
    let said = analysis(connections);
    let details: Vec<&str> = said
        .findings
        .iter()
        .filter(|finding| finding.slug == "redirected")
        .map(|finding| finding.detail.as_str())
        .collect();
    assert_eq!(details.len(), 1, "{details:?}");
    let gateway = said.connections.iter().find(|judged| judged.facts.tds.routing.is_some());
    match gateway {
        Some(judged) => judged.facts.tds.routing.as_ref().unwrap().followed,
        None => {
            assert_eq!(details[0].contains("does not show"), !details[0].contains("went on"));
            details[0].contains("went on").then(|| FollowedFact {
                moment: crate::facts::Moment::default(),
                server: said.findings[0].server.unwrap(),
                logged_in: details[0].contains("logged in there") && !details[0].contains("not logged"),
            })
        }
    }
}

#[test]
fn the_next_connection_to_the_port_is_the_one() {
    let order = [gateway(1), target(2, 11_003, 2)];
    assert!(followed(order.clone()).unwrap().logged_in);
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
