//! SQL Server Resolution Protocol: what is asked of the SQL Browser at UDP 1434 (MC-SQLR 2.2).

use super::Malformed;
use crate::steps::step;

/// Longest instance name, in bytes, without its NUL (MC-SQLR 2.2.3).
const INSTANCE_NAME: usize = 32;
/// Instances read of one answer.
const INSTANCES: usize = 256;
/// RESP_SIZE of the answer with the admin port: the whole datagram (MC-SQLR 2.2.6).
const DAC_ANSWER: usize = 6;

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
    /// Its length is not the one it names, or its fields are not in pairs.
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
    /// TCP port, when it listens on TCP; `None` also for text that is no port.
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

/// Reads an answer (SVR_RESP, MC-SQLR 2.2.5 and 2.2.6); `None` for bytes that are none.
#[must_use]
pub fn parse_browser_answer(payload: &[u8]) -> Option<BrowserAnswer> {
    let [5, l0, l1, body @ ..] = payload else { return None };
    let length = usize::from(u16::from_le_bytes([*l0, *l1]));
    let mut answer = BrowserAnswer::default();
    match body {
        // The admin port's answer counts its own header; no text begins with byte 1.
        [1, p0, p1, rest @ ..] => {
            answer.dac_port = Some(u16::from_le_bytes([*p0, *p1]));
            answer.note(length == DAC_ANSWER && rest.is_empty(), "length of the SQL Browser's answer");
        }
        [1, ..] => answer.note(false, "length of the SQL Browser's answer"),
        text => {
            answer.note(length == text.len(), "length of the SQL Browser's answer");
            answer.read_instances(text.get(..length).unwrap_or(text));
        }
    }
    Some(answer)
}

impl BrowserAnswer {
    fn note(&mut self, fits: bool, what: &'static str) {
        if !fits {
            self.malformed.get_or_insert(Malformed { what, at: 1 });
        }
    }

    /// Names and values alternate, each ends with ";", an instance with one more.
    fn read_instances(&mut self, text: &[u8]) {
        // Behind the last ";" stands what was cut: half a port is another port.
        let end = text.iter().rposition(|byte| *byte == b';').unwrap_or_default();
        let text = String::from_utf8_lossy(text.get(..end).unwrap_or_default());
        for described in text.split(";;").filter(|described| !described.is_empty()).take(INSTANCES) {
            step(1);
            let mut instance = Instance::default();
            let fields: Vec<&str> = described.trim_end_matches(';').split(';').collect();
            for pair in fields.chunks(2) {
                step(1);
                match pair {
                    ["ServerName", value] => instance.server = (*value).to_owned(),
                    ["InstanceName", value] => instance.name = (*value).to_owned(),
                    ["Version", value] => instance.version = (*value).to_owned(),
                    ["tcp", value] => instance.tcp_port = value.parse().ok(),
                    [_] => self.note(false, "fields of the SQL Browser's answer"),
                    _ => {}
                }
            }
            if instance != Instance::default() {
                self.instances.push(instance);
            }
        }
    }
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
    fn bytes_that_are_no_request_are_none() {
        for other in [&[1][..], &[5, 0, 0], &[2, 0], &[3, 3], &[4, 0], &[0x0F], &[0x0F, 1], &[0x0F, 2, 65, 0]]
        {
            assert_eq!(parse_browser_request(other), None, "{other:?}");
        }
        // A name of 32 bytes, without its NUL as some clients send it; one of 33 is none.
        let name = "N".repeat(INSTANCE_NAME);
        let request = [&[4], name.as_bytes()].concat();
        assert_eq!(parse_browser_request(&request), Some(BrowserRequest::Instance(name)));
        assert_eq!(parse_browser_request(&[&request[..], b"N"].concat()), None);
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
    fn cut_at_every_byte_no_half_value_is_taken() {
        let whole = answer("ServerName;SQL1;InstanceName;A;Version;16.0.1000.6;tcp;51433;;");
        let expected = parse_browser_answer(&whole).unwrap().instances.remove(0);
        for cut in 0..whole.len() {
            let Some(read) = parse_browser_answer(&whole[..cut]) else {
                assert!(cut < 3);
                continue;
            };
            assert!(read.malformed.is_some(), "cut at {cut}");
            for instance in read.instances {
                assert!(instance.server == expected.server || instance.server.is_empty(), "cut at {cut}");
                assert!(instance.version == expected.version || instance.version.is_empty(), "cut at {cut}");
                assert!(
                    instance.tcp_port == expected.tcp_port || instance.tcp_port.is_none(),
                    "cut at {cut}"
                );
            }
        }
        let dac = [5, 6, 0, 1, 0x9A, 5];
        for cut in 3..6 {
            let read = parse_browser_answer(&dac[..cut]).unwrap();
            assert!(read.malformed.is_some() && read.dac_port.is_none() && read.instances.is_empty());
        }
    }

    #[test]
    fn lengths_off_by_one_and_odd_fields_are_malformed() {
        let text = "ServerName;SQL1;InstanceName;A;tcp;51433;;";
        for delta in [1, 0xFF] {
            let mut off = answer(text);
            off[1] = off[1].wrapping_add(delta);
            let read = parse_browser_answer(&off).unwrap();
            assert!(read.malformed.is_some());
            assert_eq!(read.instances[0].tcp_port, Some(51433));
        }
        let odd = parse_browser_answer(&answer("ServerName;SQL1;InstanceName;;")).unwrap();
        assert_eq!((odd.instances[0].server.as_str(), odd.malformed.is_some()), ("SQL1", true));
        assert_eq!(
            parse_browser_answer(&answer("tcp;99999;ServerName;A;;")).unwrap().instances[0].tcp_port,
            None
        );
        assert!(parse_browser_answer(&answer(&"a;b;;".repeat(9000)[..45_000])).unwrap().instances.is_empty());
        assert_eq!(
            parse_browser_answer(&answer(&"tcp;1;;".repeat(5000))).unwrap().instances.len(),
            INSTANCES
        );
        assert_eq!(parse_browser_answer(&[4, 0, 0]), None);
    }
}
