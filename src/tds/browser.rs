//! SQL Server Resolution Protocol: what is asked of the SQL Browser at UDP 1434 (MC-SQLR 2.2).

use super::Malformed;

/// Longest instance name, in bytes, without its NUL (MC-SQLR 2.2.3).
const INSTANCE_NAME: usize = 32;
/// Instances read of one answer.
const INSTANCES: usize = 256;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserRequest {
    /// CLNT_BCAST_EX: every server of the network.
    Broadcast,
    /// CLNT_UCAST_EX: every instance of this server.
    Unicast,
    /// CLNT_UCAST_INST: this instance.
    Instance(String),
    /// CLNT_UCAST_DAC: the admin port of this instance.
    Dac(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrowserAnswer {
    /// The instances it describes.
    pub instances: Vec<Instance>,
    /// The admin port, when that was asked.
    pub dac_port: Option<u16>,
    /// It is shorter than it says, or not in pairs.
    pub malformed: Option<Malformed>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// ServerName.
    pub server: String,
    /// InstanceName.
    pub name: String,
    /// Version.
    pub version: String,
    /// TCP port, when it listens on TCP.
    pub tcp_port: Option<u16>,
}

/// Reads a request; `None` for bytes that are none.
#[must_use]
pub fn parse_browser_request(payload: &[u8]) -> Option<BrowserRequest> {
    match payload {
        [2] => Some(BrowserRequest::Broadcast),
        [3] => Some(BrowserRequest::Unicast),
        [4, name @ ..] => instance_name(name).map(BrowserRequest::Instance),
        [0x0F, 1, name @ ..] => instance_name(name).map(BrowserRequest::Dac),
        _ => None,
    }
}

fn instance_name(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let name = bytes.get(..end)?;
    (!name.is_empty() && name.len() <= INSTANCE_NAME).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Reads an answer; `None` for bytes that are none.
#[must_use]
pub fn parse_browser_answer(payload: &[u8]) -> Option<BrowserAnswer> {
    let [5, l0, l1, body @ ..] = payload else { return None };
    let length = usize::from(u16::from_le_bytes([*l0, *l1]));
    if let ([1, p0, p1], 6) = (body, length) {
        let dac_port = Some(u16::from_le_bytes([*p0, *p1]));
        return Some(BrowserAnswer { dac_port, ..BrowserAnswer::default() });
    }
    let mut answer = BrowserAnswer::default();
    let text = body.get(..length).unwrap_or_else(|| {
        answer.malformed = Some(Malformed { what: "SQL Browser answer shorter than it says", at: 1 });
        body
    });
    let text = String::from_utf8_lossy(text);
    // Instances end with ";;"; inside, names and values alternate.
    for described in text.split(";;").filter(|described| !described.is_empty()).take(INSTANCES) {
        let mut instance = Instance::default();
        let mut fields = described.split(';');
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            match name {
                "ServerName" => instance.server = value.to_owned(),
                "InstanceName" => instance.name = value.to_owned(),
                "Version" => instance.version = value.to_owned(),
                "tcp" => instance.tcp_port = value.parse().ok(),
                _ => {}
            }
        }
        answer.instances.push(instance);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Vec<u8> {
        [&[5][..], &u16::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn requests_are_read() {
        assert_eq!(parse_browser_request(&[2]), Some(BrowserRequest::Broadcast));
        assert_eq!(parse_browser_request(&[3]), Some(BrowserRequest::Unicast));
        assert_eq!(parse_browser_request(b"\x04INST1\0"), Some(BrowserRequest::Instance("INST1".into())));
        assert_eq!(parse_browser_request(b"\x0F\x01INST1\0"), Some(BrowserRequest::Dac("INST1".into())));
        assert_eq!(parse_browser_request(&[4]), None);
        assert_eq!(parse_browser_request(&[4; 60]), None);
        assert_eq!(parse_browser_request(&[]), None);
    }

    #[test]
    fn answers_are_read() {
        let text = "ServerName;SQL1;InstanceName;A;IsClustered;No;Version;16.0.1000.6;tcp;51433;;\
                    ServerName;SQL1;InstanceName;B;IsClustered;No;Version;15.0.2000.5;np;\\\\SQL1\\pipe;;";
        let read = parse_browser_answer(&answer(text)).unwrap();
        assert_eq!(read.instances.len(), 2);
        assert_eq!(read.instances[0].tcp_port, Some(51433));
        assert_eq!((read.instances[1].name.as_str(), read.instances[1].tcp_port), ("B", None));
        assert_eq!(parse_browser_answer(&[5, 6, 0, 1, 0x9A, 5]).unwrap().dac_port, Some(1434));
    }

    #[test]
    fn cut_at_every_byte_it_never_panics() {
        let whole = answer("ServerName;SQL1;InstanceName;A;tcp;1;;");
        for cut in 0..whole.len() {
            let read = parse_browser_answer(&whole[..cut]);
            assert_eq!(read.is_some(), cut >= 3);
            assert!(read.is_none_or(|read| read.malformed.is_some()));
        }
    }
}
