//! Who the client is: what it says of itself, and what its packets look like.

use crate::facts::ConnectionFacts;
use crate::reference::{ClientSigns, driver};

/// Library, application and host from a readable login, and the driver that its packets look like. A hint, never a
/// verdict. What stands in it came off the wire and is not sanitised.
#[must_use]
pub fn client_hint(connection: &ConnectionFacts) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(login) = &connection.tds.login {
        parts.extend(login.library.clone());
        parts.extend(login.app_name.as_ref().map(|app| format!("application {app}")));
        parts.extend(login.host_name.as_ref().map(|host| format!("host {host}")));
    }
    parts.extend(looks_like(connection).map(|driver| format!("looks like {driver}")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn looks_like(connection: &ConnectionFacts) -> Option<String> {
    let hello = connection.tls.client.as_ref();
    let prelogin = connection.tds.prelogin.as_ref();
    driver(&ClientSigns {
        version: prelogin.and_then(|prelogin| prelogin.version),
        options: prelogin.map_or(&[], |prelogin| &prelogin.tokens),
        instance: prelogin.and_then(|prelogin| prelogin.instance.as_deref()),
        ja4: hello.and_then(|hello| hello.fingerprint.as_ref()).map(|fingerprint| fingerprint.ja4.as_str()),
    })
}
